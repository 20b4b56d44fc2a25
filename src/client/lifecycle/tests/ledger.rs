//! What became of every message, and which events the subscribers saw.

use std::collections::BTreeMap;

use crate::{
    client::reply::awaiting::Awaiting,
    data::Data,
    error::{SendError, SendErrorKind},
    protocol::packet::Packet,
};

/// The end of a message that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    Unsent,
    InDoubt,
    /// Shown to the subscribers by `Rejected`.
    Rejected,
    /// Returned to the sender that awaited the reply.
    Refused,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    sent: u64,
    /// The messages whose reply is awaited and was not given yet.
    awaited: BTreeMap<u64, Awaiting<Result<(), SendError>>>,
    /// The messages whose reply was `Ok`.
    accepted: Vec<u64>,
    /// The messages whose sender has stopped waiting before there was a reply.
    withdrawn: Vec<u64>,
    /// The messages that belong to groups.
    grouped: Vec<u64>,
    fates: BTreeMap<u64, Fate>,
    last_delivered: Option<u64>,
}

pub(super) fn number(data: &Data) -> u64 {
    data.as_text().unwrap().parse().unwrap()
}

impl Ledger {
    /// The next message. Its text is its number.
    pub(super) fn next(&mut self) -> (u64, Data) {
        let number = self.sent;
        self.sent += 1;
        (number, number.to_string().into())
    }

    /// The next messages, as a group.
    pub(super) fn next_group(&mut self, count: usize) -> Vec<Data> {
        let (numbers, group): (Vec<_>, Vec<_>) = (0..count).map(|_| self.next()).unzip();
        self.grouped.extend(numbers);
        group
    }

    pub(super) fn awaits(&mut self, number: u64, reply: Awaiting<Result<(), SendError>>) {
        self.awaited.insert(number, reply);
    }

    /// The sender of the oldest message that is awaited stops waiting.
    pub(super) fn withdraw(&mut self) {
        self.take_answers();
        if let Some((number, _)) = self.awaited.pop_first() {
            self.withdrawn.push(number);
        }
    }

    pub(super) fn take_answers(&mut self) {
        let mut refused = Vec::new();
        self.awaited.retain(|number, reply| match reply.answer() {
            None => true,
            Some(Ok(())) => {
                self.accepted.push(*number);
                false
            }
            Some(Err(err)) => {
                assert!(
                    matches!(err.kind, SendErrorKind::NotConnected | SendErrorKind::Disconnected),
                    "{err}"
                );
                refused.push(err.data);
                false
            }
        });
        self.settle_all(&refused, Fate::Refused);
    }

    fn settle(&mut self, number: u64, fate: Fate) {
        let before = self.fates.insert(number, fate);
        // Of a group that was sent in part, all messages are in doubt.
        if (before, fate) != (Some(Fate::Delivered), Fate::InDoubt) || !self.grouped.contains(&number) {
            assert_eq!(before, None, "message {number} ends once, and not also as {fate:?}");
        }
        if fate == Fate::Delivered {
            assert!(self.last_delivered < Some(number), "in order, none twice");
            self.last_delivered = Some(number);
        }
    }

    /// All these messages ended in this way, in this order.
    pub(super) fn settle_all<'a>(&mut self, messages: impl IntoIterator<Item = &'a Data>, fate: Fate) {
        let mut last = None;
        for number in messages.into_iter().map(number) {
            assert!(last < Some(number), "a list has its messages in order");
            last = Some(number);
            self.settle(number, fate);
        }
    }

    pub(super) fn delivered<'a>(&mut self, packets: impl IntoIterator<Item = &'a Packet>) {
        self.settle_all(packets.into_iter().filter_map(Packet::as_message), Fate::Delivered);
    }

    /// Nothing waits any more.
    pub(super) fn finish(&mut self) {
        self.take_answers();
        assert!(self.awaited.is_empty(), "every reply was given: {:?}", self.awaited);
        for number in 0..self.sent {
            let fate = self.fates.get(&number).copied();
            if self.withdrawn.contains(&number) {
                // If it was refused at that moment, the subscribers see it.
                assert!(matches!(fate, None | Some(Fate::Rejected)), "{number} was withdrawn: {fate:?}");
            } else {
                assert!(fate.is_some(), "message {number} is lost");
            }
            assert!(fate != Some(Fate::Refused) || !self.accepted.contains(&number), "{number}: one reply");
        }
    }
}

/// What the subscribers have seen of sessions and attempts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Seen {
    #[default]
    Nothing,
    Connected,
    Disconnected,
    Reconnecting,
    ReconnectFailed,
}

impl Seen {
    /// Another event, which has to be possible now.
    pub(super) fn see(&mut self, event: Self) {
        let is_possible = match event {
            Self::Nothing => false,
            Self::Connected | Self::Reconnecting => *self != Self::Connected,
            Self::Disconnected => *self == Self::Connected,
            // Either an attempt was announced, or one was to be expected after the end of a session.
            Self::ReconnectFailed => matches!(self, Self::Reconnecting | Self::Disconnected),
        };
        assert!(is_possible, "{event:?} after {self:?}");
        *self = event;
    }
}
