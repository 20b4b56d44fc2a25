//! SIGINT and SIGTERM, for the clients that asked for it.
//!
//! Signals belong to the process, so one thread waits for each. At the first signal, every client that asked for one disconnects
//! gracefully; when the last of them has disconnected, and its subscribers know it, their systems are stopped. At the second
//! signal the process exits.

use std::{
    io, mem, process,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use actix::{Message, WeakRecipient};
use actix_rt::System;

const TARGET: &str = "actix_engineio::client";

/// The time from the replies to the stop of the system. Whoever awaited a reply can send a last message to an actor on another
/// arbiter in it.
const AFTER_REPLIES: Duration = Duration::from_millis(100);

/// A signal that asks a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGINT, or Ctrl-C on Windows.
    Interrupt,
    /// SIGTERM, or on Windows the end of the console, of the user's session or of the system.
    Terminate,
}

impl Signal {
    /// The reason of the disconnect.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated",
        }
    }

    /// The exit status of a process that the signal has ended, as shells define it: 128 and the number of the signal.
    fn exit_status(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// The signals that a client is configured to handle. A signal that is handled for any client of the process disconnects
/// all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum HandledSignals {
    #[default]
    None,
    Interrupt,
    /// Both of them.
    All,
}

impl HandledSignals {
    fn list(self) -> &'static [Signal] {
        match self {
            Self::None => &[],
            Self::Interrupt => &[Signal::Interrupt],
            Self::All => &[Signal::Interrupt, Signal::Terminate],
        }
    }
}

/// Asks a client to disconnect, because of a signal.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Signalled(pub(super) Signal);

/// A client's part in the handling of signals.
#[derive(Debug)]
pub(super) enum SignalHandling {
    /// The client handles no signal, or has disconnected after one.
    Off,
    /// The client is to handle these signals once it has started.
    Requested(HandledSignals),
    /// The client disconnects at the next signal.
    Registered(Registration),
    /// A signal has come, and the client is disconnecting.
    Disconnecting(Registration),
    /// The client is disconnected. First its subscribers handle the last events, then those who wait for the end hear of it, and
    /// then the system is stopped.
    Finishing(Box<Finishing>),
}

#[derive(Debug)]
pub(super) struct Finishing {
    _registration: Registration,
    /// The end of the current step.
    deadline: Instant,
    has_replied: bool,
}

/// What a client does that is disconnected because of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// It waits, or it has nothing to do.
    Wait,
    /// It answers those who wait for the end.
    Reply,
}

impl SignalHandling {
    pub(super) fn new(signals: HandledSignals) -> Self {
        match signals {
            HandledSignals::None => Self::Off,
            signals => Self::Requested(signals),
        }
    }

    /// The client has started, so it has an address.
    pub(super) fn start(&mut self, client: impl FnOnce() -> WeakRecipient<Signalled>) {
        if let Self::Requested(signals) = *self {
            *self = Self::Registered(Registration::new(signals, client()));
        }
    }

    /// A signal has come.
    pub(super) fn begin(&mut self) {
        *self = match mem::replace(self, Self::Off) {
            Self::Registered(registration) => Self::Disconnecting(registration),
            other => other,
        };
    }

    /// The client is disconnected, and does not connect by itself. After a signal, its subscribers have the time `limit` to handle
    /// the last events. `know_all`: they have done so.
    pub(super) fn finish(&mut self, now: Instant, know_all: bool, limit: Duration) -> Finish {
        let mut finishing = match mem::replace(self, Self::Off) {
            Self::Disconnecting(registration) => {
                Box::new(Finishing { _registration: registration, deadline: now + limit, has_replied: false })
            }
            Self::Finishing(finishing) => finishing,
            other => {
                *self = other;
                return Finish::Wait;
            }
        };
        if finishing.has_replied {
            if now < finishing.deadline {
                *self = Self::Finishing(finishing);
            }
            return Finish::Wait;
        }
        let is_over = know_all || now >= finishing.deadline;
        if is_over {
            (finishing.has_replied, finishing.deadline) = (true, now + AFTER_REPLIES);
        }
        *self = Self::Finishing(finishing);
        if is_over { Finish::Reply } else { Finish::Wait }
    }

    /// Whether a signal has come and the client has not finished.
    pub(super) fn is_finishing(&self) -> bool {
        matches!(self, Self::Disconnecting(_) | Self::Finishing(_))
    }

    /// When `finish` is to be called again at the latest.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Finishing(finishing) => Some(finishing.deadline),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Registry {
    next_id: u64,
    /// The signals that a thread waits for.
    awaited: Vec<Signal>,
    /// The first signal, once it has come.
    received: Option<Signal>,
    clients: Vec<(u64, WeakRecipient<Signalled>, Option<System>)>,
    /// The systems of the clients that have disconnected since the first signal.
    systems: Vec<System>,
}

static REGISTRY: Mutex<Option<Registry>> = Mutex::new(None);

fn registry() -> MutexGuard<'static, Option<Registry>> {
    // No code that changes the registry can panic half-way.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client's entry in the registry. Dropping it removes the client.
#[derive(Debug)]
pub(super) struct Registration(u64);

impl Registration {
    fn new(signals: HandledSignals, client: WeakRecipient<Signalled>) -> Self {
        let mut guard = registry();
        let registry = guard.get_or_insert_default();
        let id = registry.next_id;
        registry.next_id += 1;
        if let Some((client, signal)) = client.upgrade().zip(registry.received) {
            // The other clients got their message when the signal came.
            client.do_send(Signalled(signal));
        }
        registry.clients.push((id, client, System::try_current()));
        for signal in signals.list() {
            if !registry.awaited.contains(signal) && start_thread(*signal) {
                registry.awaited.push(*signal);
            }
        }
        Self(id)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut guard = registry();
        let Some(registry) = guard.as_mut() else { return };
        let Some(index) = registry.clients.iter().position(|(id, ..)| *id == self.0) else { return };
        let (_, _, system) = registry.clients.swap_remove(index);
        registry.systems.extend(system.filter(|_| registry.received.is_some()));
        if registry.clients.is_empty() {
            for system in registry.systems.drain(..) {
                system.stop();
            }
        }
    }
}

/// Starts the thread that waits for a signal. Returns whether it waits. From then on the signal does not end the process.
fn start_thread(signal: Signal) -> bool {
    let (listening, is_listening) = mpsc::channel();
    let wait = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        if let Err(err) = runtime.and_then(|runtime| runtime.block_on(handle(signal, listening))) {
            log::warn!(target: TARGET, "{} is not handled: {err}", signal.name());
        }
    };
    let thread = thread::Builder::new().name("engineio-signals".to_owned()).spawn(wait);
    if let Err(err) = &thread {
        log::warn!(target: TARGET, "{} is not handled: {err}", signal.name());
    }
    // An error if the thread has failed, or was not started.
    is_listening.recv().is_ok()
}

/// Disconnects the clients when the signal comes for the first time, and exits when it comes again.
async fn handle(signal: Signal, listening: mpsc::Sender<()>) -> io::Result<()> {
    let mut signals = Signals::new(signal)?;
    let _ = listening.send(());
    signals.recv().await;
    log::info!(target: TARGET, "{}: disconnecting", signal.name());
    if disconnect(signal) {
        signals.recv().await;
    }
    process::exit(signal.exit_status());
}

/// Asks every client to disconnect. Returns whether there was any, and no earlier signal.
fn disconnect(signal: Signal) -> bool {
    let mut guard = registry();
    let Some(registry) = guard.as_mut() else { return false };
    if registry.received.replace(signal).is_some() {
        return false;
    }
    let clients = registry.clients.iter().filter_map(|(_, client, _)| client.upgrade()).collect::<Vec<_>>();
    // A client may disconnect, and lock the registry, before the next one gets its message.
    drop(guard);
    for client in &clients {
        client.do_send(Signalled(signal));
    }
    !clients.is_empty()
}

/// All arrivals of one signal. There is one stream for all of them, so that none is lost between two.
#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn new(signal: Signal) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal as listen};
        let kind = match signal {
            Signal::Interrupt => SignalKind::interrupt(),
            Signal::Terminate => SignalKind::terminate(),
        };
        listen(kind).map(Self)
    }

    async fn recv(&mut self) {
        self.0.recv().await;
    }
}

/// All arrivals of one signal. Windows has several that ask a process to end.
#[cfg(windows)]
enum Signals {
    Interrupt(tokio::signal::windows::CtrlC),
    Terminate(
        tokio::signal::windows::CtrlClose,
        tokio::signal::windows::CtrlLogoff,
        tokio::signal::windows::CtrlShutdown,
    ),
}

#[cfg(windows)]
impl Signals {
    fn new(signal: Signal) -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        Ok(match signal {
            Signal::Interrupt => Self::Interrupt(ctrl_c()?),
            Signal::Terminate => Self::Terminate(ctrl_close()?, ctrl_logoff()?, ctrl_shutdown()?),
        })
    }

    async fn recv(&mut self) {
        match self {
            Self::Interrupt(signal) => _ = signal.recv().await,
            Self::Terminate(close, logoff, shutdown) => {
                let close = std::pin::pin!(close.recv());
                let logoff = std::pin::pin!(logoff.recv());
                let shutdown = std::pin::pin!(shutdown.recv());
                let logoff_or_shutdown = futures::future::select(logoff, shutdown);
                futures::future::select(close, logoff_or_shutdown).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
