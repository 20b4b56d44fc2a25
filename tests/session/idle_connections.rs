//! Servers end idle connections when they like, and no session ends with them.

use std::time::Duration;

use actix_engineio::{Data, Flush};

use crate::support::{
    Client, Clock, milestone, moment,
    script::OPEN,
    server::{Peer, Server},
    soon,
};

/// The ways in which servers and proxies end an idle connection.
const ENDINGS: [fn(Peer); 4] = [
    Peer::close,
    Peer::reset,
    |mut peer| {
        peer.write("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        peer.close();
    },
    |mut peer| {
        peer.write("HTTP/1.0 408 Request Time-out\r\nconnection: close\r\n\r\n<html>408</html>\n");
        peer.close();
    },
];

#[actix::test]
async fn a_pong_on_a_connection_that_ends_in_the_same_instant_is_sent_again() {
    for end in ENDINGS {
        let server = Server::start(move |server| {
            let (mut get, mut post) = server.opens_both(format!("{OPEN}\u{1e}2"));
            post.accepts("3");
            for _ in 0..3 {
                get.packets("2");
                get.poll();
                post.posts("3");
                end(post);
                post = server.accept();
                post.accepts("3");
            }
            get.ends_session();
            post.expect_closed();
        });
        let mut client = Client::connected(&server).await;
        assert!(client.ended_cleanly().await.is_server_close());
        server.finish().await;
    }
}

#[actix::test]
async fn a_message_that_was_answered_with_408_arrives_once() {
    let server = Server::start(move |server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.accepts("4a");
        post.posts("4b");
        // The server had decided to close the connection before "b" arrived.
        post.respond(408, &[("connection", "close")], "");
        let mut post = server.accept();
        post.accepts("4b");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    flushed(&client, "a").await;
    flushed(&client, "b").await;
    assert!(client.ended_cleanly().await.is_server_close());
    server.finish().await;
}

#[actix::test]
async fn a_message_whose_connection_ended_without_an_answer_is_in_doubt() {
    for end in [Peer::close, Peer::reset] {
        let server = Server::start(move |server| {
            let (get, mut post) = server.opens_both(OPEN);
            post.accepts("4a");
            post.posts("4b");
            end(post);
            get.expect_closed();
        });
        let mut client = Client::connected(&server).await;
        flushed(&client, "a").await;
        client.send("b").await;
        assert_eq!(client.ended().await.in_doubt, ["b".into()]);
        server.finish().await;
    }
}

#[actix::test]
async fn a_message_is_not_sent_on_a_connection_that_may_end_now() {
    const NAMED: &[(&str, &str)] = &[("connection", "keep-alive"), ("keep-alive", "timeout=2")];
    // The first headers are those of a server that says nothing. The others have been passed on by a proxy, or do not
    // allow another request at all.
    let cases: [(&[(&str, &str)], u64); 4] = [
        (&[], 250),
        (NAMED, 1000),
        (&[("keep-alive", "timeout=5")], 250),
        (&[("connection", "keep-alive"), ("keep-alive", "timeout=5, max=0")], 0),
    ];
    for (headers, idle) in cases {
        let clock = Clock::stop();
        let (answered, is_answered) = milestone();
        let server = Server::start(move |server| {
            let (get, mut post) = server.opens_both(OPEN);
            post.posts("4a");
            post.respond(200, headers, "ok");
            answered.reached();
            // It would end the connection now, while "b" is under way.
            let mut next = server.accept();
            next.accepts("4b");
            post.expect_closed();
            get.ends_session();
            next.expect_closed();
        });
        let mut client = Client::connected(&server).await;
        flushed(&client, "a").await;
        is_answered.await;
        clock.advance(Duration::from_millis(idle)).await;
        flushed(&client, "b").await;
        client.ended_cleanly().await;
        server.finish().await;
    }
}

#[actix::test]
async fn no_message_is_lost_to_a_server_that_ends_idle_connections() {
    const COUNT: usize = 5;
    for end in ENDINGS {
        let (ended, has_ended) = std::sync::mpsc::channel();
        let server = Server::start(move |server| {
            let get = server.opens(OPEN);
            for at in 0..COUNT {
                let mut post = server.accept();
                post.accepts(&format!("4{at}"));
                end(post);
                ended.send(()).unwrap();
            }
            get.ends_session();
        });
        let mut client = Client::connected(&server).await;
        for at in 0..COUNT {
            flushed(&client, at.to_string()).await;
            has_ended.recv().unwrap();
            moment().await;
        }
        client.ended_cleanly().await;
        server.finish().await;
    }
}

#[actix::test]
async fn a_connection_whose_answers_offer_an_upgrade_is_used_again() {
    // Apache offers HTTP/2 like this in the first answer on a connection.
    let cases: [&[(&str, &str)]; 3] = [
        &[("upgrade", "h2,h2c"), ("connection", "Upgrade, Keep-Alive")],
        &[("upgrade", "h2"), ("connection", "upgrade")],
        &[("connection", "keep-alive"), ("upgrade", "h2"), ("connection", "Upgrade")],
    ];
    for headers in cases {
        let server = Server::start(move |server| {
            let mut get = server.accept();
            get.handshake();
            for body in [OPEN.to_string(), "4a".into(), "4b".into()] {
                get.respond(200, headers, body);
                get.poll();
            }
            let mut post = server.accept();
            for packets in ["4c", "4d"] {
                post.posts(packets);
                post.respond(200, headers, "ok");
            }
            get.ends_session();
            post.expect_closed();
        });
        let _clock = Clock::stop();
        let mut client = Client::connected(&server).await;
        assert_eq!(client.text().await, "a");
        assert_eq!(client.text().await, "b");
        flushed(&client, "c").await;
        flushed(&client, "d").await;
        assert!(client.ended_cleanly().await.is_server_close());
        server.finish().await;
    }
}

/// Sends a message, and waits for the answer to its POST.
async fn flushed(client: &Client, data: impl Into<Data>) {
    client.send(data).await;
    soon("a flush", client.addr.send(Flush)).await.unwrap().unwrap();
}
