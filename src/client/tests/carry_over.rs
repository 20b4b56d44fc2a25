//! Messages that are carried over from one session to the next.

use super::*;

#[actix::test]
async fn unsent_messages_go_out_first_on_the_next_session() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true);
    let (started, client, mut wire, mut events) = reconnecting(builder).await;
    for text in ["sent", "half", "queued"] {
        client.do_send(Send::text(text));
    }
    assert_eq!(wire.next_write().await.len(), 3);
    client.do_send(Send::text("behind"));
    settle().await;
    let cause = CloseReason::Failed(TransportError::eof("gone"));
    wire.report(ReportKind::Closed(TransportClosed { reason: cause, outcome: BatchOutcome::sent(1) }));
    let Event::Disconnected(end) = event(&mut events).await else { panic!("no end") };
    assert!(end.unsent.is_empty(), "they are carried over");
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
async fn carried_over_messages_are_limited_and_come_back_when_the_client_gives_up() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true).send_queue(1000);
    let (_started, client, wire, mut events) = reconnecting(builder).await;
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
async fn carried_over_messages_survive_a_session_that_ends_at_once() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true);
    let (started, client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    client.send(Send::text("carried over")).await.unwrap().unwrap();
    reconnecting_in(&mut events, 1).await;
    let (wire, _) = started_after(&started).await;
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.into()), Packet::Close]);
    settle().await;
    wire.end();
    settle().await;
    let (mut wire, _) = started_after(&started).await;
    open(&wire).await;
    assert_eq!(wire.next_write().await, [Packet::Message("carried over".into())]);
}

#[actix::test]
async fn carried_over_messages_go_out_before_a_disconnect_in_the_wake_up_of_the_opening() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true);
    let (started, client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    client.send(Send::text("carried over")).await.unwrap().unwrap();
    reconnecting_in(&mut events, 1).await;
    let (mut wire, _) = started_after(&started).await;
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.into())]);
    client.do_send(Send::text("later"));
    client.do_send(Disconnect::new());
    settle().await;
    let all = [Packet::Message("carried over".into()), Packet::Message("later".into()), Packet::Close];
    assert_eq!(wire.next_write().await, all);
}

#[actix::test]
async fn a_carried_over_message_that_is_too_large_for_the_next_session_comes_back() {
    let builder = EngineIoClient::builder().reconnect(policy()).keep_unsent(true);
    let (started, client, wire, mut events) = reconnecting(builder).await;
    fail(&wire);
    event(&mut events).await;
    let large = Data::from("x".repeat(1000));
    for data in [large.clone(), "small".into()] {
        client.send(Send::new(data)).await.unwrap().unwrap();
    }
    reconnecting_in(&mut events, 1).await;
    let (mut wire, _) = started_after(&started).await;
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.replace("1000000", "1000").into())]);
    assert_eq!(wire.next_write().await, [Packet::Message("small".into())]);
    let Event::Connected(_) = event(&mut events).await else { panic!("no session") };
    let Event::Rejected(err) = event(&mut events).await else { panic!("it was not rejected") };
    assert_eq!(*err, SendError::new(SendErrorKind::too_large(1001, 1000), large));
}
