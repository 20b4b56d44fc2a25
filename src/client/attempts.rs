//! What attempts to connect are made with.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context as Task, Poll, ready},
    time::Instant,
};

use futures::future::LocalBoxFuture;
use url::Url;

use super::{
    builder::{Config, Hook},
    message::Connect,
    reconnect::Attempt,
};
use crate::{
    error::{Cause, ConnectError},
    protocol::{connection::ConnectParams, endpoint::Endpoint},
    transport,
};

/// The user's request, and the `before_connect` hook that may change it for an attempt.
#[derive(Default)]
pub(super) struct Attempts {
    /// The user's last `Connect`. Every attempt begins with it.
    request: Option<Connect>,
    preparation: Preparation,
}

#[derive(Default)]
enum Preparation {
    #[default]
    None,
    /// The hook is running.
    Running(LocalBoxFuture<'static, Result<Connect, Cause>>),
    /// The hook has changed the request to this one.
    Done(Connect),
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").field("request", &self.request).finish_non_exhaustive()
    }
}

impl Attempts {
    pub(super) fn set_request(&mut self, request: Connect) {
        self.request = Some(request);
    }

    /// Starts the hook on the user's request.
    pub(super) fn run_hook(&mut self, hook: Option<&Hook>, attempt: Attempt) {
        self.preparation = match (hook, self.request.clone()) {
            (Some(hook), Some(request)) => Preparation::Running(hook(request, attempt)),
            _ => Preparation::None,
        };
    }

    /// Drops the hook, if it is running.
    pub(super) fn cancel_hook(&mut self) {
        self.preparation = Preparation::None;
    }

    /// Ready once, when the hook has returned.
    pub(super) fn poll_hook(&mut self, task: &mut Task<'_>) -> Poll<Result<(), ConnectError>> {
        let Preparation::Running(hook) = &mut self.preparation else { return Poll::Pending };
        let outcome = ready!(hook.as_mut().poll(task));
        self.preparation = Preparation::None;
        Poll::Ready(match outcome {
            Ok(request) => {
                self.preparation = Preparation::Done(request);
                Ok(())
            }
            Err(cause) => Err(ConnectError::Hook(cause)),
        })
    }

    /// The request for the attempt that begins now.
    pub(super) fn next_request(&mut self) -> Result<Connect, ConnectError> {
        match mem::take(&mut self.preparation) {
            Preparation::Done(request) => Ok(request),
            Preparation::None | Preparation::Running(_) => {
                self.request.clone().ok_or(ConnectError::Cancelled)
            }
        }
    }
}

/// Checks a request of the user before anything else happens. Returns its URL without secrets.
pub(super) fn check(config: &Config, request: &Connect) -> Result<Box<str>, ConnectError> {
    if let Some(err) = config.invalid.as_ref().or(request.invalid.as_ref()) {
        return Err(err.clone());
    }
    let endpoint = endpoint(config, request)?;
    if request.transports.as_ref().unwrap_or(&config.transports).is_empty() {
        return Err(ConnectError::NoTransports);
    }
    Ok(endpoint.display_url().into())
}

/// Whether the URL of the request has a path that is not used, since requests go to the path of `used`.
pub(super) fn has_unused_path(request: &Connect, used: &str) -> bool {
    let path =
        |url: &str| Url::parse(url).map(|url| url.path().trim_matches('/').to_owned()).unwrap_or_default();
    let in_request = path(&request.url);
    !in_request.is_empty() && in_request != path(used)
}

/// What a connection and its transports need to know for an attempt with this request.
pub(super) fn resolve(
    config: &Config,
    request: Connect,
    deadline: Instant,
) -> Result<(ConnectParams, transport::Options), ConnectError> {
    if let Some(err) = &request.invalid {
        return Err(err.clone());
    }
    let endpoint = Arc::new(endpoint(config, &request)?);
    let mut options = config.transport.clone();
    options.override_headers(request.headers);
    let params = ConnectParams {
        endpoint,
        deadline,
        transports: request.transports.unwrap_or_else(|| config.transports.clone()),
        upgrade: config.upgrade,
        try_all: config.try_all_transports,
        remember: config.remember_upgrade,
    };
    Ok((params, options))
}

fn endpoint(config: &Config, request: &Connect) -> Result<Endpoint, ConnectError> {
    let path = request.path.as_ref().unwrap_or(&config.path);
    Endpoint::new(&request.url, path, config.add_trailing_slash, &config.timestamp_param)
}
