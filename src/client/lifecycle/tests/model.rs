//! A walk through the life of a client: whatever users, servers, subscribers and the clock do, in whatever order, some things
//! are always true. A random test says what they do.
//!
//! The model executes what the state machines say, as the actor does, but without an actor.

use super::{
    ledger::{Fate, Ledger, Seen},
    promise::{Promise, is_refused},
    transport::{FakeTransport, Reported},
    *,
};
use crate::{
    client::{
        outbox::{Gate, Outbox},
        replies::Replies,
        reply::{
            Reply,
            awaiting::{self, Awaiting},
        },
    },
    error::Cause,
    protocol::{
        connection::{self, ConnectParams, Connection, Limits, Rejected, Report},
        endpoint::Endpoint,
        version::Protocol,
    },
};

/// The longest time from the end of a limit to the end of what it limits. Transports that do not close are abandoned.
const GRACE: Duration = Duration::from_secs(4);

/// The client's options in one walk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    pub(super) websocket: bool,
    pub(super) has_hook: bool,
    pub(super) keep_unsent: bool,
    /// Subscribers handle events only when a step says so.
    pub(super) is_slow: bool,
    pub(super) policy: Option<PolicySetup>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct PolicySetup {
    pub(super) max_attempts: Option<u32>,
    pub(super) on_initial_connect: bool,
    pub(super) on_server_close: bool,
    /// The application has a rule of its own.
    pub(super) has_rule: bool,
}

/// One thing that may happen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Connect {
        is_valid: bool,
    },
    /// The hook returns, if it is running.
    Hook {
        succeeds: bool,
    },
    Send {
        is_awaited: bool,
    },
    /// A group of messages, whose reply nobody awaits.
    SendAll,
    /// The sender of the oldest message that waits drops the reply.
    Withdraw,
    Disconnect {
        abort: bool,
    },
    Wait,
    /// A transport reports something that is possible now.
    Report {
        what: u8,
        how: u8,
    },
    /// The subscribers handle all events.
    Handle,
    /// The end of a wake-up. Before it, several messages may be handled.
    Wake,
    /// Time passes. `is_asleep`: the process does not run meanwhile, so timers fire late.
    Elapse {
        millis: u64,
        is_asleep: bool,
    },
}

/// Something with a limit, and the time at which it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limited {
    Attempt,
    Close,
}

#[derive(Debug)]
pub(super) struct Model {
    setup: Setup,
    now: Instant,
    lifecycle: Lifecycle,
    outbox: Outbox,
    replies: Replies,
    connection: Connection,
    endpoint: Arc<Endpoint>,
    transports: Vec<FakeTransport>,
    is_hook_running: bool,
    /// The subscribers have handled no event of the last session.
    are_behind: bool,
    limited: Vec<(Limited, Instant)>,
    /// The time before which no attempt may begin.
    not_before: Option<Instant>,
    ledger: Ledger,
    seen: Seen,
    promise: Promise,
    connects: Vec<Awaiting<Result<Arc<Session>, ConnectError>>>,
    ends: Vec<Awaiting<()>>,
    waits: Vec<Awaiting<Option<DisconnectReason>>>,
}

fn limits() -> Limits {
    Limits { send_queue: 200, ..Limits::default() }
}

impl Model {
    pub(super) fn new(setup: Setup) -> Self {
        let policy = setup.policy.map(|policy_setup| {
            let mut policy = policy()
                .on_initial_connect(policy_setup.on_initial_connect)
                .on_server_close(policy_setup.on_server_close);
            if let Some(max) = policy_setup.max_attempts {
                policy = policy.max_attempts(max);
            }
            if policy_setup.has_rule {
                policy = policy.retry_if(|cause| !is_refused(cause));
            }
            policy
        });
        let options = Options { has_hook: setup.has_hook, keep_unsent: setup.keep_unsent, ..options() };
        let Rig { lifecycle, now, .. } = Rig::new(policy, options);
        Self {
            setup,
            now,
            lifecycle,
            outbox: Outbox::new(limits().send_queue),
            replies: Replies::default(),
            connection: Connection::new(limits()),
            endpoint: Endpoint::new("http://localhost", "engine.io", true, "t".into()).unwrap().into(),
            transports: Vec::new(),
            is_hook_running: false,
            are_behind: false,
            limited: Vec::new(),
            not_before: None,
            ledger: Ledger::default(),
            seen: Seen::default(),
            promise: Promise::new(setup.policy),
            connects: Vec::new(),
            ends: Vec::new(),
            waits: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Connect { is_valid } => self.connect(is_valid),
            Step::Hook { succeeds } => {
                if std::mem::take(&mut self.is_hook_running) {
                    let failure = || Err(ConnectError::Hook(Cause::text("no")));
                    let result = if succeeds { Ok(()) } else { failure() };
                    self.lifecycle.handle_hook_result(self.now, result);
                    self.wake(false);
                }
            }
            Step::Send { is_awaited } => self.send(is_awaited),
            Step::SendAll => self.send_all(),
            Step::Withdraw => self.ledger.withdraw(),
            Step::Disconnect { abort } => self.disconnect(abort),
            Step::Wait => {
                let reply = match self.lifecycle.is_idle() {
                    true => Reply::now(self.lifecycle.last_reason().cloned()),
                    false => self.replies.wait(),
                };
                self.waits.push(Awaiting::new(reply));
            }
            Step::Report { what, how } => self.report(|transport| transport.report(what, how)),
            Step::Handle => self.handle_events(),
            Step::Wake => self.wake(false),
            Step::Elapse { millis, is_asleep } => self.elapse(Duration::from_millis(millis), is_asleep),
        }
        self.check();
    }

    /// Ends the client, and checks that nothing is left.
    pub(super) fn finish(mut self) {
        self.wake(false);
        self.disconnect(false);
        // The transports do not answer. Only the limits help.
        self.elapse(limits().close_timeout + GRACE, false);
        self.wake(false);
        self.check();
        assert!(self.lifecycle.is_idle() && self.connection.is_idle(), "{:?}", self.lifecycle);
        assert!(self.outbox.is_empty() && !self.outbox.is_awaited() && !self.replies.is_awaited());
        assert_ne!(self.seen, Seen::Connected, "a session ends with Disconnected");
        assert_ne!(self.seen, Seen::Reconnecting, "an attempt that was announced has an outcome");
        self.ledger.finish();
    }

    // The user.

    fn connect(&mut self, is_valid: bool) {
        self.advance_outbox();
        let url = if is_valid { Ok("http://localhost".into()) } else { Err(ConnectError::NoTransports) };
        match self.lifecycle.connect(self.now, url) {
            Ok(()) => {
                let reply = self.replies.connect();
                self.promise.connect();
                self.not_before = None;
                self.drain(Connection::pending_output);
                self.connects.push(Awaiting::new(reply));
            }
            Err(err) => assert!(matches!(err, ConnectError::AlreadyConnected | ConnectError::NoTransports)),
        }
    }

    fn send(&mut self, is_awaited: bool) {
        let (number, data) = self.ledger.next();
        let has_room = self.connection.is_open() && self.connection.has_room();
        let reply = if !self.outbox.is_empty() || !has_room {
            self.outbox.enqueue(data)
        } else {
            self.connection.send(data).unwrap();
            Reply::now(Ok(()))
        };
        if is_awaited {
            self.ledger.awaits(number, Awaiting::new(reply));
        } else {
            awaiting::do_send(reply);
        }
    }

    /// Messages of which nobody awaits the reply, as one.
    fn send_all(&mut self) {
        let group = self.ledger.next_group(3);
        let has_room = self.connection.is_open() && self.connection.has_room();
        let reply = if !self.outbox.is_empty() || !has_room {
            self.outbox.enqueue_all(group)
        } else {
            self.connection.send_all(group).unwrap();
            Reply::now(Ok(()))
        };
        awaiting::do_send(reply);
    }

    fn disconnect(&mut self, abort: bool) {
        self.promise.disconnect();
        if self.lifecycle.disconnect(self.now, ConnectError::Cancelled) {
            self.limited.push((Limited::Close, self.now));
            if abort {
                self.connection.abort(self.now, None);
            } else {
                let gate = Gate::Open { has_room: true };
                if self.connection.is_open() {
                    while self.outbox.advance(gate, |outgoing| self.connection.send_outgoing(outgoing)) {}
                }
                self.connection.close(self.now, None);
            }
        }
        self.drain(Connection::pending_output);
        let reply = if self.lifecycle.is_idle() { Reply::now(()) } else { self.replies.disconnect() };
        self.ends.push(Awaiting::new(reply));
    }

    // The rest of the world.

    fn report(&mut self, report: impl Fn(&mut FakeTransport) -> Option<Reported>) {
        let Some(transport) = self.transports.first_mut() else { return };
        let from = transport.id;
        let Some((kind, sent)) = report(transport) else { return };
        self.ledger.delivered(&sent);
        if let connection::ReportKind::Closed(_) = kind {
            self.transports.remove(0);
        }
        self.connection.handle_report(self.now, Report { from, kind });
        self.drain(Connection::pending_output);
    }

    fn handle_events(&mut self) {
        self.are_behind = false;
        self.connection.progress(self.now);
        self.lifecycle.handle_progress(self.now);
        self.wake(false);
    }

    fn elapse(&mut self, time: Duration, is_asleep: bool) {
        let until = self.now + time;
        let mut wakes = 0;
        while !is_asleep && let Some(due) = self.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.wake(true);
            self.check();
            wakes += 1;
            assert!(wakes < 1000, "the timer fires, and nothing is due: {:?}", self.lifecycle);
        }
        self.now = until;
        if is_asleep {
            // All limits may be exceeded by that time.
            self.limited.iter_mut().for_each(|(_, start)| *start = self.now);
        }
        self.wake(true);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.connection.poll_timeout(), self.lifecycle.poll_timeout()].into_iter().flatten().min()
    }

    // The actor.

    fn wake(&mut self, mut is_due: bool) {
        if is_due {
            self.connection.handle_timeout(self.now);
        }
        loop {
            self.drain(Connection::pending_output);
            self.advance_outbox();
            let now = self.now;
            self.drain(|connection| connection.poll_output(now));
            let rejected = self.outbox.take_rejected();
            self.ledger.settle_all(rejected.iter().flat_map(Rejected::messages), Fate::Rejected);
            if std::mem::take(&mut is_due) {
                self.lifecycle.handle_timeout(self.now);
            }
            self.are_behind &= self.setup.is_slow;
            if self.lifecycle.awaits_subscribers() && !self.are_behind {
                self.lifecycle.handle_caught_up(self.now);
            }
            if !self.lifecycle.has_outputs() && !self.resume_reading() {
                break;
            }
        }
        self.ledger.take_answers();
    }

    fn resume_reading(&mut self) -> bool {
        let resumes = self.connection.has_backpressure() && !self.are_behind;
        if resumes {
            self.connection.resume_reading(self.now);
        }
        resumes
    }

    fn advance_outbox(&mut self) {
        while self.outbox.advance(self.lifecycle.gate(&self.connection), |outgoing| {
            self.connection.send_outgoing(outgoing)
        }) {}
    }

    fn drain(&mut self, next: impl Fn(&mut Connection) -> Option<connection::Output>) {
        loop {
            if let Some(output) = self.lifecycle.poll_output() {
                self.carry_out_lifecycle(output);
            } else if let Some(output) = next(&mut self.connection) {
                self.carry_out(output);
            } else {
                break;
            }
        }
        if self.connection.is_idle() {
            self.transports.clear();
        }
    }

    fn carry_out(&mut self, output: connection::Output) {
        use connection::{Outcome, Output};
        match output {
            Output::Start { id, kind, .. } => self.transports.push(FakeTransport::new(id, kind)),
            Output::Order(id, command) => {
                if let Some(transport) = self.transports.iter_mut().find(|transport| transport.id == id) {
                    transport.order(command);
                }
            }
            Output::Messages { from, mut packets } => {
                assert_eq!(self.seen, Seen::Connected, "a message belongs to a session");
                packets.clear();
                self.connection.return_buffer(from, packets);
            }
            Output::AttemptFailed { .. } | Output::Upgraded(_) | Output::UpgradeFailed(_) => {}
            Output::Confirmed(_) | Output::PingsUnanswered => panic!("nobody has asked"),
            Output::Rejected(rejected) => panic!("the server accepts every message: {rejected:?}"),
            Output::Opened(session) => self.lifecycle.handle_opened(self.now, session),
            Output::Ended(outcome) => match *outcome {
                Outcome::ConnectFailed(err) => self.lifecycle.handle_connect_failed(self.now, err),
                Outcome::Closed { reason, unsent, in_doubt, interrupted } => {
                    self.outbox.take_back(unsent, interrupted, &reason);
                    let mut end = Disconnected::new(reason);
                    end.in_doubt = in_doubt;
                    self.lifecycle.handle_closed(self.now, end);
                }
            },
        }
    }

    fn carry_out_lifecycle(&mut self, output: Output) {
        match output {
            Output::RunHook(_) => {
                assert!(self.setup.has_hook);
                self.begins(Limited::Attempt);
                self.is_hook_running = true;
            }
            Output::Connect { deadline } => {
                if !self.setup.has_hook {
                    self.begins(Limited::Attempt);
                }
                self.connection.connect(self.now, self.params(deadline)).unwrap();
            }
            Output::Opened(session) => {
                self.limited.retain(|(limited, _)| *limited != Limited::Attempt);
                self.seen.see(Seen::Connected);
                self.promise.opened();
                self.are_behind = true;
                let _ = self.replies.answer_connect(Ok(session));
                self.advance_outbox();
            }
            Output::Closed { mut end, carry_over } => {
                self.replies.end_session();
                self.ledger.settle_all(&end.in_doubt, Fate::InDoubt);
                end.unsent = self.outbox.end_session(carry_over);
                self.ledger.settle_all(&end.unsent, Fate::Unsent);
                self.seen.see(Seen::Disconnected);
            }
            Output::Reconnecting(next) => {
                self.is_hook_running = false;
                self.limited.clear();
                self.not_before = Some(self.now + next.delay);
                self.seen.see(Seen::Reconnecting);
                self.promise.reconnecting(&next);
            }
            Output::SubscribersBehind => {
                assert!(self.are_behind && self.lifecycle.awaits_subscribers(), "{:?}", self.lifecycle);
            }
            Output::ReconnectFailed(err) => {
                self.seen.see(Seen::ReconnectFailed);
                self.promise.reconnect_failed(&err);
            }
            Output::ConnectFailed { err, is_announced } => {
                assert!(!is_announced || self.seen == Seen::ReconnectFailed, "{err}");
                self.is_hook_running = false;
                let _ = self.replies.answer_connect(Err(err));
            }
            Output::Ended(reason) => {
                self.promise.ended(reason.as_ref());
                self.limited.clear();
                self.outbox.refuse_all();
                self.replies.answer_end(reason.as_ref());
            }
        }
    }

    fn begins(&mut self, limited: Limited) {
        assert!(self.not_before.is_none_or(|at| self.now >= at), "the announced delay comes first");
        assert!(self.transports.is_empty() && self.connection.is_idle(), "one attempt at a time");
        assert!(!self.limited.iter().any(|(other, _)| *other == limited), "one attempt at a time");
        self.limited.push((limited, self.now));
    }

    fn params(&self, deadline: Instant) -> ConnectParams {
        let kind = if self.setup.websocket { TransportKind::WebSocket } else { TransportKind::Polling };
        ConnectParams {
            endpoint: self.endpoint.clone(),
            deadline,
            transports: vec![kind],
            protocol: Protocol::V4,
            upgrade: false,
            try_all: false,
            remember: false,
        }
    }

    // What is always true.

    fn check(&mut self) {
        for (limited, start) in &self.limited {
            let limit = match limited {
                Limited::Attempt => options().connect_timeout,
                Limited::Close => limits().close_timeout,
            };
            assert!(self.now <= *start + limit + GRACE, "{limited:?} ends in time: {:?}", self.lifecycle);
        }
        if self.lifecycle.is_idle() {
            assert_eq!(self.poll_timeout(), None, "an idle client has nothing to wait for");
            assert!(self.connects.iter_mut().all(|connect| connect.answer().is_some()));
            assert!(self.ends.iter_mut().all(|end| end.answer().is_some()));
            assert!(self.waits.iter_mut().all(|wait| wait.answer().is_some()));
            self.connects.clear();
            self.ends.clear();
            self.waits.clear();
        } else if !(self.lifecycle.awaits_subscribers() && self.are_behind) {
            assert!(self.poll_timeout().is_some(), "every wait has an end: {:?}", self.lifecycle);
        }
    }
}
