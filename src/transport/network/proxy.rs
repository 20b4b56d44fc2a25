//! Tunnels through a proxy.

use bytes::Bytes;
use tokio::net::TcpStream;

use super::Network;
use crate::{
    error::TransportError,
    protocol::{
        endpoint::Destination,
        proxy::{Proxy, Scheme},
    },
    transport::http::{Activity, CodecConfig, Io, Lane},
};

impl Network {
    pub(super) async fn through(
        &self,
        proxy: &Proxy,
        destination: &Destination,
        activity: &Activity,
    ) -> Result<Box<dyn Io>, TransportError> {
        match proxy.scheme {
            Scheme::Http => {
                let tcp = self.dial_proxy(proxy, activity).await?;
                // What the proxy is told is no part of what the server is told.
                let lane = Lane::new(Box::new(tcp), &CodecConfig::shared(), Activity::new());
                let tunnel = lane.tunnel(Bytes::from(proxy.connect_request(destination))).await;
                // The server has not been spoken to: whatever went wrong is the proxy's.
                tunnel.map_err(|err| match err {
                    err @ TransportError::Proxy { .. } => err,
                    err => TransportError::Proxy { status: None, message: err.to_string().into() },
                })
            }
            #[cfg(feature = "socks")]
            Scheme::Socks5 { remote_dns } => self.socks(proxy, remote_dns, destination, activity).await,
            #[cfg(not(feature = "socks"))]
            Scheme::Socks5 { .. } => Err(TransportError::Unsupported(
                "a SOCKS proxy: enable the feature socks of actix-engineio".into(),
            )),
        }
    }

    pub(super) async fn dial_proxy(
        &self,
        proxy: &Proxy,
        activity: &Activity,
    ) -> Result<TcpStream, TransportError> {
        self.dial(&proxy.host, proxy.port, activity).await.map_err(|err| match err {
            TransportError::Resolve(message) | TransportError::Connect { message, .. } => {
                TransportError::Proxy { status: None, message }
            }
            err => err,
        })
    }
}
