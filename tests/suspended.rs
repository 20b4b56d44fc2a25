//! A client whose process is suspended, as by `docker pause` or a debugger, until a time limit has passed. What has arrived
//! meanwhile counts.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg(target_os = "linux")]

mod support;

use std::{env, fs, io, time::Duration};

use actix_engineio::{Flush, TransportKind};
use support::{
    Client, Process, milestone,
    script::OPEN,
    server::{Acceptor, Peer, Server},
    signal, soon,
};

/// Long enough for the requests for which the process is not suspended.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);

/// Longer than `request_timeout`, and than a process may be late without having been suspended.
const SUSPENDED: Duration = Duration::from_secs(6);

/// The other process: a client that connects over the transport that the environment names, and sends a message. It does nothing
/// in a run of the tests themselves.
#[actix::test]
async fn child() {
    let (Ok(origin), Ok(transport)) = (env::var("SUSPENDED_ORIGIN"), env::var("SUSPENDED_TRANSPORT")) else {
        return;
    };
    let transport: TransportKind = transport.parse().unwrap();
    let mut client = Client::to(origin, |builder| builder.request_timeout(REQUEST_TIMEOUT));
    client.connect_over(transport).await;
    client.send("hello").await;
    soon("a flush", client.addr.send(Flush)).await.unwrap().unwrap();
    client.ended_cleanly().await;
}

/// Waits until all threads of a process are in this state, as the kernel names it: `S` sleeps, `T` is suspended.
async fn reaches_state(process: &Process, state: &str) {
    let tasks = format!("/proc/{}/task", process.id());
    let is_in_state = |task: io::Result<fs::DirEntry>| {
        let stat = fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
        // The state follows the name of the thread, which is in parentheses.
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(state))
    };
    soon("a state", async {
        while !fs::read_dir(&tasks).unwrap().all(is_in_state) {
            actix_rt::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Suspends a client from the moment when `asks` returns until a while after `answers` has returned. Then `ends` follows.
async fn suspended<T: Send + 'static>(
    transport: TransportKind,
    asks: impl FnOnce(&Acceptor) -> T + Send + 'static,
    answers: impl FnOnce(&mut T) + Send + 'static,
    ends: impl FnOnce(&Acceptor, T) + Send + 'static,
) {
    let (asked, is_asked) = milestone();
    let (stop, is_stopped) = signal();
    let (answered, is_answered) = milestone();
    let server = Server::start(move |server| {
        let mut state = asks(server);
        asked.reached();
        is_stopped.wait();
        answers(&mut state);
        answered.reached();
        ends(server, state);
    });
    let variables = [("SUSPENDED_ORIGIN", &*server.origin()), ("SUSPENDED_TRANSPORT", transport.as_str())];
    let process = Process::start("child", &variables);
    is_asked.await;
    // The runtime waits for input.
    reaches_state(&process, "S").await;
    process.signal("STOP");
    reaches_state(&process, "T").await;
    stop.send();
    is_answered.await;
    actix_rt::time::sleep(SUSPENDED).await;
    process.signal("CONT");
    server.finish().await;
    assert_eq!(process.ends().await, Some(0));
}

#[actix::test]
async fn an_answer_to_a_handshake_that_arrives_while_the_process_is_suspended_counts() {
    let asks = |server: &Acceptor| {
        let mut get = server.accept();
        get.handshake();
        get
    };
    suspended(
        TransportKind::Polling,
        asks,
        |get: &mut Peer| get.packets(OPEN),
        |server, mut get| {
            get.poll();
            server.accept().accepts("4hello");
            get.ends_session();
        },
    )
    .await;
}

#[actix::test]
async fn an_answer_to_a_websocket_handshake_that_arrives_while_the_process_is_suspended_counts() {
    let asks = |server: &Acceptor| {
        let mut ws = server.accept();
        let request = ws.read_head();
        (ws, request)
    };
    let answers = |(ws, request): &mut (Peer, _)| {
        ws.switch_protocols(request, &[]);
        ws.send_text(&OPEN.to_string());
    };
    suspended(TransportKind::WebSocket, asks, answers, |_, (mut ws, _)| {
        ws.reads("4hello");
        ws.send_text("1");
        ws.reads_close(1000);
        ws.expect_closed();
    })
    .await;
}

#[actix::test]
async fn an_answer_to_a_post_that_arrives_while_the_process_is_suspended_counts() {
    let asks = |server: &Acceptor| {
        let (get, mut post) = server.opens_both(OPEN);
        post.posts("4hello");
        (get, post)
    };
    let answers = |(_, post): &mut (Peer, Peer)| post.ok();
    suspended(TransportKind::Polling, asks, answers, |_, (get, _post)| get.ends_session()).await;
}
