//! A server that was written by others, as a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    iter,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{self, Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use futures::channel::mpsc;
use serde_json::Value;

use crate::{
    proxy::{Front, Proxy, Rules},
    support::soon,
};

/// On a machine that is busy, a server in Python needs many seconds to start.
const START: Duration = Duration::from_secs(120);

/// Its process is killed when this is dropped, also by a test that fails; then its stderr is printed.
pub(crate) struct Server {
    process: Process,
    port: u16,
    lines: mpsc::UnboundedReceiver<Value>,
    /// The proxy that clients connect to instead.
    proxy: Option<Proxy>,
}

impl Server {
    /// Starts a program that reports events on stdout, in lines of JSON: first `ready`, with its port.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let stdout = process.child.stdout.take().expect("it is piped");
        let (sender, mut lines) = mpsc::unbounded();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.unbounded_send(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        let give_up = Instant::now() + START;
        let ready: Value = loop {
            if let Ok(line) = lines.try_recv() {
                break line;
            }
            assert!(Instant::now() < give_up && process.is_running(), "{command:?} does not start");
            thread::sleep(Duration::from_millis(2));
        };
        assert_eq!(ready["event"], "ready", "{ready}");
        let port = ready["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        Self { process, port, lines, proxy: None }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn behind(self, front: Front) -> Self {
        let proxy = front.start(&[self.port], Rules::USUAL);
        Self { proxy: Some(proxy), ..self }
    }

    pub(crate) fn url(&self) -> String {
        self.proxy.as_ref().map_or_else(|| format!("http://127.0.0.1:{}", self.port), Proxy::url)
    }

    /// Waits for the next event of this name.
    pub(crate) async fn says(&mut self, event: &str) -> Value {
        let wanted = self.lines.by_ref().filter(|line| std::future::ready(line["event"] == event));
        soon(event, wanted.into_future()).await.0.unwrap_or_else(|| panic!("the server says no {event}"))
    }

    pub(crate) fn kill(&mut self) {
        self.process.child.kill().expect("it runs");
    }

    /// Suspends it: its sockets stay open.
    pub(crate) fn stop(&self) {
        let stop = format!("kill -STOP {}", self.process.child.id());
        assert!(Command::new("sh").args(["-c", &stop]).status().expect("a shell").success());
    }
}

/// A port for a program that cannot choose one itself. It is below those that the system gives to others between now and
/// the start of the program.
pub(crate) fn free_port() -> u16 {
    const PORTS: u32 = 10_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Another run beside this one starts elsewhere.
    let first = process::id().wrapping_mul(331);
    iter::repeat_with(|| first.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % PORTS)
        .map(|number| 20_000 + u16::try_from(number).expect("it is small"))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("the iterator does not end")
}

/// A process that ends with the test.
pub(crate) struct Process {
    child: Child,
    /// Its stderr so far.
    log: Arc<Mutex<String>>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child =
            command.stderr(Stdio::piped()).spawn().unwrap_or_else(|err| panic!("{command:?}: {err}"));
        let stderr = child.stderr.take().expect("it is piped");
        let log = Arc::new(Mutex::new(String::new()));
        thread::spawn({
            let log = log.clone();
            move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    log.lock().expect("nobody panics with it").push_str(&format!("  {line}\n"));
                }
            }
        });
        Self { child, log }
    }

    /// Waits until it listens on a port. Returns `false` if it has ended instead.
    pub(crate) fn listens_on(&mut self, port: u16) -> bool {
        while self.is_running() {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(2));
        }
        false
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state can be asked for").is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprint!("{}", self.log.lock().expect("nobody panics with it"));
        }
    }
}
