//! How much goes into a POST.
//!
//! A POST has to arrive in time. Some servers give a body 30 seconds (engine.io), and while a POST is on its way no
//! answer to a ping can be sent. So POSTs grow as long as they are quick, and shrink when one took long.

use std::time::Duration;

use super::{io::Limits, queue::BatchLimit};
use crate::protocol::{handshake::Session, wire::Wire};

/// Bytes in the first POST of a session.
const FIRST: usize = 128 << 10;

/// Bytes in a POST on the slowest line.
const SMALLEST: usize = 16 << 10;

/// Bytes in a POST to a server that sends no `maxPayload`.
const DEFAULT_MAX_PAYLOAD: usize = 1_000_000;

/// Packets in a POST to a server that has not shown that it accepts more: python-engineio answers 200 to a larger
/// payload and drops it.
const CAUTIOUS_PACKETS: usize = 16;

/// The time for which a POST may be on its way. It is half of the ten seconds that none should exceed, because the line
/// may become slower from one POST to the next.
const LONGEST: Duration = Duration::from_secs(5);

/// The size of the next POST of a session.
#[derive(Debug)]
pub(super) struct PostSize {
    bytes: usize,
    max_payload: usize,
    wire: Wire,
    /// The server has shown that it accepts any number of packets.
    any_number: bool,
    /// The time for which a POST may be on its way.
    longest: Duration,
}

impl PostSize {
    pub(super) fn new(session: &Session) -> Self {
        let max_payload = session.max_payload.unwrap_or(DEFAULT_MAX_PAYLOAD);
        Self {
            bytes: FIRST.min(max_payload),
            max_payload,
            wire: session.protocol,
            any_number: false,
            // The answer to a ping may have to wait for one POST, and then takes one itself.
            longest: LONGEST.min(session.ping_timeout / 2),
        }
    }

    /// The limit for the next POST. A larger message is posted by itself.
    pub(super) fn limit(&self, limits: &Limits) -> BatchLimit {
        let packets = if self.any_number { usize::MAX } else { CAUTIOUS_PACKETS };
        BatchLimit {
            packets: limits.max_packets_per_post.unwrap_or(packets),
            bytes: self.bytes.min(limits.max_post_bytes.unwrap_or(usize::MAX)),
            encoding: Some(self.wire),
        }
    }

    /// A POST of `bytes` was answered after `time`, in a way that shows whether the server accepts any number of
    /// packets.
    pub(super) fn answered(&mut self, bytes: usize, time: Duration, any_number: bool) {
        self.any_number |= any_number;
        let is_slow = time > self.longest;
        // That a small POST was quick says nothing about larger ones.
        if !is_slow && bytes <= self.bytes / 2 {
            return;
        }
        // A POST can also be slow for another reason than its size.
        let least = self.bytes / 4;
        let most = if is_slow { self.bytes } else { self.bytes.saturating_mul(2) };
        let next = bytes_in(self.longest, bytes, time).clamp(least, most);
        self.bytes = next.max(SMALLEST).min(self.max_payload);
    }
}

/// The number of bytes that a line carries within `limit`, if it took `time` for `bytes` of them.
fn bytes_in(limit: Duration, bytes: usize, time: Duration) -> usize {
    let bytes = u128::try_from(bytes).unwrap_or(u128::MAX);
    let scaled = bytes.saturating_mul(limit.as_micros()) / time.as_micros().max(1);
    usize::try_from(scaled).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
