//! Loops that await each `Send`: how many writes their messages make, and when.

use super::*;

/// A fake transport that answers each write at once, and counts the packets of each.
fn answering(mut wire: TransportEnd) -> Arc<Mutex<Vec<usize>>> {
    let writes = Arc::<Mutex<Vec<usize>>>::default();
    let counted = writes.clone();
    actix_rt::spawn(async move {
        while let Some(command) = wire.commands.next().await {
            if let Command::Write(packets) = command {
                counted.lock().unwrap().push(packets.len());
                drop(packets);
                wire.written();
            }
        }
    });
    writes
}

/// A client whose transport answers each write at once. No time passes.
async fn answered() -> (Addr<EngineIoClient>, Arc<Mutex<Vec<usize>>>) {
    tokio::time::pause();
    let (client, wire, _) = connected(EngineIoClient::builder()).await;
    settle().await;
    (client, answering(wire))
}

async fn send_in_a_loop(client: &Addr<EngineIoClient>, messages: usize) {
    for at in 0..messages {
        client.send(Send::text(at.to_string())).await.unwrap().unwrap();
    }
}

/// Checks that a loop of a thousand messages has made few writes, and that all of them were written.
fn assert_few(writes: &Mutex<Vec<usize>>) {
    let writes = writes.lock().unwrap();
    assert_eq!(writes.iter().sum::<usize>(), 1000);
    assert!(writes.len() <= 6, "{writes:?}");
}

#[actix::test]
async fn a_loop_in_main_makes_few_writes() {
    let (client, writes) = answered().await;
    send_in_a_loop(&client, 1000).await;
    client.send(Flush).await.unwrap().unwrap();
    assert_few(&writes);
}

#[actix::test]
async fn a_loop_in_a_task_makes_few_writes() {
    let (client, writes) = answered().await;
    let sender = client.clone();
    actix_rt::spawn(async move { send_in_a_loop(&sender, 1000).await }).await.unwrap();
    client.send(Flush).await.unwrap().unwrap();
    assert_few(&writes);
}

#[actix::test]
async fn a_loop_of_groups_makes_few_writes() {
    let (client, writes) = answered().await;
    for _ in 0..100 {
        client.send(SendAll::new(["a"; 10])).await.unwrap().unwrap();
    }
    client.send(Flush).await.unwrap().unwrap();
    assert_few(&writes);
}

#[actix::test]
async fn the_rest_of_a_loop_is_written_as_soon_as_the_loop_waits_for_something_else() {
    let (client, writes) = answered().await;
    for _ in 0..3 {
        send_in_a_loop(&client, 5).await;
        settle().await;
    }
    assert_eq!(*writes.lock().unwrap(), [1, 4, 1, 4, 1, 4]);
}

#[actix::test]
async fn a_message_by_itself_is_written_in_its_wake_up() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    settle().await;
    wire.was_read().await;
    for at in 0..40 {
        client.send(Send::text("alone")).await.unwrap().unwrap();
        // `main` runs again after the client and the transport, and nothing else was needed.
        let write = wire.commands.next().now_or_never();
        assert!(matches!(write, Some(Some(Command::Write(_)))), "{at}: {write:?}");
        wire.written();
        // The sender waits for the answer of the server.
        wire.texts(&["answer"]);
        wire.was_read().await;
    }
}

/// Lets every other task that is ready run once, and not the runtime's deferred wake-ups.
async fn others() {
    let mut has_yielded = false;
    std::future::poll_fn(|task| {
        task.waker().wake_by_ref();
        if mem::replace(&mut has_yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Runs `test` with a client that has deferred the write of a loop's second message, in a task: between its turns nothing ends
/// the loop. No time passes.
async fn deferring(test: impl AsyncFnOnce(Addr<EngineIoClient>, TransportEnd) + 'static) {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    settle().await;
    wire.was_read().await;
    let in_task = async move {
        client.send(Send::text("first")).await.unwrap().unwrap();
        assert_eq!(wire.next_write().await.len(), 1);
        wire.written();
        client.send(Send::text("second")).await.unwrap().unwrap();
        others().await;
        assert!(wire.commands.next().now_or_never().is_none(), "the second message was written at once");
        test(client, wire).await;
    };
    actix_rt::spawn(in_task).await.unwrap();
}

/// The packets that the client has written after everything that it was sent.
async fn written(client: &Addr<EngineIoClient>, wire: &mut TransportEnd) -> Vec<String> {
    client.send(GetStatus).await.unwrap();
    others().await;
    while let Some(Some(command)) = wire.commands.next().now_or_never() {
        if let Command::Write(packets) = command {
            return packets.iter().map(|packet| format!("{packet:?}")).collect();
        }
    }
    Vec::new()
}

#[actix::test]
async fn a_loop_waits_although_other_messages_come() {
    tokio::time::pause();
    deferring(async |client, mut wire| assert_eq!(written(&client, &mut wire).await, [""; 0])).await;
}

#[actix::test]
async fn a_flush_a_disconnect_a_confirm_and_a_do_send_do_not_wait_for_the_end_of_a_loop() {
    type Interrupt = fn(&Addr<EngineIoClient>);
    let cases: [(Interrupt, usize); 4] = [
        (|client| client.do_send(Flush), 1),
        (|client| client.do_send(Disconnect::new()), 2),
        (|client| client.do_send(Confirm), 1),
        (|client| client.do_send(Send::text("third")), 2),
    ];
    tokio::time::pause();
    for (at, (interrupt, packets)) in cases.into_iter().enumerate() {
        deferring(async move |client, mut wire| {
            interrupt(&client);
            assert_eq!(written(&client, &mut wire).await.len(), packets, "case {at}");
        })
        .await;
    }
}

#[actix::test]
async fn the_answer_to_a_ping_does_not_wait_and_goes_before_the_messages_of_a_loop() {
    tokio::time::pause();
    deferring(async |client, mut wire| {
        wire.packets(vec![Packet::Ping("".into())]);
        let packets = written(&client, &mut wire).await;
        assert!(packets.len() == 2 && packets[0].contains("Pong"), "{packets:?}");
    })
    .await;
}

#[actix::test]
async fn much_data_does_not_wait_for_the_end_of_a_loop() {
    tokio::time::pause();
    deferring(async |client, mut wire| {
        client.send(Send::text("x".repeat(64 << 10))).await.unwrap().unwrap();
        assert_eq!(written(&client, &mut wire).await.len(), 2);
    })
    .await;
    deferring(async |client, mut wire| {
        let group = SendAll::new(std::iter::repeat_n("", 1023));
        client.send(group).await.unwrap().unwrap();
        assert_eq!(written(&client, &mut wire).await.len(), 1024);
    })
    .await;
}
