//! An actor-based [Engine.IO] client (protocol 4) for [actix].
//!
//! One actor, [`EngineIoClient`], owns a connection. Its address is the handle: any actor, any thread, any async block
//! talks to the connection by sending it messages, and is told what happens by subscribing to its [events](Event).
//!
//! [Engine.IO]: https://socket.io/docs/v4/engine-io-protocol/
//!
//! ```no_run
//! use actix::prelude::*;
//! use actix_engineio::{self as engineio, Connect, Data, Disconnect, EngineIoClient, Event};
//!
//! struct Printer;
//!
//! impl Actor for Printer {
//!     type Context = Context<Self>;
//! }
//!
//! impl Handler<Event> for Printer {
//!     type Result = ();
//!
//!     fn handle(&mut self, event: Event, _: &mut Self::Context) {
//!         match event {
//!             Event::Connected(session) => println!("connected, sid {}", session.sid),
//!             Event::Message(Data::Text(text)) => println!("{text}"),
//!             Event::Message(Data::Binary(bytes)) => println!("{} bytes", bytes.len()),
//!             Event::Disconnected(end) => println!("disconnected: {}", end.reason),
//!             _ => {}
//!         }
//!     }
//! }
//!
//! #[actix::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = EngineIoClient::builder().subscribe(Printer.start().recipient()).start();
//!
//!     client.send(Connect::new("http://localhost:5000")).await??;
//!     client.send(engineio::Send::text("hello")).await??;
//!     client.send(Disconnect::new()).await?;
//!     Ok(())
//! }
//! ```
//!
//! In `.await??` the first `?` is for the mailbox (the client has stopped), the second for the operation's own error. Code
//! without an actor reads an [`EventStream`] instead. Do not import [`Send`] by name: it would shadow
//! [`std::marker::Send`].
//!
//! The [`guide`] has what does not fit here: [coming from python-engineio](guide::coming_from_python_engineio),
//! [coming from engine.io-client](guide::coming_from_engine_io_client),
//! [what happens when something fails](guide::what_happens_when), [testing your own code](guide::testing_your_own_code).
//!
//! Programs to start from are among the examples beside the source: `gateway`, an actix-web service between browsers and a
//! server; `stream`, which does without an actor; `scoped`, which disconnects however the work ends; `background_task`,
//! a heartbeat of the application's own; `reconnect`; and `console`, to talk to any server by hand.
//!
//! # How it is made
//!
//! ```text
//!               Connect, Send, ..                      packets
//!   your actors ──────────────────►  EngineIoClient  ──────────►  transport
//!               ◄──────────────────  (one session)   ◄──────────  (child actor)
//!                     Event                           packets
//! ```
//!
//! The client decides: it owns the session, its heartbeat, its queue and the upgrade. A transport only moves packets:
//! over HTTP long-polling, a GET that the server answers when it has something to say and a POST for each batch, or
//! over one WebSocket. During an upgrade there are two, until the session has moved from polling to WebSocket.
//!
//! A client has one session at a time, and any number one after another. It lives while it has addresses, or a
//! connection with somebody listening; see [`EngineIoClient`].
//!
//! # Messages and events
//!
//! | message | asks for | its reply comes |
//! |---|---|---|
//! | [`Connect`] | a session | with the [`Session`], or a [`ConnectError`] |
//! | [`Send`] | one message to be sent | once it is accepted, or with a [`SendError`] |
//! | [`Flush`] | certainty that everything accepted has left | once it has |
//! | [`Disconnect`] | the end of the connection, gracefully or at once | once it is closed |
//! | [`Wait`] | news of the end | once the connection has ended for good: why |
//! | [`Subscribe`] | events, all or some kinds | at once: a [`SubscriptionId`] |
//! | [`Unsubscribe`] | no more of them | at once: whether there was such a subscriber |
//! | [`Spawn`] | work that ends with the session | at once: a [`TaskHandle`] |
//! | [`GetStatus`] | the [`Status`]: state, session, queue, counters | at once |
//!
//! The [events](Event) come in this order:
//!
//! ```text
//!   Connected
//!       ( Message | Upgraded | UpgradeFailed | Rejected )*
//!   Disconnected
//!       Reconnecting*  and then Connected or ReconnectFailed, of a client that connects again by itself
//! ```
//!
//! - [`Connected`](Event::Connected) comes once a session and first, [`Disconnected`](Event::Disconnected) once and last.
//!   A [`Connect`] that fails shows in its reply alone, unless [`on_initial_connect`](Reconnect::on_initial_connect) is
//!   set: then [`Reconnecting`](Event::Reconnecting) precedes each further attempt, and
//!   [`ReconnectFailed`](Event::ReconnectFailed) follows the last.
//! - [`Message`](Event::Message)s come in the order in which the server sent them, across an upgrade too.
//! - [`Upgraded`](Event::Upgraded) or [`UpgradeFailed`](Event::UpgradeFailed) comes if an upgrade is tried and the session
//!   lives to see its end. After a failed one the session goes on over polling.
//! - [`Rejected`](Event::Rejected) returns a message whose reply nobody awaits and that could not be accepted; it also
//!   comes while there is no session.
//! - [`Reconnecting`](Event::Reconnecting) and [`ReconnectFailed`](Event::ReconnectFailed) come while there is no session,
//!   from a client with a [`Reconnect`] policy.
//!
//! # Errors
//!
//! Each operation has its own: [`ConnectError`], [`SendError`], which gives the message back, and [`FlushError`]. A session
//! ends with a [`DisconnectReason`], and [`Disconnected`] lists the messages that did not leave. All of them can be
//! cloned, compared and sent to other threads.
//!
//! [`ConnectError::is_retryable`] says whether trying again can help. Each failure, and where it shows, is on the page
//! [`what_happens_when`](guide::what_happens_when).
//!
//! # Flow control
//!
//! - Sending: the reply of a [`Send`] waits while more than
//!   [`send_queue`](EngineIoClientBuilder::send_queue) bytes are queued. A sender that awaits it is slowed down to the
//!   server's pace; `do_send` is not held back.
//! - Receiving: while a subscriber has not handled more than
//!   [`receive_buffer`](EngineIoClientBuilder::receive_buffer) bytes of events, no more is read, and the network slows
//!   the server down. If no event is handled for [`stall_timeout`](EngineIoClientBuilder::stall_timeout), the session
//!   ends. What counts as handled is told at [`Event`].
//!
//! # Reconnecting
//!
//! With [`reconnect`](EngineIoClientBuilder::reconnect) a lost session is followed by another, after a delay that grows
//! and is random. [`before_connect`](EngineIoClientBuilder::before_connect) runs before each attempt. By default the
//! messages of a lost session come back with its [`Disconnected`]; with
//! [`keep_unsent`](EngineIoClientBuilder::keep_unsent) those that cannot have left go out first on the next session.
//!
//! # Connections and TLS
//!
//! The [builder](EngineIoClientBuilder) has the options: limits of time and size, headers, cookies, how the server is reached
//! (straight, through a proxy, a unix socket, a connector of the application's own), and TLS.
//!
//! TLS is by [rustls](https://docs.rs/rustls), for `https` and `wss`. It uses the provider of cryptography that the
//! application has installed for its process, and ring if there is none; it installs none itself.
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `rustls-webpki-roots` | yes | TLS that trusts the authorities Mozilla trusts |
//! | `rustls-native-roots` | | TLS that trusts the authorities the system trusts |
//! | `rustls` | | TLS that trusts what the builder is given, and nothing else |
//! | `socks` | yes | SOCKS5 proxies |
//!
//! Without any of the first three, `https` and `wss` fail with an error that says so.
//!
//! # Where it runs
//!
//! In an actix system, or another tokio `LocalSet`: [`start`](EngineIoClientBuilder::start) on the current arbiter,
//! [`start_in_arbiter`](EngineIoClientBuilder::start_in_arbiter) on another. Its `Addr` and the `EventStream` may be used
//! from any thread and any runtime.
//!
//! # Logging
//!
//! By [`log`]. `actix_engineio::client` tells of connects, upgrades, reconnects and ends, and warns of what nobody would hear
//! otherwise; `actix_engineio::transport` tells of the packets both ways, at `debug` by type and size, at `trace` with the
//! start of each message and with the requests. Never logged, nor part of an error: the sid, cookies, the values of headers,
//! the URL's user information and the values of its query. Errors do show the words of a server that refuses.
//!
//! # Limits
//!
//! - Protocol 4 only, as Socket.IO servers from version 3 and python-engineio from version 4 speak it. A server of
//!   protocol 3 is told apart over polling: [`ConnectError::UnsupportedProtocol`].
//! - WebSocket without extensions, so without compression. HTTP bodies may be compressed with gzip or deflate.
//! - The protocol has no acknowledgement: a message that was written to a WebSocket is not known to have arrived.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
#[cfg(feature = "__codecs")]
#[doc(hidden)]
pub mod codecs;
mod data;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod guide;
mod protocol;
mod transport;

pub use {bytes, bytestring, cookie_store};

pub use client::{
    Connect, Disconnect, Disconnected, EngineIoClient, EngineIoClientBuilder, Event, EventKind, EventStream,
    Flush, GetStatus, NotConnected, Reconnect, Reply, Send, Spawn, State, Status, Subscribe, SubscriptionId,
    TaskError, TaskHandle, Unsubscribe, Wait,
};
pub use data::Data;
pub use error::{
    Cause, ConnectError, DisconnectReason, FlushError, HttpStatus, ProtocolError, SendError, SendErrorKind,
    Stage, TransportError,
};
pub use protocol::{
    connection::Counters,
    endpoint::Destination,
    handshake::{ParseTransportKindError, Session, TransportKind},
};
#[cfg(feature = "rustls")]
#[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
pub use rustls;

/// The README's code is compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
