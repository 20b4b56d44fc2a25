//! The server for users' tests: what it does, and what it says when a test fails.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::{panic::AssertUnwindSafe, time::Duration};

use actix::prelude::*;
use actix_engineio::{
    self as engineio, Connect, Data, Disconnect, DisconnectReason, EngineIoClient, Event, EventStream,
    Protocol, ProtocolVersion, SendErrorKind, TransportKind, Wait,
    testing::{Peer, Refusal, SessionEnd, TestServer},
};
use futures::{FutureExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

mod confirmations;
mod failures;
mod losses;

const TRANSPORTS: [TransportKind; 2] = [TransportKind::Polling, TransportKind::WebSocket];

async fn connect(server: &TestServer, transports: &[TransportKind]) -> (Addr<EngineIoClient>, Peer) {
    let client = EngineIoClient::builder().protocol(Protocol::Any).connector(server.connector()).start();
    let connect = Connect::new(server.url()).transports(transports.iter().copied());
    client.send(connect).await.unwrap().unwrap();
    (client, server.accept().await)
}

async fn send(client: &Addr<EngineIoClient>, data: impl Into<Data>) {
    client.send(engineio::Send::new(data)).await.unwrap().unwrap();
}

/// The words of the panic of a future.
async fn fails(future: impl Future) -> String {
    let panic = AssertUnwindSafe(future).catch_unwind().await.map(drop).unwrap_err();
    *panic.downcast().unwrap()
}

#[actix::test]
async fn messages_go_both_ways_in_order_over_each_transport_and_across_the_upgrade() {
    for transports in [&TRANSPORTS[..1], &TRANSPORTS[1..], &TRANSPORTS] {
        for server in [TestServer::start(), TestServer::in_memory()] {
            let (client, mut peer) = connect(&server, transports).await;
            let events = EventStream::subscribe(&client).await.unwrap();
            for number in 0..50_u8 {
                send(&client, number.to_string()).await;
                send(&client, vec![number; 300]).await;
                peer.send(vec![number]);
                peer.send(number.to_string());
                peer.ping().await;
            }
            for number in 0..50_u8 {
                assert_eq!(peer.receive().await, Data::from(number.to_string()));
                assert_eq!(peer.receive().await, Data::from(vec![number; 300]));
            }
            let messages = events.filter_map(async |event| match event {
                Event::Message(data) => Some(data),
                _ => None,
            });
            let expected = (0..50).flat_map(|number| [vec![number].into(), Data::from(number.to_string())]);
            assert_eq!(messages.take(100).collect::<Vec<_>>().await, expected.collect::<Vec<_>>());
            client.send(Disconnect::new()).await.unwrap();
            assert_eq!(peer.ended().await, SessionEnd::Client);
        }
    }
}

#[actix::test]
async fn protocol_3_is_spoken_over_each_transport_and_with_its_own_heartbeat() {
    tokio::time::pause();
    for transports in [&TRANSPORTS[..1], &TRANSPORTS[1..], &TRANSPORTS] {
        let server = TestServer::builder().protocols([ProtocolVersion::V3]).in_memory();
        let client = EngineIoClient::builder().protocol(Protocol::V3).connector(server.connector()).start();
        let mut events = EventStream::subscribe(&client).await.unwrap();
        let connect = Connect::new(server.url()).transports(transports.iter().copied());
        let session = client.send(connect).await.unwrap().unwrap();
        assert_eq!((session.protocol, session.max_payload), (ProtocolVersion::V3, None));
        let mut peer = server.accept().await;
        for data in [Data::from("é"), Data::from(vec![1, 2])] {
            send(&client, data.clone()).await;
            assert_eq!(peer.receive().await, data);
            peer.send(data.clone());
            let is_message = |event: &Event| std::future::ready(matches!(event, Event::Message(_)));
            let Some(Event::Message(received)) = events.by_ref().filter(is_message).next().await else {
                panic!("no message")
            };
            assert_eq!(received, data);
        }
        tokio::time::sleep(Duration::from_secs(600)).await;
        peer.ping().await;
        server.pings(false);
        assert_eq!(client.send(Wait).await.unwrap(), Some(DisconnectReason::PingTimeout));
    }
}

#[actix::test]
async fn a_version_that_the_server_does_not_speak_is_refused_and_any_finds_the_right_one() {
    let server = TestServer::builder().protocols([ProtocolVersion::V3]).start();
    let client = EngineIoClient::builder().start();
    client.send(Connect::new(server.url())).await.unwrap().unwrap_err();
    let (client, mut peer) = connect(&server, &TRANSPORTS).await;
    send(&client, "in protocol 3").await;
    assert_eq!(peer.receive().await, Data::from("in protocol 3"));
    let versions: Vec<_> =
        server.requests().iter().map(|request| request.parameter("EIO").unwrap() == "3").collect();
    assert!(versions.is_sorted() && versions[..2] == [false, false] && versions.last() == Some(&true));
}

#[actix::test]
async fn a_session_ends_as_the_test_wants_over_each_transport() {
    type End = (fn(&Peer), fn(&DisconnectReason) -> bool, SessionEnd);
    let ends: [End; 2] = [
        (Peer::close, |reason| *reason == DisconnectReason::Server, SessionEnd::Server),
        (
            Peer::drop_connection,
            |reason| matches!(reason, DisconnectReason::TransportError(_)),
            SessionEnd::Lost,
        ),
    ];
    for transport in TRANSPORTS {
        for (act, is_reason, end) in ends {
            for server in [TestServer::start(), TestServer::in_memory()] {
                let (client, peer) = connect(&server, &[transport]).await;
                let wait = client.send(Wait);
                act(&peer);
                let reason = wait.await.unwrap().unwrap();
                assert!(is_reason(&reason), "{transport}: {reason:?}");
                assert_eq!(peer.ended().await, end);
            }
        }
    }
}

#[actix::test]
async fn a_close_frame_has_the_code_that_the_test_wants() {
    let server = TestServer::start();
    let (client, peer) = connect(&server, &TRANSPORTS).await;
    peer.upgraded().await;
    let wait = client.send(Wait);
    peer.close_with(1013);
    assert!(wait.await.unwrap().unwrap().to_string().contains("1013"));
}

#[actix::test]
async fn a_session_that_vanishes_ends_by_the_silence_and_new_ones_are_served() {
    tokio::time::pause();
    for transport in TRANSPORTS {
        let server = TestServer::in_memory();
        let (client, peer) = connect(&server, &[transport]).await;
        let wait = client.send(Wait);
        peer.vanish();
        assert_eq!(wait.await.unwrap(), Some(DisconnectReason::PingTimeout), "{transport}");
        let _ = connect(&server, &[transport]).await;
    }
}

#[actix::test]
async fn pings_go_out_by_themselves_and_a_client_that_does_not_answer_loses_its_session() {
    tokio::time::pause();
    let server = TestServer::in_memory();
    let (client, peer) = connect(&server, &TRANSPORTS[1..]).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    peer.ping().await;

    // Another connection of WebSocket, by hand, that answers nothing.
    let other = TestServer::in_memory();
    let mut stream = (other.connector())(engineio::Destination::new("test-server", 80, false)).await.unwrap();
    let head = "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nupgrade: websocket\r\n\
                sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let silent = other.accept().await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(silent.ended().await, SessionEnd::PingTimeout);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    assert!(answer.contains("\"pingInterval\":25000") && answer.ends_with("\u{1}2"), "{answer:?}");
    client.send(Disconnect::new()).await.unwrap();
}

#[actix::test]
async fn a_server_without_pings_loses_the_client() {
    tokio::time::pause();
    let server = TestServer::in_memory();
    server.pings(false);
    let (client, _peer) = connect(&server, &TRANSPORTS).await;
    assert_eq!(client.send(Wait).await.unwrap(), Some(DisconnectReason::PingTimeout));
}

#[actix::test]
async fn handshakes_are_refused_as_often_as_the_test_wants_and_with_its_words() {
    let server = TestServer::start();
    server.refuse(Refusal::new(503, "busy").retry_after(Duration::from_secs(7)).times(2));
    server.refuse(Refusal::new(401, "who are you?").header("www-authenticate", "Bearer"));
    let client = EngineIoClient::builder().start();
    for transport in TRANSPORTS {
        let connect = Connect::new(server.url()).transports([transport]);
        let err = client.send(connect).await.unwrap().unwrap_err();
        let status = err.http_status().unwrap();
        assert_eq!((status.status, status.message.as_deref()), (503, Some("busy")));
        assert_eq!(status.retry_after, Some(Duration::from_secs(7)));
    }
    let err = client.send(Connect::new(server.url())).await.unwrap().unwrap_err();
    assert_eq!(err.http_status().unwrap().status, 401);
    client.send(Connect::new(server.url())).await.unwrap().unwrap();
    assert_eq!(server.requests().iter().filter(|request| request.is_handshake()).count(), 4);
}

#[actix::test]
async fn a_client_stays_on_polling_if_upgrades_are_refused_or_not_offered() {
    let server = TestServer::start();
    server.refuse_upgrades(true);
    let (_client, peer) = connect(&server, &TRANSPORTS).await;
    server.handshakes(1).await;
    peer.ping().await;
    peer.ping().await;
    assert_eq!(peer.transport(), TransportKind::Polling);

    let server = TestServer::builder().upgrades([]).start();
    let (client, _) = connect(&server, &TRANSPORTS).await;
    client.send(Disconnect::new()).await.unwrap();
    assert!(!server.requests().iter().any(|request| request.is_websocket()));
}

#[actix::test]
async fn the_limit_of_the_server_is_a_limit_of_the_client() {
    let server = TestServer::builder().max_payload(100).start();
    for transport in TRANSPORTS {
        let (client, mut peer) = connect(&server, &[transport]).await;
        let err = client.send(engineio::Send::text("x".repeat(100))).await.unwrap().unwrap_err();
        assert!(matches!(err.kind, SendErrorKind::TooLarge { size: 101, limit: 100, .. }), "{err:?}");
        send(&client, "x".repeat(99)).await;
        assert_eq!(peer.receive().await.len(), 99);
    }
}

#[actix::test]
async fn cookies_and_headers_of_a_client_are_recorded() {
    let server = TestServer::builder().header("set-cookie", "node=3; Path=/").start();
    let client = EngineIoClient::builder().header("X-Tenant", "blue").start();
    client.send(Connect::new(format!("{}/?room=7%208", server.url()))).await.unwrap().unwrap();
    let peer = server.accept().await;
    peer.upgraded().await;
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.header("x-tenant") == Some("blue")));
    assert!(requests.iter().all(|request| request.parameter("room") == Some("7 8")));
    let websocket = requests.iter().find(|request| request.is_websocket()).unwrap();
    assert_eq!((websocket.cookie("node"), requests[0].cookie("node")), (Some("3"), None));
    assert_eq!(websocket.parameter("sid"), Some(&*peer.sid()));
}

#[actix::test]
async fn nothing_of_a_server_lives_after_it_was_dropped() {
    let server = TestServer::start();
    let url = server.url();
    let (client, mut peer) = {
        let client = EngineIoClient::builder().start();
        client.send(Connect::new(&url)).await.unwrap().unwrap();
        (client, server.accept().await)
    };
    let wait = client.send(Wait);
    drop(server);
    assert!(matches!(wait.await.unwrap(), Some(DisconnectReason::TransportError(_))));
    assert_eq!(peer.ended().await, SessionEnd::Stopped);
    assert!(fails(peer.receive()).await.contains("the server was stopped"));
    client.send(Connect::new(&url)).await.unwrap().unwrap_err();
}
