//! A TCP connection of which the kernel holds few unsent bytes, unless the line is fast.
//!
//! By default the kernel accepts megabytes before it has sent them. On a slow line a pong waits behind them for longer than the
//! server does, and what was written looks sent although it is not. So we limit them with `TCP_NOTSENT_LOWAT`. The option
//! does not limit the bytes that are on their way, so it does not slow down lines with a long round trip. But a small limit
//! costs many wake-ups on a fast line. So the limit grows while the line proves to be fast.

use std::{
    io,
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_codec::{AsyncRead, AsyncWrite, ReadBuf};
use actix_rt::time::Instant;
use tokio::net::TcpStream;

/// The smallest limit, in bytes. A smaller one makes no pong quicker, since each waits for a batch of messages, too.
const SMALLEST: u32 = 128 << 10;

/// The largest limit. Linux buffers no more for one connection by default.
const LARGEST: u32 = 4 << 20;

/// A wait for the kernel that is shorter than this is quick. The kernel accepts more bytes once half of the limit was sent, so
/// twice the limit will be sent in four times this at most.
const QUICK: Duration = Duration::from_millis(50);

/// A wait that is longer than this is slow.
const SLOW: Duration = Duration::from_millis(500);

/// After so many quick waits, one after the other, the limit is doubled. Until then twice the limit was sent, so what
/// waits in the kernel is only a part of what a proxy or a server may have buffered.
const QUICK_WAITS: u8 = 4;

/// A TCP connection.
pub(super) struct TcpConnection {
    stream: TcpStream,
    limit: Limit,
    /// The time at which the kernel stopped accepting bytes. (Or tokio did, to let other tasks have their turn. That is a
    /// short wait, unless the thread is busy.)
    blocked: Option<Instant>,
}

/// The number of bytes that the kernel may hold unsent.
#[derive(Debug)]
struct Limit {
    bytes: u32,
    quick_waits: u8,
}

impl TcpConnection {
    pub(super) fn new(stream: TcpStream) -> Self {
        let connection = Self { stream, limit: Limit::SMALLEST, blocked: None };
        connection.apply_limit();
        connection
    }

    fn apply_limit(&self) {
        if let Err(err) = set(&self.stream, self.limit.bytes) {
            log::debug!(target: "actix_engineio::transport", "cannot set TCP_NOTSENT_LOWAT: {err}");
        }
    }

    /// Notices whether the kernel accepts bytes.
    #[inline]
    fn observe<T>(&mut self, outcome: Poll<T>) -> Poll<T> {
        match &outcome {
            Poll::Pending if self.blocked.is_none() => self.blocked = Some(Instant::now()),
            Poll::Ready(_) if self.blocked.is_some() => self.waited(),
            _ => {}
        }
        outcome
    }

    #[cold]
    fn waited(&mut self) {
        if let Some(since) = self.blocked.take()
            && self.limit.adapt(since.elapsed())
        {
            self.apply_limit();
        }
    }
}

impl Limit {
    const SMALLEST: Self = Self { bytes: SMALLEST, quick_waits: 0 };

    /// Takes into account that the kernel accepted no bytes for `wait`. Returns whether the limit has changed.
    fn adapt(&mut self, wait: Duration) -> bool {
        let before = self.bytes;
        if wait > SLOW {
            *self = Self::SMALLEST;
        } else if wait > QUICK {
            self.quick_waits = 0;
        } else if self.bytes < LARGEST {
            self.quick_waits += 1;
            if self.quick_waits == QUICK_WAITS {
                *self = Self { bytes: 2 * self.bytes, quick_waits: 0 };
            }
        }
        self.bytes != before
    }
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn set(stream: &TcpStream, bytes: u32) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(bytes)
}

/// Elsewhere socket2 does not have the option.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn set(_: &TcpStream, _: u32) -> io::Result<()> {
    Ok(())
}

impl AsyncRead for TcpConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.observe(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.observe(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
