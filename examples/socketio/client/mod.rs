//! A client for Socket.IO 5, the protocol of the servers socket.io 3 and 4, python-socketio 5 and socketioxide.
//!
//! It is built on the public API of actix-engineio. To use it, copy this folder. [`Namespaces`](namespaces::Namespaces)
//! decides what happens, with the codec in `packet` and `decoder`; the actor [`SocketIo`] carries it out. There is no
//! queue for events between two sessions: an [`Emit`] then fails, and the application decides.

mod actor;
mod decoder;
mod message;
pub(crate) mod namespaces;
mod packet;

/// The pure part, for programs that speak the protocol in another way.
pub(crate) mod codec {
    #[allow(unused_imports, reason = "a program uses a part of a client")]
    pub(crate) use super::{
        decoder::{DecodeError, Decoder, Limits},
        packet::{Body, Packet},
    };
}

#[allow(unused_imports, reason = "a program uses a part of a client")]
pub(crate) use self::{
    actor::SocketIo,
    message::{
        Acknowledge, Ask, AskError, Close, Emit, EmitError, FromServer, Join, Joined, Leave, Occurred,
    },
    namespaces::{JoinError, LeaveReason},
    packet::Args,
};
