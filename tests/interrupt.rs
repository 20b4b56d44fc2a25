//! A real Ctrl-C on a real process.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg(unix)]

mod support;

use std::{
    env,
    process::{Child, Command, Stdio},
    time::Duration,
};

use actix_engineio::{self as engineio, Connect, DisconnectReason, EngineIoClient, TransportKind, Wait};
use support::{milestone, script::OPEN, server::Server, signal};

/// The other process: a program whose client has something to send when it is interrupted. It does nothing in a run of
/// the tests themselves.
#[actix::test]
async fn child() {
    let Ok(url) = env::var("INTERRUPT_URL") else { return };
    let client = EngineIoClient::builder()
        .handle_sigint(true)
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
    assert_eq!(reason, Some(DisconnectReason::Client(Some("interrupted".into()))));
}

/// The same, in a system that runs until it is stopped.
#[test]
fn child_system() {
    let Ok(url) = env::var("INTERRUPT_SYSTEM_URL") else { return };
    let system = actix::System::new();
    let client = system.block_on(async {
        let client =
            EngineIoClient::builder().handle_sigint(true).transports([TransportKind::WebSocket]).start();
        client.send(Connect::new(url)).await.unwrap().unwrap();
        client.do_send(engineio::Send::text("ready"));
        client
    });
    system.run().unwrap();
    drop(client);
}

fn start(test: &str, variable: &str, server: &Server) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads", "1"])
        .env(variable, server.origin())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

async fn status(mut child: Child) -> Option<i32> {
    actix_rt::task::spawn_blocking(move || child.wait().unwrap().code()).await.unwrap()
}

#[actix::test]
async fn an_interrupt_sends_what_is_queued_and_closes_cleanly() {
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
    let child = start("child", "INTERRUPT_URL", &server);
    is_ready.await;
    interrupt(&child);
    assert_eq!(status(child).await, Some(0));
    server.finish().await;
}

#[actix::test]
async fn an_interrupt_stops_the_system() {
    let (ready, is_ready) = milestone();
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4ready");
        ready.reached();
        ws.reads("1");
        ws.reads_close(1000);
        ws.close();
    });
    let child = start("child_system", "INTERRUPT_SYSTEM_URL", &server);
    is_ready.await;
    interrupt(&child);
    assert_eq!(status(child).await, Some(0));
    server.finish().await;
}

#[actix::test]
async fn a_second_interrupt_does_not_wait() {
    let (ready, is_ready) = milestone();
    let (closing, is_closing) = milestone();
    let (gone, is_gone) = signal();
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
    let child = start("child", "INTERRUPT_URL", &server);
    is_ready.await;
    interrupt(&child);
    is_closing.await;
    interrupt(&child);
    assert_eq!(status(child).await, Some(130));
    gone.send();
    server.finish().await;
}
