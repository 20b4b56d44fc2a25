//! Builds the requests of one transport: their target, their headers and their cookies.

use std::sync::Arc;

use actix_http::{
    Method,
    header::{self, HeaderMap, HeaderValue},
    uri::PathAndQuery,
};
use bytes::Bytes;
use bytestring::ByteString;
use percent_encoding::{CONTROLS, percent_encode};

use super::{
    Headers, Options,
    http::{self, Repeat},
    http_client::HttpClient,
    network::Network,
    wire_log,
};
use crate::{
    error::TransportError,
    protocol::{endpoint::Endpoint, handshake::TransportKind, version::ProtocolVersion},
};

/// Builds the requests of one transport.
pub(super) struct Requests {
    endpoint: Arc<Endpoint>,
    sid: Option<ByteString>,
    version: ProtocolVersion,
    options: Arc<Options>,
    /// The endpoint that the user named. The headers, credentials and cookies of the application are sent to its origin
    /// only, and a redirect may lead to another.
    original: Arc<Endpoint>,
    /// The network for the endpoint, without a client certificate at another origin.
    network: Arc<Network>,
    /// The number of redirects that were followed.
    redirects: usize,
}

impl Requests {
    /// Requests go to `endpoint`. `sid`: the session to join, `None` for a new one. `original`: the endpoint that the user
    /// named; `endpoint` is another one if a redirect has led there.
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        sid: Option<ByteString>,
        options: Arc<Options>,
        original: Arc<Endpoint>,
    ) -> Self {
        let network = network_for(&options, &endpoint, &original);
        Self { endpoint, sid, version: ProtocolVersion::V4, options, original, network, redirects: 0 }
    }

    /// The same in this version of the protocol.
    pub(super) fn speaking(self, version: ProtocolVersion) -> Self {
        Self { version, ..self }
    }

    /// The version of the protocol.
    pub(super) fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// Sets the version of the protocol for later requests.
    pub(super) fn set_version(&mut self, version: ProtocolVersion) {
        self.version = version;
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Makes a client that sends requests to the endpoint.
    pub(super) fn new_http_client(&self) -> HttpClient {
        HttpClient::new(
            self.network.clone(),
            self.options.lookups.clone(),
            self.endpoint.destination(),
            self.options.servers.clone(),
        )
    }

    /// The endpoint of a session that is not open yet. `None`: the session is open, so its endpoint is known.
    pub(super) fn new_endpoint(&self) -> Option<Arc<Endpoint>> {
        self.sid.is_none().then(|| self.endpoint.clone())
    }

    /// Sets the session that later requests belong to.
    pub(super) fn set_sid(&mut self, sid: ByteString) {
        self.sid = Some(sid);
    }

    /// Sets and returns the endpoint to which the head of a response redirects a handshake. Later requests go there.
    pub(super) fn redirect(&mut self, headers: &HeaderMap) -> Result<Arc<Endpoint>, TransportError> {
        let refused = |reason: String| TransportError::Redirect(reason.into());
        let location = headers.get(header::LOCATION);
        let location = location.ok_or_else(|| refused("without a Location".to_owned()))?;
        // Servers also send URLs of bytes that a URL cannot contain, mostly of UTF-8 (RFC 3986, section 2.5).
        let location = percent_encode(location.as_bytes(), CONTROLS).to_string();
        let endpoint = self.endpoint.redirected(&location).map_err(refused)?;
        // The sid is a secret of its origin.
        if self.sid.is_some() && !endpoint.same_origin(&self.endpoint) {
            return Err(refused(format!("to {}, where the session is unknown", endpoint.origin())));
        }
        match self.options.max_redirects {
            0 => return Err(refused(format!("to {}, and max_redirects is 0", endpoint.origin()))),
            max if self.redirects >= max => {
                return Err(refused(format!("more than {max} times, which is max_redirects")));
            }
            _ => self.redirects += 1,
        }
        self.endpoint = Arc::new(endpoint);
        self.network = network_for(&self.options, &self.endpoint, &self.original);
        Ok(self.endpoint.clone())
    }

    /// The GET that opens a session over polling, or polls it.
    pub(super) fn get(&self) -> Result<http::Request, TransportError> {
        self.make(Method::GET, TransportKind::Polling, Bytes::new(), &Headers::default())
    }

    /// The POST that sends `body`.
    pub(super) fn post(&self, body: Bytes, repeat: Repeat) -> Result<http::Request, TransportError> {
        let headers = match self.version.content_type(&body) {
            None => Headers::default(),
            Some(content_type) => {
                Headers::from([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
            }
        };
        let request = self.make(Method::POST, TransportKind::Polling, body, &headers)?;
        Ok(http::Request { repeat, ..request })
    }

    /// The GET that asks for a WebSocket with these headers.
    pub(super) fn websocket_handshake(&self, headers: &Headers) -> Result<http::Request, TransportError> {
        self.make(Method::GET, TransportKind::WebSocket, Bytes::new(), headers)
    }

    fn make(
        &self,
        method: Method,
        kind: TransportKind,
        body: Bytes,
        extra: &Headers,
    ) -> Result<http::Request, TransportError> {
        let stamp = self.options.timestamp_requests.then(stamp);
        let target = self.endpoint.request_target(self.version, kind, self.sid.as_deref(), stamp.as_deref());
        wire_log::request(&method, &self.endpoint, &target);
        Ok(http::Request {
            method,
            target: PathAndQuery::try_from(target).map_err(|_| invalid_url_part("path or query"))?,
            host: HeaderValue::from_str(self.endpoint.host_header()).map_err(|_| invalid_url_part("host"))?,
            headers: self.headers(kind)?.with(extra),
            body,
            // The server does not repeat the answer to a poll or to a handshake.
            repeat: Repeat::Unanswered,
        })
    }

    /// The headers of the user, the credentials in the URL unless the user has set others, and the cookies. At another
    /// origin, the headers of the user are only those that are public.
    fn headers(&self, kind: TransportKind) -> Result<Headers, TransportError> {
        let mut headers = self.options.headers_for(kind);
        if !self.endpoint.same_origin(&self.original) {
            headers = headers.for_another_origin();
        }
        if let Some(basic) = self.endpoint.authorization()
            && !headers.contains(&header::AUTHORIZATION)
        {
            let basic = HeaderValue::from_str(basic).map_err(|_| invalid_url_part("user information"))?;
            headers.append(header::AUTHORIZATION, basic);
        }
        if let Some(cookies) = &self.options.cookies {
            cookies.add_to(&mut headers, self.endpoint.url());
        }
        Ok(headers)
    }

    /// The error for a response whose status refuses a request.
    pub(super) fn http_error(&self, response: &http::Response) -> TransportError {
        TransportError::Status(Box::new(response.http_status()))
    }

    /// Stores the cookies that the head of a response sets.
    pub(super) fn store_cookies(&self, headers: &HeaderMap) {
        if let Some(cookies) = &self.options.cookies {
            cookies.store(self.endpoint.url(), headers);
        }
    }
}

/// The network for requests to `endpoint`.
fn network_for(options: &Options, endpoint: &Endpoint, original: &Endpoint) -> Arc<Network> {
    match endpoint.same_origin(original) {
        true => options.network.clone(),
        false => options.network.without_certificate(),
    }
}

fn invalid_url_part(part: &str) -> TransportError {
    TransportError::Unsupported(format!("the URL's {part}").into())
}

/// A random value, so that no cache answers.
fn stamp() -> String {
    const DIGITS: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j',
        'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
    ];
    let random: [u8; 8] = rand::random();
    random.iter().filter_map(|byte| DIGITS.get(usize::from(byte & 31))).collect()
}

#[cfg(test)]
mod tests;
