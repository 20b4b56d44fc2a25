//! The growth of a client's process: while it reads a flood slowly, while it writes to a server that does not read, and
//! when a server sends more than the limits allow.
//!
//! Each case runs in a process of its own, which reports its peak memory; the server is here. `FLOOD_MESSAGES` sets the
//! length of the floods, `PINNED_BYTES` that of the attacks in `pinned`.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod flood;
mod limits;
mod pinned;

use std::{
    env, fs,
    process::{Command, Stdio},
    time::Duration,
};

use support::{
    script::{self, Open},
    server::Server,
};

/// An open packet of a server that never pings: a flood may take minutes on a busy machine.
const OPEN: Open = script::OPEN.ping(Duration::from_secs(3600), Duration::from_secs(3600));

/// The growth that a process may have beside the buffer that its options name. Most of it is code that runs for the first time:
/// a debug build has megabytes of it.
const SLACK: u64 = 10 << 20;

/// Runs the case `name` of `child` against `server`; returns by how many bytes its peak memory grew.
async fn growth(name: &str, server: &Server) -> u64 {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
        .env("MEMORY_CASE", name)
        .env("MEMORY_URL", server.origin())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = actix_rt::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.split_once("grew by ")).expect("a figure").1;
    println!("{name}: grew by {line}");
    line.split(' ').next().unwrap().parse::<u64>().unwrap()
}

/// `VmRSS` or `VmHWM` of this process, in bytes.
fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Resets the peak to what is in use now.
fn reset_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The other process. It does nothing in a run of the tests themselves.
#[actix::test]
async fn child() {
    let (Ok(case), Ok(url)) = (env::var("MEMORY_CASE"), env::var("MEMORY_URL")) else { return };
    // What has been allocated already does not count.
    let before = memory("VmRSS");
    reset_peak();
    let (group, case) = case.split_once(' ').unwrap();
    match group {
        "flood" => flood::child(case, url).await,
        "pinned" => pinned::child(case, url).await,
        _ => limits::child(case, url).await,
    }
    println!("grew by {} bytes of {before}", memory("VmHWM").saturating_sub(before));
}
