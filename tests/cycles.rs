//! Connecting and disconnecting, again and again: nothing leaks.
//!
//! `CYCLES` sets how often, for each way to connect (300).

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../examples/embedded/mod.rs"]
mod embedded;
mod support;

use std::{env, fs};

use actix::WeakAddr;
use actix_engineio::{Connect, Disconnect, EngineIoClient, TransportKind};
use embedded::EmbeddedServer;
use support::sockets_to;

/// `VmRSS` of this process in KiB, which includes the server.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[actix::test]
async fn repeated_connects_and_disconnects_leak_nothing() {
    let cycles = env::var("CYCLES").map_or(300, |count| count.parse::<usize>().unwrap());
    let ways: [&[TransportKind]; 3] = [
        &[TransportKind::Polling],
        &[TransportKind::WebSocket],
        &[TransportKind::Polling, TransportKind::WebSocket],
    ];
    for way in ways {
        let server = EmbeddedServer::echo().unwrap();
        let port = server.addr().port();
        let kept = EngineIoClient::builder().start();
        let mut early = 0;
        let mut actors = Vec::new();
        for at in 0..cycles {
            if at == cycles / 5 {
                early = memory();
            }
            // Every other client is new, and stops with its session.
            let client = if at % 2 == 0 { kept.clone() } else { EngineIoClient::builder().start() };
            actors.push(client.downgrade());
            let connect = Connect::new(server.url()).transports(way.iter().copied());
            client.send(connect).await.unwrap().unwrap();
            client.send(Disconnect::new()).await.unwrap();
            assert_eq!(sockets_to(port), [""; 0]);
        }
        // Clients without addresses stop in their next turn.
        actix_rt::task::yield_now().await;
        let live = actors.iter().filter_map(WeakAddr::upgrade).filter(|client| *client != kept).count();
        assert_eq!(live, 0, "clients live on");
        let late = memory();
        println!(
            "{way:?}: {cycles} cycles, memory {early}, then {late} KiB, no socket open, no client alive"
        );
        assert!(late < early + (8 << 10), "memory grew from {early} to {late} KiB");
    }
}
