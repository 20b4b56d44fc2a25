//! The endpoint of a connect, and the URLs at which a WebSocket has worked.

use std::{collections::VecDeque, sync::Arc};

use crate::protocol::endpoint::Endpoint;

/// The largest number of URLs that a client remembers. Most clients connect to one.
pub(super) const MAX_REMEMBERED: usize = 64;

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

/// The URLs at which a session has used a WebSocket, the oldest first. They are URLs that the user named: a server that
/// redirects cannot choose what a client remembers.
#[derive(Debug, Default)]
pub(super) struct Remembered(VecDeque<String>);

impl Remembered {
    pub(super) fn contains(&self, endpoint: &Endpoint) -> bool {
        self.0.iter().any(|url| url == endpoint.display_url())
    }

    /// A session uses a WebSocket: the next connect can start with one. Beyond the maximum, the oldest URL is forgotten.
    pub(super) fn add(&mut self, target: &Target) {
        if !target.remember {
            return;
        }
        self.remove(target);
        if self.0.len() >= MAX_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(target.named.display_url().to_owned());
    }

    /// A WebSocket has failed: the next connect starts with the first listed transport.
    pub(super) fn remove(&mut self, target: &Target) {
        self.0.retain(|url| url != target.named.display_url());
    }
}

#[cfg(test)]
mod tests;
