//! An Engine.IO server for one WebSocket, in a thread of its own. It does less for a message than the client does.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use actix_engineio::Data;
use actix_http::ws::hash_key;

use crate::frame::{self, BINARY, TEXT};

const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// The last message of a flood.
pub(crate) const END: &str = "end";

/// Bytes of one write, approximately, and at most of one read.
const BLOCK: usize = 256 << 10;

/// There are no pings, so a client that receives nothing for ten seconds ends the session.
const OPEN: &[u8] =
    br#"0{"sid":"bench","upgrades":[],"pingInterval":5000,"pingTimeout":5000,"maxPayload":1000000}"#;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// Only counts the messages.
    Sink,
    /// Takes each message as a number, and sends so many messages and `END`.
    Flood,
    /// Sends each message back.
    Echo,
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    received: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server whose floods consist of copies of the message.
    pub(crate) fn start(mode: Mode, message: &Data) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let received = Arc::<AtomicUsize>::default();
        let (count, message) = (received.clone(), frame::message(message));
        thread::spawn(move || -> io::Result<()> {
            let (stream, _) = listener.accept()?;
            // An error also ends the session of the client, so the row reports it.
            Connection::accept(stream, mode, message)?.serve(&count)
        });
        Ok(Self { url, received })
    }

    /// The number of messages that the server has received since the last call.
    pub(crate) fn take_received(&self) -> usize {
        self.received.swap(0, Relaxed)
    }
}

struct Connection {
    stream: TcpStream,
    frames: Frames,
    mode: Mode,
    /// Messages of a flood in frames of `message` bytes each.
    block: Vec<u8>,
    message: usize,
}

impl Connection {
    /// Answers the request that opens the WebSocket, and opens the session.
    fn accept(mut stream: TcpStream, mode: Mode, message: Vec<u8>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let mut head = String::new();
        let mut reader = BufReader::new(&stream);
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        let key = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
        let accept = hash_key(key.map_or("", |(_, key)| key).as_bytes());
        let accept = str::from_utf8(&accept).expect("base64 is ASCII");
        let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n";
        write!(stream, "{head}sec-websocket-accept: {accept}\r\n\r\n")?;
        stream.write_all(&frame::encode(TEXT, OPEN))?;
        let block = message.repeat(BLOCK.div_ceil(message.len()));
        Ok(Self { stream, frames: Frames::new(), mode, block, message: message.len() })
    }

    /// Answers what the client sends until it closes the WebSocket.
    fn serve(mut self, received: &AtomicUsize) -> io::Result<()> {
        loop {
            let frame = self.frames.next(&mut self.stream)?;
            let first = frame.first;
            match first {
                TEXT | BINARY if frame.is_message() => {
                    received.fetch_add(1, Relaxed);
                    match self.mode {
                        Mode::Sink => {}
                        Mode::Flood => {
                            let count = str::from_utf8(&frame.unmasked()[1..]).ok();
                            let count = count.and_then(|count| count.parse().ok()).expect("a number");
                            self.flood(count)?;
                        }
                        Mode::Echo => self.stream.write_all(&frame::encode(first, frame.unmasked()))?,
                    }
                }
                PING => self.stream.write_all(&frame::encode(PONG, frame.unmasked()))?,
                CLOSE => return self.stream.write_all(&frame::encode(CLOSE, frame.unmasked())),
                _ => {}
            }
        }
    }

    fn flood(&mut self, count: usize) -> io::Result<()> {
        let mut bytes = count * self.message;
        while bytes > 0 {
            let part = bytes.min(self.block.len());
            self.stream.write_all(&self.block[..part])?;
            bytes -= part;
        }
        self.stream.write_all(&frame::message(&END.into()))
    }
}

/// Frames of the client in the memory into which they were read.
struct Frames {
    buffer: Vec<u8>,
    unread: Range<usize>,
}

impl Frames {
    fn new() -> Self {
        Self { buffer: vec![0; BLOCK], unread: 0..0 }
    }

    /// The next frame. It is not larger than the buffer.
    fn next(&mut self, stream: &mut impl Read) -> io::Result<Frame<'_>> {
        let (payload, mask) = loop {
            match head(&self.buffer[self.unread.clone()]) {
                Some((payload, mask)) if payload.end <= self.unread.len() => break (payload, mask),
                _ => self.fill(stream)?,
            }
        };
        let frame = &mut self.buffer[self.unread.clone()];
        self.unread.start += payload.end;
        Ok(Frame { first: frame[0], mask, payload: &mut frame[payload] })
    }

    fn fill(&mut self, stream: &mut impl Read) -> io::Result<()> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        let read = stream.read(&mut self.buffer[self.unread.end..])?;
        self.unread.end += read;
        if read > 0 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// The place of the payload in a frame, and the mask; nothing if not all of this has arrived.
fn head(frame: &[u8]) -> Option<(Range<usize>, [u8; 4])> {
    let (length, at) = match frame.get(1)? & 0x7f {
        126 => (u16::from_be_bytes(*frame.get(2..)?.first_chunk()?).into(), 4),
        127 => (u64::from_be_bytes(*frame.get(2..)?.first_chunk()?) as usize, 10),
        length => (length.into(), 2),
    };
    let mask = *frame.get(at..)?.first_chunk()?;
    Some((at + 4..at + 4 + length, mask))
}

/// A frame whose payload still has its mask: to remove it takes time, and a sink does not need it.
struct Frame<'a> {
    first: u8,
    mask: [u8; 4],
    payload: &'a mut [u8],
}

impl<'a> Frame<'a> {
    fn is_message(&self) -> bool {
        self.first == BINARY || self.payload.first().is_some_and(|byte| byte ^ self.mask[0] == b'4')
    }

    fn unmasked(self) -> &'a [u8] {
        let (chunks, rest) = self.payload.as_chunks_mut();
        for chunk in chunks {
            *chunk = (u32::from_ne_bytes(*chunk) ^ u32::from_ne_bytes(self.mask)).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(self.mask) {
            *byte ^= key;
        }
        self.payload
    }
}
