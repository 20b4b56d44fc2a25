//! Restarts, as the server sees them.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use actix::prelude::*;
use actix_engineio::testing::{Peer, TestServer};
use actix_rt::time::timeout;

use crate::feed::{Close, Feed, Figures, Publish, Restart};

#[actix::test]
async fn after_a_hundred_restarts_there_is_one_session_and_each_message_arrives_once() {
    const RESTARTS: usize = 100;
    let server = TestServer::start();
    let url = server.url();
    let feed = Supervisor::start(move |_| Feed::new(url));
    let mut peers: Vec<Peer> = Vec::new();
    for generation in 1..=RESTARTS {
        peers.push(server.accept().await);
        feed.send(Publish(generation.to_string())).await.unwrap();
        feed.send(Restart).await.unwrap();
        peers.last().unwrap().ended().await;
    }
    let last = server.accept().await;
    last.send("news");
    let news = async { while feed.send(Figures).await.unwrap().0 == 0 {} };
    timeout(Duration::from_secs(20), news).await.unwrap();
    feed.send(Close).await.unwrap();
    last.ended().await;
    assert_eq!(server.requests().iter().filter(|request| request.is_handshake()).count(), RESTARTS + 1);

    let (received, unsent) = feed.send(Figures).await.unwrap();
    assert_eq!(received, 1);
    // What an actor has sent before its restart is not lost.
    assert_eq!(peers.iter_mut().map(|peer| peer.received().len()).sum::<usize>() + unsent, RESTARTS);
}

#[actix::test]
async fn a_message_that_was_sent_before_there_was_a_session_is_counted_after_a_restart() {
    let server = TestServer::start();
    server.hang();
    let url = server.url();
    let feed = Supervisor::start(move |_| Feed::new(url));
    feed.send(Publish("hello".to_owned())).await.unwrap();
    feed.send(Restart).await.unwrap();
    server.resume();
    let counted = async { while feed.send(Figures).await.unwrap().1 == 0 {} };
    timeout(Duration::from_secs(20), counted).await.unwrap();
    feed.send(Close).await.unwrap();
}

#[test]
fn the_guide_shows_the_actor_as_it_is() {
    let guide = include_str!("../../src/guide/in_a_production_service.md");
    let (_, code) = include_str!("feed.rs").split_once("\n\n").unwrap();
    assert!(guide.contains(code));
}
