//! Sessions in protocol 3 with a server that follows a script: the bytes in both directions, and what it may do wrong.

// Functions that tests call may fail too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/mod.rs"]
mod support;

use std::time::Duration;

use actix_engineio::{
    Connect, ConnectError, Data, DisconnectReason, Event, Flush, GetStatus, Protocol, ProtocolError,
    ProtocolVersion, Reconnect, TransportError, TransportKind,
};

use support::{
    Client,
    script::SID,
    server::{Acceptor, Peer, Server},
};

/// The open packet of engine.io 3, which names no `maxPayload`.
fn open(upgrades: &str, interval: u32) -> String {
    format!(r#"0{{"sid":"{SID}","upgrades":[{upgrades}],"pingInterval":{interval},"pingTimeout":20000}}"#)
}

/// Packets in the text form of a payload.
fn text_form(packets: &[&str]) -> String {
    packets.iter().map(|packet| format!("{}:{packet}", packet.encode_utf16().count())).collect()
}

/// Text packets in the binary form of a payload.
fn binary_form(packets: &[&str]) -> Vec<u8> {
    let header = |packet: &&str| {
        let digits = packet.len().to_string().into_bytes().into_iter().map(|digit| digit - b'0');
        [vec![0], digits.collect(), vec![0xff], packet.as_bytes().to_vec()].concat()
    };
    packets.iter().flat_map(header).collect()
}

const TEXT: &[(&str, &str)] = &[("content-type", "text/plain; charset=UTF-8")];
const OCTETS: &[(&str, &str)] = &[("content-type", "application/octet-stream")];

/// Answers the handshake of a session over polling, and returns the connection of its polls with the first one to be
/// answered.
fn opens(server: &Acceptor, packets: &[&str]) -> Peer {
    let mut get = server.accept();
    assert!(get.handshake().target.contains("EIO=3&"));
    get.respond(200, TEXT, text_form(packets));
    assert!(get.poll().target.contains("EIO=3&"));
    get
}

/// Expects a POST with this body, and accepts it. By its type, servers tell the two forms apart.
fn accepts(post: &mut Peer, body: &[u8]) {
    let request = post.read_request();
    assert!(request.method == "POST" && request.target.contains("EIO=3&"), "{}", request.target);
    let content_type = if body[0] < 2 { "application/octet-stream" } else { "text/plain;charset=UTF-8" };
    assert_eq!(request.header("content-type").as_deref(), Some(content_type));
    assert_eq!(request.body, body, "{}", request.body.escape_ascii());
    post.ok();
}

async fn connected(server: &Server, protocol: Protocol) -> Client {
    let mut client = Client::start(server);
    let session = client.open(Connect::new(server.origin()).protocol(protocol)).await;
    assert_eq!((session.protocol, session.max_payload), (ProtocolVersion::V3, None));
    client
}

#[actix::test]
async fn text_and_binary_data_travel_in_both_forms_of_a_payload() {
    let server = Server::start(|server| {
        let mut get = opens(server, &[&open("", 25_000), "40"]);
        get.respond(200, TEXT, text_form(&["4a\u{1e}b", "4😀", "b4AQID", "6"]));
        get.poll();
        get.respond(200, OCTETS, b"\x00\x05\xff4\xf0\x9f\x98\x80\x01\x04\xff\x04\x01\x02\x03");
        get.poll();
        let mut post = server.accept();
        accepts(&mut post, b"\x00\x08\xff4a\x1e\xf0\x9f\x98\x80b");
        accepts(&mut post, b"\x01\x04\xff\x04\x01\x02\x03");
        accepts(&mut post, "8:4a\u{1e}b€ö\u{ffff}c".as_bytes());
        accepts(&mut post, b"1:1");
        get.expect_closed();
    });
    let mut client = connected(&server, Protocol::V3).await;
    let binary = || Data::from(vec![1, 2, 3]);
    for expected in ["0".into(), "a\u{1e}b".into(), "😀".into(), binary(), "😀".into(), binary()] {
        assert_eq!(client.message().await, expected);
    }
    send_each_and_end(client, ["a\u{1e}😀b".into(), binary(), "a\u{1e}b€ö\u{ffff}c".into()]).await;
    server.finish().await;
}

/// Sends each message in a POST of its own, and disconnects.
async fn send_each_and_end<const N: usize>(mut client: Client, messages: [Data; N]) {
    for data in messages {
        client.send(data).await;
        client.addr.send(Flush).await.unwrap().unwrap();
    }
    client.disconnect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
}

#[actix::test]
async fn a_content_type_of_the_user_does_not_hide_the_form_of_a_payload() {
    let server = Server::start(|server| {
        let get = opens(server, &[&open("", 25_000)]);
        let mut post = server.accept();
        accepts(&mut post, b"2:4a");
        accepts(&mut post, b"\x01\x02\xff\x04\x01");
        accepts(&mut post, b"1:1");
        get.expect_closed();
    });
    let header = ("content-type", "application/json");
    let mut client =
        Client::with(&server, |builder| builder.header(header.0, header.1).protocol(Protocol::V3));
    client.connect().await;
    send_each_and_end(client, ["a".into(), vec![1].into()]).await;
    server.finish().await;
}

#[actix::test]
async fn a_session_moves_to_the_websocket_where_the_client_pings() {
    let server = Server::start(|server| {
        let mut get = opens(server, &[&open(r#""websocket""#, 300)]);
        let mut ws = server.accept();
        let handshake = ws.accept_websocket();
        assert!(handshake.target.contains("EIO=3&") && handshake.sid() == Some(SID));
        ws.answers_probe();
        get.respond(200, TEXT, "1:6");
        ws.reads("5");
        get.expect_closed();
        let mut pings = 0;
        while pings < 3 {
            ws.reads("2");
            ws.send_text("3");
            pings += 1;
        }
        ws.write(b"\x82\x04\x04\x01\x02\x03");
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = connected(&server, Protocol::V3).await;
    client.upgraded().await;
    assert_eq!(client.message().await, Data::from(vec![1, 2, 3]));
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    let status = client.addr.send(GetStatus).await.unwrap();
    assert!(status.round_trip.unwrap() < Duration::from_secs(10));
    server.finish().await;
}

#[actix::test]
async fn binary_data_over_a_websocket_has_the_type_of_its_packet_in_front() {
    let server = Server::start(|server| {
        let mut ws = server.accept();
        assert!(ws.accept_websocket().target.contains("EIO=3&"));
        ws.send_text(&open("", 25_000));
        assert_eq!(ws.read_frame(), (2, vec![4, 1, 2, 3]));
        ws.reads("4text");
        ws.write(b"\x82\x02\x02\x01");
        ws.wait_closed();
    });
    let mut client = Client::start(&server);
    let connect = Connect::new(server.origin()).transports([TransportKind::WebSocket]);
    client.open(connect.protocol(Protocol::V3)).await;
    client.send(vec![1, 2, 3]).await;
    client.send("text").await;
    let reason = client.ended_cleanly().await;
    assert!(matches!(reason, DisconnectReason::Protocol(ProtocolError::Packet(_))), "{reason}");
    server.finish().await;
}

#[actix::test]
async fn a_client_of_either_protocol_goes_on_with_the_session_that_answers_in_version_3() {
    for body in [text_form(&[&open("", 25_000), "40"]).into_bytes(), binary_form(&[&open("", 25_000), "40"])]
    {
        let server = Server::start(move |server| {
            let mut get = server.accept();
            assert!(get.handshake().target.contains("EIO=4&"));
            get.respond(200, OCTETS, body);
            assert!(get.poll().target.contains("EIO=3&"));
            get.respond(200, TEXT, "1:1");
            get.expect_closed();
        });
        let mut client = connected(&server, Protocol::Any).await;
        assert_eq!(client.text().await, "0");
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
        assert_eq!(server.accepted(), 1, "the same connection");
        server.finish().await;
    }
}

#[actix::test]
async fn a_client_of_either_protocol_asks_in_version_3_where_version_4_is_refused() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        assert!(get.handshake().target.contains("EIO=4&"));
        get.respond(400, &[], r#"{"code":5,"message":"Unsupported protocol version"}"#);
        drop(get);
        let mut get = opens(server, &[&open("", 25_000)]);
        get.respond(200, TEXT, "1:1");
        get.expect_closed();
        // It is remembered.
        let mut get = opens(server, &[&open("", 25_000)]);
        get.respond(200, TEXT, "1:1");
        get.expect_closed();
    });
    let mut client = connected(&server, Protocol::Any).await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    client.open(Connect::new(server.origin()).protocol(Protocol::Any)).await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_version_that_the_server_does_not_speak_is_an_error_that_names_both_and_the_option() {
    for (protocol, answer, words) in [
        (Protocol::V4, text_form(&[&open("", 25_000)]), ["server speaks Engine.IO protocol 3", "protocol 4"]),
        (Protocol::V3, open("", 25_000), ["server speaks Engine.IO protocol 4", "protocol 3"]),
    ] {
        let server = Server::start(move |server| {
            let mut get = server.accept();
            get.handshake();
            get.respond(200, TEXT, answer);
            get.expect_closed();
        });
        let mut client = Client::start(&server);
        let err = client.fails_with(Connect::new(server.origin()).protocol(protocol)).await;
        assert!(matches!(err, ConnectError::UnsupportedProtocol { .. }) && !err.is_retryable(), "{err:?}");
        let text = err.to_string();
        assert!(words.iter().all(|words| text.contains(words)) && text.contains("`protocol`"), "{text}");
        server.finish().await;
    }
}

#[actix::test]
async fn a_websocket_without_a_ping_leads_a_client_of_either_protocol_to_version_3() {
    let server = Server::start(|server| {
        let mut ws = server.accept();
        assert!(ws.accept_websocket().target.contains("EIO=4&"));
        ws.send_text(&open("", 100).replace("20000", "400"));
        ws.wait_closed();
        let mut ws = server.accept();
        assert!(ws.accept_websocket().target.contains("EIO=3&"));
        ws.send_text(&open("", 100).replace("20000", "60000"));
        ws.reads("2");
        ws.send_text("3");
        ws.send_text("1");
        ws.wait_closed();
    });
    let policy = Reconnect::constant(Duration::from_millis(10)).on_server_close(false);
    let mut client = Client::with(&server, |builder| builder.reconnect(policy).protocol(Protocol::Any));
    let session = client.connect_over(TransportKind::WebSocket).await;
    assert_eq!(session.protocol, ProtocolVersion::V4);
    let Event::Disconnected(end) = client.next().await else { panic!("no end") };
    assert_eq!(end.reason, DisconnectReason::NoPing);
    assert!(end.reason.to_string().contains("protocol 3"), "{}", end.reason);
    assert!(matches!(client.next().await, Event::Reconnecting(_)));
    let Event::Connected(session) = client.next().await else { panic!("no other session") };
    assert_eq!(session.protocol, ProtocolVersion::V3);
    let Event::Disconnected(end) = client.next().await else { panic!("no end") };
    assert_eq!(end.reason, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_payload_that_lies_ends_the_session_with_an_error_behind_the_messages_before_it() {
    for (body, utf8) in [
        (&b"2:4a99:4b"[..], true),
        (b"2:4a18446744073709551616:4b", true),
        (b"2:4a02:4b", true),
        (b"2:4a2:4\xf0\x9f\x98\x80", true),
        (b"2:4a12", true),
        (b"2:4a\xff", false),
        (b"\x00\x02\xff4a\x00\x09\xff4b", true),
        (b"\x00\x02\xff4a\x01\x01", true),
        (b"\x00\x02\xff4a\x02\x02\xff4b", true),
        (b"\x00\x02\xff4a\x00\x02\xff4\xff", false),
    ] {
        let server = Server::start(move |server| {
            let mut get = opens(server, &[&open("", 25_000)]);
            get.respond(200, OCTETS, body);
            get.expect_closed();
        });
        let mut client = connected(&server, Protocol::V3).await;
        assert_eq!(client.text().await, "a", "{}", body.escape_ascii());
        match client.ended_cleanly().await {
            DisconnectReason::Protocol(ProtocolError::Packet(_)) if utf8 => {}
            DisconnectReason::Protocol(ProtocolError::Utf8) if !utf8 => {}
            reason => panic!("{reason} for {}", body.escape_ascii()),
        }
        server.finish().await;
    }
}

#[actix::test]
async fn a_message_may_be_as_large_as_the_limit_in_each_encoding() {
    const LIMIT: usize = 1000;
    let server = Server::start(|server| {
        let mut get = opens(server, &[&open("", 25_000)]);
        let binary = |len: usize| [&[1, 1, 0, 0, 1, 0xff, 4][..], &vec![7; len]].concat();
        get.respond(200, OCTETS, binary(LIMIT));
        get.poll();
        get.respond(200, TEXT, text_form(&[&format!("b4{}", "AAAA".repeat(333))]));
        get.poll();
        get.respond(200, TEXT, text_form(&[&format!("4{}", "x".repeat(LIMIT + 1))]));
        get.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.max_message_size(LIMIT).protocol(Protocol::V3));
    client.connect().await;
    assert_eq!(client.message().await.len(), LIMIT);
    assert_eq!(client.message().await.len(), 999);
    let reason = client.ended_cleanly().await;
    let expected = TransportError::body_too_large(LIMIT);
    assert_eq!(reason, DisconnectReason::TransportError(expected));
    server.finish().await;
}

#[actix::test]
async fn only_the_data_of_a_message_over_a_websocket_counts_for_its_limit() {
    const LIMIT: usize = 100;
    for (len, is_small) in [(LIMIT, true), (LIMIT + 1, false)] {
        let server = Server::start(move |server| {
            let mut ws = server.accept();
            ws.accept_websocket();
            ws.send_text(&open("", 25_000));
            ws.write([&[0x82, u8::try_from(len + 1).unwrap(), 4][..], &vec![7; len]].concat());
            if is_small {
                ws.send_text("1");
            }
            ws.wait_closed();
        });
        let mut client =
            Client::with(&server, |builder| builder.max_message_size(LIMIT).protocol(Protocol::V3));
        client.connect_over(TransportKind::WebSocket).await;
        if is_small {
            assert_eq!(client.message().await.len(), LIMIT);
        }
        let expected = match is_small {
            true => DisconnectReason::Server,
            false => DisconnectReason::Protocol(ProtocolError::too_large(101, LIMIT)),
        };
        assert_eq!(client.ended_cleanly().await, expected);
        server.finish().await;
    }
}
