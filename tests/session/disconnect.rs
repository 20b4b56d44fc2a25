//! Disconnects by the user.

use std::{sync::atomic::Ordering, time::Duration};

use actix_engineio::{
    self as engineio, Connect, Data, Disconnect, DisconnectReason, Event, Flush, FlushError, SendErrorKind,
    TransportKind,
};

use crate::{
    is_silent,
    loops::counted,
    posting,
    support::{
        Client, Clock, LARGE, SHORT, connect_with_small_buffers, listen_with_small_buffers, milestone,
        script::OPEN, server::Server, signal,
    },
};

#[actix::test]
async fn the_last_messages_the_close_packet_and_the_close_frame_are_one_write() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        for packet in ["4a", "4b", "1"] {
            ws.reads(packet);
        }
        // The client does not answer a ping behind its close frame.
        ws.send_frame(true, 0, 9, b"late");
        ws.reads_close(1000);
        ws.close();
    });
    let (mut client, writes) = counted(&server);
    client.connect_over(TransportKind::WebSocket).await;
    let before = writes.load(Ordering::SeqCst);
    client.addr.do_send(engineio::Send::text("a"));
    client.addr.do_send(engineio::Send::text("b"));
    client.disconnect().await;
    assert_eq!(writes.load(Ordering::SeqCst) - before, 1);
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
    server.finish().await;
}

#[actix::test]
async fn a_disconnect_over_polling_posts_the_queue_and_the_close_packet_last() {
    let (asked, is_asked) = signal();
    let (mut client, server) = posting(
        |builder| builder,
        |mut get, mut post| {
            is_asked.wait();
            post.ok();
            post.posts("4b\u{1e}bAQID\u{1e}1");
            // The client does not wait for the poll.
            get.stays_silent(Duration::from_millis(20));
            post.ok();
            is_silent(get, post);
        },
    )
    .await;
    client.send("b").await;
    client.addr.do_send(engineio::Send::binary(vec![1, 2, 3]));
    let disconnecting = actix_rt::spawn(client.addr.send(Disconnect::new().reason("done")));
    actix_rt::task::yield_now().await;
    let late = client.addr.send(engineio::Send::text("too late")).await.unwrap().unwrap_err();
    assert_eq!((late.kind, late.data), (SendErrorKind::NotConnected, "too late".into()));
    asked.send();
    disconnecting.await.unwrap().unwrap();
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(Some("done".into())));
    server.finish().await;
}

#[actix::test]
async fn whatever_the_last_poll_brings_the_answer_to_the_post_says_what_has_arrived() {
    let too_large = format!("4{}", "x".repeat(201));
    for body in ["b!!!", "0{}", "6", "1", "<html>", too_large.as_str()] {
        let body = body.to_owned();
        let server = Server::start(move |server| {
            let (mut get, mut post) = server.opens_both(OPEN);
            post.posts("4a\u{1e}1");
            get.packets(&body);
            // The client has read the poll when it has closed its connection, or asks for nothing more.
            get.stays_silent(Duration::from_millis(20));
            post.ok();
            is_silent(get, post);
        });
        let mut client = Client::with(&server, |builder| builder.max_message_size(200));
        client.connect_over(TransportKind::Polling).await;
        client.addr.do_send(engineio::Send::text("a"));
        client.disconnect().await;
        client.ended_cleanly().await;
        server.finish().await;
    }
}

#[actix::test]
async fn a_long_queue_goes_out_before_the_close_packet() {
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        let mut packets = Vec::new();
        while packets.last().is_none_or(|last| last != "1") {
            let body = post.post();
            let before = packets.len();
            packets.extend(body.split('\u{1e}').map(ToOwned::to_owned));
            assert!(packets.len() - before <= 16, "{body}");
            post.respond(200, &[], "OK");
        }
        let expected = (0..40).map(|at| format!("4{at}")).chain(["1".to_owned()]);
        assert_eq!(packets, expected.collect::<Vec<_>>());
        post.expect_closed();
        get.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    for at in 0..40 {
        client.addr.do_send(engineio::Send::text(at.to_string()));
    }
    client.disconnect().await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_disconnect_over_websocket_writes_the_queue_the_close_packet_and_a_close_frame() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        for at in 0..200 {
            ws.reads(&format!("4{at}"));
        }
        ws.reads("1");
        ws.reads_close(1000);
        // This arrives too late.
        ws.send_text("4too late");
        ws.send_frame(true, 0, 8, b"\x03\xe8");
        ws.expect_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    for at in 0..200 {
        client.addr.do_send(engineio::Send::text(at.to_string()));
    }
    client.disconnect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
    server.finish().await;
}

#[actix::test]
async fn a_server_that_only_ends_the_connection_has_closed_too() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("1");
        ws.close();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    client.disconnect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
    server.finish().await;
}

#[actix::test]
async fn a_close_that_the_server_refuses_is_a_disconnect_too() {
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.posts("1");
        post.respond(400, &[], r#"{"code":1,"message":"Session ID unknown"}"#);
        post.expect_closed();
        get.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    client.disconnect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
    server.finish().await;
}

#[actix::test]
async fn a_server_that_does_not_answer_the_last_post_is_bounded_by_close_timeout() {
    let clock = Clock::stop();
    let (posted, is_posted) = milestone();
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.posts("4a\u{1e}1");
        posted.reached();
        post.expect_closed();
        get.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.close_timeout(SHORT));
    client.connect().await;
    client.addr.do_send(engineio::Send::text("a"));
    clock.takes(SHORT, is_posted, client.disconnect()).await;
    let end = client.ended().await;
    assert_eq!(end.reason, DisconnectReason::Client(None));
    assert_eq!((&*end.in_doubt, &*end.unsent), (["a".into()].as_slice(), [].as_slice()));
    server.finish().await;
}

#[actix::test]
async fn a_server_that_does_not_answer_the_close_frame_is_bounded_by_close_timeout() {
    let clock = Clock::stop();
    let (closing, is_closing) = milestone();
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("1");
        ws.reads_close(1000);
        closing.reached();
        ws.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.close_timeout(SHORT));
    client.connect_over(TransportKind::WebSocket).await;
    clock.takes(SHORT, is_closing, client.disconnect()).await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
    server.finish().await;
}

#[actix::test]
async fn a_server_that_does_not_read_is_bounded_by_close_timeout_and_the_rest_is_unsent() {
    let clock = Clock::stop();
    let (ended, has_ended) = signal();
    let server = Server::on(listen_with_small_buffers(), |server| {
        let ws = server.opens_websocket(OPEN);
        has_ended.wait();
        drop(ws);
    });
    let mut client = Client::with(&server, |builder| {
        builder.close_timeout(SHORT).send_queue(usize::MAX).connector(connect_with_small_buffers)
    });
    client.connect_over(TransportKind::WebSocket).await;
    let messages: Vec<_> = (0..32).map(|at| Data::from(vec![at; LARGE / 16])).collect();
    for message in &messages {
        client.addr.do_send(engineio::Send::new(message.clone()));
    }
    clock.takes(SHORT, async {}, client.disconnect()).await;
    let end = client.ended().await;
    assert_eq!(end.reason, DisconnectReason::Client(None));
    assert_eq!(end.in_doubt.len(), 0);
    // They are the last messages, in order.
    assert!(!end.unsent.is_empty() && messages.ends_with(&end.unsent), "{} unsent", end.unsent.len());
    ended.send();
    server.finish().await;
}

#[actix::test]
async fn an_abort_does_not_wait_and_returns_what_was_not_sent() {
    let _clock = Clock::stop();
    let (mut client, server) = posting(|builder| builder, is_silent).await;
    client.send("b").await;
    let flush = actix_rt::spawn(client.addr.send(Flush));
    actix_rt::task::yield_now().await;
    client.addr.send(Disconnect::abort().reason("enough")).await.unwrap();
    let end = client.ended().await;
    assert_eq!(end.reason, DisconnectReason::Client(Some("enough".into())));
    assert_eq!((&*end.in_doubt, &*end.unsent), (["a".into()].as_slice(), ["b".into()].as_slice()));
    assert_eq!(flush.await.unwrap().unwrap(), Err(FlushError::Disconnected));
    server.finish().await;
}

#[actix::test]
async fn an_abort_over_websocket_sends_a_close_frame() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4a");
        ws.reads_close(1000);
        ws.expect_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    client.send("a").await;
    client.addr.send(Flush).await.unwrap().unwrap();
    client.addr.send(Disconnect::abort()).await.unwrap();
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
    server.finish().await;
}

#[actix::test]
async fn an_abort_speeds_up_a_disconnect() {
    for way in [TransportKind::Polling, TransportKind::WebSocket] {
        let (asked, is_asked) = milestone();
        let server = Server::start(move |server| match way {
            TransportKind::Polling => {
                let (get, mut post) = server.opens_both(OPEN);
                post.posts("1");
                asked.reached();
                post.expect_closed();
                get.expect_closed();
            }
            TransportKind::WebSocket => {
                let mut ws = server.opens_websocket(OPEN);
                ws.reads("1");
                ws.reads_close(1000);
                asked.reached();
                ws.expect_closed();
            }
        });
        let mut client = Client::connected_over(&server, way).await;
        let first = actix_rt::spawn(client.addr.send(Disconnect::new().reason("first")));
        is_asked.await;
        client.addr.send(Disconnect::abort().reason("second")).await.unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(Some("first".into())));
        server.finish().await;
    }
}

#[actix::test]
async fn a_disconnect_at_once_closes_the_session_too() {
    let server = Server::start(|server| {
        // The first poll may be sent before.
        let get = server.answers_handshake(format!("{OPEN}\u{1e}4hello"));
        let mut post = server.accept();
        post.accepts("1");
        post.expect_closed();
        get.wait_closed();
    });
    let mut client = Client::start(&server);
    let connecting = client.connecting(Connect::new(server.origin()));
    assert!(matches!(client.next().await, Event::Connected(_)));
    client.disconnect().await;
    connecting.await.unwrap().unwrap();
    assert_eq!(client.text().await, "hello");
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    client.is_gone().await;
    server.finish().await;
}

#[actix::test]
async fn nothing_is_sent_after_the_close_packet() {
    let (delivered, is_delivered) = signal();
    let server = Server::start(|server| {
        let (mut get, mut post) = server.opens_both(OPEN);
        post.posts("1");
        // No poll follows, and the ping is not answered.
        get.packets("2\u{1e}4last");
        is_delivered.wait();
        post.ok();
        post.expect_closed();
        get.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    client.addr.do_send(Disconnect::new());
    assert_eq!(client.text().await, "last");
    delivered.send();
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
    server.finish().await;
}
