//! One session, from the server's side. It decides, and does not touch the network.

mod arrivals;
mod end;

use std::{collections::VecDeque, mem};

use actix_http::ws;
use actix_rt::time::Instant;
use bytes::{Bytes, BytesMut};

use self::arrivals::{Arrivals, show};
pub use self::end::SessionEnd;
use super::{
    heartbeat::{self, Heartbeat},
    settings::Settings,
};
use crate::{
    data::Data,
    protocol::{
        handshake::TransportKind,
        packet::Packet,
        version::ProtocolVersion,
        websocket::{Message, Text},
    },
};

/// A frame that the server has to write to a WebSocket.
#[derive(Debug, PartialEq)]
pub(super) enum Outgoing {
    Frame(ws::Message),
    /// The close frame, which is the last frame.
    Close(Option<ws::CloseReason>),
    /// The end of the connection without a close frame.
    Drop,
}

/// What a request asks for with its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// The version of the protocol.
    pub(super) version: ProtocolVersion,
    pub(super) transport: TransportKind,
}

/// What became of a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Post {
    Received,
    /// It is larger than the server accepts, so nothing of it was received.
    TooLarge,
}

/// The state of an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upgrade {
    /// No WebSocket has sent a probe.
    None,
    /// A probe was answered. The polls end at once, so that the client can move to the WebSocket.
    Probing,
}

#[derive(Debug)]
pub(super) struct Session {
    sid: String,
    version: ProtocolVersion,
    transport: TransportKind,
    upgrade: Upgrade,
    /// A GET of the client is waiting for packets.
    is_polled: bool,
    max_payload: usize,
    arrivals: Arrivals,
    outbox: VecDeque<Packet>,
    /// Frames that go before the packets.
    replies: VecDeque<Outgoing>,
    heartbeat: Heartbeat,
    closing: Closing,
    /// The number of pings that were sent.
    pings: u64,
}

/// The end of a session, and what still has to be written.
#[derive(Debug, Default)]
struct Closing {
    end: Option<SessionEnd>,
    /// The last frame of a WebSocket.
    last: Option<Outgoing>,
    /// The session is silent for ever, and its connections stay open.
    has_vanished: bool,
}

impl Session {
    pub(super) fn new(sid: String, asked: Asked, settings: &Settings, now: Instant) -> Self {
        let Asked { version, transport } = asked;
        let mut session = Self {
            sid,
            version,
            transport,
            upgrade: Upgrade::None,
            is_polled: false,
            max_payload: settings.max_payload,
            arrivals: Arrivals::default(),
            outbox: VecDeque::new(),
            replies: VecDeque::new(),
            heartbeat: match version {
                ProtocolVersion::V4 => Heartbeat::new(settings.ping_interval, settings.ping_timeout, now),
                ProtocolVersion::V3 => Heartbeat::listening(settings.ping_interval, settings.ping_timeout),
            },
            closing: Closing::default(),
            pings: 0,
        };
        session.outbox.push_back(Packet::Open(settings.open_packet(&session.sid, asked).into()));
        session
    }

    pub(super) fn sid(&self) -> &str {
        &self.sid
    }

    pub(super) fn transport(&self) -> TransportKind {
        self.transport
    }

    pub(super) fn end(&self) -> Option<SessionEnd> {
        self.closing.end
    }

    pub(super) fn has_vanished(&self) -> bool {
        self.closing.has_vanished
    }

    /// The number of answers to pings, or of pings in protocol 3.
    pub(super) fn pongs(&self) -> u64 {
        self.heartbeat.pongs()
    }

    /// What the client has sent.
    pub(super) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// What the session is in and what it has received, for the words of a failure.
    pub(super) fn describe(&self) -> String {
        let state = match (self.closing.end, self.closing.has_vanished) {
            (Some(end), _) => format!("has ended ({end})"),
            (None, true) => "has vanished".to_owned(),
            (None, false) => format!("is open over {}", self.transport),
        };
        format!("{state}, and the client has sent {}", self.arrivals)
    }

    /// Whether requests with the session id belong to this session.
    pub(super) fn is_known(&self) -> bool {
        self.closing.end.is_none() || self.has_last_packets()
    }

    /// A session that the test closed over polling still delivers its close packet.
    fn has_last_packets(&self) -> bool {
        self.closing.end == Some(SessionEnd::Server)
            && self.transport == TransportKind::Polling
            && !self.outbox.is_empty()
    }
}

/// # What the test does
impl Session {
    /// Sends a ping. In protocol 3 the client does that. Returns the number of [`pongs`](Self::pongs) after which it is answered.
    pub(super) fn ping(&mut self) -> u64 {
        match self.version {
            ProtocolVersion::V4 if self.closing.end.is_none() => {
                self.send(Packet::Ping("".into()));
                self.pings += 1;
                self.pings
            }
            _ => self.pongs() + 1,
        }
    }

    /// Whether the pings of a client of protocol 3 are answered.
    pub(super) fn answer_pings(&mut self, answer: bool) {
        self.heartbeat.answer(answer);
    }

    pub(super) fn send(&mut self, packet: Packet) {
        if self.closing.end.is_none() {
            self.outbox.push_back(packet);
        }
    }

    pub(super) fn take_message(&mut self) -> Option<Data> {
        self.arrivals.take()
    }

    /// Closes with a close packet, and over WebSocket a close frame with this code behind it.
    pub(super) fn close(&mut self, code: u16) {
        self.send(Packet::Close);
        self.end_with(SessionEnd::Server, Outgoing::Close(Some(ws::CloseCode::from(code).into())));
    }

    /// Closes a WebSocket with a close frame only.
    pub(super) fn close_frame(&mut self, code: u16) {
        self.outbox.clear();
        self.end_with(SessionEnd::Server, Outgoing::Close(Some(ws::CloseCode::from(code).into())));
    }

    pub(super) fn vanish(&mut self) {
        self.closing.has_vanished = true;
    }

    /// Ends the session without a word.
    pub(super) fn end_silently(&mut self, end: SessionEnd) {
        self.outbox.clear();
        self.end_with(end, Outgoing::Drop);
    }

    fn end_with(&mut self, end: SessionEnd, last: Outgoing) {
        if self.closing.end.is_none() {
            self.closing.end = Some(end);
            self.closing.last = Some(last);
        }
    }
}

/// # Polling
impl Session {
    /// Begins a poll. Returns `false` if another one is waiting.
    pub(super) fn begin_poll(&mut self) -> bool {
        !mem::replace(&mut self.is_polled, true)
    }

    pub(super) fn end_poll(&mut self) {
        self.is_polled = false;
    }

    /// The client has closed the connection of a poll.
    pub(super) fn poll_lost(&mut self) {
        if self.transport == TransportKind::Polling {
            self.end_silently(SessionEnd::Lost);
        }
    }

    /// The body of a poll, if it is to be answered now. `Err`: the session is over.
    pub(super) fn take_payload(&mut self) -> Option<Result<Bytes, SessionEnd>> {
        let is_over = self.closing.end.is_some() && !self.has_last_packets();
        let packets = match (is_over, self.transport, self.upgrade) {
            // A client that has closed the session still gets an answer, as from the engine.io server.
            (true, ..) if self.closing.end == Some(SessionEnd::Client) => vec![Packet::Noop],
            (true, ..) => return self.closing.end.map(Err),
            (_, TransportKind::WebSocket, _) => vec![Packet::Noop],
            (..) if !self.outbox.is_empty() => self.outbox.drain(..).collect(),
            (.., Upgrade::Probing) => vec![Packet::Noop],
            (.., Upgrade::None) => return None,
        };
        let mut body = BytesMut::new();
        self.version.encode_payload(&packets, &mut body);
        Some(Ok(body.freeze()))
    }

    /// Takes in the packets of a POST. The error says what the client did wrong.
    pub(super) fn receive_payload(&mut self, body: Bytes) -> Result<Post, String> {
        if body.is_empty() {
            return Err("the client sent a POST without packets".to_owned());
        }
        if body.len() > self.max_payload {
            self.end_silently(SessionEnd::TooLarge);
            return Ok(Post::TooLarge);
        }
        for packet in self.version.decode_payload(body, usize::MAX) {
            let packet = packet.map_err(|err| format!("the client sent a bad packet in a POST: {err}"))?;
            self.receive(packet)?;
        }
        Ok(Post::Received)
    }
}

/// # WebSocket
impl Session {
    /// The next frame to write to the WebSocket that carries the session, or that is to carry it.
    pub(super) fn take_frame(&mut self) -> Option<Outgoing> {
        if let Some(reply) = self.replies.pop_front() {
            return Some(reply);
        }
        if self.transport == TransportKind::WebSocket
            && let Some(packet) = self.outbox.pop_front()
        {
            return Some(Outgoing::Frame(self.frame(&packet)));
        }
        self.closing.last.take()
    }

    fn frame(&self, packet: &Packet) -> ws::Message {
        let frame = self.version.frame(packet);
        let payload = [frame.head, frame.body].concat();
        match packet {
            Packet::Message(Data::Binary(_)) => ws::Message::Binary(payload.into()),
            // Every other packet is text.
            _ => ws::Message::Text(bytestring::ByteString::try_from(payload).unwrap_or_default()),
        }
    }

    /// Takes in a text or a binary message that came over a WebSocket. The error says what the client did wrong.
    pub(super) fn receive_message(&mut self, payload: Bytes, is_text: bool) -> Result<(), String> {
        if payload.len() > self.max_payload {
            self.outbox.clear();
            self.end_with(SessionEnd::TooLarge, Outgoing::Close(Some(ws::CloseCode::Size.into())));
            return Ok(());
        }
        let message = if is_text {
            let text = str::from_utf8(&payload).map_err(|_| "the client sent a text that is not UTF-8")?;
            let mut chars = text.chars();
            let head = chars.next();
            Message::Text(Text { head, rest: chars.as_str().into() })
        } else {
            Message::Binary(payload)
        };
        let packet = self.version.decode_message(message, usize::MAX);
        self.receive_packet(packet.map_err(|err| format!("the client sent a bad packet: {err}"))?)
    }

    /// Takes in a packet that came over a WebSocket.
    pub(super) fn receive_packet(&mut self, packet: Packet) -> Result<(), String> {
        match (self.transport, packet) {
            (TransportKind::Polling, Packet::Ping(data)) if &*data == "probe" => {
                self.upgrade = Upgrade::Probing;
                let pong = self.frame(&Packet::Pong(data));
                self.replies.push_back(Outgoing::Frame(pong));
                Ok(())
            }
            (TransportKind::Polling, Packet::Upgrade) if self.upgrade == Upgrade::Probing => {
                self.transport = TransportKind::WebSocket;
                self.upgrade = Upgrade::None;
                Ok(())
            }
            (TransportKind::Polling, packet) => {
                Err(format!("the client sent {} on a WebSocket before its upgrade", show(&packet)))
            }
            (TransportKind::WebSocket, packet) => self.receive(packet),
        }
    }

    /// Answers a ping frame. After the end of a session a real server reads none, and an answer would confirm a message that
    /// ended the session because it was too large.
    pub(super) fn pong_frame(&mut self, data: Bytes) {
        if self.closing.end.is_some() {
            return;
        }
        self.arrivals.question();
        self.replies.push_back(Outgoing::Frame(ws::Message::Pong(data)));
    }

    /// Answers a close frame of the client.
    pub(super) fn closed_by_frame(&mut self, reason: Option<ws::CloseReason>) {
        self.closing.end.get_or_insert(SessionEnd::Client);
        self.closing.last.get_or_insert(Outgoing::Close(reason));
    }

    /// The WebSocket has ended. If it carries the session, the session ends too.
    pub(super) fn websocket_lost(&mut self) {
        match self.transport {
            TransportKind::WebSocket => self.end_silently(SessionEnd::Lost),
            TransportKind::Polling => self.upgrade = Upgrade::None,
        }
    }
}

impl Session {
    fn receive(&mut self, packet: Packet) -> Result<(), String> {
        self.arrivals.note(&packet);
        match packet {
            Packet::Message(data) => self.arrivals.push(data, self.transport),
            Packet::Pong(_) if self.version == ProtocolVersion::V4 => self.heartbeat.pong(),
            Packet::Ping(data) if self.version == ProtocolVersion::V3 => {
                self.heartbeat.pong();
                if self.heartbeat.answers() {
                    self.send(Packet::Pong(data));
                }
            }
            Packet::Close => {
                self.closing.end.get_or_insert(SessionEnd::Client);
            }
            packet => return Err(format!("the client sent {}, which has no meaning here", show(&packet))),
        }
        Ok(())
    }

    /// Sends a ping that is due, and ends the session if the answer to one is overdue. Returns the time of the next
    /// change, and whether there was one now.
    pub(super) fn handle_time(&mut self, now: Instant) -> (Option<Instant>, bool) {
        if self.closing.end.is_some() || self.closing.has_vanished {
            return (None, false);
        }
        let due = self.heartbeat.poll(now);
        match due {
            heartbeat::Due::Ping => drop(self.ping()),
            heartbeat::Due::Timeout => self.end_silently(SessionEnd::PingTimeout),
            heartbeat::Due::Nothing => {}
        }
        (self.heartbeat.deadline(), due != heartbeat::Due::Nothing)
    }

    /// Waits a whole interval before the next ping.
    pub(super) fn restart_heartbeat(&mut self, now: Instant) {
        self.heartbeat.restart(now);
    }
}

#[cfg(test)]
mod tests;
