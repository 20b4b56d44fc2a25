//! The signals that stop the service.

use std::io;

/// SIGINT, which is Ctrl-C, and SIGTERM, with which containers and systemd stop a service.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: actix_rt::signal::unix::Signal,
    terminate: actix_rt::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// From now on these signals do not end the process.
    pub(crate) fn new() -> io::Result<Self> {
        use actix_rt::signal::unix::{SignalKind, signal};

        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for Ctrl-C and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        let _ = actix_rt::signal::ctrl_c().await;
        "Ctrl-C"
    }
}
