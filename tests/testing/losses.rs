//! Servers that are lost and come back.

use std::time::Duration;

use actix_engineio::{
    self as engineio, Connect, Data, EngineIoClient, Event, EventStream, Flush, ProtocolVersion, Reconnect,
    TransportKind,
    testing::{SessionEnd, TestServer},
};
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::timeout;

use super::{TRANSPORTS, connect, send};

#[actix::test]
async fn a_server_that_was_stopped_refuses_connections_until_it_is_started_again() {
    for is_in_memory in [false, true] {
        let server = if is_in_memory { TestServer::in_memory() } else { TestServer::start() };
        let policy = Reconnect::constant(Duration::from_millis(1));
        let builder = EngineIoClient::builder().reconnect(policy);
        let builder = if is_in_memory { builder.connector(server.connector()) } else { builder };
        let client = builder.start();
        let mut events = EventStream::subscribe(&client).await.unwrap();
        client.send(Connect::new(server.url())).await.unwrap().unwrap();
        let first = server.accept().await;
        server.stop();
        assert_eq!(first.ended().await, SessionEnd::Stopped);
        let mut attempts = 0;
        while attempts < 3 {
            attempts += u32::from(matches!(events.next().await, Some(Event::Reconnecting(_))));
        }
        assert_eq!(server.requests().iter().filter(|request| request.is_handshake()).count(), 1);
        server.restart();
        let second = server.accept().await;
        second.ping().await;
        assert_eq!(second.sid(), "test-session-2");
        server.restart();
        let third = server.accept().await;
        third.ping().await;
        assert_eq!(second.ended().await, SessionEnd::Stopped);
    }
}

#[actix::test]
async fn a_server_that_hangs_goes_on_where_it_was() {
    let server = TestServer::start();
    for transport in TRANSPORTS {
        let (client, mut peer) = connect(&server, &[transport]).await;
        server.hang();
        send(&client, "while it hung").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(peer.received().is_empty());
        server.resume();
        assert_eq!(peer.receive().await, Data::from("while it hung"));
    }
}

#[actix::test]
async fn a_handshake_that_the_client_has_given_up_opens_no_session() {
    type Trouble = (fn(&TestServer), fn(&TestServer));
    let troubles: [Trouble; 2] = [
        (TestServer::hang, TestServer::resume),
        (|server| server.delay(Duration::from_millis(200)), |server| server.delay(Duration::ZERO)),
    ];
    for transport in TRANSPORTS {
        for (begin, end) in troubles {
            for is_in_memory in [true, false] {
                let server = if is_in_memory { TestServer::in_memory() } else { TestServer::start() };
                let builder = EngineIoClient::builder().transports([transport]);
                let builder = if is_in_memory { builder.connector(server.connector()) } else { builder };
                let client = builder.clone().connect_timeout(Duration::from_millis(50)).start();
                begin(&server);
                for _ in 0..3 {
                    client.send(Connect::new(server.url())).await.unwrap().unwrap_err();
                }
                end(&server);
                let client = builder.start();
                client.send(Connect::new(server.url())).await.unwrap().unwrap();
                assert_eq!(server.accept().await.sid(), "test-session-1");
                assert!(server.accept().now_or_never().is_none());
            }
        }
    }
}

#[actix::test]
async fn a_restart_before_the_resume_forgets_what_was_sent_while_the_server_hung() {
    let server = TestServer::start();
    let client = EngineIoClient::builder().start();
    client.send(Connect::new(server.url())).await.unwrap().unwrap();
    let peer = server.accept().await;
    peer.upgraded().await;
    server.hang();
    send(&client, "lost").await;
    client.send(Flush).await.unwrap().unwrap();
    server.restart();
    let builder = EngineIoClient::builder().connect_timeout(Duration::from_millis(50));
    builder.start().send(Connect::new(server.url())).await.unwrap().unwrap_err();
    server.resume();
    assert_eq!(peer.ended().await, SessionEnd::Stopped);
    peer.nothing_more().await;
    let client = EngineIoClient::builder().start();
    client.send(Connect::new(server.url())).await.unwrap().unwrap();
    assert_eq!(server.accept().await.sid(), "test-session-2");
}

#[actix::test]
async fn a_session_that_has_ended_is_accepted_with_what_it_has_received() {
    let server = TestServer::start();
    let builder = EngineIoClient::builder().transports([TransportKind::Polling]);
    let client = builder.reconnect(Reconnect::constant(Duration::from_millis(1))).start();
    client.send(Connect::new(server.url())).await.unwrap().unwrap();
    send(&client, "to the first").await;
    client.send(Flush).await.unwrap().unwrap();
    server.restart();
    server.handshakes(2).await;
    let mut first = server.accept().await;
    assert_eq!(first.receive().await, Data::from("to the first"));
    assert_eq!(first.ended().await, SessionEnd::Stopped);
    server.accept().await.ping().await;
}

#[actix::test]
async fn a_message_that_is_too_large_for_a_session_that_has_ended_is_not_acknowledged() {
    tokio::time::pause();
    // A client of protocol 3 does not know the limit.
    let builder = TestServer::builder().protocols([ProtocolVersion::V3]).max_payload(100);
    let server = builder.in_memory();
    // The client learns late that the session has ended.
    server.delay(Duration::from_secs(1));
    let (client, mut peer) = connect(&server, &TRANSPORTS[..1]).await;
    let mut events = EventStream::subscribe(&client).await.unwrap();
    peer.close();
    send(&client, vec![7; 200]).await;
    let end = loop {
        if let Some(Event::Disconnected(end)) = events.next().await {
            break end;
        }
    };
    assert_eq!(peer.received(), []);
    assert_eq!([&*end.in_doubt, &*end.unsent].concat(), [Data::from(vec![7; 200])]);
}

#[actix::test]
async fn a_wait_that_is_dropped_takes_nothing() {
    let server = TestServer::start();
    let moment = Duration::from_millis(5);
    timeout(moment, server.accept()).await.unwrap_err();
    let (client, mut peer) = connect(&server, &TRANSPORTS).await;
    timeout(moment, peer.receive()).await.unwrap_err();
    drop(peer.receive());
    client.send(engineio::Send::text("hello")).await.unwrap().unwrap();
    assert_eq!(peer.receive().await, Data::from("hello"));
}
