//! The options of a client.

mod limits;
mod network;
mod request;
mod session;

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use actix::{Actor, Addr, Recipient};
use actix_rt::ArbiterHandle;
use bytestring::ByteString;
use futures::future::LocalBoxFuture;

use super::{Connect, EngineIoClient, event::Event, reconnect::Reconnect};
use crate::{
    error::{Cause, ConnectError},
    protocol::{connection::Limits, handshake::TransportKind},
    transport::{self, Headers, TransportParams, network::Network},
};

/// The network options of most clients: builders share them, and an option that changes them makes a copy.
static PLAIN_NETWORK: LazyLock<Arc<Network>> = LazyLock::new(Arc::default);

/// The `before_connect` hook, with the types of the closure erased.
pub(super) type Hook =
    Arc<dyn Fn(Connect) -> LocalBoxFuture<'static, Result<Connect, Cause>> + std::marker::Send + Sync>;

/// The options of a client, for all its sessions.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) limits: Limits,
    /// Longest time from the start of an attempt, with its hook, to the open packet.
    pub(super) connect_timeout: Duration,
    /// Bytes of events that a subscriber may not have handled before the client stops reading.
    pub(super) receive_buffer: usize,
    pub(super) transports: Vec<TransportKind>,
    pub(super) upgrade: bool,
    pub(super) try_all_transports: bool,
    pub(super) remember_upgrade: bool,
    pub(super) path: String,
    pub(super) add_trailing_slash: bool,
    pub(super) timestamp_param: ByteString,
    pub(super) transport: transport::Options,
    /// Cookies are stored and sent. The client makes a store if `transport.cookies` has none.
    pub(super) cookies: bool,
    /// The function that starts transports. Tests replace it.
    pub(super) start_transport:
        Arc<dyn Fn(TransportParams) -> transport::TransportHandle + std::marker::Send + Sync>,
    pub(super) reconnect: Option<Reconnect>,
    pub(super) keep_unsent: bool,
    pub(super) handle_sigint: bool,
    pub(super) before_connect: Option<Hook>,
    pub(super) subscribers: Vec<Recipient<Event>>,
    /// The first error of an option. Every `Connect` fails with it.
    pub(super) invalid: Option<ConnectError>,
}

/// Configures and starts an [`EngineIoClient`].
///
/// An option that cannot be used, such as an invalid header or proxy, is not reported by its method. The builder keeps
/// the first such error, and every [`Connect`] fails with it.
///
/// A clone of a builder starts further clients with the same options. Each has its own connection and, unless
/// [`cookie_store`](Self::cookie_store) is set, its own cookies.
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
            .field("transports", &self.config.transports)
            .field("path", &self.config.path)
            .finish_non_exhaustive()
    }
}

impl EngineIoClientBuilder {
    pub(super) fn new() -> Self {
        let request_timeout = Duration::from_secs(5);
        Self {
            config: Config {
                limits: limits::defaults(request_timeout),
                connect_timeout: Duration::from_secs(20),
                receive_buffer: 1 << 20,
                transports: vec![TransportKind::Polling, TransportKind::WebSocket],
                upgrade: true,
                try_all_transports: false,
                remember_upgrade: false,
                path: "engine.io".to_owned(),
                add_trailing_slash: true,
                timestamp_param: "t".into(),
                transport: transport::Options {
                    request_timeout,
                    max_message_size: 64 << 20,
                    timestamp_requests: true,
                    headers: Headers::default(),
                    websocket_headers: Headers::default(),
                    cookies: None,
                    network: PLAIN_NETWORK.clone(),
                },
                cookies: true,
                start_transport: Arc::new(transport::start),
                reconnect: None,
                keep_unsent: false,
                handle_sigint: false,
                before_connect: None,
                subscribers: Vec::new(),
                invalid: None,
            },
        }
    }

    /// Whether the client disconnects on Ctrl-C (SIGINT). Default: `false`.
    ///
    /// On the first Ctrl-C, every client of the process that has this option disconnects gracefully, within its
    /// `close_timeout`. After the last one has disconnected, their actix systems are stopped, which ends `System::run`.
    /// On the second Ctrl-C, or on the first if no client with this option exists any more, the process exits with
    /// status 130. SIGTERM is not handled.
    ///
    /// A program under `#[actix::main]` ends when its `async fn main` returns, so `main` should await
    /// [`Wait`](crate::Wait).
    ///
    /// Do not use this option in a web service: its `HttpServer` handles Ctrl-C itself. If the client runs on the
    /// arbiter of `main`, send it a [`Disconnect`](crate::Disconnect) after `HttpServer::run` has returned, as the
    /// example `gateway` does. A client on another arbiter does not live that long, because the `HttpServer` stops the
    /// actix system on its signals, and all other arbiters with it, before `run` returns; messages that were accepted
    /// are then lost. In this case call `HttpServer::disable_signals`, wait for the signal yourself, disconnect, and
    /// stop the server with `ServerHandle::stop`.
    pub fn handle_sigint(mut self, handle: bool) -> Self {
        self.config.handle_sigint = handle;
        self
    }

    /// Adds a subscriber that receives every event from the first one on. See [`Subscribe`](crate::Subscribe) for
    /// adding one later, for some kinds of events only, and for how long it lives.
    pub fn subscribe(mut self, recipient: Recipient<Event>) -> Self {
        self.config.subscribers.push(recipient);
        self
    }

    /// Starts the client on the current arbiter. It does nothing until it receives a [`Connect`].
    ///
    /// # Panics
    /// Outside of an actix system or another tokio `LocalSet`, as every actor does. `#[tokio::main]` is not enough: use
    /// `#[actix::main]`.
    pub fn start(self) -> Addr<EngineIoClient> {
        EngineIoClient::new(self.config).start()
    }

    /// Starts the client on another arbiter. Its address can be used from every thread.
    pub fn start_in_arbiter(self, arbiter: &ArbiterHandle) -> Addr<EngineIoClient> {
        let config = self.config;
        EngineIoClient::start_in_arbiter(arbiter, move |_| EngineIoClient::new(config))
    }

    #[cfg(test)]
    pub(super) fn start_transport(
        mut self,
        start_transport: impl Fn(TransportParams) -> transport::TransportHandle
        + std::marker::Send
        + Sync
        + 'static,
    ) -> Self {
        self.config.start_transport = Arc::new(start_transport);
        self
    }
}
