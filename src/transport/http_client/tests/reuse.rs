//! Which connections carry another request, and what is sent again when one is lost.

use std::task::Poll;

use super::*;

#[actix::test]
async fn a_connection_carries_one_exchange_after_another() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        for body in ["first", "", "third"] {
            peer.read_request();
            peer.respond(200, &[], body);
        }
        peer.read_request();
        peer.write("HTTP/1.1 204 No Content\r\n\r\n");
        peer.read_request();
        peer.write("HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n");
        peer.read_request();
        peer.write("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nold");
        peer.read_request();
        peer.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nend\r\n0\r\n\r\n");
        peer.read_request();
        let offer = "upgrade: h2,h2c\r\nconnection: Upgrade, Keep-Alive";
        peer.write(format!(
            "HTTP/1.1 200 OK\r\n{offer}\r\ntransfer-encoding: chunked\r\n\r\n3\r\nown\r\n0\r\n\r\n"
        ));
        peer.read_request();
        peer.write(format!("HTTP/1.0 200 OK\r\n{offer}\r\ncontent-length: 3\r\n\r\nold"));
        peer.read_request();
        peer.respond(200, &[], "last");
        peer.wait_closed();
    });
    let mut http_client = http_client(server.origin());
    for body in ["first", "", "third", "", "", "old", "end", "own", "old", "last"] {
        assert_eq!(http_client.send(&get(), LIMIT).await.unwrap().body, body);
    }
    drop(http_client);
    server.finish().await;
}

#[actix::test]
async fn a_connection_is_closed_after_an_answer_that_forbids_another() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nconnection: upgrade\r\nconnection: x, Close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok???",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        let server = Server::start(move |server| {
            for _ in 0..2 {
                let mut peer = server.accept();
                peer.read_request();
                peer.write(answer);
                assert_eq!(peer.wait_closed(), b"");
            }
        });
        let mut http_client = http_client(server.origin());
        for _ in 0..2 {
            assert_eq!(http_client.send(&get(), LIMIT).await.unwrap().body, "ok", "{answer}");
        }
        server.finish().await;
    }
}

#[actix::test]
async fn a_connection_closed_while_idle_is_opened_again() {
    let endings: [fn(Peer); 3] = [Peer::close, Peer::reset, |mut peer| {
        peer.write("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(peer.wait_closed(), b"");
    }];
    for end in endings {
        let server = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(200, &[], "first");
            std::thread::sleep(A_MOMENT);
            end(peer);
            let mut peer = server.accept();
            assert_eq!(peer.read_request().method, "POST");
            peer.respond(200, &[], "second");
        });
        let mut http_client = http_client(server.origin());
        assert_eq!(http_client.send(&get(), LIMIT).await.unwrap().body, "first");
        sleep(3 * A_MOMENT).await;
        assert_eq!(http_client.send(&post("4hi"), LIMIT).await.unwrap().body, "second");
        server.finish().await;
    }
}

#[actix::test]
async fn a_post_that_finds_no_connection_has_not_been_sent() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[("connection", "close")], "");
    });
    let mut http_client = http_client(server.origin());
    http_client.send(&post("4hi"), LIMIT).await.unwrap();
    server.finish().await;
    let outcome = http_client.send(&post("4hi"), LIMIT).await;
    assert!(matches!(outcome, Err(TransportError::Connect { .. })));
    assert!(!http_client.progress().is_written());
    assert_eq!(http_client.progress().stage(), Stage::Connect);
}

#[actix::test]
async fn a_connection_idle_for_four_seconds_is_opened_again() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "");
        assert_eq!(peer.wait_closed(), b"");
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "");
    });
    let mut http_client = http_client(server.origin());
    http_client.send(&get(), LIMIT).await.unwrap();
    http_client.idle.as_mut().unwrap().1 -= Duration::from_secs(4);
    http_client.send(&get(), LIMIT).await.unwrap();
    server.finish().await;
}

/// Answers one request, and closes the connection when it gets the second, after it has written `last_words`.
fn closing_in_the_race(last_words: &'static str) -> Server {
    Server::start(move |server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "first");
        peer.read_request();
        peer.write(last_words);
        peer.close();
        if last_words.is_empty() {
            let mut peer = server.accept();
            if peer.read_request().method == "GET" {
                peer.close();
            }
        }
    })
}

#[actix::test]
async fn a_get_that_a_reused_connection_loses_is_sent_again_once() {
    let server = closing_in_the_race("");
    let mut http_client = http_client(server.origin());
    http_client.send(&get(), LIMIT).await.unwrap();
    assert!(is_eof(&http_client.send(&get(), LIMIT).await));
    assert_eq!(server.accepted(), 2);
    server.finish().await;
}

#[actix::test]
async fn a_get_that_is_lost_long_after_it_was_sent_is_not_sent_again_and_later_ones_share_a_connection() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "first");
        peer.read_request();
        // In this time an answer may have been sent and lost: the server is restarted, for instance.
        std::thread::sleep(Duration::from_millis(1100));
        peer.close();
        let mut peer = server.accept();
        for _ in 0..2 {
            peer.read_request();
            peer.respond(200, &[], "restarted");
        }
    });
    let mut http_client = http_client(server.origin());
    http_client.send(&get(), LIMIT).await.unwrap();
    assert!(is_eof(&http_client.send(&get(), LIMIT).await));
    for _ in 0..2 {
        assert_eq!(http_client.send(&get(), LIMIT).await.unwrap().body, "restarted");
    }
    server.finish().await;
}

#[actix::test]
async fn a_get_whose_answer_has_begun_is_not_sent_again() {
    let server = closing_in_the_race("H");
    let mut http_client = http_client(server.origin());
    http_client.send(&get(), LIMIT).await.unwrap();
    assert!(is_eof(&http_client.send(&get(), LIMIT).await));
    server.finish().await;
}

#[actix::test]
async fn a_post_that_a_reused_connection_loses_is_not_sent_again() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "first");
        peer.read_request();
        peer.close();
    });
    let mut http_client = http_client(server.origin());
    http_client.send(&get(), LIMIT).await.unwrap();
    assert!(is_eof(&http_client.send(&post("4hi"), LIMIT).await));
    assert!(http_client.progress().is_written(), "the server may have acted on it");
    server.finish().await;
}

#[actix::test]
async fn a_harmless_post_that_a_reused_connection_loses_is_sent_again_once() {
    let endings: [fn(Peer); 2] = [Peer::close, Peer::reset];
    for end in endings {
        let server = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(200, &[], "first");
            peer.read_request();
            end(peer);
            let mut peer = server.accept();
            assert_eq!(peer.read_request().body, b"3");
            peer.respond(200, &[], "second");
            peer.read_request();
            end(peer);
            let mut peer = server.accept();
            peer.read_request();
            end(peer);
        });
        let mut http_client = http_client(server.origin());
        let pong = Request { repeat: Repeat::Harmless, ..post("3") };
        http_client.send(&pong, LIMIT).await.unwrap();
        assert_eq!(http_client.send(&pong, LIMIT).await.unwrap().body, "second");
        http_client.send(&pong, LIMIT).await.unwrap_err();
        assert_eq!(server.accepted(), 3);
        server.finish().await;
    }
}

#[actix::test]
async fn a_request_that_a_reused_connection_answers_with_408_is_sent_again_once() {
    for repeat in [Repeat::Harmless, Repeat::Unanswered, Repeat::Unread] {
        let server = Server::start(|server| {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(200, &[], "first");
            peer.read_request();
            peer.respond(408, &[("connection", "close")], "");
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(408, &[("connection", "close")], "");
        });
        let mut http_client = http_client(server.origin());
        let request = Request { repeat, ..post("4hi") };
        http_client.send(&request, LIMIT).await.unwrap();
        assert_eq!(http_client.send(&request, LIMIT).await.unwrap().status, 408);
        assert_eq!(server.accepted(), 2);
        server.finish().await;
    }
}

/// Whether a connection carries a second request that is sent after this time, when the first response had these headers.
async fn is_reused(repeat: Repeat, idle: Duration, headers: &'static [(&str, &str)]) -> bool {
    let server = Server::start(move |server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, headers, "");
        if peer.try_read_request().is_some() {
            peer.respond(200, &[], "reused");
        } else {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(200, &[], "");
        }
    });
    let mut http_client = http_client(server.origin());
    let request = Request { repeat, ..post("4hi") };
    http_client.send(&request, LIMIT).await.unwrap();
    http_client.idle.as_mut().unwrap().1 -= idle;
    let is_reused = http_client.send(&request, LIMIT).await.unwrap().body == "reused";
    server.finish().await;
    is_reused
}

#[actix::test]
async fn a_connection_is_reused_within_half_the_limit_that_its_server_names() {
    const NODE: &[(&str, &str)] = &[("connection", "keep-alive"), ("keep-alive", "timeout=5")];
    const ONE: &[(&str, &str)] = &[("connection", "keep-alive"), ("keep-alive", "timeout=1")];
    for (headers, repeat, at_most, too_long) in [
        (NODE, Repeat::Unread, 2000, 2500),
        (ONE, Repeat::Unread, 0, 500),
        (ONE, Repeat::Unanswered, 0, 500),
        (&[], Repeat::Unread, 0, 250),
        (&[], Repeat::Harmless, 3500, 4000),
    ] {
        let is_reused = |idle| is_reused(repeat, Duration::from_millis(idle), headers);
        assert!(is_reused(at_most).await, "{headers:?} {repeat:?}");
        assert!(!is_reused(too_long).await, "{headers:?} {repeat:?}");
    }
}

#[actix::test]
async fn an_idle_connection_that_ends_shows_how_long_the_server_waits() {
    let endings: [fn(Peer); 3] = [Peer::close, Peer::reset, |mut peer| {
        peer.write("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n");
        peer.close();
    }];
    for end in endings {
        let (waited, has_waited) = std::sync::mpsc::channel();
        let server = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(200, &[], "");
            has_waited.recv().unwrap();
            end(peer);
        });
        let mut http_client = http_client(server.origin());
        http_client.send(&get(), LIMIT).await.unwrap();
        http_client.idle.as_mut().unwrap().1 -= Duration::from_secs(2);
        waited.send(()).unwrap();
        server.finish().await;
        std::future::poll_fn(|cx| {
            http_client.watch(cx);
            if http_client.idle.is_some() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        let limit = http_client.servers.limit(&http_client.destination);
        let may_use = |idle| Repeat::Harmless.may_use(idle, None, limit);
        assert!(may_use(Duration::from_millis(999)) && !may_use(Duration::from_millis(1500)));
    }
}
