//! What keeps a client alive, and what happens when it is gone.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod support;

use std::{thread, time::Duration};

use actix::{WeakAddr, prelude::*};
use actix_engineio::{
    self as engineio, Connect, Disconnect, DisconnectReason, EngineIoClient, Event, EventStream, Events,
    Reconnect, Subscribe, TransportKind, Unsubscribe, Wait,
    testing::{self, SessionEnd, TestServer},
};
use futures::StreamExt as _;
use support::{
    Client, Milestone, Recorder, SHORT, milestone,
    script::{OPEN, UPGRADABLE},
    server::{Acceptor, PATIENCE, Peer, Server},
    signal, sockets_to, soon,
};

fn port(server: &Server) -> u16 {
    server.origin().rsplit(':').next().unwrap().parse().unwrap()
}

#[actix::test]
async fn a_client_without_addresses_and_subscribers_closes_its_session_over_websocket() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4last words");
        ws.reads("1");
        ws.reads_close(1000);
        ws.close();
    });
    let client = EngineIoClient::builder().transports([TransportKind::WebSocket]).start();
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    client.do_send(engineio::Send::text("last words"));
    drop(client);
    let port = port(&server);
    server.finish().await;
    soon("closing", async {
        while !sockets_to(port).is_empty() {
            actix_rt::task::yield_now().await;
        }
    })
    .await;
}

#[actix::test]
async fn a_client_without_addresses_and_subscribers_closes_its_session_over_polling() {
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.accepts("4last words");
        post.accepts("1");
        get.wait_closed();
        post.wait_closed();
    });
    let client = EngineIoClient::builder().start();
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    client.do_send(engineio::Send::text("last words"));
    drop(client);
    server.finish().await;
}

#[actix::test]
async fn a_client_without_addresses_goes_on_as_long_as_it_has_a_subscriber() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        for at in 0..3 {
            ws.send_text(&format!("4{at}"));
        }
        ws.send_text("1");
        ws.wait_closed();
    });
    let client = EngineIoClient::builder().start();
    let mut events = EventStream::subscribe(&client).await.unwrap();
    let connect = Connect::new(server.origin()).transports([TransportKind::WebSocket]);
    client.send(connect).await.unwrap().unwrap();
    drop(client);
    let mut messages = 0;
    // The stream ends with the client, which stopped when its session had ended.
    while let Some(event) = soon("an event", events.next()).await {
        messages += usize::from(matches!(event, Event::Message(_)));
    }
    assert_eq!(messages, 3);
    server.finish().await;
}

/// An actor that stops when it gets a message.
struct Once;

impl Actor for Once {
    type Context = Context<Self>;
}

impl Handler<Event> for Once {
    type Result = ();

    fn handle(&mut self, _: Event, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Events> for Once {
    type Result = ();

    fn handle(&mut self, _: Events, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

#[actix::test]
async fn a_client_without_addresses_closes_its_session_when_its_subscriber_has_stopped() {
    let subscriptions: [fn(Addr<Once>) -> Subscribe; 4] = [
        |actor| Subscribe::new(actor.recipient()),
        |actor| Subscribe::weak(actor.downgrade().recipient()),
        |actor| Subscribe::mapped(actor.recipient(), |event: Event| event),
        |actor| Subscribe::batched(actor.recipient()),
    ];
    for subscription in subscriptions {
        let server = Server::start(|server| {
            let mut ws = server.opens_websocket(OPEN);
            ws.reads("1");
            ws.reads_close(1000);
            ws.close();
        });
        let subscriber = Once.start();
        let client = EngineIoClient::builder()
            .transports([TransportKind::WebSocket])
            .subscribe(subscription(subscriber.clone()))
            .start();
        client.do_send(Connect::new(server.origin()));
        drop(client);
        server.finish().await;
        assert!(!subscriber.connected());
    }
}

#[actix::test]
async fn a_subscriber_that_panics_does_not_disturb_the_others() {
    struct Panics;
    impl Actor for Panics {
        type Context = Context<Self>;
    }
    impl Handler<Event> for Panics {
        type Result = ();
        fn handle(&mut self, event: Event, _: &mut Self::Context) {
            if let Event::Message(_) = event {
                panic!("as the test wants it");
            }
        }
    }
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        for at in 0..3 {
            ws.send_text(&format!("4{at}"));
            ws.reads(&format!("4{at}"));
        }
        ws.send_text("1");
        ws.wait_closed();
    });
    // Without any room the next message is read only when every subscriber has handled the last one.
    let mut client =
        Client::with(&server, |builder| builder.receive_buffer(0).subscribe(Panics.start().recipient()));
    client.connect_over(TransportKind::WebSocket).await;
    for at in 0..3 {
        assert_eq!(client.text().await, at.to_string());
        client.send(at.to_string()).await;
    }
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn an_arbiter_that_stops_closes_its_clients_and_subscribers_elsewhere_get_the_end() {
    let (milestone, connected) = milestone();
    let server = Server::start(move |server| {
        let get = server.opens(UPGRADABLE);
        let ws = server.upgrades(get);
        milestone.reached();
        let _ = ws.wait_closed();
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("1");
        ws.reads_close(1000);
        ws.close();
    });
    let arbiter = Arbiter::new();
    let (recipient, mut events) = Recorder::start();
    let client = EngineIoClient::builder().subscribe(recipient).start_in_arbiter(&arbiter.handle());
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    connected.await;
    arbiter.stop();
    arbiter.join().unwrap();
    assert!(client.send(Disconnect::new()).await.is_err(), "the client is gone");
    assert!(matches!(events.next().await, Event::Connected(_)));
    loop {
        match events.next().await {
            Event::Upgraded(_) => {}
            Event::Disconnected(end) => break assert!(matches!(end.reason, DisconnectReason::Client(_))),
            event => panic!("{event:?}"),
        }
    }
    // Other arbiters are not affected.
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    client.disconnect().await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_system_that_stops_closes_its_clients() {
    let (polled, is_polled) = signal();
    let server = Server::start(|server| {
        let get = server.opens(OPEN);
        polled.send();
        get.wait_closed();
    });
    let origin = server.origin();
    thread::spawn(|| {
        System::new().block_on(async {
            let client = EngineIoClient::builder().start();
            client.send(Connect::new(origin)).await.unwrap().unwrap();
            actix_rt::task::spawn_blocking(|| is_polled.wait()).await.unwrap();
            System::current().stop();
        });
    });
    server.finish().await;
}

#[actix::test]
async fn a_disconnect_from_inside_a_handler_that_has_the_last_address_ends_everything() {
    struct Disconnects(Option<Addr<EngineIoClient>>);
    impl Actor for Disconnects {
        type Context = Context<Self>;
    }
    impl Handler<Event> for Disconnects {
        type Result = ();
        fn handle(&mut self, event: Event, ctx: &mut Self::Context) {
            if let Event::Message(_) = event {
                self.0.take().unwrap().do_send(Disconnect::new());
                ctx.stop();
            }
        }
    }
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.send_text("4go");
        ws.reads("1");
        ws.reads_close(1000);
        ws.close();
    });
    let client = EngineIoClient::builder().transports([TransportKind::WebSocket]).start();
    let disconnects = Disconnects(Some(client.clone())).start();
    client.send(engineio::Subscribe::new(disconnects.recipient())).await.unwrap();
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    drop(client);
    server.finish().await;
}

#[actix::test]
async fn a_subscriber_gets_the_end_of_a_session_although_its_client_stops() {
    let ends: [fn(Peer); 3] = [
        Peer::reset,
        |mut ws| {
            ws.send_text("1");
            ws.wait_closed();
        },
        |mut ws| {
            for at in 0..200 {
                ws.send_text(&format!("4{at}"));
            }
            ws.send_frame(true, 0, 8, [3, 232]);
            ws.wait_closed();
        },
    ];
    for (messages, end) in [0, 0, 200].into_iter().zip(ends) {
        let (alone, is_alone) = signal();
        let server = Server::start(move |server| {
            let ws = server.opens_websocket(OPEN);
            is_alone.wait();
            end(ws);
        });
        let (recipient, mut events) = Recorder::start();
        let client = EngineIoClient::builder().subscribe(recipient).start();
        let connect = Connect::new(server.origin()).transports([TransportKind::WebSocket]);
        client.send(connect).await.unwrap().unwrap();
        assert!(matches!(events.next().await, Event::Connected(_)));
        drop(client);
        alone.send();
        for at in 0..messages {
            let Event::Message(data) = events.next().await else { panic!("no message {at}") };
            assert_eq!(data.as_text(), Some(&*at.to_string()));
        }
        assert!(matches!(events.next().await, Event::Disconnected(_)));
        server.finish().await;
    }
}

#[actix::test]
async fn a_rejected_message_is_returned_although_the_client_stops() {
    let (recipient, mut events) = Recorder::start();
    let client = EngineIoClient::builder().subscribe(recipient).start();
    client.do_send(engineio::Send::text("for nobody"));
    drop(client);
    let Event::Rejected(err) = events.next().await else { panic!("no rejection") };
    assert_eq!(err.data, "for nobody".into());
}

/// Handles an event when it gets a permit, and passes it on.
struct Slow(std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<Event>);

impl Actor for Slow {
    type Context = Context<Self>;
}

impl Handler<Event> for Slow {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let _ = self.0.recv();
        let _ = self.1.send(event);
    }
}

#[actix::test]
async fn a_slow_subscriber_gets_every_event_in_order_although_the_clients_arbiter_stops() {
    const MESSAGES: usize = 100;
    let (read, all_read) = milestone();
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        // All in one write, so that many are delivered at a time.
        let texts = (0..MESSAGES).map(|at| format!("4{at}")).chain(["2".to_owned()]);
        let frames = texts.map(|text| [&[0x81, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat());
        ws.write(frames.collect::<Vec<_>>().concat());
        ws.reads("3");
        read.reached();
        ws.wait_closed();
    });
    let (permit, permits) = std::sync::mpsc::channel();
    let (sender, events) = std::sync::mpsc::channel();
    let (clients, others) = (Arbiter::new(), Arbiter::new());
    let slow = Slow::start_in_arbiter(&others.handle(), |_| Slow(permits, sender));
    let client = EngineIoClient::builder().subscribe(slow.recipient()).start_in_arbiter(&clients.handle());
    // The permit for `Connected`; the messages wait in its mailbox and in the client.
    permit.send(()).unwrap();
    let connect = Connect::new(server.origin()).transports([TransportKind::WebSocket]);
    client.send(connect).await.unwrap().unwrap();
    all_read.await;
    clients.stop();
    clients.join().unwrap();
    drop(permit);
    let events: Vec<_> = actix_rt::task::spawn_blocking(move || {
        let mut all = Vec::new();
        while !matches!(all.last(), Some(Event::Disconnected(_))) {
            all.push(events.recv_timeout(PATIENCE).unwrap());
        }
        all
    })
    .await
    .unwrap();
    let texts = events.iter().filter_map(|event| match event {
        Event::Message(data) => data.as_text(),
        _ => None,
    });
    assert_eq!(texts.collect::<Vec<_>>(), (0..MESSAGES).map(|at| at.to_string()).collect::<Vec<_>>());
    others.stop();
    server.finish().await;
}

/// A subscriber with an address of its client. It says when it has stopped.
struct Holder {
    _client: Addr<EngineIoClient>,
    stopped: Option<Milestone>,
}

impl Actor for Holder {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(stopped) = self.stopped.take() {
            stopped.reached();
        }
    }
}

impl Handler<Event> for Holder {
    type Result = ();

    fn handle(&mut self, _: Event, _: &mut Self::Context) {}
}

/// A session that the client closes.
fn closes_cleanly(server: &Acceptor) {
    let mut ws = server.opens_websocket(OPEN);
    ws.reads("1");
    ws.reads_close(1000);
    ws.close();
}

/// A client that is connected and has no subscriber.
async fn connected(server: &Server) -> Addr<EngineIoClient> {
    let client = EngineIoClient::builder().transports([TransportKind::WebSocket]).start();
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    client
}

async fn until_stopped(client: WeakAddr<EngineIoClient>) {
    soon("the end of the client", async {
        while client.upgrade().is_some_and(|client| client.connected()) {
            actix_rt::task::yield_now().await;
        }
    })
    .await;
}

#[actix::test]
async fn a_subscriber_with_an_address_of_the_client_and_the_client_live_until_it_is_unsubscribed() {
    let server = Server::start(closes_cleanly);
    let client = connected(&server).await;
    let (milestone, stopped) = milestone();
    let holder = Holder { _client: client.clone(), stopped: Some(milestone) }.start();
    let id = client.send(Subscribe::new(holder.clone().recipient())).await.unwrap();
    client.send(Disconnect::new()).await.unwrap();
    server.finish().await;

    let client_alone = client.downgrade();
    let holder_alone = holder.downgrade();
    drop((client, holder));
    // Time for what must not happen: both would stop within a few turns of the loop.
    actix_rt::time::sleep(SHORT).await;
    assert!(holder_alone.upgrade().is_some_and(|holder| holder.connected()), "the subscriber has stopped");
    let client = client_alone.upgrade().expect("the client lives");
    assert!(client.send(Unsubscribe(id)).await.unwrap());
    drop(client);
    stopped.await;
    until_stopped(client_alone).await;
}

#[actix::test]
async fn a_weak_subscriber_with_an_address_of_the_client_keeps_neither_alive() {
    let server = Server::start(closes_cleanly);
    let client = connected(&server).await;
    let (milestone, stopped) = milestone();
    let holder = Holder { _client: client.clone(), stopped: Some(milestone) }.start();
    client.send(Subscribe::weak(holder.downgrade().recipient())).await.unwrap();
    let client_alone = client.downgrade();
    drop((client, holder));
    stopped.await;
    // The session is closed although nobody has sent a `Disconnect`.
    server.finish().await;
    until_stopped(client_alone).await;
}

/// A client in a session, with a stopped clock that jumps to the next deadline when all tasks wait.
async fn connected_in_memory() -> (TestServer, testing::Peer, Addr<EngineIoClient>) {
    tokio::time::pause();
    let server = TestServer::in_memory();
    let client = EngineIoClient::builder().connector(server.connector()).start();
    let connect = Connect::new(server.url()).transports([TransportKind::WebSocket]);
    client.send(connect).await.unwrap().unwrap();
    let peer = server.accept().await;
    (server, peer, client)
}

#[actix::test]
async fn a_session_ends_as_soon_as_its_last_listener_was_a_stream_that_is_dropped() {
    let (_server, peer, client) = connected_in_memory().await;
    let events = EventStream::subscribe(&client).await.unwrap();
    drop(client);
    tokio::time::sleep(SHORT).await;
    let start = tokio::time::Instant::now();
    drop(events);
    assert_eq!(peer.ended().await, SessionEnd::Client);
    assert!(start.elapsed() < SHORT, "it took {:?}", start.elapsed());
}

/// `end` makes nobody listen any more.
async fn ends_within_seconds(peer: testing::Peer, end: impl FnOnce(&testing::Peer)) {
    tokio::time::sleep(SHORT).await;
    let start = tokio::time::Instant::now();
    end(&peer);
    assert_eq!(peer.ended().await, SessionEnd::Client);
    assert!(start.elapsed() < Duration::from_secs(3), "it took {:?}", start.elapsed());
}

#[derive(Message)]
#[rtype(result = "()")]
struct Quit;

impl Handler<Quit> for Returned {
    type Result = ();

    fn handle(&mut self, _: Quit, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

#[actix::test]
async fn a_session_ends_within_seconds_after_its_last_listener_was_a_subscriber_that_stops() {
    let (_server, peer, client) = connected_in_memory().await;
    let subscriber = Returned::default().start();
    client.send(Subscribe::new(subscriber.clone().recipient())).await.unwrap();
    drop(client);
    ends_within_seconds(peer, |_| subscriber.do_send(Quit)).await;
}

#[actix::test]
async fn a_session_ends_within_seconds_after_its_last_listener_was_a_wait_that_is_dropped() {
    let (_server, peer, client) = connected_in_memory().await;
    let wait = actix_rt::spawn(client.send(Wait));
    drop(client);
    ends_within_seconds(peer, |_| wait.abort()).await;
}

/// Counts the messages that were not sent, and lets other threads run meanwhile.
#[derive(Default)]
struct Returned(usize);

impl Actor for Returned {
    type Context = Context<Self>;
}

impl Returned {
    fn count(&mut self, event: &Event) {
        if let Event::Rejected(_) = event {
            self.0 += 1;
        }
        thread::yield_now();
    }
}

impl Handler<Event> for Returned {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        self.count(&event);
    }
}

impl Handler<Events> for Returned {
    type Result = ();

    fn handle(&mut self, events: Events, _: &mut Self::Context) {
        events.into_iter().for_each(|event| self.count(&event));
    }
}

#[derive(Message)]
#[rtype(result = "usize")]
struct Count;

impl Handler<Count> for Returned {
    type Result = usize;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> usize {
        self.0
    }
}

#[actix::test]
async fn what_a_program_sends_to_a_subscriber_after_a_disconnect_is_behind_the_last_event() {
    const MESSAGES: usize = 500;
    let (there, here) = (Arbiter::new(), Arbiter::new());
    let server = TestServer::start();
    let subscribers: Vec<_> =
        (0..4).map(|_| Returned::start_in_arbiter(&there.handle(), |_| Returned::default())).collect();
    let builder = EngineIoClient::builder()
        .reconnect(Reconnect::constant(Duration::from_secs(3600)))
        .keep_unsent(true)
        .subscribe(subscribers[0].clone().recipient())
        .subscribe(Subscribe::weak(subscribers[1].clone().recipient().downgrade()))
        .subscribe(Subscribe::mapped(subscribers[2].clone().recipient(), |event: Event| event))
        .subscribe(Subscribe::batched(subscribers[3].clone().recipient()));
    let client = builder.start_in_arbiter(&here.handle());
    client.send(Connect::new(server.url())).await.unwrap().unwrap();
    let mut states = EventStream::subscribe(&client).await.unwrap();
    server.stop();
    while !matches!(soon("the end", states.next()).await, Some(Event::Reconnecting(_))) {}
    drop(states);
    for at in 0..MESSAGES {
        client.send(engineio::Send::text(at.to_string())).await.unwrap().unwrap();
    }
    client.send(Disconnect::new()).await.unwrap();
    for (at, subscriber) in subscribers.iter().enumerate() {
        assert_eq!(subscriber.send(Count).await.unwrap(), MESSAGES, "subscriber {at}");
    }
    there.stop();
    here.stop();
}
