//! TCP connections: from the name of a host to a connection.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use actix_rt::time::timeout;
use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::net::{TcpSocket, TcpStream};

use super::{Network, dialer::Dialing, unsent::TcpConnection};
use crate::error::{Stage, TransportError};

/// RFC 8305, section 5: "a recommended value for a default delay is 250 milliseconds".
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

impl Network {
    /// Connects to the first address of `host` that answers. `host` is a name or an IP address.
    pub(super) async fn dial(
        &self,
        host: &str,
        port: u16,
        dialing: &Dialing,
    ) -> Result<TcpConnection, TransportError> {
        let addresses = self.resolve(host, port, dialing).await?;
        dialing.progress().begin(Stage::Connect);
        let local = self.local_address;
        let reachable = |address: &SocketAddr| local.is_none_or(|local| local.is_ipv4() == address.is_ipv4());
        let addresses = alternate(addresses.into_iter().filter(reachable));
        let outcome = first(addresses, |address| attempt(address, local)).await;
        outcome.map(TcpConnection::new).map_err(TransportError::connect)
    }

    /// Looks up the addresses of `host`. There is at least one.
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
        dialing: &Dialing,
    ) -> Result<Vec<SocketAddr>, TransportError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        dialing.progress().begin(Stage::Resolve);
        let addresses = match &self.resolver {
            Some(resolver) => resolver(host.to_owned()).await.map(|addresses| {
                addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect()
            }),
            None => dialing.lookups().addresses(host, port).await,
        };
        match addresses {
            Ok(addresses) if Vec::is_empty(&addresses) => Err(TransportError::no_addresses()),
            Ok(addresses) => Ok(addresses),
            Err(err) => Err(TransportError::resolve(err)),
        }
    }
}

async fn attempt(address: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(local) = local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = socket.connect(address).await?;
    // Nagle's algorithm delays a small write until the peer has acknowledged the write before it. That takes 40 ms if
    // the peer delays its acknowledgements.
    if let Err(err) = stream.set_nodelay(true) {
        log::debug!(target: "actix_engineio::transport", "cannot set TCP_NODELAY: {err}");
    }
    Ok(stream)
}

/// Sorts addresses so that both families alternate (RFC 8305, section 4). If a network does not support one family,
/// that costs only one delay.
pub(super) fn alternate(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.into_iter().peekable();
    let starts_with_v4 = addresses.peek().is_some_and(SocketAddr::is_ipv4);
    let (preferred, other): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv4() == starts_with_v4);
    let mut other = other.into_iter();
    let mut order: Vec<_> =
        preferred.into_iter().flat_map(|address| [Some(address), other.next()]).flatten().collect();
    order.extend(other);
    order
}

/// Returns the connection of the first attempt that succeeds. Each attempt begins when the one before has failed, or
/// has taken [`ATTEMPT_DELAY`]. If all attempts fail, the error is that of the first address.
pub(super) async fn first<F, T>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = None;
    loop {
        attempts.extend(addresses.next().map(&attempt));
        let outcome = if addresses.len() == 0 {
            attempts.next().await
        } else {
            let Ok(outcome) = timeout(ATTEMPT_DELAY, attempts.next()).await else { continue };
            outcome
        };
        match outcome {
            Some(Ok(connection)) => return Ok(connection),
            Some(Err(err)) => _ = failure.get_or_insert(err),
            None => {
                let none = || {
                    io::Error::new(io::ErrorKind::AddrNotAvailable, "no address of the local one's family")
                };
                return Err(failure.unwrap_or_else(none));
            }
        }
    }
}
