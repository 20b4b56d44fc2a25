//! Connections that are lost without a sign: the server's process is stopped, and its kernel keeps the sockets open.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg(unix)]

mod support;

use std::{
    env,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use actix_engineio::{Confirm, DisconnectReason, Event, GetStatus, State, TransportKind, WebSocketPing};
use support::{
    Client, Process,
    script::OPEN,
    server::{Peer, Server},
    soon,
};

/// How much later than its limit the end may be noticed, on a machine that is busy.
const SLACK: Duration = Duration::from_secs(4);

/// A number that the environment sets.
fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// The other process: a server that answers pings. It does nothing in a run of the tests themselves.
#[test]
fn child() {
    let Ok(parent) = env::var("HALF_OPEN_PARENT") else { return };
    let server = Server::start(|server| {
        let sessions = (0..setting("HALF_OPEN", 10)).map(|_| {
            let ws = server.opens_websocket(OPEN);
            thread::spawn(move || answers(ws))
        });
        for session in sessions.collect::<Vec<_>>() {
            session.join().unwrap();
        }
    });
    let mut parent = TcpStream::connect(parent).unwrap();
    parent.write_all(server.origin().as_bytes()).unwrap();
    drop(parent);
    drop(server);
}

/// Answers pings, until the client closes.
fn answers(mut ws: Peer) {
    loop {
        match ws.read_frame() {
            (9, payload) => ws.send_frame(true, 0, 10, payload),
            (8, _) => return,
            _ => {}
        }
    }
}

/// Starts a server in a process of its own. Returns also where it listens.
fn start_server() -> (Process, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let parent = listener.local_addr().unwrap().to_string();
    let process = Process::start("child", &[("HALF_OPEN_PARENT", &parent)]);
    let mut origin = String::new();
    listener.accept().unwrap().0.read_to_string(&mut origin).unwrap();
    (process, origin)
}

/// The environment variables `HALF_OPEN` and `HALF_OPEN_MILLIS` set the number of sessions, and both limits.
#[actix::test]
async fn a_server_that_is_stopped_is_noticed_within_interval_and_timeout() {
    let limit = Duration::from_millis(setting("HALF_OPEN_MILLIS", 400));
    let (process, origin) = start_server();
    let mut clients = Vec::new();
    for _ in 0..setting("HALF_OPEN", 10) {
        let ping = WebSocketPing::every(limit).timeout(limit);
        let mut client = Client::to(origin.clone(), |builder| builder.websocket_ping(ping));
        client.connect_over(TransportKind::WebSocket).await;
        soon("a pong", client.addr.send(Confirm)).await.unwrap().unwrap();
        clients.push(client);
    }
    // As long as the server answers, nobody is lost.
    actix_rt::time::sleep(4 * limit).await;
    for client in &clients {
        assert_eq!(client.addr.send(GetStatus).await.unwrap().state, State::Connected);
    }
    process.signal("STOP");
    let stopped = Instant::now();
    let ends = clients.iter_mut().map(|client| async move {
        match client.next().await {
            Event::Disconnected(end) => (end.reason.clone(), stopped.elapsed()),
            event => panic!("{event:?}"),
        }
    });
    let ends = futures::future::join_all(ends).await;
    let slowest = ends.iter().map(|(_, took)| *took).max().unwrap();
    println!("{} sessions, the last noticed after {slowest:?}", ends.len());
    for (reason, took) in ends {
        assert_eq!(reason, DisconnectReason::PingTimeout);
        assert!(took < 2 * limit + SLACK, "{took:?}");
    }
}
