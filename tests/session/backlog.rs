//! Messages that wait, for room or for a connection.

use std::io;

use actix_engineio::{
    self as engineio, Data, DisconnectReason, Event, GetStatus, SendErrorKind, Stage, TransportError,
};

use crate::support::{Client, SHORT, leave, milestone, script::OPEN, server::Server, takes};

#[actix::test]
async fn a_send_waits_for_room_and_comes_back_when_the_session_ends() {
    let (posted, is_posted) = milestone();
    let (waiting, is_waiting) = leave();
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.poll();
        let mut post = server.accept();
        post.posts("4a");
        posted.reached();
        is_waiting.wait();
        get.packets("1");
        get.leaves();
        post.leaves();
    });
    let mut client = Client::with(&server, |builder| builder.send_queue(1));
    client.connect().await;
    client.send("a").await;
    is_posted.await;
    let held_back = actix_rt::spawn(client.addr.send(engineio::Send::text("b")));
    // In the order in which they came, one that nobody awaits.
    actix_rt::task::yield_now().await;
    client.addr.do_send(engineio::Send::text("c"));
    let status = client.addr.send(GetStatus).await.unwrap();
    assert_eq!((status.queued_messages, status.queued_bytes), (3, 3));
    assert!(!held_back.is_finished());
    waiting.give();
    let end = client.ended().await;
    assert_eq!(end.reason, DisconnectReason::Server);
    assert_eq!((&*end.in_doubt, &*end.unsent), (["a".into()].as_slice(), ["c".into()].as_slice()));
    let err = held_back.await.unwrap().unwrap().unwrap_err();
    assert_eq!((err.kind, err.data), (SendErrorKind::Disconnected, "b".into()));
    server.finish().await;
}

#[actix::test]
async fn a_send_whose_reply_is_dropped_while_it_waits_is_withdrawn() {
    let (posted, is_posted) = milestone();
    let (dropped, is_dropped) = leave();
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.poll();
        let mut post = server.accept();
        post.posts("4a");
        posted.reached();
        is_dropped.wait();
        post.ok();
        post.posts("4c");
        post.ok();
        get.packets("1");
        get.leaves();
        post.leaves();
    });
    let mut client = Client::with(&server, |builder| builder.send_queue(1));
    client.connect().await;
    client.send("a").await;
    is_posted.await;
    let withdrawn = actix_rt::spawn(client.addr.send(engineio::Send::text("b")));
    actix_rt::task::yield_now().await;
    let kept = actix_rt::spawn(client.addr.send(engineio::Send::text("c")));
    actix_rt::task::yield_now().await;
    withdrawn.abort();
    assert!(withdrawn.await.unwrap_err().is_cancelled());
    dropped.give();
    kept.await.unwrap().unwrap().unwrap();
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_post_for_which_there_is_no_connection_is_unsent() {
    let (refusing, is_refusing) = milestone();
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.poll();
        server.stops_listening();
        refusing.reached();
        get.leaves();
    });
    let mut client = Client::start(&server);
    client.connect().await;
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
        get.poll();
        server.stops_listening();
        get.respond(200, &[("connection", "close")], "4last");
        get.leaves();
    });
    let mut client = Client::start(&server);
    client.connect().await;
    assert_eq!(client.text().await, "last");
    let reason = client.ended_cleanly().await;
    assert!(matches!(reason, DisconnectReason::TransportError(TransportError::Connect { .. })), "{reason:?}");
    server.finish().await;
}

#[actix::test]
async fn a_flood_of_pings_is_answered_with_the_newest_pongs_and_the_messages_follow() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.poll();
        let mut post = server.accept();
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
        get.packets("1");
        get.leaves();
        post.leaves();
    });
    let mut client = Client::start(&server);
    client.connect().await;
    client.send("first").await;
    client.send("second").await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn what_is_sent_without_a_session_comes_back() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.poll();
        get.packets("1");
        get.leaves();
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
async fn a_post_that_the_server_does_not_read_is_bounded_by_request_timeout() {
    let (gone, is_gone) = leave();
    let server = Server::start(move |server| {
        let mut get = server.opens(OPEN.max_payload(100 << 20));
        get.poll();
        let mut post = server.accept();
        post.read_head();
        get.leaves();
        is_gone.wait();
    });
    let mut client = Client::with(&server, |builder| builder.request_timeout(SHORT));
    client.connect().await;
    // More than the socket buffers of both ends hold.
    let large = Data::from("x".repeat(32 << 20));
    client.send(large.clone()).await;
    let end = takes(SHORT, client.ended()).await;
    let err = TransportError::timeout(Stage::Request);
    assert_eq!(end.reason, DisconnectReason::TransportError(err));
    assert!(end.unsent == [large] && end.in_doubt.is_empty());
    gone.give();
    server.finish().await;
}
