//! Messages to the server, and the replies to those who send them.

use super::*;

#[actix::test]
async fn what_is_sent_in_one_wake_up_goes_out_in_one_batch() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    settle().await;
    for at in 0..10 {
        client.do_send(Send::text(at.to_string()));
    }
    assert_eq!(wire.next_write().await.len(), 10);
}

#[actix::test]
async fn a_send_waits_for_room_and_a_do_send_keeps_its_turn() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    client.send(Send::text("a".repeat(200))).await.unwrap().unwrap();
    let mut waiting = Box::pin(client.send(Send::text("waiting")));
    assert!(timeout(Duration::from_millis(20), &mut waiting).await.is_err(), "no room");
    client.do_send(Send::text("behind"));
    assert_eq!(client.send(GetStatus).await.unwrap().queued_messages, 3);
    assert_eq!(wire.next_write().await.len(), 1);
    wire.written();
    waiting.await.unwrap().unwrap();
    let texts = [Packet::Message("waiting".into()), Packet::Message("behind".into())];
    assert_eq!(wire.next_write().await, texts);
}

#[actix::test]
async fn a_flush_waits_for_a_do_send_behind_a_send_that_waits_for_room() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    client.send(Send::text("a".repeat(200))).await.unwrap().unwrap();
    let waiting = actix_rt::spawn(client.send(Send::text("waiting")));
    settle().await;
    client.do_send(Send::text("behind"));
    let flush = actix_rt::spawn(client.send(Flush));
    assert_eq!(wire.next_write().await.len(), 1);
    wire.written();
    assert_eq!(wire.next_write().await.len(), 2);
    assert!(!flush.is_finished(), "one message is not written");
    wire.written();
    flush.await.unwrap().unwrap().unwrap();
    waiting.await.unwrap().unwrap().unwrap();
}

#[actix::test]
async fn a_send_whose_reply_is_dropped_while_it_waits_is_withdrawn() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    client.send(Send::text("a".repeat(200))).await.unwrap().unwrap();
    let mut waiting = Box::pin(client.send(Send::text("withdrawn")));
    assert!(timeout(Duration::from_millis(20), &mut waiting).await.is_err());
    drop(waiting);
    client.do_send(Send::text("sent"));
    wire.next_write().await;
    wire.written();
    assert_eq!(wire.next_write().await, [Packet::Message("sent".into())]);
}

#[actix::test]
async fn a_message_whose_reply_is_dropped_before_it_is_handled_is_not_sent() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    drop(client.send(Send::text("dropped")));
    drop(client.send(SendAll::new(["dropped", "too"])));
    let behind = client.send(Send::text("in the mailbox before it is polled"));
    client.do_send(Send::text("last"));
    behind.await.unwrap().unwrap();
    let texts = ["in the mailbox before it is polled", "last"].map(|text| Packet::Message(text.into()));
    assert_eq!(wire.next_write().await, texts);
}

#[actix::test]
async fn a_send_during_a_connect_waits_for_its_outcome() {
    let started = Started::default();
    let (recipient, mut events) = recorder();
    let client = started.client(EngineIoClient::builder().subscribe(recipient));

    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let mut wire = started.next().await;
    let send = actix_rt::spawn(client.send(Send::text("early")));
    client.do_send(Send::text("early too"));
    settle().await;
    assert!(!send.is_finished());
    wire.packets(vec![Packet::Open(OPEN.into())]);
    connect.await.unwrap().unwrap().unwrap();
    send.await.unwrap().unwrap().unwrap();
    assert!(matches!(wire.next().await, Command::Session(_)));
    assert_eq!(wire.next_write().await.len(), 2);
    client.do_send(Disconnect::abort());
    wire.end();

    client.send(Wait).await.unwrap();
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    let send = actix_rt::spawn(client.send(Send::text("lost")));
    client.do_send(Send::text("lost too"));
    settle().await;
    let err = TransportError::resolve("no such host");
    wire.report(ReportKind::Closed(TransportClosed {
        reason: CloseReason::Failed(err),
        outcome: BatchOutcome::sent(0),
    }));
    assert!(connect.await.unwrap().unwrap().is_err());
    let err = send.await.unwrap().unwrap().unwrap_err();
    assert_eq!((err.kind, err.data), (SendErrorKind::NotConnected, Data::from("lost")));
    assert_eq!(words(&mut events).await.last().unwrap(), "rejected not connected");
}

#[actix::test]
async fn a_flush_waits_for_what_came_before_it() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    client.send(Flush).await.unwrap().unwrap();
    client.do_send(Send::text("a"));
    let flush = actix_rt::spawn(client.send(Flush));
    wire.next_write().await;
    client.do_send(Send::text("b"));
    settle().await;
    assert!(!flush.is_finished());
    wire.written();
    flush.await.unwrap().unwrap().unwrap();

    let flush = actix_rt::spawn(client.send(Flush));
    wire.next_write().await;
    let cause = CloseReason::Failed(TransportError::eof("gone"));
    wire.report(ReportKind::Closed(TransportClosed { reason: cause, outcome: BatchOutcome::sent(0) }));
    assert_eq!(flush.await.unwrap().unwrap(), Err(FlushError::Disconnected));
}

#[actix::test]
async fn a_flush_counts_what_came_by_do_send_beyond_the_queue() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    settle().await;
    client.do_send(Send::text("x".repeat(200)));
    settle().await;
    assert_eq!(wire.next_write().await.len(), 1);
    // Without room, a message that comes by `do_send` waits for its turn, too.
    client.do_send(Send::text("b"));
    let mut flush = Box::pin(client.send(Flush));
    assert!(flush.as_mut().now_or_never().is_none());
    settle().await;
    wire.written();
    assert_eq!(wire.next_write().await.len(), 1);
    settle().await;
    assert!(flush.as_mut().now_or_never().is_none(), "b was not written");
}

#[actix::test]
async fn a_flush_whose_messages_were_written_succeeds_although_the_session_ends_at_once() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    settle().await;
    client.do_send(Send::text("x"));
    let mut flush = Box::pin(client.send(Flush));
    assert!(flush.as_mut().now_or_never().is_none());
    assert_eq!(wire.next_write().await.len(), 1);
    settle().await;
    wire.written();
    wire.end();
    settle().await;
    assert_eq!(flush.as_mut().now_or_never().unwrap().unwrap(), Ok(()));
}

#[actix::test]
async fn a_message_that_comes_before_the_connect_does_not_wait_for_its_session() {
    let started = Started::default();
    let client = started.client(EngineIoClient::builder().transports([TransportKind::WebSocket]));
    let mut early = Box::pin(client.send(Send::text("early")));
    assert!(early.as_mut().now_or_never().is_none());
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    assert_eq!(early.await.unwrap().unwrap_err().kind, SendErrorKind::NotConnected);
    assert!(!connect.is_finished());
}

#[actix::test]
async fn withdrawn_messages_do_not_pile_up_behind_one_that_waits() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    client.send(Send::text("a".repeat(200))).await.unwrap().unwrap();
    settle().await;
    assert_eq!(wire.next_write().await.len(), 1);
    let mut patient = Box::pin(client.send(Send::text("p")));
    assert!(patient.as_mut().now_or_never().is_none());
    for _ in 0..50 {
        let _ = timeout(Duration::from_millis(1), client.send(Send::text("w".repeat(1 << 20)))).await;
    }
    assert_eq!(client.send(GetStatus).await.unwrap().queued_bytes, 201);
}

#[actix::test]
async fn a_group_for_one_session_is_sent_in_that_session_only() {
    let (started, client, mut wire, mut events) =
        reconnecting(EngineIoClient::builder().reconnect(policy())).await;
    let first = client.send(GetStatus).await.unwrap().session.unwrap();
    let group = |session| SendAll::new(["a", "b"]).in_session(session);
    client.send(group(&first)).await.unwrap().unwrap();
    assert_eq!(wire.next_write().await.len(), 2);
    wire.written();
    fail(&wire);
    event(&mut events).await;
    reconnecting_in(&mut events, 1).await;
    let (mut wire, _) = started_after(&started).await;
    // A message for any session would wait here for the next one.
    let err = client.send(group(&first)).await.unwrap().unwrap_err();
    assert_eq!((err.kind, err.data.len()), (SendErrorKind::NotConnected, 2));
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.replace("abc", "def").into())]);
    let Event::Connected(second) = event(&mut events).await else { panic!("no session") };
    assert_eq!(client.send(group(&first)).await.unwrap().unwrap_err().kind, SendErrorKind::NotConnected);
    client.do_send(group(&first));
    client.send(group(&second)).await.unwrap().unwrap();
    assert_eq!(wire.next_write().await.len(), 2);
    assert!(matches!(event(&mut events).await, Event::RejectedAll(_)));
}
