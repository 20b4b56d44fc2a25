//! Decides when a client connects, reconnects and stops. It uses no actor, no socket and no clock of its own.
//!
//! The inputs of a [`Lifecycle`] say what happened and when (`connect`, `disconnect`, `handle_opened`, `handle_closed`, ..).
//! Its outputs say what to do (`poll_output`) and when to call `handle_timeout` (`poll_timeout`). It decides when an attempt
//! to connect begins, and what happens after an attempt or a session has ended. The session itself is decided by a
//! [`Connection`](crate::protocol::connection::Connection).
//!
//! ```text
//!          connect             hook result            opened
//!   Idle ───────────► Preparing ─────────► Connecting ─────────► Connected
//!    ▲                 ▲     │ failed          │ failed              │ closed
//!    │                 │     ▼                 ▼                     ▼
//!    │    no           │   ┌───────────────────────────────────────────┐
//!    ├─────────────────┼───┤       does another attempt follow?        │
//!    │                 │   └──────────────────┬────────────────────────┘
//!    │                 │                      │ yes
//!    │                 │ connect              ▼
//!    │                 ├────────────────── Backoff ──────────────────┐
//!    │                 │                      │ delay is over        │
//!    │                 │ connect, caught up   ▼                      │ disconnect
//!    │                 └──────────── AwaitingSubscribers             │
//!    │                                        │ disconnect           │
//!    └────────────────────────────────────────┴──────────────────────┘
//! ```
//!
//! In `Backoff` and `AwaitingSubscribers`, a `connect` is accepted only if the policy has planned the attempt, and not while an
//! earlier `connect` waits for its answer. Without a `before_connect` hook, `Preparing` is skipped. A `disconnect` in `Preparing`, `Backoff` or
//! `AwaitingSubscribers` ends in `Idle` at once. In `Connecting` and `Connected` it only sets a flag: the phase changes when
//! the connection has closed, and then no attempt follows.

mod view;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    event::Disconnected,
    reconnect::{Attempt, Backoff, NextAttempt, ReconnectCause, Reconnecting},
};
use crate::{
    error::{ConnectError, DisconnectReason, Stage},
    protocol::{connection::stall_timeout, handshake::Session},
};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Lifecycle {
    options: Options,
    /// The policy, if the client connects again by itself. Boxed, because it is large and rarely used.
    backoff: Option<Box<Backoff>>,
    phase: Phase,
    /// The URL of the user's last `Connect`, without secrets, for errors.
    url: Box<str>,
    /// The stall timeout of the last session. If the next attempt waits for subscribers, and none of them makes progress for
    /// this time, a warning is logged.
    stall_timeout: Duration,
    /// The last failure. The end of a session or an attempt because of `Disconnect`, or because the client was stopped, is none.
    last_error: Option<Box<ReconnectCause>>,
    /// The number of sessions that the policy opened after an earlier one was lost.
    reconnects: u64,
    outputs: VecDeque<Output>,
}

/// The options of the client that matter here.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// The time limit of an attempt, from the start of its hook to its session.
    pub(super) connect_timeout: Duration,
    /// The stall timeout, if the application has set it.
    pub(super) stall_timeout: Option<Duration>,
    /// Every attempt begins with a `before_connect` hook.
    pub(super) has_hook: bool,
    /// Messages that were not sent in one session are sent in the next.
    pub(super) keep_unsent: bool,
}

/// The states of a client.
#[derive(Debug)]
enum Phase {
    /// There is no connection, and only the user can start one. `last_reason` is why the last session ended; it is `None` if
    /// there was no session, or if the user's last `Connect` has failed.
    Idle { last_reason: Option<DisconnectReason> },
    /// The `before_connect` hook is running.
    Preparing { initiator: Initiator, deadline: Instant },
    /// The connection is opening a session. `close_requested`: the user has sent `Disconnect`, so the session is not wanted any
    /// more.
    Connecting { initiator: Initiator, close_requested: bool },
    /// A session was opened, and its transports have not closed yet. `close_requested`: the user has sent `Disconnect`.
    Connected { since: Instant, close_requested: bool },
    /// The client waits for the policy's delay before the next attempt.
    Backoff { initiator: Initiator, deadline: Instant },
    /// The delay is over, but some subscriber is behind: it has not handled any event of the last session, or it has too many
    /// events to handle. `warning`: the time at which the warning about that is due. It is `None` after the warning was given.
    AwaitingSubscribers { initiator: Initiator, warning: Option<Instant> },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Idle { last_reason: None }
    }
}

/// The reason for the current attempts: a request of the user, or the policy. It changes only if the user sends `Connect`
/// during the policy's delay.
#[derive(Debug)]
enum Initiator {
    /// The user, by a `Connect` that has not been answered yet. `announced`: the subscribers have seen a `Reconnecting`, and
    /// expect an outcome.
    User { announced: bool },
    /// The policy, because the last session ended for this reason. `Wait` gets the reason if no other session follows.
    Policy { last_reason: DisconnectReason },
}

impl Initiator {
    fn is_user(&self) -> bool {
        matches!(self, Self::User { .. })
    }

    fn is_announced(&self) -> bool {
        match self {
            Self::User { announced } => *announced,
            Self::Policy { .. } => true,
        }
    }

    /// The same initiator, after `Reconnecting` was sent.
    fn announced(self) -> Self {
        match self {
            Self::User { .. } => Self::User { announced: true },
            policy @ Self::Policy { .. } => policy,
        }
    }
}

/// An action that the client must carry out. The actions are carried out in the order in which `poll_output` returns them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Run the `before_connect` hook for this attempt. `handle_hook_result` must follow, unless the attempt ends before.
    RunHook(Attempt),
    /// Open a session before the deadline. `handle_opened` or `handle_connect_failed` must follow.
    Connect { deadline: Instant },
    /// A session was opened: show it to the subscribers, answer the `Connect`.
    Opened(Arc<Session>),
    /// A session has ended: show that to the subscribers. `carry_over`: the messages that were not sent are carried
    /// over to the next session.
    Closed { end: Disconnected, carry_over: bool },
    /// Another attempt follows: announce it to the subscribers.
    Reconnecting(Reconnecting),
    /// The next attempt waits for subscribers: warn about that.
    SubscribersBehind,
    /// No other attempt follows: show that to the subscribers.
    ReconnectFailed(ConnectError),
    /// The last attempt has failed: answer the user's `Connect`, if one is pending. `is_announced`: a `ReconnectFailed` came
    /// before.
    ConnectFailed { err: ConnectError, is_announced: bool },
    /// The client is idle now: refuse all messages in the outbox, and answer `Disconnect` and `Wait`. `Wait` gets this reason.
    Ended(Option<DisconnectReason>),
}

/// The end of a session or of an attempt.
struct End {
    /// The initiator of the attempt that may follow.
    initiator: Initiator,
    close_requested: bool,
    cause: ReconnectCause,
}

/// What follows the end of a session or of an attempt.
enum Next {
    Attempt(NextAttempt),
    /// The policy wants another attempt, but its `max_attempts` are used up, or the user has sent `Disconnect`.
    Denied,
    /// There is no policy, or it does not want another attempt.
    Nothing,
}

impl Lifecycle {
    pub(super) fn new(options: Options, backoff: Option<Box<Backoff>>) -> Self {
        Self {
            backoff,
            phase: Phase::default(),
            url: Box::default(),
            stall_timeout: stall_timeout(options.stall_timeout, None),
            last_error: None,
            reconnects: 0,
            outputs: VecDeque::new(),
            options,
        }
    }

    /// The user's own `Connect`. `url` is its URL without secrets, or the error if the request cannot be used. During the
    /// policy's delay the request takes the place of the policy's next attempt.
    pub(super) fn connect(
        &mut self,
        now: Instant,
        url: Result<Box<str>, ConnectError>,
    ) -> Result<(), ConnectError> {
        let announced = match &self.phase {
            Phase::Idle { .. } => false,
            Phase::Backoff { initiator: Initiator::Policy { .. }, .. }
            | Phase::AwaitingSubscribers { initiator: Initiator::Policy { .. }, .. } => true,
            _ => return Err(ConnectError::AlreadyConnected),
        };
        match url {
            Ok(url) => self.url = url,
            Err(err) => {
                self.refuse_connect(&err);
                return Err(err);
            }
        }
        if let Some(backoff) = &mut self.backoff {
            backoff.reset();
        }
        self.begin_attempt(now, Initiator::User { announced });
        Ok(())
    }

    fn refuse_connect(&mut self, err: &ConnectError) {
        self.last_error = Some(Box::new(ReconnectCause::Failed(err.clone())));
        // The last `Connect` of an idle client has failed, so there is no last session for `Wait`.
        if let Phase::Idle { last_reason } = &mut self.phase {
            *last_reason = None;
        }
    }

    /// The user has sent `Disconnect`, or the client stops; `err` says which, for an attempt that ends because of it. Returns
    /// whether there is a connection that the caller has to close. If there is none, the client is idle when this returns:
    /// there is no connection before the hook has returned, nor between two attempts.
    pub(super) fn disconnect(&mut self, now: Instant, err: ConnectError) -> bool {
        match &mut self.phase {
            Phase::Idle { .. } => false,
            Phase::Connecting { close_requested, .. } | Phase::Connected { close_requested, .. } => {
                *close_requested = true;
                true
            }
            Phase::Preparing { .. } | Phase::Backoff { .. } | Phase::AwaitingSubscribers { .. } => {
                self.handle_connect_failed(now, err);
                false
            }
        }
    }

    /// The hook has returned. That has no effect if its attempt has ended before, by a timeout or by `Disconnect`.
    pub(super) fn handle_hook_result(&mut self, now: Instant, result: Result<(), ConnectError>) {
        let Phase::Preparing { deadline, .. } = self.phase else { return };
        match result {
            Ok(()) => {
                if let Some(initiator) = self.take_initiator() {
                    self.open_session(initiator, deadline);
                }
            }
            Err(err) => self.handle_connect_failed(now, err),
        }
    }

    pub(super) fn handle_opened(&mut self, now: Instant, session: Arc<Session>) {
        let Phase::Connecting { initiator, close_requested } = &self.phase else { return };
        self.reconnects += u64::from(!initiator.is_user());
        self.stall_timeout = stall_timeout(self.options.stall_timeout, Some(&session));
        self.phase = Phase::Connected { since: now, close_requested: *close_requested };
        self.outputs.push_back(Output::Opened(session));
    }

    /// The attempt has ended without a session, and everything that was opened for it is closed. Or `Disconnect` has ended the
    /// wait for the next attempt.
    pub(super) fn handle_connect_failed(&mut self, now: Instant, err: ConnectError) {
        let close_requested = matches!(self.phase, Phase::Connecting { close_requested: true, .. });
        let Some(initiator) = self.take_initiator() else { return };
        let end = End { initiator, close_requested, cause: ReconnectCause::Failed(err) };
        let next = self.decide(&end);
        self.apply(now, end, next);
    }

    /// The session has ended, and everything is closed.
    pub(super) fn handle_closed(&mut self, now: Instant, closed: Disconnected) {
        let Phase::Connected { since, close_requested } = self.phase else { return };
        let initiator = Initiator::Policy { last_reason: closed.reason.clone() };
        let end = End { initiator, close_requested, cause: ReconnectCause::Lost(closed.reason.clone()) };
        if let Some(backoff) = &mut self.backoff {
            backoff.session_ended(now.saturating_duration_since(since));
        }
        let next = self.decide(&end);
        let carry_over = matches!(next, Next::Attempt(_)) && self.options.keep_unsent;
        self.outputs.push_back(Output::Closed { end: closed, carry_over });
        self.apply(now, end, next);
    }

    /// A subscriber has handled an event.
    pub(super) fn handle_progress(&mut self, now: Instant) {
        if let Phase::AwaitingSubscribers { warning: Some(warning), .. } = &mut self.phase {
            *warning = now + self.stall_timeout;
        }
    }

    /// No subscriber is behind any more. This has an effect only if the next attempt waits for that.
    pub(super) fn handle_caught_up(&mut self, now: Instant) {
        if self.awaits_subscribers()
            && let Some(initiator) = self.take_initiator()
        {
            self.begin_attempt(now, initiator);
        }
    }

    /// Does what is due at `now`.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &mut self.phase {
            Phase::Preparing { .. } => {
                let err = ConnectError::Timeout { url: self.url.clone(), stage: Stage::Hook };
                self.handle_connect_failed(now, err);
            }
            Phase::Backoff { .. } => {
                let warning = Some(now + self.stall_timeout);
                let Some(initiator) = self.take_initiator() else { return };
                self.phase = Phase::AwaitingSubscribers { initiator, warning };
            }
            // The next attempt begins when the subscribers have caught up, so here only the warning is given.
            Phase::AwaitingSubscribers { warning, .. } => {
                *warning = None;
                self.outputs.push_back(Output::SubscribersBehind);
            }
            Phase::Idle { .. } | Phase::Connecting { .. } | Phase::Connected { .. } => {}
        }
    }

    /// The time at which `handle_timeout` is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Preparing { deadline, .. } | Phase::Backoff { deadline, .. } => Some(deadline),
            Phase::AwaitingSubscribers { warning, .. } => warning,
            // The connection has limits of its own.
            Phase::Idle { .. } | Phase::Connecting { .. } | Phase::Connected { .. } => None,
        }
    }

    /// The next thing to do. Has to be called until there is none.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() && self.outputs.capacity() > 0 {
            // There is nothing to do, so the memory is not needed.
            self.outputs = VecDeque::new();
        }
        output
    }

    /// Ends the phase, if an attempt is made or planned in it. Returns the initiator, and the caller sets the next phase.
    fn take_initiator(&mut self) -> Option<Initiator> {
        match mem::take(&mut self.phase) {
            Phase::Preparing { initiator, .. }
            | Phase::Connecting { initiator, .. }
            | Phase::Backoff { initiator, .. }
            | Phase::AwaitingSubscribers { initiator, .. } => Some(initiator),
            phase @ (Phase::Idle { .. } | Phase::Connected { .. }) => {
                self.phase = phase;
                None
            }
        }
    }

    fn begin_attempt(&mut self, now: Instant, initiator: Initiator) {
        let deadline = now + self.options.connect_timeout;
        if self.options.has_hook {
            self.phase = Phase::Preparing { initiator, deadline };
            let attempt = self.backoff.as_ref().map(|backoff| backoff.attempt().clone());
            self.outputs.push_back(Output::RunHook(attempt.unwrap_or_default()));
        } else {
            self.open_session(initiator, deadline);
        }
    }

    fn open_session(&mut self, initiator: Initiator, deadline: Instant) {
        self.phase = Phase::Connecting { initiator, close_requested: false };
        self.outputs.push_back(Output::Connect { deadline });
    }

    /// Decides whether another attempt follows.
    fn decide(&mut self, end: &End) -> Next {
        let Some(backoff) = &mut self.backoff else { return Next::Nothing };
        let is_initial = end.initiator.is_user();
        if backoff.forbids(&end.cause, is_initial) {
            return Next::Nothing;
        }
        // The application's own function is not asked after `Disconnect`.
        if end.close_requested {
            return Next::Denied;
        }
        if !backoff.wants(&end.cause, is_initial) {
            return Next::Nothing;
        }
        backoff.next(&end.cause).map_or(Next::Denied, Next::Attempt)
    }

    /// Plans the next attempt, or becomes idle if there is none.
    fn apply(&mut self, now: Instant, end: End, next: Next) {
        if !end.cause.is_by_application() {
            self.last_error = Some(Box::new(end.cause.clone()));
        }
        if let Next::Attempt(NextAttempt { number, delay }) = next {
            self.outputs.push_back(Output::Reconnecting(Reconnecting::new(number, delay, end.cause)));
            self.phase = Phase::Backoff { initiator: end.initiator.announced(), deadline: now + delay };
            return;
        }
        self.outputs.extend(reconnect_failure(&end, &next).map(Output::ReconnectFailed));
        if let ReconnectCause::Failed(err) = end.cause {
            let is_announced = end.initiator.is_announced();
            self.outputs.push_back(Output::ConnectFailed { err, is_announced });
        }
        let last_reason = match end.initiator {
            Initiator::User { .. } => None,
            Initiator::Policy { last_reason } => Some(last_reason),
        };
        self.phase = Phase::Idle { last_reason: last_reason.clone() };
        self.outputs.push_back(Output::Ended(last_reason));
    }
}

/// The error of `ReconnectFailed` when no other attempt follows. It is `None` if the subscribers do not expect an outcome: they
/// have seen no `Reconnecting`, or the end of the session does not lead to an attempt.
fn reconnect_failure(end: &End, next: &Next) -> Option<ConnectError> {
    match (&end.cause, next) {
        (ReconnectCause::Failed(err), _) => end.initiator.is_announced().then(|| err.clone()),
        (ReconnectCause::Lost(_), Next::Denied) if end.close_requested => Some(ConnectError::Cancelled),
        (ReconnectCause::Lost(reason), Next::Denied) => {
            Some(ConnectError::Exhausted(Box::new(reason.clone())))
        }
        (ReconnectCause::Lost(_), _) => None,
    }
}
