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
    transport::{self, TransportParams, network::Network},
};

/// What most clients go by, whatever builders they come from; an option that changes it makes a copy.
static PLAIN_NETWORK: LazyLock<Arc<Network>> = LazyLock::new(Arc::default);

/// `before_connect`, without its types.
pub(super) type Hook =
    Arc<dyn Fn(Connect) -> LocalBoxFuture<'static, Result<Connect, Cause>> + std::marker::Send + Sync>;

/// Everything a client is configured with. Shared by all its sessions.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) limits: Limits,
    /// From the start of an attempt, its hook included, to the open packet.
    pub(super) connect_timeout: Duration,
    /// Bytes of events that subscribers may owe before reading is held back.
    pub(super) receive_buffer: usize,
    pub(super) transports: Vec<TransportKind>,
    pub(super) upgrade: bool,
    pub(super) try_all_transports: bool,
    pub(super) remember_upgrade: bool,
    pub(super) path: String,
    pub(super) add_trailing_slash: bool,
    pub(super) timestamp_param: ByteString,
    pub(super) transport: transport::Options,
    /// Whether cookies are kept and sent; where there is no store yet, the client makes one.
    pub(super) cookies: bool,
    /// How transports are started; the tests put theirs here.
    pub(super) start_transport:
        Arc<dyn Fn(TransportParams) -> transport::TransportHandle + std::marker::Send + Sync>,
    pub(super) reconnect: Option<Reconnect>,
    pub(super) keep_unsent: bool,
    pub(super) handle_sigint: bool,
    pub(super) before_connect: Option<Hook>,
    pub(super) subscribers: Vec<Recipient<Event>>,
    /// The first thing that was wrong with what the builder was given; `Connect` returns it.
    pub(super) invalid: Option<ConnectError>,
}

/// Configures and starts an [`EngineIoClient`].
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
        // Headers may hold secrets.
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
                limits: Limits {
                    request_timeout,
                    upgrade_timeout: Duration::from_secs(10),
                    close_timeout: Duration::from_secs(5),
                    stall_timeout: Duration::from_secs(60),
                    send_queue: 1 << 20,
                    max_packets_per_post: None,
                },
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
                    headers: Vec::new(),
                    websocket_headers: Vec::new(),
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

    /// Whether Ctrl-C (SIGINT) makes the client leave: on the first, every client of the process that asked for this
    /// disconnects gracefully, within its `close_timeout`; when the last has left, their actix systems are stopped, which
    /// ends `System::run`. On the second the process exits with status 130.
    ///
    /// Under `#[actix::main]` the program ends when its own `async fn` does: have it await [`Wait`](crate::Wait). In a web
    /// service, leave Ctrl-C to its `HttpServer` and disconnect when that has run to its end, as the example `gateway` does.
    ///
    /// Default: `false`; python-engineio takes the signal unless it is told not to. When none of the clients that asked is
    /// left, Ctrl-C ends the process with status 130 at once.
    pub fn handle_sigint(mut self, handle: bool) -> Self {
        self.config.handle_sigint = handle;
        self
    }

    /// Adds a subscriber of every event, before the first can happen.
    pub fn subscribe(mut self, recipient: Recipient<Event>) -> Self {
        self.config.subscribers.push(recipient);
        self
    }

    /// Starts the client on the current arbiter.
    ///
    /// # Panics
    /// Outside of an actix system (or another `tokio` `LocalSet`), as every actor.
    pub fn start(self) -> Addr<EngineIoClient> {
        EngineIoClient::new(self.config).start()
    }

    /// Starts the client on another arbiter.
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
