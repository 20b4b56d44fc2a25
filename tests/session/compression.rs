//! Sessions over WebSocket with compressed messages (RFC 7692).

use std::{iter, time::Duration};

use actix_engineio::{
    self as engineio, AgreedCompression, Compression, DisconnectReason, GetStatus, Metrics, ProtocolError,
    Reconnect, SendErrorKind, TransportKind,
};

use crate::support::{
    Client, connect_with_small_buffers,
    deflate::Deflate,
    listen_with_small_buffers, milestone,
    script::{OPEN, SID, UPGRADABLE},
    server::{Peer, Server},
    soon,
};

const STATELESS: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const BOTH: &str = "permessage-deflate";

/// A message that compresses well.
fn text(size: usize) -> String {
    let numbers = (0_usize..).flat_map(|number| format!("{{\"id\":{number}}},").into_bytes());
    numbers.map(char::from).take(size).collect()
}

/// Bytes that no compression makes smaller.
fn noise(size: usize) -> Vec<u8> {
    let next = |seed: &u32| Some(seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    iter::successors(Some(1), next).map(|seed| seed.to_be_bytes()[0]).take(size).collect()
}

#[actix::test]
async fn each_choice_offers_its_parameters_and_the_session_says_what_was_agreed() {
    for (option, offer, answer, agreed) in [
        (Compression::stateless(), STATELESS, Some(STATELESS), Some(STATELESS)),
        (
            Compression::server_context(),
            "permessage-deflate; client_no_context_takeover",
            Some("permessage-deflate; server_max_window_bits=12"),
            Some("permessage-deflate; client_no_context_takeover; server_max_window_bits=12"),
        ),
        (
            Compression::both_contexts(),
            "permessage-deflate; client_max_window_bits",
            Some("permessage-deflate; client_max_window_bits=\"10\""),
            Some("permessage-deflate; client_max_window_bits=10"),
        ),
        (Compression::both_contexts(), "permessage-deflate; client_max_window_bits", None, None),
    ] {
        let server = Server::start(move |server| {
            let mut ws = server.accept();
            let request = ws.read_head();
            assert_eq!(request.header("sec-websocket-extensions").as_deref(), Some(offer));
            let answer = answer.map(|answer| ("sec-websocket-extensions", answer));
            ws.switch_protocols(&request, answer.as_slice());
            ws.send_text(&OPEN.to_string());
            ws.send_text("1");
            ws.wait_closed();
        });
        let mut client = Client::with(&server, |builder| builder.compression(option));
        let session = client.connect_over(TransportKind::WebSocket).await;
        assert_eq!(session.websocket_compression.map(|agreed| agreed.to_string()).as_deref(), agreed);
        client.ended_cleanly().await;
        server.finish().await;
    }
}

#[actix::test]
async fn messages_survive_compression_both_ways_with_every_context_and_window() {
    let windows = (9..=15).map(|bits| {
        format!("permessage-deflate; server_max_window_bits={bits}; client_max_window_bits={bits}")
    });
    let answers = [STATELESS, BOTH, "permessage-deflate; client_no_context_takeover"].map(str::to_owned);
    for answer in answers.into_iter().chain(windows) {
        let option =
            if answer == STATELESS { Compression::stateless() } else { Compression::both_contexts() };
        let messages = [text(2_000), text(2_000), text(20_000), "x".repeat(300_000)];
        let expected = messages.clone();
        let (name, given) = (answer.clone(), answer.clone());
        let server = Server::start(move |server| {
            let (mut ws, mut deflate) = server.opens_compressed(OPEN, &given);
            for message in &expected {
                ws.send_deflated(1, deflate.deflate(format!("4{message}").as_bytes()));
                assert!(ws.reads_deflated(1, &mut deflate) == format!("4{message}").into_bytes());
                let payload = deflate.deflate(message.as_bytes());
                let (first, second) = payload.split_at(payload.len() / 2);
                ws.send_frame(false, 4, 2, first);
                ws.send_frame(true, 0, 9, "between");
                assert_eq!(ws.read_frame(), (10, b"between".to_vec()));
                ws.send_frame(true, 0, 0, second);
                assert!(ws.reads_deflated(2, &mut deflate) == message.as_bytes());
            }
            // Messages without compression come in between.
            ws.send_text("4plain");
            ws.send_deflated(1, deflate.deflate(b"1"));
            ws.wait_closed();
        });
        let mut client = Client::with(&server, |builder| builder.compression(option));
        client.connect_over(TransportKind::WebSocket).await;
        for message in &messages {
            assert!(client.text().await == *message, "{name}");
            client.send(message.clone()).await;
            assert!(client.message().await.as_bytes() == message.as_bytes(), "{name}");
            client.send(message.clone().into_bytes()).await;
        }
        assert_eq!(client.text().await, "plain");
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
        server.finish().await;
    }
}

#[actix::test]
async fn small_messages_and_those_that_become_larger_are_sent_as_they_are() {
    let server = Server::start(|server| {
        let (mut ws, mut deflate) = server.opens_compressed(OPEN, STATELESS);
        ws.reads(&format!("4{}", "x".repeat(498)));
        assert_eq!(ws.reads_deflated(1, &mut deflate), format!("4{}", "x".repeat(499)).into_bytes());
        assert_eq!(ws.read_frame(), (2, noise(3_000)));
        ws.send_text("1");
        ws.wait_closed();
    });
    let option = Compression::stateless().threshold(500).level(9);
    let mut client = Client::with(&server, |builder| builder.compression(option));
    client.connect_over(TransportKind::WebSocket).await;
    client.send("x".repeat(498)).await;
    client.send("x".repeat(499)).await;
    client.send(noise(3_000)).await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn the_status_and_the_metrics_show_the_bytes_before_and_after() {
    let (sent, is_sent) = milestone();
    let server = Server::start(move |server| {
        let (mut ws, mut deflate) = server.opens_compressed(OPEN, BOTH);
        let payload = deflate.deflate(format!("4{}", "y".repeat(5_000)).as_bytes());
        ws.send_deflated(1, payload);
        ws.reads_deflated(1, &mut deflate);
        sent.reached();
        ws.wait_closed();
    });
    let metrics = Metrics::new();
    let mut client = Client::with(&server, |builder| {
        builder.compression(Compression::both_contexts()).metrics(metrics.clone())
    });
    client.connect_over(TransportKind::WebSocket).await;
    client.text().await;
    client.send("x".repeat(9_999)).await;
    is_sent.await;
    client.disconnect().await;
    client.ended_cleanly().await;
    let counters = soon("GetStatus", client.addr.send(GetStatus)).await.unwrap().counters;
    let open = u64::try_from(OPEN.to_string().len()).unwrap();
    assert_eq!(counters.uncompressed_bytes_received, open + 5_001);
    // The close packet is compressed too.
    assert_eq!(counters.uncompressed_bytes_sent, 10_000 + 1);
    assert!((50..300).contains(&counters.compressed_bytes_received), "{counters:?}");
    assert!((10..300).contains(&counters.compressed_bytes_sent), "{counters:?}");
    let now = metrics.snapshot();
    assert_eq!(now.uncompressed_bytes_received, counters.uncompressed_bytes_received);
    assert_eq!(now.compressed_bytes_received, counters.compressed_bytes_received);
    assert_eq!(now.uncompressed_bytes_sent, counters.uncompressed_bytes_sent);
    assert_eq!(now.compressed_bytes_sent, counters.compressed_bytes_sent);
    server.finish().await;
}

/// The reason for the end of a session with compression whose WebSocket is treated so.
async fn treated(treat: impl FnOnce(Peer, Deflate) + Send + 'static) -> DisconnectReason {
    let server = Server::start(move |server| {
        let (ws, deflate) = server.opens_compressed(OPEN, BOTH);
        treat(ws, deflate);
    });
    let mut client = Client::with(&server, |builder| {
        builder.max_message_size(4096).compression(Compression::both_contexts())
    });
    client.connect_over(TransportKind::WebSocket).await;
    let reason = client.ended_cleanly().await;
    server.finish().await;
    reason
}

#[actix::test]
async fn a_broken_compressed_message_ends_the_session_with_the_code_that_fits() {
    type Act = fn(&mut Peer, &mut Deflate);
    let cases: [(Act, u16); 11] = [
        // Compressed control frames and fragments, and bits without a meaning.
        (|ws, _| ws.send_frame(true, 4, 9, "ping"), 1002),
        (|ws, _| ws.send_frame(true, 4, 8, b"\x03\xe8"), 1002),
        (
            |ws, deflate| {
                let payload = deflate.deflate(b"4hello");
                ws.send_frame(false, 4, 1, &payload[..3]);
                ws.send_frame(true, 4, 0, &payload[3..]);
            },
            1002,
        ),
        (|ws, _| ws.send_frame(true, 2, 1, "4a"), 1002),
        (|ws, _| ws.send_frame(true, 6, 1, "4a"), 1002),
        // Empty fragments without end.
        (
            |ws, deflate| {
                ws.send_frame(false, 4, 1, deflate.deflate(b"4hello"));
                for _ in 0..17 {
                    ws.write([0; 2 << 10]);
                }
            },
            1002,
        ),
        // No DEFLATE stream, one that is cut, text that is not UTF-8, no packet.
        (|ws, _| ws.send_deflated(1, b"\x06"), 1007),
        (|ws, _| ws.send_deflated(1, b"\x00\x05\x00\xfa\xffHell"), 1007),
        (
            |ws, deflate| {
                let payload = deflate.deflate(b"4\xff");
                ws.send_deflated(1, payload);
            },
            1007,
        ),
        (
            |ws, deflate| {
                let payload = deflate.deflate(b"hello");
                ws.send_deflated(1, payload);
            },
            1002,
        ),
        // 4097 bytes.
        (
            |ws, deflate| {
                let payload = deflate.deflate(&[b'x'; 4_097]);
                ws.send_deflated(2, payload);
            },
            1009,
        ),
    ];
    for (number, (act, code)) in cases.into_iter().enumerate() {
        let reason = treated(move |mut ws, mut deflate| {
            act(&mut ws, &mut deflate);
            ws.reads_close(code);
            ws.wait_closed();
        })
        .await;
        assert!(matches!(reason, DisconnectReason::Protocol(_)), "{number}: {reason:?}");
        if code == 1009 {
            assert_eq!(reason, DisconnectReason::Protocol(ProtocolError::too_large(4097, 4096)));
        }
    }
}

#[actix::test]
async fn streams_that_end_and_empty_messages_are_read() {
    let server = Server::start(|server| {
        let (mut ws, _) = server.opens_compressed(OPEN, BOTH);
        // RFC 7692, section 7.2.3.4: the last block of a stream, and then the same in a new one.
        for _ in 0..2 {
            ws.send_deflated(2, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00");
        }
        ws.send_deflated(2, b"\x00");
        ws.send_deflated(2, b"");
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.compression(Compression::both_contexts()));
    client.connect_over(TransportKind::WebSocket).await;
    for expected in [&b"Hello"[..], b"Hello", b"", b""] {
        assert_eq!(client.message().await.as_bytes(), expected);
    }
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn an_upgrade_works_with_a_server_that_compresses_every_packet() {
    let server = Server::start(|server| {
        let mut get = server.opens(UPGRADABLE);
        let (mut ws, request) = server.accepts_compressed(BOTH);
        assert_eq!(request.sid(), Some(SID));
        let mut deflate = Deflate::new(BOTH);
        assert_eq!(ws.reads_deflated(1, &mut deflate), b"2probe");
        ws.send_deflated(1, deflate.deflate(b"3probe"));
        get.packets("6");
        assert_eq!(ws.reads_deflated(1, &mut deflate), b"5");
        get.expect_closed();
        ws.send_deflated(1, deflate.deflate(b"4hello"));
        assert_eq!(ws.reads_deflated(1, &mut deflate), b"4hello");
        ws.send_deflated(1, deflate.deflate(b"1"));
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.compression(Compression::both_contexts()));
    assert_eq!(client.connect().await.websocket_compression, None);
    client.upgraded().await;
    let session = soon("GetStatus", client.addr.send(GetStatus)).await.unwrap().session.unwrap();
    assert_eq!(session.websocket_compression, Some(AgreedCompression::default()));
    assert_eq!(client.text().await, "hello");
    client.send("hello").await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn no_context_survives_a_reconnect() {
    let server = Server::start(|server| {
        for _ in 0..2 {
            // Its contexts are new ones.
            let (mut ws, mut deflate) = server.opens_compressed(OPEN, BOTH);
            for _ in 0..2 {
                ws.send_deflated(1, deflate.deflate(format!("4{}", text(3_000)).as_bytes()));
                assert!(ws.reads_deflated(1, &mut deflate) == format!("4{}", text(3_000)).into_bytes());
            }
            ws.close();
        }
    });
    let policy = Reconnect::constant(Duration::ZERO).max_attempts(1);
    let mut client =
        Client::with(&server, |builder| builder.compression(Compression::both_contexts()).reconnect(policy));
    client.connect_over(TransportKind::WebSocket).await;
    for session in 0..2 {
        for _ in 0..2 {
            loop {
                if let actix_engineio::Event::Message(data) = client.next().await {
                    assert!(data.as_text() == Some(&text(3_000)), "session {session}");
                    break;
                }
            }
            client.send(text(3_000)).await;
        }
    }
    client.disconnect().await;
    drop(server);
}

#[actix::test]
async fn the_limit_of_the_server_is_that_of_a_message_before_it_is_compressed() {
    let server = Server::start(|server| {
        let (mut ws, mut deflate) = server.opens_compressed(OPEN.max_payload(10_000), BOTH);
        assert_eq!(ws.reads_deflated(1, &mut deflate).len(), 10_000);
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.compression(Compression::both_contexts()));
    client.connect_over(TransportKind::WebSocket).await;
    let too_large = actix_engineio::Send::text("x".repeat(10_000));
    let err = soon("a send", client.addr.send(too_large)).await.unwrap().unwrap_err();
    assert!(matches!(err.kind, SendErrorKind::TooLarge { size: 10_001, .. }), "{err:?}");
    client.send("x".repeat(9_999)).await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn what_became_of_each_compressed_message_is_known() {
    const COUNT: u8 = 100;
    let server = Server::on(listen_with_small_buffers(), |server| {
        let (mut ws, mut deflate) = server.opens_compressed(OPEN, BOTH);
        let mut numbers = Vec::new();
        while numbers.len() < 7 {
            match ws.read_any_frame() {
                (0xc2, payload) => numbers.push(deflate.inflate(&payload)[0]),
                // The client asks for a confirmation, and gets none.
                (first, _) => assert_eq!(first, 0x89),
            }
        }
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
        ws.reset();
    });
    let mut client = Client::with(&server, |builder| {
        let builder = builder.compression(Compression::both_contexts()).confirm_sends(16 << 20);
        builder.connector(connect_with_small_buffers)
    });
    client.connect_over(TransportKind::WebSocket).await;
    for number in 0..COUNT {
        let message = [&[number][..], &noise(20_000)].concat();
        client.addr.do_send(actix_engineio::Send::new(message));
    }
    let end = client.ended().await;
    let all = end.in_doubt.iter().chain(&end.unsent).map(|data| data.as_bytes()[0]);
    assert_eq!(all.collect::<Vec<_>>(), (0..COUNT).collect::<Vec<_>>(), "each one is in one list, in order");
    assert!(end.in_doubt.len() >= 7, "{} may have arrived", end.in_doubt.len());
    assert!(!end.unsent.is_empty());
    server.finish().await;
}

#[actix::test]
async fn messages_that_are_compressed_in_turns_are_all_sent_before_a_disconnect() {
    // One batch with the close packet, and more than is compressed in one turn.
    const MESSAGES: usize = 800;
    let server = Server::start(|server| {
        let (mut ws, mut deflate) = server.opens_compressed(OPEN, BOTH);
        for at in 0..MESSAGES {
            assert_eq!(ws.reads_deflated(1, &mut deflate), format!("4{at}").into_bytes());
        }
        assert_eq!(ws.reads_deflated(1, &mut deflate), b"1");
        ws.reads_close(1000);
        ws.close();
    });
    let mut client = Client::with(&server, |builder| builder.compression(Compression::both_contexts()));
    client.connect_over(TransportKind::WebSocket).await;
    for at in 0..MESSAGES {
        client.addr.do_send(engineio::Send::text(at.to_string()));
    }
    client.disconnect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
    server.finish().await;
}

#[actix::test]
async fn two_clients_of_an_arbiter_inflate_and_deflate_large_messages_at_the_same_time() {
    const SIZE: usize = 2 << 20;
    let start = || {
        Server::start(|server| {
            let (mut ws, mut deflate) = server.opens_compressed(OPEN.max_payload(2 * SIZE), STATELESS);
            ws.send_deflated(2, deflate.deflate(text(SIZE).as_bytes()));
            assert!(ws.reads_deflated(2, &mut deflate) == text(SIZE).into_bytes());
            ws.send_text("1");
            ws.wait_closed();
        })
    };
    let servers = [start(), start()];
    let mut clients = servers.each_ref().map(|server| {
        Client::with(server, |builder| builder.compression(Compression::stateless()).receive_buffer(4 * SIZE))
    });
    for client in &mut clients {
        client.connect_over(TransportKind::WebSocket).await;
    }
    for client in &mut clients {
        let data = client.message().await;
        assert!(data.as_bytes() == text(SIZE).as_bytes());
        client.addr.do_send(actix_engineio::Send::new(data));
    }
    for client in &mut clients {
        client.ended_cleanly().await;
    }
    for server in servers {
        server.finish().await;
    }
}
