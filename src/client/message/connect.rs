//! The message that opens a session.

use std::{fmt, sync::Arc};

use actix::Message;
use url::Url;

use crate::{
    error::ConnectError,
    protocol::{
        handshake::{Session, TransportKind},
        version::Protocol,
    },
    transport::Headers,
};

/// Opens a session. Replies with the [`Session`] after it was opened, or with a [`ConnectError`]. After an attempt that failed,
/// the client is disconnected and every socket is closed. A `Connect` that is refused at once, such as with `AlreadyConnected`
/// or `Invalid`, ends nothing that is in progress.
///
/// An upgrade to WebSocket begins after the reply. While the client is connected, connecting or disconnecting, or retries an
/// earlier `Connect`, it replies [`ConnectError::AlreadyConnected`]. During the delay that a [`Reconnect`](crate::Reconnect)
/// policy waits after a lost session, a `Connect` takes the place of the policy's next attempt.
///
/// A program that only subscribes does not see why a `Connect` has failed: await the reply. In an actor,
/// `ctx.spawn(client.send(connect).into_actor(self).map(..))` does so without blocking the actor. The error is in the reply
/// and in no event, with two exceptions:
///
/// - With [`on_initial_connect`](crate::Reconnect::on_initial_connect), an error that is retried is the cause of a
///   [`Reconnecting`](crate::Event::Reconnecting), and the reply comes later.
/// - If there was a `Reconnecting` before, an error that is not retried, such as the status 404, is in the reply and in
///   [`ReconnectFailed`](crate::Event::ReconnectFailed). That is also so for a `Connect` that takes the place of the policy's
///   attempt.
///
/// If the reply is dropped while the connect is in progress, the connect goes on, and an error is logged as a warning. A
/// [`Disconnect`](crate::Disconnect) cancels it. A `Connect` whose reply is dropped before the client has handled it does
/// nothing: use `do_send` if nobody awaits the reply.
///
/// ```no_run
/// # use actix_engineio::{Connect, EngineIoClient, TransportKind};
/// # async fn run(client: actix::Addr<EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// let session = client
///     .send(
///         Connect::new("https://example.org/?room=7")
///             .transports([TransportKind::WebSocket])
///             .header("x-tenant", "blue"),
///     )
///     .await??;
/// println!("connected over {}", session.transport);
/// # Ok(())
/// # }
/// ```
///
/// `Debug` shows neither the secrets of the URL nor the values of the headers.
#[derive(Clone, Message)]
#[rtype(result = "Result<Arc<Session>, ConnectError>")]
pub struct Connect {
    pub(in crate::client) url: String,
    pub(in crate::client) path: Option<String>,
    pub(in crate::client) transports: Option<Vec<TransportKind>>,
    pub(in crate::client) protocol: Option<Protocol>,
    pub(in crate::client) headers: Headers,
    /// The first error of a method of this type. The client replies with it.
    pub(in crate::client) invalid: Option<Box<ConnectError>>,
}

impl Connect {
    /// A connect to this URL. It has the scheme `http`, `https`, `ws` or `wss`, a host, a port if it is not the default of the
    /// scheme, and a query that is sent with every request. The query must not contain `EIO`, `transport`, `sid`, `b64` or the
    /// timestamp parameter, which the client sets itself: with one of these the connect fails as
    /// [`Invalid`](ConnectError::Invalid). The path of the URL is not used: see [`path`](Self::path). If it has one that
    /// differs from the path in use, a warning is logged. A user name and a password become a basic `authorization` header.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            path: None,
            transports: None,
            protocol: None,
            headers: Headers::default(),
            invalid: None,
        }
    }

    /// Replaces the URL. A [`before_connect`](crate::EngineIoClientBuilder::before_connect) hook needs it if a fresh
    /// token is part of the query.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// The path that the server listens on, for this connect. The same rules apply as for the builder's
    /// [`path`](crate::EngineIoClientBuilder::path). Default: the builder's path.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The transports for this connect. The first one opens the session, and the session may be upgraded to the others.
    /// Default: the builder's [`transports`](crate::EngineIoClientBuilder::transports), polling and then WebSocket.
    #[must_use]
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.transports = Some(transports.into_iter().collect());
        self
    }

    /// The version of the protocol for this connect. Default: the builder's
    /// [`protocol`](crate::EngineIoClientBuilder::protocol), which is version 4.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Adds a header to every request of this session. It replaces all headers of this name that the builder was given,
    /// also those of [`websocket_header`](crate::EngineIoClientBuilder::websocket_header).
    ///
    /// A header can be added several times, with different values. HTTP allows some headers only once; of these the
    /// last one counts: `authorization`, `content-type`, `from`, `host`, `origin`, `proxy-authorization`, `referer`,
    /// `user-agent`.
    ///
    /// An invalid header is not reported here: the first error is stored, and the client replies to this `Connect` with
    /// [`ConnectError::Invalid`]. These are invalid: a name or a value that HTTP does not allow, the headers that this crate
    /// sets itself (`connection`, `content-length`, `transfer-encoding`, `upgrade` and `sec-websocket-*`, but not
    /// `sec-websocket-protocol`), and an `accept-encoding` with anything but gzip, deflate and identity.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        if let Err(err) = self.headers.parse_and_append(name.as_ref(), value.as_ref()) {
            self.invalid.get_or_insert_with(|| Box::new(err));
        }
        self
    }
}

/// # The options that were set
///
/// For mocks of a client, and for [`before_connect`](crate::EngineIoClientBuilder::before_connect) hooks.
impl Connect {
    /// The URL, with its secrets.
    pub fn get_url(&self) -> &str {
        &self.url
    }

    /// The path, unless it is that of the builder.
    pub fn get_path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The transports, unless they are those of the builder.
    pub fn get_transports(&self) -> Option<&[TransportKind]> {
        self.transports.as_deref()
    }

    /// The version of the protocol, unless it is that of the builder.
    pub fn get_protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// The headers, in the order in which they were added. Their names are in lower case. Those that were invalid are
    /// not among them.
    pub fn get_headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = Url::parse(&self.url).map(|url| url.origin().ascii_serialization());
        f.debug_struct("Connect")
            .field("origin", &origin)
            .field("path", &self.path)
            .field("transports", &self.transports)
            .field("protocol", &self.protocol)
            .field("headers", &self.headers)
            .field("invalid", &self.invalid)
            .finish()
    }
}
