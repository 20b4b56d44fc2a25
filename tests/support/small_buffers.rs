//! Sockets whose buffers are small, so that a message need not be huge to fill them.

use std::{io, net::TcpListener};

use actix_engineio::Destination;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpStream;

/// Bytes that do not fit into the buffers of both ends of a connection, if both are small.
pub(crate) const LARGE: usize = 2 << 20;

/// Bytes that a socket is asked to buffer. The kernel doubles them.
const BUFFER: usize = 16 << 10;

/// Listens on a free port of 127.0.0.1. The connections have small receive buffers.
pub(crate) fn listen_with_small_buffers() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // Connections have the buffers of their listener.
    socket.set_recv_buffer_size(BUFFER).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(16).unwrap();
    socket.into()
}

/// For the option `connector`: connects with a small send buffer.
pub(crate) async fn connect_with_small_buffers(to: Destination) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((to.host(), to.port())).await?;
    SockRef::from(&stream).set_send_buffer_size(BUFFER)?;
    Ok(stream)
}
