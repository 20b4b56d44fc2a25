//! How a byte stream to a server is made: straight, through a proxy, a unix socket or the user's own connector, with
//! TLS on top where the URL asks for it.

mod proxy;
mod route;
#[cfg(feature = "socks")]
mod socks;
mod tcp;
#[cfg(test)]
mod tests;
#[cfg(feature = "rustls")]
pub(crate) mod tls;

#[cfg(unix)]
use std::path::PathBuf;
use std::{fmt, io, net::IpAddr, sync::Arc};

use futures::future::LocalBoxFuture;
#[cfg(unix)]
use tokio::net::UnixStream;

pub(crate) use self::route::{Environment, Proxy};
#[cfg(feature = "rustls")]
use self::tls::Tls;
use super::{Io, Progress};
use crate::{
    error::{Stage, TransportError},
    protocol::endpoint::Destination,
};

/// The user's look-up of a host.
pub(crate) type Resolver =
    Arc<dyn Fn(String) -> LocalBoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The user's way to a server.
pub(crate) type Connector =
    Arc<dyn Fn(Destination) -> LocalBoxFuture<'static, io::Result<Box<dyn Io>>> + Send + Sync>;

/// How the connections of a client are made.
#[derive(Clone, Default)]
pub(crate) struct Network {
    pub(crate) route: Route,
    pub(crate) resolver: Option<Resolver>,
    pub(crate) local_address: Option<IpAddr>,
    #[cfg(feature = "rustls")]
    pub(crate) tls: Tls,
}

/// Which way the bytes go.
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
    /// Connects to `destination`. `progress` tells how far it has come.
    pub(crate) async fn connect(
        &self,
        destination: &Destination,
        progress: &Progress,
    ) -> Result<Box<dyn Io>, TransportError> {
        progress.begin(Stage::Connect);
        #[cfg(not(feature = "rustls"))]
        if destination.is_secure() {
            return Err(TransportError::Unsupported(
                "https and wss, for lack of TLS: enable the feature rustls-webpki-roots of actix-engineio"
                    .into(),
            ));
        }
        #[cfg(feature = "rustls")]
        let tls = destination.is_secure().then(|| self.tls.prepare(destination.host())).transpose()?;

        let io = self.reach(destination, progress).await?;

        #[cfg(feature = "rustls")]
        if let Some(tls) = tls {
            progress.begin(Stage::Tls);
            return tls.handshake(io).await;
        }
        Ok(io)
    }

    async fn reach(
        &self,
        destination: &Destination,
        progress: &Progress,
    ) -> Result<Box<dyn Io>, TransportError> {
        let proxy = match &self.route {
            Route::Direct => None,
            Route::Proxy(proxy) => Some(proxy),
            Route::Environment(environment) => environment.proxy_for(destination).map_err(|reason| {
                TransportError::Unsupported(format!("the environment's proxy, {reason}").into())
            })?,
            #[cfg(unix)]
            Route::Unix(path) => {
                let socket = UnixStream::connect(path).await;
                return socket
                    .map(|socket| -> Box<dyn Io> { Box::new(socket) })
                    .map_err(TransportError::connect);
            }
            Route::Connector(connector) => {
                return connector(destination.clone()).await.map_err(TransportError::connect);
            }
        };
        match proxy {
            Some(proxy) => self.through(proxy, destination, progress).await,
            None => Ok(Box::new(self.dial(destination.host(), destination.port(), progress).await?)),
        }
    }
}

impl TransportError {
    /// The error of a byte stream that was connected: an error of TLS, or else a lost connection.
    pub(crate) fn from_io(err: io::Error) -> Self {
        #[cfg(feature = "rustls")]
        if let Some(err) = tls::from_io(&err) {
            return err;
        }
        Self::io(err)
    }
}

/// Paths and proxies are the user's affair, and may hold secrets.
impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}
