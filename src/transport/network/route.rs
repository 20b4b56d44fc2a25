//! The choice of a proxy, and the request that is sent to it.

mod exceptions;

use std::fmt;

use base64_simd::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use self::exceptions::Exceptions;
use crate::{
    protocol::endpoint::{Destination, unbracketed},
    transport::http::{Forwarding, USER_AGENT},
};

/// A proxy that the user or the environment has named.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) scheme: Scheme,
    /// A name or an IP address. An IPv6 address has no brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// User and password.
    pub(crate) credentials: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// HTTP: the proxy forwards requests (RFC 9112, section 3.2.2), or makes a tunnel for CONNECT (RFC 9110, section
    /// 9.3.6).
    Http,
    /// SOCKS version 5 (RFC 1928, RFC 1929). As in curl, the client looks up the host for `socks5`, and the proxy looks
    /// it up for `socks5h`.
    Socks5 { remote_dns: bool },
}

impl Proxy {
    /// Parses `http://user:password@host:3128`, `socks5://..`, `socks5h://..`, or `host:3128` for an HTTP proxy.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let url = url.map_err(|err| err.to_string())?;
        let (scheme, default_port) = match url.scheme() {
            "http" => (Scheme::Http, 80),
            "socks5" => (Scheme::Socks5 { remote_dns: false }, 1080),
            "socks5h" => (Scheme::Socks5 { remote_dns: true }, 1080),
            _ => return Err("it must start with http://, socks5:// or socks5h://".to_owned()),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
        let decode = |part| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let is_open = url.username().is_empty() && url.password().is_none();
        let credentials =
            (!is_open).then(|| (decode(url.username()), decode(url.password().unwrap_or_default())));
        if let (Scheme::Socks5 { .. }, Some((user, password))) = (scheme, &credentials)
            && [user, password].iter().any(|part| !(1..=255).contains(&part.len()))
        {
            return Err("SOCKS wants a user and a password of 1 to 255 bytes each (RFC 1929)".to_owned());
        }
        Ok(Self { scheme, host: unbracketed(host), port: url.port().unwrap_or(default_port), credentials })
    }

    /// The request for a tunnel to `destination`.
    pub(crate) fn connect_request(&self, destination: &Destination) -> String {
        let authority = destination.authority();
        let authorization = self.authorization().map(|value| format!("proxy-authorization: {value}\r\n"));
        let authorization = authorization.unwrap_or_default();
        format!(
            "CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: {USER_AGENT}\r\n{authorization}\r\n"
        )
    }

    /// This proxy as the one that forwards requests.
    pub(super) fn forwarding(&self) -> Forwarding {
        Forwarding::new(self.authorization().and_then(|value| value.try_into().ok()))
    }

    /// The value of `proxy-authorization` (RFC 7617).
    fn authorization(&self) -> Option<String> {
        let (user, password) = self.credentials.as_ref()?;
        Some(format!("Basic {}", STANDARD.encode_to_string(format!("{user}:{password}"))))
    }
}

/// The credentials are secrets.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("scheme", &self.scheme)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// The proxy that a variable names, if there is one, or the reason why it cannot be used. Only connects that need this
/// proxy fail.
type Named = Result<Option<Proxy>, String>;

/// The proxies that the environment names. As in most programs, the variables are `http_proxy`, `https_proxy`,
/// `all_proxy` and `no_proxy`, in small or in capital letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Environment {
    http: Named,
    https: Named,
    except: Exceptions,
}

impl Environment {
    /// Reads the environment. `variable` returns the value of a variable.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| {
            let capitals = name.to_ascii_uppercase();
            // In a CGI program HTTP_PROXY is the header `proxy` of the request, which anybody can set.
            let is_safe = name != "http_proxy" || variable("REQUEST_METHOD").is_none();
            variable(name)
                .or_else(|| is_safe.then(|| variable(&capitals)).flatten())
                .filter(|value| !value.trim().is_empty())
        };
        let proxy = |name: &str| {
            let (name, value) = match get(name) {
                Some(value) => (name, Some(value)),
                None => ("all_proxy", get("all_proxy")),
            };
            value.map(|value| Proxy::parse(&value)).transpose().map_err(|err| format!("{name}: {err}"))
        };
        let except = Exceptions::parse(&get("no_proxy").unwrap_or_default(), |item| {
            log::warn!(
                target: "actix_engineio::transport",
                "no_proxy: {item:?} is no domain, address or network, so it is ignored"
            );
        });
        Self { http: proxy("http_proxy"), https: proxy("https_proxy"), except }
    }

    /// Chooses the proxy for `destination`, if it needs one.
    pub(crate) fn proxy_for(&self, destination: &Destination) -> Result<Option<&Proxy>, &str> {
        if self.except.cover(destination) {
            return Ok(None);
        }
        let named = if destination.is_secure() { &self.https } else { &self.http };
        named.as_ref().map(Option::as_ref).map_err(String::as_str)
    }
}

#[cfg(test)]
mod tests;
