//! The end of a client: on request, because nobody uses it, or because its arbiter stops.

use super::*;
use crate::client::signals::{Signal, Signalled};

/// Asks a client whether it checks for listeners every few seconds.
#[derive(actix::Message)]
#[rtype(result = "bool")]
struct ChecksForListeners;

impl Handler<ChecksForListeners> for EngineIoClient {
    type Result = bool;

    fn handle(&mut self, _: ChecksForListeners, ctx: &mut Self::Context) -> bool {
        self.next_listener_check(ctx).is_some()
    }
}

/// Drops the last address of a client, which is then asked.
async fn checks_for_listeners(client: Addr<EngineIoClient>, mut wire: TransportEnd) -> bool {
    // The recipient of the fake transport would count as an address of the client.
    let (none, _) = recorder_of_reports();
    wire.reports = none;
    let reply = client.send(ChecksForListeners);
    drop(client);
    reply.await.unwrap()
}

#[actix::test]
async fn only_a_client_that_would_not_notice_the_end_of_its_last_listener_checks_for_it() {
    let (recipient, _events) = recorder();
    let (client, wire, _) = connected(EngineIoClient::builder().subscribe(recipient)).await;
    assert!(!client.send(ChecksForListeners).await.unwrap(), "it has an address");
    assert!(checks_for_listeners(client, wire).await);

    let (client, wire, _) = connected(EngineIoClient::builder()).await;
    let stream = EventStream::subscribe(&client).await.unwrap();
    assert!(!checks_for_listeners(client, wire).await, "the stream wakes it");
    drop(stream);
}

#[actix::test]
async fn a_client_that_nobody_can_reach_or_listens_to_disconnects_and_stops() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    let weak = client.downgrade();
    let id = wire.id;
    let reports = wire.reports.downgrade();
    drop(client);
    // The recipient of the fake transport would count as an address of the client.
    let (none, _) = recorder_of_reports();
    wire.reports = none;
    assert_eq!(wire.next_write().await, [Packet::Close]);
    let up = reports.upgrade().unwrap();
    up.do_send(Report { from: id, kind: ReportKind::Written { any_number: false } });
    up.do_send(Report {
        from: id,
        kind: ReportKind::Closed(TransportClosed {
            reason: CloseReason::Ordered,
            outcome: BatchOutcome::sent(0),
        }),
    });
    drop(up);
    settle().await;
    assert!(weak.upgrade().is_none_or(|client| !client.connected()));
}

#[actix::test]
async fn a_wait_that_was_dropped_does_not_keep_the_client_alive() {
    tokio::time::pause();
    for is_dropped in [false, true] {
        let (client, wire, _) = connected(EngineIoClient::builder()).await;
        let mut wire = Weak::of(wire);
        settle().await;
        if is_dropped {
            assert!(timeout(Duration::from_millis(20), client.send(Wait)).await.is_err());
        }
        drop(client);
        let mut closed = false;
        for _ in 0..5 {
            sleep(Duration::from_secs(20)).await;
            closed = wire.1.upgrade().is_none();
            if closed {
                break;
            }
            wire.report(ReportKind::Packets { packets: vec![Packet::Ping("".into())], complete: true });
            closed = wire.writes().await.contains(&Packet::Close);
            if closed {
                break;
            }
            wire.report(ReportKind::Written { any_number: false });
            settle().await;
        }
        assert!(closed, "it is still alive; the wait was dropped: {is_dropped}");
    }
}

#[actix::test]
async fn an_awaited_message_is_sent_although_the_last_address_was_dropped() {
    let (client, wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    let mut wire = Weak::of(wire);
    client.send(Send::text("a".repeat(200))).await.unwrap().unwrap();
    settle().await;
    assert_eq!(wire.writes().await.len(), 1);
    let mut second = Box::pin(client.send(Send::text("b")));
    assert!(second.as_mut().now_or_never().is_none());
    drop(client);
    settle().await;
    wire.report(ReportKind::Written { any_number: false });
    settle().await;
    assert_eq!(second.as_mut().now_or_never().unwrap().unwrap(), Ok(()));
}

#[test]
fn an_arbiter_that_stops_shows_the_unsent_messages() {
    let system = actix::System::new();
    system.block_on(async {
        for ending in [false, true] {
            let (recipient, mut events) = recorder();
            let arbiter = actix::Arbiter::new();
            let (tx, rx) = oneshot::channel();
            arbiter.spawn(async move {
                let (client, mut wire, _) = connected(EngineIoClient::builder().subscribe(recipient)).await;
                client.do_send(Send::text("a"));
                client.do_send(Send::text("b"));
                settle().await;
                assert_eq!(wire.next_write().await.len(), 2);
                client.do_send(Send::text("c"));
                if ending {
                    client.do_send(Disconnect::new());
                    settle().await;
                    wire.written();
                    settle().await;
                    wire.next_write().await;
                    wire.written();
                    settle().await;
                }
                let _ = tx.send(());
                std::mem::forget(wire);
                std::mem::forget(client);
            });
            rx.await.unwrap();
            arbiter.stop();
            let end = loop {
                let event = timeout(Duration::from_secs(10), events.next()).await.expect("an end").unwrap();
                if let Event::Disconnected(end) = event {
                    break end;
                }
            };
            let (unsent, in_doubt): (&[Data], &[Data]) =
                if ending { (&[], &[]) } else { (&["c".into()], &["a".into(), "b".into()]) };
            assert_eq!((&*end.unsent, &*end.in_doubt), (unsent, in_doubt));
        }
    });
}

#[test]
fn an_arbiter_that_stops_during_a_connect_gives_messages_back() {
    let system = actix::System::new();
    system.block_on(async {
        let (recipient, mut events) = recorder();
        let arbiter = actix::Arbiter::new();
        let (tx, rx) = oneshot::channel();
        arbiter.spawn(async move {
            let transports = Started::default();
            let client = transports.client(EngineIoClient::builder().subscribe(recipient));
            client.do_send(Connect::new("http://localhost"));
            client.do_send(Send::text("a"));
            settle().await;
            let _ = tx.send(());
            std::mem::forget((transports, client));
        });
        rx.await.unwrap();
        arbiter.stop();
        let event = timeout(Duration::from_secs(5), events.next()).await.unwrap().unwrap();
        assert!(matches!(&event, Event::Rejected(err) if err.data == "a".into()), "{event:?}");
    });
}

#[test]
fn a_full_stream_gets_the_end_when_the_arbiter_stops() {
    let system = actix::System::new();
    system.block_on(async {
        let arbiter = actix::Arbiter::new();
        let (tx, rx) = oneshot::channel();
        arbiter.spawn(async move {
            let (client, wire, _) = connected(EngineIoClient::builder()).await;
            let stream = EventStream::subscribe(&client).await.unwrap();
            settle().await;
            for _ in 0..4 {
                wire.packets(vec![Packet::Message("a".into()); 64]);
                settle().await;
            }
            let _ = tx.send(stream);
            std::mem::forget(wire);
            std::mem::forget(client);
        });
        let stream = rx.await.unwrap();
        arbiter.stop();
        let all: Vec<Event> = stream.collect().await;
        assert!(matches!(all.last(), Some(Event::Disconnected(_))), "{:?}", all.last());
    });
}

#[actix::test]
async fn a_disconnect_in_the_wake_up_of_the_end_is_not_lost() {
    let (started, client, wire, _events) = reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    fail(&wire);
    client.send(Disconnect::new()).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert!(started.is_empty(), "no attempt after a Disconnect");
    assert_eq!(client.send(GetStatus).await.unwrap().state, State::Disconnected);
}

#[actix::test]
async fn a_disconnect_while_a_lost_session_closes_ends_reconnecting() {
    for abort in [false, true] {
        let (started, client, wire, _events) =
            reconnecting(EngineIoClient::builder().reconnect(policy())).await;
        // An error of the server: the client aborts the transport, which does not close at once.
        wire.packets(vec![Packet::Open(OPEN.into())]);
        settle().await;
        assert_eq!(client.send(GetStatus).await.unwrap().state, State::Disconnecting);
        let gone = actix_rt::spawn(client.send(if abort { Disconnect::abort() } else { Disconnect::new() }));
        settle().await;
        wire.end();
        sleep(Duration::from_secs(60)).await;
        assert!(started.is_empty(), "no attempt after a Disconnect");
        assert!(gone.is_finished());
        tokio::time::resume();
    }
}

#[actix::test]
async fn what_an_idle_client_rejects_is_sent_before_the_reply_to_disconnect_and_wait() {
    for waits in [false, true] {
        let (recipient, permit, mut events) = slow();
        let client = EngineIoClient::builder().subscribe(recipient.clone()).start();
        for _ in 0..100 {
            client.do_send(Send::text("a"));
        }
        if waits {
            client.send(Wait).await.unwrap();
        } else {
            client.send(Disconnect::new()).await.unwrap();
        }
        recipient.do_send(Event::Upgraded(TransportKind::WebSocket));
        for _ in 0..=100 {
            permit.unbounded_send(()).unwrap();
        }
        let words = words(&mut events).await;
        assert_eq!(
            (words.len(), words.iter().position(|w| w.starts_with("Upg"))),
            (101, Some(100)),
            "Wait: {waits}"
        );
    }
}

#[actix::test]
async fn an_interrupt_in_the_wake_up_of_the_end_ends_reconnecting() {
    let (started, client, wire, _events) = reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    fail(&wire);
    client.do_send(Signalled(Signal::Interrupt));
    sleep(Duration::from_secs(60)).await;
    assert!(started.is_empty(), "no attempt after an interrupt");
}

#[actix::test]
async fn an_interrupt_sends_what_came_before_it() {
    let (_started, client, mut wire, _events) = reconnecting(EngineIoClient::builder().send_queue(10)).await;
    client.do_send(Send::text("a"));
    client.do_send(Send::text("b"));
    client.do_send(Signalled(Signal::Interrupt));
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

#[actix::test]
async fn a_client_that_nobody_awaits_stops_trying() {
    tokio::time::pause();
    let started = Started::default();
    let policy = policy().on_initial_connect(true);
    let client = started.client(EngineIoClient::builder().reconnect(policy));
    client.do_send(Connect::new("http://localhost"));
    let weak = client.downgrade();
    drop(client);
    let mut wire = started.next().await;
    let reports = wire.reports.downgrade();
    fail(&wire);
    // The recipient of the fake transport would count as an address of the client.
    wire.reports = recorder_of_reports().0;
    settle().await;
    assert!(weak.upgrade().is_none() && reports.upgrade().is_none(), "it has stopped");
    assert!(started.is_empty(), "no other attempt");
}

#[actix::test]
async fn a_client_that_loses_its_last_address_between_two_attempts_stops_at_once() {
    tokio::time::pause();
    let (client, wire, _) = connected(EngineIoClient::builder().reconnect(policy())).await;
    fail(&wire);
    settle().await;
    let weak = client.downgrade();
    drop(wire);
    assert_eq!(client.send(GetStatus).await.unwrap().state, State::Reconnecting);
    drop(client);
    settle().await;
    assert!(weak.upgrade().is_none());
}

#[test]
fn an_arbiter_that_stops_while_the_hook_runs_answers_the_connect() {
    let system = actix::System::new();
    system.block_on(async {
        let arbiter = actix::Arbiter::new();
        let builder = EngineIoClient::builder().before_connect(async |connect, _| {
            std::future::pending::<()>().await;
            Ok::<_, String>(connect)
        });
        let client = builder.start_in_arbiter(&arbiter.handle());
        let mut connect = Box::pin(client.send(Connect::new("http://localhost")));
        assert!(connect.as_mut().now_or_never().is_none());
        // Messages are handled in order, so after this one the client has handled the other.
        client.send(GetStatus).await.unwrap();
        arbiter.stop();
        assert_eq!(connect.await.unwrap().unwrap_err(), ConnectError::Stopped);
    });
}

#[actix::test]
async fn an_arbiter_that_stops_ends_an_open_session_and_answers_wait() {
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
    let mut waiting = Box::pin(client.send(Wait));
    assert!(waiting.as_mut().now_or_never().is_none());
    // Messages are handled in order, so after this one the client has handled the other.
    client.send(GetStatus).await.unwrap();
    arbiter.stop();
    let reason = waiting.await.unwrap().unwrap();
    assert_eq!(reason.to_string(), "client disconnect: the client stopped");
}
