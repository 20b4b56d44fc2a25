//! How sessions end.

use std::fmt;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The client closed it, with a close packet or a close frame.
    Client,
    /// The test closed it, with [`close`](crate::testing::Peer::close) or [`close_with`](crate::testing::Peer::close_with).
    Server,
    /// A connection of it was lost: the client closed it without a close packet and without a close frame, or the test dropped it.
    Lost,
    /// The client did not answer a ping within the ping timeout, or in protocol 3 sent none.
    PingTimeout,
    /// The client sent a message or a POST that is larger than `max_payload`.
    TooLarge,
    /// The server was stopped or restarted.
    Stopped,
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Client => "the client closed it",
            Self::Server => "the test closed it",
            Self::Lost => "its connection was lost",
            Self::PingTimeout => "the client did not answer a ping",
            Self::TooLarge => "the client sent more than max_payload",
            Self::Stopped => "the server was stopped",
        })
    }
}
