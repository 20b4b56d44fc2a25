//! Bytes that wait to be written to a WebSocket, and what was written of a batch.

use std::{
    io,
    pin::Pin,
    task::{Context as Task, Poll, ready},
};

use actix_codec::{AsyncWrite, Encoder as _};
use bytes::{Buf as _, BytesMut};

use crate::protocol::{
    connection::BatchOutcome,
    packet::Packet,
    websocket::{Frame, FrameEnds, WebSocketCodec},
    wire::Wire,
};

/// The largest buffer that is reused.
const MAX_REUSED: u64 = 512 << 10;

/// The size up to which a buffer is always reused.
const ALWAYS_REUSED: u64 = 4 << 10;

/// The bytes that wait to be written, and positions in the stream of all bytes that the connection ever writes.
///
/// The empty buffer is reused for the next batch. It is freed once recent batches, or heartbeats, have used less than a
/// sixteenth of it, unless it is small.
#[derive(Default)]
pub(super) struct WriteBuffer {
    buf: BytesMut,
    /// The number of bytes written.
    written: u64,
    /// The number of written bytes that were flushed too. The others may wait in a TLS session.
    flushed: u64,
    /// The number of bytes written when the buffer was last empty.
    emptied_at: u64,
    /// The recent maximum of the bytes that the buffer contained.
    peak: u64,
    /// The ends of the frames of the last batch.
    ends: FrameEnds,
}

impl WriteBuffer {
    /// The number of bytes that wait to be written.
    pub(super) fn len(&self) -> usize {
        self.buf.len()
    }

    /// Whether everything was written and flushed.
    pub(super) fn is_flushed(&self) -> bool {
        self.buf.is_empty() && self.flushed == self.written
    }

    /// The number of bytes written, over all writes.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Appends one frame.
    #[inline]
    pub(super) fn queue<K: FnMut() -> [u8; 4]>(&mut self, codec: &mut WebSocketCodec<K>, frame: Frame<'_>) {
        // Only a control frame that is too long can be refused, and nobody queues one.
        let _ = codec.encode(frame, &mut self.buf);
    }

    /// Appends the frames of a batch. The batch before it must have been flushed.
    pub(super) fn queue_batch<K: FnMut() -> [u8; 4]>(
        &mut self,
        codec: &mut WebSocketCodec<K>,
        wire: Wire,
        packets: &[Packet],
    ) {
        self.ends.begin(self.written, packets.len());
        wire.encode_frames(packets, codec, &mut self.buf, &mut self.ends);
    }

    /// The outcome of the last batch. A packet was sent if all of it was flushed. If all of it was written, it may have
    /// been sent. Half a frame was not: no server can act on it.
    pub(super) fn outcome(&self) -> BatchOutcome {
        let sent = self.ends.count_until(self.flushed);
        BatchOutcome { sent, uncertain: self.ends.count_until(self.written).saturating_sub(sent) }
    }

    /// Writes and flushes everything.
    pub(super) fn poll_flush<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        task: &mut Task<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.buf.is_empty() {
            let written = ready!(Pin::new(&mut *io).poll_write(task, &self.buf))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buf.advance(written);
            self.written += u64::try_from(written).unwrap_or(0);
            // Each write is flushed, so that the outcome of a batch is known if the next write fails.
            if Pin::new(&mut *io).poll_flush(task)?.is_ready() {
                self.flushed = self.written;
            }
        }
        if self.flushed < self.written {
            ready!(Pin::new(io).poll_flush(task))?;
            self.flushed = self.written;
        }
        if self.emptied_at < self.written {
            self.shrink();
            self.emptied_at = self.written;
        }
        Poll::Ready(Ok(()))
    }

    /// Frees the empty buffer if it is too large to be reused.
    fn shrink(&mut self) {
        // The capacity does not include written bytes until they are reclaimed.
        let _ = self.buf.try_reclaim(self.buf.capacity() + 1);
        let capacity = u64::try_from(self.buf.capacity()).unwrap_or(u64::MAX);
        self.peak = (self.written - self.emptied_at).max(self.peak / 4);
        if capacity > (16 * self.peak).clamp(ALWAYS_REUSED, MAX_REUSED) {
            self.buf = BytesMut::new();
        }
    }
}

#[cfg(test)]
mod tests;
