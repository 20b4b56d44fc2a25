//! The version of the protocol that a connect speaks, and what is known about servers from earlier sessions.

use std::collections::VecDeque;

use super::target::{MAX_REMEMBERED, Target};
use crate::{
    error::{ConnectError, ProtocolError},
    protocol::{
        endpoint::Endpoint,
        version::{Protocol, ProtocolVersion},
    },
};

/// The version that a connect speaks.
#[derive(Debug)]
pub(super) struct Negotiation {
    /// The version that the application wants.
    wanted: Protocol,
    version: ProtocolVersion,
    /// The connect has spoken the other version before.
    has_changed: bool,
}

impl Negotiation {
    /// `found`: the version that the server seems to speak.
    pub(super) fn new(wanted: Protocol, found: ProtocolVersion) -> Self {
        let version = match wanted {
            Protocol::V4 => ProtocolVersion::V4,
            Protocol::V3 => ProtocolVersion::V3,
            Protocol::Any => found,
        };
        Self { wanted, version, has_changed: false }
    }

    /// The version of the current transport.
    pub(super) fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// The server has answered the handshake in another version. The connect goes on in it, if it may.
    pub(super) fn on_answered(&mut self, version: ProtocolVersion) -> Result<(), ProtocolError> {
        if version != self.version && self.wanted != Protocol::Any {
            return Err(match version {
                ProtocolVersion::V3 => ProtocolError::Version3,
                ProtocolVersion::V4 => ProtocolError::Version4,
            });
        }
        (self.version, self.has_changed) = (version, true);
        Ok(())
    }

    /// The current transport has failed. Returns whether it is to be tried again, in the other version.
    pub(super) fn on_failed(&mut self, err: &ConnectError) -> bool {
        let is_refused = match err {
            ConnectError::UnsupportedProtocol { .. } => true,
            // Not every server says what it refuses: engine.io 6 answers a WebSocket handshake in version 3 with HTTP instead
            // of frames. Version 3 was only remembered, and perhaps there is another server now.
            ConnectError::Status { status, .. } => {
                self.version == ProtocolVersion::V3 && status.status == 400
            }
            ConnectError::NotEngineIo { .. } => self.version == ProtocolVersion::V3,
            _ => false,
        };
        let is_again = is_refused && self.wanted == Protocol::Any && !self.has_changed;
        if is_again {
            (self.version, self.has_changed) = (self.version.other(), true);
        }
        is_again
    }
}

/// The URLs at which servers seem to speak version 3, the oldest first. At all others they are asked in version 4.
///
/// They are URLs that the user named, as in [`Remembered`](super::target::Remembered).
#[derive(Debug, Default)]
pub(super) struct FoundVersions(VecDeque<Found>);

#[derive(Debug)]
struct Found {
    url: String,
    /// Set if the server has shown that it speaks version 3. Otherwise its silence in version 4 is all that is known.
    is_proven: bool,
}

impl FoundVersions {
    /// The version in which to ask the server.
    pub(super) fn version(&self, endpoint: &Endpoint) -> ProtocolVersion {
        match self.0.iter().any(|found| found.url == endpoint.display_url()) {
            true => ProtocolVersion::V3,
            false => ProtocolVersion::V4,
        }
    }

    /// The server has shown its version.
    pub(super) fn prove(&mut self, target: &Target, version: ProtocolVersion) {
        match version {
            ProtocolVersion::V3 => self.add(target, true),
            ProtocolVersion::V4 => self.remove(target),
        }
    }

    /// The server has not pinged, although in version 4 it is the server that pings.
    pub(super) fn suspect(&mut self, target: &Target) {
        self.add(target, false);
    }

    /// A session in version 3 has ended in the way that a session with a server of version 4 ends.
    pub(super) fn clear_suspicion(&mut self, target: &Target) {
        self.0.retain(|found| found.is_proven || found.url != target.named_url());
    }

    fn add(&mut self, target: &Target, is_proven: bool) {
        self.remove(target);
        if self.0.len() >= MAX_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(Found { url: target.named_url().to_owned(), is_proven });
    }

    fn remove(&mut self, target: &Target) {
        self.0.retain(|found| found.url != target.named_url());
    }
}

#[cfg(test)]
mod tests;
