//! Replies without an actor, for the tests of the parts that give replies.

use tokio::sync::oneshot;

use super::Reply;

/// Somebody who has sent a message and awaits its reply.
#[derive(Debug)]
pub(in crate::client) struct Awaiting<T>(oneshot::Receiver<T>);

impl<T> Awaiting<T> {
    /// Does with the reply of a handler what actix does for a message that came by `send`.
    pub(in crate::client) fn new(reply: Reply<T>) -> Self {
        let (sender, receiver) = oneshot::channel();
        reply.deliver(Some(sender));
        Self(receiver)
    }

    /// The answer, if there is one by now.
    pub(in crate::client) fn answer(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

/// Does with the reply of a handler what actix does for a message that came by `do_send`.
pub(in crate::client) fn do_send<T>(reply: Reply<T>) {
    reply.deliver(None);
}
