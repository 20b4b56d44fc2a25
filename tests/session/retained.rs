//! Messages that are retained until the other end of the WebSocket has confirmed them.

use std::{
    collections::HashSet,
    env,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_engineio::{
    self as engineio, Data, Disconnect, DisconnectReason, Disconnected, Event, GetStatus, SendAll,
    TransportKind,
};

use crate::support::{
    Client, Clock, SHORT, TICK, milestone, moment,
    script::OPEN,
    server::{Peer, Server},
    signal, soon,
};

fn texts(messages: &[Data]) -> Vec<&str> {
    messages.iter().filter_map(Data::as_text).collect()
}

/// What a session gives back: the unsent messages, and those in doubt.
fn returned(end: &Disconnected) -> (Vec<&str>, Vec<&str>) {
    (texts(&end.unsent), texts(&end.in_doubt))
}

async fn retaining(server: &Server, bytes: usize) -> Client {
    let mut client = Client::with(server, |builder| builder.confirm_sends(bytes));
    client.connect_over(TransportKind::WebSocket).await;
    client
}

#[actix::test]
async fn what_was_written_and_not_confirmed_is_in_doubt() {
    let (confirmed, is_confirmed) = milestone();
    let (sent, is_sent) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4a");
        ws.reads("4b");
        let ping = ws.reads_ping();
        ws.sends_pong(&ping);
        ws.send_text("4go on");
        confirmed.reached();
        is_sent.wait();
        ws.reads("4c");
        ws.reads("4d");
        ws.reset();
    });
    let mut client = retaining(&server, 1).await;
    client.addr.do_send(engineio::Send::text("a"));
    client.addr.do_send(engineio::Send::text("b"));
    is_confirmed.await;
    assert_eq!(client.text().await, "go on");
    client.addr.do_send(engineio::Send::text("c"));
    client.addr.do_send(engineio::Send::text("d"));
    sent.send();
    let end = client.ended().await;
    assert_eq!(returned(&end), (vec![], vec!["c", "d"]));
    server.finish().await;
}

#[actix::test]
async fn a_group_of_which_a_part_is_confirmed_is_in_doubt_as_a_whole() {
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        // Enough for several writes.
        while ws.read_frame().0 != 9 {}
        ws.reset();
    });
    let mut client = retaining(&server, 1).await;
    let messages = (0..3000).map(|number| Data::from(format!("{number:0300}"))).collect::<Vec<_>>();
    client.addr.do_send(SendAll::new(messages.clone()));
    let end = client.ended().await;
    assert!(end.unsent.is_empty() && end.in_doubt == messages);
    server.finish().await;
}

#[actix::test]
async fn senders_wait_while_too_much_is_not_confirmed() {
    let (full, is_full) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("40");
        let ping = ws.reads_ping();
        is_full.wait();
        for number in 1..4 {
            ws.reads(&format!("4{number}"));
        }
        ws.sends_pong(&ping);
        ws.reads("44");
        let ping = ws.reads_ping();
        ws.sends_pong(&ping);
        ws.ends_websocket();
    });
    // Room for three messages of 65 bytes, and one more.
    let mut client = Client::with(&server, |builder| builder.confirm_sends(1).send_queue(200));
    client.connect_over(TransportKind::WebSocket).await;
    for number in 0..4 {
        client.send(number.to_string()).await;
        moment().await;
    }
    let waiting = actix_rt::spawn(client.addr.send(engineio::Send::text("4")));
    moment().await;
    let status = client.addr.send(GetStatus).await.unwrap();
    assert_eq!(status.queued_messages, 1, "the others are written");
    assert!(!waiting.is_finished());
    full.send();
    soon("room", waiting).await.unwrap().unwrap().unwrap();
    let end = client.ended().await;
    assert_eq!((end.reason.clone(), returned(&end)), (DisconnectReason::Server, (vec![], vec![])));
    server.finish().await;
}

#[actix::test]
async fn a_ping_asks_by_itself_after_a_second() {
    let clock = Clock::stop();
    let (read, is_read) = milestone();
    let (pinged, is_pinged) = milestone();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4a");
        read.reached();
        let ping = ws.reads_ping();
        pinged.reached();
        ws.sends_pong(&ping);
        ws.ends_websocket();
    });
    let mut client = retaining(&server, 1 << 20).await;
    client.send("a").await;
    is_read.await;
    clock.advance(Duration::from_secs(1) + TICK).await;
    is_pinged.await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_graceful_disconnect_waits_for_the_confirmation() {
    for answers in [true, false] {
        let server = Server::start(move |server| {
            let mut ws = server.opens_websocket(OPEN);
            ws.reads("4a");
            let ping = ws.reads_ping();
            if answers {
                ws.stays_silent(Duration::from_millis(20));
                ws.sends_pong(&ping);
            }
            ws.reads("1");
            ws.wait_closed();
        });
        let mut client =
            Client::with(&server, |builder| builder.confirm_sends(1 << 20).close_timeout(2 * SHORT));
        client.connect_over(TransportKind::WebSocket).await;
        client.addr.do_send(engineio::Send::text("a"));
        client.addr.do_send(Disconnect::new());
        let end = client.ended().await;
        assert_eq!(end.reason, DisconnectReason::Client(None));
        assert_eq!(returned(&end), (vec![], if answers { vec![] } else { vec!["a"] }));
        server.finish().await;
    }
}

/// Reads messages and answers pings until so many bytes of messages were read. Then the connection is lost.
fn reads_until(mut ws: Peer, bytes: usize, received: &Mutex<Vec<u64>>) {
    let mut read = 0;
    while read < bytes {
        let (opcode, payload) = ws.read_frame();
        match opcode {
            9 => ws.sends_pong(&payload),
            1 => {
                read += payload.len();
                let number = std::str::from_utf8(&payload[1..9]).unwrap().parse().unwrap();
                received.lock().unwrap().push(number);
            }
            other => panic!("a frame of type {other}"),
        }
    }
    ws.reset();
}

/// A number between 0 and `limit`, which looks random.
fn scattered(seed: u64, limit: usize) -> usize {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 33).unwrap() % limit
}

/// The environment variable `CUTS` sets the number of sessions, and `CUT_MESSAGES` that of the messages in each.
#[actix::test]
async fn after_a_cut_at_any_place_no_message_is_missing_without_being_named() {
    let setting = |name, default| env::var(name).map_or(default, |value| value.parse().unwrap());
    let (cuts, messages) = (setting("CUTS", 4), setting("CUT_MESSAGES", 2_000));
    for cut in 0..cuts {
        let received = Arc::new(Mutex::new(Vec::new()));
        let size = 9 + scattered(cut, 300);
        let until = scattered(cut, usize::try_from(messages).unwrap() * size);
        let server = Server::start({
            let received = received.clone();
            move |server| reads_until(server.opens_websocket(OPEN), until, &received)
        });
        let send_queue = 32 << 10;
        let mut client =
            Client::with(&server, |builder| builder.confirm_sends(8 << 10).send_queue(send_queue));
        client.connect_over(TransportKind::WebSocket).await;
        let mut refused = Vec::new();
        for number in 0..messages {
            let text = format!("{number:08}{}", "x".repeat(size - 9));
            let sent = client.addr.send(engineio::Send::text(text));
            match soon("a send", sent).await.unwrap() {
                Ok(()) => {}
                Err(err) => refused.push(err.data),
            }
        }
        let event = loop {
            match client.next().await {
                event @ Event::Disconnected(_) => break event,
                Event::Rejected(_) => {}
                event => panic!("{event:?}"),
            }
        };
        let end = client.ended_with(event).await;
        let retained: usize = end.in_doubt.iter().map(|data| data.len() + 64).sum();
        assert!(retained <= send_queue + size + 64, "{retained} bytes");
        let number = |data: &Data| -> u64 { data.as_text().unwrap()[..8].parse().unwrap() };
        let named =
            end.unsent.iter().chain(&end.in_doubt).chain(&refused).map(number).collect::<HashSet<_>>();
        let received = received.lock().unwrap().iter().copied().collect::<HashSet<_>>();
        for number in 0..messages {
            assert!(received.contains(&number) || named.contains(&number), "cut {cut}: {number} is missing");
        }
        assert!(end.unsent.iter().all(|data| !received.contains(&number(data))), "they were not sent");
        server.finish().await;
    }
}
