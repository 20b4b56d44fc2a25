//! Bytes that were read from a WebSocket and are not decoded yet.

use std::{
    io,
    mem::{self, MaybeUninit},
    pin::Pin,
    task::{Context as Task, Poll, ready},
};

use actix_codec::{AsyncRead, Decoder, ReadBuf, poll_read_buf};
use bytes::BytesMut;

use crate::transport::SharingBudget;

/// The size of the stack buffer. A read of less counts as short.
const SHORT_READ: usize = 4 << 10;

/// The room for the read that follows a full stack buffer.
const MEDIUM_READ: usize = 16 << 10;

/// The room for each read while reads fill the buffer.
const LONG_READ: usize = 64 << 10;

/// The largest buffer that is reused. Messages share the buffer that they were read into, so after a larger message the
/// next one gets a new buffer.
const MAX_REUSED: usize = 256 << 10;

/// The bytes that were read, and how much to read next.
///
/// After a short read, the next one uses a buffer on the stack. So an idle connection owns no heap buffer, and a message
/// that the application keeps owns no more memory than it needs.
#[derive(Default)]
pub(super) struct ReadBuffer {
    buf: BytesMut,
    /// The room for the next read, 0 for one into the stack buffer.
    room: usize,
    /// The number of bytes read, over all reads.
    total: u64,
    /// The number of decoded bytes when a batch was last reported.
    reported: u64,
    /// The size of the memory that `buf` is in, and 0 once a batch shares it.
    unshared: usize,
    /// The number of bytes that will have been read when that memory is full. It changes when `buf` moves to other memory.
    full_at: u64,
    sharing: SharingBudget,
}

impl ReadBuffer {
    /// A buffer with the bytes that arrived behind the handshake.
    pub(super) fn new(buf: BytesMut) -> Self {
        let total = len(&buf);
        let mut buffer = Self { buf, total, ..Self::default() };
        buffer.notice_memory();
        buffer
    }

    /// The number of bytes read, over all reads.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Decodes the next item, if it has arrived completely.
    #[inline(always)] // A call would move each message once more.
    pub(super) fn decode<D: Decoder>(&mut self, decoder: &mut D) -> Result<Option<D::Item>, D::Error> {
        decoder.decode(&mut self.buf)
    }

    /// The bytes that are not decoded yet.
    pub(super) fn undecoded(&self) -> &[u8] {
        &self.buf
    }

    /// Reads once. Returns 0 at the end of the connection.
    pub(super) fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        io: &mut R,
        task: &mut Task<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.buf.is_empty() && (self.room == 0 || self.buf.capacity() > MAX_REUSED) {
            self.replace(BytesMut::new());
        }
        let read = if self.room == 0 {
            let mut stack_buf = [const { MaybeUninit::uninit() }; SHORT_READ];
            let mut stack_buf = ReadBuf::uninit(&mut stack_buf);
            ready!(Pin::new(io).poll_read(task, &mut stack_buf))?;
            self.buf.extend_from_slice(stack_buf.filled());
            stack_buf.filled().len()
        } else {
            if self.buf.capacity() - self.buf.len() < self.room / 4 {
                self.buf.reserve(self.room);
            }
            ready!(poll_read_buf(Pin::new(io), task, &mut self.buf))?
        };
        self.room = match self.room {
            _ if read < SHORT_READ => 0,
            0 => MEDIUM_READ,
            _ if self.buf.len() == self.buf.capacity() => LONG_READ,
            room => room,
        };
        self.total += u64::try_from(read).unwrap_or(0);
        self.notice_memory();
        Poll::Ready(Ok(read))
    }

    /// Ends a batch whose messages count `weight` bytes. Returns whether they may share the memory of this buffer.
    pub(super) fn end_batch(&mut self, weight: usize) -> bool {
        let may_share = self.sharing.may_share(weight, &mut self.unshared);
        let decoded = self.decoded();
        let size = decoded - mem::replace(&mut self.reported, decoded);
        if usize::try_from(size).unwrap_or(usize::MAX) > MAX_REUSED {
            // The bytes behind a large message must not keep its buffer alive.
            self.replace(BytesMut::from(&*self.buf));
        }
        may_share
    }

    /// The number of bytes that were decoded, over all reads.
    fn decoded(&self) -> u64 {
        self.total - len(&self.buf)
    }

    /// Goes on with another buffer.
    fn replace(&mut self, buf: BytesMut) {
        self.buf = buf;
        self.full_at = u64::MAX;
        self.notice_memory();
    }

    /// Notices that `buf` has moved to other memory, which no batch shares yet.
    fn notice_memory(&mut self) {
        let full_at = self.decoded() + u64::try_from(self.buf.capacity()).unwrap_or(0);
        if mem::replace(&mut self.full_at, full_at) != full_at {
            self.unshared = self.buf.capacity();
        }
    }
}

fn len(buf: &BytesMut) -> u64 {
    u64::try_from(buf.len()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
