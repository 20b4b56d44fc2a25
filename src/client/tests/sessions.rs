//! One session, from its connect to its end.

use super::*;

#[actix::test]
async fn events_come_in_order_with_connected_first_and_disconnected_last() {
    let (recipient, mut events) = recorder();
    let (client, wire, session) = connected(EngineIoClient::builder().subscribe(recipient)).await;
    assert_eq!(session.sid, "abc");
    wire.texts(&["a", "b"]);
    let disconnected = actix_rt::spawn(client.send(Disconnect::new().reason("done")));
    settle().await;
    wire.written();
    wire.end();
    disconnected.await.unwrap().unwrap();
    let expected = ["connected abc", "a", "b", "disconnected client disconnect: done"];
    assert_eq!(words(&mut events).await, expected);
}

#[actix::test]
async fn a_silent_server_is_a_ping_timeout_after_exactly_interval_and_timeout() {
    tokio::time::pause();
    let (recipient, mut events) = recorder();
    let (client, mut wire, _) = connected(EngineIoClient::builder().subscribe(recipient)).await;
    let start = Instant::now();
    let ended = actix_rt::spawn(client.send(Wait));
    loop {
        if let Command::Abort = wire.next().await {
            break;
        }
    }
    wire.end();
    assert_eq!(ended.await.unwrap().unwrap(), Some(DisconnectReason::PingTimeout));
    // The timers of the runtime have a resolution of a millisecond.
    assert!((45_000..=45_001).contains(&start.elapsed().as_millis()));
    assert_eq!(words(&mut events).await, ["connected abc", "disconnected ping timeout"]);
}

#[actix::test]
async fn a_hundred_pings_keep_a_session_alive() {
    tokio::time::pause();
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    for _ in 0..100 {
        sleep(Duration::from_secs(40)).await;
        wire.packets(vec![Packet::Ping("".into())]);
        assert_eq!(wire.next_write().await, [Packet::Pong("".into())]);
        wire.written();
    }
    assert_eq!(client.send(GetStatus).await.unwrap().state, State::Connected);
}

#[actix::test]
async fn an_unconnected_client_refuses_what_needs_a_connection() {
    let (recipient, mut events) = recorder();
    let client = EngineIoClient::builder().subscribe(recipient).start();
    let err = client.send(Send::text("x")).await.unwrap().unwrap_err();
    assert_eq!((err.kind, err.data), (SendErrorKind::NotConnected, Data::from("x")));
    assert_eq!(client.send(Flush).await.unwrap(), Err(FlushError::NotConnected));
    assert_eq!(client.send(Wait).await.unwrap(), None);
    client.send(Disconnect::new()).await.unwrap();
    client.do_send(Send::text("y"));
    assert_eq!(words(&mut events).await, ["rejected not connected"]);
}

#[actix::test]
async fn connect_returns_the_error_of_a_wrong_option() {
    let connect = |builder: EngineIoClientBuilder, connect: Connect| async move {
        builder.start().send(connect).await.unwrap().unwrap_err().to_string()
    };
    let url = || Connect::new("http://localhost");
    let builder = EngineIoClient::builder;
    assert!(connect(builder(), Connect::new("ftp://localhost")).await.starts_with("invalid URL"));
    assert!(connect(builder(), url().header("bad name", "x")).await.starts_with("invalid header"));
    assert!(connect(builder(), url().header("x", "a\nb")).await.starts_with("invalid header"));
    assert!(connect(builder().header("upgrade", "x"), url()).await.starts_with("invalid header"));
    assert!(connect(builder(), url().transports([])).await.starts_with("no transports"));
}

#[actix::test]
async fn connect_from_the_handler_of_disconnected_works() {
    struct Again(Addr<EngineIoClient>, mpsc::UnboundedSender<bool>);
    impl Actor for Again {
        type Context = Context<Self>;
    }
    impl Handler<Event> for Again {
        type Result = ();
        fn handle(&mut self, event: Event, ctx: &mut Self::Context) {
            if let Event::Disconnected(_) = event {
                let (client, sender) = (self.0.clone(), self.1.clone());
                ctx.spawn(actix::fut::wrap_future(async move {
                    let connected = client.send(Connect::new("http://localhost")).await.unwrap();
                    let _ = sender.unbounded_send(connected.is_ok());
                }));
            }
        }
    }
    let started = Started::default();
    let client = started.client(EngineIoClient::builder().transports([TransportKind::WebSocket]));
    let (sender, mut outcome) = mpsc::unbounded();
    let again = Again(client.clone(), sender).start();
    client.send(Subscribe::new(again.recipient())).await.unwrap();
    client.do_send(Connect::new("http://localhost"));
    for _ in 0..2 {
        let wire = started.next().await;
        wire.report(ReportKind::Opened { protocol: None });
        wire.packets(vec![Packet::Open(OPEN.into())]);
        settle().await;
        wire.report(ReportKind::Closed(TransportClosed {
            reason: CloseReason::CloseFrame { code: 1000, reason: "".into() },
            outcome: BatchOutcome::sent(0),
        }));
    }
    assert_eq!(outcome.next().await, Some(true));
}

#[test]
fn an_event_is_small() {
    assert_eq!(size_of::<Event>(), 40);
    assert!(size_of::<Packet>() <= 48, "{}", size_of::<Packet>());
}

#[test]
fn addresses_events_and_errors_travel_between_threads() {
    fn travels<T: std::marker::Send + Sync>() {}
    travels::<Event>();
    travels::<ConnectError>();
    travels::<SendError>();
    travels::<Status>();
    fn sent<T: std::marker::Send>() {}
    sent::<Addr<EngineIoClient>>();
    sent::<EngineIoClientBuilder>();
    sent::<EventStream>();
    sent::<Subscribe>();
}

#[actix::test]
async fn a_connect_in_the_wake_up_in_which_another_fails_is_not_confused_with_it() {
    let started = Started::default();
    let client = started.client(EngineIoClient::builder().transports([TransportKind::WebSocket]));
    let first = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    // Both messages are in the mailbox before the client wakes up.
    fail(&wire);
    let mut second = Box::pin(client.send(Connect::new("http://localhost")));
    assert!(second.as_mut().now_or_never().is_none());
    settle().await;
    let first = first.await.unwrap().unwrap().unwrap_err();
    assert!(first.to_string().contains("gone"), "{first}");
    assert!(second.as_mut().now_or_never().is_none(), "the second has only begun");
    let wire = started.next().await;
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.into())]);
    assert_eq!(second.await.unwrap().unwrap().sid, "abc");
}

#[actix::test]
async fn the_longest_close_timeout_overflows_nothing() {
    let (client, wire, _) = connected(EngineIoClient::builder().close_timeout(Duration::MAX)).await;
    wire.texts(&["a"]);
    settle().await;
    let _disconnecting = actix_rt::spawn(client.send(Disconnect::new()));
    settle().await;
    assert!(client.connected());
}

#[actix::test]
async fn work_that_is_bound_to_a_session_ends_with_it() {
    struct Dropped(mpsc::UnboundedSender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.unbounded_send(());
        }
    }
    let (_started, client, wire, _events) = reconnecting(EngineIoClient::builder()).await;
    let (sender, mut ended) = mpsc::unbounded();
    let forever = |sender: mpsc::UnboundedSender<()>| {
        Spawn::new(move |_| async move {
            // Not `Send`: the future stays on the client's arbiter.
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
async fn a_closure_that_panics_does_not_affect_the_client() {
    let (_started, client, _wire, _events) = reconnecting(EngineIoClient::builder()).await;
    let spawn = Spawn::new(|_| -> std::future::Ready<()> { panic!("closure") });
    let err = client.send(spawn).await.unwrap().unwrap().await.unwrap_err();
    assert!(err.is_panic() && !err.is_cancelled());
    assert_eq!(err.to_string(), "the task panicked: closure");
    assert!(client.connected());
}
