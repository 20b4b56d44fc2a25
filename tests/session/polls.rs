//! Answers to polls.

use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use actix_engineio::{DisconnectReason, ProtocolError, TransportError, TransportKind};
use futures::future::select;

use crate::support::{
    Client, Clock, SHORT,
    script::{OPEN, UPGRADABLE},
    server::{Peer, Server},
};

/// The messages and the reason for the end of a session whose poll is treated so.
async fn polled(treat: impl FnOnce(Peer) + Send + 'static) -> (Vec<String>, DisconnectReason) {
    let server = Server::start(move |server| {
        let get = server.opens(OPEN);
        treat(get);
    });
    let mut client = Client::with(&server, |builder| builder.max_message_size(4096));
    client.connect().await;
    let mut texts = Vec::new();
    let reason = loop {
        match client.next().await {
            actix_engineio::Event::Message(data) => texts.push(data.as_text().unwrap().to_owned()),
            event @ actix_engineio::Event::Disconnected(_) => break client.ended_with(event).await,
            event => panic!("{event:?}"),
        }
    };
    server.finish().await;
    (texts, reason.reason.clone())
}

async fn answered(
    status: u16,
    headers: &'static [(&str, &str)],
    body: impl AsRef<[u8]> + Send + 'static,
) -> (Vec<String>, DisconnectReason) {
    polled(move |mut get| {
        get.respond(status, headers, body);
        get.expect_closed();
    })
    .await
}

#[actix::test]
async fn what_comes_behind_many_noops_in_one_body_does_not_wait_for_them() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.packets(format!("{}2\u{1e}4hi", "6\u{1e}".repeat(10_000)));
        let mut post = server.accept();
        post.accepts("3");
        get.poll();
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    assert_eq!(client.text().await, "hi");
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_close_packet_ends_the_session_and_what_follows_it_is_dropped() {
    let (texts, reason) = answered(200, &[], "1").await;
    assert_eq!((texts.len(), reason), (0, DisconnectReason::Server));
    let (texts, reason) = answered(200, &[], "4a\u{1e}4b\u{1e}1\u{1e}4c\u{1e}2").await;
    assert_eq!((texts, reason), (vec!["a".to_owned(), "b".to_owned()], DisconnectReason::Server));
}

#[actix::test]
async fn an_answer_arrives_whole_whatever_its_size() {
    // The first bytes of an answer are read into a buffer of their own, 2 KiB at most.
    let sizes = [0, 1, 1_900, 1_990, 2_000, 2_010, 2_046, 2_047, 2_048, 2_049, 2_100, 4_096, 300_000];
    let server = Server::start(move |server| {
        let mut get = server.answers_handshake(OPEN);
        for size in sizes {
            get.poll();
            get.packets(format!("4{}", text(size)));
        }
        get.poll();
        get.ends_session();
    });
    let mut client = Client::connected(&server).await;
    for size in sizes {
        assert!(client.text().await == text(size), "{size}");
    }
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

/// A text of which no part is like another.
fn text(size: usize) -> String {
    (0..).flat_map(|number: usize| number.to_string().into_bytes()).map(char::from).take(size).collect()
}

#[actix::test]
async fn a_session_may_open_send_messages_and_close_in_one_body() {
    // A session that is closed is not upgraded.
    for open in [OPEN, UPGRADABLE] {
        let server = Server::start(move |server| {
            server.answers_handshake(format!("{open}\u{1e}4hello\u{1e}4again\u{1e}1")).expect_closed();
        });
        let mut client = Client::connected(&server).await;
        assert_eq!(client.text().await, "hello");
        assert_eq!(client.text().await, "again");
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
        server.finish().await;
    }
}

#[actix::test]
async fn a_refused_poll_is_a_transport_error_with_the_servers_words() {
    let (_, reason) = answered(400, &[], r#"{"code":1,"message":"Session ID unknown"}"#).await;
    let DisconnectReason::TransportError(TransportError::Status(status)) = &reason else {
        panic!("{reason:?}")
    };
    assert_eq!((status.status, status.code), (400, Some(1)));
    assert!(reason.to_string().contains("Session ID unknown"), "{reason}");
    let (_, reason) = answered(500, &[("content-type", "text/html")], "<h1>Oops</h1>").await;
    let DisconnectReason::TransportError(TransportError::Status(status)) = &reason else {
        panic!("{reason:?}")
    };
    assert_eq!((status.status, &status.message), (500, &None));
    assert_eq!(reason.as_str(), "transport error");
}

#[actix::test]
async fn a_redirected_poll_is_a_transport_error() {
    let (_, reason) = answered(302, &[("location", "/engine.io/")], "").await;
    assert!(matches!(reason, DisconnectReason::TransportError(TransportError::Redirect(_))), "{reason:?}");
}

#[actix::test]
async fn a_body_that_is_cut_is_a_transport_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n4half a mess",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n4half\r\n",
        "HTTP/1.1 200 OK\r\ncontent-le",
    ] {
        let (texts, reason) = polled(move |mut get| {
            get.write(answer);
            get.close();
        })
        .await;
        assert_eq!(texts.len(), 0);
        let DisconnectReason::TransportError(TransportError::Io { kind, .. }) = &reason else {
            panic!("{reason:?}")
        };
        assert_eq!(*kind, io::ErrorKind::UnexpectedEof);
    }
}

#[actix::test]
async fn an_answer_whose_chunks_have_extensions_or_trailers_without_end_is_refused() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (start, rest) in [("2;", "x".repeat(1 << 14)), ("2\r\n4a\r\n0\r\n", "x: y\r\n".repeat(1 << 12))] {
        let (_, reason) = polled(move |mut get| {
            get.write(format!("{head}{start}"));
            while get.try_write(&rest).is_ok() {}
        })
        .await;
        let DisconnectReason::TransportError(TransportError::Malformed(what)) = &reason else {
            panic!("{reason:?}")
        };
        assert_eq!(what.to_string(), "too many bytes of chunk extensions or trailers");
    }
}

#[actix::test]
async fn an_answer_of_many_small_chunks_with_extensions_is_read() {
    let chunks = "1;signature=0123456789abcdef0123456789abcdef\r\nx\r\n".repeat(3000);
    let (texts, _) = polled(move |mut get| {
        get.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n4\r\n");
        get.write(format!("{chunks}0\r\nchecksum: {}\r\n\r\n", "0".repeat(8000)));
        get.poll();
        get.ends_session();
    })
    .await;
    assert_eq!(texts, ["x".repeat(3000)]);
}

#[actix::test]
async fn a_body_without_a_length_ends_with_its_connection() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.write("HTTP/1.0 200 OK\r\n\r\n4whole");
        get.close();
        let mut get = server.accept();
        get.poll();
        get.ends_session();
    });
    let mut client = Client::connected(&server).await;
    assert_eq!(client.text().await, "whole");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_body_that_is_no_payload_is_a_parse_error_after_the_packets_before_it() {
    let bodies: [(&[u8], ProtocolError); 5] = [
        (b"garbage", ProtocolError::Packet("its type is not a digit")),
        (b"4ok\x1e", ProtocolError::Packet("it is empty")),
        (b"4ok\x1e\x1e4lost", ProtocolError::Packet("it is empty")),
        (b"4ok\x1eb***\x1e4lost", ProtocolError::Packet("its binary data is not base64")),
        (b"4lost\xff", ProtocolError::Utf8),
    ];
    for (body, err) in bodies {
        let (texts, reason) = answered(200, &[], body).await;
        let whole = if body.starts_with(b"4ok") { vec!["ok".to_owned()] } else { Vec::new() };
        assert_eq!((texts, &reason), (whole, &DisconnectReason::Protocol(err)));
        assert_eq!(reason.as_str(), "parse error");
    }
}

#[actix::test]
async fn a_page_of_html_in_a_session_is_called_so_like_one_that_answers_the_handshake() {
    for body in ["<html></html>", "\r\n <!doctype html><p>Sign in"] {
        let (_, reason) = answered(200, &[("content-type", "text/html")], body).await;
        let expected = TransportError::Malformed("a page of HTML".into());
        assert_eq!(reason, DisconnectReason::TransportError(expected));
    }
}

#[actix::test]
async fn a_packet_out_of_place_is_a_parse_error() {
    for packet in ["5", r#"0{"sid":"other"}"#] {
        let (_, reason) = answered(200, &[], packet).await;
        assert!(
            matches!(reason, DisconnectReason::Protocol(ProtocolError::OutOfPlace(_))),
            "{packet}: {reason:?}"
        );
    }
}

#[actix::test]
async fn a_message_larger_than_max_message_size_is_a_transport_error_over_polling() {
    let bodies = [
        format!("4{}", "x".repeat(4097)),
        // 4097 bytes in base64.
        format!("b{}A=", "A".repeat(5462)),
        format!("4{}", "x".repeat(6000)),
        format!("4hello\u{1e}4{}", "x".repeat(4097)),
    ];
    for body in bodies {
        let (_, reason) = answered(200, &[], body).await;
        let err = TransportError::body_too_large(4096);
        assert_eq!(reason, DisconnectReason::TransportError(err));
    }
}

#[actix::test]
async fn a_message_as_large_as_max_message_size_is_delivered_over_polling() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.packets(format!("4{}", "\u{7}".repeat(4096)));
        get.poll();
        get.packets(format!("b{}Bw==", "BwcH".repeat(1365)));
        get.poll();
        get.packets(format!("6\u{1e}4{}\u{1e}4short", "\u{7}".repeat(4096)));
        get.poll();
        get.ends_session();
    });
    let mut client = Client::with(&server, |builder| builder.max_message_size(4096));
    client.connect().await;
    for _ in 0..3 {
        assert_eq!(client.message().await.as_bytes(), [7; 4096].as_slice());
    }
    assert_eq!(client.text().await, "short");
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn packets_that_mean_nothing_are_ignored() {
    let server = Server::start(|server| {
        let mut get = server.answers_handshake(OPEN);
        for body in ["", "3\u{1e}7\u{1e}8x\u{1e}9y\u{1e}6"] {
            get.poll();
            get.packets(body);
        }
        get.poll();
        get.write("HTTP/1.1 204 No Content\r\n\r\n");
        get.poll();
        get.packets("4hello");
        get.poll();
        get.ends_session();
    });
    let mut client = Client::connected(&server).await;
    assert_eq!(client.text().await, "hello");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_connection_that_the_server_closes_between_polls_is_replaced() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        get.respond(200, &[("connection", "close")], OPEN.to_string());
        get.expect_closed();
        // Without an announcement, when the next poll has been sent already.
        let mut get = server.accept();
        for text in ["4zero", "4one"] {
            get.poll();
            get.packets(text);
        }
        get.poll();
        get.close();
        let mut get = server.accept();
        get.poll();
        get.packets("4two");
        get.poll();
        get.ends_session();
    });
    let mut client = Client::connected(&server).await;
    for text in ["zero", "one", "two"] {
        assert_eq!(client.text().await, text);
    }
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_poll_that_is_lost_twice_is_a_transport_error() {
    let server = Server::start(|server| {
        let get = server.opens(OPEN);
        get.close();
        let mut get = server.accept();
        get.poll();
        get.reset();
    });
    let mut client = Client::connected_over(&server, TransportKind::Polling).await;
    let reason = client.ended_cleanly().await;
    let DisconnectReason::TransportError(TransportError::Io { kind, .. }) = &reason else {
        panic!("{reason:?}")
    };
    assert_eq!(*kind, io::ErrorKind::ConnectionReset);
    server.finish().await;
}

#[actix::test]
async fn bytes_behind_an_answer_are_not_taken_for_the_next_one() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n4trueHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n4false");
        get.expect_closed();
        let mut get = server.accept();
        get.poll();
        get.ends_session();
    });
    let mut client = Client::connected(&server).await;
    assert_eq!(client.text().await, "true");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_server_that_answers_every_poll_at_once_without_a_message_is_not_polled_at_once() {
    let clock = Clock::stop();
    let (polls, is_enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let server = Server::start({
        let (polls, is_enough) = (polls.clone(), is_enough.clone());
        move |server| {
            let mut get = server.opens(OPEN);
            for body in ["6", "3", "7x", ""].iter().cycle() {
                get.packets(body);
                get.poll();
                polls.fetch_add(1, Ordering::SeqCst);
                if is_enough.load(Ordering::SeqCst) {
                    break;
                }
            }
            get.ends_session();
        }
    });
    let mut client = Client::connected(&server).await;
    for _ in 0..10 {
        clock.advance(SHORT / 5).await;
    }
    let polls = polls.load(Ordering::SeqCst);
    assert!(polls < 8, "{polls} polls in {:?}", 2 * SHORT);
    is_enough.store(true, Ordering::SeqCst);
    let next_poll = async {
        loop {
            clock.advance(SHORT).await;
        }
    };
    select(pin!(client.ended_cleanly()), pin!(next_poll)).await;
    server.finish().await;
}
