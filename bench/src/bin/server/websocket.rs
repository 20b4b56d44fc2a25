//! A WebSocket: a session of its own, or the upgrade of one.

use std::{
    io::{self, ErrorKind, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sha1::{Digest, Sha1};

use crate::{
    flood::Compression,
    frame::{self, Frames},
    http::Request,
    registry::Registry,
    session::{DONE, Mode, Session},
};

pub(crate) fn serve(
    mut stream: &TcpStream,
    first: &[u8],
    key: &str,
    request: &Request,
    registry: &Registry,
) -> io::Result<()> {
    registry.counts.websocket_handshakes.add(1);
    let upgraded = registry.find(request);
    let accept = BASE64.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    let (compression, extension) = registry.accept_compression(request);
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n{extension}\r\n"
    )
    .into_bytes();
    let session = match &upgraded {
        Some(session) => session.clone(),
        None => {
            let session = registry.open(request);
            registry.counts.connections.add(1);
            registry.counts.frames_sent.add(1);
            frame::encode_into(&mut head, frame::TEXT, session.open_packet().as_bytes());
            session
        }
    };
    stream.write_all(&head)?;
    let (frames, left) = (Frames::new(first), session.count());
    let mut socket = Socket { stream, frames, session: &session, registry, compression, left };
    let end = match upgraded {
        Some(_) => socket.converse(),
        None => socket.flood().and_then(|()| socket.converse()),
    };
    registry.close(&session);
    end
}

struct Socket<'a> {
    stream: &'a TcpStream,
    frames: Frames,
    session: &'a Session,
    registry: &'a Registry,
    compression: Compression,
    /// Messages that a sink still waits for.
    left: usize,
}

impl Socket<'_> {
    fn flood(&mut self) -> io::Result<()> {
        if self.session.mode != Mode::Flood {
            return Ok(());
        }
        if let Some(openings) = self.session.gate {
            self.registry.gate.pass(openings);
        }
        let frames = self.registry.documents.frames(self.session.size(), self.compression);
        frames.unwrap_or_else(|| self.session.frames()).send(self.session.count(), |frames, count| {
            self.registry.counts.frames_sent.add(count);
            self.stream.write_all(frames)
        })
    }

    fn converse(&mut self) -> io::Result<()> {
        let counts = &self.registry.counts;
        let mut pinged = None;
        self.stream.set_read_timeout(Some(self.session.interval))?;
        let mut replies = Vec::new();
        loop {
            let mut received = 0;
            let mut sent = 0;
            let mut closed = false;
            let mut flood = false;
            while let Some((first, payload)) = self.frames.next() {
                received += 1;
                let mut reply = |first, payload: &[u8]| {
                    sent += 1;
                    frame::encode_into(&mut replies, first, payload);
                };
                match (first, &*payload) {
                    (frame::BINARY, _) | (frame::TEXT, [b'4', ..]) => match self.session.mode {
                        Mode::Echo => reply(first, payload),
                        Mode::Sink => {
                            self.left = self.left.wrapping_sub(1);
                            if self.left == 0 {
                                reply(frame::TEXT, DONE);
                            }
                        }
                        Mode::Flood | Mode::Idle => {}
                    },
                    (frame::TEXT, b"3") => {
                        let pinged: Option<Instant> = pinged.take();
                        if let Some(pinged) = pinged {
                            counts.pongs.add(1);
                            let rest = self.session.interval.saturating_sub(pinged.elapsed());
                            self.stream.set_read_timeout(Some(rest.max(Duration::from_millis(1))))?;
                        }
                    }
                    (frame::TEXT, b"2probe") => {
                        reply(frame::TEXT, b"3probe");
                        self.session.probe();
                    }
                    (frame::TEXT, b"5") => flood = true,
                    (frame::CLOSE, _) => {
                        reply(frame::CLOSE, payload);
                        closed = true;
                    }
                    _ => {}
                }
            }
            counts.frames_received.add(received);
            counts.frames_sent.add(sent);
            self.stream.write_all(&replies)?;
            replies.clear();
            if closed {
                return Ok(());
            }
            if flood {
                self.flood()?;
            }
            match self.frames.fill(self.stream) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(err) if matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if pinged.is_some() {
                        counts.missed.add(1);
                        return Ok(());
                    }
                    counts.pings.add(1);
                    counts.frames_sent.add(1);
                    self.stream.write_all(&frame::encode(frame::TEXT, b"2"))?;
                    pinged = Some(Instant::now());
                    self.stream.set_read_timeout(Some(self.session.timeout))?;
                }
                Err(err) => return Err(err),
            }
        }
    }
}
