//! The options of transports.

use std::{sync::Arc, time::Duration};

use super::{
    Cookies, Headers, KnownServers,
    network::{Lookups, Network},
    traffic::Traffic,
};
use crate::protocol::{handshake::TransportKind, websocket::Compression};

/// The options that all transports of a client share.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) request_timeout: Duration,
    pub(crate) max_message_size: usize,
    /// The compression of WebSocket messages that is offered to servers.
    pub(crate) compression: Option<Compression>,
    pub(crate) timestamp_requests: bool,
    /// The largest number of redirects of one handshake.
    pub(crate) max_redirects: usize,
    /// The headers of every request.
    pub(crate) headers: Headers,
    /// Further headers of WebSocket handshakes.
    pub(crate) websocket_headers: Headers,
    /// The cookies of the client, `None` if it neither stores nor sends any.
    pub(crate) cookies: Option<Cookies>,
    pub(crate) network: Arc<Network>,
    /// The figures to which the bytes that the transports move are added.
    pub(crate) traffic: Option<Arc<Traffic>>,
    /// The lookups of the client.
    pub(crate) lookups: Lookups,
    /// The servers of the client, and their limits.
    pub(crate) servers: KnownServers,
}

impl Options {
    /// The defaults.
    pub(crate) fn new(network: Arc<Network>) -> Self {
        Self {
            request_timeout: Duration::from_secs(5),
            max_message_size: 64 << 20,
            compression: None,
            timestamp_requests: true,
            max_redirects: 5,
            headers: Headers::default(),
            websocket_headers: Headers::default(),
            cookies: None,
            network,
            traffic: None,
            lookups: Lookups::default(),
            servers: KnownServers::default(),
        }
    }

    /// Adds the headers of one connect. They replace all headers of their names.
    pub(crate) fn override_headers(&mut self, headers: Headers) {
        self.websocket_headers.remove_names_of(&headers);
        self.headers.override_with(headers);
    }

    /// The user's headers for requests of this transport.
    pub(super) fn headers_for(&self, kind: TransportKind) -> Headers {
        let headers = self.headers.clone();
        match kind {
            TransportKind::Polling => headers,
            TransportKind::WebSocket => headers.with(&self.websocket_headers),
        }
    }
}
