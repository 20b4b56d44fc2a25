//! Slow subscribers, and servers that send without reading.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod support;

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use actix::{AtomicResponse, fut, prelude::*};
use actix_engineio::{
    self as engineio, Connect, DisconnectReason, EngineIoClient, Event, EventKind, Subscribe, TransportKind,
    Wait,
};
use futures::{
    FutureExt as _,
    future::{LocalBoxFuture, Shared},
};
use support::{Client, Clock, SHORT, milestone, script::OPEN, server::Server, soon};

/// Handles no event before this is ready.
struct Busy(Shared<LocalBoxFuture<'static, ()>>);

impl Actor for Busy {
    type Context = Context<Self>;
}

impl Handler<Event> for Busy {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Event, _: &mut Self::Context) -> Self::Result {
        AtomicResponse::new(Box::pin(fut::wrap_future(self.0.clone())))
    }
}

#[actix::test]
async fn a_ping_behind_a_flood_within_receive_buffer_is_answered_before_the_flood_is_handled() {
    let flood = || (0..800).map(|_| format!("4{}", "x".repeat(1024)));
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        let (answered, is_answered) = milestone();
        let server = Server::start(move |server| match transport {
            TransportKind::WebSocket => {
                let mut ws = server.opens_websocket(OPEN);
                flood().for_each(|text| ws.send_text(&text));
                ws.send_text("2");
                ws.reads("3");
                answered.reached();
                ws.send_text("1");
                ws.wait_closed();
            }
            TransportKind::Polling => {
                let mut get = server.opens(OPEN);
                get.packets(flood().chain(["2".to_owned()]).collect::<Vec<_>>().join("\u{1e}"));
                let mut post = server.accept();
                post.accepts("3");
                answered.reached();
                get.poll();
                get.ends_session();
            }
        });
        let busy = Busy(is_answered.boxed_local().shared());
        let client = Client::with(&server, |builder| builder.subscribe(busy.start().recipient()));
        let connect = Connect::new(server.origin()).transports([transport]);
        soon("a connect", client.addr.send(connect)).await.unwrap().unwrap();
        let reason = soon("the end", client.addr.send(Wait)).await.unwrap();
        assert_eq!(reason, Some(DisconnectReason::Server));
        server.finish().await;
    }
}

/// Sends every message back, and handles the next one when the client has accepted it.
struct Echo(Addr<EngineIoClient>);

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Handler<Event> for Echo {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, event: Event, _: &mut Self::Context) -> Self::Result {
        let client = self.0.clone();
        AtomicResponse::new(Box::pin(fut::wrap_future(async move {
            if let Event::Message(data) = event {
                let _ = client.send(engineio::Send::new(data)).await;
            }
        })))
    }
}

#[actix::test]
async fn an_echo_that_awaits_its_sends_against_a_server_that_only_writes_ends_as_stalled() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        while ws.try_write([&[0x82, 126, 0xff, 0xff], [b'x'; 0xffff].as_slice()].concat()).is_ok() {}
    });
    let mut client = Client::with(&server, |builder| builder.stall_timeout(SHORT));
    let only = Subscribe::new(Echo(client.addr.clone()).start().recipient()).only([EventKind::Message]);
    client.addr.send(only).await.unwrap();
    client.connect_over(TransportKind::WebSocket).await;
    let reason = soon("the end", client.addr.send(Wait)).await.unwrap();
    assert_eq!(reason, Some(DisconnectReason::Stalled));
    server.finish().await;
}

#[actix::test]
async fn an_echo_that_awaits_its_sends_flows_when_the_server_reads() {
    const COUNT: usize = 300;
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        let mut writing = ws.writer();
        let writer = thread::spawn(move || {
            for at in 0..COUNT {
                writing.send_text(&format!("4{at:.<30000}"));
            }
        });
        for at in 0..COUNT {
            ws.reads(&format!("4{at:.<30000}"));
        }
        writer.join().unwrap();
    });
    let mut client = Client::with(&server, |builder| builder.send_queue(0).receive_buffer(0));
    let only = Subscribe::new(Echo(client.addr.clone()).start().recipient()).only([EventKind::Message]);
    client.addr.send(only).await.unwrap();
    client.connect_over(TransportKind::WebSocket).await;
    server.finish().await;
}

#[actix::test]
async fn a_busy_subscriber_needs_no_room_for_events_of_other_kinds() {
    let (handled, is_handled) = milestone();
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        (0..100).for_each(|_| ws.send_text(&format!("4{}", "x".repeat(1024))));
        ws.reads("4done");
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.receive_buffer(2000));
    // It goes on when the other subscriber has had all messages.
    let busy = Busy(is_handled.boxed_local().shared());
    let only = Subscribe::new(busy.start().recipient()).only([EventKind::Connected]);
    client.addr.send(only).await.unwrap();
    client.connect_over(TransportKind::WebSocket).await;
    for _ in 0..100 {
        client.message().await;
    }
    handled.reached();
    client.addr.do_send(engineio::Send::text("done"));
    let reason = soon("the end", client.addr.send(Wait)).await.unwrap();
    assert_eq!(reason, Some(DisconnectReason::Server));
    server.finish().await;
}

/// A proxy that passes bytes on both ways, until the flag is set: then it swallows them.
fn black_hole(upstream: String) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let swallows = Arc::new(AtomicBool::new(false));
    let flag = swallows.clone();
    let pump = move |mut from: TcpStream, mut to: TcpStream, swallows: Arc<AtomicBool>| -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let read = from.read(&mut buffer)?;
            if read == 0 {
                return to.shutdown(std::net::Shutdown::Write);
            }
            if !swallows.load(Ordering::SeqCst) {
                to.write_all(&buffer[..read])?;
            }
        }
    };
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(upstream.trim_start_matches("http://")).unwrap();
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (there, back) = (flag.clone(), flag.clone());
            thread::spawn(move || pump(from, to, there));
            thread::spawn(move || pump(server, client, back));
        }
    });
    (origin, swallows)
}

#[actix::test]
async fn a_network_that_swallows_everything_is_a_ping_timeout() {
    const INTERVAL: Duration = Duration::from_millis(300);
    const TIMEOUT: Duration = Duration::from_millis(200);
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        let clock = Clock::stop();
        let (opened, is_open) = milestone();
        let server = Server::start(move |server| {
            let open = OPEN.ping(INTERVAL, TIMEOUT);
            let peer = match transport {
                TransportKind::WebSocket => server.opens_websocket(open),
                TransportKind::Polling => server.opens(open),
            };
            opened.reached();
            peer.wait_closed();
        });
        let (origin, swallows) = black_hole(server.origin());
        let mut client = Client::to(origin, |builder| builder);
        client.connect_over(transport).await;
        is_open.await;
        swallows.store(true, Ordering::SeqCst);
        let reason = clock.takes(INTERVAL + TIMEOUT, async {}, client.addr.send(Wait)).await.unwrap();
        assert_eq!(reason, Some(DisconnectReason::PingTimeout));
        server.finish().await;
    }
}
