//! What a client has learned about its servers.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{http::LearnedLimit, shared::Shared};
use crate::protocol::endpoint::Destination;

/// The number of servers that a client remembers. Most clients have one. A server may redirect each session to another one,
/// so the number needs a limit.
const MAX_SERVERS: usize = 2;

/// What a client has learned about the servers of all of its sessions: a limit that one session has learned is obeyed
/// by the next one.
#[derive(Clone, Default)]
pub(crate) struct KnownServers(Arc<Shared>);

/// The servers about which something was learned, the latest one first.
#[derive(Debug)]
pub(super) struct Recent([Known; MAX_SERVERS]);

#[derive(Debug, Clone, Copy)]
struct Known {
    /// A hash of the destination, which needs less memory. Two destinations with the same hash share a limit.
    server: u64,
    limit: LearnedLimit,
}

impl KnownServers {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// The limit of the server at `destination`.
    pub(super) fn limit(&self, destination: &Destination) -> LearnedLimit {
        let recent = self.0.servers.get().map(|recent| lock(recent));
        recent.map_or(LearnedLimit::UNKNOWN, |recent| recent.limit(hash(destination)))
    }

    /// Changes the limit of the server at `destination`.
    pub(super) fn learn(&self, destination: &Destination, change: impl FnOnce(LearnedLimit) -> LearnedLimit) {
        let known = self.limit(destination);
        let limit = change(known);
        if limit != known {
            let recent = self.0.servers.get_or_init(Box::default);
            lock(recent).remember(Known { server: hash(destination), limit });
        }
    }
}

impl Recent {
    fn limit(&self, server: u64) -> LearnedLimit {
        let known = self.0.iter().find(|known| known.server == server);
        known.map_or(LearnedLimit::UNKNOWN, |known| known.limit)
    }

    /// Puts a server first, and forgets the last one if there is no room for it.
    fn remember(&mut self, newest: Known) {
        let before = self.0;
        let others = before.into_iter().filter(|known| known.server != newest.server);
        for (place, known) in self.0.iter_mut().zip([newest].into_iter().chain(others)) {
            *place = known;
        }
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self([Known { server: 0, limit: LearnedLimit::UNKNOWN }; MAX_SERVERS])
    }
}

fn hash(destination: &Destination) -> u64 {
    let mut hasher = DefaultHasher::new();
    destination.hash(&mut hasher);
    hasher.finish()
}

fn lock(recent: &Mutex<Recent>) -> MutexGuard<'_, Recent> {
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
