//! The events of a client, read from elsewhere.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::*;

/// Many times as much as fits into a stream.
const BATCHES: usize = 50;

#[actix::test]
async fn a_stream_is_read_in_order_on_another_thread_without_a_runtime() {
    // Every event that does not fit into the stream waits for the reader, and the reader waits for every batch.
    let (client, mut wire, _) = connected(EngineIoClient::builder().receive_buffer(0)).await;
    let events = EventStream::subscribe(&client).await.unwrap();
    let (done, read) = oneshot::channel();
    let reader = thread::spawn(move || {
        let words = block_on(events.map(|event| word(&event)).collect::<Vec<_>>());
        let _ = done.send(words);
    });
    let feed = async {
        for batch in 0..BATCHES {
            let texts: Vec<_> = (0..100).map(|at| (batch * 100 + at).to_string()).collect();
            wire.texts(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            while !matches!(wire.next().await, Command::Read(_)) {}
        }
    };
    timeout(Duration::from_secs(20), feed).await.expect("the reader wakes the client");
    client.do_send(Disconnect::abort());
    settle().await;
    wire.end();
    drop((client, wire));
    let words = timeout(Duration::from_secs(20), read).await.expect("the client wakes the reader").unwrap();
    reader.join().unwrap();
    let messages = (0..BATCHES * 100).map(|at| at.to_string());
    let expected = ["connected abc".to_owned()].into_iter().chain(messages);
    let expected: Vec<_> = expected.chain(["disconnected client disconnect".to_owned()]).collect();
    assert_eq!(words, expected);
}

/// Runs a future to its end on this thread, which sleeps until it is woken.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut task = Task::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut task) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[actix::test]
async fn a_full_stream_that_is_dropped_does_not_stop_reading() {
    let (recipient, mut others) = recorder();
    let builder = EngineIoClient::builder().receive_buffer(0).subscribe(recipient);
    let (client, mut wire, _) = connected(builder).await;
    let mut events = EventStream::subscribe(&client).await.unwrap();
    assert!(wire.was_read().await, "at first there is room");
    wire.texts(&["a"; 64]);
    assert!(!wire.was_read().await, "the stream is full");
    assert_eq!(word(&events.next().await.unwrap()), "connected abc");
    assert!(!wire.was_read().await, "it has taken a handful out; that counts until it comes for more");
    drop(events);
    assert!(wire.was_read().await, "the client has been woken, and the stream does not count any more");
    wire.texts(&["last"]);
    assert_eq!(words(&mut others).await.len(), 66);
    drop(client);
}

#[actix::test]
async fn a_stream_of_large_messages_is_full_with_fewer() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().receive_buffer(0)).await;
    let mut events = EventStream::subscribe(&client).await.unwrap();
    assert!(wire.was_read().await);
    let large = "x".repeat(40 << 10);
    wire.texts(&[&large, &large, "last"]);
    assert!(!wire.was_read().await, "the last one waits for room");
    for _ in ["connected", "large", "large"] {
        events.next().await.unwrap();
        assert!(!wire.was_read().await);
    }
    assert_eq!(word(&events.next().await.unwrap()), "last");
    assert!(wire.was_read().await);
    // Of what was read, nothing counts any more.
    wire.texts(&[&large, &large]);
    assert!(wire.was_read().await);
    drop(client);
}

#[actix::test]
async fn a_client_disconnects_when_its_last_listener_was_a_stream_that_is_dropped() {
    let (client, wire, _) = connected(EngineIoClient::builder().receive_buffer(0)).await;
    let events = EventStream::subscribe(&client).await.unwrap();
    let mut wire = Weak::of(wire);
    drop(client);
    wire.report(ReportKind::Packets { packets: vec![Packet::Message("a".into()); 64], complete: true });
    settle().await;
    assert!(wire.1.upgrade().is_some_and(|client| client.connected()), "its stream keeps it alive");
    drop(events);
    assert_eq!(wire.writes().await, [Packet::Close]);
}

/// A transport that reads whenever it may, and always has another message of 64 KiB. Counts those that it has reported.
fn flooding(mut wire: TransportEnd) -> Arc<AtomicUsize> {
    let reported = Arc::<AtomicUsize>::default();
    let counted = reported.clone();
    actix_rt::spawn(async move {
        let message = Data::from(vec![0; 64 << 10]);
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            wire.packets(vec![Packet::Message(message.clone())]);
            while !matches!(wire.next().await, Command::Read(_)) {}
        }
    });
    reported
}

#[actix::test]
async fn large_messages_wait_for_a_reader_in_main_and_do_not_fill_the_receive_buffer() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    let mut events = EventStream::subscribe(&client).await.unwrap();
    wire.was_read().await;
    let reported = flooding(wire);
    let mut most = 0;
    for read in 0..200 {
        while !matches!(events.next().await, Some(Event::Message(_))) {}
        most = most.max(reported.load(Ordering::Relaxed) - read);
    }
    // One that is read, and one that was on its way.
    assert!(most <= 2, "{most} were there at once");
}

#[actix::test]
async fn a_reader_that_does_not_read_does_not_stop_reading_before_the_receive_buffer_is_full() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    let _events = EventStream::subscribe(&client).await.unwrap();
    wire.was_read().await;
    let reported = flooding(wire);
    for _ in 0..10 {
        settle().await;
    }
    // 1 MiB, what fits into the stream, and the one that exceeds the buffer.
    assert_eq!(reported.load(Ordering::Relaxed), 17);
}

#[actix::test]
async fn what_a_stream_has_read_before_it_was_full_is_no_progress_afterwards() {
    tokio::time::pause();
    let limit = Duration::from_secs(10);
    let builder = EngineIoClient::builder().stall_timeout(limit).receive_buffer(0);
    let (client, mut wire, _) = connected(builder).await;
    let mut events = EventStream::subscribe(&client).await.unwrap();
    assert_eq!(word(&events.next().await.unwrap()), "connected abc");
    wire.texts(&["a"; 200]);
    let start = Instant::now();
    while !matches!(wire.next().await, Command::Abort) {}
    assert_eq!(start.elapsed().as_secs(), limit.as_secs());
}

#[actix::test]
async fn a_stream_with_a_filter_gets_the_events_of_these_kinds() {
    let (client, wire, _) = connected(EngineIoClient::builder()).await;
    let events = EventStream::subscribe_only(&client, [EventKind::Disconnected]).await.unwrap();
    wire.texts(&["message"]);
    client.do_send(Disconnect::abort());
    settle().await;
    wire.end();
    drop((client, wire));
    let words: Vec<_> = events.map(|event| word(&event)).collect().await;
    assert_eq!(words, ["disconnected client disconnect"]);
}
