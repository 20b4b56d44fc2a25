//! A session, and the packets for its next poll.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use memchr::memchr_iter;

use crate::{counts::Counts, flood::Frames, frame, http::Request};

/// Bytes of messages in one answer to a poll, approximately.
const BLOCK: usize = 256 << 10;

/// The message that a sink sends when it has received all.
pub(crate) const DONE: &[u8] = b"4done";

const SEPARATOR: u8 = 0x1e;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Flood,
    Sink,
    Echo,
    Idle,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) sid: String,
    pub(crate) mode: Mode,
    /// Openings of the gate after which the flood begins with the next one.
    pub(crate) gate: Option<usize>,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    binary: bool,
    size: usize,
    count: usize,
    polling: Mutex<Polling>,
    news: Condvar,
}

/// The part that only polling needs: its connections share it.
#[derive(Debug)]
struct Polling {
    /// Packets that wait for a GET.
    waiting: Vec<u8>,
    /// Messages that are still to be received or sent.
    left: usize,
    block: Arc<Block>,
    /// A GET is answered at once, so that the client can upgrade.
    probed: bool,
    closed: bool,
    due: Instant,
    pinged: Option<Instant>,
}

/// Many messages in a row.
#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    most: usize,
}

impl Session {
    pub(crate) fn new(sid: String, request: &Request, openings: usize) -> Self {
        let mode = match request.parameter("mode") {
            Some("flood") => Mode::Flood,
            Some("sink") => Mode::Sink,
            Some("echo") => Mode::Echo,
            _ => Mode::Idle,
        };
        let milliseconds =
            |name, default| Duration::from_millis(request.number(name).unwrap_or(default) as u64);
        let interval = milliseconds("interval", 250_000);
        let count = request.number("count").unwrap_or(0);
        let mut session = Self {
            sid,
            mode,
            gate: request.parameter("gate").map(|_| openings),
            interval,
            timeout: milliseconds("timeout", 200_000),
            binary: request.parameter("kind") == Some("binary"),
            size: request.number("size").unwrap_or(0),
            count,
            polling: Mutex::new(Polling {
                waiting: Vec::new(),
                left: count,
                block: Arc::default(),
                probed: false,
                closed: false,
                due: Instant::now() + interval,
                pinged: None,
            }),
            news: Condvar::new(),
        };
        if mode == Mode::Flood && request.parameter("transport") == Some("polling") {
            session.polling.get_mut().unwrap().block = Arc::new(session.polling_block());
        }
        session
    }

    pub(crate) fn open_packet(&self) -> String {
        let (sid, interval, timeout) = (&self.sid, self.interval.as_millis(), self.timeout.as_millis());
        format!(
            r#"0{{"sid":"{sid}","upgrades":["websocket"],"pingInterval":{interval},"pingTimeout":{timeout},"maxPayload":1000000}}"#
        )
    }

    /// The number of messages that a sink receives or a flood sends.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The message of a flood, many times.
    pub(crate) fn frames(&self) -> Frames {
        let message = vec![b'x'; self.size];
        match self.binary {
            true => Frames::same(frame::BINARY, &message),
            false => Frames::same(frame::TEXT, &[b"4", &*message].concat()),
        }
    }

    fn polling_block(&self) -> Block {
        let message = vec![b'x'; self.size];
        let message = match self.binary {
            true => format!("b{}", BASE64.encode(message)).into_bytes(),
            false => [b"4", &*message].concat(),
        };
        let most = (BLOCK / message.len()).clamp(1, self.count.max(1));
        Block { bytes: vec![message; most].join(&SEPARATOR), most }
    }

    /// Handles the packets of a POST, and returns whether the session goes on.
    pub(crate) fn take_in(&self, body: &[u8], counts: &Counts) -> bool {
        let mut polling = self.polling.lock().unwrap();
        let mut messages = 0;
        let mut start = 0;
        for end in memchr_iter(SEPARATOR, body).chain([body.len()]) {
            let packet = &body[start..end];
            start = end + 1;
            match packet {
                [b'4' | b'b', ..] if self.mode == Mode::Echo => polling.push(packet),
                [b'4' | b'b', ..] => messages += 1,
                b"3" => polling.answered(self, counts),
                b"1" => polling.closed = true,
                _ => {}
            }
        }
        if self.mode == Mode::Sink && messages > 0 {
            polling.left = polling.left.saturating_sub(messages);
            if polling.left == 0 {
                polling.push(DONE);
            }
        }
        self.news.notify_all();
        !polling.closed
    }

    /// Waits for packets, and passes them to `answer`.
    pub(crate) fn poll<T>(&self, counts: &Counts, answer: impl FnOnce(&[u8]) -> T) -> T {
        let mut polling = self.polling.lock().unwrap();
        loop {
            if polling.closed || polling.probed {
                return answer(b"6");
            }
            if !polling.waiting.is_empty() {
                let packets = std::mem::take(&mut polling.waiting);
                drop(polling);
                return answer(&packets);
            }
            if self.mode == Mode::Flood && polling.left > 0 {
                let block = polling.block.clone();
                let count = polling.left.min(block.most);
                polling.left -= count;
                drop(polling);
                return answer(&block.bytes[..(block.bytes.len() + 1) / block.most * count - 1]);
            }
            let now = Instant::now();
            if now >= polling.due {
                if polling.pinged.replace(now).is_some() {
                    counts.missed.add(1);
                }
                polling.due = now + self.interval;
                counts.pings.add(1);
                polling.push(b"2");
                continue;
            }
            let left = polling.due - now;
            polling = self.news.wait_timeout(polling, left).unwrap().0;
        }
    }

    /// Answers polls at once from here on: a WebSocket has been probed.
    pub(crate) fn probe(&self) {
        self.polling.lock().unwrap().probed = true;
        self.news.notify_all();
    }

    pub(crate) fn close(&self) {
        self.polling.lock().unwrap().closed = true;
        self.news.notify_all();
    }
}

impl Polling {
    fn push(&mut self, packet: &[u8]) {
        if !self.waiting.is_empty() {
            self.waiting.push(SEPARATOR);
        }
        self.waiting.extend_from_slice(packet);
    }

    fn answered(&mut self, session: &Session, counts: &Counts) {
        match self.pinged.take() {
            Some(pinged) if pinged.elapsed() > session.timeout => counts.missed.add(1),
            Some(_) => counts.pongs.add(1),
            None => {}
        }
    }
}
