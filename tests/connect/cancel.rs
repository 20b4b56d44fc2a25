//! Connects that the user no longer wants, or wants twice.

use std::{sync::Arc, time::Duration};

use actix_engineio::{
    Connect, ConnectError, Disconnect, DisconnectReason, EngineIoClientBuilder, Event, Session, TransportKind,
};
use actix_rt::task::JoinHandle;

use crate::support::{
    Client, Clock, SHORT, milestone,
    script::OPEN,
    server::{Acceptor, Peer, Server},
    signal,
};

type Connecting = JoinHandle<Result<Arc<Session>, ConnectError>>;

/// Starts a connect, and returns when its handshake was received. Then the server goes on with `script`.
async fn connecting(
    configure: impl FnOnce(EngineIoClientBuilder) -> EngineIoClientBuilder,
    script: impl FnOnce(&Acceptor, Peer) + Send + 'static,
) -> (Client, Connecting, Server) {
    let (asked, has_asked) = milestone();
    let server = Server::start(move |server| {
        let mut get = server.accept();
        get.handshake();
        asked.reached();
        script(server, get);
    });
    let client = Client::with(&server, configure);
    let connecting = client.connecting(Connect::new(server.origin()));
    has_asked.await;
    (client, connecting, server)
}

/// Cancels a connect whose handshake was received. Then the server answers with `script`.
async fn cancelled(script: impl FnOnce(&Acceptor, Peer) + Send + 'static) {
    let (cancelled, is_cancelled) = signal();
    let (mut client, connecting, server) = connecting(
        |builder| builder,
        |server, get| {
            is_cancelled.wait();
            script(server, get);
        },
    )
    .await;
    let disconnecting = client.addr.send(Disconnect::new().reason("changed my mind"));
    let disconnecting = actix_rt::spawn(disconnecting);
    // The message is in the mailbox before the script goes on.
    actix_rt::task::yield_now().await;
    cancelled.send();
    disconnecting.await.unwrap().unwrap();
    is_cancelled_and_gone(&mut client, connecting).await;
    server.finish().await;
}

async fn is_cancelled_and_gone(client: &mut Client, connecting: Connecting) {
    assert_eq!(connecting.await.unwrap(), Err(ConnectError::Cancelled));
    client.is_gone().await;
    assert!(client.events.waiting().is_empty(), "there was no session");
}

#[actix::test]
async fn a_session_that_opens_after_the_disconnect_is_closed() {
    cancelled(|server, mut get| {
        get.packets(format!("{OPEN}\u{1e}4too late"));
        let mut post = server.accept();
        post.accepts("1");
        post.expect_closed();
        get.expect_closed();
    })
    .await;
}

#[actix::test]
async fn a_handshake_that_is_refused_after_the_disconnect_is_cancelled() {
    cancelled(|_, mut get| {
        get.respond(403, &[], "");
        get.expect_closed();
    })
    .await;
}

#[actix::test]
async fn a_close_of_an_unwanted_session_that_is_refused_or_lost_is_cancelled_too() {
    for is_lost in [false, true] {
        cancelled(move |server, mut get| {
            get.packets(OPEN);
            let mut post = server.accept();
            post.posts("1");
            if is_lost {
                post.reset();
            } else {
                post.respond(400, &[], "");
                post.expect_closed();
            }
            get.expect_closed();
        })
        .await;
    }
}

#[actix::test]
async fn a_handshake_that_is_never_answered_is_cancelled_within_close_timeout_and_two_seconds() {
    let clock = Clock::stop();
    let seconds = Duration::from_secs;
    for (close_timeout, waited) in [(SHORT, SHORT), (seconds(2), seconds(2)), (seconds(60), seconds(2))] {
        let (mut client, connecting, server) =
            connecting(move |builder| builder.close_timeout(close_timeout), |_, get| get.expect_closed())
                .await;
        clock.takes(waited, async {}, client.addr.send(Disconnect::new())).await.unwrap();
        is_cancelled_and_gone(&mut client, connecting).await;
        server.finish().await;
    }
}

#[actix::test]
async fn a_close_that_is_never_answered_is_bounded_by_close_timeout() {
    let clock = Clock::stop();
    let (cancelled, is_cancelled) = signal();
    let (closing, is_closing) = milestone();
    let (mut client, connecting, server) = connecting(
        |builder| builder.close_timeout(SHORT),
        |server, mut get| {
            is_cancelled.wait();
            get.packets(OPEN);
            let mut post = server.accept();
            post.posts("1");
            closing.reached();
            post.expect_closed();
            get.expect_closed();
        },
    )
    .await;
    let begin = async {
        cancelled.send();
        is_closing.await;
    };
    clock.takes(SHORT, begin, client.addr.send(Disconnect::new())).await.unwrap();
    is_cancelled_and_gone(&mut client, connecting).await;
    server.finish().await;
}

#[actix::test]
async fn an_abort_does_not_wait_for_the_handshake() {
    let _clock = Clock::stop();
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let (asked, has_asked) = milestone();
        let server = Server::start(|server| {
            let mut peer = server.accept();
            peer.read_request();
            asked.reached();
            peer.expect_closed();
        });
        let mut client = Client::start(&server);
        let connecting = client.connecting(Connect::new(server.origin()).transports([transport]));
        has_asked.await;
        client.addr.send(Disconnect::abort()).await.unwrap();
        is_cancelled_and_gone(&mut client, connecting).await;
        server.finish().await;
    }
}

#[actix::test]
async fn a_websocket_that_has_not_opened_is_cancelled_at_once() {
    let _clock = Clock::stop();
    // In its handshake, and before its open packet.
    for accepts in [false, true] {
        let (asked, has_asked) = milestone();
        let server = Server::start(move |server| {
            let mut ws = server.accept();
            if accepts {
                ws.accept_websocket();
                // Its pong shows that the client has read the answer.
                ws.send_frame(true, 0, 9, "");
                assert_eq!(ws.read_frame(), (10, Vec::new()));
                asked.reached();
                ws.reads_close(1000);
            } else {
                ws.read_request();
                asked.reached();
            }
            ws.expect_closed();
        });
        let mut client = Client::start(&server);
        let connect = Connect::new(server.origin()).transports([TransportKind::WebSocket]);
        let connecting = client.connecting(connect);
        has_asked.await;
        client.addr.send(Disconnect::new()).await.unwrap();
        is_cancelled_and_gone(&mut client, connecting).await;
        server.finish().await;
    }
}

#[actix::test]
async fn a_second_connect_is_refused_and_does_not_disturb_the_first() {
    let (refused, is_refused) = signal();
    let (mut client, first, server) = connecting(
        |builder| builder,
        |_, mut get| {
            is_refused.wait();
            get.packets(OPEN);
            get.poll();
            get.packets("4hello");
            get.poll();
            get.ends_session();
        },
    )
    .await;
    let connect = Connect::new(server.origin());
    let second = client.addr.send(connect.clone()).await.unwrap();
    assert_eq!(second, Err(ConnectError::AlreadyConnected));
    refused.send();
    first.await.unwrap().unwrap();
    let third = client.addr.send(connect).await.unwrap();
    assert!(matches!(third, Err(ConnectError::AlreadyConnected)));
    assert!(matches!(client.next().await, Event::Connected(_)));
    assert_eq!(client.text().await, "hello");
    match client.next().await {
        Event::Disconnected(end) => assert_eq!(end.reason, DisconnectReason::Server),
        event => panic!("{event:?}"),
    }
    client.is_gone().await;
    server.finish().await;
}

#[actix::test]
async fn an_abort_speeds_up_a_cancelled_connect_and_another_may_follow() {
    let _clock = Clock::stop();
    let (mut client, connecting, server) = connecting(
        |builder| builder,
        |server, get| {
            get.expect_closed();
            server.opens(OPEN).ends_session();
        },
    )
    .await;
    let disconnecting = actix_rt::spawn(client.addr.send(Disconnect::new()));
    actix_rt::task::yield_now().await;
    client.addr.send(Disconnect::abort()).await.unwrap();
    disconnecting.await.unwrap().unwrap();
    is_cancelled_and_gone(&mut client, connecting).await;

    client.connect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}
