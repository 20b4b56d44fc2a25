//! Reports from a transport to its client.

use std::{future::Future, pin::Pin, task::Context as Task, time::Duration};

use actix::WeakRecipient;
use actix_rt::time::Instant;
use futures::channel::oneshot;

use super::{TrafficMeter, TransportParams, wire_log};
use crate::{
    error::TransportError,
    protocol::{
        connection::{BatchOutcome, CloseReason, Report, ReportKind, TransportClosed, TransportId},
        handshake::TransportKind,
    },
};

/// The shortest time between two reports of the same kind that bytes were moved. It is shorter than the heartbeat of any
/// server.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Sends the reports of one transport to its client. The last report is always `Closed`, even if the transport panics.
pub(super) struct ReportSender {
    id: TransportId,
    kind: TransportKind,
    /// The client. The reference is weak: a transport does not keep its client alive.
    client: WeakRecipient<Report>,
    /// Resolves when the client drops the transport's handle.
    abandoned: oneshot::Receiver<()>,
    /// The meter for the bytes that the transport moves, if the client has metrics. Boxed, since most have none.
    meter: Option<Box<TrafficMeter>>,
    is_closed: bool,
}

impl ReportSender {
    pub(super) fn new(params: &TransportParams, abandoned: oneshot::Receiver<()>) -> Self {
        let client = params.reports.clone();
        let meter = params.options.traffic.clone().map(|traffic| Box::new(TrafficMeter::new(traffic)));
        Self { id: params.id, kind: params.kind, client, abandoned, meter, is_closed: false }
    }

    pub(super) fn send(&self, kind: ReportKind) {
        wire_log::report(self.kind, &kind);
        if let Some(client) = self.client.upgrade() {
            client.do_send(Report { from: self.id, kind });
        }
    }

    /// The transport has read and written this many bytes. They are added to the metrics.
    pub(super) fn moved(&mut self, read: u64, written: u64) {
        if let Some(meter) = &mut self.meter {
            meter.update(read, written);
        }
    }

    /// Sends the last report, once.
    pub(super) fn close(&mut self, closed: TransportClosed) {
        if !self.is_closed {
            self.is_closed = true;
            self.send(ReportKind::Closed(closed));
        }
    }

    /// Whether the last report was sent.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether the client has dropped the transport's handle. If not, `task` is woken when it does.
    pub(super) fn poll_abandoned(&mut self, task: &mut Task<'_>) -> bool {
        Pin::new(&mut self.abandoned).poll(task).is_ready()
    }
}

impl Drop for ReportSender {
    fn drop(&mut self) {
        let reason = CloseReason::Failed(TransportError::Vanished);
        self.close(TransportClosed { reason, outcome: BatchOutcome::UNCERTAIN });
    }
}

/// Limits how often the growth of a counter is reported.
#[derive(Default)]
pub(super) struct RateLimit {
    seen: u64,
    reported: Option<Instant>,
}

impl RateLimit {
    /// Whether to report now: the counter has grown, and the last report was long enough ago.
    pub(super) fn is_due(&mut self, count: u64) -> bool {
        if count == self.seen {
            return false;
        }
        self.seen = count;
        let now = Instant::now();
        let due = self.reported.is_none_or(|at| now.duration_since(at) >= REPORT_EVERY);
        if due {
            self.reported = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests;
