//! An actor-based Engine.IO client for actix.

mod error;
mod protocol;

pub use error::{
    ConnectError, DisconnectReason, FlushError, HttpStatus, ProtocolError, SendError, SendErrorKind, Stage,
    TransportError,
};
pub use protocol::packet::Data;
