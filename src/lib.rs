//! An actor-based Engine.IO client for actix.

mod client;
mod error;
mod protocol;
mod transport;

pub use client::{
    Connect, Disconnect, Disconnected, EngineIoClient, EngineIoClientBuilder, Event, EventKind, EventStream,
    Flush, GetStatus, Reply, Send, State, Status, Subscribe, SubscriptionId, Unsubscribe, Wait,
};
pub use error::{
    ConnectError, DisconnectReason, FlushError, HttpStatus, ProtocolError, SendError, SendErrorKind, Stage,
    TransportError,
};
pub use protocol::{
    connection::Counters,
    data::Data,
    handshake::{ParseTransportKindError, Session, TransportKind},
};
