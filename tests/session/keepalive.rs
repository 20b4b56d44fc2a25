//! WebSocket pings to a server that is silent.

use std::time::Duration;

use actix_engineio::{DisconnectReason, Event, EventStream, GetStatus, State, TransportKind, WebSocketPing};

use futures::StreamExt as _;

use crate::support::{
    Client, Clock, TICK, milestone, moment,
    script::{OPEN, UPGRADABLE},
    server::Server,
    signal, soon, steps,
};

const INTERVAL: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(1);

fn pinging(server: &Server) -> Client {
    Client::with(server, |builder| builder.websocket_ping(WebSocketPing::every(INTERVAL).timeout(TIMEOUT)))
}

#[actix::test]
async fn a_connection_that_is_lost_without_a_sign_is_noticed_after_interval_and_timeout() {
    for upgrades in [false, true] {
        let clock = Clock::stop();
        let (answered, is_answered) = milestone();
        let (pinged, is_pinged) = milestone();
        let server = Server::start(move |server| {
            let mut ws = if upgrades {
                server.upgrades(server.opens(UPGRADABLE))
            } else {
                server.opens_websocket(OPEN)
            };
            let ping = ws.reads_ping();
            ws.sends_pong(&ping);
            answered.reached();
            // From here on the server is silent.
            ws.reads_ping();
            pinged.reached();
            ws.wait_closed();
        });
        let mut client = pinging(&server);
        if upgrades {
            client.connect().await;
            client.upgraded().await;
        } else {
            client.connect_over(TransportKind::WebSocket).await;
        }
        clock.advance(INTERVAL + TICK).await;
        is_answered.await;
        clock.advance(INTERVAL + TICK).await;
        is_pinged.await;
        clock.advance(TIMEOUT - 10 * TICK).await;
        assert_eq!(client.addr.send(GetStatus).await.unwrap().state, State::Connected);
        clock.advance(20 * TICK).await;
        assert_eq!(client.ended_cleanly().await, DisconnectReason::PingTimeout);
        server.finish().await;
    }
}

#[actix::test]
async fn a_server_that_sends_anything_is_not_asked() {
    let clock = Clock::stop();
    let (mut steps, cues) = steps();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        // A message, a ping of its own, a pong that nobody asked for, and half a message.
        for bytes in [&b"\x81\x024a"[..], b"\x89\x00", b"\x8a\x00", b"\x01\x014"] {
            cues.step(|| ws.write(bytes));
        }
        ws.write(b"\x80\x01b\x81\x011");
        assert_eq!(ws.read_frame(), (10, vec![]), "the only frame from the client");
        ws.wait_closed();
    });
    let mut client = pinging(&server);
    client.connect_over(TransportKind::WebSocket).await;
    for step in 0..4 {
        clock.advance(INTERVAL * 3 / 4).await;
        steps.next().await;
        if step == 0 {
            assert_eq!(client.text().await, "a");
        }
    }
    assert_eq!(client.text().await, "b");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_server_that_never_answers_pings_keeps_its_session() {
    let clock = Clock::stop();
    let (goes_on, is_over) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads_ping();
        is_over.wait();
        ws.ends_websocket();
    });
    let mut client = pinging(&server);
    client.connect_over(TransportKind::WebSocket).await;
    for _ in 0..10 {
        clock.advance(INTERVAL + TIMEOUT).await;
    }
    goes_on.send();
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn no_time_runs_while_a_subscriber_does_not_read() {
    let clock = Clock::stop();
    let (over, is_over) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        let ping = ws.reads_ping();
        ws.sends_pong(&ping);
        ws.floods();
        is_over.wait();
        ws.reads_ping();
        ws.ends_websocket();
    });
    let mut client = Client::with(&server, |builder| {
        builder.websocket_ping(WebSocketPing::every(INTERVAL).timeout(TIMEOUT)).receive_buffer(1000)
    });
    client.connect_over(TransportKind::WebSocket).await;
    let mut stream = EventStream::subscribe(&client.addr).await.unwrap();
    assert!(matches!(soon("an event", stream.next()).await, Some(Event::Connected(_))));
    clock.advance(INTERVAL + TICK).await;
    client.has_backpressure().await;
    for _ in 0..10 {
        clock.advance(INTERVAL).await;
    }
    assert_eq!(client.addr.send(GetStatus).await.unwrap().state, State::Connected);
    over.send();
    actix_rt::spawn(stream.for_each(|_| async {}));
    moment().await;
    clock.advance(INTERVAL + TICK).await;
    assert_eq!(client.ended_after_flood().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn over_polling_the_option_has_no_effect() {
    let clock = Clock::stop();
    let (over, is_over) = signal();
    let server = Server::start(move |server| {
        let get = server.opens(OPEN);
        is_over.wait();
        get.ends_session();
    });
    let mut client = pinging(&server);
    client.connect().await;
    for _ in 0..10 {
        clock.advance(INTERVAL + TIMEOUT).await;
    }
    assert_eq!(client.addr.send(GetStatus).await.unwrap().transport, Some(TransportKind::Polling));
    over.send();
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}
