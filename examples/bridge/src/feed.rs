//! One feed: a subscriber that stores its messages.

use actix::prelude::*;
use actix_engineio::{Data, Event, Events};

use crate::store::Store;

/// Stores one batch of messages after the other.
pub(crate) struct Feed {
    store: Store,
}

impl Feed {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Actor for Feed {
    type Context = Context<Self>;
}

impl Handler<Events> for Feed {
    /// The next batch comes when NATS has acknowledged this one. Meanwhile the client goes on reading, but only until the
    /// messages that wait have `receive_buffer` bytes.
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, events: Events, _: &mut Self::Context) -> Self::Result {
        let message = |event| if let Event::Message(data) = event { Some(data) } else { None };
        let messages: Vec<Data> = events.into_iter().filter_map(message).collect();
        let store = self.store.clone();
        AtomicResponse::new(Box::pin(async move { store.store(messages).await }.into_actor(self)))
    }
}

/// Replies when everything that has come before is stored.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Finish;

impl Handler<Finish> for Feed {
    type Result = ();

    fn handle(&mut self, _: Finish, _: &mut Self::Context) {}
}
