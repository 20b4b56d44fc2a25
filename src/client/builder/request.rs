//! The options for the contents of requests.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
};

use cookie_store::CookieStore;

use super::EngineIoClientBuilder;
use crate::{protocol::endpoint, transport};

/// # Requests
impl EngineIoClientBuilder {
    /// The path that the server listens on. Slashes around it are ignored: `engine.io`, `/engine.io` and `/engine.io/`
    /// are the same. Characters that a path cannot contain, `?` and `#` too, are percent-encoded. An empty path is the
    /// root of the server. Default: `engine.io`. Servers of Socket.IO listen on `socket.io`.
    ///
    /// See [`add_trailing_slash`](Self::add_trailing_slash) for the slash at its end.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.config.attempts.path = Cow::Owned(path.into());
        self
    }

    /// Whether the path of a request ends with a slash. Default: `true`.
    pub fn add_trailing_slash(mut self, add: bool) -> Self {
        self.config.attempts.add_trailing_slash = add;
        self
    }

    /// Whether each request carries a query parameter with a new value, so that no cache answers it. Default: `true`.
    pub fn timestamp_requests(mut self, stamp: bool) -> Self {
        self.transport().timestamp_requests = stamp;
        self
    }

    /// The name of the parameter of [`timestamp_requests`](Self::timestamp_requests). It consists of ASCII letters, digits and
    /// `-._~`, and the query of the URL cannot set a parameter of this name. The names `EIO`, `transport`, `sid` and `b64` are
    /// refused. Default: `t`.
    pub fn timestamp_param(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        match endpoint::check_stamp_param(&name) {
            Ok(()) => self.config.attempts.timestamp_param = name.into(),
            Err(err) => self.reject(err),
        }
        self
    }

    /// The largest number of redirects that one handshake follows, over polling or over WebSocket. One more is the error
    /// [`TransportError::Redirect`](crate::TransportError::Redirect). Default: 5.
    ///
    /// The session stays at the URL that answered its handshake: polls and POSTs do not follow redirects, and the WebSocket
    /// handshake of an upgrade follows them only within the session's origin. A redirect from `https` to `http` is never
    /// followed.
    ///
    /// Another origin (scheme, host and port) may belong to somebody else, so what the application has set is not sent there:
    /// no credentials and no query of its URL, no client certificate, no WebSocket subprotocols, and only the few headers that
    /// [`header`](Self::header) names. Cookies are sent to the origins that they are meant for. TLS that an
    /// [`awc_connector`](Self::awc_connector) brings is the application's own: it decides itself which certificate it shows to
    /// which host.
    pub fn max_redirects(mut self, redirects: usize) -> Self {
        self.transport().max_redirects = redirects;
        self
    }

    /// Adds a header to every request of both transports. [`Connect::header`](crate::Connect::header) says which
    /// headers cannot be set, and which can be added several times.
    ///
    /// An invalid header is not reported here: the builder keeps the first error, and every
    /// [`Connect`](crate::Connect) fails with it.
    ///
    /// By default the client sends `accept`, `accept-encoding`, `user-agent` (`actix-engineio/` and the version) and, with a
    /// POST, `content-type`. A header of the same name replaces them, except that in protocol 3 the `content-type` of a POST
    /// is always the client's.
    ///
    /// With this option a client can say what a browser would say: `header("origin", "https://example.org")` is for
    /// servers that admit certain sites only.
    ///
    /// If the server redirects to another origin, only `user-agent`, `accept`, `accept-encoding`, `accept-language` and
    /// `origin` are sent there, since the value of any other header may be a secret: see
    /// [`max_redirects`](Self::max_redirects).
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let headers = &mut self.transport().headers;
        if let Err(err) = headers.parse_and_append(name.as_ref(), value.as_ref()) {
            self.reject(err);
        }
        self
    }

    /// Adds a header to WebSocket handshakes only, in addition to those of [`header`](Self::header). If HTTP allows the
    /// header only once, this one is sent. Default: none.
    ///
    /// An invalid header makes every [`Connect`](crate::Connect) fail, as with `header`.
    pub fn websocket_header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let headers = &mut self.transport().websocket_headers;
        if let Err(err) = headers.parse_and_append(name.as_ref(), value.as_ref()) {
            self.reject(err);
        }
        self
    }

    /// The subprotocols that WebSocket handshakes offer (`sec-websocket-protocol`), the preferred one first. Another call
    /// replaces them. Default: none.
    ///
    /// The server chooses one of them or none: see [`Session::websocket_protocol`](crate::Session::websocket_protocol).
    /// The handshake fails if the server chooses one that was not offered. Each subprotocol is an HTTP token, and none
    /// may be given twice; otherwise every [`Connect`](crate::Connect) fails. If the server redirects to another origin,
    /// none is offered there, since applications also use them for tokens.
    pub fn websocket_protocols<P: AsRef<str>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        let protocols: Vec<_> = protocols.into_iter().collect();
        let protocols: Vec<_> = protocols.iter().map(AsRef::as_ref).collect();
        if let Err(err) = self.transport().websocket_headers.offer_protocols(&protocols) {
            self.reject(err);
        }
        self
    }

    /// Whether the client stores the cookies that servers set, and sends them with every request that they are meant
    /// for: with polls, WebSocket handshakes and reconnect attempts. Many load balancers need this. Default: `true`.
    ///
    /// The cookies are in a store of this client, or in that of [`cookie_store`](Self::cookie_store). With `false`
    /// neither is used.
    ///
    /// Every response can set cookies, one with an error status too. Cookies work as in RFC 6265bis: `Secure` ones are set and
    /// sent over TLS only, and nothing that arrives without TLS replaces them; the rules for names that begin with `__Secure-`
    /// and `__Host-` are enforced. `SameSite` does not apply, since a client has no site. If the application sets a `cookie`
    /// [`header`](Self::header) of its own, both go on one line, and names that the header sets are not taken from the store.
    /// At most 180 cookies of 4096 bytes each are stored per host, and at most 3,000 cookies and 1 MiB in total. A cookie
    /// beyond the limit of its host is not stored. Beyond the total, cookies of other hosts are removed; in a store that the
    /// application has given, only expired cookies are, and otherwise the new cookie is not stored.
    pub fn cookies(mut self, keep: bool) -> Self {
        self.config.cookies = keep;
        self
    }

    /// Uses this store for cookies. With it an application can set cookies before it connects, look at those that a
    /// server has set, or share them between clients. Default: each client has its own store.
    ///
    /// The clients lock the store only for moments. A lock that the application holds for long blocks them.
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
        self.transport().cookies = Some(transport::Cookies::Given(store));
        self
    }
}
