//! Connects that a server, or the user, lets fail: each says why, within its limit, and leaves nothing behind.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod cancel;
mod dead;
mod redirect;
mod requests;
mod websocket;
