//! SOCKS5 proxies (RFC 1928).

use std::net::{IpAddr, SocketAddr};

use tokio_socks::{Error as socks, TargetAddr, tcp::Socks5Stream};

use super::{Dialed, Network, dialer::Dialing, route::Proxy, tcp::alternate};
use crate::{
    error::{Stage, TransportError},
    protocol::endpoint::Destination,
};

/// The longest name in bytes. Its length is sent in one byte (RFC 1928, section 4).
const MAX_NAME: usize = 255;

impl Network {
    /// Makes a tunnel through `proxy`. With `remote_dns` the proxy looks up the host. Without it the addresses of the
    /// host are tried one after the other, because a proxy may support only one family. If the proxy cannot reach any,
    /// the error is that of the first address.
    pub(super) async fn socks(
        &self,
        proxy: &Proxy,
        remote_dns: bool,
        destination: &Destination,
        dialing: &Dialing,
    ) -> Result<Dialed, TransportError> {
        let (host, port) = (destination.host(), destination.port());
        let targets = match host.parse::<IpAddr>() {
            Ok(address) => vec![TargetAddr::Ip(SocketAddr::new(address, port))],
            Err(_) if remote_dns && host.len() > MAX_NAME => {
                return Err(TransportError::Unsupported("a host of more than 255 bytes over SOCKS".into()));
            }
            Err(_) if remote_dns => vec![TargetAddr::Domain(host.into(), port)],
            Err(_) => {
                let addresses = self.resolve(host, port, dialing).await?;
                alternate(addresses).into_iter().map(TargetAddr::Ip).collect()
            }
        };
        let mut failure = None;
        for target in targets {
            let tcp = self.dial_proxy(proxy, dialing).await?;
            dialing.progress().begin(Stage::Connect);
            let tunnel = match &proxy.credentials {
                Some((user, password)) => {
                    Socks5Stream::connect_with_password_and_socket(tcp, target, user, password).await
                }
                None => Socks5Stream::connect_with_socket(tcp, target).await,
            };
            match tunnel {
                Ok(tunnel) => return Ok(Dialed::from(tunnel.into_inner())),
                Err(err) if is_about_the_address(&err) => _ = failure.get_or_insert(err),
                Err(err) => return Err(failed(err)),
            }
        }
        Err(failure.map_or_else(TransportError::no_addresses, failed))
    }
}

/// Whether the proxy may be able to reach another address.
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
    // The status codes of HTTP say whether another attempt can help.
    let status = match &err {
        socks::NoAcceptableAuthMethods | socks::PasswordAuthFailure(_) => Some(407),
        socks::ConnectionNotAllowedByRuleset => Some(403),
        _ => None,
    };
    TransportError::proxy(status, err)
}
