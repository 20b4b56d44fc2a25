//! Several sessions, several clients, several subscribers.

use std::thread;

use actix::prelude::*;
use actix_engineio::{
    self as engineio, Connect, Disconnect, DisconnectReason, EngineIoClient, Event, EventKind, EventStream,
    GetStatus, Subscribe, TransportKind, Unsubscribe, Wait,
};
use futures::StreamExt as _;

use crate::support::{Client, Recorder, milestone, script::OPEN, server::Server, signal, sockets_to, soon};

#[actix::test]
async fn a_client_connects_again_after_every_kind_of_end() {
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.accepts("1");
        post.expect_closed();
        get.expect_closed();

        let mut get = server.opens(OPEN);
        get.respond(500, &[], "");
        get.expect_closed();

        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4over websocket");
        ws.send_frame(true, 0, 8, b"\x03\xe9");
        ws.wait_closed();

        let (get, mut post) = server.opens_both(OPEN);
        post.accepts("4at last");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::start(&server);
    assert_eq!(client.addr.send(Wait).await.unwrap(), None);

    client.connect().await;
    client.disconnect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));

    client.connect().await;
    assert_eq!(client.ended_cleanly().await.as_str(), "transport error");

    client.connect_over(TransportKind::WebSocket).await;
    client.send("over websocket").await;
    assert_eq!(client.ended_cleanly().await.as_str(), "transport close");

    client.connect().await;
    client.send("at last").await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    assert_eq!(client.addr.send(GetStatus).await.unwrap().counters.sessions, 4);
    server.finish().await;
}

#[actix::test]
async fn clients_on_several_arbiters_do_not_disturb_each_other() {
    const CLIENTS: usize = 4;
    let servers: Vec<_> = (0..CLIENTS)
        .map(|at| {
            Server::start(move |server| {
                let (mut get, mut post) = server.opens_both(OPEN);
                post.accepts(&format!("4from {at}"));
                get.packets(format!("4to {at}"));
                get.poll();
                post.accepts("1");
                get.expect_closed();
                post.expect_closed();
            })
        })
        .collect();
    let arbiters: Vec<_> = (0..CLIENTS / 2).map(|_| Arbiter::new()).collect();
    let mut clients = Vec::new();
    for (at, server) in servers.iter().enumerate() {
        let (recorder, mut events) = Recorder::start();
        let builder = EngineIoClient::builder().subscribe(recorder);
        let client = builder.start_in_arbiter(&arbiters[at % arbiters.len()].handle());
        let connect = Connect::new(server.origin());
        clients.push(actix_rt::spawn(async move {
            soon("connecting", client.send(connect)).await.unwrap().unwrap();
            assert!(matches!(events.next().await, Event::Connected(_)));
            client.send(engineio::Send::text(format!("from {at}"))).await.unwrap().unwrap();
            match events.next().await {
                Event::Message(data) => assert_eq!(data.as_text(), Some(&*format!("to {at}"))),
                event => panic!("{event:?}"),
            }
            soon("disconnecting", client.send(Disconnect::new())).await.unwrap();
            assert!(matches!(events.next().await, Event::Disconnected(_)));
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    for (server, arbiter) in servers.into_iter().zip(arbiters.iter().cycle()) {
        let port = server.origin().rsplit(':').next().unwrap().parse().unwrap();
        assert_eq!(sockets_to(port), [""; 0]);
        server.finish().await;
        arbiter.stop();
    }
}

#[actix::test]
async fn an_address_works_from_other_threads() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4one");
        ws.reads("4two");
        ws.send_text("4three");
        ws.reads("1");
        ws.reads_close(1000);
        ws.close();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    let mut stream = EventStream::subscribe(&client.addr).await.unwrap();
    let addr = client.addr.clone();
    let (done, is_done) = milestone();
    // A thread without actix, and with a runtime without drivers.
    let elsewhere = thread::spawn(move || {
        addr.do_send(engineio::Send::text("one"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            addr.send(engineio::Send::text("two")).await.unwrap().unwrap();
            assert!(matches!(stream.next().await, Some(Event::Connected(_))));
            match stream.next().await {
                Some(Event::Message(data)) => assert_eq!(data.as_text(), Some("three")),
                event => panic!("{event:?}"),
            }
            addr.send(Disconnect::new()).await.unwrap();
            assert!(matches!(stream.next().await, Some(Event::Disconnected(_))));
        });
        done.reached();
    });
    is_done.await;
    elsewhere.join().unwrap();
    assert_eq!(client.text().await, "three");
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn all_subscribers_get_the_same_events_in_the_same_order() {
    let (subscribed, is_subscribed) = signal();
    let server = Server::start(|server| {
        let mut get = server.answers_handshake(OPEN);
        is_subscribed.wait();
        for batch in 0..5 {
            get.poll();
            let body: Vec<_> = (0..100).map(|at| format!("4{}", 100 * batch + at)).collect();
            get.packets(body.join("\u{1e}"));
        }
        get.poll();
        get.ends_session();
    });
    let mut client = Client::connected(&server).await;
    // One that subscribes later, one that wants only messages, and one that unsubscribes.
    let (recipient, mut late) = Recorder::start();
    client.addr.send(Subscribe::new(recipient)).await.unwrap();
    let (recipient, mut only_messages) = Recorder::start();
    client.addr.send(Subscribe::new(recipient).only([EventKind::Message])).await.unwrap();
    let (recipient, mut gone) = Recorder::start();
    let id = client.addr.send(Subscribe::new(recipient)).await.unwrap();
    assert!(client.addr.send(Unsubscribe(id)).await.unwrap());
    assert!(!client.addr.send(Unsubscribe(id)).await.unwrap());
    subscribed.send();

    assert!(
        matches!(late.next().await, Event::Connected(session) if session.sid == crate::support::script::SID)
    );
    for at in 0..500 {
        for events in [&mut client.events, &mut late, &mut only_messages] {
            match events.next().await {
                Event::Message(data) => assert_eq!(data.as_text(), Some(&*at.to_string())),
                event => panic!("{event:?}"),
            }
        }
    }
    client.ended_cleanly().await;
    assert!(matches!(late.next().await, Event::Disconnected(_)));
    assert!(only_messages.waiting().is_empty());
    // It may have got the open session before it unsubscribed.
    assert!(gone.waiting().iter().all(|event| matches!(event, Event::Connected(_))));
    server.finish().await;
}

#[actix::test]
async fn a_client_whose_arbiter_stops_closes_and_its_subscribers_get_the_end() {
    let server = Server::start(|server| {
        let get = server.opens(OPEN);
        get.expect_closed();
    });
    let arbiter = Arbiter::new();
    let (recorder, mut events) = Recorder::start();
    let client = EngineIoClient::builder().subscribe(recorder).start_in_arbiter(&arbiter.handle());
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    assert!(matches!(events.next().await, Event::Connected(_)));
    arbiter.stop();
    match events.next().await {
        Event::Disconnected(end) => assert_eq!(end.reason.as_str(), "client disconnect"),
        event => panic!("{event:?}"),
    }
    server.finish().await;
    arbiter.join().unwrap();
}

#[actix::test]
async fn a_session_of_a_client_without_addresses_and_subscribers_is_closed() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4last");
        ws.reads("1");
        ws.reads_close(1000);
        ws.send_frame(true, 0, 8, b"\x03\xe8");
        ws.expect_closed();
    });
    let client = EngineIoClient::builder().start();
    let connect = Connect::new(server.origin()).transports([TransportKind::WebSocket]);
    client.send(connect).await.unwrap().unwrap();
    client.send(engineio::Send::text("last")).await.unwrap().unwrap();
    drop(client);
    server.finish().await;
}
