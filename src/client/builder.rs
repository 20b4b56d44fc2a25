//! The options of a client.

mod compression;
mod limits;
mod network;
mod request;
mod session;

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use actix::{Actor, Addr};
use actix_rt::ArbiterHandle;

use super::{
    EngineIoClient, Subscribe, attempts, monitor::Metrics, reconnect::Reconnect, signals::HandledSignals,
    transports::StartTransport,
};
use crate::{
    error::ConnectError,
    protocol::connection::Limits,
    transport::{self, network::Network},
};

/// The network options of most clients: builders share them, and an option that changes them makes a copy.
static PLAIN_NETWORK: LazyLock<Arc<Network>> = LazyLock::new(Arc::default);

/// The options of a client, for all its sessions.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) limits: Limits,
    /// Longest time from the start of an attempt, with its hook, to the open packet.
    pub(super) connect_timeout: Duration,
    /// Bytes of events that a subscriber may not have handled before the client stops reading.
    pub(super) receive_buffer: usize,
    pub(super) attempts: attempts::Options,
    /// Cookies are stored and sent. The client makes a store if the options of the transports have none.
    pub(super) cookies: bool,
    pub(super) start_transport: StartTransport,
    pub(super) reconnect: Option<Reconnect>,
    pub(super) keep_unsent: bool,
    pub(super) signals: HandledSignals,
    pub(super) subscribers: Vec<Subscribe>,
    pub(super) metrics: Option<Metrics>,
}

/// Configures and starts an [`EngineIoClient`].
///
/// An option that cannot be used, such as an invalid header or proxy, is not reported by its method. The builder keeps
/// the first such error, and every [`Connect`](crate::Connect) fails with it.
///
/// A clone of a builder starts further clients with the same options, the same subscribers and the same [`Metrics`]. Each has
/// its own connection and, unless [`cookie_store`](Self::cookie_store) is set, its own cookies. An event does not say which
/// client it is from. To know it, give each clone its own [`Subscribe::mapped`], after cloning.
///
/// ```no_run
/// use std::time::Duration;
///
/// use actix_engineio::EngineIoClient;
///
/// # async fn run() {
/// let client = EngineIoClient::builder()
///     .request_timeout(Duration::from_secs(10))
///     .max_message_size(4 << 20)
///     .header("authorization", "Bearer ...")
///     .start();
/// # }
/// ```
///
/// # All options
///
/// | option | default | what it is for |
/// |---|---|---|
/// | **Limits of time** | | |
/// | [`connect_timeout`](Self::connect_timeout) | 20 s | one attempt to connect, with its hook and every transport |
/// | [`request_timeout`](Self::request_timeout) | 5 s | one request, and the wait for a `Confirm` |
/// | [`upgrade_timeout`](Self::upgrade_timeout) | 10 s | an upgrade to WebSocket |
/// | [`close_timeout`](Self::close_timeout) | 5 s | a graceful `Disconnect` |
/// | [`stall_timeout`](Self::stall_timeout) | `ping_interval + ping_timeout`, 5 s to 60 s | how long subscribers may handle nothing |
/// | [`websocket_ping`](Self::websocket_ping) | off | pings that notice a lost connection early |
/// | **Limits of memory** | | |
/// | [`send_queue`](Self::send_queue) | 1 MiB | messages that wait to be sent |
/// | [`receive_buffer`](Self::receive_buffer) | 1 MiB | events that a subscriber has not handled |
/// | [`max_message_size`](Self::max_message_size) | 64 MiB | one message of the server |
/// | [`max_packets_per_post`](Self::max_packets_per_post) | 16, until the server shows that it accepts more | packets in a POST |
/// | [`max_post_bytes`](Self::max_post_bytes) | the `maxPayload` of the server | bytes in a POST |
/// | [`confirm_sends`](Self::confirm_sends) | off | messages that are retained until the other end has read them |
/// | **Sessions** | | |
/// | [`transports`](Self::transports) | polling, then WebSocket | the first opens the session |
/// | [`protocol`](Self::protocol) | version 4 | the version of Engine.IO |
/// | [`compression`](Self::compression) | off | compression of WebSocket messages |
/// | [`upgrade`](Self::upgrade) | `true` | a session moves from polling to WebSocket |
/// | [`try_all_transports`](Self::try_all_transports) | `false` | the next transport is tried if the first one fails |
/// | [`remember_upgrade`](Self::remember_upgrade) | `false` | the next connect begins with WebSocket |
/// | [`reconnect`](Self::reconnect) | none | the policy by which the client connects again |
/// | [`keep_unsent`](Self::keep_unsent) | `false` | messages are carried over to the next session |
/// | [`before_connect`](Self::before_connect) | none | a hook before each attempt, for fresh tokens |
/// | **Requests** | | |
/// | [`path`](Self::path) | `engine.io` | the path of the server |
/// | [`add_trailing_slash`](Self::add_trailing_slash) | `true` | a slash at the end of the path |
/// | [`header`](Self::header) | none | a header of every request |
/// | [`websocket_header`](Self::websocket_header) | none | a header of WebSocket handshakes only |
/// | [`websocket_protocols`](Self::websocket_protocols) | none | subprotocols of WebSocket |
/// | [`cookies`](Self::cookies) | `true` | cookies are stored and sent back |
/// | [`cookie_store`](Self::cookie_store) | one for each client | a store of your own |
/// | [`timestamp_requests`](Self::timestamp_requests) | `true` | a parameter against caches |
/// | [`timestamp_param`](Self::timestamp_param) | `t` | the name of that parameter |
/// | [`max_redirects`](Self::max_redirects) | 5 | redirects of a handshake |
/// | **Connections** | | |
/// | [`proxy`](Self::proxy) | none | an HTTP or SOCKS5 proxy |
/// | [`proxy_from_env`](Self::proxy_from_env) | `false` | proxies from variables of the environment |
/// | `unix_socket` | none | a unix socket in place of TCP |
/// | [`local_address`](Self::local_address) | chosen by the system | the address of this end |
/// | [`resolver`](Self::resolver) | that of the system | your own lookup of hosts |
/// | [`connector`](Self::connector) | TCP | your own byte streams |
/// | [`awc_connector`](Self::awc_connector) | unchanged | the connector of awc, for example with OpenSSL |
/// | **TLS** | | |
/// | `ssl_verify` | `true` | the certificate of the server is checked |
/// | `root_certificates` | those of Mozilla or of the system, by feature | your own authorities |
/// | `client_certificate` | none | a certificate of the client |
/// | `server_name` | the host | the name in the certificate |
/// | `tls_config` | none | your own configuration of rustls |
/// | **The actor** | | |
/// | [`subscribe`](Self::subscribe) | none | who gets the events |
/// | [`metrics`](Self::metrics) | none | figures that several clients share |
/// | [`handle_signals`](Self::handle_signals) | `false` | SIGINT and SIGTERM disconnect |
/// | [`handle_sigint`](Self::handle_sigint) | `false` | only SIGINT does |
///
/// After the options, [`start`](Self::start) or [`start_in_arbiter`](Self::start_in_arbiter) starts the client.
#[derive(Clone)]
#[must_use]
pub struct EngineIoClientBuilder {
    config: Config,
}

impl fmt::Debug for EngineIoClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers can contain secrets.
        f.debug_struct("EngineIoClientBuilder")
            .field("limits", &self.config.limits)
            .field("transports", &self.config.attempts.transports)
            .field("path", &self.config.attempts.path)
            .finish_non_exhaustive()
    }
}

impl EngineIoClientBuilder {
    pub(super) fn new() -> Self {
        let transport = transport::Options::new(PLAIN_NETWORK.clone());
        Self {
            config: Config {
                limits: Limits::default(),
                connect_timeout: Duration::from_secs(20),
                receive_buffer: 1 << 20,
                attempts: attempts::Options::new(transport),
                cookies: true,
                start_transport: Arc::new(transport::start),
                reconnect: None,
                keep_unsent: false,
                signals: HandledSignals::None,
                subscribers: Vec::new(),
                metrics: None,
            },
        }
    }

    /// Whether the client disconnects on Ctrl-C (SIGINT). Default: `false`.
    ///
    /// This is [`handle_signals`](Self::handle_signals) for one signal: SIGTERM still ends the process at once, unless another
    /// client of the process handles it. The last of the two options counts.
    pub fn handle_sigint(mut self, handle: bool) -> Self {
        self.config.signals = if handle { HandledSignals::Interrupt } else { HandledSignals::None };
        self
    }

    /// Whether the client disconnects on SIGINT (Ctrl-C) and SIGTERM, with which containers and systemd stop a service.
    /// On Windows these are Ctrl-C, the end of the console, of the user's session and of the system. Default: `false`.
    ///
    /// This happens on the first signal, in every client of the process that has this option or
    /// [`handle_sigint`](Self::handle_sigint):
    ///
    /// 1. The client disconnects gracefully, within its `close_timeout`, with the reason `interrupted` or `terminated`. Until
    ///    step 4 it refuses a `Connect` with `ConnectError::Cancelled`.
    /// 2. It waits until the subscribers that are actors have handled the last events, for at most `close_timeout` once more.
    /// 3. `Wait` and `Disconnect` reply.
    /// 4. When all these clients have come this far, their actix systems are stopped, which ends `System::run`.
    ///
    /// On the second signal, or on the first if no client with one of these options exists any more, the process exits with
    /// status 130 (SIGINT) or 143 (SIGTERM).
    ///
    /// A program under `#[actix::main]` ends when its `async fn main` returns, so `main` should await
    /// [`Wait`](crate::Wait).
    ///
    /// Do not use this option in a web service: its `HttpServer` handles these signals itself, and stops the actix
    /// system, and with it all other arbiters, before `HttpServer::run` returns. A client on another arbiter then loses
    /// the messages that it has accepted. Call `HttpServer::disable_signals` instead, wait for the signal, stop the
    /// server with `ServerHandle::stop`, and then send a [`Disconnect`](crate::Disconnect). The page
    /// [`in_a_production_service`](crate::guide::in_a_production_service) shows it.
    pub fn handle_signals(mut self, handle: bool) -> Self {
        self.config.signals = if handle { HandledSignals::All } else { HandledSignals::None };
        self
    }

    /// Adds the figures of the client to `metrics`, which any number of clients can share and anybody can read without asking
    /// a client. Default: none.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        Arc::make_mut(&mut self.config.attempts.transport).traffic = Some(metrics.traffic());
        self.config.metrics = Some(metrics);
        self
    }

    /// Adds a subscriber that receives events from the first one on: a `Recipient<Event>`, or a [`Subscribe`] with a filter or
    /// a name. See there for how long it lives, and for adding one later.
    pub fn subscribe(mut self, subscribe: impl Into<Subscribe>) -> Self {
        self.config.subscribers.push(subscribe.into());
        self
    }

    /// Starts the client on the current arbiter. It does nothing until it receives a [`Connect`](crate::Connect).
    ///
    /// # Panics
    /// Outside of an actix system or another tokio `LocalSet`, as every actor does. `#[tokio::main]` is not enough: use
    /// `#[actix::main]`.
    pub fn start(self) -> Addr<EngineIoClient> {
        EngineIoClient::new(self.config).start()
    }

    /// Starts the client on another arbiter. Its address can be used from every thread. If that arbiter has stopped, every
    /// message gets a closed mailbox.
    pub fn start_in_arbiter(self, arbiter: &ArbiterHandle) -> Addr<EngineIoClient> {
        let config = self.config;
        EngineIoClient::start_in_arbiter(arbiter, move |_| EngineIoClient::new(config))
    }

    /// The options of the transports. Clones of the builder have a copy from here on.
    fn transport(&mut self) -> &mut transport::Options {
        Arc::make_mut(&mut self.config.attempts.transport)
    }

    /// Remembers the first error of an option.
    fn reject(&mut self, err: ConnectError) {
        self.config.attempts.invalid.get_or_insert_with(|| Box::new(err));
    }

    #[cfg(test)]
    pub(super) fn start_transport(
        mut self,
        start_transport: impl Fn(transport::TransportParams) -> transport::TransportHandle
        + std::marker::Send
        + Sync
        + 'static,
    ) -> Self {
        self.config.start_transport = Arc::new(start_transport);
        self
    }
}
