//! Restarts, as the server sees them.

#![allow(clippy::unwrap_used)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::prelude::*;
use actix_rt::time::{sleep, timeout};
use bytes::Bytes;
use engineioxide::{DisconnectReason, Socket, Str, handler::EngineIoHandler};

use crate::{
    embedded::{self, EmbeddedServer},
    feed::{Close, Feed, Figures, Publish, Restart},
};

/// A server that counts its sessions.
#[derive(Debug, Clone, Default)]
struct Counting(Arc<Mutex<Sessions>>);

#[derive(Debug, Default)]
struct Sessions {
    opened: usize,
    open: Vec<Arc<Socket<()>>>,
    received: usize,
}

impl EngineIoHandler for Counting {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<()>>) {
        let mut sessions = self.0.lock().unwrap();
        sessions.opened += 1;
        sessions.open.push(socket);
    }

    fn on_disconnect(&self, socket: Arc<Socket<()>>, _: DisconnectReason) {
        self.0.lock().unwrap().open.retain(|open| open.id != socket.id);
    }

    fn on_message(self: &Arc<Self>, _: Str, _: Arc<Socket<()>>) {
        self.0.lock().unwrap().received += 1;
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}

impl Counting {
    /// The number of sessions that were opened, and of those that are open.
    fn now(&self) -> (usize, usize) {
        let sessions = self.0.lock().unwrap();
        (sessions.opened, sessions.open.len())
    }

    /// Waits until `opened` sessions were opened, and `open` of them are open.
    async fn until(&self, opened: usize, open: usize) {
        let reached = async {
            while self.now() != (opened, open) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let outcome = timeout(Duration::from_secs(20), reached).await;
        assert!(outcome.is_ok(), "opened and open: {:?} instead of {:?}", self.now(), (opened, open));
    }
}

#[actix::test]
async fn after_a_hundred_restarts_there_is_one_session_and_each_message_arrives_once() {
    const RESTARTS: usize = 100;
    let counting = Counting::default();
    let server = EmbeddedServer::start(counting.clone(), embedded::config()).unwrap();
    let url = server.url();
    let feed = Supervisor::start(move |_| Feed::new(url));
    for life in 1..=RESTARTS {
        counting.until(life, 1).await;
        feed.send(Publish(life.to_string())).await.unwrap();
        feed.send(Restart).await.unwrap();
    }
    counting.until(RESTARTS + 1, 1).await;

    for socket in &counting.0.lock().unwrap().open {
        socket.emit("news").unwrap();
    }
    let news = async { while feed.send(Figures).await.unwrap().0 == 0 {} };
    timeout(Duration::from_secs(20), news).await.unwrap();
    feed.send(Close).await.unwrap();
    counting.until(RESTARTS + 1, 0).await;
    let (received, unsent) = feed.send(Figures).await.unwrap();
    assert_eq!(received, 1);
    // What an actor has sent before its restart is not lost.
    assert_eq!(counting.0.lock().unwrap().received + unsent, RESTARTS);
}

#[test]
fn the_guide_shows_the_actor_as_it_is() {
    let guide = include_str!("../../src/guide/in_a_production_service.md");
    let (_, code) = include_str!("feed.rs").split_once("\n\n").unwrap();
    assert!(guide.contains(code));
}
