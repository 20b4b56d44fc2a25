//! A server for the tests of programs that use this crate.
//!
//! A [`TestServer`] speaks Engine.IO for real, over polling, over WebSocket and with the upgrade in between. A test drives
//! the other end of each session with a [`Peer`], and makes the server misbehave: refuse, hang, answer slowly, vanish, stop
//! and restart. Every wait has a limit, and a failure says what was awaited and what the client has sent.
//!
//! The server needs the feature `testing`, which tests enable:
//!
//! ```toml
//! [dev-dependencies]
//! actix-engineio = { version = "0.1", features = ["testing"] }
//! ```
//!
//! A client that lost its server, and what it sends when the server has come back:
//!
//! ```
//! use std::time::Duration;
//!
//! use actix_engineio::{
//!     self as engineio, Connect, Data, EngineIoClient, Event, EventStream, Reconnect, testing::TestServer,
//! };
//! use futures_util::StreamExt as _;
//!
//! #[actix::main] // In a test: #[actix::test].
//! async fn main() {
//!     let server = TestServer::start();
//!     let policy = Reconnect::constant(Duration::from_millis(10));
//!     let client = EngineIoClient::builder().reconnect(policy).keep_unsent(true).start();
//!     let mut events = EventStream::subscribe(&client).await.unwrap();
//!     client.send(Connect::new(server.url())).await.unwrap().unwrap();
//!     let first = server.accept().await;
//!
//!     server.stop();
//!     while !matches!(events.next().await, Some(Event::Disconnected(_))) {}
//!     client.send(engineio::Send::text("while there was no server")).await.unwrap().unwrap();
//!
//!     server.restart();
//!     let mut second = server.accept().await;
//!     assert_ne!(first.sid(), second.sid());
//!     assert_eq!(second.receive().await, Data::from("while there was no server"));
//! }
//! ```
//!
//! The page [`testing_your_own_code`](crate::guide::testing_your_own_code) has more, also for tests without any server.
//!
//! The server and its peers belong to the arbiter on which the server was started. They may be used on other threads.

mod connection;
mod failure;
mod heartbeat;
mod listener;
mod peer;
mod request;
mod response;
mod server;
mod session;
mod settings;
mod state;
mod stream;
mod wait;
mod websocket;

pub use self::{
    peer::Peer, request::Request, response::Refusal, server::TestServer, session::SessionEnd,
    settings::TestServerBuilder, stream::MemoryStream,
};
