//! The transports that have not closed yet.

use std::mem;

use bytestring::ByteString;

use super::{io::TransportId, reading::Reading, writing::Writing};
use crate::protocol::{handshake::TransportKind, websocket::AgreedCompression};

/// A transport that has not closed yet.
#[derive(Debug)]
pub(super) struct Transport {
    id: TransportId,
    /// The result of a WebSocket's handshake, until the session knows it. Boxed, because it exists for a moment.
    agreed: Option<Box<Agreed>>,
    pub(super) reading: Reading,
    pub(super) writing: Writing,
}

impl Transport {
    pub(super) fn id(&self) -> TransportId {
        self.id
    }

    /// The server has agreed to compress messages.
    pub(super) fn set_compression(&mut self, agreed: AgreedCompression) {
        self.agreed.get_or_insert_default().compression = Some(agreed);
    }

    /// The WebSocket is open, with the subprotocol that the server chose.
    pub(super) fn set_protocol(&mut self, protocol: ByteString) {
        self.agreed.get_or_insert_default().protocol = Some(protocol);
    }

    /// Takes what the handshake has agreed on, for the session.
    pub(super) fn take_agreed(&mut self) -> Agreed {
        self.agreed.take().map(|agreed| *agreed).unwrap_or_default()
    }
}

/// What the handshake of a WebSocket has agreed on.
#[derive(Debug, Default)]
pub(super) struct Agreed {
    pub(super) protocol: Option<ByteString>,
    pub(super) compression: Option<AgreedCompression>,
}

/// All of them: the one that carries the session, the probe of an upgrade, and those that were ordered to close.
#[derive(Debug)]
pub(super) struct Transports {
    list: Vec<Transport>,
    /// The number of the next transport.
    next: u64,
}

impl Transports {
    pub(super) fn new() -> Self {
        // One is enough for most of the time.
        Self { list: Vec::with_capacity(1), next: 0 }
    }

    /// Adds a transport that is about to start.
    pub(super) fn add(&mut self, kind: TransportKind) -> TransportId {
        let id = TransportId { number: self.next, kind };
        self.next += 1;
        let (reading, writing) = (Reading::new(kind), Writing::default());
        self.list.push(Transport { id, agreed: None, reading, writing });
        id
    }

    pub(super) fn get(&self, id: TransportId) -> Option<&Transport> {
        self.list.iter().find(|transport| transport.id == id)
    }

    pub(super) fn get_mut(&mut self, id: TransportId) -> Option<&mut Transport> {
        self.list.iter_mut().find(|transport| transport.id == id)
    }

    /// Removes a transport that has closed.
    pub(super) fn remove(&mut self, id: TransportId) -> Option<Transport> {
        let at = self.list.iter().position(|transport| transport.id == id)?;
        Some(self.list.swap_remove(at))
    }

    /// Removes all transports, whatever they are doing.
    pub(super) fn remove_all(&mut self) -> Vec<Transport> {
        mem::take(&mut self.list)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = TransportId> {
        self.list.iter().map(|transport| transport.id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Over polling, the close packet of the session is being written.
    pub(super) fn is_closing_by_post(&self) -> bool {
        self.list
            .iter()
            .any(|transport| transport.id.kind == TransportKind::Polling && transport.writing.is_closing())
    }
}
