//! Subscribers of every pace.

use actix::ActorContext as _;

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
    assert_eq!(start.elapsed().as_secs(), 45);
    wire.end();
    for _ in 0..3 {
        permit.unbounded_send(()).unwrap();
    }
    assert_eq!(words(&mut events).await, ["connected abc", "a", "disconnected stalled"]);
}

#[actix::test]
async fn a_subscriber_that_still_handles_events_of_the_last_session_is_not_stalled() {
    let (recipient, permit, mut events) = slow();
    let handles_one = async || {
        sleep(Duration::from_secs(1)).await;
        permit.unbounded_send(()).unwrap();
    };
    let builder = EngineIoClient::builder().stall_timeout(Duration::from_secs(10)).receive_buffer(0);
    let (started, client, wire, _events) = reconnecting(builder.subscribe(recipient)).await;
    handles_one().await;
    let texts = vec!["a"; 300];
    wire.texts(&texts);
    wire.end();
    assert!(client.send(Wait).await.unwrap().is_some());
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let next = started.next().await;
    open(&next).await;
    connect.await.unwrap().unwrap().unwrap();
    next.texts(&["b"]);
    for _ in 0..texts.len() + 3 {
        handles_one().await;
        assert_eq!(client.send(GetStatus).await.unwrap().state, State::Connected);
    }
    assert_eq!(words(&mut events).await.last().unwrap(), "b");
}

#[actix::test]
async fn a_subscriber_that_never_handles_the_rest_of_the_last_session_ends_the_next_one_as_stalled() {
    let (recipient, permit, _slow_events) = slow();
    let builder = EngineIoClient::builder().stall_timeout(Duration::from_secs(10)).receive_buffer(0);
    let (started, client, wire, mut events) = reconnecting(builder.subscribe(recipient)).await;
    permit.unbounded_send(()).unwrap();
    wire.texts(&["a", "b", "c"]);
    wire.end();
    assert!(client.send(Wait).await.unwrap().is_some());
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let mut next = started.next().await;
    open(&next).await;
    connect.await.unwrap().unwrap().unwrap();
    next.texts(&["d"]);
    let start = Instant::now();
    while !matches!(next.next().await, Command::Abort) {}
    assert!(start.elapsed().as_secs() <= 30, "{:?}", start.elapsed());
    next.end();
    assert_eq!(words(&mut events).await.last().unwrap(), "disconnected stalled");
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

/// An actor that passes the messages of its type on.
struct Collector<M>(mpsc::UnboundedSender<M>);

impl<M: 'static> Actor for Collector<M> {
    type Context = Context<Self>;
}

impl<M: actix::Message<Result = ()> + 'static> Handler<M> for Collector<M> {
    type Result = ();

    fn handle(&mut self, message: M, _: &mut Self::Context) {
        let _ = self.0.unbounded_send(message);
    }
}

#[actix::test]
async fn status_names_the_subscriber_that_does_not_read_and_since_when() {
    tokio::time::pause();
    let (recipient, permit, _events) = slow();
    let (quick, mut quick_events) = recorder();
    let builder = EngineIoClient::builder()
        .receive_buffer(100)
        .subscribe(quick)
        .subscribe(Subscribe::new(recipient).name("archive"));
    let (client, mut wire, _) = connected(builder).await;
    assert_eq!(client.send(GetStatus).await.unwrap().back_pressure, None);
    assert!(wire.was_read().await);
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now().into_std();
    wire.texts(&["a", "b", "c"]);
    assert!(!wire.was_read().await);
    sleep(Duration::from_secs(3)).await;
    let status = client.send(GetStatus).await.unwrap();
    let found = status.back_pressure.expect("there is back-pressure");
    assert_eq!((found.since, found.name.as_deref(), found.bytes), (start, Some("archive"), 4 * 64 + 3));
    assert!(client.send(Unsubscribe(found.subscriber)).await.unwrap(), "it is the id of that subscriber");
    assert!(wire.was_read().await);
    assert_eq!(client.send(GetStatus).await.unwrap().back_pressure, None);
    assert_eq!(words(&mut quick_events).await, ["connected abc", "a", "b", "c"]);
    drop(permit);
}

#[actix::test]
async fn a_weak_subscription_does_not_keep_its_actor_alive() {
    let (client, wire, _) = connected(EngineIoClient::builder().receive_buffer(0)).await;
    let (sender, mut events) = mpsc::unbounded();
    let actor = Collector(sender).start();
    client.send(Subscribe::weak(actor.downgrade().recipient())).await.unwrap();
    wire.texts(&["a"]);
    assert_eq!(words(&mut events).await, ["connected abc", "a"]);
    drop(actor);
    assert!(events.next().await.is_none(), "the actor has stopped");
    wire.texts(&["b"]);
    settle().await;
    assert!(client.connected());
}

#[derive(actix::Message)]
#[rtype(result = "()")]
struct FromFeed(u8, Event);

#[actix::test]
async fn one_actor_can_tell_the_events_of_its_clients_apart() {
    let (sender, mut messages) = mpsc::unbounded();
    let merger = Collector(sender).start();
    let mut wires = Vec::new();
    for feed in 0..2 {
        let mapped = Subscribe::mapped(merger.clone().recipient(), move |event| match &event {
            Event::Message(data) if data.as_text() == Some("panic") => panic!("the test wants this"),
            _ => FromFeed(feed, event),
        });
        let builder = EngineIoClient::builder().receive_buffer(0).subscribe(mapped);
        wires.push(connected(builder).await);
    }
    for (_, wire, _) in &wires {
        wire.texts(&["a", "panic", "b"]);
        settle().await;
    }
    let mut seen = Vec::new();
    while let Some(Some(FromFeed(feed, event))) = messages.next().now_or_never() {
        seen.push(format!("{feed} {}", word(&event)));
    }
    assert_eq!(seen, ["0 connected abc", "1 connected abc", "0 a", "0 b", "1 a", "1 b"]);
    for (client, wire, _) in &mut wires {
        assert!(wire.was_read().await && client.connected());
    }
}

#[actix::test]
async fn a_batched_subscriber_gets_what_has_arrived_in_one_message() {
    let (sender, mut batches) = mpsc::unbounded();
    let batched = Subscribe::batched(Collector(sender).start().recipient());
    let builder = EngineIoClient::builder().receive_buffer(0);
    let (client, mut wire, _) = connected(builder.subscribe(batched.only([EventKind::Message]))).await;
    for texts in [["a", "b", "c"], ["d", "e", "f"]] {
        wire.texts(&texts);
        assert!(wire.was_read().await);
    }
    let mut seen = Vec::new();
    while let Some(Some(events)) = batches.next().now_or_never() {
        let events: Events = events;
        seen.push(events.as_slice().iter().map(word).collect::<Vec<_>>().concat());
    }
    // The pace of the subscriber is not known before the first message.
    assert_eq!(seen, ["a", "bc", "def"]);
    assert!(client.connected());
}

#[actix::test]
async fn a_closure_is_a_subscriber() {
    let (sender, mut events) = mpsc::unbounded();
    let builder = EngineIoClient::builder().subscribe(subscriber(move |event| {
        let _ = sender.unbounded_send(event);
    }));
    let (_client, wire, _) = connected(builder).await;
    wire.texts(&["a", "b"]);
    assert_eq!(words(&mut events).await, ["connected abc", "a", "b"]);
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
