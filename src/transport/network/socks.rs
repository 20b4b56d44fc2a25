//! SOCKS5 (RFC 1928).

use std::net::{IpAddr, SocketAddr};

use tokio_socks::{Error as socks, TargetAddr, tcp::Socks5Stream};

use super::{Network, route::Proxy, tcp::alternate};
use crate::{
    error::{Stage, TransportError},
    protocol::endpoint::Destination,
    transport::{Io, Progress},
};

/// RFC 1928, section 4: one byte holds the length of a name.
const MAX_NAME: usize = 255;

impl Network {
    /// A tunnel through `proxy`. With `remote_dns`, the look-up of the host is the proxy's; else its addresses are tried
    /// one after the other, since a proxy may reach one family alone. If none can be reached, the error is that of the first.
    pub(super) async fn socks(
        &self,
        proxy: &Proxy,
        remote_dns: bool,
        destination: &Destination,
        progress: &Progress,
    ) -> Result<Box<dyn Io>, TransportError> {
        let (host, port) = (destination.host(), destination.port());
        let targets = match host.parse::<IpAddr>() {
            Ok(address) => vec![TargetAddr::Ip(SocketAddr::new(address, port))],
            Err(_) if remote_dns && host.len() > MAX_NAME => {
                return Err(TransportError::Unsupported("a host of more than 255 bytes over SOCKS".into()));
            }
            Err(_) if remote_dns => vec![TargetAddr::Domain(host.into(), port)],
            Err(_) => {
                let addresses = self.resolve(host, port, progress).await?;
                alternate(addresses).into_iter().map(TargetAddr::Ip).collect()
            }
        };
        let mut failure = None;
        for target in targets {
            let tcp = self.dial_proxy(proxy, progress).await?;
            progress.begin(Stage::Connect);
            let tunnel = match &proxy.credentials {
                Some((user, password)) => {
                    Socks5Stream::connect_with_password_and_socket(tcp, target, user, password).await
                }
                None => Socks5Stream::connect_with_socket(tcp, target).await,
            };
            match tunnel {
                Ok(tunnel) => return Ok(Box::new(tunnel.into_inner())),
                Err(err) if is_about_the_address(&err) => _ = failure.get_or_insert(err),
                Err(err) => return Err(failed(err)),
            }
        }
        Err(failure.map_or_else(TransportError::no_addresses, failed))
    }
}

/// Another address may do.
fn is_about_the_address(err: &socks) -> bool {
    matches!(
        err,
        socks::GeneralSocksServerFailure
            | socks::NetworkUnreachable
            | socks::HostUnreachable
            | socks::ConnectionRefused
            | socks::TtlExpired
            | socks::AddressTypeNotSupported
    )
}

fn failed(err: socks) -> TransportError {
    // In the terms of HTTP, which say whether another try is of use.
    let status = match &err {
        socks::NoAcceptableAuthMethods | socks::PasswordAuthFailure(_) => Some(407),
        socks::ConnectionNotAllowedByRuleset => Some(403),
        _ => None,
    };
    TransportError::proxy(status, err)
}
