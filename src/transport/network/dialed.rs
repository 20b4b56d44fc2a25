//! The byte stream below TLS.

use std::{
    fmt, io,
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll},
};

use actix_codec::{AsyncRead, AsyncWrite, ReadBuf};
use actix_rt::net::{ActixStream, Ready};

use super::unsent::TcpConnection;
use crate::transport::Io;

/// The byte stream that a [`Dialer`](crate::Dialer) makes: a TCP connection, a tunnel through a proxy, a unix socket,
/// or the stream that the application's own [`connector`](crate::EngineIoClientBuilder::connector) returned.
pub struct Dialed(Stream);

enum Stream {
    /// A TCP connection. It is not boxed, because most streams are of this kind and live for hours.
    Tcp(TcpConnection),
    /// Any other stream.
    Other(Box<dyn Io>),
}

impl Dialed {
    #[cfg(any(unix, feature = "rustls"))]
    pub(super) fn other(stream: impl Io + 'static) -> Self {
        Self(Stream::Other(Box::new(stream)))
    }

    fn io(self: Pin<&mut Self>) -> Pin<&mut dyn Io> {
        match &mut self.get_mut().0 {
            Stream::Tcp(stream) => Pin::new(stream),
            Stream::Other(stream) => Pin::new(&mut **stream),
        }
    }
}

impl From<TcpConnection> for Dialed {
    fn from(connection: TcpConnection) -> Self {
        Self(Stream::Tcp(connection))
    }
}

impl From<Box<dyn Io>> for Dialed {
    fn from(stream: Box<dyn Io>) -> Self {
        Self(Stream::Other(stream))
    }
}

impl AsyncRead for Dialed {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io().poll_read(cx, buf)
    }
}

impl AsyncWrite for Dialed {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Other(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}

/// awc requires this trait and calls none of its methods. A stream of the user's own cannot say whether it is ready, so
/// both methods say that it may be. The next read or write finds out.
impl ActixStream for Dialed {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

impl fmt::Debug for Dialed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialed").finish_non_exhaustive()
    }
}
