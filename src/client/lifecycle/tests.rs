//! The life of a client, step by step, and random walks through it.

mod ledger;
mod model;
mod promise;
mod transport;
mod walk;

use super::*;
use crate::{
    client::reconnect::Reconnect,
    error::{DisconnectReason, HttpStatus, TransportError},
    protocol::{handshake::TransportKind, version::ProtocolVersion},
};

/// A lifecycle and its clock.
struct Rig {
    lifecycle: Lifecycle,
    start: Instant,
    now: Instant,
}

fn options() -> Options {
    Options {
        connect_timeout: Duration::from_secs(20),
        stall_timeout: None,
        has_hook: false,
        keep_unsent: false,
    }
}

fn policy() -> Reconnect {
    let second = Duration::from_secs(1);
    Reconnect::exponential().initial_delay(second).max_delay(second).seed(1)
}

fn lost() -> DisconnectReason {
    DisconnectReason::PingTimeout
}

fn failure() -> ConnectError {
    ConnectError::from_transport("", TransportError::eof("gone"), ProtocolVersion::V4)
}

fn session() -> Arc<Session> {
    let json = r#"{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    Arc::new(Session::decode(json, TransportKind::WebSocket, ProtocolVersion::V4).unwrap())
}

/// An output in a word, with a delay of any length.
fn word(output: Output) -> String {
    match output {
        Output::RunHook(_) => "run hook".to_owned(),
        Output::Connect { .. } => "connect".to_owned(),
        Output::Opened(_) => "opened".to_owned(),
        Output::Closed { end, carry_over: false } => format!("closed: {}", end.reason),
        Output::Closed { end, carry_over: true } => format!("closed, carry over: {}", end.reason),
        Output::Reconnecting(next) => format!("reconnecting {}: {}", next.attempt, next.cause),
        Output::SubscribersBehind => "subscribers are behind".to_owned(),
        Output::ReconnectFailed(err) => format!("reconnect failed: {err}"),
        Output::ConnectFailed { err, .. } => format!("connect failed: {err}"),
        Output::Ended(None) => "ended".to_owned(),
        Output::Ended(Some(reason)) => format!("ended: {reason}"),
    }
}

impl Rig {
    fn new(policy: Option<Reconnect>, options: Options) -> Self {
        let backoff = policy.map(|policy| Box::new(Backoff::new(policy, options.has_hook)));
        let start = Instant::now();
        Self { lifecycle: Lifecycle::new(options, backoff), start, now: start }
    }

    /// A client with a policy whose session was lost, after the outputs of that.
    fn reconnecting(options: Options) -> Self {
        let mut rig = Self::new(Some(policy()), options);
        rig.connects();
        rig.lifecycle.handle_hook_result(rig.now, Ok(()));
        rig.opens();
        rig.closes(lost());
        rig
    }

    fn out(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.lifecycle.poll_output()).map(word).collect()
    }

    fn connect(&mut self) -> Result<(), ConnectError> {
        self.lifecycle.connect(self.now, Ok("http://localhost".into()))
    }

    fn connects(&mut self) -> Vec<String> {
        self.connect().unwrap();
        self.out()
    }

    fn disconnects(&mut self) -> Vec<String> {
        self.lifecycle.disconnect(self.now, ConnectError::Cancelled);
        self.out()
    }

    fn opens(&mut self) -> Vec<String> {
        self.lifecycle.handle_opened(self.now, session());
        self.out()
    }

    fn fails(&mut self, err: ConnectError) -> Vec<String> {
        self.lifecycle.handle_connect_failed(self.now, err);
        self.out()
    }

    fn closes(&mut self, reason: DisconnectReason) -> Vec<String> {
        self.lifecycle.handle_closed(self.now, Disconnected::new(reason));
        self.out()
    }

    /// Lets time pass until the next timeout is due.
    fn elapses(&mut self) -> Vec<String> {
        self.now = self.lifecycle.poll_timeout().expect("there is a timeout");
        self.lifecycle.handle_timeout(self.now);
        self.out()
    }

    fn catches_up(&mut self) -> Vec<String> {
        self.lifecycle.handle_caught_up(self.now);
        self.out()
    }

    fn seconds(&self) -> u64 {
        (self.now - self.start).as_secs()
    }
}

#[test]
fn a_connect_without_a_policy_opens_one_session() {
    let mut rig = Rig::new(None, options());
    assert_eq!(rig.connects(), ["connect"]);
    assert_eq!(rig.connect(), Err(ConnectError::AlreadyConnected));
    assert_eq!(rig.opens(), ["opened"]);
    assert_eq!(rig.connect(), Err(ConnectError::AlreadyConnected));
    assert_eq!(rig.closes(lost()), ["closed: ping timeout", "ended: ping timeout"]);
    assert_eq!(rig.lifecycle.last_reason(), Some(&lost()));
    assert_eq!(rig.lifecycle.poll_timeout(), None);
}

#[test]
fn a_connect_that_fails_is_answered_and_leaves_no_last_reason() {
    for requested_close in [false, true] {
        let mut rig = Rig::new(Some(policy()), options());
        rig.connects();
        rig.opens();
        rig.closes(DisconnectReason::Client(None));
        assert_eq!(rig.lifecycle.last_reason(), Some(&DisconnectReason::Client(None)));
        rig.connects();
        if requested_close {
            assert_eq!(rig.disconnects(), [""; 0], "the connection has to end first");
        }
        let err = failure().to_string();
        assert_eq!(rig.fails(failure()), [&format!("connect failed: {err}"), "ended"]);
        assert_eq!(rig.lifecycle.last_reason(), None);
    }
}

#[test]
fn a_request_that_cannot_be_used_leaves_no_last_reason_and_changes_nothing_else() {
    let mut rig = Rig::new(None, options());
    rig.connects();
    rig.opens();
    let refused = |rig: &mut Rig| rig.lifecycle.connect(rig.now, Err(ConnectError::NoTransports));
    assert_eq!(refused(&mut rig), Err(ConnectError::AlreadyConnected));
    rig.closes(lost());
    assert_eq!(refused(&mut rig), Err(ConnectError::NoTransports));
    assert_eq!(rig.lifecycle.last_reason(), None);
    assert_eq!(rig.out(), [""; 0]);

    let mut rig = Rig::reconnecting(options());
    assert_eq!(refused(&mut rig), Err(ConnectError::NoTransports));
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.disconnects().last().unwrap(), "ended: ping timeout");
}

#[test]
fn a_lost_session_is_followed_by_attempts_until_one_succeeds() {
    let mut rig = Rig::new(Some(policy()), options());
    rig.connects();
    rig.opens();
    assert_eq!(rig.closes(lost()), ["closed: ping timeout", "reconnecting 1: ping timeout"]);
    assert_eq!(rig.elapses(), [""; 0], "the subscribers may be behind");
    assert_eq!(rig.catches_up(), ["connect"]);
    let err = failure().to_string();
    assert_eq!(rig.fails(failure()), [format!("reconnecting 2: {err}")]);
    rig.elapses();
    assert_eq!(rig.catches_up(), ["connect"]);
    assert_eq!(rig.lifecycle.reconnects(), 0);
    assert_eq!(rig.opens(), ["opened"]);
    assert_eq!(rig.lifecycle.reconnects(), 1);
}

#[test]
fn a_policy_that_gives_up_tells_the_subscribers_and_those_who_wait() {
    let err = failure().to_string();
    // Another attempt might succeed, but the limit of attempts is reached.
    let mut rig = Rig::new(Some(policy().max_attempts(1)), options());
    rig.connects();
    rig.opens();
    rig.closes(lost());
    rig.elapses();
    rig.catches_up();
    let end = [&format!("reconnect failed: {err}"), &format!("connect failed: {err}"), "ended: ping timeout"];
    assert_eq!(rig.fails(failure()), end);

    // Another attempt cannot help.
    let mut rig = Rig::reconnecting(options());
    rig.elapses();
    rig.catches_up();
    let end = rig.fails(ConnectError::NoTransports);
    assert_eq!(end[0], format!("reconnect failed: {}", ConnectError::NoTransports));

    // Sessions open, and are lost too soon.
    let mut rig = Rig::new(Some(policy().max_attempts(0)), options());
    rig.connects();
    rig.opens();
    let exhausted = ConnectError::Exhausted(Box::new(lost()));
    let end = ["closed: ping timeout", &format!("reconnect failed: {exhausted}"), "ended: ping timeout"];
    assert_eq!(rig.closes(lost()), end);

    // The policy does not want another session, so nobody expects one.
    let mut rig = Rig::new(Some(policy().on_server_close(false)), options());
    rig.connects();
    rig.opens();
    assert_eq!(
        rig.closes(DisconnectReason::Server),
        ["closed: server disconnect", "ended: server disconnect"]
    );
}

#[test]
fn a_first_connect_is_repeated_if_the_policy_says_so_and_its_outcome_is_shown() {
    let err = failure().to_string();
    let mut rig = Rig::new(Some(policy().on_initial_connect(true).max_attempts(2)), options());
    rig.connects();
    assert_eq!(rig.fails(failure()), [format!("reconnecting 1: {err}")]);
    assert_eq!(rig.connect(), Err(ConnectError::AlreadyConnected), "the reply is still to come");
    rig.elapses();
    assert_eq!(rig.catches_up(), ["connect"]);
    assert_eq!(rig.fails(failure()), [format!("reconnecting 2: {err}")]);
    rig.elapses();
    rig.catches_up();
    let end = [format!("reconnect failed: {err}"), format!("connect failed: {err}"), "ended".to_owned()];
    assert_eq!(rig.fails(failure()), end);
    assert_eq!(rig.lifecycle.reconnects(), 0);
}

#[test]
fn a_connect_of_the_user_takes_the_place_of_the_delay_and_starts_the_count_again() {
    for awaits_subscribers in [false, true] {
        let mut rig = Rig::reconnecting(options());
        if awaits_subscribers {
            rig.elapses();
        }
        assert_eq!(rig.connects(), ["connect"], "at once");
        assert_eq!(rig.lifecycle.poll_timeout(), None);
        rig.opens();
        assert_eq!(rig.lifecycle.reconnects(), 0);
        assert_eq!(rig.closes(lost())[1], "reconnecting 1: ping timeout");

        rig.connects();
        let err = failure().to_string();
        let end = [format!("reconnect failed: {err}"), format!("connect failed: {err}"), "ended".to_owned()];
        assert_eq!(rig.fails(failure()), end, "the subscribers wait for an outcome");
    }
}

#[test]
fn a_disconnect_ends_what_was_to_lead_to_a_session() {
    let cancelled = ConnectError::Cancelled.to_string();
    let end = [
        &format!("reconnect failed: {cancelled}"),
        &format!("connect failed: {cancelled}"),
        "ended: ping timeout",
    ];
    let mut rig = Rig::reconnecting(options());
    assert_eq!(rig.disconnects(), end);
    assert_eq!(rig.disconnects(), [""; 0]);

    let mut rig = Rig::reconnecting(options());
    rig.elapses();
    assert_eq!(rig.disconnects(), end);

    let mut rig = Rig::new(Some(policy()), Options { has_hook: true, ..options() });
    rig.connects();
    assert_eq!(rig.disconnects(), [&format!("connect failed: {cancelled}"), "ended"]);
}

#[test]
fn nothing_follows_a_session_or_an_attempt_whose_end_was_requested() {
    let cancelled = ConnectError::Cancelled.to_string();
    let mut rig = Rig::new(Some(policy()), options());
    rig.connects();
    rig.opens();
    assert_eq!(rig.disconnects(), [""; 0]);
    let end = ["closed: ping timeout", &format!("reconnect failed: {cancelled}"), "ended: ping timeout"];
    assert_eq!(rig.closes(lost()), end, "it was lost before the request");

    let mut rig = Rig::reconnecting(options());
    rig.elapses();
    rig.catches_up();
    rig.disconnects();
    let err = failure().to_string();
    assert_eq!(
        rig.fails(failure())[..2],
        [format!("reconnect failed: {err}"), format!("connect failed: {err}")]
    );
}

#[test]
fn the_hook_runs_before_each_attempt_and_counts_as_part_of_it() {
    let mut rig = Rig::new(Some(policy()), Options { has_hook: true, ..options() });
    assert_eq!(rig.connects(), ["run hook"]);
    rig.now += Duration::from_secs(15);
    rig.lifecycle.handle_hook_result(rig.now, Ok(()));
    let deadline = rig.start + Duration::from_secs(20);
    assert_eq!(rig.lifecycle.poll_output(), Some(Output::Connect { deadline }));
    rig.opens();
    rig.closes(lost());
    rig.elapses();
    assert_eq!(rig.catches_up(), ["run hook"]);
    let begun = rig.seconds();
    assert_eq!(
        rig.elapses(),
        ["reconnecting 2: http://localhost: timed out waiting for the before_connect hook"]
    );
    assert_eq!(rig.seconds() - begun, 20);
    for result in [Ok(()), Err(ConnectError::hook("no token"))] {
        rig.lifecycle.handle_hook_result(rig.now, result);
        assert_eq!(rig.out(), [""; 0], "its outcome comes too late");
    }
}

#[test]
fn a_hook_is_asked_again_where_the_server_wants_other_credentials() {
    let err = || ConnectError::status("", HttpStatus::new(401));
    for has_hook in [false, true] {
        let policy = policy().on_initial_connect(true);
        let mut rig = Rig::new(Some(policy), Options { has_hook, ..options() });
        rig.connects();
        rig.lifecycle.handle_hook_result(rig.now, Ok(()));
        rig.out();
        assert_eq!(rig.fails(err())[0].starts_with("reconnecting"), has_hook);
    }
}

#[test]
fn a_client_that_had_a_session_goes_on_whatever_the_server_answers_until_the_user_connects_again() {
    let not_found = || ConnectError::status("", HttpStatus::new(404));
    let mut rig = Rig::reconnecting(options());
    for attempt in 2..100 {
        rig.elapses();
        assert_eq!(rig.catches_up(), ["connect"]);
        assert_eq!(rig.fails(not_found()), [format!("reconnecting {attempt}: {}", not_found())]);
    }
    // Another URL, which may be wrong.
    rig.connects();
    assert_eq!(rig.fails(not_found())[0], format!("reconnect failed: {}", not_found()));

    let mut rig = Rig::new(Some(policy().on_initial_connect(true)), options());
    rig.connects();
    assert_eq!(rig.fails(not_found()), [format!("connect failed: {}", not_found()), "ended".to_owned()]);
}

#[test]
fn the_applications_rule_can_end_it_after_a_session_or_after_an_attempt() {
    let lost_only = |cause: &ReconnectCause| matches!(cause, ReconnectCause::Lost(_));
    let mut rig = Rig::new(Some(policy().retry_if(lost_only)), options());
    rig.connects();
    rig.opens();
    assert_eq!(rig.closes(lost())[1], "reconnecting 1: ping timeout");
    rig.elapses();
    rig.catches_up();
    assert_eq!(rig.fails(failure())[0], format!("reconnect failed: {}", failure()));

    let mut rig = Rig::new(Some(policy().retry_if(|_| false)), options());
    rig.connects();
    rig.opens();
    assert_eq!(rig.closes(lost()), ["closed: ping timeout", "ended: ping timeout"], "nobody expects another");
}

#[test]
fn the_applications_own_decision_is_not_asked_for_after_a_disconnect() {
    let asked = std::sync::atomic::AtomicBool::new(false);
    let asked = Arc::new(asked);
    let seen = asked.clone();
    let policy = policy().retry_if(move |_| {
        seen.store(true, std::sync::atomic::Ordering::Relaxed);
        true
    });
    let mut rig = Rig::new(Some(policy.on_initial_connect(true)), options());
    rig.connects();
    rig.disconnects();
    rig.fails(failure());
    assert!(!asked.load(std::sync::atomic::Ordering::Relaxed));
    assert!(rig.lifecycle.is_idle());
}

#[test]
fn subscribers_that_handle_nothing_of_the_last_session_are_waited_for_with_one_warning() {
    let mut rig = Rig::reconnecting(options());
    rig.elapses();
    let due = rig.seconds();
    for _ in 0..10 {
        rig.now += Duration::from_secs(50);
        rig.lifecycle.handle_progress(rig.now);
        rig.lifecycle.handle_timeout(rig.now);
        assert_eq!(rig.out(), [""; 0], "one of them makes progress");
    }
    assert_eq!(rig.elapses(), ["subscribers are behind"]);
    assert_eq!(rig.seconds() - due, 545);
    for _ in 0..10 {
        rig.now += Duration::from_secs(3600);
        rig.lifecycle.handle_timeout(rig.now);
        rig.lifecycle.handle_progress(rig.now);
        assert_eq!((rig.lifecycle.poll_timeout(), rig.out()), (None, vec![]), "one warning");
    }
    assert_eq!(rig.catches_up(), ["connect"]);

    // The next wait is another one, and a Disconnect ends it.
    rig.fails(failure());
    rig.elapses();
    let due = rig.seconds();
    assert_eq!(rig.elapses(), ["subscribers are behind"]);
    assert_eq!(rig.seconds() - due, 45);
    assert_eq!(rig.disconnects()[0], format!("reconnect failed: {}", ConnectError::Cancelled));
}

#[test]
fn messages_are_carried_over_only_if_a_session_follows() {
    for (policy, carries_over) in
        [(None, false), (Some(policy()), true), (Some(policy().max_attempts(0)), false)]
    {
        let mut rig = Rig::new(policy, Options { keep_unsent: true, ..options() });
        rig.connects();
        rig.opens();
        assert_eq!(rig.closes(lost())[0].starts_with("closed, carry over"), carries_over);
    }
}

#[test]
fn an_input_that_comes_too_late_changes_nothing() {
    let mut rig = Rig::new(Some(policy()), options());
    assert_eq!(rig.opens(), [""; 0]);
    assert_eq!(rig.fails(failure()), [""; 0]);
    assert_eq!(rig.closes(lost()), [""; 0]);
    assert_eq!(rig.catches_up(), [""; 0]);
    rig.connects();
    rig.opens();
    assert_eq!(rig.fails(failure()), [""; 0]);
    assert_eq!(rig.catches_up(), [""; 0]);
    assert!(!rig.lifecycle.is_idle());
}

#[test]
fn an_idle_session_needs_no_memory_for_outputs() {
    let mut rig = Rig::new(None, options());
    rig.connects();
    rig.opens();
    assert_eq!(rig.lifecycle.outputs.capacity(), 0);
}
