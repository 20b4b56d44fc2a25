//! The common part of the drivers in Rust: their arguments, their clock, and the line of JSON that they print.
//!
//! `DRIVER TASK ADDRESS TRANSPORT SIZE COUNT [CONNECTIONS [SUBSCRIBERS]]`. A SIZE such as `64b` means binary messages. A
//! TRANSPORT such as `websocket+stateless` names a choice of compression. The messages that are sent by a task for documents
//! are the lines of the file that the environment variable `DOCUMENTS` names.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    str::FromStr,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// The arguments of a driver.
#[derive(Debug, Clone)]
pub struct Order {
    pub task: String,
    pub address: String,
    pub transport: String,
    /// The name of a choice of compression, if messages are compressed.
    pub compression: Option<String>,
    pub size: usize,
    pub binary: bool,
    pub count: usize,
    pub connections: usize,
    pub subscribers: usize,
}

impl Order {
    pub fn read() -> Result<Self, Box<dyn Error>> {
        let args: Vec<_> = env::args().skip(1).collect();
        let [task, address, transport, size, count, more @ ..] = args.as_slice() else {
            return Err("usage: DRIVER TASK ADDRESS TRANSPORT SIZE COUNT [CONNECTIONS [SUBSCRIBERS]]".into());
        };
        let (transport, compression) = match transport.split_once('+') {
            Some((transport, compression)) => (transport, Some(compression.to_owned())),
            None => (transport.as_str(), None),
        };
        let more = |index: usize| more.get(index).map_or(Ok(1), |number| usize::from_str(number));
        Ok(Self {
            task: task.clone(),
            address: address.clone(),
            transport: transport.to_owned(),
            compression,
            size: size.trim_end_matches('b').parse()?,
            binary: size.ends_with('b'),
            count: count.parse()?,
            connections: more(0)?,
            subscribers: more(1)?,
        })
    }

    /// The URL of the server, with a query that says what it does with the client.
    pub fn url(&self, scheme: &str, mode: &str) -> String {
        let Self { address, size, count, .. } = self;
        let kind = if self.binary { "binary" } else { "text" };
        format!("{scheme}://{address}/engine.io/?mode={mode}&kind={kind}&size={size}&count={count}")
    }

    /// Messages that are sent before they are flushed: at most 1 MiB, and no more than warm up. Not a round number, which
    /// could be the best case of one of the clients.
    pub fn burst(&self) -> usize {
        ((1 << 20) / self.size.max(1)).min(300).min(self.count / 10).max(1)
    }

    /// The share of one of several connections.
    pub fn share(&self) -> Self {
        Self { count: self.count / self.connections, ..self.clone() }
    }

    /// The messages that warm up and are not measured: the first tenth.
    pub fn warm_up(&self) -> usize {
        self.count / 10
    }
}

/// Measures the time and the processor time of this process since its start.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    cpu: Duration,
}

impl Meter {
    pub fn start() -> Self {
        Self { started: Instant::now(), cpu: cpu() }
    }

    /// Prints the measurement since the start.
    pub fn report(&self, messages: usize) {
        self.report_with(messages, "");
    }

    /// Prints the measurement since the start, and the duration of each piece.
    pub fn report_each(&self, mut took: Vec<Duration>) {
        took.sort_unstable();
        let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64();
        self.report_with(took.len(), &format!(r#", "p50": {:.9}, "p99": {:.9}"#, at(0.5), at(0.99)));
    }

    fn report_with(&self, messages: usize, more: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        let cpu = (cpu() - self.cpu).as_secs_f64();
        let rss = resident();
        println!(
            r#"{{"messages": {messages}, "seconds": {seconds:.6}, "cpu": {cpu:.6}, "rss": {rss}{more}}}"#
        );
    }
}

/// The lines of the file that `DOCUMENTS` names.
pub fn documents() -> Result<Vec<String>, Box<dyn Error>> {
    let path = env::var("DOCUMENTS").map_err(|err| format!("DOCUMENTS: {err}"))?;
    Ok(fs::read_to_string(path)?.lines().map(str::to_owned).collect())
}

/// Lets the server begin the floods that wait for it.
pub fn open_gate(address: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /open HTTP/1.1\r\nconnection: close\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Bytes of memory that this process uses; 0 where there is no `/proc`.
pub fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size()
}

/// Prints the memory that each connection takes, over `before`.
pub fn report_memory(connections: usize, before: usize) {
    let bytes = resident().saturating_sub(before) / connections.max(1);
    println!(r#"{{"connections": {connections}, "bytes": {bytes}}}"#);
}
