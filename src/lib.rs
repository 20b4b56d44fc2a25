//! An actor-based [Engine.IO] client (protocol 4, and 3 for older servers) for [actix].
//!
//! One actor, [`EngineIoClient`], owns a connection. Its address is the handle: any actor, any thread and any async
//! block uses the connection by sending it messages, and learns what happens by subscribing to its [events](Event).
//!
//! [Engine.IO]: https://socket.io/docs/v4/engine-io-protocol/
//! [actix]: https://docs.rs/actix
//!
//! ```sh
//! cargo add actix actix-engineio
//! ```
//!
//! Until the first release, use `--path`, as the README says.
//!
//! ```no_run
//! use actix_engineio::{self as engineio, Connect, EngineIoClient, Wait, subscriber};
//!
//! #[actix::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let printer = subscriber(|event| println!("{event:?}"));
//!     let client = EngineIoClient::builder().subscribe(printer).handle_signals(true).start();
//!     client.send(Connect::new("http://localhost:5000")).await??;
//!     client.send(engineio::Send::text("hello")).await??;
//!     client.send(Wait).await?; // until Ctrl-C, or the end of the session
//!     Ok(())
//! }
//! ```
//!
//! # What it can do
//!
//! - **Connect** over HTTP long-polling or WebSocket, and [upgrade](Event::Upgraded) from polling to WebSocket without losing
//!   or reordering a message: [`Connect`], [`transports`](EngineIoClientBuilder::transports). Older servers:
//!   [`protocol`](EngineIoClientBuilder::protocol).
//! - **Send** text, bytes and JSON: [`Send`], [`SendAll`]. Wait until everything is sent, or until the other end has read it:
//!   [`Flush`], [`Confirm`].
//! - **Lose no message silently**: what was not sent comes back, in [`Disconnected`] or as [`Event::Rejected`], or is sent in the
//!   next session: [`keep_unsent`](EngineIoClientBuilder::keep_unsent). With
//!   [`confirm_sends`](EngineIoClientBuilder::confirm_sends), a message that was written to a WebSocket comes back, too, unless
//!   the other end has confirmed it.
//! - **Back-pressure** in both directions: see [flow control](#flow-control).
//! - **Reconnect** by a [policy](Reconnect), with a [hook](EngineIoClientBuilder::before_connect) that fetches a fresh token.
//! - **Limit** each wait for the network and each buffer: [time and memory](EngineIoClientBuilder#limits).
//! - **Compress** what goes over a WebSocket: [`compression`](EngineIoClientBuilder::compression).
//! - **Notice lost connections** early: [`websocket_ping`](EngineIoClientBuilder::websocket_ping).
//! - **Headers and cookies**: [`header`](EngineIoClientBuilder::header),
//!   [`cookie_store`](EngineIoClientBuilder::cookie_store). **TLS** with your own authorities and client certificates:
//!   [options](EngineIoClientBuilder#tls). **Proxies**, unix sockets, your own resolver or connector:
//!   [connections](EngineIoClientBuilder#how-connections-are-made).
//! - **Show what happens**: [`Status`], [`Metrics`], [`StateWatch`], and the [log](#logging). Each operation has an
//!   [error](#errors) of its own.
//! - **Subscribe** actors, closures and streams: [`Subscribe`], [`subscriber`], [`EventStream`].
//! - **Run tasks** that end with their session, and **stop** gracefully: [`Spawn`],
//!   [`handle_signals`](EngineIoClientBuilder::handle_signals).
//! - **Carry other protocols**, such as Socket.IO: [building on top](guide::building_on_top).
//!
//! # With an actor
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
//!             Event::Connected(session) => println!("connected over {}", session.transport),
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
//! - In `.await??` the first `?` is for the mailbox, which is closed after the client has stopped. The second is for
//!   the error of the operation.
//! - The program ends with [`Disconnect`], because messages that were accepted may still be waiting in the send queue.
//!   When `main` returns without a `Disconnect` or a [`Flush`], they can be lost.
//! - Code that is not an actor reads an [`EventStream`] instead.
//! - Do not import [`Send`] by name, because it would shadow [`std::marker::Send`].
//!
//! The [`guide`] has longer pages: [in a production service](guide::in_a_production_service),
//! [testing your own code](guide::testing_your_own_code), [building on top](guide::building_on_top),
//! [coming from python-engineio](guide::coming_from_python_engineio),
//! [coming from engine.io-client](guide::coming_from_engine_io_client), and
//! [what happens when something fails](guide::what_happens_when).
//!
//! The [examples] are programs to start from: `service`, an actix-web service as it runs in production; `gateway`, an
//! actix-web service between browsers and a server; `socketio`, a client for Socket.IO; `supervised`, an actor that owns a
//! client and can be restarted; `stream`, which has no actor of its own; `scoped`, which disconnects even if the work fails;
//! `background_task`, a heartbeat of the application; `reconnect`; and `console`, which talks to any server by hand.
//!
//! [examples]: https://github.com/actix-engineio/actix-engineio/tree/main/examples
//!
//! # How it works
//!
//! ```text
//!               Connect, Send, ..                      packets
//!   your actors ──────────────────►  EngineIoClient  ──────────►  transport
//!               ◄──────────────────  (one session)   ◄──────────  (child actor)
//!                     Event                           packets
//! ```
//!
//! The client decides: it owns the session, its heartbeat, its send queue and the upgrade. A transport only moves
//! packets. Over HTTP long-polling it sends a GET, which the server answers when it has packets, and a POST for each
//! batch of messages. Over WebSocket it has one connection. During an upgrade there are two transports, until the
//! session has moved from polling to WebSocket.
//!
//! The words of Engine.IO, for those who have not met them:
//!
//! - *Packet*: what both sides send, such as a message, a ping or a pong. A *batch* is a number of packets that this client
//!   writes together.
//! - *Handshake*: the first GET, or the opening of the WebSocket. The server answers it with the *open packet*: the id of the
//!   session (*sid*), the intervals of its heartbeat, and perhaps `maxPayload`, the largest POST or message that it accepts.
//!   Whoever knows the sid can act as this client.
//! - *Heartbeat*: the server sends a ping in each `ping_interval`, and the client answers with a pong. (In protocol 3 the
//!   client pings.)
//! - *Poll*: a GET that the server answers when it has packets.
//! - *Upgrade*: the client opens a WebSocket beside polling, sends a *probe* through it, and after the answer ends polling and
//!   moves the session with the *upgrade packet*.
//!
//! The *reply* of a message is what the future of `Addr::send` returns.
//!
//! A client has one session at a time, and any number of sessions one after another. [`EngineIoClient`] says how long
//! it lives.
//!
//! # Messages and events
//!
//! | message | what it does | when it replies |
//! |---|---|---|
//! | [`Connect`] | opens a session | after it was opened, with the [`Session`]; or with a [`ConnectError`] |
//! | [`Send`] | sends one message | after the message was accepted; or with a [`SendError`] |
//! | [`SendAll`] | sends several messages as one | after all were accepted; or with a [`SendAllError`] |
//! | [`Flush`] | waits until every accepted message was sent | after the last one was written to the WebSocket, or its POST was answered; or with a [`FlushError`] |
//! | [`Confirm`] | asks whether every accepted message was read | after the other end has read the last one; or with a [`ConfirmError`] |
//! | [`Disconnect`] | ends the connection, gracefully or at once | after everything is closed |
//! | [`Wait`] | waits for the end of the connection | when no further session follows, with the [`DisconnectReason`] |
//! | [`Subscribe`] | adds a subscriber, for all or some kinds of events | at once, with a [`SubscriptionId`] |
//! | [`Unsubscribe`] | removes a subscriber | at once; says whether there was one |
//! | [`Spawn`] | starts work that ends with the session | at once, with a [`TaskHandle`]; or with [`NotConnected`] |
//! | [`GetStatus`] | asks for the [`Status`]: state, session, queue, counters | at once |
//! | [`WatchState`] | asks for a [`StateWatch`], which shows the state from then on | at once |
//!
//! The [events](Event) come in this order:
//!
//! ```text
//!   Connected
//!       ( Message | Upgraded | UpgradeFailed | Rejected | RejectedAll )*
//!   Disconnected
//!       Reconnecting*, then Connected or ReconnectFailed, if a reconnect policy goes on
//! ```
//!
//! - [`Connected`](Event::Connected) is sent once per session, as its first event, and
//!   [`Disconnected`](Event::Disconnected) once, as its last. The error of a [`Connect`] is in its reply and no event. With
//!   [`on_initial_connect`](Reconnect::on_initial_connect), an error that is retried is instead the cause of a
//!   [`Reconnecting`](Event::Reconnecting). An error that is not retried, such as the status 404, is in the reply. It is also in
//!   [`ReconnectFailed`](Event::ReconnectFailed) if a `Reconnecting` came before.
//! - [`Message`](Event::Message)s come in the order in which the server sent them, also across an upgrade.
//! - [`Upgraded`](Event::Upgraded) or [`UpgradeFailed`](Event::UpgradeFailed) comes after the client has tried an upgrade,
//!   unless the session ended first. After a failed upgrade the session goes on over polling.
//! - [`Rejected`](Event::Rejected) returns a message that will not be sent, if no awaited reply can say so: mostly one of a
//!   `do_send`. It can also come without a session. [`RejectedAll`](Event::RejectedAll) returns the messages of a [`SendAll`].
//! - [`Reconnecting`](Event::Reconnecting) and [`ReconnectFailed`](Event::ReconnectFailed) come between sessions, and with
//!   [`on_initial_connect`](Reconnect::on_initial_connect) also before the first one, if the client has a [`Reconnect`]
//!   policy. Neither comes after a [`Disconnect`] of an open session, nor after a lost session for which
//!   [`on_server_close`](Reconnect::on_server_close) or [`retry_if`](Reconnect::retry_if) forbids another attempt. [`Wait`]
//!   replies in every case.
//!
//! # Errors
//!
//! Each operation has an error of its own: [`ConnectError`], [`SendError`], [`SendAllError`], [`FlushError`] and
//! [`ConfirmError`]. [`SendError`] and [`SendAllError`] contain the messages that were not sent. A session ends with a
//! [`DisconnectReason`], and [`Disconnected`] lists the messages that were not sent. All of them can be cloned, compared and
//! sent to other threads.
//!
//! `Display` says everything about an error on one line. `get_ref` of [`ConnectError`](ConnectError::get_ref),
//! [`DisconnectReason`](DisconnectReason::get_ref) and [`TransportError`](TransportError::get_ref) gives the error that
//! caused it, for downcasting: a [`std::io::Error`], an error of rustls, or one of the application's own.
//!
//! [`ConnectError::is_retryable`] says whether it makes sense to repeat a first connect. Once the latest `Connect` of the
//! application has led to a session, a [`Reconnect`] policy goes on after every error except wrong options and missing
//! features. The page [`what_happens_when`](guide::what_happens_when) lists each failure and where it shows.
//!
//! # Flow control
//!
//! - Sending: the reply of a [`Send`] waits while more than [`send_queue`](EngineIoClientBuilder::send_queue) bytes are
//!   waiting to be written. A sender that awaits its replies is slowed down to the pace of the server. `do_send` does
//!   not wait.
//! - Receiving: when a subscriber falls more than [`receive_buffer`](EngineIoClientBuilder::receive_buffer) bytes behind, the
//!   client stops reading until it catches up, and the network slows the server down. If no subscriber handles an event for
//!   [`stall_timeout`](EngineIoClientBuilder::stall_timeout) while the client does not read, the session ends. [`Event`] says
//!   when an event counts as handled.
//!
//! # What has arrived
//!
//! That a message was accepted, or even sent, does not mean that it has arrived:
//!
//! | a message is | which means | if the session ends now, it is in |
//! |---|---|---|
//! | waiting | its [`Send`] has no reply yet: the send queue is full, or a [`Connect`] is in progress | the error of the reply; with [`keep_unsent`](EngineIoClientBuilder::keep_unsent) the reply waits for the next session |
//! | accepted | it is in the send queue: the `Send` has replied `Ok`, or a `do_send` was handled | [`unsent`](Disconnected::unsent), or the next session: [`keep_unsent`](EngineIoClientBuilder::keep_unsent) |
//! | being written | a part of its frame or of its POST is perhaps on its way; over polling, until the POST is answered | [`in_doubt`](Disconnected::in_doubt); if the server cannot have all of it, the same as an accepted one |
//! | sent | its frame is written to the WebSocket; over polling, its POST was answered with 2xx. [`Flush`] waits for this | nowhere; over WebSocket in `in_doubt` with [`confirm_sends`](EngineIoClientBuilder::confirm_sends) |
//! | confirmed | the other end of the connection has read it. [`Confirm`] waits for this | nowhere |
//!
//! Over polling the server answers each POST, so there a sent message is also confirmed. Over WebSocket the protocol has no
//! acknowledgement of messages, but WebSocket pings show what the other end has read: [`Confirm`] asks once, and with
//! [`confirm_sends`](EngineIoClientBuilder::confirm_sends) the client retains what is not confirmed. With
//! [`websocket_ping`](EngineIoClientBuilder::websocket_ping) a half-open connection, which was lost without a FIN or a reset,
//! is noticed early.
//!
//! # Reconnecting
//!
//! By default a client does not connect again. With a policy, such as `.reconnect(Reconnect::exponential())` of the
//! [builder](EngineIoClientBuilder::reconnect), it opens another session after it lost one. The delays of
//! [`Reconnect::exponential`] are random, and their upper bound grows from attempt to attempt. The hook
//! [`before_connect`](EngineIoClientBuilder::before_connect) runs before each attempt. By default the messages of a lost
//! session come back with its [`Disconnected`]. With [`keep_unsent`](EngineIoClientBuilder::keep_unsent) those that were
//! certainly not sent are sent first on the next session. Messages in doubt are not carried over. If the application sends
//! them again, the server may get them twice. To detect that, number the messages, or let the application of the server
//! acknowledge them.
//!
//! # Connections and TLS
//!
//! The [builder](EngineIoClientBuilder) has the options: limits of time and size, headers, cookies, the way to the
//! server (direct, through a proxy, a unix socket, or a connector of the application), and TLS.
//!
//! The `Connector` of [awc] opens every connection. It can be configured, for example to do TLS with OpenSSL:
//! [`awc_connector`](EngineIoClientBuilder::awc_connector).
//!
//! `https` and `wss` use [rustls]. It uses the cryptography provider that the application has installed for its
//! process, or ring if there is none. This crate installs none, with one [exception](EngineIoClientBuilder#tls).
//!
//! | feature | default | effect |
//! |---|---|---|
//! | `rustls-webpki-roots` | yes | TLS that trusts the certificate authorities that Mozilla trusts |
//! | `rustls-native-roots` | | TLS that trusts the certificate authorities that the system trusts |
//! | `rustls` | | TLS that trusts only what the builder is given |
//! | `socks` | yes | SOCKS5 proxies |
//! | `testing` | | `testing`, a server for the tests of programs that use this crate |
//!
//! Without any of the first three, a connect to an `https` or `wss` URL fails with an error that names the feature.
//!
//! [awc]: https://docs.rs/awc/3
//! [rustls]: https://docs.rs/rustls/0.23
//!
//! # Where it runs
//!
//! A client runs in an actix system or in another tokio `LocalSet`: [`start`](EngineIoClientBuilder::start) starts it
//! on the current arbiter, [`start_in_arbiter`](EngineIoClientBuilder::start_in_arbiter) on another one. Its `Addr` and
//! its `EventStream`s can be used on any thread and in any runtime.
//!
//! # Logging
//!
//! The crate logs with [log], to two targets. With `env_logger`, `RUST_LOG=actix_engineio=info` shows what an operator needs.
//!
//! | target | level | what |
//! |---|---|---|
//! | `actix_engineio::client` | `warn` | a lost session; a failed attempt of the reconnect policy; the end of the policy, if the application did not cause it |
//! | | `warn` | a failed `Connect` whose reply nobody awaits |
//! | | `warn` | a subscriber that stops the client from reading for two seconds (at most once a minute for each), or makes the next attempt wait for `stall_timeout` |
//! | | `warn` | messages that came back and that no subscriber takes (at most once a minute); a client that was stopped before it had sent everything |
//! | | `warn` | what is probably a mistake in the setup: the path of a URL is not used, a server does not answer WebSocket pings, a signal cannot be handled, a heartbeat is longer than a day, a function of a [`Subscribe::mapped`] panics |
//! | | `info` | a connect; an upgrade; a disconnect, or the end of the reconnects, by the application; a signal that is handled |
//! | | `debug` | a failed upgrade; a failed `Connect` whose reply is awaited |
//! | `actix_engineio::transport` | `warn` | certificates are not verified (`ssl_verify`); certificates, proxies and cookies that cannot be used; ring was installed as the provider of cryptography |
//! | | `debug` | the type and the size of each packet; what happens to connections |
//! | | `trace` | the requests, and the start of each message |
//!
//! These are never logged, and never part of an error: the sid, cookies, the values of headers, the user name and the
//! password of a URL, and the values of its query. Errors do contain what a server says in an error response.
//!
//! [log]: https://docs.rs/log/0.4
//!
//! # Limits
//!
//! - Only the protocols 4 and 3. Socket.IO servers speak protocol 4 from version 3 on, python-engineio from version 4 on.
//!   Protocol 3 needs the option [`protocol`](EngineIoClientBuilder::protocol).
//! - Of the extensions of WebSocket only the compression of messages, if the application
//!   [asks for it](EngineIoClientBuilder::compression). HTTP responses may be compressed with gzip or deflate.
//! - The protocol has no acknowledgement of messages. [`Confirm`] says whether the other end of a WebSocket has read them,
//!   and not whether the application there has handled them.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
#[cfg(feature = "__codecs")]
#[doc(hidden)]
pub mod codecs;
mod data;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod guide;
mod protocol;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod transport;

pub use {awc, bytes, bytestring, cookie_store};

pub use client::{
    Attempt, BackPressure, Confirm, Connect, Disconnect, Disconnected, EngineIoClient, EngineIoClientBuilder,
    Event, EventKind, EventStream, Events, Flush, GetStatus, Metrics, MetricsSnapshot, NotConnected,
    Reconnect, ReconnectCause, Reconnecting, Reply, Send, SendAll, Spawn, State, StateWatch, Status,
    Subscribe, SubscriptionId, TaskError, TaskHandle, Unsubscribe, Wait, WatchState, subscriber,
};
pub use data::Data;
pub use error::{
    Cause, ConfirmError, ConnectError, DisconnectReason, FlushError, HttpStatus, ProtocolError, SendAllError,
    SendError, SendErrorKind, Stage, TransportError,
};
pub use protocol::{
    connection::{Counters, WebSocketPing},
    endpoint::Destination,
    handshake::{ParseTransportKindError, Session, TransportKind},
    version::{Protocol, ProtocolVersion},
    websocket::{AgreedCompression, Compression},
};
#[cfg(feature = "rustls")]
#[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
pub use rustls;
pub use transport::network::{Dialed, Dialer};

/// The README's code is compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
