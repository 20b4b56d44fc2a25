//! Lookups of hosts by the operating system.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::Arc,
    thread,
};

use futures::channel::oneshot;
use tokio::sync::Semaphore;

use crate::transport::Shared;

/// The largest number of lookups of a client that run at the same time. Polling has two connections, an upgrade has one.
const MAX_RUNNING: usize = 4;

/// The lookups of one client.
///
/// The operating system cannot stop a lookup, which may take a minute. One that nobody waits for any more goes on in its
/// thread and counts until it ends, so a client that tries again and again does not collect threads.
#[derive(Clone, Default)]
pub(crate) struct Lookups(Arc<Shared>);

impl Lookups {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    fn running(&self) -> &Arc<Semaphore> {
        self.0.lookups.get_or_init(|| Arc::new(Semaphore::new(MAX_RUNNING)))
    }

    pub(super) async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = host.to_owned();
        self.run(move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect)).await?
    }

    /// Runs `lookup` in a thread of its own, unless nobody waits for it any more when the thread begins. A thread of the
    /// runtime would delay the end of the runtime, which waits for all of its threads.
    async fn run<T: Send + 'static>(&self, lookup: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let running = self.running().clone().acquire_owned().await.map_err(io::Error::other)?;
        let (sender, found) = oneshot::channel();
        thread::Builder::new().name("engineio-lookup".to_owned()).spawn(move || {
            if !sender.is_canceled() {
                let result = lookup();
                drop(running);
                let _ = sender.send(result);
            }
        })?;
        found.await.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests;
