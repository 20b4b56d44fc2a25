//! Transports that do what the model wants.

use std::sync::Arc;

use crate::{
    error::{HttpStatus, TransportError},
    protocol::{
        connection::{BatchOutcome, CloseReason, Command, ReportKind, TransportClosed, TransportId},
        handshake::TransportKind,
        packet::Packet,
    },
};

const OPEN: &str =
    r#"{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;

/// A transport, by what it was ordered and has not answered.
#[derive(Debug)]
pub(super) struct FakeTransport {
    pub(super) id: TransportId,
    kind: TransportKind,
    is_open: bool,
    is_greeted: bool,
    may_read: bool,
    writing: Option<Arc<Vec<Packet>>>,
    close_requested: bool,
}

/// A report, and the packets of which it says that they were sent.
pub(super) type Reported = (ReportKind, Vec<Packet>);

impl FakeTransport {
    pub(super) fn new(id: TransportId, kind: TransportKind) -> Self {
        let is_open = kind == TransportKind::Polling;
        let (is_greeted, may_read, writing, close_requested) = (false, true, None, false);
        Self { id, kind, is_open, is_greeted, may_read, writing, close_requested }
    }

    pub(super) fn order(&mut self, command: Command) {
        match command {
            Command::Write(batch) => {
                assert!(self.writing.is_none() && !self.close_requested, "one batch at a time");
                self.writing = Some(batch);
            }
            Command::Read(_) => self.may_read = true,
            Command::Close | Command::Abort => self.close_requested = true,
            Command::Session(_) | Command::Pause | Command::Resume | Command::Ping(_) => {}
        }
    }

    /// The next report, if `what` is possible now. `how` chooses among the ways in which it may happen.
    pub(super) fn report(&mut self, what: u8, how: u8) -> Option<Reported> {
        match what % 16 {
            0 if self.kind == TransportKind::Polling => Some((ReportKind::Requested, Vec::new())),
            0..=2 if !self.is_open => {
                self.is_open = true;
                Some((ReportKind::Opened { protocol: None }, Vec::new()))
            }
            0..=7 if self.is_open && self.may_read && !self.close_requested => {
                let packets = if self.is_greeted { received(what, how) } else { greeting(how) };
                (self.is_greeted, self.may_read) = (true, false);
                Some((ReportKind::Packets { packets, complete: true }, Vec::new()))
            }
            1..=13 => self.written(),
            14 if self.close_requested => Some(self.closed(CloseReason::Ordered, how)),
            15 => Some(self.closed(failure(how), how)),
            _ => None,
        }
    }

    pub(super) fn written(&mut self) -> Option<Reported> {
        let batch = self.writing.take()?;
        let sent = batch.to_vec();
        Some((ReportKind::Written { any_number: false }, sent))
    }

    /// The last report. Some of the batch was sent, some of it may have been.
    fn closed(&mut self, reason: CloseReason, how: u8) -> Reported {
        let batch = self.writing.take().unwrap_or_default();
        let outcome = match self.kind {
            TransportKind::Polling if how.is_multiple_of(2) => BatchOutcome::UNCERTAIN,
            TransportKind::Polling if how.is_multiple_of(3) => BatchOutcome::sent(0),
            TransportKind::Polling => BatchOutcome::BEGUN,
            TransportKind::WebSocket => {
                let sent = usize::from(how) % (batch.len() + 1);
                BatchOutcome { sent, uncertain: usize::from(how % 3), begun: usize::from(how % 2) }
            }
        };
        let sent = batch.iter().take(outcome.sent).cloned().collect();
        (ReportKind::Closed(TransportClosed { reason, outcome }), sent)
    }
}

/// The first packets of a session, or of something else.
fn greeting(how: u8) -> Vec<Packet> {
    match how % 8 {
        0 => vec![Packet::Noop],
        1 => vec![Packet::Open(OPEN.into()), Packet::Close],
        2 => vec![Packet::Open(OPEN.into()), Packet::Message("from the server".into())],
        _ => vec![Packet::Open(OPEN.into())],
    }
}

fn received(what: u8, how: u8) -> Vec<Packet> {
    match what % 16 {
        0 if how.is_multiple_of(4) => vec![Packet::Close],
        1 if how.is_multiple_of(4) => vec![Packet::Open(OPEN.into())],
        2 => vec![Packet::Ping("".into())],
        _ => vec![Packet::Message("from the server".into()); usize::from(how % 4)],
    }
}

fn failure(how: u8) -> CloseReason {
    let status = |status| TransportError::Status(Box::new(HttpStatus::new(status)));
    CloseReason::Failed(match how % 12 {
        0 => return CloseReason::CloseFrame { code: 1000, reason: "".into() },
        1 => status(503),
        2 => status(401),
        3 => status(400),
        4 => status(404),
        5 => TransportError::Malformed("a page of HTML".into()),
        6 => TransportError::tls("an unknown authority", true),
        7 => TransportError::Redirect("to a portal".into()),
        8 if how.is_multiple_of(16) => TransportError::Unsupported("https".into()),
        _ => TransportError::eof("gone"),
    })
}
