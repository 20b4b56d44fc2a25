//! The endpoint of a connect, and the URLs at which a WebSocket has worked.

use std::sync::Arc;

use crate::protocol::endpoint::Endpoint;

/// The largest number of URLs that a client remembers. Most clients connect to one.
const MAX_REMEMBERED: usize = 64;

/// The endpoint of a connect. A redirect moves the transport that follows it, and the session that this transport opens.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The endpoint that the user named. Each transport begins there.
    named: Arc<Endpoint>,
    /// The endpoint to which a redirect has moved the current transport.
    moved: Option<Arc<Endpoint>>,
    /// Set if the client remembers that a WebSocket works there.
    remember: bool,
}

impl Target {
    pub(super) fn new(named: Arc<Endpoint>, remember: bool) -> Self {
        Self { named, moved: None, remember }
    }

    /// The endpoint of the current transport, or of the session.
    pub(super) fn endpoint(&self) -> &Arc<Endpoint> {
        self.moved.as_ref().unwrap_or(&self.named)
    }

    /// The URL that the user named, without secrets.
    pub(super) fn named_url(&self) -> &str {
        self.named.display_url()
    }

    /// Whether a server has chosen the endpoint, and not the user.
    pub(super) fn is_moved(&self) -> bool {
        self.moved.is_some()
    }

    /// The current transport has followed a redirect.
    pub(super) fn move_to(&mut self, endpoint: Arc<Endpoint>) {
        self.moved = Some(endpoint);
    }

    /// Returns to the endpoint that the user named, for the next transport.
    pub(super) fn reset(&mut self) -> Arc<Endpoint> {
        self.moved = None;
        self.named.clone()
    }
}

/// What sessions have shown about servers, the oldest first. The URLs are those that the user named: a server that redirects
/// cannot choose what a client remembers.
#[derive(Debug)]
pub(super) struct ByUrl<T>(Vec<(Arc<Endpoint>, T)>);

impl<T> ByUrl<T> {
    pub(super) fn get(&self, url: &str) -> Option<&T> {
        self.0.iter().find(|(known, _)| known.display_url() == url).map(|(_, value)| value)
    }

    /// Replaces what is known of the target. Beyond the maximum, the oldest URL is forgotten.
    pub(super) fn set(&mut self, target: &Target, value: T) {
        self.remove(target);
        if self.0.len() >= MAX_REMEMBERED {
            self.0.remove(0);
        }
        // Most clients have one URL, and there are many clients.
        self.0.reserve_exact(1);
        self.0.push((target.named.clone(), value));
    }

    pub(super) fn remove(&mut self, target: &Target) {
        self.0.retain(|(known, _)| known.display_url() != target.named_url());
    }
}

impl<T> Default for ByUrl<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// The URLs at which a session has used a WebSocket.
#[derive(Debug, Default)]
pub(super) struct Remembered(ByUrl<()>);

impl Remembered {
    pub(super) fn contains(&self, endpoint: &Endpoint) -> bool {
        self.0.get(endpoint.display_url()).is_some()
    }

    /// A session uses a WebSocket: the next connect can start with one.
    pub(super) fn add(&mut self, target: &Target) {
        if target.remember {
            self.0.set(target, ());
        }
    }

    /// A WebSocket has failed: the next connect starts with the first listed transport.
    pub(super) fn remove(&mut self, target: &Target) {
        self.0.remove(target);
    }
}

#[cfg(test)]
mod tests;
