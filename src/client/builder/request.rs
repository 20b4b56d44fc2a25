//! The options of what requests say.

use std::sync::{Arc, Mutex};

use actix_http::header;
use cookie_store::CookieStore;

use super::EngineIoClientBuilder;
use crate::{client::headers, protocol::endpoint, transport};

/// # Requests
impl EngineIoClientBuilder {
    /// The path the server listens on. Default: `engine.io`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.config.path = path.into();
        self
    }

    /// Whether the path ends with a slash. Default: `true`.
    pub fn add_trailing_slash(mut self, add: bool) -> Self {
        self.config.add_trailing_slash = add;
        self
    }

    /// Whether requests carry a parameter that is different each time, against caches. Default: `true`.
    pub fn timestamp_requests(mut self, stamp: bool) -> Self {
        self.config.transport.timestamp_requests = stamp;
        self
    }

    /// The name of that parameter, of ASCII letters, digits and `-._~`; the query of the URL may not set it. Default: `t`.
    pub fn timestamp_param(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        match endpoint::check_stamp_param(&name) {
            Ok(()) => self.config.timestamp_param = name.into(),
            Err(err) => _ = self.config.invalid.get_or_insert(err),
        }
        self
    }

    /// Adds a header to every request of both transports; see [`Connect::header`](crate::Connect::header) for what is
    /// refused, and which may be added several times. Default: none, but for `accept`, `accept-encoding`, `user-agent`
    /// (`actix-engineio/` and the version) and, with a POST, `content-type`, whose place such a header takes.
    ///
    /// This is also how to say what a browser would: `header("origin", "https://example.org")` for servers that admit
    /// certain sites only.
    ///
    /// `authorization`, `cookie`, `proxy-authorization` and `host` are not sent on when the server redirects to another
    /// origin.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        match headers::parse(name.as_ref(), value.as_ref()) {
            Ok(header) => transport::headers::add(&mut self.config.transport.headers, header),
            Err(err) => _ = self.config.invalid.get_or_insert(err),
        }
        self
    }

    /// Adds a header to WebSocket handshakes alone, beside those of [`header`](Self::header); of a header that HTTP allows
    /// once, this one is sent. Default: none.
    pub fn websocket_header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        match headers::parse(name.as_ref(), value.as_ref()) {
            Ok(header) => transport::headers::add(&mut self.config.transport.websocket_headers, header),
            Err(err) => _ = self.config.invalid.get_or_insert(err),
        }
        self
    }

    /// The subprotocols that WebSocket handshakes offer (`sec-websocket-protocol`), the preferred first. The server may
    /// choose one, shown in [`Session::websocket_protocol`](crate::Session::websocket_protocol), or none; a choice that was
    /// not offered fails the handshake. Each is a token as of HTTP, different from the others. Default: none.
    pub fn websocket_protocols<P: AsRef<str>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        let headers = &mut self.config.transport.websocket_headers;
        headers.retain(|(name, _)| *name != header::SEC_WEBSOCKET_PROTOCOL);
        let protocols: Vec<_> = protocols.into_iter().collect();
        let protocols: Vec<_> = protocols.iter().map(AsRef::as_ref).collect();
        match headers::websocket_protocols(&protocols) {
            Ok(header) => headers.extend(header),
            Err(err) => _ = self.config.invalid.get_or_insert(err),
        }
        self
    }

    /// Whether the cookies that servers set are kept, and sent with every request that they are meant for: the polls, the
    /// WebSocket handshake, the attempts to reconnect. Load balancers rely on it. Default: `true`, in a store that this
    /// client has for itself; with `false` that of [`cookie_store`](Self::cookie_store) is not used either.
    ///
    /// Every response may set some, a refusal too. Domain, path, `Secure` and expiry count as in RFC 6265. A
    /// [`header`](Self::header) `cookie` of the user's own goes on the same line; a name that it sets is not taken from the
    /// store. Of one host at most 180 cookies are kept, of 4096 bytes each.
    pub fn cookies(mut self, keep: bool) -> Self {
        self.config.cookies = keep;
        self
    }

    /// Uses this store for cookies: to start with cookies from elsewhere, to look at what was set, or to share it between
    /// clients. Default: one of the client's own. The clients lock it for moments only; holding the lock for
    /// long blocks them.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use actix_engineio::{EngineIoClient, cookie_store::CookieStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut store = CookieStore::new();
    /// store.parse("login=secret; Path=/; Secure", &"https://example.org".parse()?)?;
    /// let store = Arc::new(Mutex::new(store));
    ///
    /// let builder = EngineIoClient::builder().cookie_store(store.clone());
    /// // .. start the client, and later forget everything:
    /// store.lock().unwrap().clear();
    /// # Ok(())
    /// # }
    /// ```
    pub fn cookie_store(mut self, store: Arc<Mutex<CookieStore>>) -> Self {
        self.config.transport.cookies = Some(store.into());
        self
    }
}
