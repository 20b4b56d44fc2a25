//! Byte streams to servers.
//!
//! awc's `Connector` opens every connection. Inside the connector our [`Dialer`] makes the byte stream: directly by
//! TCP, through a proxy, a unix socket or the user's own `connector`. On top of it awc does TLS, if the URL asks for
//! it. HTTP and WebSocket on the resulting stream are not awc's, but those of `http` and `websocket`.
//!
//! ```text
//!   HttpClient ──► Network::connect ──► Opener ──► awc's Connector ──► Dialer ──► Network::reach
//! ```

mod alert;
mod close_alert;
mod dialed;
mod dialer;
mod failure;
mod lookups;
#[cfg(not(feature = "rustls"))]
mod no_tls;
mod opener;
mod proxy;
mod route;
mod server;
#[cfg(feature = "socks")]
mod socks;
mod tcp;
#[cfg(test)]
mod tests;
#[cfg(feature = "rustls")]
pub(crate) mod tls;
mod unsent;

#[cfg(unix)]
use std::path::PathBuf;
use std::{fmt, io, net::IpAddr, rc::Rc, sync::Arc};

use futures::future::LocalBoxFuture;
#[cfg(unix)]
use tokio::net::UnixStream;

#[cfg(not(feature = "rustls"))]
use self::no_tls as tls;
pub(crate) use self::tls::is_client_certificate_refused;
pub use self::{dialed::Dialed, dialer::Dialer};
use self::{
    dialer::{Dialing, TlsBy},
    opener::Opener,
    server::Server,
    tls::{Tls, TlsConfig},
};
pub(crate) use self::{
    lookups::Lookups,
    opener::Configure,
    route::{Environment, Proxy},
};
use super::{Io, Progress, http::Forwarding};
use crate::{
    error::{Stage, TransportError},
    protocol::endpoint::Destination,
};

/// The function with which the user looks up hosts.
pub(crate) type Resolver =
    Arc<dyn Fn(String) -> LocalBoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The function with which the user makes byte streams.
pub(crate) type Connector =
    Arc<dyn Fn(Destination) -> LocalBoxFuture<'static, io::Result<Box<dyn Io>>> + Send + Sync>;

/// The options of a client's connections.
#[derive(Clone, Default)]
pub(crate) struct Network {
    pub(crate) route: Route,
    pub(crate) resolver: Option<Resolver>,
    pub(crate) local_address: Option<IpAddr>,
    /// The function with which the user configures awc's connector.
    pub(crate) configure: Option<Configure>,
    pub(crate) tls: Tls,
}

/// The use of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Requests. An HTTP proxy forwards them, unless TLS hides them from it.
    Requests,
    /// A WebSocket, which needs a byte stream to the server itself.
    Stream,
}

/// What a connection is for, and what it shares with others.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) purpose: Purpose,
    /// The progress of the request for which the connection is opened. It shows the stage.
    pub(crate) progress: &'a Progress,
    /// The lookups of the client.
    pub(crate) lookups: &'a Lookups,
}

/// A connection to a server, or to the proxy that forwards requests to the server.
pub(crate) struct Connected {
    pub(crate) io: Box<dyn Io>,
    pub(crate) forwarding: Option<Rc<Forwarding>>,
}

/// The way to a server.
#[derive(Clone, Default)]
pub(crate) enum Route {
    #[default]
    Direct,
    Proxy(Proxy),
    Environment(Environment),
    #[cfg(unix)]
    Unix(PathBuf),
    Connector(Connector),
}

impl Network {
    /// Opens a connection to `destination` with awc.
    pub(crate) async fn connect(
        self: &Arc<Self>,
        destination: &Destination,
        order: Order<'_>,
    ) -> Result<Connected, TransportError> {
        order.progress.begin(Stage::Connect);
        let config = self.tls_config(destination)?;
        let opener = Opener::shared(self.configure.as_ref(), config.as_ref())?;
        let tls = match destination.is_secure() {
            true => self.tls.plan(destination.host(), config.filter(|_| opener.has_our_tls()))?,
            false => TlsBy::Nobody,
        };
        let scheme = if let TlsBy::Awc { .. } = tls { "https" } else { "http" };
        let server = Server::shared(destination, scheme)?;
        let opening = opener.open(server.uri().clone());
        let dialing = Dialing::new(self.clone(), server, tls, &order);
        dialing.run(opening).await.map_err(|err| {
            let no_tls = || self.tls.config().err().unwrap_or_else(failure::no_tls);
            failure::from_awc(err, order.progress.reader().stage(), no_tls)
        })
    }

    /// The same without the client's certificate, for an origin that the user has not named.
    pub(crate) fn without_certificate(self: &Arc<Self>) -> Arc<Self> {
        match self.tls.without_certificate() {
            Some(tls) => Arc::new(Self { tls, ..Self::clone(self) }),
            None => self.clone(),
        }
    }

    /// The configuration of TLS for the connector.
    ///
    /// A connector that the user configures gets one for every URL, so that the user's function is called only once. It
    /// may bring TLS that this build does not have.
    fn tls_config(&self, destination: &Destination) -> Result<Option<Arc<TlsConfig>>, TransportError> {
        if !destination.is_secure() && self.configure.is_none() {
            return Ok(None);
        }
        match self.tls.config() {
            Err(TransportError::Unsupported(_)) if self.configure.is_some() => Ok(None),
            config => config.map(Some),
        }
    }

    /// The proxy for `destination`, if it is reached through one.
    fn proxy_for(&self, destination: &Destination) -> Result<Option<&Proxy>, TransportError> {
        match &self.route {
            Route::Proxy(proxy) => Ok(Some(proxy)),
            Route::Environment(environment) => environment.proxy_for(destination).map_err(|reason| {
                TransportError::Unsupported(format!("the environment's proxy, {reason}").into())
            }),
            _ => Ok(None),
        }
    }

    /// Makes the byte stream below TLS. Only the [`Dialer`] may call this.
    async fn reach(&self, destination: &Destination, dialing: &Dialing) -> Result<Dialed, TransportError> {
        match &self.route {
            #[cfg(unix)]
            Route::Unix(path) => {
                return UnixStream::connect(path).await.map(Dialed::other).map_err(TransportError::connect);
            }
            Route::Connector(connector) => {
                return connector(destination.clone())
                    .await
                    .map(Dialed::from)
                    .map_err(TransportError::connect);
            }
            _ => {}
        }
        match self.proxy_for(destination)? {
            // Boxed, since otherwise every connect would need room for it.
            Some(proxy) => Box::pin(self.through(proxy, destination, dialing)).await,
            None => self.dial(destination.host(), destination.port(), dialing).await.map(Dialed::from),
        }
    }
}

/// Shows nothing, since paths and proxies can contain secrets.
impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}
