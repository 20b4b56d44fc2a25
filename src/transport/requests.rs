//! The requests of one session.

use std::sync::Arc;

use actix_http::{
    Method,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    uri::PathAndQuery,
};
use bytes::Bytes;
use bytestring::ByteString;

use super::{Options, headers, http, http_client::HttpClient, wire_log};
use crate::{
    error::TransportError,
    protocol::{endpoint::Endpoint, handshake::TransportKind},
};

/// What the requests of a session have in common.
pub(super) struct Requests {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) sid: Option<ByteString>,
    pub(super) options: Arc<Options>,
    pub(super) trusted: Arc<Endpoint>,
}

impl Requests {
    /// Whoever is to send them.
    pub(super) fn http_client(&self) -> HttpClient {
        HttpClient::new(self.options.network.clone(), self.endpoint.destination())
    }

    pub(super) fn make(
        &self,
        method: Method,
        kind: TransportKind,
        framing: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<http::Request, TransportError> {
        let stamp = self.options.timestamp_requests.then(stamp);
        let target = self.endpoint.request_target(kind, self.sid.as_deref(), stamp.as_deref());
        wire_log::request(&method, &self.endpoint, &target);
        let unusable = |what: &str| TransportError::Unsupported(format!("the URL's {what}").into());
        let mut all = Vec::new();
        // Credentials go where the user meant them to go, and nowhere else.
        let at_home = self.endpoint.same_origin(&self.trusted);
        let bound = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::HOST];
        let may_go = |name: &HeaderName| at_home || !bound.contains(name);
        all.extend(self.options.headers.iter().filter(|(name, _)| may_go(name)).cloned());
        if kind == TransportKind::WebSocket {
            let special = self.options.websocket_headers.iter().filter(|(name, _)| may_go(name));
            special.for_each(|header| headers::add(&mut all, header.clone()));
        }
        if let Some(basic) = self.endpoint.authorization()
            && !all.iter().any(|(name, _)| *name == header::AUTHORIZATION)
        {
            let basic = HeaderValue::from_str(basic).map_err(|_| unusable("user information"))?;
            all.push((header::AUTHORIZATION, basic));
        }
        if let Some(cookies) = &self.options.cookies {
            cookies.add(self.endpoint.url(), &mut all);
        }
        all.extend(framing);
        Ok(http::Request {
            method,
            target: PathAndQuery::try_from(target).map_err(|_| unusable("path or query"))?,
            host: HeaderValue::from_str(self.endpoint.host_header()).map_err(|_| unusable("host"))?,
            headers: all,
            body,
        })
    }

    /// An answer that refuses a request. Some servers repeat the sid, which is a secret, in their words.
    pub(super) fn refused(&self, response: &http::Response) -> TransportError {
        TransportError::Status(Box::new(response.refusal(self.sid.as_deref())))
    }

    /// Takes in what the head of an answer says of the requests to come.
    pub(super) fn heard(&self, headers: &HeaderMap) {
        if let Some(cookies) = &self.options.cookies {
            cookies.keep(self.endpoint.url(), headers);
        }
    }
}

/// A value that no request before had: it keeps caches from answering.
fn stamp() -> String {
    const DIGITS: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j',
        'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
    ];
    let random: [u8; 8] = rand::random();
    random.iter().filter_map(|byte| DIGITS.get(usize::from(byte & 31))).collect()
}
