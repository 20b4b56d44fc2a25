//! The variable `no_proxy`: the servers that are reached without a proxy.

use core::net::IpAddr;

use url::Host;

use crate::protocol::endpoint::{Destination, unbracketed};

/// The items of `no_proxy`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Exceptions(Vec<Exception>);

impl Exceptions {
    /// Parses items that commas or blanks separate. Calls `ignored` for each item that cannot be understood.
    pub(super) fn parse(items: &str, mut ignored: impl FnMut(&str)) -> Self {
        let mut exceptions = Vec::new();
        let items = items.split(|char: char| char == ',' || char.is_whitespace());
        for item in items.filter(|item| !item.is_empty()) {
            match Exception::parse(item) {
                Some(exception) => exceptions.push(exception),
                None => ignored(item),
            }
        }
        Self(exceptions)
    }

    pub(super) fn cover(&self, destination: &Destination) -> bool {
        self.0.iter().any(|exception| exception.covers(destination))
    }
}

/// One item of `no_proxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    Everything,
    Network(Network),
    /// A single address or a domain, at one port or at every port.
    Host {
        host: Site,
        port: Option<u16>,
    },
}

/// The addresses whose first `bits` bits are those of `address`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Site {
    Address(IpAddr),
    /// A domain and its subdomains, in the form that URLs have.
    Domain(String),
}

impl Exception {
    fn parse(item: &str) -> Option<Self> {
        if item == "*" {
            return Some(Self::Everything);
        }
        if let Some((address, bits)) = item.split_once('/') {
            return Network::parse(address, bits).map(Self::Network);
        }
        if let Ok(address) = unbracketed(item).parse::<IpAddr>() {
            return Some(Self::Host { host: Site::Address(address.to_canonical()), port: None });
        }
        let (host, port) = match item.rsplit_once(':') {
            Some((host, port)) if !item.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (item, None),
        };
        Some(Self::Host { host: Site::parse(host)?, port })
    }

    fn covers(&self, destination: &Destination) -> bool {
        match self {
            Self::Everything => true,
            Self::Network(network) => destination.host().parse().is_ok_and(|host| network.contains(host)),
            Self::Host { host, port } => {
                port.is_none_or(|port| port == destination.port()) && host.contains(destination.host())
            }
        }
    }
}

impl Network {
    fn parse(address: &str, bits: &str) -> Option<Self> {
        let address: IpAddr = unbracketed(address).parse().ok()?;
        let bits = bits.parse().ok().filter(|_| bits.bytes().all(|byte| byte.is_ascii_digit()))?;
        let network = match (address, address.to_canonical()) {
            // A network of IPv4 addresses that are written as IPv6 addresses.
            (IpAddr::V6(_), mapped @ IpAddr::V4(_)) if bits >= 96 => {
                Self { address: mapped, bits: bits - 96 }
            }
            _ => Self { address, bits },
        };
        let max = if network.address.is_ipv4() { 32 } else { 128 };
        (network.bits <= max).then_some(network)
    }

    fn contains(&self, host: IpAddr) -> bool {
        [host, host.to_canonical()].into_iter().any(|host| match (host, self.address) {
            (IpAddr::V4(host), IpAddr::V4(network)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                (host.to_bits() ^ network.to_bits()) & mask == 0
            }
            (IpAddr::V6(host), IpAddr::V6(network)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                (host.to_bits() ^ network.to_bits()) & mask == 0
            }
            _ => false,
        })
    }
}

impl Site {
    fn parse(host: &str) -> Option<Self> {
        let host = host.trim_start_matches('*').trim_start_matches('.').trim_end_matches('.');
        match Host::parse(host).ok()? {
            Host::Domain(domain) => Some(Self::Domain(domain)),
            Host::Ipv4(address) => Some(Self::Address(address.into())),
            Host::Ipv6(address) => Some(Self::Address(IpAddr::V6(address).to_canonical())),
        }
    }

    fn contains(&self, host: &str) -> bool {
        match self {
            Self::Address(address) => {
                host.parse::<IpAddr>().is_ok_and(|host| host.to_canonical() == *address)
            }
            Self::Domain(domain) => {
                let host = host.trim_end_matches('.');
                let is_below = |rest: &str| rest.is_empty() || rest.ends_with('.');
                host.strip_suffix(domain.as_str()).is_some_and(is_below)
            }
        }
    }
}

#[cfg(test)]
mod tests;
