//! A raw Engine.IO server with prebuilt frames, blocking, a thread for each connection: never the bottleneck.
//!
//! The query of the URL says what it does with a client: `?mode=flood&size=16&count=1000` sends so many messages and
//! then falls silent, `mode=sink` takes in what comes, `mode=idle`, the default, only keeps the session. `kind=binary`
//! makes the messages of a flood binary.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sha1::{Digest, Sha1};

const OPEN: &str = r#"0{"sid":"bench","upgrades":[],"pingInterval":250000,"pingTimeout":200000,"maxPayload":1000000}"#;

/// Messages written, or put into one answer, at once: about so many bytes.
const BLOCK: usize = 256 << 10;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        // A client that goes away ends its thread with an error, which is of no interest.
        thread::Builder::new().stack_size(256 << 10).spawn(move || serve(stream))?;
    }
    Ok(())
}

/// The head of a request, and its body.
struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &mut impl BufRead) -> io::Result<Self> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut request = Self { head, body: Vec::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok());
        request.body.resize(length.unwrap_or(0), 0);
        stream.read_exact(&mut request.body)?;
        Ok(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let target = self.head.split(' ').nth(1)?;
        let (_, query) = target.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn number(&self, name: &str) -> usize {
        self.parameter(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// The payload of a message of the flood, as it is.
    fn message(&self) -> Vec<u8> {
        vec![b'x'; self.number("size")]
    }

    fn is_flood(&self) -> bool {
        self.parameter("mode") == Some("flood")
    }

    fn is_binary(&self) -> bool {
        self.parameter("kind") == Some("binary")
    }
}

fn serve(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let request = Request::read(&mut reader)?;
    match request.header("sec-websocket-key") {
        Some(key) => serve_websocket(stream, key, &request),
        None => serve_polling(stream, reader, request),
    }
}

fn serve_websocket(mut stream: TcpStream, key: &str, request: &Request) -> io::Result<()> {
    let accept = BASE64.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&frame(0x81, OPEN.as_bytes()))?;
    if request.is_flood() {
        let message = request.message();
        let message = match request.is_binary() {
            true => frame(0x82, &message),
            false => frame(0x81, &[b"4", &*message].concat()),
        };
        let mut left = request.number("count");
        let block = message.repeat((BLOCK / message.len()).clamp(1, left.max(1)));
        while left > 0 {
            let count = left.min(block.len() / message.len());
            stream.write_all(&block[..count * message.len()])?;
            left -= count;
        }
    }
    let mut sink = vec![0; 64 << 10];
    while stream.read(&mut sink)? > 0 {}
    Ok(())
}

/// A frame of the server's: not masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(len as u8),
        len @ 126..=0xffff => {
            frame.push(126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// The connections of a session know nothing of each other: the GETs that flood come on one.
fn serve_polling(
    mut stream: TcpStream,
    mut reader: BufReader<TcpStream>,
    mut request: Request,
) -> io::Result<()> {
    let message = request.message();
    let message = match request.is_binary() {
        true => format!("b{}", BASE64.encode(message)).into_bytes(),
        false => [b"4", &*message].concat(),
    };
    let mut left = if request.is_flood() { request.number("count") } else { 0 };
    let most = (BLOCK / message.len()).max(1);
    let block = vec![message; most].join(&0x1e);
    let length = |count: usize| (block.len() + 1) / most * count - 1;
    loop {
        if request.head.starts_with("POST") {
            answer(&mut stream, b"ok")?;
        } else if request.parameter("sid").is_none() {
            answer(&mut stream, OPEN.as_bytes())?;
        } else if left > 0 {
            let count = left.min(most);
            answer(&mut stream, &block[..length(count)])?;
            left -= count;
        }
        // A poll without news waits for ever.
        request = Request::read(&mut reader)?;
    }
}

fn answer(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat())
}
