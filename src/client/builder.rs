//! The options of a client.

mod network;

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::{Actor, Addr, Recipient};
use actix_http::header;
use actix_rt::ArbiterHandle;
use bytestring::ByteString;
use cookie_store::CookieStore;
use futures_core::future::LocalBoxFuture;
use futures_util::FutureExt as _;

use super::{Connect, EngineIoClient, event::Event, headers, reconnect::Reconnect};
use crate::{
    error::ConnectError,
    protocol::{connection::Limits, endpoint, handshake::TransportKind},
    transport::{self, Dial},
};

/// `before_connect`, without its types.
pub(super) type Hook =
    Arc<dyn Fn(Connect) -> LocalBoxFuture<'static, Result<Connect, String>> + std::marker::Send + Sync>;

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
    pub(super) dial: Arc<dyn Fn(Dial) -> transport::TransportHandle + std::marker::Send + Sync>,
    pub(super) reconnect: Option<Reconnect>,
    pub(super) keep_unsent: bool,
    pub(super) handle_sigint: bool,
    pub(super) before_connect: Option<Hook>,
    pub(super) subscribers: Vec<Recipient<Event>>,
    /// The first thing that was wrong with what the builder was given; `Connect` returns it.
    pub(super) invalid: Option<ConnectError>,
}

/// As good as no limit. More would overflow the clock.
const NO_LIMIT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

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
                    network: Arc::default(),
                },
                cookies: true,
                dial: Arc::new(transport::start),
                reconnect: None,
                keep_unsent: false,
                handle_sigint: false,
                before_connect: None,
                subscribers: Vec::new(),
                invalid: None,
            },
        }
    }

    /// How long one request may take: the handshake over polling, the WebSocket handshake, the wait for the open
    /// packet behind it, the answer to a POST once it is out (while bytes of it still leave, the limit starts anew
    /// with each). Default: 5 seconds.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        let limit = limit.min(NO_LIMIT);
        self.config.limits.request_timeout = limit;
        self.config.transport.request_timeout = limit;
        self
    }

    /// How long a whole [`Connect`] may take. Default: 20 seconds.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.config.connect_timeout = limit.min(NO_LIMIT);
        self
    }

    /// How long an upgrade may take, from the start of the probe to the end; after that the session goes on over
    /// polling. Default: 10 seconds.
    pub fn upgrade_timeout(mut self, limit: Duration) -> Self {
        self.config.limits.upgrade_timeout = limit.min(NO_LIMIT);
        self
    }

    /// How long a graceful [`Disconnect`](crate::Disconnect) may take. Default: 5 seconds.
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.config.limits.close_timeout = limit.min(NO_LIMIT);
        self
    }

    /// How long reading may be held back without any subscriber taking an event before the session ends with
    /// [`DisconnectReason::Stalled`](crate::DisconnectReason::Stalled). Default: 60 seconds.
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.config.limits.stall_timeout = limit.min(NO_LIMIT);
        self
    }

    /// The largest message, and over polling the largest response body, that is accepted, in bytes. A larger one
    /// ends the session. Default: 64 MiB.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.config.transport.max_message_size = bytes;
        self
    }

    /// Bytes that may wait to be written before the replies of [`Send`](crate::Send) are held back; each message
    /// counts 64 bytes beside its data. Default: 1 MiB.
    pub fn send_queue(mut self, bytes: usize) -> Self {
        self.config.limits.send_queue = bytes;
        self
    }

    /// Bytes of events that subscribers may not have handled before reading is held back; each event counts 64 bytes
    /// beside its data. A single message may exceed it. Default: 1 MiB.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.config.receive_buffer = bytes;
        self
    }

    /// Packets in one POST, at most. Default: 16 until the server has shown by its answer that it takes any number,
    /// since one known server (python-engineio) answers 200 to a larger POST and drops it.
    pub fn max_packets_per_post(mut self, packets: usize) -> Self {
        self.config.limits.max_packets_per_post = Some(packets.max(1));
        self
    }

    /// The transports: the first opens the session, the others are what it may be upgraded to and, with
    /// [`try_all_transports`](Self::try_all_transports), what is tried when it cannot. Default: polling, then WebSocket.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.config.transports = transports.into_iter().collect();
        self
    }

    /// Whether a session over polling moves to WebSocket when the server offers it. Default: `true`.
    pub fn upgrade(mut self, upgrade: bool) -> Self {
        self.config.upgrade = upgrade;
        self
    }

    /// Whether the next transport is tried when one cannot open the session, whatever the reason: a refusal, an answer
    /// that is not Engine.IO's, a limit of time. All of it is one [`Connect`], within its `connect_timeout`, and its error
    /// is that of the last; those before are logged at `debug`. A transport that failed is not upgraded to.
    /// Default: `false`: the first transport alone decides.
    pub fn try_all_transports(mut self, try_all: bool) -> Self {
        self.config.try_all_transports = try_all;
        self
    }

    /// Whether this client begins with WebSocket, if that is among the transports, at a URL where it has had a session on
    /// one: that spares the upgrade, of reconnects above all. The URL's scheme, host, port and path count. Forgotten when a
    /// connect over WebSocket fails, so that the next one begins with polling again; with
    /// [`try_all_transports`](Self::try_all_transports) the same one does. Default: `false`.
    pub fn remember_upgrade(mut self, remember: bool) -> Self {
        self.config.remember_upgrade = remember;
        self
    }

    /// The subprotocols that WebSocket handshakes offer (`sec-websocket-protocol`), the preferred first. The server may
    /// choose one, shown in [`Session::websocket_protocol`](crate::Session::websocket_protocol), or none; a choice that was
    /// not offered fails the handshake. Each is a token as of HTTP, different from the others. Default: none.
    pub fn websocket_protocols<P: AsRef<str>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        let headers = &mut self.config.transport.websocket_headers;
        headers.retain(|(name, _)| *name != header::SEC_WEBSOCKET_PROTOCOL);
        let protocols: Vec<_> = protocols.into_iter().collect();
        let protocols: Vec<_> = protocols.iter().map(AsRef::as_ref).collect();
        match headers::websocket_protocols(&protocols) {
            Ok(header) => headers.extend(header),
            Err(err) => _ = self.config.invalid.get_or_insert(err),
        }
        self
    }

    /// The path the server listens on. Default: `engine.io`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.config.path = path.into();
        self
    }

    /// Whether the path ends with a slash. Default: `true`.
    pub fn add_trailing_slash(mut self, add: bool) -> Self {
        self.config.add_trailing_slash = add;
        self
    }

    /// Whether requests carry a parameter that is different each time, against caches. Default: `true`.
    pub fn timestamp_requests(mut self, stamp: bool) -> Self {
        self.config.transport.timestamp_requests = stamp;
        self
    }

    /// The name of that parameter, of ASCII letters, digits and `-._~`; the query of the URL may not set it. Default: `t`.
    pub fn timestamp_param(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        match endpoint::check_stamp_param(&name) {
            Ok(()) => self.config.timestamp_param = name.into(),
            Err(err) => _ = self.config.invalid.get_or_insert(err),
        }
        self
    }

    /// Adds a header to every request of both transports. A name may be added several times; see
    /// [`Connect::header`](crate::Connect::header) for what is refused. Default: none.
    ///
    /// This is also how to say what a browser would: `header("origin", "https://example.org")` for servers that admit
    /// certain sites only.
    ///
    /// `authorization`, `cookie`, `proxy-authorization` and `host` are not sent on when the server redirects to another
    /// origin.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        match headers::parse(name.as_ref(), value.as_ref()) {
            Ok(header) => self.config.transport.headers.push(header),
            Err(err) => _ = self.config.invalid.get_or_insert(err),
        }
        self
    }

    /// Adds a header to WebSocket handshakes alone, beside those of [`header`](Self::header). Default: none.
    pub fn websocket_header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        match headers::parse(name.as_ref(), value.as_ref()) {
            Ok(header) => self.config.transport.websocket_headers.push(header),
            Err(err) => _ = self.config.invalid.get_or_insert(err),
        }
        self
    }

    /// Whether the cookies that servers set are kept, and sent with every request that they are meant for: the polls, the
    /// WebSocket handshake, the attempts to reconnect. Load balancers rely on it. Default: `true`, in a store that this
    /// client has for itself; with `false` that of [`cookie_store`](Self::cookie_store) is not used either.
    ///
    /// Every response may set some, a refusal too. Domain, path, `Secure` and expiry count as in RFC 6265. A
    /// [`header`](Self::header) `cookie` of the user's own goes on the same line; a name that it sets is not taken from the
    /// store. Of one host at most 180 cookies are kept, of 4096 bytes each.
    pub fn cookies(mut self, keep: bool) -> Self {
        self.config.cookies = keep;
        self
    }

    /// Uses this store for cookies: to start with cookies from elsewhere, to look at what was set, or to share it between
    /// clients. Default: one of the client's own. The clients lock it for moments only; who holds the lock for long stops
    /// them.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use actix_engineio::{EngineIoClient, cookie_store::CookieStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut store = CookieStore::new();
    /// store.parse("login=secret; Path=/; Secure", &"https://example.org".parse()?)?;
    /// let store = Arc::new(Mutex::new(store));
    ///
    /// let builder = EngineIoClient::builder().cookie_store(store.clone());
    /// // .. start the client, and later forget everything:
    /// store.lock().unwrap().clear();
    /// # Ok(())
    /// # }
    /// ```
    pub fn cookie_store(mut self, store: Arc<Mutex<CookieStore>>) -> Self {
        self.config.transport.cookies = Some(store.into());
        self
    }

    /// Connects again by itself when a session is lost. Default: off.
    pub fn reconnect(mut self, policy: Reconnect) -> Self {
        self.config.reconnect = Some(policy);
        self
    }

    /// Whether messages outlive their session: with [`reconnect`](Self::reconnect), those that were accepted and not
    /// written, and those that come between two sessions, go out on the next session, first and in order. What may have
    /// been written is never sent twice. When the client gives up they come back as [`Event::Rejected`].
    ///
    /// Default: `false`: they come back with [`Event::Disconnected`], and between two sessions a
    /// [`Send`](crate::Send) fails.
    pub fn keep_unsent(mut self, keep: bool) -> Self {
        self.config.keep_unsent = keep;
        self
    }

    /// Runs `hook` before every attempt to connect, those of the [`reconnect`](Self::reconnect) policy too: it may put
    /// a fresh token, other headers or another URL into the [`Connect`], or fail it. It counts as part of the connect,
    /// within `connect_timeout`; its future need not be `Send`. It is always given the `Connect` that the user sent.
    ///
    /// ```
    /// use actix_engineio::{Connect, EngineIoClient};
    ///
    /// async fn fetch_token() -> Result<String, std::io::Error> {
    ///     Ok("secret".to_owned())
    /// }
    ///
    /// let builder = EngineIoClient::builder().before_connect(async |connect: Connect| {
    ///     let token = fetch_token().await?;
    ///     Ok::<_, std::io::Error>(connect.header("authorization", format!("Bearer {token}")))
    /// });
    /// ```
    pub fn before_connect<F, E>(mut self, hook: F) -> Self
    where
        F: AsyncFn(Connect) -> Result<Connect, E> + std::marker::Send + Sync + 'static,
        E: fmt::Display,
    {
        let hook = Arc::new(hook);
        self.config.before_connect = Some(Arc::new(move |connect| {
            let hook = hook.clone();
            let outcome = async move { hook(connect).await.map_err(|err| err.to_string()) };
            // A hook that panics fails its connect, not the client.
            let outcome = AssertUnwindSafe(outcome).catch_unwind();
            Box::pin(outcome.map(|outcome| outcome.unwrap_or_else(|_| Err("it panicked".to_owned()))))
        }));
        self
    }

    /// Whether Ctrl-C (SIGINT) makes the client leave: on the first, every client of the process that asked for this
    /// disconnects gracefully, within its `close_timeout`; when the last has left, their actix systems are stopped, which
    /// ends `System::run` and an `HttpServer`. (Under `#[actix::main]` the program ends when its own `async fn` does: have
    /// it await [`Wait`](crate::Wait).) On the second the process exits with status 130.
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
    pub(super) fn dial(
        mut self,
        dial: impl Fn(Dial) -> transport::TransportHandle + std::marker::Send + Sync + 'static,
    ) -> Self {
        self.config.dial = Arc::new(dial);
        self
    }
}
