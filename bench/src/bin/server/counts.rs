//! Counts of what was sent and received.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more, Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connections: Count,
    /// GETs and POSTs, without handshakes.
    pub(crate) gets: Count,
    pub(crate) posts: Count,
    /// Handshakes of polling sessions, and of WebSockets.
    pub(crate) polling_handshakes: Count,
    pub(crate) websocket_handshakes: Count,
    pub(crate) frames_received: Count,
    pub(crate) frames_sent: Count,
    pub(crate) pings: Count,
    pub(crate) pongs: Count,
    /// Pings that were not answered in time.
    pub(crate) missed: Count,
}

impl Counts {
    pub(crate) fn json(&self) -> String {
        let counts = [
            ("connections", &self.connections),
            ("polling_handshakes", &self.polling_handshakes),
            ("gets", &self.gets),
            ("posts", &self.posts),
            ("websocket_handshakes", &self.websocket_handshakes),
            ("frames_received", &self.frames_received),
            ("frames_sent", &self.frames_sent),
            ("pings", &self.pings),
            ("pongs", &self.pongs),
            ("missed", &self.missed),
        ];
        let counts: Vec<_> =
            counts.iter().map(|(name, count)| format!(r#""{name}": {}"#, count.get())).collect();
        format!("{{{}}}", counts.join(", "))
    }
}
