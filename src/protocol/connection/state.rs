//! The states of a connection.
//!
//! ```text
//!            connect                 open packet
//!   Idle ───────────────► Connecting ───────────► Open ◄─┐
//!    ▲                        │                    │ │    │ upgrade: Off → Probing → Pausing → Switching → Off
//!    │                        │ failure, cancel    │ └────┘          (any failure: Off, polling goes on)
//!    │                        ▼                    │ close from either side, failure, silence
//!    └───────────────────── Ending ◄───────────────┘
//!      every transport ended
//! ```
//!
//! A graceful close stays in `Open`, with `leaving` set, until everything is written.

use std::{sync::Arc, time::Instant};

use bytestring::ByteString;

use super::{
    io::{Outcome, TransportId},
    queue::InFlight,
};
use crate::{
    error::{ConnectError, DisconnectReason},
    protocol::{
        handshake::{Session, TransportKind},
        packet::Packet,
    },
};

#[derive(Debug)]
pub(super) enum State {
    Idle,
    Connecting(Connecting),
    Open(Open),
    Ending(Ending),
}

/// A transport was started and has not brought the open packet.
#[derive(Debug)]
pub(super) struct Connecting {
    pub(super) transport: TransportId,
    pub(super) kind: TransportKind,
    pub(super) started: Instant,
    /// The end of `connect_timeout`.
    pub(super) by: Instant,
    /// The end of the wait for the open packet of a standing WebSocket.
    pub(super) open_by: Option<Instant>,
    /// The server may hold a session already.
    pub(super) requested: bool,
    /// The user no longer wants it: the session is closed as soon as it opens.
    pub(super) cancelled: bool,
    pub(super) plan: Plan,
}

/// What follows the transport that is tried now.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) untried: Vec<TransportKind>,
    /// This one is tried because it was of use the last time. If it is not, nothing is lost: the others are tried as if
    /// it had not been.
    pub(super) is_remembered: bool,
    /// Whether the next is tried if this one cannot open the session.
    pub(super) try_all: bool,
    /// Whether to move on to WebSocket, if that is among them and the server offers it.
    pub(super) upgrade: bool,
    /// The first failure that another connect may not meet: it decides, were the last one to be final.
    pub(super) failure: Option<ConnectError>,
}

/// The session.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) session: Arc<Session>,
    /// The transport that messages are written to.
    pub(super) active: TransportId,
    pub(super) kind: TransportKind,
    pub(super) upgrade: Upgrade,
    /// When the server was last known to be alive.
    pub(super) heard: Instant,
    /// The second chance of a deadline that was noticed far too late.
    pub(super) grace: Option<Instant>,
    /// A graceful close is under way.
    pub(super) leaving: Option<Leaving>,
}

/// The way from polling to WebSocket (protocol, "Upgrade").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// Not upgrading: not wanted, failed, or done.
    Off,
    /// The probe is on its way; polling goes on beside it.
    Probing { probe: TransportId, by: Instant },
    /// The probe was answered; the requests of polling come home, nothing is written.
    Pausing { probe: TransportId, by: Instant },
    /// The upgrade packet is being written.
    Switching { probe: TransportId, by: Instant },
}

impl Upgrade {
    pub(super) fn probe(self) -> Option<TransportId> {
        match self {
            Self::Off => None,
            Self::Probing { probe, .. } | Self::Pausing { probe, .. } | Self::Switching { probe, .. } => {
                Some(probe)
            }
        }
    }

    pub(super) fn by(self) -> Option<Instant> {
        match self {
            Self::Off => None,
            Self::Probing { by, .. } | Self::Pausing { by, .. } | Self::Switching { by, .. } => Some(by),
        }
    }

    /// Neither transport may be written to: one is being left, the other not yet entered.
    pub(super) fn holds_writes(self) -> bool {
        matches!(self, Self::Pausing { .. } | Self::Switching { .. })
    }
}

/// A graceful close: the queue is written out, then the close packet.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) reason: DisconnectReason,
    pub(super) by: Instant,
}

/// Only the ends of the transports are awaited.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    /// When the transports are no longer waited for.
    pub(super) by: Instant,
    pub(super) aborted: bool,
}

/// A transport that has not ended.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: TransportId,
    pub(super) kind: TransportKind,
    /// The subprotocol of a standing WebSocket.
    pub(super) protocol: Option<ByteString>,
    /// The batch it is writing.
    pub(super) writing: Option<Writing>,
    /// An emptied batch for the next `Write`.
    pub(super) spare: Arc<Vec<Packet>>,
    /// The emptied batch that goes back with the next `Read`; `None` while the transport has leave to read.
    pub(super) credit: Option<Vec<Packet>>,
    /// When leave to read was last given.
    pub(super) asked: Option<Instant>,
    /// What has come of a poll whose rest is yet to be told was of use.
    pub(super) brought: bool,
    /// Polls in a row that brought nothing, and at once.
    pub(super) idle_polls: u32,
    /// The next poll waits until then.
    pub(super) read_at: Option<Instant>,
}

/// A batch on its way out.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) batch: Arc<Vec<Packet>>,
    pub(super) in_flight: InFlight,
    pub(super) ordered: Instant,
    /// When bytes of it last left, or as good as that: what shifts its deadline shifts this.
    pub(super) progress: Instant,
}

impl Slot {
    pub(super) fn new(id: TransportId, kind: TransportKind) -> Self {
        Self {
            id,
            kind,
            protocol: None,
            writing: None,
            spare: Arc::default(),
            credit: None,
            asked: None,
            brought: false,
            idle_polls: 0,
            read_at: None,
        }
    }
}
