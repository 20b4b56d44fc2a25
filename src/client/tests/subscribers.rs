//! Subscribers of every pace.

use super::*;

#[actix::test]
async fn a_slow_subscriber_stops_reading_and_misses_nothing() {
    let (recipient, permit, mut events) = slow();
    let (fast, mut fast_events) = recorder();
    let builder = EngineIoClient::builder().receive_buffer(1000).subscribe(recipient).subscribe(fast);
    let (client, mut wire, _) = connected(builder).await;
    let mut sent = 0;
    while wire.was_read().await || sent == 0 {
        wire.texts(&[&format!("{sent}")]);
        sent += 1;
    }
    assert!((10..=17).contains(&sent), "1000 bytes at 64 and a digit each, not {sent}");
    assert_eq!(words(&mut fast_events).await.len(), sent + 1, "the fast one does not wait");
    // The client itself still handles messages.
    assert_eq!(client.send(GetStatus).await.unwrap().state, State::Connected);
    for _ in 0..=sent {
        permit.unbounded_send(()).unwrap();
    }
    assert!(wire.was_read().await);
    let got = words(&mut events).await;
    assert_eq!(got[1..], (0..sent).map(|at| at.to_string()).collect::<Vec<_>>());
}

#[actix::test]
async fn a_subscriber_that_never_takes_an_event_ends_the_session_as_stalled() {
    tokio::time::pause();
    let (recipient, permit, mut events) = slow();
    let (_client, mut wire, _) =
        connected(EngineIoClient::builder().receive_buffer(0).subscribe(recipient)).await;
    let start = Instant::now();
    wire.texts(&["a"]);
    loop {
        if let Command::Abort = wire.next().await {
            break;
        }
    }
    assert_eq!(start.elapsed().as_secs(), 60);
    wire.end();
    for _ in 0..3 {
        permit.unbounded_send(()).unwrap();
    }
    assert_eq!(words(&mut events).await, ["connected abc", "a", "disconnected stalled"]);
}

#[actix::test]
async fn a_subscriber_that_needs_long_for_each_event_is_not_stalled() {
    tokio::time::pause();
    let timeouts = || EngineIoClient::builder().stall_timeout(Duration::from_secs(10)).receive_buffer(0);
    let (recipient, permit, mut events) = slow();
    let (_client, wire, _) = connected(timeouts().subscribe(recipient)).await;
    let texts = vec!["a"; 300];
    wire.texts(&texts);
    let (client, other, _) = connected(timeouts()).await;
    let mut stream = EventStream::subscribe(&client).await.unwrap();
    other.texts(&texts);
    settle().await;
    let (mut handled, mut read) = (0, 0);
    for _ in 0..302 {
        sleep(Duration::from_millis(1001)).await;
        permit.unbounded_send(()).unwrap();
        settle().await;
        handled += words(&mut events).await.len();
        read += usize::from(stream.next().now_or_never().is_some());
    }
    assert_eq!((handled, read), (301, 301), "Connected, and all messages");
    drop(client);
}

#[actix::test]
async fn a_subscriber_that_dies_is_dropped_without_disturbing_the_others() {
    struct Dying;
    impl Actor for Dying {
        type Context = Context<Self>;
    }
    impl Handler<Event> for Dying {
        type Result = ();
        fn handle(&mut self, _: Event, ctx: &mut Self::Context) {
            ctx.stop();
        }
    }
    let (other, mut events) = recorder();
    let builder =
        EngineIoClient::builder().receive_buffer(0).subscribe(Dying.start().recipient()).subscribe(other);
    let (_client, mut wire, _) = connected(builder).await;
    for text in ["a", "b", "c"] {
        wire.texts(&[text]);
        assert!(wire.was_read().await, "{text}");
    }
    assert_eq!(words(&mut events).await, ["connected abc", "a", "b", "c"]);
}

#[actix::test]
async fn a_subscriber_that_comes_later_gets_the_session_first_and_only_what_it_asks_for() {
    let (client, wire, _) = connected(EngineIoClient::builder()).await;
    wire.texts(&["before"]);
    settle().await;
    let (late, mut events) = recorder();
    let (only, mut only_events) = recorder();
    let id = client.send(Subscribe::new(late)).await.unwrap();
    client.send(Subscribe::new(only).only([EventKind::Message])).await.unwrap();
    wire.texts(&["after"]);
    assert_eq!(words(&mut events).await, ["connected abc", "after"]);
    assert_eq!(words(&mut only_events).await, ["after"]);
    assert!(client.send(Unsubscribe(id)).await.unwrap());
    assert!(!client.send(Unsubscribe(id)).await.unwrap());
    wire.texts(&["more"]);
    assert_eq!(words(&mut events).await, [""; 0]);
    assert_eq!(words(&mut only_events).await, ["more"]);
}

#[actix::test]
async fn a_stream_is_bounded_and_ends_with_the_client() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().receive_buffer(0)).await;
    let mut events = EventStream::subscribe(&client).await.unwrap();
    let mut sent = 0;
    while wire.was_read().await || sent == 0 {
        wire.texts(&[&format!("{sent}")]);
        sent += 1;
    }
    assert_eq!(sent, 64, "64 events fit into the stream, `Connected` among them, and one more waits");
    assert_eq!(word(&events.next().await.unwrap()), "connected abc");
    for at in 0..sent {
        assert_eq!(word(&events.next().await.unwrap()), at.to_string());
    }
    client.do_send(Disconnect::abort());
    settle().await;
    wire.end();
    drop((client, wire));
    assert_eq!(word(&events.next().await.unwrap()), "disconnected client disconnect");
    assert!(events.next().await.is_none());
}

#[actix::test]
async fn the_longest_stall_timeout_overflows_nothing() {
    let (client, wire, _) =
        connected(EngineIoClient::builder().receive_buffer(0).stall_timeout(Duration::MAX)).await;
    let stream = EventStream::subscribe(&client).await.unwrap();
    for _ in 0..10 {
        wire.packets(vec![Packet::Message("a".into()); 64]);
        settle().await;
    }
    drop(stream);
    assert!(client.connected());
}
