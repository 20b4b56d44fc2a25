//! From one session to the next: how an attempt begins, and what follows its end.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context as Task, Poll},
    time::Instant,
};

use actix_http::header::HeaderName;
use futures::future::LocalBoxFuture;

use super::{Connect, Disconnected, EngineIoClient, Event, State, reply::ReplyState, timer::now};
use crate::{
    data::Data,
    error::{Cause, ConnectError, DisconnectReason, FlushError, SendError, SendErrorKind, Stage},
    protocol::{
        connection::ConnectParams,
        endpoint::Endpoint,
        handshake::{MAX_INTERVAL, Session},
    },
};

/// What goes on while there is no connection.
pub(super) enum Between {
    Nothing,
    /// The `before_connect` hook is at work, until `by`.
    Preparing {
        hook: LocalBoxFuture<'static, Result<Connect, Cause>>,
        by: Instant,
    },
    /// The policy's delay.
    Waiting {
        until: Instant,
    },
    /// The delay is over, but the subscribers still owe the last session: until `by` one of them has to take an event.
    Owed {
        by: Instant,
    },
}

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Preparing { .. } => "Preparing",
            Self::Waiting { .. } => "Waiting",
            Self::Owed { .. } => "Owed",
        })
    }
}

impl Between {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Nothing => None,
            Self::Preparing { by, .. } | Self::Owed { by } => Some(*by),
            Self::Waiting { until } => Some(*until),
        }
    }
}

impl EngineIoClient {
    /// No connection, and none to come.
    pub(super) fn is_idle(&self) -> bool {
        self.connection.is_idle() && matches!(self.between, Between::Nothing)
    }

    /// Between two sessions, messages are kept for the next.
    pub(super) fn keeps(&self) -> bool {
        let may_follow = self.config.keep_unsent && self.backoff.is_some() && !self.initial;
        may_follow && !self.is_idle() && self.connection.session().is_none()
    }

    pub(super) fn state(&self) -> State {
        if self.connection.is_open() {
            State::Connected
        } else if self.is_idle() {
            State::Disconnected
        } else if self.connection.is_connecting() || self.connection.is_idle() {
            if self.initial { State::Connecting } else { State::Reconnecting }
        } else {
            State::Disconnecting
        }
    }

    /// A user's own connect. During a delay of the policy it takes its place.
    pub(super) fn connect(&mut self, connect: Connect) -> Result<(), ConnectError> {
        let waits = matches!(self.between, Between::Waiting { .. } | Between::Owed { .. });
        let free = self.is_idle() || (waits && self.connect.is_none());
        if !free {
            return Err(ConnectError::AlreadyConnected);
        }
        if let Some(err) = self.config.invalid.clone().or_else(|| connect.invalid.clone()) {
            return Err(err);
        }
        // What cannot be used is told at once, whether or not a hook would have mended it later.
        self.endpoint(&connect)?;
        if let Some(backoff) = &mut self.backoff {
            backoff.reset();
        }
        self.target = Some(connect);
        self.left = false;
        self.initial = true;
        self.between = Between::Nothing;
        self.attempt().inspect_err(|err| {
            // It took the place of what others may have waited for.
            if mem::take(&mut self.announced) {
                self.subscribers.push(Event::ReconnectFailed(Arc::new(err.clone())));
            }
            self.refuse_all();
            self.answer_end();
        })
    }

    fn endpoint(&self, connect: &Connect) -> Result<Endpoint, ConnectError> {
        let path = connect.path.as_ref().unwrap_or(&self.config.path);
        let config = &self.config;
        Endpoint::new(&connect.url, path, config.add_trailing_slash, &config.timestamp_param)
    }

    /// Begins an attempt, with the hook if there is one.
    fn attempt(&mut self) -> Result<(), ConnectError> {
        let Some(connect) = self.target.clone() else { return Err(ConnectError::Cancelled) };
        let by = now() + self.config.connect_timeout;
        let Some(before_connect) = &self.config.before_connect else { return self.dial(connect, by) };
        self.between = Between::Preparing { hook: before_connect(connect), by };
        Ok(())
    }

    fn dial(&mut self, connect: Connect, by: Instant) -> Result<(), ConnectError> {
        if let Some(err) = connect.invalid {
            return Err(err);
        }
        let endpoint = Arc::new(self.endpoint(&connect)?);
        let transports = connect.transports.unwrap_or_else(|| self.config.transports.clone());
        let mut options = self.config.transport.clone();
        // What is given for one connect takes the place of what is given for all.
        let is_given = |name: &HeaderName| connect.headers.iter().any(|(given, _)| given == name);
        options.headers.retain(|(name, _)| !is_given(name));
        options.websocket_headers.retain(|(name, _)| !is_given(name));
        options.headers.extend(connect.headers);
        self.options = Arc::new(options);
        self.trusted = Some(endpoint.clone());
        let target = ConnectParams {
            endpoint,
            deadline: by,
            transports,
            upgrade: self.config.upgrade,
            try_all: self.config.try_all_transports,
            remember: self.config.remember_upgrade,
        };
        self.connection.connect(now(), target)
    }

    /// Moves on between two connections. Returns whether it did; `handled`: a subscriber took an event.
    pub(super) fn poll_between(&mut self, handled: bool, task: &mut Task<'_>) -> bool {
        match &mut self.between {
            Between::Nothing => false,
            Between::Preparing { hook, by } => {
                let outcome = match hook.as_mut().poll(task) {
                    Poll::Ready(Ok(connect)) => {
                        let by = *by;
                        self.dial(connect, by)
                    }
                    Poll::Ready(Err(cause)) => Err(ConnectError::Hook(cause)),
                    Poll::Pending if now() < *by => return false,
                    Poll::Pending => {
                        let url = self.target.as_ref().and_then(|connect| self.endpoint(connect).ok());
                        let url = url.as_ref().map_or("", Endpoint::display_url).into();
                        Err(ConnectError::Timeout { url, stage: Stage::Hook })
                    }
                };
                self.between = Between::Nothing;
                if let Err(err) = outcome {
                    self.on_connect_failed(err);
                }
                true
            }
            Between::Waiting { until } if now() < *until => false,
            Between::Waiting { .. } => {
                self.between = Between::Owed { by: now() + self.config.limits.stall_timeout };
                // However short the delay: others have their turn between two attempts.
                task.waker().wake_by_ref();
                false
            }
            Between::Owed { by } => {
                if handled {
                    *by = now() + self.config.limits.stall_timeout;
                }
                let owes = self.opened.is_some_and(|(_, before)| self.subscribers.owes(before));
                if owes && now() < *by {
                    return false;
                }
                self.between = Between::Nothing;
                let outcome = if owes { Err(ConnectError::Stalled) } else { self.attempt() };
                if let Err(err) = outcome {
                    self.on_connect_failed(err);
                }
                true
            }
        }
    }

    /// Ends the connection gracefully, or whatever was to lead to one.
    pub(super) fn leave(&mut self, reason: Option<Box<str>>) {
        if self.connection.is_idle() {
            return self.cancel();
        }
        self.left = true;
        // What came before goes out before the close, room or not.
        if self.connection.is_open() {
            for (data, reply) in mem::take(&mut self.line) {
                if reply.state() == ReplyState::Dropped {
                    continue;
                }
                match self.connection.send(data) {
                    Ok(()) => _ = reply.answer(Ok(())),
                    Err(err) => self.refused.push((err, reply)),
                }
            }
        }
        self.connection.close(now(), reason);
    }

    /// Gives up what goes on between two connections.
    pub(super) fn cancel(&mut self) {
        if !self.is_idle() {
            self.between = Between::Nothing;
            self.on_connect_failed(ConnectError::Cancelled);
        }
    }

    pub(super) fn on_opened(&mut self, session: Arc<Session>) {
        log::debug!(target: "actix_engineio::client", "connected over {}", session.transport);
        if session.ping_interval.max(session.ping_timeout) >= MAX_INTERVAL {
            log::warn!(target: "actix_engineio::client", "the heartbeat's intervals are cut at 24 hours");
        }
        self.session = Some(session.clone());
        self.opened = Some((now(), self.subscribers.told()));
        self.reconnects += u64::from(!self.initial);
        self.announced = false;
        self.subscribers.push(Event::Connected(session.clone()));
        if let Some(connect) = self.connect.take() {
            // The session stands whether or not the one who asked for it still waits.
            let _ = connect.answer(Ok(session));
        }
        // A session that is over already leaves them for the next.
        let kept = if self.connection.is_open() { self.kept.take() } else { Vec::new() };
        for data in kept {
            if let Err(err) = self.connection.send(data) {
                self.subscribers.push(Event::Rejected(Arc::new(err)));
            }
        }
        self.advance_line();
    }

    pub(super) fn on_connect_failed(&mut self, err: ConnectError) {
        self.transports.clear();
        let backoff = self.backoff.as_mut().filter(|_| !self.left);
        let next = backoff.and_then(|backoff| backoff.after_failure(&err, self.initial));
        log::debug!(target: "actix_engineio::client", "connect failed: {err}");
        if let Some(next) = next {
            return self.schedule(next);
        }
        if mem::take(&mut self.announced) {
            self.subscribers.push(Event::ReconnectFailed(Arc::new(err.clone())));
        }
        if self.initial {
            self.last_reason = None;
        }
        match self.connect.take() {
            Some(connect) => {
                if let Err(Err(err)) = connect.answer(Err(err)) {
                    log::warn!(target: "actix_engineio::client", "a connect that nobody awaits failed: {err}");
                }
            }
            None => log::warn!(target: "actix_engineio::client", "gave up: {err}"),
        }
        self.refuse_all();
        self.answer_end();
    }

    pub(super) fn on_closed(&mut self, reason: DisconnectReason, mut unsent: Vec<Data>, in_doubt: Vec<Data>) {
        log::debug!(target: "actix_engineio::client", "disconnected: {reason}");
        self.transports.clear();
        self.session = None;
        for task in self.tasks.drain(..) {
            task.abort();
        }
        for (_, flush) in self.flushes.drain(..) {
            let _ = flush.answer(Err(FlushError::Disconnected));
        }
        let lived = self.opened.map(|(at, _)| now().saturating_duration_since(at)).unwrap_or_default();
        let backoff = self.backoff.as_mut().filter(|_| !self.left);
        let next = backoff.and_then(|backoff| backoff.after_session(&reason, lived));
        // What was kept while the transports closed came after what they gave back.
        unsent.extend(self.kept.take());
        if next.is_some() && self.config.keep_unsent {
            unsent.drain(..).for_each(|data| self.kept.push(data));
        } else {
            self.give_line_back(&mut unsent);
        }
        let mut end = Disconnected::new(reason.clone());
        end.unsent = unsent;
        end.in_doubt = in_doubt;
        self.subscribers.push(Event::Disconnected(Arc::new(end)));
        self.initial = false;
        self.last_reason = Some(reason.clone());
        match next {
            Some(next) => self.schedule(next),
            None => {
                if self.backoff.as_ref().is_some_and(|backoff| backoff.wants(&reason)) {
                    let err = if self.left {
                        ConnectError::Cancelled
                    } else {
                        ConnectError::Exhausted(Box::new(reason))
                    };
                    self.subscribers.push(Event::ReconnectFailed(Arc::new(err)));
                }
                self.answer_end();
            }
        }
    }

    fn schedule(&mut self, (attempt, delay): (u32, std::time::Duration)) {
        log::debug!(target: "actix_engineio::client", "connecting again in {delay:?}, attempt {attempt}");
        self.between = Between::Waiting { until: now() + delay };
        self.announced = true;
        self.subscribers.push(Event::Reconnecting { attempt, delay });
    }

    /// What waited for room when its session ended: awaited sends fail, the others were as good as accepted.
    fn give_line_back(&mut self, unsent: &mut Vec<Data>) {
        while let Some((data, reply)) = self.line.pop_front() {
            match reply.state() {
                ReplyState::Awaited => {
                    let err = SendError { kind: SendErrorKind::Disconnected, data };
                    let _ = reply.answer(Err(err));
                }
                ReplyState::Unwanted => unsent.push(data),
                ReplyState::Dropped => {}
            }
        }
    }

    /// No session will come for what waits for one.
    fn refuse_all(&mut self) {
        let kind = SendErrorKind::NotConnected;
        for data in self.kept.take() {
            let err = SendError { kind: kind.clone(), data };
            self.subscribers.push(Event::Rejected(Arc::new(err)));
        }
        while let Some((data, reply)) = self.line.pop_front() {
            if reply.state() != ReplyState::Dropped {
                self.refused.push((SendError { kind: kind.clone(), data }, reply));
            }
        }
    }

    fn answer_end(&mut self) {
        for disconnect in self.disconnects.drain(..) {
            let _ = disconnect.answer(());
        }
        for wait in self.waits.drain(..) {
            let _ = wait.answer(self.last_reason.clone());
        }
    }
}
