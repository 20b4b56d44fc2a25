//! Ctrl-C, for the clients that asked for it.
//!
//! The signal belongs to the process, so one thread waits for it. At the first signal, every client that asked for it
//! disconnects gracefully; when the last of them has disconnected, their systems are stopped. At the second signal the
//! process exits.

use std::{
    io, mem, process,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use actix::{Message, WeakRecipient};
use actix_rt::System;

/// The exit status of a process that was ended by an interrupt, as shells define it: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// Asks a client to disconnect, because of Ctrl-C.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Interrupt;

/// What a client has to do with Ctrl-C.
#[derive(Debug)]
pub(super) enum Interruption {
    /// The client did not ask for Ctrl-C, or has disconnected after one.
    Off,
    /// The client is to disconnect at Ctrl-C.
    Registered(Registration),
    /// Ctrl-C has come, and the client is disconnecting.
    Disconnecting { _registration: Registration },
}

impl Interruption {
    /// Ctrl-C has come.
    pub(super) fn begin(&mut self) {
        *self = match mem::replace(self, Self::Off) {
            Self::Registered(registration) => Self::Disconnecting { _registration: registration },
            other => other,
        };
    }

    /// The client is disconnected, and does not connect by itself.
    pub(super) fn finish(&mut self) {
        if let Self::Disconnecting { .. } = self {
            *self = Self::Off;
        }
    }
}

#[derive(Default)]
struct Registry {
    next_id: u64,
    /// The thread that waits for signals is running.
    is_listening: bool,
    /// The first signal has come.
    is_interrupted: bool,
    clients: Vec<(u64, WeakRecipient<Interrupt>, Option<System>)>,
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
    pub(super) fn new(client: WeakRecipient<Interrupt>) -> Self {
        let mut guard = registry();
        let registry = guard.get_or_insert_default();
        let id = registry.next_id;
        registry.next_id += 1;
        if let Some(client) = client.upgrade().filter(|_| registry.is_interrupted) {
            // The other clients got their message when the signal came.
            client.do_send(Interrupt);
        }
        registry.clients.push((id, client, System::try_current()));
        if !registry.is_listening {
            let listener = thread::Builder::new().name("engineio-interrupt".to_owned()).spawn(listen);
            match listener {
                Ok(_) => registry.is_listening = true,
                Err(err) => log::warn!(target: "actix_engineio::client", "Ctrl-C is not handled: {err}"),
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
        registry.systems.extend(system.filter(|_| registry.is_interrupted));
        if registry.clients.is_empty() {
            for system in registry.systems.drain(..) {
                system.stop();
            }
        }
    }
}

/// The thread that waits for signals.
fn listen() {
    if let Err(err) = wait_for_signals() {
        log::warn!(target: "actix_engineio::client", "Ctrl-C is not handled: {err}");
    }
}

fn wait_for_signals() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        // One stream for both signals, so that none is lost between them.
        #[cfg(unix)]
        let mut signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        #[cfg(windows)]
        let mut signals = tokio::signal::windows::ctrl_c()?;
        signals.recv().await;
        log::info!(target: "actix_engineio::client", "interrupted: disconnecting");
        if interrupt() {
            signals.recv().await;
        }
        process::exit(INTERRUPTED);
    })
}

/// Asks every client to disconnect. Returns whether there was any.
fn interrupt() -> bool {
    let mut guard = registry();
    let Some(registry) = guard.as_mut() else { return false };
    registry.is_interrupted = true;
    let clients = registry.clients.iter().filter_map(|(_, client, _)| client.upgrade()).collect::<Vec<_>>();
    // A client may disconnect, and lock the registry, before the next one gets its message.
    drop(guard);
    for client in &clients {
        client.do_send(Interrupt);
    }
    !clients.is_empty()
}
