//! The end of a connection with TLS.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
    thread,
};

use actix_codec::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::Io;

/// A byte stream with TLS. When it is dropped, it tells the server that the end is not an attack: RFC 9112, section 9.8,
/// "Clients MUST send a closure alert before closing the connection".
///
/// The alert is sent if it can be written at once. Nobody waits for that of the server.
pub(super) struct WithCloseAlert(Box<dyn Io>);

impl WithCloseAlert {
    pub(super) fn new(io: Box<dyn Io>) -> Self {
        Self(io)
    }
}

impl Drop for WithCloseAlert {
    fn drop(&mut self) {
        // The stream may be the application's own, and a second panic would end the process.
        if !thread::panicking() {
            let _ = Pin::new(&mut self.0).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl AsyncRead for WithCloseAlert {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for WithCloseAlert {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
