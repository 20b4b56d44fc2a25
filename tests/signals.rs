//! Real signals to a real process.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg(unix)]

mod support;

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix::prelude::*;
use actix_engineio::{
    self as engineio, Connect, DisconnectReason, EngineIoClient, Event, TransportKind, Wait,
};
use support::{Process, milestone, script::OPEN, server::Server, signal};

/// The other process: a program whose client has something to send when it is interrupted. It does nothing in a run of
/// the tests themselves.
#[actix::test]
async fn child() {
    let Ok(url) = env::var("SIGNAL_URL") else { return };
    let client = EngineIoClient::builder()
        .handle_signals(true)
        .close_timeout(Duration::from_secs(20))
        .transports([TransportKind::WebSocket])
        .start();
    // A client that is not connected does not delay the others.
    let _idle = EngineIoClient::builder().handle_sigint(true).start();
    client.send(Connect::new(url)).await.unwrap().unwrap();
    for at in 0..3 {
        client.do_send(engineio::Send::text(at.to_string()));
    }
    let reason = client.send(Wait).await.unwrap();
    let Some(DisconnectReason::Client(Some(reason))) = reason else { panic!("{reason:?}") };
    assert_eq!(*reason, *env::var("SIGNAL_REASON").unwrap());
}

/// A subscriber that stores the end of the session, which takes a while.
struct Ending(Arc<AtomicBool>);

impl Actor for Ending {
    type Context = Context<Self>;
}

impl Handler<Event> for Ending {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, event: Event, _: &mut Self::Context) -> Self::Result {
        let has_ended = self.0.clone();
        Box::pin(async move {
            if let Event::Disconnected(_) = event {
                actix_rt::time::sleep(Duration::from_millis(500)).await;
                has_ended.store(true, Ordering::Relaxed);
            }
        })
    }
}

/// The same, in a system that runs until it is stopped, with a subscriber on another arbiter.
#[test]
fn child_system() {
    let Ok(url) = env::var("SIGNAL_SYSTEM_URL") else { return };
    let system = actix::System::new();
    let has_ended = Arc::<AtomicBool>::default();
    let client = system.block_on(async {
        let ending = Ending(has_ended.clone());
        let ending = Ending::start_in_arbiter(&Arbiter::new().handle(), |_| ending);
        let client = EngineIoClient::builder()
            .handle_signals(true)
            .transports([TransportKind::WebSocket])
            .subscribe(ending.recipient())
            .start();
        client.send(Connect::new(url)).await.unwrap().unwrap();
        client.do_send(engineio::Send::text("ready"));
        client
    });
    system.run().unwrap();
    assert!(has_ended.load(Ordering::Relaxed));
    drop(client);
}

struct Signal {
    name: &'static str,
    /// The reason of the client that disconnects because of it.
    reason: &'static str,
    /// The exit status of a process that does not wait for that.
    status: i32,
}

const SIGNALS: [Signal; 2] = [
    Signal { name: "INT", reason: "interrupted", status: 130 },
    Signal { name: "TERM", reason: "terminated", status: 143 },
];

fn start(test: &str, variable: &str, signal: &Signal, server: &Server) -> Process {
    Process::start(test, &[(variable, &server.origin()), ("SIGNAL_REASON", signal.reason)])
}

#[actix::test]
async fn a_signal_sends_what_is_queued_and_closes_cleanly() {
    for signal in &SIGNALS {
        let (ready, is_ready) = milestone();
        let server = Server::start(|server| {
            let mut ws = server.opens_websocket(OPEN);
            for at in 0..3 {
                ws.reads(&format!("4{at}"));
            }
            ready.reached();
            ws.reads("1");
            ws.reads_close(1000);
            ws.close();
        });
        let child = start("child", "SIGNAL_URL", signal, &server);
        is_ready.await;
        child.signal(signal.name);
        assert_eq!(child.ends().await, Some(0), "{}", signal.name);
        server.finish().await;
    }
}

#[actix::test]
async fn a_signal_stops_the_system() {
    for signal in &SIGNALS {
        let (ready, is_ready) = milestone();
        let server = Server::start(|server| {
            let mut ws = server.opens_websocket(OPEN);
            ws.reads("4ready");
            ready.reached();
            ws.reads("1");
            ws.reads_close(1000);
            ws.close();
        });
        let child = start("child_system", "SIGNAL_SYSTEM_URL", signal, &server);
        is_ready.await;
        child.signal(signal.name);
        assert_eq!(child.ends().await, Some(0), "{}", signal.name);
        server.finish().await;
    }
}

#[actix::test]
async fn a_second_signal_does_not_wait_whichever_it_is() {
    let [interrupt, terminate] = &SIGNALS;
    for (first, second) in [(interrupt, interrupt), (terminate, terminate), (interrupt, terminate)] {
        let (ready, is_ready) = milestone();
        let (closing, is_closing) = milestone();
        let (gone, is_gone) = self::signal();
        let server = Server::start(|server| {
            let mut ws = server.opens_websocket(OPEN);
            for packet in ["40", "41", "42"] {
                ws.reads(packet);
            }
            ready.reached();
            ws.reads("1");
            closing.reached();
            // The close frame is not answered.
            is_gone.wait();
        });
        let child = start("child", "SIGNAL_URL", first, &server);
        is_ready.await;
        child.signal(first.name);
        is_closing.await;
        child.signal(second.name);
        assert_eq!(child.ends().await, Some(second.status), "{} and {}", first.name, second.name);
        gone.send();
        server.finish().await;
    }
}

/// A program that handles SIGINT alone.
#[actix::test]
async fn child_interrupt_only() {
    let Ok(url) = env::var("SIGNAL_INTERRUPT_URL") else { return };
    let client = EngineIoClient::builder().handle_sigint(true).transports([TransportKind::WebSocket]).start();
    client.send(Connect::new(url)).await.unwrap().unwrap();
    client.do_send(engineio::Send::text("ready"));
    client.send(Wait).await.unwrap();
}

#[actix::test]
async fn sigterm_is_not_handled_unless_a_client_asks_for_it() {
    let (ready, is_ready) = milestone();
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4ready");
        ready.reached();
        ws.expect_closed();
    });
    let child = start("child_interrupt_only", "SIGNAL_INTERRUPT_URL", &SIGNALS[1], &server);
    is_ready.await;
    child.signal(SIGNALS[1].name);
    assert_eq!(child.ends().await, None, "the signal has ended the process");
    server.finish().await;
}
