//! The server's URL: from a base URL and the options to the target of each request.

use std::{borrow::Cow, fmt};

use base64_simd::STANDARD;
use percent_encoding::percent_decode_str;
use url::{ParseError, Position, Url, form_urlencoded};

use crate::{
    error::ConnectError,
    protocol::{handshake::TransportKind, version::ProtocolVersion},
};

/// The query parameters that Engine.IO sets itself, besides the timestamp.
const RESERVED: [&str; 4] = ["EIO", "transport", "sid", "b64"];

/// The bytes of these parameters in a request, without the values of the sid and of the timestamp, and with room for the usual
/// timestamp.
const MAX_PARAMETERS: usize = 64;

/// The limit for a redirect's URL, in bytes. RFC 9110, section 4.1, recommends at least 8,000.
const MAX_LOCATION: usize = 8 << 10;

const WRONG_SCHEME: &str = "the URL must start with http://, https://, ws:// or wss://";

/// The host and port that a connection is opened to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    host: String,
    port: u16,
    is_secure: bool,
}

impl Destination {
    /// A destination, for tests of a [`connector`](crate::EngineIoClientBuilder::connector). `host` is a name, or an IP
    /// address without brackets. `is_secure`: the URL has the scheme `https` or `wss`.
    pub fn new(host: impl Into<String>, port: u16, is_secure: bool) -> Self {
        Self { host: host.into(), port, is_secure }
    }

    /// The host of the URL: a name, or an IP address (one of version 6 without its brackets).
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of the URL, or the default one of its scheme.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the URL is `https` or `wss`.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// `example.org:443`, `[::1]:80`.
    pub(crate) fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// The server's URL: `http` or `https`, with the path of Engine.IO and the user's query, without user information.
#[derive(Clone)]
pub(crate) struct Endpoint {
    url: Url,
    authorization: Option<Box<str>>,
    stamp_param: Cow<'static, str>,
    /// The URL that the user named has a path, and requests go to another one.
    ignores_path: bool,
    /// A server has chosen the path. It may have put a parameter of ours into it, which may be a secret.
    has_foreign_path: bool,
}

impl Endpoint {
    /// Takes the origin and the query of `url`. Its path is ignored, as in the other clients: `path` replaces it.
    /// `stamp_param` has passed [`check_stamp_param`].
    pub(crate) fn new(
        url: &str,
        path: &str,
        add_trailing_slash: bool,
        stamp_param: Cow<'static, str>,
    ) -> Result<Self, ConnectError> {
        let invalid = |reason: String| ConnectError::Invalid { what: "URL", reason };
        let url = Url::parse(url).map_err(|err| {
            invalid(match err {
                ParseError::RelativeUrlWithoutBase => WRONG_SCHEME.to_owned(),
                err => err.to_string(),
            })
        })?;
        let mut endpoint = Self::from_url(url, stamp_param).map_err(|reason| invalid(reason.to_owned()))?;
        if endpoint.url.query().is_some_and(|query| endpoint.sets_reserved(query)) {
            let reserved = RESERVED.join(", ");
            let stamp_param = &endpoint.stamp_param;
            return Err(invalid(format!("the query may not set any of {reserved}, {stamp_param}")));
        }

        let path = path.trim_matches('/');
        let slash = if add_trailing_slash && !path.is_empty() { "/" } else { "" };
        let in_url = endpoint.url.path().trim_matches('/').to_owned();
        endpoint.url.set_path(&format!("/{path}{slash}"));
        endpoint.ignores_path = !in_url.is_empty() && in_url != endpoint.url.path().trim_matches('/');
        Ok(endpoint)
    }

    fn from_url(mut url: Url, stamp_param: Cow<'static, str>) -> Result<Self, &'static str> {
        let scheme = match url.scheme() {
            "http" | "ws" => "http",
            "https" | "wss" => "https",
            _ => return Err(WRONG_SCHEME),
        };
        url.set_scheme(scheme).map_err(|()| WRONG_SCHEME)?;

        let authorization = basic_authorization(&url);
        // Both fail only for a URL without a host, and URLs of these schemes have one.
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| "the URL has no host")?;
        Ok(Self { url, authorization, stamp_param, ignores_path: false, has_foreign_path: false })
    }

    /// Resolves the `Location` of a redirected handshake. The error says why the redirect may not be followed.
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, String> {
        if location.len() > MAX_LOCATION {
            return Err(format!("to a URL of more than {MAX_LOCATION} bytes"));
        }
        let url = self.url.join(location).map_err(|err| err.to_string())?;
        let mut endpoint = Self::from_url(url, self.stamp_param.clone())?;
        if self.is_secure() && !endpoint.is_secure() {
            return Err(format!("from https to {}", endpoint.origin()));
        }
        // Credentials are not sent to another origin, which may belong to somebody else.
        if endpoint.authorization.is_none() && self.same_origin(&endpoint) {
            endpoint.authorization.clone_from(&self.authorization);
        }

        // Servers redirect to the whole URL of the request, with the parameters that each request sets itself.
        let query = endpoint.url.query().unwrap_or_default().split('&');
        let query: Vec<_> = query.filter(|pair| !pair.is_empty() && !self.sets_reserved(pair)).collect();
        let query = query.join("&");
        endpoint.url.set_query((!query.is_empty()).then_some(&query));
        endpoint.has_foreign_path = self.has_foreign_path || endpoint.url.path() != self.url.path();
        Ok(endpoint)
    }

    /// The target of a request: `/engine.io/?room=7&EIO=4&transport=polling&t=STAMP&sid=SID`.
    ///
    /// Version 3 has a further parameter, `b64`, for clients that can read only text. This client reads both.
    pub(crate) fn request_target(
        &self,
        version: ProtocolVersion,
        transport: TransportKind,
        sid: Option<&str>,
        stamp: Option<&str>,
    ) -> String {
        let url = self.url.as_str().len() + self.stamp_param.len();
        let mut target = String::with_capacity(url + sid.map_or(0, str::len) + MAX_PARAMETERS);
        target.push_str(self.url.path());
        target.push('?');
        if let Some(query) = self.url.query().filter(|query| !query.is_empty()) {
            target.push_str(query);
            target.push('&');
        }
        for part in ["EIO=", version.as_str(), "&transport=", transport.as_str()] {
            target.push_str(part);
        }
        if let Some(stamp) = stamp {
            for part in ["&", &self.stamp_param, "=", stamp] {
                target.push_str(part);
            }
        }
        if let Some(sid) = sid {
            target.push_str("&sid=");
            // Only in forms does a `+` mean a space.
            let sid = form_urlencoded::byte_serialize(sid.as_bytes());
            target.extend(sid.map(|part| if part == "+" { "%20" } else { part }));
        }
        target
    }

    /// Whether a query sets a parameter that Engine.IO sets itself.
    fn sets_reserved(&self, query: &str) -> bool {
        form_urlencoded::parse(query.as_bytes())
            .any(|(key, _)| RESERVED.contains(&&*key) || *key == *self.stamp_param)
    }

    /// `https://example.org:8443`; a default port is omitted.
    pub(crate) fn origin(&self) -> &str {
        &self.url[..Position::BeforePath]
    }

    /// The whole URL without user information. Its query is the user's and may contain secrets.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The URL for logs and errors, without secrets: the origin and the path, unless a server has chosen the path.
    pub(crate) fn display_url(&self) -> &str {
        let end = if self.has_foreign_path { Position::BeforePath } else { Position::AfterPath };
        &self.url[..end]
    }

    /// Whether the URL that the user named has a path to which no request goes.
    pub(crate) fn ignores_path(&self) -> bool {
        self.ignores_path
    }

    pub(crate) fn destination(&self) -> Destination {
        let host = unbracketed(self.url.host_str().unwrap_or_default());
        let port = self.url.port_or_known_default().unwrap_or_default();
        Destination::new(host, port, self.is_secure())
    }

    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.origin() == other.origin()
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The value of the `host` header: a default port is omitted, and an IPv6 address is in brackets.
    pub(crate) fn host_header(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// The value of the `authorization` header, from the user information of the URL.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

/// Omits the query and the authorization, which are secrets.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.display_url()).finish()
    }
}

/// The host of a URL as it is written elsewhere: an IPv6 address without its brackets.
pub(crate) fn unbracketed(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// Checks the name of the parameter that carries the timestamp. The name goes into the URL unescaped, and it must not
/// be that of another parameter of Engine.IO.
pub(crate) fn check_stamp_param(name: &str) -> Result<(), ConnectError> {
    let invalid = |reason| Err(ConnectError::Invalid { what: "timestamp parameter", reason });
    if RESERVED.contains(&name) {
        return invalid(format!("{name} has another meaning"));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_plain) {
        return invalid(format!("{name:?} has to consist of letters, digits, and any of -._~"));
    }
    Ok(())
}

fn basic_authorization(url: &Url) -> Option<Box<str>> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut credentials: Vec<u8> = percent_decode_str(url.username()).collect();
    credentials.push(b':');
    credentials.extend(percent_decode_str(url.password().unwrap_or_default()));
    Some(format!("Basic {}", STANDARD.encode_to_string(credentials)).into())
}

#[cfg(test)]
mod tests;
