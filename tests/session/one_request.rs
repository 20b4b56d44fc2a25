//! Servers that answer one request on each connection, and do not say so: the first session may be lost to them, and no
//! later one.

use std::time::Duration;

use actix_engineio::{Data, Flush};

use crate::support::{
    Client, Clock, milestone,
    script::OPEN,
    server::{Acceptor, Peer, Server},
    signal, soon,
};

/// Opens a session over polling in which each request has a connection of its own, and returns the connection of the poll.
fn opens_on_two(server: &Acceptor) -> Peer {
    let handshake = server.answers_handshake(OPEN);
    polls_on_a_new_one(server, handshake)
}

/// Expects the next poll on a new connection.
fn polls_on_a_new_one(server: &Acceptor, last: Peer) -> Peer {
    let mut get = server.accept();
    get.poll();
    last.expect_closed();
    get
}

/// Expects a POST with these packets on a new connection, and accepts it.
fn posts_on_a_new_one(server: &Acceptor, packets: &str) -> Peer {
    let mut post = server.accept();
    accepts(&mut post, packets);
    post
}

/// Expects a POST with these packets, and accepts it without a word about the connection.
fn accepts(post: &mut Peer, packets: &str) {
    post.posts(packets);
    post.respond(200, &[], "ok");
}

/// Opens a session, answers the message "a", and closes the connection when it gets "b".
fn loses_a_message(server: &Acceptor) {
    let (get, mut post) = server.opens_both(OPEN);
    accepts(&mut post, "4a");
    post.posts("4b");
    post.close();
    get.expect_closed();
}

/// Is there when [`loses_a_message`] runs.
async fn loses_a_session(client: &mut Client) {
    client.connect().await;
    flushed(client, "a").await;
    client.send("b").await;
    assert_eq!(client.ended().await.in_doubt, ["b".into()]);
}

/// Sends a message, and waits for the answer to its POST.
async fn flushed(client: &Client, data: impl Into<Data>) {
    client.send(data).await;
    soon("a flush", client.addr.send(Flush)).await.unwrap().unwrap();
}

#[actix::test]
async fn a_client_that_has_lost_a_message_sends_each_request_on_a_connection_of_its_own() {
    let _clock = Clock::stop();
    let (polled, is_polled) = milestone();
    let server = Server::start(|server| {
        loses_a_message(server);
        let mut get = opens_on_two(server);
        polled.reached();
        let post = posts_on_a_new_one(server, "4c");
        let last = posts_on_a_new_one(server, "4d");
        post.expect_closed();
        get.packets("4e");
        polls_on_a_new_one(server, get).ends_session();
        last.expect_closed();
    });
    let mut client = Client::start(&server);
    loses_a_session(&mut client).await;
    client.connect().await;
    is_polled.await;
    flushed(&client, "c").await;
    flushed(&client, "d").await;
    assert_eq!(client.text().await, "e");
    assert!(client.ended_cleanly().await.is_server_close());
    server.finish().await;
}

#[actix::test]
async fn a_client_that_has_lost_a_poll_sends_each_request_on_a_connection_of_its_own() {
    let clock = Clock::stop();
    let (polled, is_polled) = milestone();
    let (late, is_late) = signal();
    let server = Server::start(|server| {
        let get = server.opens(OPEN);
        polled.reached();
        is_late.wait();
        // Nobody knows whether the server has read the poll.
        get.close();
        let mut get = opens_on_two(server);
        get.packets("4a");
        polls_on_a_new_one(server, get).ends_session();
    });
    let mut client = Client::connected(&server).await;
    is_polled.await;
    clock.advance(Duration::from_millis(900)).await;
    late.send();
    client.ended().await;
    client.connect().await;
    assert_eq!(client.text().await, "a");
    assert!(client.ended_cleanly().await.is_server_close());
    server.finish().await;
}

#[actix::test]
async fn a_session_whose_polls_are_closed_at_once_goes_on() {
    let _clock = Clock::stop();
    let server = Server::start(|server| {
        server.opens(OPEN).close();
        let mut get = server.accept();
        get.poll();
        for text in ["4a", "4b"] {
            get.packets(text);
            get = polls_on_a_new_one(server, get);
        }
        get.ends_session();
    });
    let mut client = Client::connected(&server).await;
    assert_eq!(client.text().await, "a");
    assert_eq!(client.text().await, "b");
    assert!(client.ended_cleanly().await.is_server_close());
    server.finish().await;
}

#[actix::test]
async fn a_message_is_not_sent_on_a_connection_that_has_ended_right_after_its_answer() {
    let _clock = Clock::stop();
    let (answered, is_answered) = std::sync::mpsc::channel();
    let (ended, has_ended) = std::sync::mpsc::channel();
    let server = Server::start(move |server| {
        let (get, mut post) = server.opens_both(OPEN);
        accepts(&mut post, "4a");
        is_answered.recv().unwrap();
        post.close();
        ended.send(()).unwrap();
        let post = posts_on_a_new_one(server, "4b");
        let last = posts_on_a_new_one(server, "4c");
        post.expect_closed();
        get.ends_session();
        last.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    flushed(&client, "a").await;
    answered.send(()).unwrap();
    // The thread of the client is blocked, so it cannot notice the end before it sends "b".
    has_ended.recv().unwrap();
    flushed(&client, "b").await;
    flushed(&client, "c").await;
    assert!(client.ended_cleanly().await.is_server_close());
    server.finish().await;
}

#[actix::test]
async fn a_server_that_leaves_a_connection_open_is_polled_on_one_connection_again() {
    let clock = Clock::stop();
    let (polled, is_polled) = milestone();
    let server = Server::start(|server| {
        loses_a_message(server);
        let mut get = opens_on_two(server);
        polled.reached();
        let post = posts_on_a_new_one(server, "4c");
        let last = posts_on_a_new_one(server, "4d");
        post.expect_closed();
        get.packets("4e");
        get.poll();
        get.ends_session();
        last.expect_closed();
    });
    let mut client = Client::start(&server);
    loses_a_session(&mut client).await;
    client.connect().await;
    is_polled.await;
    flushed(&client, "c").await;
    clock.advance(Duration::from_secs(2)).await;
    flushed(&client, "d").await;
    assert_eq!(client.text().await, "e");
    assert!(client.ended_cleanly().await.is_server_close());
    server.finish().await;
}

#[actix::test]
async fn a_pong_finds_out_that_a_server_answers_several_requests_on_a_connection() {
    let _clock = Clock::stop();
    let (polled, is_polled) = milestone();
    let (posted, has_posted) = signal();
    let (ponged, has_ponged) = milestone();
    let server = Server::start(|server| {
        loses_a_message(server);
        let mut get = opens_on_two(server);
        polled.reached();
        let mut post = posts_on_a_new_one(server, "4c");
        has_posted.wait();
        get.packets("2");
        let mut get = polls_on_a_new_one(server, get);
        accepts(&mut post, "3");
        ponged.reached();
        accepts(&mut post, "4d");
        get.packets("4e");
        get.poll();
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::start(&server);
    loses_a_session(&mut client).await;
    client.connect().await;
    is_polled.await;
    flushed(&client, "c").await;
    posted.send();
    has_ponged.await;
    flushed(&client, "d").await;
    assert_eq!(client.text().await, "e");
    assert!(client.ended_cleanly().await.is_server_close());
    server.finish().await;
}

#[actix::test]
async fn polls_use_one_connection_of_a_server_that_closes_only_those_of_posts() {
    let _clock = Clock::stop();
    let (polled, is_polled) = milestone();
    let server = Server::start(|server| {
        let (mut get, mut post) = server.opens_both(OPEN);
        get.packets("4x");
        get.poll();
        accepts(&mut post, "4a");
        post.posts("4b");
        post.close();
        get.expect_closed();

        let mut get = server.opens(OPEN);
        polled.reached();
        let post = posts_on_a_new_one(server, "4c");
        let last = posts_on_a_new_one(server, "4d");
        post.expect_closed();
        get.packets("4e");
        get.poll();
        get.ends_session();
        last.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    client.send("a").await;
    assert_eq!(client.text().await, "x");
    soon("a flush", client.addr.send(Flush)).await.unwrap().unwrap();
    client.send("b").await;
    assert_eq!(client.ended().await.in_doubt, ["b".into()]);
    client.connect().await;
    is_polled.await;
    flushed(&client, "c").await;
    flushed(&client, "d").await;
    assert_eq!(client.text().await, "e");
    assert!(client.ended_cleanly().await.is_server_close());
    server.finish().await;
}
