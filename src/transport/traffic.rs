//! The bytes that the transports of any number of clients have moved.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Bytes of HTTP messages over polling and of WebSocket frames, without what TLS adds.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    read: AtomicU64,
    written: AtomicU64,
}

impl Traffic {
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// Adds the bytes of one transport to a [`Traffic`].
pub(super) struct TrafficMeter {
    traffic: Arc<Traffic>,
    /// The bytes that were added already.
    read: u64,
    written: u64,
}

impl TrafficMeter {
    pub(super) fn new(traffic: Arc<Traffic>) -> Self {
        Self { traffic, read: 0, written: 0 }
    }

    /// The transport has read and written this many bytes. After a redirect they are counted from 0.
    pub(super) fn update(&mut self, read: u64, written: u64) {
        add(&self.traffic.read, &mut self.read, read);
        add(&self.traffic.written, &mut self.written, written);
    }
}

fn add(total: &AtomicU64, seen: &mut u64, now: u64) {
    let more = now.checked_sub(*seen).unwrap_or(now);
    *seen = now;
    if more > 0 {
        total.fetch_add(more, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_added_once_also_after_another_connection_has_begun() {
        let traffic = Arc::<Traffic>::default();
        let mut meter = TrafficMeter::new(traffic.clone());
        for (read, written, total_read, total_written) in
            [(10, 5, 10, 5), (10, 5, 10, 5), (25, 5, 25, 5), (3, 7, 28, 7)]
        {
            meter.update(read, written);
            assert_eq!((traffic.read(), traffic.written()), (total_read, total_written));
        }
    }
}
