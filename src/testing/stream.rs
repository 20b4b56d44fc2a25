//! The connections of a server: TCP, or a pipe within the process.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::transport::Io;

/// The bytes that each direction of a connection within the process can hold, about as many as a socket.
const CAPACITY: usize = 64 << 10;

/// The client's end of a connection within the process, which [`TestServer::connector`](super::TestServer::connector) opens.
#[derive(Debug)]
pub struct MemoryStream(DuplexStream);

impl AsyncRead for MemoryStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The two ends of a new connection within the process: the client's and the server's.
pub(super) fn pipe() -> (MemoryStream, DuplexStream) {
    let (client, server) = tokio::io::duplex(CAPACITY);
    (MemoryStream(client), server)
}

/// The server's end of a connection.
pub(super) type ServerStream = Box<dyn Io>;
