//! The version of the protocol that a connect speaks, and what is known about servers from earlier sessions.

use super::target::{ByUrl, Target};
use crate::{
    error::{ConnectError, ProtocolError},
    protocol::version::{Protocol, ProtocolVersion},
};

/// The version that a connect speaks.
#[derive(Debug)]
pub(super) struct Negotiation {
    /// The version that the application wants.
    wanted: Protocol,
    version: ProtocolVersion,
    /// The server has shown the version that the connect began with in an earlier session.
    is_proven: bool,
    other: Other,
}

/// Whether a connect has spoken the other version before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    NotSpoken,
    /// It was given up after a failure that may have another cause.
    Failed,
    /// The server has refused it, or has answered in this version.
    Refused,
}

impl Negotiation {
    /// `found`: what is known of the server.
    pub(super) fn new(wanted: Protocol, found: Knowledge) -> Self {
        let version = match wanted {
            Protocol::V4 => ProtocolVersion::V4,
            Protocol::V3 => ProtocolVersion::V3,
            Protocol::Any => found.version,
        };
        Self { wanted, version, is_proven: found.evidence == Evidence::Proof, other: Other::NotSpoken }
    }

    /// The version of the current transport.
    pub(super) fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// The server does not speak the other version, so an open packet in this one is a proof.
    pub(super) fn has_refused_other(&self) -> bool {
        self.other == Other::Refused
    }

    /// The server has answered the handshake in another version. The connect goes on in it, if it may.
    pub(super) fn on_answered(&mut self, version: ProtocolVersion) -> Result<(), ProtocolError> {
        if version != self.version && self.wanted != Protocol::Any {
            return Err(match version {
                ProtocolVersion::V3 => ProtocolError::Version3,
                ProtocolVersion::V4 => ProtocolError::Version4,
            });
        }
        (self.version, self.other) = (version, Other::Refused);
        Ok(())
    }

    /// The current transport has failed. Returns whether it is to be tried again, in the other version. `is_open`: it is a
    /// WebSocket, and the server has accepted its handshake.
    pub(super) fn on_failed(&mut self, err: &ConnectError, is_open: bool) -> bool {
        if self.wanted != Protocol::Any || self.other != Other::NotSpoken {
            return false;
        }
        // Not every server says what it refuses. Version 3 was only remembered, and perhaps there is another server now.
        // But a proxy in trouble answers like this too, so it needs more if the server has shown that it speaks version 3.
        let is_guess = self.version == ProtocolVersion::V3 && !self.is_proven;
        let other = match err {
            ConnectError::UnsupportedProtocol { .. } => Other::Refused,
            ConnectError::Status { status, .. } if is_guess && status.may_be_about_version() => Other::Failed,
            // engine.io 6 accepts the WebSocket of a client of version 3, and sends HTTP instead of frames.
            ConnectError::NotEngineIo { .. }
                if is_guess || (is_open && self.version == ProtocolVersion::V3) =>
            {
                Other::Failed
            }
            _ => return false,
        };
        (self.version, self.other) = (self.version.other(), other);
        true
    }

    /// The failure of the current transport, as what happened before explains it.
    pub(super) fn describe(&self, err: ConnectError) -> ConnectError {
        match err {
            ConnectError::UnsupportedProtocol { url, .. } if self.has_refused_other() => {
                ConnectError::UnsupportedProtocol { url, server: None }
            }
            err => err,
        }
    }
}

/// What is known of the version of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Knowledge {
    pub(super) version: ProtocolVersion,
    pub(super) evidence: Evidence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// The server did not do what it does in the other version. Or it has shown this one, and later did not behave so.
    Hint,
    /// The server has shown the version: with its open packet, or with a ping or a pong.
    Proof,
}

/// The versions that servers speak, as far as their sessions have shown it. Any other server is asked in version 4.
///
/// Only what a session shows changes an entry: its open packet, its pings, and missing ones. The failure of a connect shows
/// nothing, since a proxy may have caused it.
#[derive(Debug, Default)]
pub(super) struct FoundVersions(ByUrl<Knowledge>);

impl FoundVersions {
    /// What is known of the server at this URL.
    pub(super) fn at(&self, url: &str) -> Knowledge {
        let unknown = Knowledge { version: ProtocolVersion::V4, evidence: Evidence::Hint };
        self.0.get(url).copied().unwrap_or(unknown)
    }

    /// Whether the server has shown that it speaks this version.
    pub(super) fn is_proven(&self, target: &Target, version: ProtocolVersion) -> bool {
        self.at(target.named_url()) == Knowledge { version, evidence: Evidence::Proof }
    }

    /// The server has shown its version.
    pub(super) fn prove(&mut self, target: &Target, version: ProtocolVersion) {
        self.set(target, Knowledge { version, evidence: Evidence::Proof });
    }

    /// The server has not pinged, although in version 4 it is the server that pings.
    pub(super) fn suspect(&mut self, target: &Target) {
        self.set(target, Knowledge { version: ProtocolVersion::V3, evidence: Evidence::Hint });
    }

    /// The server has not answered the first ping of a session in version 3. After the second such session in a row it is
    /// asked in version 4 again.
    pub(super) fn doubt(&mut self, target: &Target) {
        match self.is_proven(target, ProtocolVersion::V3) {
            true => self.suspect(target),
            false => self.forget(target),
        }
    }

    /// What is known of the server is wrong.
    pub(super) fn forget(&mut self, target: &Target) {
        self.0.remove(target);
    }

    fn set(&mut self, target: &Target, knowledge: Knowledge) {
        self.0.set(target, knowledge);
    }
}

#[cfg(test)]
mod tests;
