//! Messages during an upgrade.

use std::{
    thread,
    time::{Duration, Instant},
};

use actix_engineio::{DisconnectReason, Event};

use crate::support::{Client, milestone, script::UPGRADABLE, server::Server, signal};

/// Long enough for something that must not come.
const A_WHILE: Duration = Duration::from_millis(200);

#[actix::test]
async fn the_session_moves_to_the_websocket() {
    let server = Server::start(|server| {
        let get = server.opens(UPGRADABLE);
        let mut ws = server.upgrades(get);
        ws.reads("4up");
        ws.send_text("4down");
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected(&server).await;
    client.upgraded().await;
    client.has_sockets(1).await;
    client.send("up").await;
    assert_eq!(client.text().await, "down");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_server_that_answers_every_poll_at_once_is_not_polled_at_once() {
    let (polls, how_often) = std::sync::mpsc::channel();
    let server = Server::start(move |server| {
        let mut get = server.answers_handshake(UPGRADABLE);
        let mut ws = server.accepts_probe();
        ws.reads("2probe");
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < 3 * A_WHILE {
            get.poll();
            get.packets("6");
            count += 1;
        }
        polls.send(count).unwrap();
        ws.write(b"\x81\x063probe");
        // There may be another poll, or none.
        let polling = thread::spawn(move || get.wait_closed());
        ws.reads("5");
        ws.send_text("4arrived");
        ws.send_text("1");
        ws.wait_closed();
        polling.join().unwrap();
    });
    let mut client = Client::connected(&server).await;
    client.upgraded().await;
    assert_eq!(client.text().await, "arrived");
    client.ended_cleanly().await;
    server.finish().await;
    let polls = how_often.recv().unwrap();
    assert!(polls < 10, "{polls} polls in {:?}", 3 * A_WHILE);
}

#[actix::test]
async fn the_upgrade_waits_for_the_poll_in_flight_and_its_packets_come_first() {
    let server = Server::start(|server| {
        let (mut get, mut ws) = server.pauses(UPGRADABLE);
        ws.stays_silent(A_WHILE);
        get.packets("4one\u{1e}4two\u{1e}6");
        ws.reads("5");
        ws.send_text("4three");
        get.expect_closed();
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected(&server).await;
    assert_eq!(client.text().await, "one");
    assert_eq!(client.text().await, "two");
    client.upgraded().await;
    assert_eq!(client.text().await, "three");
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn the_upgrade_waits_for_the_post_in_flight() {
    let (probing, is_probing) = milestone();
    let server = Server::start(|server| {
        let mut get = server.opens(UPGRADABLE);
        let mut ws = server.accepts_probe();
        probing.reached();
        let mut post = server.accept();
        post.posts("4one");
        ws.answers_probe();
        get.packets("6");
        ws.stays_silent(A_WHILE);
        get.stays_silent(Duration::from_millis(1));
        post.ok();
        ws.reads("5");
        ws.reads("4two");
        get.expect_closed();
        post.expect_closed();
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected(&server).await;
    is_probing.await;
    client.send("one").await;
    client.upgraded().await;
    client.send("two").await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn what_is_sent_during_the_pause_goes_over_the_websocket_behind_the_pong() {
    let (paused, is_paused) = milestone();
    let (sent, is_sent) = signal();
    let server = Server::start(|server| {
        let (mut get, mut ws) = server.pauses(UPGRADABLE);
        paused.reached();
        is_sent.wait();
        get.packets("2beat");
        ws.reads("5");
        ws.reads("3beat");
        ws.reads("4one");
        ws.reads("4two\u{1e}");
        get.expect_closed();
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected(&server).await;
    is_paused.await;
    client.send("one").await;
    sent.send();
    client.upgraded().await;
    // U+001E has no special meaning over WebSocket.
    client.send("two\u{1e}").await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn nothing_is_lost_doubled_or_reordered_by_an_upgrade() {
    const EACH_WAY: usize = 300;
    let (received, has_received) = std::sync::mpsc::channel();
    let server = Server::start(move |server| {
        let mut get = server.answers_handshake(UPGRADABLE);
        let mut ws = server.accepts_probe();
        let mut texts = (0..EACH_WAY).map(|at| format!("4{at}"));
        // POSTs may come at any time, so their connection has a thread of its own.
        let mut post = server.accept();
        let posts = thread::spawn(move || {
            let mut packets = Vec::new();
            loop {
                let Ok(request) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| post.post()))
                else {
                    return packets;
                };
                packets.extend(request.split('\u{1e}').map(ToOwned::to_owned));
                thread::sleep(Duration::from_millis(2));
                post.ok();
            }
        });
        for _ in 0..10 {
            get.poll();
            get.packets(texts.by_ref().take(7).collect::<Vec<_>>().join("\u{1e}"));
        }
        get.poll();
        ws.answers_probe();
        get.packets(texts.by_ref().take(100).collect::<Vec<_>>().join("\u{1e}"));
        ws.reads("5");
        texts.for_each(|text| ws.send_text(&text));
        get.expect_closed();
        let mut packets = posts.join().unwrap();
        while packets.len() < EACH_WAY {
            let (opcode, payload) = ws.read_frame();
            assert_eq!(opcode, 1);
            packets.push(String::from_utf8(payload).unwrap());
        }
        received.send(packets).unwrap();
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected(&server).await;
    let addr = client.addr.clone();
    let sending = actix_rt::spawn(async move {
        for at in 0..EACH_WAY {
            addr.send(actix_engineio::Send::text(at.to_string())).await.unwrap().unwrap();
            actix_rt::time::sleep(Duration::from_micros(300)).await;
        }
    });
    let mut upgrades = 0;
    for at in 0..EACH_WAY {
        let text = loop {
            match client.next().await {
                Event::Message(data) => break data,
                Event::Upgraded(_) => upgrades += 1,
                event => panic!("{event:?}"),
            }
        };
        assert_eq!(text.as_text(), Some(&*at.to_string()));
    }
    assert_eq!(upgrades, 1);
    sending.await.unwrap();
    client.ended_cleanly().await;
    server.finish().await;
    let expected: Vec<_> = (0..EACH_WAY).map(|at| format!("4{at}")).collect();
    assert_eq!(has_received.recv().unwrap(), expected);
}
