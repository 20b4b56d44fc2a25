//! The `before_connect` hook.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[actix::test]
async fn a_connect_that_a_hook_made_useless_is_answered() {
    let builder = EngineIoClient::builder()
        .before_connect(async |connect: Connect, _| Ok::<_, String>(connect.transports([])));
    let client = builder.start();
    let err = client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err();
    assert_eq!(err, ConnectError::NoTransports);
    assert_eq!(client.send(GetStatus).await.unwrap().state, State::Disconnected);
}

#[actix::test]
async fn the_hook_runs_before_every_attempt_with_the_users_own_connect() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let builder =
        EngineIoClient::builder().reconnect(policy()).before_connect(async move |connect: Connect, _| {
            let call = counted.fetch_add(1, Ordering::SeqCst);
            assert!(connect.headers.is_empty(), "a header that an earlier call added is not there");
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
async fn the_hook_learns_the_number_of_its_attempt_and_the_failure_before() {
    let (attempts, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let builder = EngineIoClient::builder().reconnect(policy()).before_connect(
        async move |connect, attempt: Attempt| {
            let fails = attempt.number == 1;
            attempts.send(attempt).unwrap();
            if fails { Err("no token") } else { Ok(connect) }
        },
    );
    let (started, client, wire, mut events) = reconnecting(builder).await;
    assert_eq!(seen.recv().await, Some(Attempt::default()));
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    // A request that cannot be used is refused, and is not what makes the next attempt necessary.
    client.send(Connect::new("no URL")).await.unwrap().unwrap_err();
    let first = seen.recv().await.unwrap();
    assert_eq!(first.number, 1);
    assert!(matches!(first.cause, Some(ReconnectCause::Lost(_))), "{first:?}");
    reconnecting_in(&mut events, 2).await;
    let no_token = ReconnectCause::Failed(ConnectError::hook("no token"));
    assert_eq!(seen.recv().await, Some(Attempt::new(2, Some(no_token))));
    let (wire, _) = started_after(&started).await;
    open(&wire).await;
    assert_eq!(word(&event(&mut events).await), "connected abc");
}

#[actix::test]
async fn a_hook_that_fails_or_takes_too_long_fails_the_connect() {
    tokio::time::pause();
    let builder = EngineIoClient::builder;
    let client = builder().before_connect(async |_, _| Err("no token")).start();
    let err = client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err();
    assert_eq!(err.to_string(), "the before_connect hook failed: no token");
    let client = builder().before_connect(async |_, _| Err(std::fmt::Error)).start();
    let err = client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err();
    assert!(err.get_ref().is_some_and(|cause| cause.is::<std::fmt::Error>()), "{err:?}");

    let hangs = async |_, _| {
        std::future::pending::<()>().await;
        Err("never")
    };
    let client = builder().before_connect(hangs).start();
    let start = Instant::now();
    let err = client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err();
    assert!(matches!(err, ConnectError::Timeout { stage: crate::Stage::Hook, .. }), "{err}");
    assert_eq!(start.elapsed().as_secs(), 20);

    // A Disconnect does not wait for the hook.
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    settle().await;
    client.send(Disconnect::new()).await.unwrap();
    assert_eq!(connect.await.unwrap().unwrap().unwrap_err(), ConnectError::Cancelled);
}

#[actix::test]
async fn a_hook_that_fails_at_the_moment_of_its_timeout_fails_one_attempt() {
    let builder =
        EngineIoClient::builder().reconnect(policy()).before_connect(async |connect, attempt: Attempt| {
            if attempt.number == 1 {
                sleep(Duration::from_secs(20)).await;
                return Err("no token");
            }
            Ok(connect)
        });
    let (started, _client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    reconnecting_in(&mut events, 2).await;
    let (wire, _) = started_after(&started).await;
    open(&wire).await;
    assert_eq!(word(&event(&mut events).await), "connected abc");
}

#[actix::test]
async fn the_hook_counts_as_part_of_the_connect() {
    tokio::time::pause();
    let started = Started::default();
    let client = started.client(EngineIoClient::builder().before_connect(async |connect, _| {
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
    async fn panics(_: Connect, _: Attempt) -> Result<Connect, String> {
        panic!("the test wants this")
    }
    let client = EngineIoClient::builder().before_connect(panics).start();
    let err = client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err();
    assert_eq!(err.to_string(), "the before_connect hook failed: it panicked");
    assert!(client.connected());
}
