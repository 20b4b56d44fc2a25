//! A reconnect policy, and what servers and proxies answer for a while.

use std::time::{Duration, Instant};

use actix_engineio::{
    Connect, ConnectError, DisconnectReason, Event, Reconnect, ReconnectCause, Reconnecting,
};

use crate::support::{
    Client,
    script::{OPEN, UPGRADABLE},
    server::{Peer, Server},
};

fn policy() -> Reconnect {
    Reconnect::constant(Duration::from_millis(10))
}

/// The next event, which has to announce an attempt.
async fn reconnecting(client: &mut Client) -> Reconnecting {
    match client.next().await {
        Event::Reconnecting(next) => (*next).clone(),
        event => panic!("{event:?} instead of Reconnecting"),
    }
}

/// Reads a request, and answers these bytes.
fn answer(mut peer: Peer, bytes: &str) {
    peer.read_request();
    peer.write(bytes);
    peer.close();
}

/// A response with this status and this body, and no other on the connection.
fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

#[actix::test]
async fn no_answer_to_a_handshake_ends_a_client_that_has_had_a_session() {
    let answers = [
        response("404 Not Found", "404 page not found"),
        response("200 OK", "<!doctype html><title>Back soon</title>"),
        response("200 OK", ""),
        response("200 OK", r#"{"ok":true}"#),
        response("200 OK", r#"0{"sid":1}"#),
        response("200 OK", &"x".repeat(5_000)),
        response("204 No Content", ""),
        response("400 Bad Request", r#"{"code":0,"message":"Transport unknown"}"#),
        response("400 Bad Request", r#"{"code":5,"message":"Unsupported protocol version"}"#),
        response("403 Forbidden", ""),
        response("405 Method Not Allowed", ""),
        response("410 Gone", ""),
        response("302 Found", ""),
        response("302 Found\r\nlocation: ftp://portal/", ""),
        response("302 Found\r\nlocation: https://-portal.example/", ""),
        response("426 Upgrade Required", ""),
        "SSH-2.0-OpenSSH_9.7\r\n".to_owned(),
        "\x15\x03\x01\x00\x02\x02\x28".to_owned(),
        String::new(),
    ];
    let count = answers.len();
    let server = Server::start(move |server| {
        server.opens(OPEN).ends_session();
        for bytes in answers {
            answer(server.accept(), &bytes);
        }
        server.opens(OPEN).ends_session();
    });
    let mut client = Client::with(&server, |builder| {
        builder.reconnect(policy().on_server_close(true)).max_message_size(4_096)
    });
    client.addr.do_send(Connect::new(server.origin()));
    assert!(matches!(client.next().await, Event::Connected(_)));
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    for attempt in 1..=count {
        let next = reconnecting(&mut client).await;
        assert_eq!(usize::try_from(next.attempt).unwrap(), attempt, "{}", next.cause);
    }
    let next = reconnecting(&mut client).await;
    assert!(matches!(next.cause, ReconnectCause::Failed(_)));
    assert!(matches!(client.next().await, Event::Connected(_)));
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    client.disconnect().await;
    server.finish().await;
}

#[actix::test]
async fn a_first_connect_by_a_wrong_url_ends_at_once_also_under_a_policy() {
    let server = Server::start(|server| {
        server.opens(OPEN).ends_session();
        answer(server.accept(), &response("404 Not Found", ""));
    });
    let mut client = Client::with(&server, |builder| {
        builder.reconnect(policy().on_initial_connect(true).on_server_close(false))
    });
    client.connect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    // The session of an earlier `Connect` does not count.
    assert!(matches!(client.fails().await, ConnectError::Status { .. }));
    server.finish().await;
}

/// The delay that follows a poll, or a POST, which is refused with this header.
async fn refused(header: &str, is_post: bool, policy: Reconnect) -> Duration {
    let refusal = format!("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n{header}\r\n\r\n");
    let server = Server::start(move |server| {
        let mut get = server.opens(OPEN);
        if is_post {
            let mut post = server.accept();
            post.posts("4hello");
            post.write(refusal);
            post.expect_closed();
        } else {
            get.write(refusal);
        }
        get.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.reconnect(policy));
    client.addr.do_send(Connect::new(server.origin()));
    assert!(matches!(client.next().await, Event::Connected(_)));
    if is_post {
        client.send("hello").await;
    }
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    let delay = reconnecting(&mut client).await.delay;
    client.disconnect().await;
    server.finish().await;
    delay
}

#[actix::test]
async fn a_retry_after_counts_for_polls_and_posts_as_seconds_and_as_a_date_up_to_a_limit() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let date = "date: Wed, 21 Oct 2015 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2015 07:33:00 GMT";
    for is_post in [false, true] {
        for (header, delay) in [
            ("retry-after: 120", minutes(2)),
            (date, minutes(5)),
            ("retry-after: 1000000000000000000", minutes(10)),
            ("retry-after: soon", Duration::from_millis(10)),
        ] {
            assert_eq!(refused(header, is_post, policy()).await, delay, "{header}");
        }
        let limited = policy().max_retry_after(minutes(1));
        assert_eq!(refused("retry-after: 120", is_post, limited).await, minutes(1));
    }
}

#[actix::test]
async fn the_client_waits_for_as_long_as_the_server_asked() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.respond(503, &[("retry-after", "1")], "");
        get.expect_closed();
        server.opens(OPEN).ends_session();
    });
    let mut client = Client::with(&server, |builder| builder.reconnect(policy().on_server_close(false)));
    client.addr.do_send(Connect::new(server.origin()));
    assert!(matches!(client.next().await, Event::Connected(_)));
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    assert_eq!(reconnecting(&mut client).await.delay, Duration::from_secs(1));
    let announced = Instant::now();
    assert!(matches!(client.next().await, Event::Connected(_)));
    // The clock of the delay started before that of the test.
    assert!(announced.elapsed() > Duration::from_millis(500), "{:?}", announced.elapsed());
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    server.finish().await;
}

#[actix::test]
async fn an_unknown_session_comes_with_advice_on_sticky_sessions() {
    for body in [r#"{"code":1,"message":"Session ID unknown"}"#, r#""Invalid session abc""#] {
        let server = Server::start(move |server| {
            let mut get = server.opens(UPGRADABLE);
            get.respond(400, &[], body);
            get.expect_closed();
        });
        let mut client = Client::with(&server, |builder| builder.upgrade(false));
        client.connect().await;
        let reason = client.ended_cleanly().await.to_string();
        assert!(reason.contains("sticky sessions"), "{reason}");
        server.finish().await;
    }
}
