//! HTTP/1.1 on connections of our own.
//!
//! A pool of connections would hide facts that a session needs: whether a body was complete or cut, whether a request was
//! sent, what the response to a refused handshake said. So an [`Http1Connection`] is one connection that carries one
//! exchange after another. The [`HttpClient`](super::http_client::HttpClient) above keeps one connection to one origin.
//!
//! Nothing here has a time limit, except the body of an error response. [`Progress`](super::Progress) shows those who set
//! limits how far a request has come.

mod body;
mod codec_config;
mod coding;
mod connection;
mod forwarding;
mod head;
mod learned;
mod message;
mod reuse;

#[cfg(test)]
pub(super) use self::coding::tests::compress;
pub(crate) use self::{
    codec_config::CodecConfig,
    connection::{Http1Connection, UpgradeResponse},
    forwarding::Forwarding,
    learned::{Lane, LearnedLimit},
    message::{Request, Response, USER_AGENT},
    reuse::{Loss, Promise, Repeat},
};
