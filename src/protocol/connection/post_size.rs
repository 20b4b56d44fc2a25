//! How much goes into a POST.
//!
//! A POST has to arrive in time. Some servers give a body 30 seconds (engine.io), and while a POST is on its way no
//! answer to a ping can be sent. So POSTs grow as long as they are quick, and shrink when one took long.

use std::{num::NonZeroUsize, time::Duration};

use super::{batch::BatchLimit, io::Limits};
use crate::protocol::handshake::Session;

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

/// The size of the next POST of a session. Each method is given that session.
#[derive(Debug)]
pub(super) struct PostSize {
    bytes: usize,
    /// The server has shown that it accepts any number of packets.
    any_number: bool,
}

impl PostSize {
    pub(super) fn new(session: &Session) -> Self {
        Self { bytes: FIRST.min(max_payload(session)), any_number: false }
    }

    /// The limit for the next POST. A larger message is posted by itself.
    pub(super) fn limit(&self, session: &Session, limits: &Limits) -> BatchLimit {
        let packets = if self.any_number { usize::MAX } else { CAUTIOUS_PACKETS };
        BatchLimit {
            packets: limits.max_packets_per_post.map_or(packets, NonZeroUsize::get),
            bytes: self.bytes.min(limits.max_post_bytes.unwrap_or(usize::MAX)),
            encoding: Some(session.protocol),
        }
    }

    /// A POST of `bytes` was answered after `time`, in a way that shows whether the server accepts any number of
    /// packets.
    pub(super) fn answered(&mut self, session: &Session, bytes: usize, time: Duration, any_number: bool) {
        self.any_number |= any_number;
        // The answer to a ping may have to wait for one POST, and then takes one itself.
        let longest = LONGEST.min(session.ping_timeout / 2);
        let is_slow = time > longest;
        // That a small POST was quick says nothing about larger ones.
        if !is_slow && bytes <= self.bytes / 2 {
            return;
        }
        // A POST can also be slow for another reason than its size.
        let least = self.bytes / 4;
        let most = if is_slow { self.bytes } else { self.bytes.saturating_mul(2) };
        let next = bytes_in(longest, bytes, time).clamp(least, most);
        self.bytes = next.max(SMALLEST).min(max_payload(session));
    }
}

/// Bytes in a POST that the server accepts.
fn max_payload(session: &Session) -> usize {
    session.max_payload.unwrap_or(DEFAULT_MAX_PAYLOAD)
}

/// The number of bytes that a line carries within `limit`, if it took `time` for `bytes` of them.
fn bytes_in(limit: Duration, bytes: usize, time: Duration) -> usize {
    let bytes = u128::try_from(bytes).unwrap_or(u128::MAX);
    let scaled = bytes.saturating_mul(limit.as_micros()) / time.as_micros().max(1);
    usize::try_from(scaled).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
