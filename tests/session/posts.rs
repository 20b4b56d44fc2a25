//! Messages that are sent in POSTs.

use std::{io, time::Duration};

use actix_engineio::{
    self as engineio, Data, DisconnectReason, Disconnected, Event, Flush, SendErrorKind, Stage,
    TransportError,
};

use crate::{
    is_silent, posting,
    support::{
        Client, Clock, LARGE, SHORT, TICK, connect_with_small_buffers, listen_with_small_buffers, milestone,
        moment,
        script::OPEN,
        server::{Peer, Server},
        signal,
    },
};

/// The packets of one POST.
fn packets(body: &str) -> Vec<&str> {
    body.split('\u{1e}').collect()
}

/// How a session ends whose first POST, of "a", is treated so while "b" waits.
async fn posted(treat: impl FnOnce(Peer) + Send + 'static) -> Disconnected {
    let (queued, is_queued) = signal();
    let (mut client, server) = posting(
        |builder| builder,
        |get, post| {
            is_queued.wait();
            treat(post);
            get.expect_closed();
        },
    )
    .await;
    client.send("b").await;
    queued.send();
    let end = client.ended().await;
    server.finish().await;
    (*end).clone()
}

/// The same where the POST gets this answer.
async fn answered(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> Disconnected {
    posted(move |mut post| {
        post.respond(status, headers, body);
        post.expect_closed();
    })
    .await
}

#[actix::test]
async fn a_post_that_is_answered_before_it_is_read_is_still_sent_whole() {
    let server = Server::on(listen_with_small_buffers(), |server| {
        let (mut get, mut post) = server.opens_both(OPEN.max_payload(LARGE + 1));
        let length = post.read_head().header("content-length").unwrap().parse().unwrap();
        post.ok();
        get.packets("4answered");
        get.poll();
        assert_eq!(post.read_body(length), format!("4{}", "x".repeat(LARGE)).into_bytes());
        // Only now, and the next request does not use this connection, where its answer could be mixed up with another.
        post.expect_closed();
        let mut post = server.accept();
        post.accepts("4next");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.connector(connect_with_small_buffers));
    client.connect().await;
    client.addr.do_send(engineio::Send::text("x".repeat(LARGE)));
    assert_eq!(client.text().await, "answered");
    client.addr.send(Flush).await.unwrap().unwrap();
    client.send("next").await;
    client.ended_cleanly().await;
    server.finish().await;
}

/// The end of a session whose POST of "a" may have arrived while that of "b" has not begun.
fn in_doubt(end: &Disconnected) -> &DisconnectReason {
    assert_eq!((&*end.in_doubt, &*end.unsent), (["a".into()].as_slice(), ["b".into()].as_slice()));
    &end.reason
}

#[actix::test]
async fn a_refused_post_ends_the_session_with_its_messages_in_doubt() {
    for (status, body) in [(400, r#"{"code":3,"message":"Bad request"}"#), (500, ""), (413, "")] {
        let end = answered(status, &[], body).await;
        let DisconnectReason::TransportError(TransportError::Status(refusal)) = in_doubt(&end) else {
            panic!("{end:?}")
        };
        assert_eq!(refusal.status, status);
    }
}

#[actix::test]
async fn a_redirected_post_ends_the_session() {
    let end = answered(307, &[("location", "/")], "").await;
    let reason = in_doubt(&end);
    assert!(matches!(reason, DisconnectReason::TransportError(TransportError::Redirect(_))), "{reason:?}");
}

#[actix::test]
async fn a_post_without_an_answer_is_bounded_by_request_timeout() {
    let clock = Clock::stop();
    let (mut client, server) = posting(|builder| builder.request_timeout(SHORT), is_silent).await;
    client.send("b").await;
    let end = clock.takes(SHORT, async {}, client.ended()).await;
    let err = TransportError::timeout(Stage::Response);
    assert_eq!(*in_doubt(&end), DisconnectReason::TransportError(err));
    server.finish().await;
}

#[actix::test]
async fn a_large_post_may_take_as_long_as_a_slow_line_does() {
    const SECONDS: u64 = 7;
    for is_answered in [true, false] {
        let clock = Clock::stop();
        let (received, has_received) = milestone();
        let (waited, has_waited) = signal();
        let server = Server::start(move |server| {
            let (get, mut post) = server.opens_both(OPEN);
            // A proxy has all of it, and passes it on slowly.
            post.post();
            received.reached();
            if is_answered {
                has_waited.wait();
                post.ok();
                get.ends_session();
            } else {
                get.expect_closed();
            }
            post.expect_closed();
        });
        let mut client = Client::with(&server, |builder| builder.request_timeout(SHORT));
        client.connect().await;
        client.send("x".repeat(usize::try_from(SECONDS * 8 * 1024).unwrap())).await;
        let limit = SHORT + Duration::from_secs(SECONDS);
        if is_answered {
            has_received.await;
            clock.advance(limit - TICK).await;
            waited.send();
            client.addr.send(Flush).await.unwrap().unwrap();
            client.ended_cleanly().await;
        } else {
            let end = clock.takes(limit, has_received, client.ended()).await;
            let err = TransportError::timeout(Stage::Response);
            assert_eq!(end.reason, DisconnectReason::TransportError(err));
            assert_eq!(end.in_doubt.len(), 1);
        }
        server.finish().await;
    }
}

#[actix::test]
async fn a_post_whose_connection_ends_is_in_doubt_and_not_sent_again() {
    let end = posted(Peer::close).await;
    let DisconnectReason::TransportError(TransportError::Io { kind, .. }) = in_doubt(&end) else {
        panic!("{end:?}")
    };
    assert_eq!(*kind, io::ErrorKind::UnexpectedEof);
}

#[actix::test]
async fn a_post_on_a_connection_that_was_used_before_is_not_sent_again_either() {
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.accepts("4a");
        post.posts("4b");
        post.close();
        get.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    client.send("a").await;
    client.addr.send(Flush).await.unwrap().unwrap();
    client.send("b").await;
    let end = client.ended().await;
    assert_eq!((&*end.in_doubt, &*end.unsent), (["b".into()].as_slice(), [].as_slice()));
    server.finish().await;
}

#[actix::test]
async fn a_post_that_is_cut_before_all_of_it_was_sent_is_unsent() {
    let server = Server::on(listen_with_small_buffers(), |server| {
        let (get, mut post) = server.opens_both(OPEN.max_payload(2 * LARGE));
        post.read_head();
        post.reset();
        get.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.connector(connect_with_small_buffers));
    client.connect().await;
    let large = Data::from("x".repeat(LARGE));
    client.send(large.clone()).await;
    let end = client.ended().await;
    assert_eq!(end.in_doubt.len(), 0);
    assert!(end.unsent == [large], "what was not sent is unsent");
    server.finish().await;
}

/// The numbers of packets in the POSTs of forty messages, each POST answered so.
async fn forty(answer: &'static str, limit: Option<usize>) -> Vec<usize> {
    let (sizes, has_sizes) = std::sync::mpsc::channel();
    let server = Server::start(move |server| {
        let (get, mut post) = server.opens_both(OPEN);
        let mut seen = Vec::new();
        let mut counts = Vec::new();
        while seen.len() < 40 {
            let body = post.post();
            counts.push(packets(&body).len());
            seen.extend(packets(&body).iter().map(|packet| packet.to_string()));
            post.respond(200, &[], answer);
        }
        assert_eq!(seen, (0..40).map(|at| format!("4{at}")).collect::<Vec<_>>());
        sizes.send(counts).unwrap();
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::with(&server, |builder| match limit {
        Some(limit) => builder.max_packets_per_post(limit),
        None => builder,
    });
    client.connect().await;
    for at in 0..40 {
        client.addr.do_send(engineio::Send::text(at.to_string()));
    }
    client.ended_cleanly().await;
    server.finish().await;
    has_sizes.recv().unwrap()
}

#[actix::test]
async fn a_post_has_at_most_sixteen_packets_until_the_server_says_ok() {
    assert_eq!(forty("ok", None).await, [16, 24]);
    assert_eq!(forty("OK", None).await, [16, 16, 8]);
    assert_eq!(forty("", None).await, [16, 16, 8]);
    assert_eq!(forty("ok", Some(30)).await, [30, 10]);
    assert_eq!(forty("OK", Some(100)).await, [40]);
}

#[actix::test]
async fn an_answer_that_is_no_acknowledgement_ends_the_session_with_the_messages_in_doubt() {
    const LONG: &str = "0123456789012345678901234567890123456789012345678901234567890123456789";
    let html: &[(&str, &str)] = &[("content-type", "text/html")];
    for (status, headers, body, what) in [
        (200, &[][..], "<p>Please log in", "a page of HTML"),
        (200, html, "Please log in", "a page of HTML"),
        (201, &[], r#"{"id":1}"#, "JSON"),
        (200, &[], LONG, "more than 64 bytes"),
    ] {
        let end = answered(status, headers, body).await;
        let err = TransportError::Malformed(format!("{what} in the answer to a POST").into());
        assert_eq!(end.reason, DisconnectReason::TransportError(err));
        assert_eq!((&*end.in_doubt, &*end.unsent), (&[Data::from("a")][..], &[Data::from("b")][..]));
    }
}

#[actix::test]
async fn any_2xx_with_a_short_text_or_no_body_acknowledges_a_post() {
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        let answers = [
            "200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nOK",
            "201 Created\r\ncontent-length: 5\r\n\r\ndone\n",
            "202 Accepted\r\ncontent-length: 0\r\n\r\n",
            "204 No Content\r\n\r\n",
            "206 Partial Content\r\ntransfer-encoding: chunked\r\n\r\n2\r\noK\r\n0\r\n\r\n",
            "299 Whatever\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\nok",
        ];
        for answer in answers {
            post.posts("4hi");
            post.write(format!("HTTP/1.1 {answer}"));
        }
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    for _ in 0..6 {
        client.send("hi").await;
        client.addr.send(Flush).await.unwrap().unwrap();
    }
    let end = client.ended().await;
    assert_eq!((end.in_doubt.len(), end.unsent.len()), (0, 0));
    server.finish().await;
}

#[actix::test]
async fn a_post_is_as_large_as_max_payload_and_no_larger() {
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN.max_payload(100));
        // 5 packets, 4 separators: 100 bytes. A sixth would not fit, nor would the last one in its place.
        let bodies = [
            [
                format!("4{}", "a".repeat(18)),
                "bAQID".into(),
                format!("4{}", "b".repeat(69)),
                "4".into(),
                "4".into(),
            ]
            .join("\u{1e}"),
            ["4", "4£"].join("\u{1e}"),
            format!("4{}", "£".repeat(49)) + "x",
            // 99 bytes: the shortest packet and its separator would make 101.
            format!("4{}", "c".repeat(98)),
            "4".to_owned(),
        ];
        for body in bodies {
            let posted = post.post();
            assert!(posted.len() <= 100, "{} bytes: {posted:?}", posted.len());
            assert_eq!(posted, body);
            post.ok();
        }
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    for data in [
        Data::from("a".repeat(18)),
        vec![1, 2, 3].into(),
        "b".repeat(69).into(),
        "".into(),
        "".into(),
        "".into(),
        "£".into(),
        ("£".repeat(49) + "x").into(),
        "c".repeat(98).into(),
        "".into(),
    ] {
        client.addr.do_send(engineio::Send::new(data));
    }
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_message_that_polling_cannot_carry_is_returned_and_the_session_goes_on() {
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN.max_payload(100));
        // 99 and `4`; 72 bytes in base64, 96, and `b`.
        post.accepts(&format!("4{}", "x".repeat(99)));
        post.accepts(&format!("b{}", "A".repeat(96)));
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    let text = Data::from("x".repeat(100));
    let err = client.addr.send(engineio::Send::new(text.clone())).await.unwrap().unwrap_err();
    assert_eq!(err.kind, SendErrorKind::too_large(101, 100));
    assert_eq!(err.data, text);
    let err = client.addr.send(engineio::Send::binary(vec![0; 75])).await.unwrap().unwrap_err();
    assert_eq!(err.kind, SendErrorKind::too_large(101, 100));
    let err = client.addr.send(engineio::Send::text("a\u{1e}b")).await.unwrap().unwrap_err();
    assert_eq!(err.kind, SendErrorKind::NotRepresentable);
    client.addr.do_send(engineio::Send::text("c\u{1e}d"));
    match client.next().await {
        Event::Rejected(err) => {
            assert_eq!((&err.kind, err.data.as_text()), (&SendErrorKind::NotRepresentable, Some("c\u{1e}d")));
        }
        event => panic!("{event:?}"),
    }
    client.send("x".repeat(99)).await;
    client.addr.send(Flush).await.unwrap().unwrap();
    client.send(vec![0; 72]).await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn there_is_one_poll_and_one_post_at_a_time() {
    const ROUNDS: usize = 30;
    const MOMENT: Duration = Duration::from_millis(2);
    let server = Server::start(|server| {
        let (mut get, mut post) = server.opens_both(OPEN);
        for round in 0..ROUNDS {
            // The pong of the previous round may have a POST of its own.
            while !packets(&post.post()).contains(&&*format!("4{round}")) {
                post.ok();
            }
            // Neither is answered for a moment: a second request would come on either connection, or on a new one.
            get.stays_silent(MOMENT);
            get.packets(format!("2\u{1e}4{round}"));
            get.poll();
            get.stays_silent(MOMENT);
            post.stays_silent(MOMENT);
            post.ok();
        }
        post.accepts("3");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    for round in 0..ROUNDS {
        client.send(round.to_string()).await;
        assert_eq!(client.text().await, round.to_string());
    }
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_flush_waits_for_the_answer_of_the_post() {
    let (flushing, is_flushing) = signal();
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.posts("4a");
        is_flushing.wait();
        post.ok();
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    client.send("a").await;
    let flush = actix_rt::spawn(client.addr.send(Flush));
    moment().await;
    assert!(!flush.is_finished());
    flushing.send();
    flush.await.unwrap().unwrap().unwrap();
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_connection_that_the_server_closes_between_posts_is_replaced() {
    let (closed, is_closed) = milestone();
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.accepts("4a");
        post.close();
        closed.reached();
        let mut post = server.accept();
        post.accepts("4b");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    client.send("a").await;
    is_closed.await;
    // The connection has ended, and the client learns it when this thread next waits for events.
    actix_rt::time::sleep(Duration::from_millis(1)).await;
    client.send("b").await;
    client.ended_cleanly().await;
    server.finish().await;
}
