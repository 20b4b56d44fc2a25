//! Connections to proxies, and tunnels through them.

use bytes::Bytes;

use super::{
    Dialed, Network,
    dialer::Dialing,
    route::{Proxy, Scheme},
    unsent::TcpConnection,
};
use crate::{
    error::TransportError,
    protocol::endpoint::Destination,
    transport::{
        Progress,
        http::{CodecConfig, Forwarding, Http1Connection},
    },
};

impl Network {
    /// Makes a byte stream to `destination` through `proxy`.
    pub(super) async fn through(
        &self,
        proxy: &Proxy,
        destination: &Destination,
        dialing: &Dialing,
    ) -> Result<Dialed, TransportError> {
        match proxy.scheme {
            Scheme::Http => {
                let tcp = self.dial_proxy(proxy, dialing).await?;
                // The bytes that are sent to the proxy are not part of the request to the server.
                let connection = Http1Connection::new(Box::new(tcp), &CodecConfig::shared(), Progress::new());
                let tunnel = connection.tunnel(Bytes::from(proxy.connect_request(destination))).await;
                // The server has not received anything yet, so any failure is one of the proxy.
                tunnel.map(Dialed::from).map_err(|err| match err {
                    err @ TransportError::Proxy { .. } => err,
                    err => TransportError::proxy(None, err),
                })
            }
            #[cfg(feature = "socks")]
            Scheme::Socks5 { remote_dns } => self.socks(proxy, remote_dns, destination, dialing).await,
            #[cfg(not(feature = "socks"))]
            Scheme::Socks5 { .. } => Err(TransportError::Unsupported(
                "a SOCKS proxy: enable the feature socks of actix-engineio".into(),
            )),
        }
    }

    /// Makes a byte stream to `proxy`, which forwards the requests on it.
    pub(super) async fn to_forwarder(
        &self,
        proxy: &Proxy,
        dialing: &Dialing,
    ) -> Result<(Dialed, Forwarding), TransportError> {
        let tcp = self.dial_proxy(proxy, dialing).await?;
        Ok((tcp.into(), proxy.forwarding()))
    }

    /// Connects to `proxy` itself.
    pub(super) async fn dial_proxy(
        &self,
        proxy: &Proxy,
        dialing: &Dialing,
    ) -> Result<TcpConnection, TransportError> {
        self.dial(&proxy.host, proxy.port, dialing).await.map_err(|err| match err {
            TransportError::Resolve(cause) | TransportError::Connect { cause, .. } => {
                TransportError::Proxy { status: None, cause }
            }
            err => err,
        })
    }
}
