//! The figures of this process, in the text format of Prometheus.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use actix_engineio::Metrics;

/// Shared by all feeds. A clone is another handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    pub(crate) feeds: Metrics,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    stored: AtomicU64,
    repeated: AtomicU64,
    waiting: AtomicU64,
}

impl Figures {
    /// Messages that NATS has not acknowledged yet.
    pub(crate) fn waits_for(&self, messages: usize) {
        self.counts.waiting.fetch_add(messages as u64, Relaxed);
    }

    pub(crate) fn stored(&self) {
        self.counts.stored.fetch_add(1, Relaxed);
        self.counts.waiting.fetch_sub(1, Relaxed);
    }

    /// A message is published once more, because there was no acknowledgement.
    pub(crate) fn repeated(&self) {
        self.counts.repeated.fetch_add(1, Relaxed);
    }

    pub(crate) fn to_text(&self) -> String {
        let feeds = self.feeds.snapshot();
        let table = [
            ("bridge_feeds_connected", "gauge", feeds.connected as f64),
            ("bridge_sessions_total", "counter", feeds.sessions as f64),
            ("bridge_attempts_failed_total", "counter", feeds.attempts_failed as f64),
            ("bridge_messages_received_total", "counter", feeds.messages_received as f64),
            ("bridge_bytes_received_total", "counter", feeds.bytes_received as f64),
            ("bridge_back_pressure_seconds_total", "counter", feeds.back_pressure.as_secs_f64()),
            ("bridge_messages_stored_total", "counter", self.counts.stored.load(Relaxed) as f64),
            ("bridge_publishes_repeated_total", "counter", self.counts.repeated.load(Relaxed) as f64),
            ("bridge_messages_waiting", "gauge", self.counts.waiting.load(Relaxed) as f64),
        ];
        let mut text = String::new();
        for (name, kind, value) in table {
            // Writing to a `String` does not fail.
            let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
        }
        for (reason, count) in feeds.sessions_ended() {
            let _ = writeln!(text, "bridge_sessions_ended_total{{reason=\"{reason}\"}} {count}");
        }
        text
    }
}
