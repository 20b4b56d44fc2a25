//! Where connections come from.

use std::{
    collections::VecDeque,
    io, mem,
    net::{Ipv4Addr, SocketAddr},
    task::{Context, Poll},
};

use tokio::{
    io::DuplexStream,
    net::{TcpListener, TcpSocket},
};

use super::stream::{MemoryStream, ServerStream, pipe};

/// The most connections that wait for a server to accept them.
const BACKLOG: u32 = 1_024;

/// The port of a server, if it has one, and the connections within the process.
#[derive(Debug)]
pub(super) struct Listener {
    port: Option<Port>,
    addr: Option<SocketAddr>,
    waiting: VecDeque<DuplexStream>,
    is_open: bool,
}

#[derive(Debug)]
enum Port {
    Open(TcpListener),
    /// A socket that refuses connections and prevents others from getting the port.
    Reserved(TcpSocket),
    /// The port while it is opened or closed, and after that has failed.
    None,
}

impl Listener {
    pub(super) fn in_memory() -> Self {
        Self { port: None, addr: None, waiting: VecDeque::new(), is_open: true }
    }

    /// Listens on a free port of the loopback interface.
    pub(super) fn on_a_port() -> io::Result<Self> {
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into())?.listen(BACKLOG)?;
        let addr = listener.local_addr()?;
        let port = Some(Port::Open(listener));
        Ok(Self { port, addr: Some(addr), waiting: VecDeque::new(), is_open: true })
    }

    pub(super) fn addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// Whether connections are accepted.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Refuses connections from here on.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.is_open = false;
        self.waiting.clear();
        if let (Some(port @ Port::Open(_)), Some(addr)) = (&mut self.port, self.addr) {
            *port = Port::None;
            *port = Port::Reserved(bind(addr)?);
        }
        Ok(())
    }

    /// Gives the port back.
    pub(super) fn end(&mut self) {
        self.is_open = false;
        self.waiting.clear();
        self.port = None;
    }

    /// Accepts connections again, on the same port.
    pub(super) fn open(&mut self) -> io::Result<()> {
        if let Some(port @ Port::Reserved(_)) = &mut self.port
            && let Port::Reserved(socket) = mem::replace(port, Port::None)
        {
            *port = Port::Open(socket.listen(BACKLOG)?);
        }
        self.is_open = true;
        Ok(())
    }

    /// Opens a connection within the process.
    pub(super) fn connect(&mut self) -> io::Result<MemoryStream> {
        if !self.is_open {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (client, server) = pipe();
        self.waiting.push_back(server);
        Ok(client)
    }

    /// The next connection. Who polls this has to poll it again after each change of the state.
    pub(super) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<ServerStream> {
        if let Some(stream) = self.waiting.pop_front() {
            return Poll::Ready(Box::new(stream));
        }
        if let Some(Port::Open(listener)) = &self.port
            && let Poll::Ready(Ok((stream, _))) = listener.poll_accept(cx)
        {
            // Without it a small response may wait for the acknowledgement of the one before.
            let _ = stream.set_nodelay(true);
            return Poll::Ready(Box::new(stream));
        }
        Poll::Pending
    }
}

/// A socket at this address. Connections of an earlier socket may still exist there.
fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
