//! The ends of sessions over WebSocket.

use std::io;

use actix_engineio::{self as engineio, DisconnectReason, ProtocolError, TransportError, TransportKind};

use crate::support::{
    Client, LARGE, connect_with_small_buffers, listen_with_small_buffers,
    script::OPEN,
    server::{Peer, Server},
};

/// The reason for the end of a session whose WebSocket is treated so.
async fn treated(treat: impl FnOnce(Peer) + Send + 'static) -> DisconnectReason {
    let server = Server::start(move |server| treat(server.opens_websocket(OPEN)));
    let mut client = Client::with(&server, |builder| builder.max_message_size(4096));
    client.connect_over(TransportKind::WebSocket).await;
    let reason = client.ended_cleanly().await;
    server.finish().await;
    reason
}

#[actix::test]
async fn a_close_packet_ends_the_session() {
    let reason = treated(|mut ws| {
        ws.send_text("1");
        ws.reads_close(1000);
        ws.expect_closed();
    })
    .await;
    assert_eq!(reason, DisconnectReason::Server);
    // engineioxide sends a close frame after it.
    let reason = treated(|mut ws| {
        ws.write(b"\x81\x011\x88\x00");
        ws.wait_closed();
    })
    .await;
    assert_eq!(reason, DisconnectReason::Server);
}

#[actix::test]
async fn of_several_pings_during_a_long_upload_only_the_latest_is_answered_behind_it() {
    let server = Server::on(listen_with_small_buffers(), |server| {
        let mut ws = server.opens_websocket(OPEN.max_payload(2 * LARGE));
        // The rest of the batch does not fit into the sockets.
        ws.reads("4first");
        for ping in ["one", "two", "three"] {
            ws.send_frame(true, 0, 9, ping);
        }
        ws.send_text("4seen");
        assert_eq!(ws.read_frame().1.len(), 1 + LARGE);
        assert_eq!(ws.read_frame(), (10, b"three".to_vec()));
        ws.send_frame(true, 0, 9, "four");
        assert_eq!(ws.read_frame(), (10, b"four".to_vec()));
        ws.send_text("1");
        ws.reads_close(1000);
        ws.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.connector(connect_with_small_buffers));
    client.connect_over(TransportKind::WebSocket).await;
    client.addr.do_send(engineio::Send::text("first"));
    client.addr.do_send(engineio::Send::text("x".repeat(LARGE)));
    assert_eq!(client.text().await, "seen");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_close_frame_is_echoed_and_reported_with_its_code() {
    for (code, reason) in [(1000, ""), (1001, "going away"), (1008, "policy"), (1009, ""), (4000, "own")] {
        let end = treated(move |mut ws| {
            ws.send_frame(true, 0, 8, [&u16::to_be_bytes(code), reason.as_bytes()].concat());
            ws.reads_close(code);
            ws.expect_closed();
        })
        .await;
        assert_eq!(end, DisconnectReason::transport_close(code, reason));
        assert_eq!(end.as_str(), "transport close");
        assert!(end.to_string().contains(&code.to_string()), "{end}");
    }
    let end = treated(|mut ws| {
        ws.send_frame(true, 0, 8, []);
        assert_eq!(ws.read_frame().0, 8);
        ws.expect_closed();
    })
    .await;
    assert_eq!(end, DisconnectReason::transport_close(1005, ""));
}

#[actix::test]
async fn messages_before_a_close_frame_are_delivered() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.write(b"\x81\x024a\x81\x024b\x88\x02\x03\xe8");
        ws.reads_close(1000);
        ws.expect_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    assert_eq!(client.text().await, "a");
    assert_eq!(client.text().await, "b");
    let reason = DisconnectReason::transport_close(1000, "");
    assert_eq!(client.ended_cleanly().await, reason);
    server.finish().await;
}

#[actix::test]
async fn a_message_that_ends_a_silence_arrives_whole_whatever_its_size() {
    // The first bytes after a silence are read into a buffer of their own, 256 at most.
    let sizes = [0, 1, 125, 126, 250, 251, 252, 253, 256, 257, 300, 65_535, 65_536, 300_000];
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        for size in sizes {
            ws.send_text(&format!("4{}", text(size)));
            ws.reads("4got it");
        }
        ws.reads("1");
        ws.reads_close(1000);
        ws.close();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    for size in sizes {
        assert!(client.text().await == text(size), "{size}");
        client.send("got it").await;
    }
    client.disconnect().await;
    client.ended_cleanly().await;
    server.finish().await;
}

/// A text of which no part is like another.
fn text(size: usize) -> String {
    (0..).flat_map(|number: usize| number.to_string().into_bytes()).map(char::from).take(size).collect()
}

#[actix::test]
async fn an_end_without_a_close_frame_is_a_lost_connection() {
    type Death = fn(Peer);
    let cases: [(Death, io::ErrorKind); 3] = [
        (Peer::close, io::ErrorKind::UnexpectedEof),
        (Peer::reset, io::ErrorKind::ConnectionReset),
        (
            |mut ws| {
                ws.write(b"\x81\x7e\x01\x004half a mess");
                ws.close();
            },
            io::ErrorKind::UnexpectedEof,
        ),
    ];
    for (death, kind) in cases {
        let reason = treated(death).await;
        let DisconnectReason::TransportError(TransportError::Io { kind: of, .. }) = &reason else {
            panic!("{reason:?}")
        };
        assert_eq!(*of, kind);
    }
}

/// No size limit ever ends such a message, and each of its fragments is a sign of life.
#[actix::test]
async fn a_message_of_empty_fragments_without_end_ends_the_session() {
    let reason = treated(|mut ws| {
        ws.send_frame(false, 0, 1, "4a");
        while ws.try_write([0; 1 << 10]).is_ok() {}
    })
    .await;
    let expected = DisconnectReason::Protocol(ProtocolError::Frame("too many empty fragments"));
    assert_eq!(reason, expected);
}

#[actix::test]
async fn a_violation_of_the_rules_is_a_parse_error_with_its_own_close_code() {
    let cases: [(&[u8], u16); 9] = [
        // Reserved bits, a mask, an unknown opcode, a continuation of nothing.
        (b"\xc1\x024a", 1002),
        (b"\x81\x82\0\0\0\x004a", 1002),
        (b"\x83\x00", 1002),
        (b"\x80\x024a", 1002),
        // A fragmented ping, a message within a message, a length in too many bytes.
        (b"\x09\x00", 1002),
        (b"\x01\x014\x81\x024a", 1002),
        (b"\x81\x7e\x00\x024a", 1002),
        // Not a packet, not UTF-8.
        (b"\x81\x05hello", 1002),
        (b"\x81\x024\xff", 1007),
    ];
    for (bytes, code) in cases {
        let reason = treated(move |mut ws| {
            ws.write(bytes);
            ws.reads_close(code);
            ws.expect_closed();
        })
        .await;
        assert!(matches!(reason, DisconnectReason::Protocol(_)), "{bytes:?}: {reason:?}");
        assert_eq!(reason.as_str(), "parse error");
    }
}

#[actix::test]
async fn a_packet_out_of_place_is_a_parse_error() {
    for packet in ["5", r#"0{"sid":"other"}"#] {
        let reason = treated(move |mut ws| {
            ws.send_text(packet);
            ws.wait_closed();
        })
        .await;
        assert!(
            matches!(reason, DisconnectReason::Protocol(ProtocolError::OutOfPlace(_))),
            "{packet}: {reason:?}"
        );
    }
}

#[actix::test]
async fn a_message_larger_than_max_message_size_ends_the_session() {
    type Act = fn(&mut Peer);
    let cases: [(Act, u64); 6] = [
        (|ws| ws.send_text(&format!("4{}", "x".repeat(4097))), 4097),
        // 4097 bytes in base64.
        (|ws| ws.send_text(&format!("b{}A=", "A".repeat(5462))), 4097),
        (|ws| ws.send_binary([0; 5000]), 5000),
        // The length in the header is enough.
        (|ws| ws.write(b"\x82\x7f\x00\x00\x00\xff\x00\x00\x00\x00"), 0xff_0000_0000),
        (
            |ws| {
                ws.send_frame(false, 0, 2, [0; 4000]);
                ws.send_frame(false, 0, 0, [0; 96]);
                ws.send_frame(true, 0, 0, [0; 1]);
            },
            4097,
        ),
        (
            |ws| {
                ws.send_frame(false, 0, 1, format!("4{}", "x".repeat(4000)));
                ws.send_frame(true, 0, 0, "x".repeat(97));
            },
            4097,
        ),
    ];
    for (act, size) in cases {
        let reason = treated(move |mut ws| {
            act(&mut ws);
            ws.reads_close(1009);
            ws.wait_closed();
        })
        .await;
        assert_eq!(reason, DisconnectReason::Protocol(ProtocolError::too_large(size, 4096)));
    }
}

#[actix::test]
async fn a_message_as_large_as_max_message_size_is_delivered() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.send_binary([7; 4096]);
        ws.send_frame(false, 0, 2, [7; 4000]);
        ws.send_frame(true, 0, 9, "between");
        assert_eq!(ws.read_frame(), (10, b"between".to_vec()));
        ws.send_frame(true, 0, 0, [7; 96]);
        let text = format!("4{}", "\u{7}".repeat(4096));
        ws.send_text(&text);
        ws.send_frame(false, 0, 1, &text[..1]);
        ws.send_frame(false, 0, 0, &text[1..4000]);
        ws.send_frame(true, 0, 0, &text[4000..]);
        ws.send_text(&format!("b{}Bw==", "BwcH".repeat(1365)));
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.max_message_size(4096));
    client.connect_over(TransportKind::WebSocket).await;
    for _ in 0..5 {
        assert_eq!(client.message().await.as_bytes(), [7; 4096].as_slice());
    }
    client.ended_cleanly().await;
    server.finish().await;
}
