//! SOCKS5 (RFC 1928).

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;
use tokio_socks::{Error as socks, TargetAddr, tcp::Socks5Stream};

use super::Network;
use crate::{
    error::{Stage, TransportError},
    protocol::{endpoint::Destination, proxy::Proxy},
    transport::http::{Activity, Io},
};

impl Network {
    /// A tunnel through `proxy`, to which `tcp` leads. With `remote_dns`, the look-up of the host is the proxy's.
    pub(super) async fn socks(
        &self,
        tcp: TcpStream,
        proxy: &Proxy,
        remote_dns: bool,
        destination: &Destination,
        activity: &Activity,
    ) -> Result<Box<dyn Io>, TransportError> {
        let (host, port) = (destination.host(), destination.port());
        let target = match host.parse::<IpAddr>() {
            Ok(address) => TargetAddr::Ip(SocketAddr::new(address, port)),
            Err(_) if remote_dns => TargetAddr::Domain(host.into(), port),
            Err(_) => {
                let addresses = self.resolve(host, port, activity).await?;
                let address = addresses.first().copied();
                let none = || TransportError::Resolve("the host has no addresses".into());
                TargetAddr::Ip(address.ok_or_else(none)?)
            }
        };
        activity.begin(Stage::Connect);
        let tunnel = match &proxy.credentials {
            Some((user, password)) => {
                Socks5Stream::connect_with_password_and_socket(tcp, target, user, password).await
            }
            None => Socks5Stream::connect_with_socket(tcp, target).await,
        };
        match tunnel {
            Ok(tunnel) => Ok(Box::new(tunnel.into_inner())),
            Err(err) => {
                // In the terms of HTTP, which say whether another try is of use.
                let status = match err {
                    socks::NoAcceptableAuthMethods | socks::PasswordAuthFailure(_) => Some(407),
                    socks::ConnectionNotAllowedByRuleset => Some(403),
                    _ => None,
                };
                Err(TransportError::Proxy { status, message: err.to_string().into() })
            }
        }
    }
}
