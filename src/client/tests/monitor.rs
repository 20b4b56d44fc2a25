//! What operators see.

use super::*;

#[actix::test]
async fn clients_share_their_figures() {
    tokio::time::pause();
    let metrics = Metrics::new();
    let builder = || EngineIoClient::builder().metrics(metrics.clone());
    let (client, mut wire, _) = connected(builder()).await;
    let (other, other_wire, _) = connected(builder().reconnect(policy())).await;
    assert_eq!((metrics.snapshot().connected, metrics.snapshot().sessions), (2, 2));

    wire.packets(vec![Packet::Ping("".into()), Packet::Message("abc".into()), Packet::Message("de".into())]);
    client.send(Send::text("hello")).await.unwrap().unwrap();
    let hello = Packet::Message("hello".into());
    while !wire.next_write().await.contains(&hello) {
        wire.written();
    }
    wire.written();
    settle().await;
    let now = metrics.snapshot();
    assert_eq!((now.messages_received, now.bytes_received), (2, 5), "pings are no messages");
    assert_eq!((now.messages_sent, now.bytes_sent), (1, 5));

    client.do_send(Send::text("never written"));
    fail(&other_wire);
    settle().await;
    fail(&wire);
    settle().await;
    let now = metrics.snapshot();
    assert_eq!((now.connected, now.unsent), (0, 1));
    assert!(now.sessions_ended().any(|ended| ended == ("transport error", 2)), "{now:?}");
    client.do_send(Send::text("no session"));
    settle().await;
    assert_eq!(metrics.snapshot().rejected, 1);
    client.send(Connect::new("no URL")).await.unwrap().unwrap_err();
    assert_eq!(metrics.snapshot().attempts_failed, 0, "it was not tried");
    drop(other);
}

#[actix::test]
async fn failed_attempts_count_those_of_the_user_and_those_of_the_policy() {
    let metrics = Metrics::new();
    let builder = EngineIoClient::builder().metrics(metrics.clone()).reconnect(policy().max_attempts(2));
    let (started, _client, wire, _events) = reconnecting(builder).await;
    fail(&wire);
    for _ in 0..2 {
        fail(&started_after(&started).await.0);
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(metrics.snapshot().attempts_failed, 2);
    assert_eq!(metrics.snapshot().sessions, 1);
}

#[actix::test]
async fn a_disconnect_between_two_attempts_is_no_failed_attempt() {
    let metrics = Metrics::new();
    let builder = EngineIoClient::builder().metrics(metrics.clone()).reconnect(policy());
    let (_started, client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    client.send(Disconnect::new()).await.unwrap();
    assert_eq!(metrics.snapshot().attempts_failed, 0);
}

#[actix::test]
async fn the_time_under_back_pressure_is_counted() {
    tokio::time::pause();
    let metrics = Metrics::new();
    let (recipient, permit, _events) = slow();
    let builder = EngineIoClient::builder().receive_buffer(0).metrics(metrics.clone()).subscribe(recipient);
    let (client, wire, _) = connected(builder).await;
    wire.texts(&["a"]);
    settle().await;
    assert_eq!(metrics.snapshot().back_pressure, Duration::ZERO);
    sleep(Duration::from_secs(3)).await;
    for _ in 0..3 {
        permit.unbounded_send(()).unwrap();
    }
    settle().await;
    sleep(Duration::from_secs(5)).await;
    client.send(GetStatus).await.unwrap();
    let time = metrics.snapshot().back_pressure;
    assert_eq!(time.as_secs(), 3, "{time:?}");
}

#[test]
fn a_client_whose_arbiter_stops_is_not_counted_as_connected() {
    let system = actix::System::new();
    system.block_on(async {
        let metrics = Metrics::new();
        let (shared, arbiter) = (metrics.clone(), actix::Arbiter::new());
        let (sender, opened) = oneshot::channel();
        arbiter.spawn(async move {
            let held = connected(EngineIoClient::builder().metrics(shared)).await;
            let _ = sender.send(());
            std::mem::forget(held);
        });
        opened.await.unwrap();
        assert_eq!(metrics.snapshot().connected, 1);
        arbiter.stop();
        arbiter.join().unwrap();
        let now = metrics.snapshot();
        assert_eq!(now.connected, 0);
        assert!(now.sessions_ended().any(|ended| ended == ("client disconnect", 1)), "{now:?}");
    });
}

#[actix::test]
async fn the_state_can_be_watched_until_the_client_has_stopped() {
    tokio::time::pause();
    let started = Started::default();
    let client = started.client(EngineIoClient::builder().transports([TransportKind::WebSocket]));
    let mut watch = client.send(WatchState).await.unwrap();
    let late = client.send(WatchState).await.unwrap();
    assert_eq!(watch.get(), State::Disconnected);
    client.do_send(Connect::new("http://localhost"));
    assert_eq!(watch.changed().await, Some(State::Connecting));
    let wire = started.next().await;
    open(&wire).await;
    assert_eq!(watch.changed().await, Some(State::Connected));
    assert_eq!(late.get(), State::Connected);
    client.do_send(Disconnect::abort());
    settle().await;
    wire.end();
    // Its recipient would count as an address of the client.
    drop(wire);
    settle().await;
    client.do_send(Connect::new("http://localhost"));
    let wire = started.next().await;
    open(&wire).await;
    assert_eq!(watch.get(), State::Connected);
    assert!(watch.changed().now_or_never().is_none(), "it is as it was");
    fail(&wire);
    assert_eq!(watch.changed().await, Some(State::Disconnected));
    drop((client, wire));
    assert_eq!(watch.changed().await, None);
    assert_eq!(late.get(), State::Disconnected);
}
