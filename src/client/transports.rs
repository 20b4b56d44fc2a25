//! The transports of the current connection.

use std::{fmt, sync::Arc};

use actix::WeakRecipient;
use bytestring::ByteString;

use crate::{
    protocol::{
        connection::{Command, Report, TransportId},
        endpoint::Endpoint,
        handshake::TransportKind,
        version::ProtocolVersion,
    },
    transport::{self, TransportHandle, TransportParams},
};

/// The function that starts transports. Tests replace it.
pub(super) type StartTransport = Arc<dyn Fn(TransportParams) -> TransportHandle + Send + Sync>;

/// Handles of running transports, and what new ones are started with.
pub(super) struct Transports {
    handles: Vec<(TransportId, TransportHandle)>,
    /// The function that starts transports.
    start_transport: StartTransport,
    options: Arc<transport::Options>,
    /// The endpoint of the request, which may get credentials. Redirects may lead to other endpoints.
    trusted: Option<Arc<Endpoint>>,
}

/// A transport that the connection wants to be started.
pub(super) struct NewTransport {
    pub(super) id: TransportId,
    pub(super) kind: TransportKind,
    pub(super) version: ProtocolVersion,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) sid: Option<ByteString>,
}

impl fmt::Debug for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transports").field("handles", &self.handles.len()).finish_non_exhaustive()
    }
}

impl Transports {
    pub(super) fn new(start_transport: StartTransport, options: Arc<transport::Options>) -> Self {
        Self {
            // Most of the time there is one.
            handles: Vec::with_capacity(1),
            start_transport,
            options,
            trusted: None,
        }
    }

    /// Sets what the transports of the next attempt are started with.
    pub(super) fn prepare(&mut self, options: Arc<transport::Options>, trusted: Arc<Endpoint>) {
        self.options = options;
        self.trusted = Some(trusted);
    }

    /// The URL of the current attempt or session, without secrets.
    pub(super) fn url(&self) -> &str {
        self.trusted.as_ref().map_or("", |endpoint| endpoint.display_url())
    }

    /// Starts a transport, which sends its reports to `reports`.
    pub(super) fn start(&mut self, new: NewTransport, reports: WeakRecipient<Report>) {
        let NewTransport { id, kind, version, endpoint, sid } = new;
        let trusted = self.trusted.clone().unwrap_or_else(|| endpoint.clone());
        let options = self.options.clone();
        let params = TransportParams { id, kind, version, endpoint, sid, options, trusted, reports };
        self.handles.push((id, (self.start_transport)(params)));
    }

    pub(super) fn order(&self, id: TransportId, command: Command) {
        if let Some((_, transport)) = self.handles.iter().find(|(known, _)| *known == id) {
            transport.order(id.kind, command);
        }
    }

    /// The transport has closed.
    pub(super) fn remove(&mut self, id: TransportId) {
        self.handles.retain(|(known, _)| *known != id);
    }

    /// Lets go of all transports. One that has not closed is abandoned.
    pub(super) fn clear(&mut self) {
        self.handles.clear();
    }
}
