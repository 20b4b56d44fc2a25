//! What the clients see.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use actix::prelude::*;
use actix_engineio::Event;

use crate::{latency::Latencies, load};

/// What all clients of this process have seen.
pub(crate) struct Seen {
    /// The time from which the stamps of messages count.
    pub(crate) start: Instant,
    pub(crate) connected: AtomicU64,
    pub(crate) upgraded: AtomicU64,
    pub(crate) messages: AtomicU64,
    pub(crate) disconnected: AtomicU64,
    /// The messages that were not sent, because the client had no session or the message was too large.
    pub(crate) rejected: AtomicU64,
    /// The Socket.IO clients that the server has connected to the namespace, or refused.
    pub(crate) joined: AtomicU64,
    pub(crate) turned_away: AtomicU64,
    /// The times that messages took to the server and back.
    pub(crate) echoes: Latencies,
    /// Why the first client lost its session.
    pub(crate) first_loss: Mutex<Option<String>>,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            connected: AtomicU64::new(0),
            upgraded: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            disconnected: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            echoes: Latencies::default(),
            first_loss: Mutex::new(None),
        }
    }

    fn message(&self, text: &str) {
        self.messages.fetch_add(1, Relaxed);
        if let Some(sent_at) = load::sent_at(text) {
            self.echoes.record(self.start.elapsed().saturating_sub(sent_at));
        } else {
            match load::answer(text) {
                Some(Ok(())) => self.joined.fetch_add(1, Relaxed),
                Some(Err(())) => self.turned_away.fetch_add(1, Relaxed),
                None => return,
            };
        }
    }

    fn lost(&self, reason: String) {
        self.disconnected.fetch_add(1, Relaxed);
        self.first_loss.lock().unwrap_or_else(|err| err.into_inner()).get_or_insert(reason);
    }
}

/// Hears the events of all clients of its arbiter.
pub(crate) struct Listener(pub(crate) Arc<Seen>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<Event> for Listener {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let seen = &self.0;
        match event {
            Event::Connected(_) => drop(seen.connected.fetch_add(1, Relaxed)),
            Event::Upgraded(_) => drop(seen.upgraded.fetch_add(1, Relaxed)),
            Event::Message(data) => seen.message(data.as_text().unwrap_or_default()),
            Event::Rejected(_) => drop(seen.rejected.fetch_add(1, Relaxed)),
            Event::Disconnected(end) => seen.lost(end.reason.to_string()),
            _ => {}
        }
    }
}
