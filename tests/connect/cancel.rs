//! Connects that the user no longer wants, or wants twice.

use std::time::Duration;

use actix_engineio::{Connect, ConnectError, Disconnect, DisconnectReason, TransportKind};

use crate::support::{Client, SHORT, leave, milestone, script::OPEN, server::Server, soon, takes};

#[actix::test]
async fn a_session_that_opens_after_the_disconnect_is_closed() {
    let (asked, has_asked) = milestone();
    let (cancelled, is_cancelled) = leave();
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        asked.reached();
        is_cancelled.wait();
        get.packets(format!("{OPEN}\u{1e}4too late"));
        let mut post = server.accept();
        post.posts("1");
        post.ok();
        post.leaves();
        get.leaves();
    });
    let mut client = Client::start(&server);
    let connecting = client.connecting(Connect::new(server.origin()));
    has_asked.await;
    let disconnecting = client.addr.send(Disconnect::new().reason("changed my mind"));
    let disconnecting = actix_rt::spawn(disconnecting);
    // The message is in the mailbox before the script goes on.
    actix_rt::task::yield_now().await;
    cancelled.give();
    assert_eq!(connecting.await.unwrap(), Err(ConnectError::Cancelled));
    soon("the disconnect", disconnecting).await.unwrap().unwrap();
    client.is_gone().await;
    assert!(client.events.waiting().is_empty(), "there was no session");
    server.finish().await;
}

#[actix::test]
async fn a_handshake_that_is_never_answered_is_cancelled_within_close_timeout() {
    let (asked, has_asked) = milestone();
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        asked.reached();
        get.leaves();
    });
    let client = Client::with(&server, |builder| builder.close_timeout(SHORT));
    let connecting = client.connecting(Connect::new(server.origin()));
    has_asked.await;
    takes(SHORT, client.addr.send(Disconnect::new())).await.unwrap();
    assert_eq!(connecting.await.unwrap(), Err(ConnectError::Cancelled));
    client.is_gone().await;
    server.finish().await;
}

#[actix::test]
async fn a_close_that_is_never_answered_is_bounded_by_close_timeout() {
    let (asked, has_asked) = milestone();
    let (cancelled, is_cancelled) = leave();
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        asked.reached();
        is_cancelled.wait();
        get.packets(OPEN);
        let mut post = server.accept();
        post.posts("1");
        post.leaves();
        get.leaves();
    });
    let client = Client::with(&server, |builder| builder.close_timeout(SHORT));
    let connecting = client.connecting(Connect::new(server.origin()));
    has_asked.await;
    takes(SHORT, async {
        let disconnecting = actix_rt::spawn(client.addr.send(Disconnect::new()));
        actix_rt::task::yield_now().await;
        cancelled.give();
        disconnecting.await.unwrap().unwrap();
    })
    .await;
    assert_eq!(connecting.await.unwrap(), Err(ConnectError::Cancelled));
    client.is_gone().await;
    server.finish().await;
}

#[actix::test]
async fn a_handshake_that_is_refused_after_the_disconnect_is_cancelled() {
    let (asked, has_asked) = milestone();
    let (cancelled, is_cancelled) = leave();
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        asked.reached();
        is_cancelled.wait();
        get.respond(403, &[], "");
        get.leaves();
    });
    let client = Client::start(&server);
    let connecting = client.connecting(Connect::new(server.origin()));
    has_asked.await;
    let disconnecting = actix_rt::spawn(client.addr.send(Disconnect::new()));
    actix_rt::task::yield_now().await;
    cancelled.give();
    disconnecting.await.unwrap().unwrap();
    assert_eq!(connecting.await.unwrap(), Err(ConnectError::Cancelled));
    client.is_gone().await;
    server.finish().await;
}

#[actix::test]
async fn an_abort_does_not_wait_for_the_handshake() {
    for way in [TransportKind::Polling, TransportKind::WebSocket] {
        let (asked, has_asked) = milestone();
        let server = Server::start(|server| {
            let mut peer = server.accept();
            peer.read_request();
            asked.reached();
            peer.leaves();
        });
        let client = Client::start(&server);
        let connecting = client.connecting(Connect::new(server.origin()).transports([way]));
        has_asked.await;
        takes(Duration::ZERO, client.addr.send(Disconnect::abort())).await.unwrap();
        client.is_gone().await;
        assert_eq!(connecting.await.unwrap(), Err(ConnectError::Cancelled));
        server.finish().await;
    }
}

#[actix::test]
async fn a_websocket_that_has_not_opened_is_cancelled_at_once() {
    // In its handshake, and before its open packet.
    for agrees in [false, true] {
        let (asked, has_asked) = milestone();
        let server = Server::start(move |server| {
            let mut ws = server.accept();
            if agrees {
                ws.accept_websocket();
                // Its pong shows that the client knows of the WebSocket.
                ws.send_frame(true, 0, 9, "");
                assert_eq!(ws.read_frame(), (10, Vec::new()));
                asked.reached();
                ws.reads_close(1000);
            } else {
                ws.read_request();
                asked.reached();
            }
            ws.leaves();
        });
        let client = Client::start(&server);
        let connect = Connect::new(server.origin()).transports([TransportKind::WebSocket]);
        let connecting = client.connecting(connect);
        has_asked.await;
        takes(Duration::ZERO, client.addr.send(Disconnect::new())).await.unwrap();
        client.is_gone().await;
        assert_eq!(connecting.await.unwrap(), Err(ConnectError::Cancelled));
        server.finish().await;
    }
}

#[actix::test]
async fn a_second_connect_is_refused_and_harms_nothing() {
    let (asked, has_asked) = milestone();
    let (refused, is_refused) = leave();
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        asked.reached();
        is_refused.wait();
        get.packets(OPEN);
        get.poll();
        get.packets("4hello");
        get.poll();
        get.packets("1");
        get.leaves();
    });
    let mut client = Client::start(&server);
    let connect = Connect::new(server.origin());
    let first = client.connecting(connect.clone());
    has_asked.await;
    let second = client.addr.send(connect.clone()).await.unwrap();
    assert_eq!(second, Err(ConnectError::AlreadyConnected));
    refused.give();
    first.await.unwrap().unwrap();
    let third = client.addr.send(connect).await.unwrap();
    assert!(matches!(third, Err(ConnectError::AlreadyConnected)));
    assert!(matches!(client.next().await, actix_engineio::Event::Connected(_)));
    assert_eq!(client.text().await, "hello");
    match client.next().await {
        actix_engineio::Event::Disconnected(end) => assert_eq!(end.reason, DisconnectReason::Server),
        event => panic!("{event:?}"),
    }
    client.is_gone().await;
    server.finish().await;
}

#[actix::test]
async fn a_close_of_an_unwanted_session_that_is_refused_or_lost_is_cancelled_all_the_same() {
    for lost in [false, true] {
        let (asked, has_asked) = milestone();
        let (cancelled, is_cancelled) = leave();
        let server = Server::start(move |server| {
            let mut get = server.accept();
            get.handshake();
            asked.reached();
            is_cancelled.wait();
            get.packets(OPEN);
            let mut post = server.accept();
            post.posts("1");
            if lost {
                post.reset();
            } else {
                post.respond(400, &[], "");
                post.leaves();
            }
            get.leaves();
        });
        let client = Client::start(&server);
        let connecting = client.connecting(Connect::new(server.origin()));
        has_asked.await;
        let disconnecting = actix_rt::spawn(client.addr.send(Disconnect::new()));
        actix_rt::task::yield_now().await;
        cancelled.give();
        disconnecting.await.unwrap().unwrap();
        assert_eq!(connecting.await.unwrap(), Err(ConnectError::Cancelled));
        client.is_gone().await;
        server.finish().await;
    }
}

#[actix::test]
async fn an_abort_hastens_a_cancelled_connect_and_another_may_follow() {
    let (asked, has_asked) = milestone();
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        asked.reached();
        get.leaves();

        let mut get = server.opens(OPEN);
        get.poll();
        get.packets("1");
        get.leaves();
    });
    let mut client = Client::start(&server);
    let connecting = client.connecting(Connect::new(server.origin()));
    has_asked.await;
    let disconnecting = actix_rt::spawn(client.addr.send(Disconnect::new()));
    actix_rt::task::yield_now().await;
    takes(Duration::ZERO, client.addr.send(Disconnect::abort())).await.unwrap();
    disconnecting.await.unwrap().unwrap();
    assert_eq!(connecting.await.unwrap(), Err(ConnectError::Cancelled));
    client.is_gone().await;

    client.connect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}
