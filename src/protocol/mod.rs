//! What Engine.IO says, and nothing of how bytes move: no actor, no socket, no clock, no randomness, no log.

pub(crate) mod packet;
