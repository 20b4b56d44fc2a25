//! What a client has sent in a session.

use std::{collections::VecDeque, fmt};

use crate::{
    data::Data,
    protocol::{handshake::TransportKind, packet::Packet},
};

/// The number of packets that the words of a failure show.
const SHOWN: usize = 8;

/// The messages of the client, and the WebSocket pings with which it asks for their confirmation.
#[derive(Debug, Default)]
pub(in crate::testing) struct Arrivals {
    inbox: VecDeque<Data>,
    /// The last packets in the words of a failure.
    shown: VecDeque<String>,
    /// The number of messages that came over a WebSocket.
    over_websocket: u64,
    /// The number of WebSocket pings.
    questions: u64,
    /// The number of messages that came over a WebSocket before its last ping.
    asked: u64,
}

impl Arrivals {
    pub(super) fn note(&mut self, packet: &Packet) {
        if self.shown.len() == SHOWN {
            self.shown.pop_front();
        }
        self.shown.push_back(show(packet));
    }

    pub(super) fn push(&mut self, data: Data, transport: TransportKind) {
        self.inbox.push_back(data);
        self.over_websocket += u64::from(transport == TransportKind::WebSocket);
    }

    /// A WebSocket ping has arrived. Its answer confirms the messages before it.
    pub(super) fn question(&mut self) {
        self.questions += 1;
        self.asked = self.over_websocket;
    }

    pub(in crate::testing) fn take(&mut self) -> Option<Data> {
        self.inbox.pop_front()
    }

    /// The number of messages that have to be asked for: those over a WebSocket. The answer to a POST confirms the others.
    pub(in crate::testing) fn over_websocket(&self) -> u64 {
        self.over_websocket
    }

    pub(in crate::testing) fn questions(&self) -> u64 {
        self.questions
    }

    /// The number of messages over a WebSocket that the client has asked for.
    pub(in crate::testing) fn asked(&self) -> u64 {
        self.asked
    }

    /// The messages that the test has not received, in the words of a failure. `None`: there are none.
    pub(in crate::testing) fn unread(&self) -> Option<String> {
        let messages = self.inbox.iter().take(SHOWN).map(show_message).collect::<Vec<_>>().join(", ");
        match self.inbox.len() {
            0 => None,
            1..=SHOWN => Some(messages),
            number => Some(format!("{number} messages, of which the first are {messages}")),
        }
    }
}

/// The last packets of the client.
impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shown.is_empty() {
            return f.write_str("nothing");
        }
        for (number, packet) in self.shown.iter().enumerate() {
            write!(f, "{}{packet}", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// A packet in the words of a failure.
pub(super) fn show(packet: &Packet) -> String {
    match packet {
        Packet::Message(data) => show_message(data),
        Packet::Open(_) => "an open packet".to_owned(),
        Packet::Close => "a close packet".to_owned(),
        Packet::Ping(data) => format!("a ping with {}", show_text(data)),
        Packet::Pong(_) => "a pong".to_owned(),
        Packet::Upgrade => "an upgrade packet".to_owned(),
        Packet::Noop => "a noop packet".to_owned(),
        Packet::Unknown(kind) => format!("a packet of type {kind}"),
    }
}

fn show_message(data: &Data) -> String {
    match data {
        Data::Text(text) => format!("the text {}", show_text(text)),
        Data::Binary(bytes) => format!("{} bytes", bytes.len()),
    }
}

fn show_text(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    format!("{start:?}{}", if start.len() < text.len() { " .." } else { "" })
}
