//! Ctrl-C, for the clients that asked for it.
//!
//! The signal belongs to the process, so one thread waits for it. On the first, every client that asked leaves
//! gracefully; when the last has left, their systems are stopped. On the second the process exits.

use std::{
    io, process,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use actix::{Message, WeakRecipient};
use actix_rt::System;

/// The status of a process that was ended by an interrupt, as shells count it: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// "Leave."
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Interrupt;

#[derive(Default)]
struct Registry {
    next: u64,
    /// The thread runs.
    listening: bool,
    /// The first signal came.
    interrupted: bool,
    clients: Vec<(u64, WeakRecipient<Interrupt>, Option<System>)>,
    /// The systems of clients that have left.
    systems: Vec<System>,
}

static REGISTRY: Mutex<Option<Registry>> = Mutex::new(None);

fn registry() -> MutexGuard<'static, Option<Registry>> {
    // Nothing that holds the lock can panic half-way.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client's place among those that are told. It leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Registration(u64);

impl Registration {
    pub(super) fn new(client: WeakRecipient<Interrupt>) -> Self {
        let mut guard = registry();
        let registry = guard.get_or_insert_default();
        let id = registry.next;
        registry.next += 1;
        if let Some(client) = client.upgrade().filter(|_| registry.interrupted) {
            // Too late to be told with the others.
            client.do_send(Interrupt);
        }
        registry.clients.push((id, client, System::try_current()));
        if !registry.listening {
            let listener = thread::Builder::new().name("engineio-interrupt".to_owned()).spawn(listen);
            match listener {
                Ok(_) => registry.listening = true,
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
        let Some(at) = registry.clients.iter().position(|(id, ..)| *id == self.0) else { return };
        let (_, _, system) = registry.clients.swap_remove(at);
        registry.systems.extend(system.filter(|_| registry.interrupted));
        if registry.clients.is_empty() {
            for system in registry.systems.drain(..) {
                system.stop();
            }
        }
    }
}

/// Waits for two signals.
fn listen() {
    if let Err(err) = wait_for_signals() {
        log::warn!(target: "actix_engineio::client", "Ctrl-C is not handled: {err}");
    }
}

fn wait_for_signals() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        // One listener for both, so that none gets lost between them.
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

/// Tells every client to leave. Returns whether there was any.
fn interrupt() -> bool {
    let mut guard = registry();
    let Some(registry) = guard.as_mut() else { return false };
    registry.interrupted = true;
    let clients = registry.clients.iter().filter_map(|(_, client, _)| client.upgrade()).collect::<Vec<_>>();
    // A client may answer, and come here, before the next is told.
    drop(guard);
    for client in &clients {
        client.do_send(Interrupt);
    }
    !clients.is_empty()
}
