//! HTTP/1.1 on connections of our own.
//!
//! A pool of connections would hide what matters here: whether a body ended or was cut, whether a request had
//! left, what a refused handshake said. So a [`Http1Connection`] is one connection that carries one exchange after
//! another, and [`HttpClient`](super::http_client::HttpClient) keeps one connection to one origin. Nothing here has a time limit, save the words of a refusal:
//! [`Progress`](super::Progress) tells whoever sets the limits how far things are.

mod body;
mod codec_config;
mod connection;
mod message;

pub(crate) use self::{
    codec_config::CodecConfig,
    connection::{Http1Connection, Upgraded},
    message::{Request, Response},
};
