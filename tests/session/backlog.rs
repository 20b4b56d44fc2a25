//! Messages that wait for room or for a connection.

use std::{io, time::Duration};

use actix_engineio::{
    self as engineio, Data, DisconnectReason, Event, GetStatus, SendErrorKind, Stage, TransportError,
};

use crate::{
    posting,
    support::{
        Client, Clock, LARGE, SHORT, connect_with_small_buffers, listen_with_small_buffers, milestone,
        script::OPEN, server::Server, signal,
    },
};

#[actix::test]
async fn a_send_waits_for_room_and_is_returned_when_the_session_ends() {
    let (waiting, is_waiting) = signal();
    let (mut client, server) = posting(
        |builder| builder.send_queue(1),
        |get, post| {
            is_waiting.wait();
            get.ends_session();
            post.expect_closed();
        },
    )
    .await;
    let waiting_send = actix_rt::spawn(client.addr.send(engineio::Send::text("b")));
    // Nobody awaits the reply to this one; it goes behind the other.
    actix_rt::task::yield_now().await;
    client.addr.do_send(engineio::Send::text("c"));
    let status = client.addr.send(GetStatus).await.unwrap();
    assert_eq!((status.queued_messages, status.queued_bytes), (3, 3));
    assert!(!waiting_send.is_finished());
    waiting.send();
    let end = client.ended().await;
    assert_eq!(end.reason, DisconnectReason::Server);
    assert_eq!((&*end.in_doubt, &*end.unsent), (["a".into()].as_slice(), ["c".into()].as_slice()));
    let err = waiting_send.await.unwrap().unwrap().unwrap_err();
    assert_eq!((err.kind, err.data), (SendErrorKind::Disconnected, "b".into()));
    server.finish().await;
}

#[actix::test]
async fn a_send_whose_reply_is_dropped_while_it_waits_is_withdrawn() {
    let (dropped, is_dropped) = signal();
    let (mut client, server) = posting(
        |builder| builder.send_queue(1),
        |get, mut post| {
            is_dropped.wait();
            post.ok();
            post.accepts("4c");
            get.ends_session();
            post.expect_closed();
        },
    )
    .await;
    let withdrawn = actix_rt::spawn(client.addr.send(engineio::Send::text("b")));
    actix_rt::task::yield_now().await;
    let next = actix_rt::spawn(client.addr.send(engineio::Send::text("c")));
    actix_rt::task::yield_now().await;
    withdrawn.abort();
    assert!(withdrawn.await.unwrap_err().is_cancelled());
    dropped.send();
    next.await.unwrap().unwrap().unwrap();
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_post_for_which_there_is_no_connection_is_unsent() {
    let (refusing, is_refusing) = milestone();
    let server = Server::start(|server| {
        let get = server.opens(OPEN);
        server.stops_listening();
        refusing.reached();
        get.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    is_refusing.await;
    client.addr.do_send(engineio::Send::text("a"));
    client.addr.do_send(engineio::Send::text("b"));
    let end = client.ended().await;
    let DisconnectReason::TransportError(TransportError::Connect { kind, .. }) = &end.reason else {
        panic!("{end:?}")
    };
    assert_eq!(*kind, io::ErrorKind::ConnectionRefused);
    assert_eq!((&*end.in_doubt, &*end.unsent), ([].as_slice(), ["a".into(), "b".into()].as_slice()));
    server.finish().await;
}

#[actix::test]
async fn a_poll_for_which_there_is_no_connection_ends_the_session() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        server.stops_listening();
        get.respond(200, &[("connection", "close")], "4last");
        get.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    assert_eq!(client.text().await, "last");
    let reason = client.ended_cleanly().await;
    assert!(matches!(reason, DisconnectReason::TransportError(TransportError::Connect { .. })), "{reason:?}");
    server.finish().await;
}

#[actix::test]
async fn a_flood_of_pings_is_answered_with_the_newest_pongs_and_the_messages_follow() {
    let server = Server::start(|server| {
        let (mut get, mut post) = server.opens_both(OPEN);
        post.posts("4first");
        let pings: Vec<_> = (0..1000).map(|at| format!("2{at}")).collect();
        get.packets(pings.join("\u{1e}"));
        get.poll();
        post.ok();
        let mut packets = Vec::new();
        while packets.last().is_none_or(|last| last != "4second") {
            packets.extend(post.post().split('\u{1e}').map(ToOwned::to_owned));
            post.ok();
        }
        assert!(packets.len() < 100, "{} packets", packets.len());
        assert_eq!(packets[packets.len() - 2], "3999");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    client.send("first").await;
    client.send("second").await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn what_is_sent_without_a_session_is_returned() {
    let server = Server::start(|server| {
        let get = server.opens(OPEN);
        get.ends_session();
    });
    let mut client = Client::start(&server);
    for round in 0..2 {
        let data = Data::from(vec![1, 2, 3]);
        let err = client.addr.send(engineio::Send::new(data.clone())).await.unwrap().unwrap_err();
        assert_eq!((err.kind, err.data), (SendErrorKind::NotConnected, data.clone()));
        client.addr.do_send(engineio::Send::new(data.clone()));
        match client.next().await {
            Event::Rejected(err) => assert_eq!((&err.kind, &err.data), (&SendErrorKind::NotConnected, &data)),
            event => panic!("{event:?}"),
        }
        if round == 0 {
            client.connect().await;
            client.ended_cleanly().await;
        }
    }
    server.finish().await;
}

#[actix::test]
async fn a_post_that_the_server_does_not_read_is_bounded() {
    let clock = Clock::stop();
    let (begun, is_begun) = milestone();
    let (ended, has_ended) = signal();
    let server = Server::on(listen_with_small_buffers(), move |server| {
        let (get, mut post) = server.opens_both(OPEN.max_payload(2 * LARGE));
        post.read_head();
        begun.reached();
        get.expect_closed();
        has_ended.wait();
    });
    let mut client =
        Client::with(&server, |builder| builder.request_timeout(SHORT).connector(connect_with_small_buffers));
    client.connect().await;
    let large = Data::from("x".repeat(LARGE));
    client.send(large.clone()).await;
    is_begun.await;
    // The sockets have buffered a small part of it, and each 8 KiB of that may be on their way for a second.
    clock.advance(SHORT + Duration::from_secs(40)).await;
    let end = client.ended().await;
    let err = TransportError::timeout(Stage::Request);
    assert_eq!(end.reason, DisconnectReason::TransportError(err));
    assert!(end.unsent == [large] && end.in_doubt.is_empty());
    ended.send();
    server.finish().await;
}
