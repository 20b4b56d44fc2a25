//! From one session to the next, in virtual time.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::error::HttpStatus;

fn policy() -> Reconnect {
    Reconnect::exponential()
        .initial_delay(Duration::from_millis(100))
        .max_delay(Duration::from_secs(10))
        .seed(1)
}

/// A client over WebSocket with a recorder, connected.
async fn reconnecting(
    builder: EngineIoClientBuilder,
) -> (Started, Addr<EngineIoClient>, Wire, mpsc::UnboundedReceiver<Event>) {
    tokio::time::pause();
    let started = Started::default();
    let (recipient, mut events) = recorder();
    let builder = builder.transports([TransportKind::WebSocket]).subscribe(recipient);
    let client = started.client(builder);
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    open(&wire).await;
    connect.await.unwrap().unwrap().unwrap();
    assert_eq!(words(&mut events).await, ["connected abc"]);
    (started, client, wire, events)
}

async fn open(wire: &Wire) {
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.into())]);
    settle().await;
}

fn fail(wire: &Wire) {
    let cause = CloseReason::Failed(TransportError::eof("gone"));
    wire.report(ReportKind::Closed(TransportClosed { reason: cause, outcome: BatchOutcome::sent(0) }));
}

/// The next event; time passes as it has to.
async fn event(events: &mut mpsc::UnboundedReceiver<Event>) -> Event {
    timeout(Duration::from_secs(3600), events.next()).await.expect("an event").unwrap()
}

/// The delay of the next event, which has to announce an attempt.
async fn reconnecting_in(events: &mut mpsc::UnboundedReceiver<Event>, number: u32) -> Duration {
    match event(events).await {
        Event::Reconnecting(next) => {
            assert_eq!(next.attempt, number);
            next.delay
        }
        event => panic!("{event:?} instead of Reconnecting"),
    }
}

/// Waits for the next transport; returns how long that took.
async fn started_after(started: &Started) -> (Wire, Duration) {
    let start = Instant::now();
    loop {
        let wire = started.0.lock().unwrap().pop();
        match wire {
            Some(wire) => return (wire, start.elapsed()),
            None => sleep(Duration::from_millis(1)).await,
        }
    }
}

#[actix::test]
async fn a_lost_session_is_followed_by_another_after_the_delay_that_was_announced() {
    let (started, client, wire, mut events) =
        reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    let waiting = actix_rt::spawn(client.send(Wait));
    let mut wire = wire;
    for attempt in 1..=4 {
        fail(&wire);
        assert_eq!(word(&event(&mut events).await), "disconnected transport error: connection lost: gone");
        let delay = reconnecting_in(&mut events, attempt).await;
        assert!(delay <= Duration::from_millis(100 << (attempt - 1)), "{delay:?}");
        assert_eq!(client.send(GetStatus).await.unwrap().state, State::Reconnecting);
        let err = client.send(Send::text("x")).await.unwrap().unwrap_err();
        assert_eq!(err.kind, SendErrorKind::NotConnected);
        let (next, waited) = started_after(&started).await;
        assert!(waited + Duration::from_millis(5) > delay && waited < delay + Duration::from_millis(5));
        wire = next;
        open(&wire).await;
        assert_eq!(word(&event(&mut events).await), "connected abc");
    }
    assert!(!waiting.is_finished(), "it has not ended for good");
    assert_eq!(client.send(GetStatus).await.unwrap().reconnects, 4);

    // A session that held starts the count anew.
    for _ in 0..11 {
        sleep(Duration::from_secs(1)).await;
    }
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    client.send(Disconnect::new()).await.unwrap();
    assert_eq!(word(&event(&mut events).await), "ReconnectFailed(Cancelled)");
    let reason = waiting.await.unwrap().unwrap().unwrap();
    assert_eq!(reason.as_str(), "transport error");
    sleep(Duration::from_secs(60)).await;
    assert!(started.0.lock().unwrap().is_empty(), "no attempt after a cancel");
}

#[actix::test]
async fn after_the_last_attempt_there_is_no_other_and_everyone_is_told_once() {
    let policy = policy().max_attempts(3);
    let (started, client, wire, mut events) = reconnecting(EngineIoClient::builder().reconnect(policy)).await;
    let waiting = actix_rt::spawn(client.send(Wait));
    fail(&wire);
    event(&mut events).await;
    for attempt in 1..=3 {
        reconnecting_in(&mut events, attempt).await;
        let (wire, _) = started_after(&started).await;
        fail(&wire);
    }
    let Event::ReconnectFailed(err) = event(&mut events).await else { panic!("not the end") };
    assert!(matches!(&*err, ConnectError::Transport { .. }), "{err}");
    assert!(waiting.await.unwrap().unwrap().is_some());
    assert_eq!(client.send(GetStatus).await.unwrap().state, State::Disconnected);
    sleep(Duration::from_secs(600)).await;
    assert!(started.0.lock().unwrap().is_empty());
    assert_eq!(words(&mut events).await, [""; 0]);
}

#[actix::test]
async fn sessions_that_never_hold_use_the_attempts_up() {
    let policy = policy().max_attempts(2);
    let (started, _client, mut wire, mut events) =
        reconnecting(EngineIoClient::builder().reconnect(policy)).await;
    for attempt in 1..=2 {
        fail(&wire);
        event(&mut events).await;
        reconnecting_in(&mut events, attempt).await;
        wire = started_after(&started).await.0;
        open(&wire).await;
        event(&mut events).await;
    }
    fail(&wire);
    event(&mut events).await;
    let Event::ReconnectFailed(err) = event(&mut events).await else { panic!("not the end") };
    let lost = DisconnectReason::from(TransportError::eof("gone"));
    assert_eq!(*err, ConnectError::Exhausted(Box::new(lost)));
}

#[actix::test]
async fn an_error_that_no_attempt_can_mend_ends_it() {
    let (started, _client, wire, mut events) =
        reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    let (wire, _) = started_after(&started).await;
    let status = HttpStatus { status: 403, code: Some(4), message: None, retry_after: None };
    let cause = CloseReason::Failed(TransportError::Status(Box::new(status)));
    wire.report(ReportKind::Closed(TransportClosed { reason: cause, outcome: BatchOutcome::sent(0) }));
    assert!(matches!(event(&mut events).await, Event::ReconnectFailed(_)));
}

#[actix::test]
async fn a_users_own_disconnect_is_not_followed_by_another_session() {
    let (started, client, wire, mut events) =
        reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    client.do_send(Disconnect::abort());
    settle().await;
    wire.end();
    assert_eq!(words(&mut events).await, ["disconnected client disconnect"]);
    sleep(Duration::from_secs(60)).await;
    assert!(started.0.lock().unwrap().is_empty());
}

#[actix::test]
async fn a_first_connect_that_fails_is_the_users_unless_the_policy_says_otherwise() {
    tokio::time::pause();
    for retry in [false, true] {
        let started = Started::default();
        let policy = policy().max_attempts(2).on_initial_connect(retry);
        let client = started.client(EngineIoClient::builder().reconnect(policy));
        let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
        let attempts = if retry { 3 } else { 1 };
        for _ in 0..attempts {
            let (wire, _) = started_after(&started).await;
            assert!(!connect.is_finished());
            fail(&wire);
        }
        assert!(matches!(connect.await.unwrap().unwrap(), Err(ConnectError::Transport { .. })));
        sleep(Duration::from_secs(60)).await;
        assert!(started.0.lock().unwrap().is_empty());
    }
}

#[actix::test]
async fn a_connect_during_the_delay_connects_now() {
    let policy = policy().initial_delay(Duration::from_secs(1000)).max_delay(Duration::from_secs(1000));
    let (started, client, wire, mut events) = reconnecting(EngineIoClient::builder().reconnect(policy)).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    let start = Instant::now();
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    assert_eq!(
        client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err(),
        ConnectError::AlreadyConnected
    );
    open(&wire).await;
    connect.await.unwrap().unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(words(&mut events).await, ["connected abc"]);
}

#[actix::test]
async fn what_was_not_sent_goes_out_first_on_the_next_session() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true);
    let (started, client, mut wire, mut events) = reconnecting(builder).await;
    for text in ["left", "half", "queued"] {
        client.do_send(Send::text(text));
    }
    assert_eq!(wire.next_write().await.len(), 3);
    client.do_send(Send::text("behind"));
    settle().await;
    let cause = CloseReason::Failed(TransportError::eof("gone"));
    wire.report(ReportKind::Closed(TransportClosed { reason: cause, outcome: BatchOutcome::sent(1) }));
    let Event::Disconnected(end) = event(&mut events).await else { panic!("no end") };
    assert!(end.unsent.is_empty(), "they are kept");
    client.send(Send::text("gap")).await.unwrap().unwrap();
    assert_eq!(client.send(GetStatus).await.unwrap().queued_messages, 4);
    reconnecting_in(&mut events, 1).await;
    let (mut wire, _) = started_after(&started).await;
    client.do_send(Send::text("connecting"));
    open(&wire).await;
    let expected = ["half", "queued", "behind", "gap", "connecting"].map(|text| Packet::Message(text.into()));
    assert_eq!(wire.next_write().await, expected);
}

#[actix::test]
async fn what_is_kept_is_bounded_and_comes_back_when_the_client_gives_up() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true).send_queue(1000);
    let (_dialed, client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    let mut accepted = 0;
    let waiting = loop {
        let mut send = Box::pin(client.send(Send::text("x".repeat(100))));
        settle().await;
        match (&mut send).now_or_never() {
            Some(outcome) => outcome.unwrap().unwrap(),
            None => {
                settle().await;
                match (&mut send).now_or_never() {
                    Some(outcome) => outcome.unwrap().unwrap(),
                    None => break send,
                }
            }
        }
        accepted += 1;
    };
    assert_eq!(accepted, 1000 / 164 + 1);
    client.send(Disconnect::new()).await.unwrap();
    let err = waiting.await.unwrap().unwrap_err();
    assert_eq!((err.kind, err.data.len()), (SendErrorKind::NotConnected, 100));
    let words = words(&mut events).await;
    assert_eq!(words[0], "ReconnectFailed(Cancelled)");
    assert_eq!(words[1..], vec!["rejected not connected"; accepted]);
}

#[actix::test]
async fn the_hook_runs_before_every_attempt_with_the_users_own_connect() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let builder =
        EngineIoClient::builder().reconnect(policy()).before_connect(async move |connect: Connect| {
            let call = counted.fetch_add(1, Ordering::SeqCst);
            assert!(connect.headers.is_empty(), "what an earlier call added is not there");
            sleep(Duration::from_millis(10)).await;
            if call == 1 { Err("no token") } else { Ok(connect.header("x-call", call.to_string())) }
        });
    let (started, _client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    reconnecting_in(&mut events, 2).await;
    let (wire, _) = started_after(&started).await;
    open(&wire).await;
    assert_eq!(word(&event(&mut events).await), "connected abc");
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[actix::test]
async fn a_hook_that_fails_or_takes_too_long_fails_the_connect() {
    tokio::time::pause();
    let builder = EngineIoClient::builder;
    let client = builder().before_connect(async |_| Err("no token")).start();
    let err = client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err();
    assert_eq!(err.to_string(), "the before_connect hook failed: no token");
    let client = builder().before_connect(async |_| Err(std::fmt::Error)).start();
    let err = client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err();
    assert!(err.get_ref().is_some_and(|cause| cause.is::<std::fmt::Error>()), "{err:?}");

    let hangs = async |_| {
        std::future::pending::<()>().await;
        Err("never")
    };
    let client = builder().before_connect(hangs).start();
    let start = Instant::now();
    let err = client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err();
    assert!(matches!(err, ConnectError::Timeout { stage: crate::Stage::Hook, .. }), "{err}");
    assert_eq!(start.elapsed().as_secs(), 20);

    // A Disconnect does not wait for it.
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    settle().await;
    client.send(Disconnect::new()).await.unwrap();
    assert_eq!(connect.await.unwrap().unwrap().unwrap_err(), ConnectError::Cancelled);
}

#[actix::test]
async fn no_attempt_starts_while_a_subscriber_owes_a_whole_session() {
    let (recipient, leave, mut slow_events) = slow();
    let builder = EngineIoClient::builder().reconnect(policy()).subscribe(recipient);
    let (started, _client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    sleep(Duration::from_secs(50)).await;
    assert!(started.0.lock().unwrap().is_empty(), "it has not even handled Connected");
    for _ in 0..3 {
        leave.unbounded_send(()).unwrap();
    }
    let (wire, _) = started_after(&started).await;
    open(&wire).await;
    assert_eq!(words(&mut slow_events).await.len(), 3);

    fail(&wire);
    sleep(Duration::from_secs(70)).await;
    let words = words(&mut events).await;
    assert!(words.last().unwrap().contains("ReconnectFailed(Stalled)"), "{words:?}");
}

#[actix::test]
async fn work_that_is_bound_to_a_session_ends_with_it() {
    struct Dropped(mpsc::UnboundedSender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.unbounded_send(());
        }
    }
    let (_dialed, client, wire, _events) = reconnecting(EngineIoClient::builder()).await;
    let (sender, mut ended) = mpsc::unbounded();
    let forever = |sender: mpsc::UnboundedSender<()>| {
        Spawn::new(move |_| async move {
            // Not `Send`: it never leaves the client's arbiter.
            let _not_send = std::rc::Rc::new(());
            let _dropped = Dropped(sender);
            std::future::pending::<()>().await;
        })
    };
    let task = client.send(forever(sender.clone())).await.unwrap().unwrap();
    let aborted = client.send(forever(sender)).await.unwrap().unwrap();
    aborted.abort();
    assert!(aborted.await.unwrap_err().is_cancelled());
    ended.next().await.unwrap();
    let done = client.send(Spawn::new(|_| async {})).await.unwrap().unwrap();
    assert_eq!(done.await, Ok(()));
    assert!(!task.is_finished());
    fail(&wire);
    ended.next().await.unwrap();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(client.send(Spawn::new(|_| async {})).await.unwrap().unwrap_err(), NotConnected);
}

#[actix::test]
async fn a_disconnect_in_the_wake_up_of_the_end_is_not_lost() {
    let (started, client, wire, _events) = reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    fail(&wire);
    client.send(Disconnect::new()).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert!(started.0.lock().unwrap().is_empty(), "no attempt after a Disconnect");
    assert_eq!(client.send(GetStatus).await.unwrap().state, State::Disconnected);
}

#[actix::test]
async fn a_disconnect_while_a_lost_session_closes_ends_reconnecting() {
    for abort in [false, true] {
        let (started, client, wire, _events) =
            reconnecting(EngineIoClient::builder().reconnect(policy())).await;
        // Something out of place: the client aborts the transport, which takes its time.
        wire.packets(vec![Packet::Open(OPEN.into())]);
        settle().await;
        assert_eq!(client.send(GetStatus).await.unwrap().state, State::Disconnecting);
        let gone = actix_rt::spawn(client.send(if abort { Disconnect::abort() } else { Disconnect::new() }));
        settle().await;
        wire.end();
        sleep(Duration::from_secs(60)).await;
        assert!(started.0.lock().unwrap().is_empty(), "no attempt after a Disconnect");
        assert!(gone.is_finished());
        tokio::time::resume();
    }
}

#[actix::test]
async fn an_interrupt_in_the_wake_up_of_the_end_ends_reconnecting() {
    let (started, client, wire, _events) = reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    fail(&wire);
    client.do_send(crate::client::interrupt::Interrupt);
    sleep(Duration::from_secs(60)).await;
    assert!(started.0.lock().unwrap().is_empty(), "no attempt after an interrupt");
}

#[actix::test]
async fn an_interrupt_sends_what_came_before_it() {
    let (_dialed, client, mut wire, _events) = reconnecting(EngineIoClient::builder().send_queue(10)).await;
    client.do_send(Send::text("a"));
    client.do_send(Send::text("b"));
    client.do_send(crate::client::interrupt::Interrupt);
    settle().await;
    let mut texts = Vec::new();
    wire.written();
    while let Ok(Some(command)) = timeout(Duration::from_millis(100), wire.commands.next()).await {
        if let Command::Write(packets) = command {
            texts.extend(packets.to_vec());
            wire.written();
        }
    }
    assert_eq!(texts.len(), 3);
}

/// Loses a session by silence. Its transport was ordered to abort, and has not closed yet.
async fn silence(wire: &mut Wire) {
    while !matches!(wire.next().await, Command::Abort) {}
}

#[actix::test]
async fn a_message_is_carried_over_at_once_while_the_transport_closes_on_any_session() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true);
    let (started, client, mut wire, mut events) = reconnecting(builder).await;
    for session in ["first", "second"] {
        silence(&mut wire).await;
        assert_eq!(client.send(GetStatus).await.unwrap().state, State::Disconnecting);
        let accepted = timeout(Duration::from_millis(500), client.send(Send::text(session))).await;
        accepted.expect("it does not wait for the end").unwrap().unwrap();
        wire.end();
        let Event::Disconnected(end) = event(&mut events).await else { panic!("no end") };
        assert_eq!((end.reason.as_str(), end.unsent.len()), ("ping timeout", 0));
        event(&mut events).await;
        wire = started_after(&started).await.0;
        open(&wire).await;
        assert_eq!(word(&event(&mut events).await), "connected abc");
        assert_eq!(wire.next_write().await, [Packet::Message(session.into())]);
        wire.written();
    }
}

#[actix::test]
async fn what_is_sent_while_the_transport_closes_goes_out_behind_what_it_gave_back() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true);
    let (started, client, mut wire, mut events) = reconnecting(builder).await;
    client.do_send(Send::text("first"));
    assert_eq!(wire.next_write().await.len(), 1);
    silence(&mut wire).await;
    client.send(Send::text("second")).await.unwrap().unwrap();
    wire.end();
    let Event::Disconnected(_) = event(&mut events).await else { panic!("no end") };
    reconnecting_in(&mut events, 1).await;
    let (mut wire, _) = started_after(&started).await;
    open(&wire).await;
    let expected = ["first", "second"].map(|text| Packet::Message(text.into()));
    assert_eq!(wire.next_write().await, expected);
}

#[actix::test]
async fn nothing_is_carried_over_once_the_end_was_requested() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true);
    let (_started, client, mut wire, mut events) = reconnecting(builder).await;
    client.do_send(Disconnect::abort());
    silence(&mut wire).await;
    let send = actix_rt::spawn(client.send(Send::text("awaited")));
    client.do_send(Send::text("not awaited"));
    settle().await;
    assert!(!send.is_finished(), "its outcome is not known yet");
    wire.end();
    assert_eq!(send.await.unwrap().unwrap().unwrap_err().kind, SendErrorKind::Disconnected);
    let Event::Disconnected(end) = event(&mut events).await else { panic!("no end") };
    assert_eq!(end.unsent, [Data::from("not awaited")]);
}

#[actix::test]
async fn the_cause_of_an_attempt_is_announced_with_it() {
    let (started, _client, wire, mut events) =
        reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    fail(&wire);
    let Event::Disconnected(end) = event(&mut events).await else { panic!("no end") };
    let Event::Reconnecting(next) = event(&mut events).await else { panic!("no attempt") };
    assert_eq!(next.cause, ReconnectCause::Lost(end.reason.clone()));
    let (wire, _) = started_after(&started).await;
    fail(&wire);
    let Event::Reconnecting(next) = event(&mut events).await else { panic!("no attempt") };
    let ReconnectCause::Failed(err) = &next.cause else { panic!("{next:?}") };
    assert!(matches!(err, ConnectError::Transport { .. }), "{err}");
    assert_eq!(next.cause.to_string(), err.to_string());
}

#[actix::test]
async fn kept_messages_survive_a_session_that_ends_at_once() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true);
    let (started, client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    client.send(Send::text("kept")).await.unwrap().unwrap();
    reconnecting_in(&mut events, 1).await;
    let (wire, _) = started_after(&started).await;
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.into()), Packet::Close]);
    settle().await;
    wire.end();
    settle().await;
    let (mut wire, _) = started_after(&started).await;
    open(&wire).await;
    assert_eq!(wire.next_write().await, [Packet::Message("kept".into())]);
}

#[actix::test]
async fn kept_messages_go_out_before_a_disconnect_in_the_wake_up_of_the_opening() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true);
    let (started, client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    client.send(Send::text("kept")).await.unwrap().unwrap();
    reconnecting_in(&mut events, 1).await;
    let (mut wire, _) = started_after(&started).await;
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.into())]);
    client.do_send(Send::text("later"));
    client.do_send(Disconnect::new());
    settle().await;
    let all = [Packet::Message("kept".into()), Packet::Message("later".into()), Packet::Close];
    assert_eq!(wire.next_write().await, all);
}

#[actix::test]
async fn a_client_that_nobody_awaits_stops_trying() {
    tokio::time::pause();
    let started = Started::default();
    let policy = policy().on_initial_connect(true);
    let client = started.client(EngineIoClient::builder().reconnect(policy));
    client.do_send(Connect::new("http://localhost"));
    drop(client);
    let mut attempts = 0;
    while let Ok((wire, _)) = timeout(Duration::from_secs(600), started_after(&started)).await {
        fail(&wire);
        attempts += 1;
        if attempts > 20 {
            break;
        }
    }
    assert!(attempts <= 2, "{attempts}");
}

#[actix::test]
async fn a_refused_connect_during_the_delay_leaves_the_reason() {
    let policy = policy().max_attempts(1);
    let (started, client, wire, mut events) = reconnecting(EngineIoClient::builder().reconnect(policy)).await;
    let waiting = actix_rt::spawn(client.send(Wait));
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    client.send(Connect::new("nonsense")).await.unwrap().unwrap_err();
    let (wire, _) = started_after(&started).await;
    fail(&wire);
    assert!(waiting.await.unwrap().unwrap().is_some());
}

#[actix::test]
async fn a_connect_that_takes_the_place_of_the_delay_and_fails_is_told_to_subscribers() {
    let (started, client, wire, mut events) =
        reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let (wire, _) = started_after(&started).await;
    fail(&wire);
    connect.await.unwrap().unwrap().unwrap_err();
    sleep(Duration::from_secs(60)).await;
    let words = words(&mut events).await;
    assert!(words.iter().any(|word| word.contains("ReconnectFailed")), "{words:?}");
}

#[actix::test]
async fn a_closure_that_panics_leaves_the_client_alone() {
    let (_dialed, client, _wire, _events) = reconnecting(EngineIoClient::builder()).await;
    let spawn = Spawn::new(|_| -> std::future::Ready<()> { panic!("closure") });
    let err = client.send(spawn).await.unwrap().unwrap().await.unwrap_err();
    assert!(err.is_panic() && !err.is_cancelled());
    assert_eq!(err.to_string(), "the task panicked: closure");
    assert!(client.connected());
}

#[actix::test]
async fn retries_of_a_first_connect_that_give_up_are_told() {
    let started = Started::default();
    tokio::time::pause();
    let (recipient, mut events) = recorder();
    let policy = policy().max_attempts(1).on_initial_connect(true);
    let client = started.client(EngineIoClient::builder().reconnect(policy).subscribe(recipient));
    client.do_send(Connect::new("http://localhost"));
    for _ in 0..2 {
        let (wire, _) = started_after(&started).await;
        fail(&wire);
    }
    sleep(Duration::from_secs(60)).await;
    let words = words(&mut events).await;
    assert!(words.iter().any(|word| word.contains("ReconnectFailed")), "{words:?}");
}

#[actix::test]
async fn an_absurd_retry_after_does_not_overflow_the_clock() {
    let (started, client, wire, mut events) =
        reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    let (wire, _) = started_after(&started).await;
    let status = HttpStatus {
        status: 503,
        code: None,
        message: None,
        retry_after: Some(Duration::from_secs(u64::MAX)),
    };
    let cause = CloseReason::Failed(TransportError::Status(Box::new(status)));
    wire.report(ReportKind::Closed(TransportClosed { reason: cause, outcome: BatchOutcome::sent(0) }));
    settle().await;
    assert!(client.connected());
}

#[actix::test]
async fn an_arbiter_that_stops_ends_an_open_session_and_tells_wait_the_reason() {
    let arbiter = actix_rt::Arbiter::new();
    let started = Started::default();
    let (sender, client) = oneshot::channel();
    let transports = started.clone();
    arbiter.spawn(async move {
        let client = transports.client(EngineIoClient::builder().transports([TransportKind::WebSocket]));
        let _ = sender.send(client);
    });
    let client = client.await.unwrap();
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    open(&wire).await;
    connect.await.unwrap().unwrap().unwrap();
    let waiting = actix_rt::spawn(client.send(Wait));
    // The message has to reach the other thread.
    sleep(Duration::from_millis(100)).await;
    arbiter.stop();
    let reason = waiting.await.unwrap().unwrap().unwrap();
    assert_eq!(reason.to_string(), "client disconnect: the client stopped");
}

#[actix::test]
async fn the_hook_counts_as_part_of_the_connect() {
    tokio::time::pause();
    let started = Started::default();
    let client = started.client(EngineIoClient::builder().before_connect(async |connect| {
        sleep(Duration::from_secs(15)).await;
        Ok::<_, String>(connect)
    }));
    let start = Instant::now();
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let (mut wire, _) = started_after(&started).await;
    while !matches!(wire.next().await, Command::Abort) {}
    wire.end();
    assert!(matches!(connect.await.unwrap().unwrap().unwrap_err(), ConnectError::Timeout { .. }));
    assert_eq!(start.elapsed().as_secs(), 20);
}

#[actix::test]
async fn a_hook_that_panics_fails_its_connect_and_not_the_client() {
    async fn panics(_: Connect) -> Result<Connect, String> {
        panic!("as the test wants it")
    }
    let client = EngineIoClient::builder().before_connect(panics).start();
    let err = client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err();
    assert_eq!(err.to_string(), "the before_connect hook failed: it panicked");
    assert!(client.connected());
}
