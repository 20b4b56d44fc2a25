//! The service inside awc's connector that makes the byte stream to a server.

use std::{cell::Cell, future::Future, io, rc::Rc, sync::Arc};

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use futures::future::LocalBoxFuture;

use super::{
    Connected, Dialed, Lookups, Network, Order, Purpose,
    close_alert::WithCloseAlert,
    failure,
    route::{Proxy, Scheme},
    server::Server,
    tls::Handshake,
};
use crate::{
    error::{Stage, TransportError},
    protocol::endpoint::{Destination, unbracketed},
    transport::{Io, Progress, http::Forwarding},
};

tokio::task_local! {
    /// The connection that the current task opens. awc passes only a URI to the service inside its connector, and
    /// clients share connectors, so the dialer finds everything else here.
    static DIALING: Rc<Dialing>;
}

/// Makes the byte streams below TLS, inside the [`awc::Connector`] that opens a client's connections.
///
/// It uses the options of the client for which it is called: proxies, `unix_socket`, `connector`, `resolver` and
/// `local_address`. It tries the addresses of a host in parallel (RFC 8305), sets `TCP_NODELAY`, and reports the
/// [`Stage`] that the connection has reached. It connects to the host and the port of the URI in the request, and
/// ignores addresses in the request.
///
/// The connector that [`awc_connector`](crate::EngineIoClientBuilder::awc_connector) configures contains one. A service
/// of your own can call another one, `Dialer::default()`, and so add something to every connection. Outside of the
/// connector of a client every call fails.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Dialer;

/// One connection that is being opened.
pub(super) struct Dialing {
    network: Arc<Network>,
    server: Rc<Server>,
    progress: Progress,
    lookups: Lookups,
    tls: TlsBy,
    purpose: Purpose,
    /// The proxy that the byte stream ends at, if it forwards requests.
    forwarding: Cell<Option<Rc<Forwarding>>>,
}

/// The part that does TLS on a connection.
pub(super) enum TlsBy {
    /// The URL asks for no TLS.
    Nobody,
    /// awc does TLS, with the host of the URI that the dialer returns. `server_name` replaces the host of the URL.
    Awc { server_name: Option<Uri> },
    /// The dialer does TLS, and awc is not asked for it.
    #[cfg_attr(not(feature = "rustls"), expect(dead_code, reason = "there is no handshake"))]
    Dialer { handshake: Handshake, is_done: Cell<bool> },
}

impl Dialing {
    pub(super) fn new(network: Arc<Network>, server: Rc<Server>, tls: TlsBy, order: &Order<'_>) -> Self {
        let Order { purpose, progress, lookups } = *order;
        let (progress, lookups) = (progress.clone(), lookups.clone());
        Self { network, server, progress, lookups, tls, purpose, forwarding: Cell::new(None) }
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(super) fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// Runs `opening`, inside of which a [`Dialer`] makes the byte stream of this connection.
    pub(super) async fn run(
        self,
        opening: impl Future<Output = Result<Box<dyn Io>, awc::error::ConnectError>>,
    ) -> Result<Connected, awc::error::ConnectError> {
        let dialing = Rc::new(self);
        let io = DIALING.scope(dialing.clone(), opening).await?;
        match &dialing.tls {
            // A service of the user's own has connected without the dialer, so the stream is not encrypted.
            TlsBy::Dialer { is_done, .. } if !is_done.get() => Err(failure::into_awc(failure::ipv6())),
            TlsBy::Nobody => Ok(Connected { io, forwarding: dialing.forwarding.take() }),
            _ => Ok(Connected { io: Box::new(WithCloseAlert::new(io)), forwarding: None }),
        }
    }

    /// Makes the byte stream that `request` asks for.
    async fn make(&self, request: ConnectInfo<Uri>) -> Result<Connection<Uri, Dialed>, TransportError> {
        let elsewhere;
        let destination = if request.request() == self.server.uri() {
            self.server.destination()
        } else {
            // A service of the user's own asks for another server.
            let is_secure = !matches!(self.tls, TlsBy::Nobody);
            elsewhere = Destination::new(unbracketed(request.hostname()), request.port(), is_secure);
            &elsewhere
        };
        let dialed = match self.forwarding_proxy(destination)? {
            // Boxed, since otherwise every connect would need room for it.
            Some(proxy) => {
                let (dialed, forwarding) = Box::pin(self.network.to_forwarder(proxy, self)).await?;
                self.forwarding.set(Some(Rc::new(forwarding)));
                dialed
            }
            None => self.network.reach(destination, self).await?,
        };
        let uri = request.request().clone();
        match &self.tls {
            TlsBy::Nobody => Ok(Connection::new(uri, dialed)),
            TlsBy::Awc { server_name } => {
                self.progress.begin(Stage::Tls);
                Ok(Connection::new(server_name.clone().unwrap_or(uri), dialed))
            }
            TlsBy::Dialer { handshake, is_done } => {
                self.progress.begin(Stage::Tls);
                let dialed = Box::pin(handshake.run(dialed)).await?;
                is_done.set(true);
                Ok(Connection::new(uri, dialed))
            }
        }
    }

    /// The proxy that forwards the requests to `destination`. Without one, a proxy has to make a tunnel.
    fn forwarding_proxy(&self, destination: &Destination) -> Result<Option<&Proxy>, TransportError> {
        // Requests name the server, so they get there only.
        let may_forward = self.purpose == Purpose::Requests && destination == self.server.destination();
        if !may_forward || destination.is_secure() {
            return Ok(None);
        }
        let proxy = self.network.proxy_for(destination)?;
        Ok(proxy.filter(|proxy| proxy.scheme == Scheme::Http))
    }
}

impl Service<ConnectInfo<Uri>> for Dialer {
    type Response = Connection<Uri, Dialed>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, request: ConnectInfo<Uri>) -> Self::Future {
        // A service around this one may run the future in a task of its own, so this cannot wait until then.
        let dialing = DIALING.try_with(Rc::clone);
        Box::pin(async move {
            let Ok(dialing) = dialing else {
                return Err(ConnectError::Io(io::Error::other(
                    "a Dialer outside of a client's awc_connector",
                )));
            };
            // awc changes every error except those of I/O.
            dialing.make(request).await.map_err(|err| ConnectError::Io(io::Error::other(err)))
        })
    }
}
