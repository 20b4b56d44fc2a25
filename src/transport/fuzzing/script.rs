//! The I/O in memory.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use actix_codec::{AsyncRead, AsyncWrite, ReadBuf};

/// The other end of a connection: it takes whatever is sent, and sends its bytes in pieces.
pub(super) struct Script {
    /// The pieces. In place of an empty one the reader waits for one turn.
    pieces: VecDeque<Vec<u8>>,
    /// The connection ends with a reset, and not with an end of file.
    is_reset: bool,
}

impl Script {
    /// Sends `bytes` in pieces of these lengths, which repeat. Without any, they are sent at once.
    pub(super) fn new(bytes: &[u8], lengths: &[u8], is_reset: bool) -> Self {
        let mut pieces = VecDeque::new();
        let mut rest = bytes;
        let has_length = lengths.iter().any(|length| *length > 0);
        let mut lengths = lengths.iter().cycle();
        while !rest.is_empty() {
            let length =
                if has_length { lengths.next().map_or(1, |length| (*length).into()) } else { rest.len() };
            let (piece, after) = rest.split_at(length.min(rest.len()));
            pieces.push_back(piece.to_vec());
            rest = after;
        }
        Self { pieces, is_reset }
    }

    /// The largest number of times that a future on this script needs to be polled.
    pub(super) fn most_polls(&self) -> usize {
        self.pieces.len() + 16
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut piece) = self.pieces.pop_front() else {
            let reset = self.is_reset.then(|| io::Error::from(io::ErrorKind::ConnectionReset));
            return Poll::Ready(reset.map_or(Ok(()), Err));
        };
        if piece.is_empty() {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let rest = piece.split_off(piece.len().min(buffer.remaining()));
        buffer.put_slice(&piece);
        if !rest.is_empty() {
            self.pieces.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
