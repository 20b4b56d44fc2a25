//! What a peer knows about messages: whether the client knows that they have arrived, and whether more are on their way.

use std::{panic::AssertUnwindSafe, time::Duration};

use actix_engineio::{
    self as engineio, Connect, Data, Disconnect, EngineIoClient, Event, EventStream, Flush, GetStatus,
    Protocol, ProtocolVersion, TransportKind,
    testing::{SessionEnd, TestServer},
};
use futures::{FutureExt as _, StreamExt as _};

use super::{TRANSPORTS, connect, fails, send};

/// The messages in doubt at the end of the session.
async fn in_doubt(events: &mut EventStream) -> Vec<Data> {
    loop {
        match events.next().await {
            Some(Event::Disconnected(end)) => return end.in_doubt.clone(),
            Some(_) => {}
            None => panic!("the client has stopped"),
        }
    }
}

#[actix::test]
async fn what_has_arrived_is_in_doubt_until_the_client_knows_it() {
    tokio::time::pause();
    for bytes in [1, 1_000, 1 << 20] {
        for transports in [&TRANSPORTS[..1], &TRANSPORTS[1..], &TRANSPORTS] {
            for is_confirmed in [true, false] {
                let server = TestServer::in_memory();
                let client =
                    EngineIoClient::builder().confirm_sends(bytes).connector(server.connector()).start();
                let mut events = EventStream::subscribe(&client).await.unwrap();
                let connect = Connect::new(server.url()).transports(transports.iter().copied());
                client.send(connect).await.unwrap().unwrap();
                let mut peer = server.accept().await;
                for number in 0..30 {
                    send(&client, number.to_string()).await;
                    assert_eq!(peer.receive().await, Data::from(number.to_string()));
                }
                if is_confirmed {
                    peer.confirmed().await;
                    let status = client.send(GetStatus).await.unwrap();
                    assert!(status.round_trip.is_some(), "the client has not read the answer");
                }
                server.stop();
                let in_doubt = in_doubt(&mut events).await;
                if is_confirmed {
                    assert_eq!(in_doubt, [], "{bytes} {transports:?}");
                } else if bytes == 1 << 20 && transports == &TRANSPORTS[1..] {
                    assert_eq!(in_doubt.len(), 30);
                }
            }
        }
    }
}

#[actix::test]
async fn messages_that_are_sent_at_once_are_confirmed_over_the_network() {
    for _ in 0..20 {
        let server = TestServer::start();
        let client = EngineIoClient::builder().confirm_sends(1).start();
        let mut events = EventStream::subscribe(&client).await.unwrap();
        client.send(Connect::new(server.url())).await.unwrap().unwrap();
        let mut peer = server.accept().await;
        peer.upgraded().await;
        for number in 0..20_u8 {
            client.do_send(engineio::Send::new(vec![number; 3_000]));
        }
        for number in 0..20_u8 {
            assert_eq!(peer.receive().await, Data::from(vec![number; 3_000]));
        }
        peer.confirmed().await;
        server.stop();
        assert_eq!(in_doubt(&mut events).await, []);
    }
}

#[actix::test]
async fn a_client_that_never_asks_fails_the_test_that_waits_for_it() {
    tokio::time::pause();
    let server = TestServer::in_memory();
    let (client, mut peer) = connect(&server, &TRANSPORTS[1..]).await;
    peer.confirmed().await;
    send(&client, "hello").await;
    peer.receive().await;
    let words = fails(peer.confirmed()).await;
    let expected = "waited 60s in session \"test-session-1\" for a WebSocket ping behind the messages, which only a client with \
                    `confirm_sends` sends by itself, without success: it is open over websocket";
    assert!(words.contains(expected), "{words}");
}

#[actix::test]
async fn there_is_more_until_the_send_queue_of_the_client_is_empty() {
    tokio::time::pause();
    for transport in TRANSPORTS {
        let server = TestServer::in_memory();
        let (client, mut peer) = connect(&server, &[transport]).await;
        peer.nothing_more().await;
        for number in 0..20_u8 {
            client.do_send(engineio::Send::new(vec![number; 100_000]));
        }
        // The answer to a ping is ahead of the messages that still wait.
        let mut received = 0;
        while let Err(panic) = AssertUnwindSafe(peer.nothing_more()).catch_unwind().await {
            let words = panic.downcast::<String>().unwrap();
            let expected =
                "nothing more was expected in session \"test-session-1\", but the client has sent ";
            assert!(words.contains(expected), "{words}");
            received += peer.received().len();
        }
        assert_eq!(received, 20, "{transport}");
    }
}

#[actix::test]
async fn nothing_more_comes_after_the_end() {
    let server = TestServer::start();
    let (client, mut peer) = connect(&server, &TRANSPORTS).await;
    send(&client, "hello").await;
    client.send(Flush).await.unwrap().unwrap();
    client.send(Disconnect::new()).await.unwrap();
    assert_eq!(peer.ended().await, SessionEnd::Client);
    assert!(fails(peer.nothing_more()).await.contains("but the client has sent the text \"hello\""));
    peer.receive().await;
    peer.nothing_more().await;
}

#[actix::test]
async fn a_message_that_the_server_drops_as_too_large_is_not_confirmed() {
    tokio::time::pause();
    // A client of protocol 3 does not know the limit.
    let server = TestServer::builder().protocols([ProtocolVersion::V3]).max_payload(100).in_memory();
    let builder = EngineIoClient::builder().protocol(Protocol::V3).connector(server.connector());
    let client = builder.confirm_sends(0).start();
    let mut events = EventStream::subscribe(&client).await.unwrap();
    let connect = Connect::new(server.url()).transports([TransportKind::WebSocket]);
    client.send(connect).await.unwrap().unwrap();
    let mut peer = server.accept().await;
    // The server finds the message and the ping behind it at once.
    server.hang();
    client.do_send(engineio::Send::binary(vec![7; 200]));
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.resume();
    assert_eq!(in_doubt(&mut events).await, [Data::from(vec![7; 200])]);
    assert_eq!(peer.received(), []);
}
