//! The requests of a client.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use url::form_urlencoded;

/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// A request that a [`TestServer`](super::TestServer) received, also one that it refused.
///
/// ```
/// use actix_engineio::{Connect, EngineIoClient, testing::TestServer};
///
/// #[actix::main]
/// async fn main() {
///     let server = TestServer::start();
///     let client = EngineIoClient::builder().header("authorization", "Bearer secret").start();
///     client.send(Connect::new(format!("{}/?room=7", server.url()))).await.unwrap().unwrap();
///
///     let requests = server.requests();
///     let handshake = &requests[0];
///     assert_eq!((handshake.method.as_str(), handshake.path.as_str()), ("GET", "/engine.io/"));
///     assert_eq!(handshake.parameter("room"), Some("7"));
///     assert_eq!(handshake.header("authorization"), Some("Bearer secret"));
///     assert_eq!(handshake.cookie("login"), None);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method: `GET` or `POST`.
    pub method: String,
    /// The path, such as `/engine.io/`.
    pub path: String,
    /// The parameters of the query in their order, decoded.
    pub query: Vec<(String, String)>,
    /// The headers in their order, with their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body: of a POST, its packets.
    pub body: Bytes,
}

impl Request {
    /// The first parameter of the query with this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// The value of the first header with this name. `name` may be in upper or in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, &name.to_ascii_lowercase())
    }

    /// The value of a cookie that the client sent.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let mut cookies = self.header("cookie")?.split(';');
        cookies.find_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether this is a request for a session: it has no `sid`. It may have been refused.
    ///
    /// ```
    /// use actix_engineio::{Connect, EngineIoClient, testing::TestServer};
    ///
    /// #[actix::main]
    /// async fn main() {
    ///     let server = TestServer::start();
    ///     let client = EngineIoClient::builder().start();
    ///     client.send(Connect::new(server.url())).await.unwrap().unwrap();
    ///     assert_eq!(server.requests().iter().filter(|request| request.is_handshake()).count(), 1);
    /// }
    /// ```
    pub fn is_handshake(&self) -> bool {
        self.parameter("sid").is_none()
    }

    /// Whether the request asks for a WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.header("upgrade").is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// Reads one request. Bytes behind it stay in `buffer`. `Ok(None)`: the client has closed the connection.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> Result<Option<Request>, String> {
    let end = loop {
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            break end;
        }
        if buffer.len() > MAX_HEAD {
            return Err("the client sent a request with a head of more than 64 KiB".to_owned());
        }
        if !fill(stream, buffer).await {
            return Ok(None);
        }
    };
    let head = buffer.split_to(end.saturating_add(4));
    let mut request = parse(&head).ok_or_else(|| {
        format!("the client sent what is not HTTP/1.1: {}", String::from_utf8_lossy(&head).escape_debug())
    })?;
    if request.header("transfer-encoding").is_some() {
        return Err("the client sent a request with a transfer coding".to_owned());
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while buffer.len() < length {
        if !fill(stream, buffer).await {
            return Ok(None);
        }
    }
    request.body = buffer.split_to(length).freeze();
    Ok(Some(request))
}

/// Reads more bytes. Returns `false` at the end of the connection.
pub(super) async fn fill(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> bool {
    matches!(stream.read_buf(buffer).await, Ok(length) if length > 0)
}

fn parse(head: &[u8]) -> Option<Request> {
    let head = str::from_utf8(head).ok()?;
    let (request_line, lines) = head.split_once("\r\n")?;
    let mut parts = request_line.split(' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    if version != "HTTP/1.1" || parts.next().is_some() {
        return None;
    }
    // A client that uses a proxy sends the whole URL.
    let target =
        target.split_once("://").map_or(target, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let lines = lines.split("\r\n").filter(|line| !line.is_empty());
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: headers.collect::<Option<_>>()?,
        body: Bytes::new(),
    })
}
