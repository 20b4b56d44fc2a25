//! What must be true of messages and of time, whatever happens.

use std::{
    collections::VecDeque,
    mem,
    ops::Range,
    time::{Duration, Instant},
};

use super::{MAX_PAYLOAD, PING_SILENCE, text};
use crate::{
    data::Data,
    error::{DisconnectReason, SendAllError, SendError, SendErrorKind, Stage, TransportError},
    protocol::{
        connection::{Interrupted, Outgoing},
        handshake::TransportKind,
        packet::Packet,
        version::ProtocolVersion,
    },
};

/// The sum of the intervals in [`open_packet`](super::open_packet).
const SILENCE: Duration = Duration::from_secs(45);

/// The interval between the pings of a session in version 3, and the limit of their answers.
const PING_INTERVAL: Duration = Duration::from_secs(25);
const PONG_LIMIT: Duration = Duration::from_secs(20);

/// The longest time that a slow line takes for all messages of a walk.
const TRANSFER: Duration = Duration::from_secs(10);

/// The longest time for which only an upgrade keeps messages from being sent.
const PAUSE: Duration = Duration::from_secs(2);

/// The longest time that a late wake-up adds to a deadline.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// The size of a message, compared with the server's `maxPayload`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// A few bytes.
    Small,
    /// As large as a text may be.
    Full,
    /// Binary data that a WebSocket can carry. Over polling, its base64 is too large.
    WebSocketOnly,
    /// A byte more than a text may have.
    TooLarge,
}

impl Size {
    /// A message of this size that contains its number.
    fn message(self, number: u64, version: ProtocolVersion) -> Data {
        // A text has its type in front. In version 3 binary data has one too, and over polling there are four bytes more.
        let (full, binary) = match version {
            ProtocolVersion::V4 => (MAX_PAYLOAD - 1, MAX_PAYLOAD),
            ProtocolVersion::V3 => (MAX_PAYLOAD - 5, MAX_PAYLOAD - 1),
        };
        match self {
            Self::Small => Data::from(number.to_string()),
            Self::Full => Data::from(format!("{number:full$}")),
            Self::WebSocketOnly => Data::from(format!("{number:binary$}").into_bytes()),
            Self::TooLarge => Data::from(format!("{number:MAX_PAYLOAD$}")),
        }
    }
}

/// The server accepts every packet that is written.
pub(super) fn check_sizes(packets: &[Packet], kind: TransportKind, version: ProtocolVersion) {
    let size = |(at, packet): (usize, &Packet)| match kind {
        TransportKind::Polling => version.size_in_payload(packet, at == 0),
        TransportKind::WebSocket => {
            let frame = version.frame(packet);
            frame.head.len() + frame.body.len()
        }
    };
    let sizes = packets.iter().enumerate().map(size);
    let largest = match kind {
        TransportKind::Polling => sizes.sum(),
        TransportKind::WebSocket => sizes.max().unwrap_or_default(),
    };
    assert!(largest <= MAX_PAYLOAD, "{largest} bytes over {kind}");
}

/// The messages of the session, which are numbered in order.
#[derive(Debug)]
pub(super) struct Messages {
    /// The version that the session speaks.
    version: ProtocolVersion,
    sent: u64,
    accepted: Vec<u64>,
    /// The groups among them.
    groups: Vec<Range<u64>>,
    /// Accepted messages that were written.
    written: Vec<u64>,
    /// The number of written messages that the other end has read for sure, and that it will have read with the next pong.
    read: usize,
    pinged: usize,
    /// The same, without those that were being written when the ping was sent.
    proven: usize,
    asked: usize,
    retains: bool,
    /// The questions that are not answered, each as the next message at that moment, and its time.
    confirms: VecDeque<(u64, Instant)>,
    received: u64,
    delivered: u64,
}

impl Messages {
    /// `retains`: what was written and not read is in doubt.
    pub(super) fn new(retains: bool) -> Self {
        Self {
            version: ProtocolVersion::V4,
            sent: 0,
            accepted: Vec::new(),
            groups: Vec::new(),
            written: Vec::new(),
            read: 0,
            pinged: 0,
            proven: 0,
            asked: 0,
            retains,
            confirms: VecDeque::new(),
            received: 0,
            delivered: 0,
        }
    }

    /// The session that opens speaks this version.
    pub(super) fn speak(&mut self, version: ProtocolVersion) {
        self.version = version;
    }

    /// A connect begins.
    pub(super) fn begin(&mut self) {
        self.accepted.clear();
        self.groups.clear();
        self.written.clear();
        self.confirms.clear();
        (self.read, self.pinged, self.proven, self.asked) = (0, 0, 0, 0);
    }

    /// Somebody asks whether all messages were read.
    pub(super) fn confirm(&mut self, now: Instant) {
        self.confirms.push_back((self.sent, now));
    }

    /// The oldest question is answered. Returns when it was asked.
    pub(super) fn confirmed(&mut self, is_read: bool, transport: Option<TransportKind>) -> Instant {
        let (next, began) = self.confirms.pop_front().expect("somebody has asked");
        let read = match transport {
            Some(TransportKind::WebSocket) => self.read,
            _ => self.written.len(),
        };
        let read = &self.written[..read];
        let is_unread = |number: &&u64| **number < next && !read.contains(number);
        let unread = self.accepted.iter().find(is_unread);
        assert!(!is_read || unread.is_none(), "{unread:?} was not read");
        began
    }

    /// A ping was sent, while these packets were being written.
    pub(super) fn ping(&mut self, in_flight: &[Packet]) {
        self.asked = self.written.len();
        // They are before the ping in the stream.
        self.pinged =
            self.written.len() + in_flight.iter().filter(|packet| packet.as_message().is_some()).count();
    }

    /// The ping was answered.
    pub(super) fn pong(&mut self) {
        (self.read, self.proven) = (self.pinged.min(self.written.len()), self.asked);
    }

    /// Sends the next message.
    pub(super) fn send(
        &mut self,
        size: Size,
        transport: Option<TransportKind>,
        send: impl FnOnce(Data) -> Result<(), SendError>,
    ) {
        let outcome = send(size.message(self.sent, self.version)).map_err(|err| err.kind);
        self.sent(&[size], transport, outcome);
    }

    /// Sends the next messages as one.
    pub(super) fn send_all(
        &mut self,
        sizes: &[Size],
        transport: Option<TransportKind>,
        send: impl FnOnce(Vec<Data>) -> Result<(), SendAllError>,
    ) {
        let first = self.sent;
        let group = (first..).zip(sizes).map(|(number, size)| size.message(number, self.version)).collect();
        let outcome = send(group).map_err(|err| err.kind);
        let is_accepted = outcome.is_ok();
        self.sent(sizes, transport, outcome);
        if is_accepted {
            self.groups.push(first..self.sent);
        }
    }

    fn sent(&mut self, sizes: &[Size], transport: Option<TransportKind>, outcome: Result<(), SendErrorKind>) {
        let first = self.sent;
        self.sent += u64::try_from(sizes.len()).expect("a few");
        let numbers = first..self.sent;
        let has = |size| sizes.contains(&size);
        match outcome {
            Ok(()) => {
                assert!(!has(Size::TooLarge), "no transport can carry it");
                self.accepted.extend(numbers);
            }
            Err(SendErrorKind::NotConnected) => {}
            Err(err) if has(Size::WebSocketOnly) => {
                assert!(transport == Some(TransportKind::Polling) || has(Size::TooLarge), "{err}");
            }
            Err(err) => {
                assert!(has(Size::TooLarge));
                let size = match (self.version, transport) {
                    (ProtocolVersion::V3, Some(TransportKind::Polling)) => MAX_PAYLOAD + 6,
                    _ => MAX_PAYLOAD + 1,
                };
                // What is sent during an upgrade is for the WebSocket.
                let sizes = [size, MAX_PAYLOAD + 1].map(|size| SendErrorKind::too_large(size, MAX_PAYLOAD));
                assert!(sizes.contains(&err), "{err}");
            }
        }
    }

    /// A message or a group that was accepted comes back.
    pub(super) fn reject(&mut self, messages: &[Data]) {
        let numbers = messages.iter().filter_map(number).collect::<Vec<_>>();
        for number in &numbers {
            let at = self.accepted.iter().position(|accepted| accepted == number);
            self.accepted.remove(at.expect("it was accepted, and comes back once"));
        }
        let group = self.groups.iter().position(|group| group.contains(&numbers[0]));
        let group = group.map_or(numbers[0]..numbers[0] + 1, |at| self.groups.remove(at));
        assert_eq!(numbers, group.collect::<Vec<_>>(), "a group comes back as a whole");
    }

    pub(super) fn wrote(&mut self, packets: &[Packet], kind: TransportKind) {
        self.written.extend(packets.iter().filter_map(|packet| number(packet.as_message()?)));
        if kind == TransportKind::Polling && !packets.is_empty() {
            // The answer to the POST says so.
            (self.read, self.proven) = (self.written.len(), self.written.len());
        }
    }

    /// The next message from the server.
    pub(super) fn receive(&mut self) -> Packet {
        let packet = text(&self.received.to_string());
        self.received += 1;
        packet
    }

    /// A message was passed on to the subscribers.
    pub(super) fn deliver(&mut self, packet: &Packet) {
        let number = packet.as_message().and_then(number);
        assert_eq!(number, Some(self.delivered), "in order, none lost or doubled");
        self.delivered += 1;
    }

    /// The session has ended, and gives these messages back.
    pub(super) fn end(&mut self, in_doubt: &[Data], unsent: &[Outgoing], interrupted: Interrupted) {
        let in_doubt = in_doubt.iter().filter_map(number).collect::<Vec<_>>();
        for number in &in_doubt {
            if let Some(at) = self.written.iter().position(|written| written == number) {
                let proven = if self.retains { self.proven } else { self.written.len() };
                let proven = &self.written[..proven];
                let is_in_pieces = |group: &Range<u64>| {
                    group.contains(number) && !group.clone().all(|number| proven.contains(&number))
                };
                assert!(at >= proven.len() || self.groups.iter().any(is_in_pieces), "{number} has arrived");
                self.written.truncate(at);
            }
        }
        assert!(!self.retains || self.written.len() <= self.read, "what was not read is in doubt");
        let mut settled = mem::take(&mut self.written);
        settled.extend(&in_doubt);
        assert!(!interrupted.is_first || settled.is_empty(), "{settled:?} came first");
        let behind = unsent.iter().map(|outgoing| outgoing.messages().len()).sum();
        assert!(interrupted.messages <= behind, "what is interrupted is unsent");
        for outgoing in unsent {
            let numbers = outgoing.messages().iter().filter_map(number).collect::<Vec<_>>();
            let group = self.groups.iter().find(|group| group.contains(&numbers[0])).cloned();
            assert_eq!(group.is_some(), matches!(outgoing, Outgoing::Group(_)));
            let group = group.unwrap_or(numbers[0]..numbers[0] + 1);
            assert_eq!(numbers, group.collect::<Vec<_>>(), "a group is in one list");
            settled.extend(numbers);
        }
        assert_eq!(settled, self.accepted, "every accepted message is accounted for, in order");
        self.delivered = self.received;
    }
}

fn number(data: &Data) -> Option<u64> {
    std::str::from_utf8(data.as_bytes()).ok()?.trim_start().parse().ok()
}

/// What the session's time limits depend on.
#[derive(Debug)]
pub(super) struct Time {
    /// The last sign of life of the server.
    heard: Instant,
    /// The last sign of life of the server over polling, apart from answers to POSTs.
    polled: Instant,
    /// The start of back-pressure, or the last event that was taken since.
    backpressure: Option<Instant>,
    /// A batch was late when the session ended.
    stuck: bool,
    /// How long a message had been arriving when a transport was aborted; the longest of these times.
    incomplete: Duration,
    /// A ping of the session was answered.
    has_answered: bool,
    /// An upgrade packet was to be written.
    switched: bool,
    /// The last ping of a session in version 3, or its start. `None`: the server pings.
    pinged: Option<Instant>,
    /// The pings of a session in version 3 that have no answer.
    unanswered: usize,
    /// The time at which the first ping was written after the server was heard.
    asked: Option<Instant>,
    /// The time since when messages wait that only an upgrade keeps from being sent.
    paused: Option<Instant>,
}

impl Time {
    pub(super) fn new(now: Instant, version: ProtocolVersion) -> Self {
        Self {
            pinged: (version == ProtocolVersion::V3).then_some(now),
            unanswered: 0,
            asked: None,
            heard: now,
            polled: now,
            backpressure: None,
            stuck: false,
            incomplete: Duration::ZERO,
            has_answered: false,
            switched: false,
            paused: None,
        }
    }

    /// The server was heard.
    pub(super) fn heard(&mut self, now: Instant, over: TransportKind) {
        self.heard = now;
        if over == TransportKind::Polling {
            self.polled = now;
        }
    }

    /// A POST was answered. In version 3 that says nothing about a pong.
    pub(super) fn post_answered(&mut self, now: Instant) {
        if self.pinged.is_none() {
            self.heard = now;
        }
    }

    /// The server has answered a ping.
    pub(super) fn answered(&mut self) {
        self.has_answered = true;
    }

    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    pub(super) fn has_backpressure(&self) -> bool {
        self.backpressure.is_some()
    }

    /// Messages were passed on.
    pub(super) fn delivered(&mut self, now: Instant) {
        self.backpressure.get_or_insert(now);
    }

    /// A subscriber took an event.
    pub(super) fn progress(&mut self, now: Instant) {
        if let Some(since) = &mut self.backpressure {
            *since = now;
        }
    }

    /// The subscribers have room again. Returns whether there was back-pressure.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        let had_backpressure = self.backpressure.take().is_some();
        if had_backpressure {
            (self.heard, self.polled) = (now, now);
        }
        had_backpressure
    }

    /// Whether messages wait that only an upgrade keeps from being sent now.
    pub(super) fn pause(&mut self, now: Instant, is_paused: bool) {
        self.paused = is_paused.then(|| self.paused.unwrap_or(now));
    }

    pub(super) fn writes(&mut self, now: Instant, batch: &[Packet]) {
        if begins_with_ping(batch) {
            *self.pinged.as_mut().expect("only in version 3") = now;
            self.unanswered += 1;
        }
        self.switched |= batch.contains(&Packet::Upgrade);
    }

    /// A batch was written.
    pub(super) fn wrote(&mut self, now: Instant, batch: &[Packet]) {
        if begins_with_ping(batch) && self.unanswered > 0 && self.asked.is_none_or(|asked| asked < self.heard)
        {
            self.asked = Some(now);
        }
    }

    /// A pong of the heartbeat arrived.
    pub(super) fn ponged(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.asked = None;
    }

    /// In version 3 the server waits for pings.
    pub(super) fn check_pings(&self, now: Instant) {
        assert!(self.pinged.is_none_or(|pinged| now < pinged + PING_INTERVAL), "a ping is due");
    }

    /// The session is over, and a batch was in flight, without progress for so long, and as a whole for so long.
    pub(super) fn stuck(&mut self, without_progress: Duration, whole: Duration) {
        self.stuck |= without_progress >= SILENCE || whole >= 5 * SILENCE;
    }

    /// The time at which a batch is late that was begun at `began` and made progress at `wrote`. Batches are small here.
    pub(super) fn write_deadline(wrote: Instant, began: Instant) -> Instant {
        (wrote + SILENCE).min(began + 5 * SILENCE)
    }

    /// A transport was aborted that had been reading one message for so long.
    pub(super) fn incomplete(&mut self, time: Duration) {
        self.incomplete = self.incomplete.max(time);
    }

    /// Nobody is blamed before the time limit has passed.
    pub(super) fn check(&self, now: Instant, reason: &DisconnectReason) {
        match reason {
            DisconnectReason::PingTimeout => {
                let limit = match self.pinged {
                    _ if self.has_answered => PING_SILENCE,
                    Some(_) => PONG_LIMIT,
                    None => SILENCE,
                };
                let is_deaf = self.pinged.is_none() && now >= self.polled + 3 * SILENCE;
                assert!(now >= self.heard + limit || is_deaf, "the server spoke within its interval");
                assert!(self.backpressure.is_none(), "the server could not be heard");
            }
            DisconnectReason::Stalled => {
                let is_stalled = |since| now >= since + SILENCE;
                assert!(self.backpressure.is_some_and(is_stalled), "a subscriber took an event in time");
            }
            DisconnectReason::TransportError(TransportError::Timeout { stage: Stage::Write }) => {
                assert!(self.stuck || self.switched, "the batch made progress in time");
            }
            DisconnectReason::TransportError(TransportError::Timeout {
                stage: Stage::Body | Stage::Frame,
            }) => {
                assert!(self.incomplete >= 5 * SILENCE, "the message had time to arrive");
                assert!(self.backpressure.is_none(), "its rest could not be read");
            }
            _ => {}
        }
    }

    /// The latest moment at which the session must be looked at again. `write`: when a batch in flight is
    /// late. `partial`: the time since when a message has arrived in part. `in_flight`: what the transport of the session
    /// writes.
    pub(super) fn deadline(
        &self,
        now: Instant,
        write: Option<Instant>,
        partial: Option<Instant>,
        in_flight: Option<&[Packet]>,
    ) -> Option<Instant> {
        let partial = partial.filter(|_| self.backpressure.is_none());
        let deadlines = [
            self.silence(now, in_flight),
            write,
            partial.map(|since| since + 5 * SILENCE),
            self.paused.map(|since| since + PAUSE),
        ];
        deadlines.into_iter().flatten().min().map(|first| first.max(now + GRACE_PERIOD))
    }

    /// The latest moment at which the session must be looked at again because of a poll that brings nothing.
    pub(super) fn poll_deadline(&self, now: Instant) -> Option<Instant> {
        let is_limited = self.pinged.is_none() && self.backpressure.is_none();
        is_limited.then(|| (self.polled + 3 * SILENCE).max(now + GRACE_PERIOD))
    }

    /// When the silence of one side ends the session. `None`: a ping of version 3 is not written yet.
    fn silence(&self, now: Instant, in_flight: Option<&[Packet]>) -> Option<Instant> {
        if let Some(since) = self.backpressure {
            return Some(since + SILENCE);
        }
        if let Some(asked) = self.asked.filter(|asked| *asked >= self.heard) {
            return Some(asked + PONG_LIMIT + TRANSFER);
        }
        let is_due = self.pinged.is_some_and(|pinged| now >= pinged + PING_INTERVAL);
        let is_written = in_flight.is_none_or(|batch| !begins_with_ping(batch));
        (is_written && !is_due).then(|| self.heard + SILENCE)
    }
}

fn begins_with_ping(batch: &[Packet]) -> bool {
    batch.first() == Some(&Packet::Ping("".into()))
}
