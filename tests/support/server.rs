//! A server that follows a script, byte by byte, so that it can misbehave in every way.
//!
//! ```ignore
//! let server = Server::start(|server| {
//!     let mut peer = server.accept();
//!     assert_eq!(peer.read_request().target, "/engine.io/?EIO=4&transport=polling");
//!     peer.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
//!     peer.close();
//! });
//! // ... talk to server.origin() ...
//! server.finish().await;
//! ```
//!
//! The script runs on a thread of its own and may block, but no step for longer than [`PATIENCE`]. When it fails, the
//! test fails. As long as a [`Peer`] exists, its connection is open.

use std::{
    io::{self, Read as _, Write as _},
    mem,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    panic,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use actix_http::ws;
use futures::channel::oneshot;

/// How long a step may take. It only bounds hangs, so it is longer than any machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The server as the test sees it.
pub(crate) struct Server {
    addr: SocketAddr,
    accepted: Arc<AtomicUsize>,
    script: Option<JoinHandle<Acceptor>>,
    ended: oneshot::Receiver<()>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1 and follows `script`.
    pub(crate) fn start(script: impl FnOnce(&Acceptor) + Send + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    /// The same where `listener` listens.
    pub(crate) fn on(listener: TcpListener, script: impl FnOnce(&Acceptor) + Send + 'static) -> Self {
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let acceptor = Acceptor { listener, accepted: Arc::clone(&accepted) };
        // Its sender is dropped at the end of the script, and by a panic.
        let (ends, ended) = oneshot::channel();
        let script = thread::spawn(move || {
            let _ends = ends;
            script(&acceptor);
            acceptor
        });
        Self { addr, accepted, script: Some(script), ended }
    }

    /// Such as `http://127.0.0.1:5000`.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address that it listens on.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections that the script has accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Waits for the end of the script, without blocking the runtime, and fails if the script failed or if there was
    /// a connection it did not accept.
    pub(crate) async fn finish(mut self) {
        let _ = (&mut self.ended).await;
        let acceptor = self.join().unwrap();
        let unexpected = acceptor.listener.accept();
        assert!(unexpected.is_err(), "a connection that is not in the script");
    }

    fn join(&mut self) -> Option<Acceptor> {
        let outcome = self.script.take()?.join();
        Some(outcome.unwrap_or_else(|panic| panic::resume_unwind(panic)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.join();
        }
    }
}

/// The server as its script sees it.
pub(crate) struct Acceptor {
    pub(super) listener: TcpListener,
    accepted: Arc<AtomicUsize>,
}

impl Acceptor {
    /// The next connection.
    pub(crate) fn accept(&self) -> Peer {
        let give_up = Instant::now() + PATIENCE;
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(err) if err.kind() == io::ErrorKind::WouldBlock && Instant::now() < give_up => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(err) => panic!("nobody connects: {err}"),
            }
        };
        self.accepted.fetch_add(1, Ordering::SeqCst);
        stream.set_nonblocking(false).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Peer { stream, buffer: Vec::new() }
    }
}

/// The client at the other end of a connection.
pub(crate) struct Peer {
    pub(super) stream: TcpStream,
    /// Bytes that were read and not taken yet.
    pub(super) buffer: Vec<u8>,
}

/// A request as it was received.
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    /// In order, the names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The values of a header, joined as HTTP joins them.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values =
            self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str());
        Some(values.collect::<Vec<_>>().join(", ")).filter(|value| !value.is_empty())
    }
}

impl Peer {
    /// The address that it connects from.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.stream.peer_addr().unwrap()
    }

    /// The head of a request, and nothing of its body.
    pub(crate) fn read_head(&mut self) -> Received {
        let end = loop {
            match self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.fill(),
            }
        };
        let head = String::from_utf8(self.take(end)).unwrap();
        let (request_line, headers) = head.trim_end().split_once("\r\n").unwrap();
        let [method, target, "HTTP/1.1"] = request_line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("bad request line: {request_line}");
        };
        let headers = headers.lines().map(|line| line.split_once(": ").unwrap());
        Received {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
            body: Vec::new(),
        }
    }

    /// The rest of a request, behind its head.
    pub(crate) fn read_body(&mut self, length: usize) -> Vec<u8> {
        self.take(length)
    }

    /// A whole request.
    pub(crate) fn read_request(&mut self) -> Received {
        let mut request = self.read_head();
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body = self.take(length);
        request
    }

    /// A whole request, unless the client closes instead.
    pub(crate) fn try_read_request(&mut self) -> Option<Received> {
        if self.buffer.is_empty() {
            let mut byte = [0];
            match self.stream.peek(&mut byte) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
        Some(self.read_request())
    }

    /// Allows ten minutes for each step from here on.
    pub(crate) fn be_patient(&mut self) {
        let patience = Some(Duration::from_secs(600));
        self.stream.set_read_timeout(patience).unwrap();
        self.stream.set_write_timeout(patience).unwrap();
    }

    /// The same connection again, for a thread that writes while this one reads.
    pub(crate) fn writer(&self) -> Self {
        Self { stream: self.stream.try_clone().unwrap(), buffer: Vec::new() }
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes).unwrap();
    }

    /// Sends bytes to a client that may close before it has read them.
    pub(crate) fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends bytes, `step` at a time with a pause after each.
    pub(crate) fn write_slowly(&mut self, bytes: impl AsRef<[u8]>, step: usize, pause: Duration) {
        for bytes in bytes.as_ref().chunks(step) {
            self.write(bytes);
            thread::sleep(pause);
        }
    }

    /// Sends a response with a content-length.
    pub(crate) fn respond(&mut self, status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\n\r\n", body.len());
        self.write([head.as_bytes(), body].concat());
    }

    /// Closes with a FIN, unless the client has reset the connection. What has arrived is read first: otherwise the kernel
    /// would send a RST.
    pub(crate) fn close(self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        self.stream.set_nonblocking(true).unwrap();
        let _ = (&self.stream).read_to_end(&mut Vec::new());
    }

    /// Closes the server's direction only.
    pub(crate) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Closes with a RST.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Waits until the client closes, and returns what it had sent before.
    pub(crate) fn wait_closed(mut self) -> Vec<u8> {
        let mut rest = mem::take(&mut self.buffer);
        match self.stream.read_to_end(&mut rest) {
            Err(err) if err.kind() != io::ErrorKind::ConnectionReset => panic!("not closed: {err}"),
            _ => rest,
        }
    }

    /// Accepts a WebSocket handshake, and returns its request.
    pub(crate) fn accept_websocket(&mut self) -> Received {
        let request = self.read_head();
        self.switch_protocols(&request, &[]);
        request
    }

    /// Accepts a WebSocket handshake that was read, with these headers beside the necessary ones.
    pub(crate) fn switch_protocols(&mut self, request: &Received, headers: &[(&str, &str)]) {
        let key = request.header("sec-websocket-key").expect("a sec-websocket-key");
        let accept = ws::hash_key(key.as_bytes());
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n");
        self.write([headers.as_bytes(), b"sec-websocket-accept: ", accept.as_slice(), b"\r\n\r\n"].concat());
    }

    /// Sends one frame, unmasked as those of servers are. `rsv` is the three reserved bits.
    pub(crate) fn send_frame(&mut self, fin: bool, rsv: u8, opcode: u8, payload: impl AsRef<[u8]>) {
        let payload = payload.as_ref();
        let mut frame = vec![u8::from(fin) << 7 | rsv << 4 | opcode];
        match u16::try_from(payload.len()) {
            Ok(length) if length < 126 => frame.push(payload.len().try_into().unwrap()),
            Ok(length) => frame.extend([[126].as_slice(), &length.to_be_bytes()].concat()),
            Err(_) => frame.extend([[127].as_slice(), &payload.len().to_be_bytes()].concat()),
        }
        frame.extend_from_slice(payload);
        self.write(frame);
    }

    /// Sends a text message in one frame.
    pub(crate) fn send_text(&mut self, text: &str) {
        self.send_frame(true, 0, 1, text);
    }

    /// Sends a binary message in one frame.
    pub(crate) fn send_binary(&mut self, bytes: impl AsRef<[u8]>) {
        self.send_frame(true, 0, 2, bytes);
    }

    /// The opcode and the unmasked payload of the next frame, which has to be a masked one with FIN.
    pub(crate) fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let (first, payload) = self.read_any_frame();
        assert_eq!(first & 0xf0, 0x80, "FIN and nothing else");
        (first & 0x0f, payload)
    }

    /// The first byte and the unmasked payload of the next frame, which has to be a masked one.
    pub(crate) fn read_any_frame(&mut self) -> (u8, Vec<u8>) {
        let (first, length) = self.read_frame_head();
        let mask: [u8; 4] = self.take_array();
        let mut payload = self.take(length);
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        (first, payload)
    }

    /// The first byte of the next frame and the length of its payload, without the mask.
    pub(crate) fn read_frame_head(&mut self) -> (u8, usize) {
        let [first, second] = self.take_array();
        assert_eq!(second & 0x80, 0x80, "MASK");
        let length = match second & 0x7f {
            126 => u16::from_be_bytes(self.take_array()).into(),
            127 => u64::from_be_bytes(self.take_array()),
            length => length.into(),
        };
        (first, length.try_into().unwrap())
    }

    fn take_array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap()
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            self.fill();
        }
        self.buffer.drain(..length).collect()
    }

    fn fill(&mut self) {
        let mut bytes = [0; 64 << 10];
        match self.stream.read(&mut bytes) {
            Ok(0) => panic!("the client closed; it had sent {:?}", String::from_utf8_lossy(&self.buffer)),
            Ok(length) => self.buffer.extend_from_slice(&bytes[..length]),
            Err(err) => panic!("{err}; the client had sent {:?}", String::from_utf8_lossy(&self.buffer)),
        }
    }
}
