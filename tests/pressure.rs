//! Slow subscribers, and servers that push.

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
    time::{Duration, Instant},
};

use actix::{AtomicResponse, fut, prelude::*};
use actix_engineio::{
    self as engineio, Connect, DisconnectReason, EngineIoClient, Event, EventKind, Subscribe, TransportKind,
    Wait,
};
use actix_rt::time::sleep;
use support::{
    Client, SHORT, milestone,
    script::OPEN,
    server::{Peer, Server},
    soon,
};

/// Takes 20 milliseconds for an event, one at a time.
struct Slow;

impl Actor for Slow {
    type Context = Context<Self>;
}

impl Handler<Event> for Slow {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Event, _: &mut Self::Context) -> Self::Result {
        AtomicResponse::new(Box::pin(fut::wrap_future(sleep(Duration::from_millis(20)))))
    }
}

#[actix::test]
async fn a_ping_behind_a_flood_within_receive_buffer_is_answered_within_a_second() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        for _ in 0..800 {
            ws.send_text(&format!("4{}", "x".repeat(1024)));
        }
        let start = Instant::now();
        ws.send_text("2");
        ws.reads("3");
        let took = start.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        ws.close();

        // The same over polling.
        let mut get = server.opens(OPEN);
        get.poll();
        let flood = vec![format!("4{}", "x".repeat(1024)); 800].join("\u{1e}");
        let start = Instant::now();
        get.packets(format!("{flood}\u{1e}2"));
        let mut post = server.accept();
        post.posts("3");
        let took = start.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        post.ok();
        get.poll();
        get.packets("1");
    });
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        let client = EngineIoClient::builder().subscribe(Slow.start().recipient()).start();
        client.send(Connect::new(server.origin()).transports([transport])).await.unwrap().unwrap();
        soon("the end", client.send(Wait)).await.unwrap();
    }
    server.finish().await;
}

/// Sends every message back, and handles the next when the server's client has accepted it.
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

/// Passes bytes on both ways until told to swallow them.
fn black_hole(upstream: String) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let swallows = Arc::new(AtomicBool::new(false));
    let told = swallows.clone();
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
            let (there, back) = (told.clone(), told.clone());
            thread::spawn(move || pump(from, to, there));
            thread::spawn(move || pump(server, client, back));
        }
    });
    (origin, swallows)
}

#[actix::test]
async fn a_network_that_swallows_everything_is_a_ping_timeout() {
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        let open = OPEN.ping(SHORT, SHORT);
        let (milestone, polled) = milestone();
        let server = Server::start(move |server| {
            let mut peer: Peer = match transport {
                TransportKind::WebSocket => server.opens_websocket(open),
                TransportKind::Polling => server.opens(open),
            };
            if transport == TransportKind::Polling {
                peer.poll();
            }
            milestone.reached();
            peer.wait_closed();
        });
        let (origin, swallows) = black_hole(server.origin());
        let mut client = Client::to(origin, |builder| builder);
        client.connect_over(transport).await;
        polled.await;
        swallows.store(true, Ordering::SeqCst);
        let reason = soon("the end", client.addr.send(Wait)).await.unwrap();
        assert_eq!(reason, Some(DisconnectReason::PingTimeout));
        server.finish().await;
    }
}
