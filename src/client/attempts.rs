//! What attempts to connect are made with.

use std::{
    borrow::Cow,
    fmt, mem,
    sync::Arc,
    task::{Context as Task, Poll, ready},
    time::Instant,
};

use futures::future::LocalBoxFuture;

use super::{message::Connect, reconnect::Attempt};
use crate::{
    error::{Cause, ConnectError},
    protocol::{connection::ConnectParams, endpoint::Endpoint, handshake::TransportKind, version::Protocol},
    transport,
};

/// The `before_connect` hook, with the types of the closure erased.
pub(super) type Hook =
    Arc<dyn Fn(Connect, Attempt) -> LocalBoxFuture<'static, Result<Connect, Cause>> + Send + Sync>;

/// The options of every attempt.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) transports: Cow<'static, [TransportKind]>,
    pub(super) protocol: Protocol,
    pub(super) upgrade: bool,
    pub(super) try_all_transports: bool,
    pub(super) remember_upgrade: bool,
    pub(super) path: Cow<'static, str>,
    pub(super) add_trailing_slash: bool,
    pub(super) timestamp_param: Cow<'static, str>,
    pub(super) transport: Arc<transport::Options>,
    pub(super) before_connect: Option<Hook>,
    /// The first error of an option. Every `Connect` fails with it.
    pub(super) invalid: Option<Box<ConnectError>>,
}

/// The user's request, and the `before_connect` hook that may change it for an attempt.
pub(super) struct Attempts {
    options: Options,
    request: Request,
    preparation: Preparation,
}

/// The user's last `Connect`. Every attempt begins with it.
enum Request {
    None,
    /// Each attempt uses it as it is.
    Resolved(Resolved),
    /// The hook may change it for each attempt.
    ForHook(Box<Connect>),
}

#[derive(Default)]
enum Preparation {
    #[default]
    None,
    /// The hook is running.
    Running(LocalBoxFuture<'static, Result<Connect, Cause>>),
    /// The hook has changed the request to this one. Boxed, because it is large and only exists for a moment.
    Done(Box<Connect>),
}

/// A request together with the options: where an attempt goes, and over which transports.
#[derive(Clone)]
pub(super) struct Resolved {
    endpoint: Arc<Endpoint>,
    transports: Cow<'static, [TransportKind]>,
    protocol: Protocol,
    options: Arc<transport::Options>,
}

impl Options {
    /// The defaults.
    pub(super) fn new(transport: transport::Options) -> Self {
        Self {
            transports: Cow::Borrowed(&[TransportKind::Polling, TransportKind::WebSocket]),
            protocol: Protocol::V4,
            upgrade: true,
            try_all_transports: false,
            remember_upgrade: false,
            path: Cow::Borrowed("engine.io"),
            add_trailing_slash: true,
            timestamp_param: Cow::Borrowed("t"),
            transport: Arc::new(transport),
            before_connect: None,
            invalid: None,
        }
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").finish_non_exhaustive()
    }
}

impl Attempts {
    pub(super) fn new(options: Options) -> Self {
        Self { options, request: Request::None, preparation: Preparation::None }
    }

    /// Checks a request and adds the options to it.
    pub(super) fn resolve(&self, request: &Connect) -> Result<Resolved, ConnectError> {
        let Options { path, add_trailing_slash, timestamp_param, .. } = &self.options;
        if let Some(err) = self.options.invalid.as_ref().or(request.invalid.as_ref()) {
            return Err(ConnectError::clone(err));
        }
        let path = request.path.as_deref().unwrap_or(path);
        let endpoint = Endpoint::new(&request.url, path, *add_trailing_slash, timestamp_param.clone())?;
        let transports = match &request.transports {
            Some(transports) => Cow::Owned(transports.clone()),
            None => self.options.transports.clone(),
        };
        if transports.is_empty() {
            return Err(ConnectError::NoTransports);
        }
        let mut options = self.options.transport.clone();
        if !request.headers.is_empty() {
            Arc::make_mut(&mut options).override_headers(request.headers.clone());
        }
        let protocol = request.protocol.unwrap_or(self.options.protocol);
        Ok(Resolved { endpoint: Arc::new(endpoint), transports, protocol, options })
    }

    /// Begins with a request of the user, which has been resolved to this.
    pub(super) fn set_request(&mut self, request: Connect, resolved: Resolved) {
        self.request = match self.options.before_connect {
            Some(_) => Request::ForHook(Box::new(request)),
            None => Request::Resolved(resolved),
        };
    }

    /// Starts the hook on the user's request.
    pub(super) fn run_hook(&mut self, attempt: Attempt) {
        self.preparation = match (&self.options.before_connect, &self.request) {
            (Some(hook), Request::ForHook(request)) => {
                Preparation::Running(hook(Connect::clone(request), attempt))
            }
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
                self.preparation = Preparation::Done(Box::new(request));
                Ok(())
            }
            Err(cause) => Err(ConnectError::Hook(cause)),
        })
    }

    /// What the attempt that begins now is made with.
    pub(super) fn next(&mut self) -> Result<Resolved, ConnectError> {
        match (mem::take(&mut self.preparation), &self.request) {
            (Preparation::Done(request), _) => self.resolve(&request),
            (_, Request::Resolved(resolved)) => Ok(resolved.clone()),
            (_, Request::ForHook(request)) => self.resolve(request),
            (_, Request::None) => Err(ConnectError::Cancelled),
        }
    }

    /// What the connection needs to know for an attempt that has to succeed before `deadline`.
    pub(super) fn params(&self, resolved: Resolved, deadline: Instant) -> ConnectParams {
        ConnectParams {
            endpoint: resolved.endpoint,
            deadline,
            transports: resolved.transports.into_owned(),
            protocol: resolved.protocol,
            upgrade: self.options.upgrade,
            try_all: self.options.try_all_transports,
            remember: self.options.remember_upgrade,
        }
    }
}

impl Resolved {
    pub(super) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The options of the transports, with the headers of the request.
    pub(super) fn options(&self) -> &Arc<transport::Options> {
        &self.options
    }
}
