//! What is accepted, written and given back as one: a message, or a group of messages.

use crate::{
    data::Data,
    error::{SendAllError, SendError, SendErrorKind},
};

/// What one `Send` or one `SendAll` brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outgoing {
    One(Data),
    Group(Vec<Data>),
}

impl Outgoing {
    /// Its messages, in order.
    pub(crate) fn messages(&self) -> &[Data] {
        match self {
            Self::One(data) => std::slice::from_ref(data),
            Self::Group(group) => group,
        }
    }

    /// Its messages, in order.
    pub(crate) fn into_messages(self) -> Vec<Data> {
        match self {
            Self::One(data) => vec![data],
            Self::Group(group) => group,
        }
    }

    /// The bytes that it counts in a queue with a limit.
    pub(crate) fn weight(&self) -> usize {
        self.messages().iter().map(Data::weight).sum()
    }

    /// The error that gives it back.
    pub(crate) fn rejected(self, kind: SendErrorKind) -> Rejected {
        match self {
            Self::One(data) => Rejected::One(SendError { kind, data }),
            Self::Group(data) => Rejected::Group(SendAllError { kind, data }),
        }
    }
}

/// An [`Outgoing`] that cannot be sent, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    One(SendError),
    Group(SendAllError),
}

#[cfg(any(test, fuzzing))]
impl Rejected {
    #[cfg(test)]
    pub(crate) fn kind(&self) -> &SendErrorKind {
        match self {
            Self::One(err) => &err.kind,
            Self::Group(err) => &err.kind,
        }
    }

    pub(crate) fn messages(&self) -> &[Data] {
        match self {
            Self::One(err) => std::slice::from_ref(&err.data),
            Self::Group(err) => &err.data,
        }
    }
}
