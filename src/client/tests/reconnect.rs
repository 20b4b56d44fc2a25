//! From one session to the next.

use super::*;
use crate::error::HttpStatus;

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
    assert!(!waiting.is_finished(), "the client will connect again");
    assert_eq!(client.send(GetStatus).await.unwrap().reconnects, 4);

    // A stable session starts the count again.
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
    assert!(started.is_empty(), "no attempt after a cancel");
}

#[actix::test]
async fn after_the_last_attempt_the_client_gives_up_once() {
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
    assert!(started.is_empty());
    assert_eq!(words(&mut events).await, [""; 0]);
}

#[actix::test]
async fn sessions_that_end_too_soon_use_up_the_attempts() {
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
async fn answers_that_look_like_a_wrong_url_do_not_end_it_after_a_session_but_an_error_of_the_program_does() {
    let (started, client, wire, mut events) =
        reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    let errors = [
        TransportError::Status(Box::new(HttpStatus::new(404))),
        TransportError::Status(Box::new(HttpStatus::new(403))),
        TransportError::Malformed("a page of HTML".into()),
        TransportError::tls("an unknown authority", true),
    ];
    for (number, err) in (2..).zip(errors) {
        let (wire, _) = started_after(&started).await;
        fail_with(&wire, err);
        reconnecting_in(&mut events, number).await;
        assert_eq!(client.send(GetStatus).await.unwrap().state, State::Reconnecting);
    }
    let (wire, _) = started_after(&started).await;
    fail_with(&wire, TransportError::Unsupported("https".into()));
    assert!(matches!(event(&mut events).await, Event::ReconnectFailed(_)));
}

#[actix::test]
async fn a_disconnect_of_the_user_is_not_followed_by_another_session() {
    let (started, client, wire, mut events) =
        reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    client.do_send(Disconnect::abort());
    settle().await;
    wire.end();
    assert_eq!(words(&mut events).await, ["disconnected client disconnect"]);
    sleep(Duration::from_secs(60)).await;
    assert!(started.is_empty());
}

#[actix::test]
async fn a_first_connect_that_fails_is_not_repeated_unless_the_policy_says_so() {
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
        assert!(started.is_empty());
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
async fn no_attempt_starts_while_a_subscriber_has_handled_nothing_of_the_last_session() {
    let (recipient, permit, mut slow_events) = slow();
    let builder = EngineIoClient::builder().reconnect(policy()).subscribe(recipient);
    let (started, _client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    sleep(Duration::from_secs(50)).await;
    assert!(started.is_empty(), "it has not even handled Connected");
    for _ in 0..3 {
        permit.unbounded_send(()).unwrap();
    }
    let (wire, _) = started_after(&started).await;
    open(&wire).await;
    assert_eq!(words(&mut slow_events).await.len(), 3);

    // However long that takes.
    fail(&wire);
    for expected in ["connected abc", "disconnected transport error: connection lost: gone"] {
        assert_eq!(word(&event(&mut events).await), expected);
    }
    reconnecting_in(&mut events, 2).await;
    sleep(Duration::from_secs(3600)).await;
    assert!(started.0.lock().unwrap().is_empty());
    assert_eq!(words(&mut events).await, [""; 0]);
    for _ in 0..3 {
        permit.unbounded_send(()).unwrap();
    }
    started_after(&started).await;
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
async fn a_refused_connect_during_the_delay_does_not_change_the_reason() {
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
async fn a_connect_that_takes_the_place_of_the_delay_and_fails_is_shown_to_subscribers() {
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
async fn the_end_of_the_retries_of_a_first_connect_is_shown_to_subscribers() {
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
async fn a_huge_retry_after_does_not_overflow_the_clock() {
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
    let delay = reconnecting_in(&mut events, 2).await;
    assert_eq!(delay, Duration::from_secs(600), "max_retry_after");
    assert!(client.connected());
}

#[actix::test]
async fn attempts_wait_for_a_subscriber_that_has_too_many_events_to_handle() {
    let (recipient, permit, mut events) = slow();
    let policy = Reconnect::constant(Duration::ZERO);
    let builder = EngineIoClient::builder().reconnect(policy).receive_buffer(1000).subscribe(recipient);
    let (started, _client, wire, _) = reconnecting(builder).await;
    permit.unbounded_send(()).unwrap();
    assert_eq!(word(&event(&mut events).await), "connected abc");
    fail(&wire);
    let mut attempts = 0;
    while let Ok((wire, _)) = timeout(Duration::from_secs(60), started_after(&started)).await {
        fail(&wire);
        attempts += 1;
        assert!(attempts < 100, "the subscriber never comes back");
    }
    for _ in 0..100 {
        let _ = permit.unbounded_send(());
    }
    started_after(&started).await;
}
