//! What Engine.IO says, and nothing of how bytes move: no actor, no socket, no clock, no randomness, no log.

pub(crate) mod connection;
pub(crate) mod endpoint;
pub(crate) mod handshake;
pub(crate) mod packet;
pub(crate) mod version;
pub(crate) mod websocket;
pub(crate) mod wire;
