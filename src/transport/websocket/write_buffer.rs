//! Bytes that wait to be written to a WebSocket, and what was written of a batch.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll, ready},
};

use actix_codec::{AsyncWrite, Encoder as _};
use bytes::{Buf as _, BytesMut};

use super::encoding::Encoding;
#[cfg(test)]
use crate::protocol::websocket::Work;
use crate::protocol::{
    connection::BatchOutcome,
    packet::Packet,
    version::ProtocolVersion,
    websocket::{Frame, FrameEnds, Opcode, WebSocketCodec, close_payload},
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
    /// The recent maximum of the bytes that were written before the buffer was empty again. It falls slowly.
    peak: u64,
    /// The ends of the frames of the last batch.
    ends: FrameEnds,
    /// The rest of the last batch, if its messages are compressed and it takes more than one turn.
    encoding: Option<Box<Encoding>>,
    /// The number of turns in which messages were compressed.
    turns: u64,
    /// Set once a close frame is in the buffer. It is the last frame.
    has_close: bool,
}

/// What became of the rest of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Encoded {
    /// There was none.
    Nothing,
    /// It had a turn, in which frames may have been appended.
    Frames,
    /// It waits for its next turn.
    Waits,
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

    /// Appends a close frame, unless there was one. The rest of the last batch is not sent.
    pub(super) fn queue_close<K: FnMut() -> [u8; 4]>(&mut self, codec: &mut WebSocketCodec<K>, code: u16) {
        if !self.has_close {
            self.encoding = None;
            let payload = close_payload(code, "");
            self.queue(codec, Frame { opcode: Opcode::Close, head: &[], body: &payload });
            self.has_close = true;
        }
    }

    /// Whether a close frame was appended.
    pub(super) fn has_close(&self) -> bool {
        self.has_close
    }

    /// Whether a part of the last batch waits for its turn.
    pub(super) fn has_rest(&self) -> bool {
        self.encoding.is_some()
    }

    /// A number that grows with each write, and with each turn in which messages are compressed.
    pub(super) fn progress(&self) -> u64 {
        self.written.saturating_add(self.turns)
    }

    /// Appends one frame.
    #[inline]
    pub(super) fn queue<K: FnMut() -> [u8; 4]>(&mut self, codec: &mut WebSocketCodec<K>, frame: Frame<'_>) {
        // Only a control frame that is too long can be refused, and nobody queues one.
        let _ = codec.encode(frame, &mut self.buf);
    }

    /// Appends one frame, compressed if that is agreed on.
    #[cfg(test)]
    pub(super) fn queue_compressed<K: FnMut() -> [u8; 4]>(
        &mut self,
        codec: &mut WebSocketCodec<K>,
        frame: Frame<'_>,
    ) {
        let mut work = Work::of(usize::MAX);
        assert!(codec.encode_in_turns(frame, &mut None, &mut work, &mut self.buf));
    }

    /// Appends the frames of a batch. The batch before it must have been flushed.
    pub(super) fn queue_batch<K: FnMut() -> [u8; 4]>(
        &mut self,
        codec: &mut WebSocketCodec<K>,
        version: ProtocolVersion,
        packets: Arc<Vec<Packet>>,
    ) {
        self.ends.begin(self.written, self.buf.len(), packets.len());
        if codec.may_deflate() {
            self.start_encoding(codec, version, packets);
        } else {
            version.encode_frames(&packets, codec, &mut self.buf, &mut self.ends);
        }
    }

    fn start_encoding<K: FnMut() -> [u8; 4]>(
        &mut self,
        codec: &mut WebSocketCodec<K>,
        version: ProtocolVersion,
        packets: Arc<Vec<Packet>>,
    ) {
        let mut encoding = Encoding::new(packets);
        if !self.encode_turn(codec, version, &mut encoding) {
            self.encoding = Some(Box::new(encoding));
        }
    }

    /// Appends the frames of one turn. Returns whether the batch is complete.
    fn encode_turn<K: FnMut() -> [u8; 4]>(
        &mut self,
        codec: &mut WebSocketCodec<K>,
        version: ProtocolVersion,
        encoding: &mut Encoding,
    ) -> bool {
        self.turns = self.turns.saturating_add(1);
        encoding.advance(|packet, begun, work| {
            let is_appended = codec.encode_in_turns(version.frame(packet), begun, work, &mut self.buf);
            if is_appended {
                let length = u64::try_from(self.buf.len()).unwrap_or(u64::MAX);
                self.ends.push(self.written.saturating_add(length));
            }
            is_appended
        })
    }

    /// Appends the next frames of a batch that takes several turns.
    pub(super) fn encode_next<K: FnMut() -> [u8; 4]>(
        &mut self,
        codec: &mut WebSocketCodec<K>,
        version: ProtocolVersion,
    ) -> Encoded {
        let Some(mut encoding) = self.encoding.take() else { return Encoded::Nothing };
        if encoding.had_turn() {
            self.encoding = Some(encoding);
            return Encoded::Waits;
        }
        if !self.encode_turn(codec, version, &mut encoding) {
            self.encoding = Some(encoding);
        } else if let Some(number) = encoding.ping() {
            self.queue_ping(codec, number);
        }
        Encoded::Frames
    }

    /// The rest of a batch may go on in the next turn.
    pub(super) fn end_turn(&mut self) {
        if let Some(encoding) = &mut self.encoding {
            encoding.end_turn();
        }
    }

    /// Appends a ping with this number behind everything, also behind the rest of a batch.
    pub(super) fn ping<K: FnMut() -> [u8; 4]>(&mut self, codec: &mut WebSocketCodec<K>, number: u64) {
        match &mut self.encoding {
            Some(encoding) => encoding.ping_behind(number),
            None => self.queue_ping(codec, number),
        }
    }

    fn queue_ping<K: FnMut() -> [u8; 4]>(&mut self, codec: &mut WebSocketCodec<K>, number: u64) {
        self.queue(codec, Frame { opcode: Opcode::Ping, head: b"", body: &number.to_be_bytes() });
    }

    /// The outcome of the last batch. A packet was sent if all of it was flushed. If all of it was written, it may have
    /// been sent. Half a frame was not: no server can act on it.
    pub(super) fn outcome(&self) -> BatchOutcome {
        let sent = self.ends.count_until(self.flushed);
        let uncertain = self.ends.count_until(self.written).saturating_sub(sent);
        BatchOutcome { sent, uncertain, begun: usize::from(self.ends.is_inside_frame(self.written)) }
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
        // The capacity does not include written bytes until they are reclaimed. Asking for one byte more than there is does that.
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
