//! What one client adds to the metrics.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::metrics::Metrics;
use crate::{
    client::{event::Disconnected, timer::now},
    protocol::connection::{Connection, Counters},
};

/// One client's part in a [`Metrics`].
#[derive(Debug)]
pub(in crate::client) struct Meter {
    metrics: Metrics,
    /// The counters that were added already.
    added: Counters,
    round_trip: Option<Duration>,
    /// The time up to which back-pressure was added.
    counted_until: Option<Instant>,
    session: Option<OpenSession>,
}

impl Meter {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, added: Counters::default(), round_trip: None, counted_until: None, session: None }
    }

    /// Adds what has changed since the last wake-up. `stopped`: the time since which the client does not read.
    pub(super) fn update(&mut self, connection: &Connection, stopped: Option<Instant>) {
        let counters = connection.counters();
        if counters != self.added {
            self.add(counters);
        }
        let round_trip = connection.round_trip();
        if round_trip != self.round_trip {
            self.round_trip = round_trip;
            if let Some(time) = round_trip {
                self.metrics.figures().round_trip(time);
            }
        }
        if stopped.is_some() || self.counted_until.is_some() {
            self.add_backpressure(stopped);
        }
    }

    fn add(&mut self, counters: Counters) {
        let (figures, added) = (self.metrics.figures(), &self.added);
        for (figure, new, old) in [
            (&figures.messages_received, counters.messages_received, added.messages_received),
            (&figures.messages_sent, counters.messages_sent, added.messages_sent),
            (&figures.bytes_received, counters.bytes_received, added.bytes_received),
            (&figures.bytes_sent, counters.bytes_sent, added.bytes_sent),
            (
                &figures.compressed_bytes_received,
                counters.compressed_bytes_received,
                added.compressed_bytes_received,
            ),
            (
                &figures.uncompressed_bytes_received,
                counters.uncompressed_bytes_received,
                added.uncompressed_bytes_received,
            ),
            (&figures.compressed_bytes_sent, counters.compressed_bytes_sent, added.compressed_bytes_sent),
            (
                &figures.uncompressed_bytes_sent,
                counters.uncompressed_bytes_sent,
                added.uncompressed_bytes_sent,
            ),
        ] {
            // Some figures never change, such as those of compression in most clients.
            if new > old {
                figure.fetch_add(new.saturating_sub(old), Ordering::Relaxed);
            }
        }
        self.added = counters;
    }

    fn add_backpressure(&mut self, stopped: Option<Instant>) {
        let now = now();
        let since = self.counted_until.or(stopped).unwrap_or(now);
        self.metrics.figures().add_backpressure(now.saturating_duration_since(since));
        self.counted_until = stopped.map(|_| now);
    }

    pub(in crate::client) fn opened(&mut self) {
        self.metrics.figures().sessions.fetch_add(1, Ordering::Relaxed);
        self.session = Some(OpenSession::new(self.metrics.clone()));
    }

    pub(in crate::client) fn closed(&mut self, end: &Disconnected) {
        self.session = None;
        let figures = self.metrics.figures();
        figures.ended(&end.reason);
        for (figure, messages) in [(&figures.unsent, &end.unsent), (&figures.in_doubt, &end.in_doubt)] {
            add(figure, messages.len());
        }
    }

    pub(in crate::client) fn attempt_failed(&mut self) {
        increment(&self.metrics.figures().attempts_failed);
    }

    pub(in crate::client) fn upgraded(&mut self, succeeded: bool) {
        let figures = self.metrics.figures();
        increment(if succeeded { &figures.upgrades } else { &figures.upgrades_failed });
    }

    pub(in crate::client) fn rejected(&mut self, messages: usize) {
        add(&self.metrics.figures().rejected, messages);
    }
}

fn increment(figure: &AtomicU64) {
    add(figure, 1);
}

fn add(figure: &AtomicU64, number: usize) {
    figure.fetch_add(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// A session that is open. It stops counting when it is dropped, also by a panic of the client.
#[derive(Debug)]
struct OpenSession(Metrics);

impl OpenSession {
    fn new(metrics: Metrics) -> Self {
        increment(&metrics.figures().connected);
        Self(metrics)
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.0.figures().connected.fetch_sub(1, Ordering::Relaxed);
    }
}
