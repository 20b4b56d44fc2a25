//! Figures that any number of clients share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{error::DisconnectReason, transport::Traffic};

/// The reasons for the end of a session, as [`DisconnectReason::as_str`] names them.
const REASONS: [&str; 7] = [
    "client disconnect",
    "server disconnect",
    "ping timeout",
    "transport close",
    "transport error",
    "parse error",
    "stalled",
];

/// Metrics of any number of clients, which anybody can read without asking a client. A clone is another handle to the same
/// metrics.
///
/// A client adds to them once after everything that it handles together, and not for each message. So they can be a moment
/// late.
///
/// ```
/// use actix_engineio::{EngineIoClient, Metrics};
///
/// # actix::System::new().block_on(async {
/// let metrics = Metrics::new();
/// let clients: Vec<_> =
///     (0..3).map(|_| EngineIoClient::builder().metrics(metrics.clone()).start()).collect();
///
/// let now = metrics.snapshot();
/// assert_eq!((now.connected, now.messages_received), (0, 0));
/// # drop(clients);
/// # });
/// ```
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Figures>);

#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) connected: AtomicU64,
    pub(super) sessions: AtomicU64,
    ended: [AtomicU64; REASONS.len()],
    pub(super) attempts_failed: AtomicU64,
    pub(super) upgrades: AtomicU64,
    pub(super) upgrades_failed: AtomicU64,
    pub(super) messages_received: AtomicU64,
    pub(super) messages_sent: AtomicU64,
    pub(super) bytes_received: AtomicU64,
    pub(super) bytes_sent: AtomicU64,
    pub(super) compressed_bytes_received: AtomicU64,
    pub(super) uncompressed_bytes_received: AtomicU64,
    pub(super) compressed_bytes_sent: AtomicU64,
    pub(super) uncompressed_bytes_sent: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) unsent: AtomicU64,
    pub(super) in_doubt: AtomicU64,
    /// Microseconds.
    backpressure: AtomicU64,
    /// The last round trip and the smoothed one, in microseconds plus one. 0: there was none.
    round_trip: AtomicU64,
    smoothed: AtomicU64,
    traffic: Arc<Traffic>,
}

/// The figures of a [`Metrics`] at one moment. All but `connected` and the round trips only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// Clients that have a session now. A client that panics or is dropped does not count any more.
    pub connected: u64,
    /// Sessions that were opened.
    pub sessions: u64,
    /// Sessions that have ended, for each of `REASONS`.
    ended: [u64; REASONS.len()],
    /// Attempts to connect that failed, those of a [`Connect`](crate::Connect) and those of a policy.
    pub attempts_failed: u64,
    /// Sessions that moved from polling to WebSocket.
    pub upgrades: u64,
    /// Upgrades that failed, so that the session stayed on polling.
    pub upgrades_failed: u64,
    /// Messages received, without pings and other control packets.
    pub messages_received: u64,
    /// Messages written, without pongs and other control packets.
    pub messages_sent: u64,
    /// Bytes of data in the messages received.
    pub bytes_received: u64,
    /// Bytes of data in the messages written.
    pub bytes_sent: u64,
    /// Bytes that were read from connections: HTTP messages of polling and WebSocket frames, without what TLS adds.
    pub wire_bytes_received: u64,
    /// Bytes that were written to connections, counted likewise.
    pub wire_bytes_sent: u64,
    /// Bytes that the compressed WebSocket messages received had on the wire.
    pub compressed_bytes_received: u64,
    /// Bytes of the same messages after they were inflated.
    pub uncompressed_bytes_received: u64,
    /// Bytes that the compressed WebSocket messages sent have on the wire. They count once they are compressed, also if the
    /// connection ends before they are written.
    pub compressed_bytes_sent: u64,
    /// Bytes of the same messages before they were compressed.
    pub uncompressed_bytes_sent: u64,
    /// Messages that came back in [`Event::Rejected`](crate::Event::Rejected) or
    /// [`Event::RejectedAll`](crate::Event::RejectedAll).
    pub rejected: u64,
    /// Messages in [`Disconnected::unsent`](crate::Disconnected::unsent).
    pub unsent: u64,
    /// Messages in [`Disconnected::in_doubt`](crate::Disconnected::in_doubt). Some of them were written, so `messages_sent` counts
    /// them, too: with [`confirm_sends`](crate::EngineIoClientBuilder::confirm_sends) those that were not confirmed, and the
    /// sent part of a [`SendAll`](crate::SendAll).
    pub in_doubt: u64,
    /// The time for which clients did not read, because a subscriber had too many events to handle.
    pub back_pressure: Duration,
    /// The last round trip that any of the clients has measured: see [`Status::round_trip`](crate::Status::round_trip).
    pub round_trip: Option<Duration>,
    /// The exponential average of the round trips, with a weight of 1/8 for each (RFC 6298, section 2).
    pub smoothed_round_trip: Option<Duration>,
}

impl MetricsSnapshot {
    /// The number of sessions that have ended, for each reason as [`DisconnectReason::as_str`] names it.
    pub fn sessions_ended(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        REASONS.into_iter().zip(self.ended)
    }
}

impl Metrics {
    /// Figures that are all zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The figures now.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let figures = &*self.0;
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let time = |figure: &AtomicU64| read(figure).checked_sub(1).map(Duration::from_micros);
        MetricsSnapshot {
            connected: read(&figures.connected),
            sessions: read(&figures.sessions),
            ended: figures.ended.each_ref().map(read),
            attempts_failed: read(&figures.attempts_failed),
            upgrades: read(&figures.upgrades),
            upgrades_failed: read(&figures.upgrades_failed),
            messages_received: read(&figures.messages_received),
            messages_sent: read(&figures.messages_sent),
            bytes_received: read(&figures.bytes_received),
            bytes_sent: read(&figures.bytes_sent),
            wire_bytes_received: figures.traffic.read(),
            wire_bytes_sent: figures.traffic.written(),
            compressed_bytes_received: read(&figures.compressed_bytes_received),
            uncompressed_bytes_received: read(&figures.uncompressed_bytes_received),
            compressed_bytes_sent: read(&figures.compressed_bytes_sent),
            uncompressed_bytes_sent: read(&figures.uncompressed_bytes_sent),
            rejected: read(&figures.rejected),
            unsent: read(&figures.unsent),
            in_doubt: read(&figures.in_doubt),
            back_pressure: Duration::from_micros(read(&figures.backpressure)),
            round_trip: time(&figures.round_trip),
            smoothed_round_trip: time(&figures.smoothed),
        }
    }

    /// The bytes that the transports count.
    pub(in crate::client) fn traffic(&self) -> Arc<Traffic> {
        self.0.traffic.clone()
    }

    pub(super) fn figures(&self) -> &Figures {
        &self.0
    }
}

impl Figures {
    pub(super) fn ended(&self, reason: &DisconnectReason) {
        let at = REASONS.iter().position(|name| *name == reason.as_str());
        if let Some(ended) = at.and_then(|at| self.ended.get(at)) {
            ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn add_backpressure(&self, time: Duration) {
        self.backpressure.fetch_add(micros(time), Ordering::Relaxed);
    }

    pub(super) fn round_trip(&self, time: Duration) {
        let new = micros(time).saturating_add(1);
        self.round_trip.store(new, Ordering::Relaxed);
        // RFC 6298, section 2: the first measurement is taken as it is.
        let smooth = |old: u64| Some(if old == 0 { new } else { old - old / 8 + new / 8 });
        let _ = self.smoothed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, smooth);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
