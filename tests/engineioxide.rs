//! The client against a real server in the same process: engineioxide.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../examples/embedded/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod embedded;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::Addr;
use actix_engineio::{
    self as engineio, Connect, Data, Disconnect, DisconnectReason, EngineIoClient, Event, EventStream,
    GetStatus, Protocol, ProtocolVersion, State, TransportKind, Wait,
};
use actix_rt::time::timeout;
use bytes::Bytes;
use embedded::{Echo, EmbeddedServer, config};
use engineioxide::{Socket, Str, config::EngineIoConfig, handler::EngineIoHandler};
use futures::StreamExt as _;
use tokio::sync::mpsc;

const WAYS: [&[TransportKind]; 3] = [
    &[TransportKind::Polling],
    &[TransportKind::WebSocket],
    &[TransportKind::Polling, TransportKind::WebSocket],
];

async fn next(events: &mut EventStream) -> Event {
    timeout(Duration::from_secs(60), events.next()).await.expect("an event within a minute").unwrap()
}

async fn connect(url: String, way: &[TransportKind]) -> (Addr<EngineIoClient>, EventStream) {
    connect_in(ProtocolVersion::V4, url, way).await
}

async fn connect_in(
    version: ProtocolVersion,
    url: String,
    way: &[TransportKind],
) -> (Addr<EngineIoClient>, EventStream) {
    let client = EngineIoClient::builder().start();
    let mut events = EventStream::subscribe(&client).await.unwrap();
    let connect = Connect::new(url).transports(way.iter().copied()).protocol(version.into());
    let session = client.send(connect).await.unwrap().unwrap();
    assert_eq!(session.protocol, version);
    assert!(matches!(next(&mut events).await, Event::Connected(_)));
    (client, events)
}

#[actix::test]
async fn messages_of_every_kind_come_back_as_they_were_sent() {
    messages_come_back(ProtocolVersion::V4).await;
}

#[actix::test]
async fn messages_of_every_kind_come_back_as_they_were_sent_in_protocol_3() {
    messages_come_back(ProtocolVersion::V3).await;
}

async fn messages_come_back(version: ProtocolVersion) {
    let server = EmbeddedServer::echo().unwrap();
    for way in WAYS {
        let (client, mut events) = connect_in(version, server.url(), way).await;
        let messages = [
            Data::from("hello"),
            Data::from(""),
            Data::from("a £ € 😀 \u{0} \\ \" \n"),
            Data::from(Vec::new()),
            Data::from((0..=255).collect::<Vec<u8>>()),
            Data::from(vec![0x1e; 1000]),
            Data::from("x".repeat(50_000)),
        ];
        for message in &messages {
            client.send(engineio::Send::new(message.clone())).await.unwrap().unwrap();
        }
        let mut upgraded = false;
        let mut received = Vec::new();
        while received.len() < messages.len() || upgraded != (way.len() == 2) {
            match next(&mut events).await {
                Event::Message(data) => received.push(data),
                Event::Upgraded(TransportKind::WebSocket) => upgraded = true,
                event => panic!("{event:?}"),
            }
        }
        assert_eq!(received, messages, "{way:?}");
        let status = client.send(GetStatus).await.unwrap();
        assert_eq!((status.state, status.transport), (State::Connected, way.last().copied()));
        client.send(Disconnect::new()).await.unwrap();
        let Event::Disconnected(end) = next(&mut events).await else { panic!("not the last event") };
        assert_eq!(end.reason, DisconnectReason::Client(None));
        assert_eq!((end.unsent.len(), end.in_doubt.len()), (0, 0));
        assert_eq!(client.send(Wait).await.unwrap(), Some(DisconnectReason::Client(None)));
    }
}

/// Sends numbers to each client, and passes on what it receives.
#[derive(Debug)]
struct Counter {
    upto: usize,
    received: Mutex<mpsc::UnboundedSender<String>>,
    ended: mpsc::UnboundedSender<engineioxide::DisconnectReason>,
}

impl EngineIoHandler for Counter {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<()>>) {
        tokio::spawn(async move {
            for at in 0..self.upto {
                socket.emit(at.to_string()).unwrap();
                // Spread over the time that an upgrade takes.
                if at % 20 == 0 {
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
            }
        });
    }

    fn on_disconnect(&self, _: Arc<Socket<()>>, reason: engineioxide::DisconnectReason) {
        let _ = self.ended.send(reason);
    }

    fn on_message(self: &Arc<Self>, text: Str, _: Arc<Socket<()>>) {
        let _ = self.received.lock().unwrap().send(text.to_string());
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}

#[actix::test]
async fn a_thousand_numbered_messages_each_way_cross_an_upgrade_in_order() {
    a_thousand_cross(ProtocolVersion::V4).await;
}

#[actix::test]
async fn a_thousand_numbered_messages_each_way_cross_an_upgrade_in_order_in_protocol_3() {
    a_thousand_cross(ProtocolVersion::V3).await;
}

async fn a_thousand_cross(version: ProtocolVersion) {
    const COUNT: usize = 1000;
    let (sender, mut at_server) = mpsc::unbounded_channel();
    let (ended, mut ends) = mpsc::unbounded_channel();
    let handler = Counter { upto: COUNT, received: Mutex::new(sender), ended };
    let server = EmbeddedServer::start(handler, config()).unwrap();
    let (client, mut events) = connect_in(version, server.url(), WAYS[2]).await;

    let sending = actix_rt::spawn({
        let client = client.clone();
        async move {
            for at in 0..COUNT {
                client.send(engineio::Send::text(at.to_string())).await.unwrap().unwrap();
                if at % 20 == 0 {
                    actix_rt::time::sleep(Duration::from_micros(200)).await;
                }
            }
        }
    });
    let (mut received, mut before) = (0, None);
    while received < COUNT || before.is_none() {
        match next(&mut events).await {
            Event::Message(Data::Text(text)) => {
                assert_eq!(text, received.to_string());
                received += 1;
            }
            Event::Upgraded(_) => before = Some(received),
            event => panic!("{event:?}"),
        }
    }
    sending.await.unwrap();
    client.send(Disconnect::new()).await.unwrap();
    for at in 0..COUNT {
        assert_eq!(at_server.recv().await.unwrap(), at.to_string());
    }
    assert!(at_server.try_recv().is_err(), "none doubled");
    ends.recv().await.unwrap();
    println!("{} of {COUNT} messages came before the upgrade", before.unwrap_or(0));
}

#[actix::test]
async fn everything_that_was_sent_before_a_disconnect_arrives() {
    const COUNT: usize = 500;
    for way in WAYS {
        let (sender, mut at_server) = mpsc::unbounded_channel();
        let (ended, mut ends) = mpsc::unbounded_channel();
        let handler = Counter { upto: 0, received: Mutex::new(sender), ended };
        let server = EmbeddedServer::start(handler, config()).unwrap();
        let (client, _events) = connect(server.url(), way).await;
        for at in 0..COUNT {
            client.do_send(engineio::Send::text(at.to_string()));
        }
        client.send(Disconnect::new()).await.unwrap();
        for at in 0..COUNT {
            assert_eq!(at_server.recv().await.unwrap(), at.to_string(), "{way:?}");
        }
        ends.recv().await.unwrap();
    }
}

#[actix::test]
async fn a_session_in_protocol_3_outlives_many_pings_and_knows_the_time_of_their_answers() {
    let config = EngineIoConfig::builder()
        .ping_interval(Duration::from_millis(100))
        .ping_timeout(Duration::from_secs(30))
        .build();
    for way in WAYS {
        let server = EmbeddedServer::start(Echo, config.clone()).unwrap();
        let (client, mut events) = connect_in(ProtocolVersion::V3, server.url(), way).await;
        // Each ping is a packet that was sent, and each pong one that was received.
        loop {
            let counters = client.send(GetStatus).await.unwrap().counters;
            if counters.packets_sent.min(counters.packets_received) > 10 {
                break;
            }
            actix_rt::time::sleep(Duration::from_millis(20)).await;
        }
        let status = client.send(GetStatus).await.unwrap();
        assert_eq!(status.state, State::Connected);
        assert!(status.round_trip.unwrap() < Duration::from_secs(10));
        client.send(engineio::Send::text("still there")).await.unwrap().unwrap();
        loop {
            match next(&mut events).await {
                Event::Upgraded(_) => {}
                Event::Message(data) => break assert_eq!(data, Data::from("still there")),
                event => panic!("{event:?}"),
            }
        }
        client.send(Disconnect::new()).await.unwrap();
    }
}

#[actix::test]
async fn a_client_of_either_protocol_speaks_version_4_to_a_server_of_both() {
    let server = EmbeddedServer::echo().unwrap();
    for way in WAYS {
        let client = EngineIoClient::builder().protocol(Protocol::Any).start();
        let connect = Connect::new(server.url()).transports(way.iter().copied());
        let session = client.send(connect).await.unwrap().unwrap();
        assert_eq!(session.protocol, ProtocolVersion::V4);
        client.send(Disconnect::new()).await.unwrap();
    }
}

#[actix::test]
async fn a_server_that_is_killed_is_a_transport_that_failed() {
    for way in &WAYS[..2] {
        let server = EmbeddedServer::echo().unwrap();
        let (client, mut events) = connect(server.url(), way).await;
        drop(server);
        let reason = client.send(Wait).await.unwrap().unwrap();
        assert!(
            matches!(reason, DisconnectReason::TransportError(_)) || reason == DisconnectReason::Server,
            "{reason}"
        );
        assert!(matches!(next(&mut events).await, Event::Disconnected(_)));
    }
}

#[actix::test]
async fn nothing_is_in_doubt_after_a_disconnect_over_polling() {
    // The server may send either of its two answers first.
    for _ in 0..100 {
        let server = EmbeddedServer::echo().unwrap();
        let (client, mut events) = connect(server.url(), WAYS[0]).await;
        for at in 0..5 {
            client.do_send(engineio::Send::text(at.to_string()));
        }
        client.send(Disconnect::new()).await.unwrap();
        let end = loop {
            if let Event::Disconnected(end) = next(&mut events).await {
                break end;
            }
        };
        assert!(end.in_doubt.is_empty() && end.unsent.is_empty(), "{end:?}");
    }
}
