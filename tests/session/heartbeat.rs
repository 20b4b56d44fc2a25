//! Pings, pongs, and their absence.

use std::time::Duration;

use actix_engineio::{
    Data, DisconnectReason, Flush, GetStatus, Send, Stage, State, TransportError, TransportKind,
};

use crate::{
    posting,
    support::{
        Client, Clock, LARGE, connect_with_small_buffers, listen_with_small_buffers, milestone, script::OPEN,
        server::Server, signal, steps,
    },
};

const INTERVAL: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_millis(150);

#[actix::test]
async fn a_ping_over_polling_is_answered_with_its_data() {
    let server = Server::start(|server| {
        // The first ping of engineioxide comes with the open packet.
        let (mut get, mut post) = server.opens_both(format!("{OPEN}\u{1e}2"));
        post.accepts("3");
        get.packets("2with data\u{1e}4and a message");
        get.poll();
        post.accepts("3with data");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
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
        // A ping of WebSocket itself.
        ws.send_frame(true, 0, 9, "raw");
        assert_eq!(ws.read_frame(), (10, b"raw".to_vec()));
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_pong_goes_before_the_messages_that_wait() {
    let (queued, is_queued) = signal();
    let (mut client, server) = posting(
        |builder| builder,
        |mut get, mut post| {
            is_queued.wait();
            get.packets("2a\u{1e}2b");
            get.poll();
            // The next poll shows that the client has read the pings.
            post.ok();
            post.accepts("3a\u{1e}3b\u{1e}4b\u{1e}4c");
            get.ends_session();
            post.expect_closed();
        },
    )
    .await;
    client.send("b").await;
    client.send("c").await;
    queued.send();
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_poll_that_is_not_answered_is_a_ping_timeout() {
    let clock = Clock::stop();
    let (polled, is_polled) = milestone();
    let server = Server::start(|server| {
        let get = server.opens(OPEN.ping(INTERVAL, TIMEOUT));
        polled.reached();
        get.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    let reason = clock.takes(INTERVAL + TIMEOUT, is_polled, client.ended_cleanly()).await;
    assert_eq!(reason, DisconnectReason::PingTimeout);
    server.finish().await;
}

#[actix::test]
async fn a_websocket_on_which_nothing_comes_is_a_ping_timeout() {
    let clock = Clock::stop();
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN.ping(INTERVAL, TIMEOUT));
        ws.reads_close(1000);
        ws.expect_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    let reason = clock.takes(INTERVAL + TIMEOUT, async {}, client.ended_cleanly()).await;
    assert_eq!(reason, DisconnectReason::PingTimeout);
    server.finish().await;
}

#[actix::test]
async fn the_answer_to_a_post_is_a_sign_of_life() {
    let clock = Clock::stop();
    let (waited, has_waited) = signal();
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN.ping(INTERVAL, TIMEOUT));
        post.posts("4one");
        has_waited.wait();
        post.ok();
        get.expect_closed();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    client.send("one").await;
    let flush = client.addr.send(Flush);
    let answered = async {
        clock.advance(INTERVAL).await;
        waited.send();
        flush.await.unwrap().unwrap();
    };
    let reason = clock.takes(INTERVAL + TIMEOUT, answered, client.ended_cleanly()).await;
    assert_eq!(reason, DisconnectReason::PingTimeout);
    server.finish().await;
}

/// The POSTs that are answered while nothing arrives in answer to a poll.
const POSTS: u32 = 5;

#[actix::test]
async fn a_dead_poll_is_a_ping_timeout_although_posts_are_answered() {
    let clock = Clock::stop();
    let (mut posts, cues) = steps();
    let limit = 3 * (INTERVAL + TIMEOUT);
    let server = Server::start(move |server| {
        let (get, mut post) = server.opens_both(OPEN.ping(INTERVAL, TIMEOUT));
        for _ in 0..POSTS {
            cues.step(|| post.accepts("4one"));
        }
        get.expect_closed();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    for _ in 0..POSTS {
        clock.advance(INTERVAL).await;
        client.send("one").await;
        posts.next().await;
        client.addr.send(Flush).await.unwrap().unwrap();
    }
    let reason = clock.takes(limit - POSTS * INTERVAL, async {}, client.ended_cleanly()).await;
    assert_eq!(reason, DisconnectReason::PingTimeout);
    server.finish().await;
}

/// Heartbeats, during which a session without them would have ended twice.
const HEARTBEATS: usize = 4;

#[actix::test]
async fn pings_keep_a_session_alive() {
    for way in [TransportKind::Polling, TransportKind::WebSocket] {
        let clock = Clock::stop();
        let (mut pings, cues) = steps();
        let open = OPEN.ping(INTERVAL, TIMEOUT);
        let server = Server::start(move |server| match way {
            TransportKind::Polling => {
                let mut get = server.opens(open);
                let mut post = None;
                for _ in 0..HEARTBEATS {
                    cues.step(|| {
                        get.packets("2");
                        get.poll();
                        post.get_or_insert_with(|| server.accept()).accepts("3");
                    });
                }
                get.ends_session();
            }
            TransportKind::WebSocket => {
                let mut ws = server.opens_websocket(open);
                for _ in 0..HEARTBEATS {
                    cues.step(|| {
                        ws.send_text("2");
                        ws.reads("3");
                    });
                }
                ws.send_text("1");
                ws.wait_closed();
            }
        });
        let mut client = Client::connected_over(&server, way).await;
        for _ in 0..HEARTBEATS {
            clock.advance(INTERVAL).await;
            pings.next().await;
        }
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
        server.finish().await;
    }
}

/// Parts of a message, each of which arrives before the session would end.
const PARTS: [&str; 4] = ["4a message of which", " a part comes", " now and", " then"];

#[actix::test]
async fn a_message_that_takes_long_to_arrive_is_a_sign_of_life() {
    for way in [TransportKind::Polling, TransportKind::WebSocket] {
        let clock = Clock::stop();
        let (mut parts, cues) = steps();
        let open = OPEN.ping(INTERVAL, TIMEOUT);
        let server = Server::start(move |server| {
            let length = PARTS.concat().len();
            let mut peer = match way {
                TransportKind::Polling => {
                    let mut get = server.opens(open);
                    get.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"));
                    get
                }
                TransportKind::WebSocket => {
                    let mut ws = server.opens_websocket(open);
                    ws.write([0x81, length.try_into().unwrap()]);
                    ws
                }
            };
            for part in PARTS {
                cues.step(|| peer.write(part));
            }
            match way {
                TransportKind::Polling => {
                    peer.poll();
                    peer.ends_session();
                }
                TransportKind::WebSocket => {
                    peer.send_text("1");
                    peer.wait_closed();
                }
            }
        });
        let mut client = Client::connected_over(&server, way).await;
        for _ in PARTS {
            clock.advance(INTERVAL).await;
            parts.next().await;
        }
        assert_eq!(client.text().await, PARTS.concat()[1..]);
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
        server.finish().await;
    }
}

#[actix::test]
async fn a_message_that_never_ends_ends_the_session() {
    for (way, stage) in [(TransportKind::Polling, Stage::Body), (TransportKind::WebSocket, Stage::Frame)] {
        let clock = Clock::stop();
        let (mut bytes, cues) = steps();
        let open = OPEN.ping(INTERVAL, TIMEOUT);
        let server = Server::start(move |server| {
            let (mut peer, start) = match way {
                TransportKind::Polling => {
                    (server.opens(open), &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"[..])
                }
                TransportKind::WebSocket => (server.opens_websocket(open), &b"\x81\x644"[..]),
            };
            cues.step(|| peer.write(start));
            for _ in 1..10 {
                cues.step(|| peer.write("x"));
            }
            peer.wait_closed();
        });
        let mut client = Client::connected_over(&server, way).await;
        clock.advance(INTERVAL).await;
        // Each byte comes in time.
        for _ in 0..10 {
            let status = client.addr.send(GetStatus).await.unwrap();
            assert_eq!(status.state, State::Connected);
            bytes.next().await;
            clock.advance((INTERVAL + TIMEOUT) / 2).await;
        }
        clock.advance(TIMEOUT).await;
        let reason = client.ended_cleanly().await;
        assert_eq!(reason, DisconnectReason::TransportError(TransportError::timeout(stage)));
        server.finish().await;
    }
}

#[actix::test]
async fn a_server_that_pings_and_does_not_read_is_stuck() {
    let clock = Clock::stop();
    let (mut pings, cues) = steps();
    let (ended, has_ended) = signal();
    let server = Server::on(listen_with_small_buffers(), move |server| {
        let mut ws = server.opens_websocket(OPEN.ping(INTERVAL, TIMEOUT).max_payload(2 * LARGE));
        // Both kinds of ping.
        for _ in 0..HEARTBEATS {
            cues.step(|| ws.write(b"\x81\x022x\x89\x00"));
        }
        has_ended.wait();
    });
    let mut client = Client::with(&server, |builder| builder.connector(connect_with_small_buffers));
    client.connect_over(TransportKind::WebSocket).await;
    let large = Data::from("x".repeat(LARGE));
    client.send(large.clone()).await;
    let pinged = async {
        for _ in 0..HEARTBEATS {
            clock.advance((INTERVAL + TIMEOUT) / 8).await;
            pings.next().await;
        }
    };
    let end = clock.takes((INTERVAL + TIMEOUT) / 2, pinged, client.ended()).await;
    let err = TransportError::timeout(Stage::Write);
    assert_eq!(end.reason, DisconnectReason::TransportError(err));
    assert!(end.unsent == [large] && end.in_doubt.is_empty());
    ended.send();
    server.finish().await;
}

#[cfg(any(target_os = "android", target_os = "linux"))]
#[actix::test]
async fn a_pong_waits_for_few_bytes_in_the_kernel() {
    const MESSAGE: usize = 64 << 10;
    const COUNT: usize = 2 * LARGE / MESSAGE;
    let (stuck, is_stuck) = signal();
    let server = Server::on(listen_with_small_buffers(), move |server| {
        let mut ws = server.opens_websocket(OPEN);
        is_stuck.wait();
        ws.send_text("2");
        let before = (0..COUNT).take_while(|_| ws.read_frame().1 != b"3").count();
        // A batch, and what the kernel accepts unsent: by default that is 50 of these messages.
        assert!(before < LARGE / 2 / MESSAGE, "the pong came behind {before} messages");
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder);
    client.connect_over(TransportKind::WebSocket).await;
    for _ in 0..COUNT {
        client.addr.do_send(Send::new("x".repeat(MESSAGE)));
    }
    has_filled_the_buffers(&client).await;
    stuck.send();
    assert_eq!(client.ended().await.reason, DisconnectReason::Server);
    server.finish().await;
}

/// Waits until the client has written nothing for many turns of the event loop, since the server does not read.
#[cfg(any(target_os = "android", target_os = "linux"))]
async fn has_filled_the_buffers(client: &Client) {
    let (mut queued, mut turns) = (usize::MAX, 0);
    while turns < 1000 {
        let now = client.addr.send(GetStatus).await.unwrap().queued_bytes;
        turns = if now == queued { turns + 1 } else { 0 };
        queued = now;
    }
}
