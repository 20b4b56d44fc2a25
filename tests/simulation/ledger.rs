//! What became of every message, and whether it is allowed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use actix_engineio::{ConnectError, Data, DisconnectReason, Event};

/// What the sender knows about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The reply said that it was accepted, or nobody awaited the reply.
    Accepted,
    /// The reply was an error.
    Refused,
    /// The sender has dropped the reply, so the message may have been withdrawn.
    Withdrawn,
}

/// A session as the client saw it.
#[derive(Debug)]
struct Seen {
    sid: String,
    /// The numbers of the messages of the server.
    messages: Vec<u32>,
    /// An answer to a poll may have been lost, and the messages in it. The guide says when: the client repeats a poll that
    /// was lost with its connection before the server can have answered it, as far as the client can know.
    may_miss: bool,
    end: Option<DisconnectReason>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// What the client was given, by its number.
    sent: BTreeMap<u32, Sent>,
    /// The messages that were sent as one.
    groups: Vec<Range<u32>>,
    unsent: Vec<u32>,
    in_doubt: Vec<u32>,
    rejected: BTreeSet<u32>,
    sessions: Vec<Seen>,
    /// Something that must not happen, as soon as it happens.
    faults: Vec<String>,
}

/// The number of a message, and data of `size` bytes at least that contains it.
pub(crate) fn message(number: u32, size: usize, is_text: bool) -> Data {
    let text = format!("{number}:{}", "x".repeat(size));
    if is_text { Data::from(text) } else { Data::from(text.into_bytes()) }
}

pub(crate) fn number(data: &Data) -> u32 {
    let text = std::str::from_utf8(data.as_bytes()).unwrap();
    text.split_once(':').unwrap().0.parse().unwrap()
}

impl Ledger {
    pub(crate) fn sent(&mut self, number: u32, sent: Sent) {
        self.sent.insert(number, sent);
    }

    pub(crate) fn group(&mut self, numbers: Range<u32>) {
        self.groups.push(numbers);
    }

    /// Connections were reset while polls may be answered.
    pub(crate) fn polls_reset(&mut self) {
        if let Some(session) = self.sessions.last_mut() {
            session.may_miss = true;
        }
    }

    /// Whether the client has a session.
    pub(crate) fn is_open(&self) -> bool {
        self.sessions.last().is_some_and(|session| session.end.is_none())
    }

    pub(crate) fn fault(&mut self, words: impl Into<String>) {
        self.faults.push(words.into());
    }

    /// The sessions that the client has opened.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Takes in an event of the client.
    pub(crate) fn event(&mut self, event: &Event) {
        let current = self.sessions.last_mut().filter(|session| session.end.is_none());
        match (event, current) {
            (Event::Connected(session), None) => {
                let sid = session.sid.to_string();
                self.sessions.push(Seen { sid, messages: Vec::new(), may_miss: false, end: None });
            }
            (Event::Message(data), Some(session)) => session.messages.push(number(data)),
            (Event::Disconnected(end), Some(session)) => {
                session.end = Some(end.reason.clone());
                self.unsent.extend(end.unsent.iter().map(number));
                self.in_doubt.extend(end.in_doubt.iter().map(number));
            }
            (Event::Upgraded(_) | Event::UpgradeFailed(_), Some(_)) | (Event::Reconnecting(_), None) => {}
            // The application disconnects between two sessions.
            (Event::ReconnectFailed(err), None) if **err == ConnectError::Cancelled => {}
            (Event::Rejected(err), _) => drop(self.rejected.insert(number(&err.data))),
            (Event::RejectedAll(err), _) => self.rejected.extend(err.data.iter().map(number)),
            (event, current) => {
                let words = format!("{event:?} while the session is {current:?}");
                self.faults.push(words);
            }
        }
    }

    /// All faults. `received` are the messages that the server got, in the order of its sessions. `talked` is the number of
    /// messages that the server sent in each session. `may_lose`: a message that was written to a WebSocket can be lost.
    pub(crate) fn faults(
        mut self,
        received: &[u32],
        talked: &BTreeMap<String, u32>,
        may_lose: bool,
    ) -> Vec<String> {
        if !received.is_sorted_by(|a, b| a < b) {
            self.fault(format!("the server received {received:?}, which is not in order"));
        }
        let received: BTreeSet<_> = received.iter().copied().collect();
        for (&number, &sent) in &self.sent {
            let times = |list: &[u32]| list.iter().filter(|other| **other == number).count();
            let (unsent, in_doubt) = (times(&self.unsent), times(&self.in_doubt));
            let is_rejected = self.rejected.contains(&number) || sent == Sent::Refused;
            let is_received = received.contains(&number);
            let is_right = match (is_rejected, unsent, in_doubt) {
                (true, 0, 0) => !is_received,
                (false, 1, 0) => !is_received,
                (false, 0, 1) => true,
                (false, 0, 0) => is_received || may_lose || sent == Sent::Withdrawn,
                _ => false,
            };
            if !is_right {
                self.faults.push(format!(
                    "message {number}, {sent:?}: received {is_received}, unsent {unsent}, in doubt {in_doubt}, \
                     rejected {is_rejected}"
                ));
            }
        }
        for group in &self.groups {
            for (list, numbers) in [("unsent", &self.unsent), ("in doubt", &self.in_doubt)] {
                let count = numbers.iter().filter(|number| group.contains(number)).count();
                if count > 0 && count < group.len() {
                    self.faults.push(format!("of the group {group:?} only {count} are {list}"));
                }
            }
        }
        for Seen { sid, messages, may_miss, end } in &self.sessions {
            let talked = talked.get(sid).copied().unwrap_or(0);
            let is_whole = *end == Some(DisconnectReason::Server);
            let expected = if is_whole { talked } else { u32::try_from(messages.len()).unwrap() };
            let is_right = match may_miss {
                true => {
                    messages.is_sorted_by(|a, b| a < b) && messages.last().is_none_or(|last| *last < talked)
                }
                false => messages.iter().copied().eq(0..expected) && expected <= talked,
            };
            if !is_right {
                self.faults.push(format!("in {sid} the client got {messages:?} of {talked}, end {end:?}"));
            }
            if end.is_none() {
                self.faults.push(format!("{sid} has no end"));
            }
        }
        self.faults
    }
}
