//! Pings, pongs, and their absence.

use std::time::Duration;

use actix_engineio::{Data, DisconnectReason, Stage, TransportError, TransportKind};

use crate::support::{Client, leave, milestone, script::OPEN, server::Server, takes};

const INTERVAL: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_millis(150);

#[actix::test]
async fn a_ping_over_polling_is_answered_with_its_data() {
    let server = Server::start(|server| {
        // engineioxide's first comes at once.
        let mut get = server.opens(format!("{OPEN}\u{1e}2"));
        get.poll();
        let mut post = server.accept();
        post.posts("3");
        post.ok();
        get.packets("2with data\u{1e}4and a message");
        get.poll();
        post.posts("3with data");
        post.ok();
        get.packets("1");
        get.leaves();
        post.leaves();
    });
    let mut client = Client::start(&server);
    client.connect().await;
    assert_eq!(client.text().await, "and a message");
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_ping_over_websocket_is_answered_with_its_data() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.send_text("2");
        ws.reads("3");
        ws.send_text("2with data");
        ws.reads("3with data");
        // WebSocket's own.
        ws.send_frame(true, 0, 9, "raw");
        assert_eq!(ws.read_frame(), (10, b"raw".to_vec()));
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::start(&server);
    client.connect_over(TransportKind::WebSocket).await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_pong_goes_before_the_messages_that_wait() {
    let (posted, is_posted) = milestone();
    let (queued, is_queued) = leave();
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.poll();
        let mut post = server.accept();
        post.posts("4first");
        posted.reached();
        is_queued.wait();
        get.packets("2a\u{1e}2b");
        get.poll();
        // The next poll shows that the pings were seen.
        post.ok();
        post.posts("3a\u{1e}3b\u{1e}4second\u{1e}4third");
        post.ok();
        get.packets("1");
        get.leaves();
        post.leaves();
    });
    let mut client = Client::start(&server);
    client.connect().await;
    client.send("first").await;
    is_posted.await;
    client.send("second").await;
    client.send("third").await;
    queued.give();
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_poll_without_a_word_is_a_ping_timeout() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN.ping(INTERVAL, TIMEOUT));
        get.poll();
        get.leaves();
    });
    let mut client = Client::start(&server);
    client.connect().await;
    let reason = takes(INTERVAL + TIMEOUT, client.ended_cleanly()).await;
    assert_eq!(reason, DisconnectReason::PingTimeout);
    server.finish().await;
}

#[actix::test]
async fn a_websocket_without_a_word_is_a_ping_timeout() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN.ping(INTERVAL, TIMEOUT));
        ws.reads_close(1000);
        ws.leaves();
    });
    let mut client = Client::start(&server);
    client.connect_over(TransportKind::WebSocket).await;
    let reason = takes(INTERVAL + TIMEOUT, client.ended_cleanly()).await;
    assert_eq!(reason, DisconnectReason::PingTimeout);
    server.finish().await;
}

#[actix::test]
async fn the_answer_to_a_post_is_no_sign_of_life() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN.ping(INTERVAL, TIMEOUT));
        get.poll();
        let mut post = server.accept();
        post.posts("4one");
        std::thread::sleep(INTERVAL);
        post.ok();
        get.leaves();
        post.leaves();
    });
    let mut client = Client::start(&server);
    client.connect().await;
    client.send("one").await;
    let reason = takes(INTERVAL + TIMEOUT, client.ended_cleanly()).await;
    assert_eq!(reason, DisconnectReason::PingTimeout);
    server.finish().await;
}

#[actix::test]
async fn pings_keep_a_session_alive() {
    for way in [TransportKind::Polling, TransportKind::WebSocket] {
        let open = OPEN.ping(INTERVAL, TIMEOUT);
        let server = Server::start(move |server| match way {
            TransportKind::Polling => {
                let mut get = server.opens(open);
                get.poll();
                let mut post = None;
                for _ in 0..4 {
                    std::thread::sleep(INTERVAL);
                    get.packets("2");
                    get.poll();
                    let post = post.get_or_insert_with(|| server.accept());
                    post.posts("3");
                    post.ok();
                }
                get.packets("1");
                get.leaves();
            }
            TransportKind::WebSocket => {
                let mut ws = server.opens_websocket(open);
                for _ in 0..4 {
                    std::thread::sleep(INTERVAL);
                    ws.send_text("2");
                    ws.reads("3");
                }
                ws.send_text("1");
                ws.wait_closed();
            }
        });
        let mut client = Client::start(&server);
        client.connect_over(way).await;
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
        server.finish().await;
    }
}

/// The silence that a session survives, and twice as long a message.
const SILENCE: [Duration; 2] = [Duration::from_millis(1000), Duration::from_millis(250)];
const LONG: &str = "4a message of which a byte comes now and then, no more";
const STEP: Duration = Duration::from_millis(50);

#[actix::test]
async fn a_message_that_takes_long_to_arrive_is_a_sign_of_life_over_polling() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN.ping(SILENCE[0], SILENCE[1]));
        get.poll();
        get.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", LONG.len()));
        get.write_slowly(LONG, 1, STEP);
        get.poll();
        get.packets("1");
        get.leaves();
    });
    let mut client = Client::start(&server);
    client.connect().await;
    assert_eq!(client.text().await, LONG[1..]);
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_message_that_takes_long_to_arrive_is_a_sign_of_life_over_websocket() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN.ping(SILENCE[0], SILENCE[1]));
        ws.write([0x81, u8::try_from(LONG.len()).unwrap()]);
        ws.write_slowly(LONG, 1, STEP);
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::start(&server);
    client.connect_over(TransportKind::WebSocket).await;
    assert_eq!(client.text().await, LONG[1..]);
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_server_that_pings_and_does_not_read_is_stuck() {
    let (gone, is_gone) = leave();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN.ping(INTERVAL, TIMEOUT));
        // Both kinds of ping.
        while ws.try_write(b"\x81\x022x\x89\x00").is_ok() {
            std::thread::sleep(INTERVAL / 10);
        }
        is_gone.wait();
    });
    let mut client = Client::start(&server);
    client.connect_over(TransportKind::WebSocket).await;
    // More than the socket buffers of both ends hold.
    let large = Data::from("x".repeat(32 << 20));
    client.send(large.clone()).await;
    let end = client.ended().await;
    let err = TransportError::timeout(Stage::Write);
    assert_eq!(end.reason, DisconnectReason::TransportError(err));
    assert!(end.unsent == [large] && end.in_doubt.is_empty());
    gone.give();
    server.finish().await;
}
