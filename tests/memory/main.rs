//! What a client's process grows by: while it reads a flood slowly, while it writes to a server that does not read, and
//! when a server wants more of it than its limits allow.
//!
//! Each case runs in a process of its own, which reports its peak memory; the server is here. `FLOOD_MESSAGES` sets the
//! length of the floods.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod flood;
mod limits;

use std::{
    env, fs,
    process::{Command, Stdio},
};

use support::server::Server;

/// What a process may grow by, beside the buffer that its options name.
const SLACK: u64 = 8 << 20;

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

/// Forgets the peak so far.
fn reset_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The other process. It does nothing in a run of the tests themselves.
#[actix::test]
async fn child() {
    let (Ok(case), Ok(url)) = (env::var("MEMORY_CASE"), env::var("MEMORY_URL")) else { return };
    // What is needed once is there before the measurement.
    let before = memory("VmRSS");
    reset_peak();
    let (group, case) = case.split_once(' ').unwrap();
    match group {
        "flood" => flood::child(case, url).await,
        _ => limits::child(case, url).await,
    }
    println!("grew by {} bytes of {before}", memory("VmHWM").saturating_sub(before));
}
