//! Messages that are sent as one.

use std::{sync::Arc, time::Duration};

use actix_engineio::{
    self as engineio, Data, DisconnectReason, Disconnected, Event, Flush, GetStatus, Reconnect, SendAll,
    SendAllError, SendErrorKind, TransportKind,
};

use crate::{
    posting,
    support::{
        Client, LARGE, connect_with_small_buffers, listen_with_small_buffers, milestone,
        script::{OPEN, UPGRADABLE},
        server::Server,
        signal, soon,
    },
};

fn group(texts: &[&str]) -> Vec<Data> {
    texts.iter().map(|text| Data::from(*text)).collect()
}

/// What a session gives back: the unsent messages, and those in doubt.
fn returned(end: &Disconnected) -> (&[Data], &[Data]) {
    (&end.unsent, &end.in_doubt)
}

/// The text of a group of numbered messages as a POST carries it.
fn packets(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("4{number}")).collect::<Vec<_>>().join("\u{1e}")
}

#[actix::test]
async fn the_messages_of_a_group_are_neighbours_over_websocket() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4before");
        ws.reads("4a");
        assert_eq!(ws.read_frame(), (2, vec![1, 2]));
        ws.reads("4");
        ws.reads("4behind");
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    client.addr.do_send(engineio::Send::text("before"));
    client.addr.do_send(SendAll::new([Data::from("a"), vec![1, 2].into(), "".into()]));
    client.addr.do_send(engineio::Send::text("behind"));
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_group_larger_than_a_post_is_split_and_heartbeats_may_go_in_between() {
    let server = Server::start(|server| {
        let (mut get, mut post) = server.opens_both(OPEN);
        post.posts(&packets(0..16));
        get.packets("2");
        get.poll();
        post.respond(200, &[], "");
        let rest = post.post();
        assert!(rest.strip_prefix("3\u{1e}").unwrap_or(&rest).starts_with(&packets(16..20)), "{rest:?}");
        post.ok();
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    let sent = client.addr.send(SendAll::new((0..20).map(|number| number.to_string())));
    assert_eq!(soon("a group", sent).await.unwrap(), Ok(()));
    client.addr.send(Flush).await.unwrap().unwrap();
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn one_message_that_cannot_be_sent_refuses_its_group_and_the_session_goes_on() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN.max_payload(10));
        ws.reads("4sent");
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::start(&server);
    let texts = ["a", "0123456789", "b"];
    // Without a session, and then with one.
    for kind in [SendErrorKind::NotConnected, SendErrorKind::too_large(11, 10)] {
        let err = SendAllError::new(kind.clone(), texts);
        assert_eq!(client.addr.send(SendAll::new(texts)).await.unwrap(), Err(err.clone()));
        assert_eq!(err.to_string(), kind.to_string());
        client.addr.do_send(SendAll::new(texts));
        let Event::RejectedAll(shown) = client.next().await else { panic!("it was not rejected") };
        assert_eq!(*shown, err);
        let nothing = SendAll::new([""; 0]);
        assert_eq!(client.addr.send(nothing).await.unwrap(), Ok(()));
        if kind == SendErrorKind::NotConnected {
            client.connect_over(TransportKind::WebSocket).await;
        }
    }
    client.send("sent").await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_group_waits_for_room_is_withdrawn_as_a_whole_and_returned_as_a_whole() {
    let (waiting, is_waiting) = signal();
    let (mut client, server) = posting(
        |builder| builder.send_queue(1),
        |get, mut post| {
            is_waiting.wait();
            post.ok();
            post.posts("4d\u{1e}4e");
            get.ends_session();
            post.expect_closed();
        },
    )
    .await;
    let withdrawn = actix_rt::spawn(client.addr.send(SendAll::new(["b", "c"])));
    actix_rt::task::yield_now().await;
    let accepted = actix_rt::spawn(client.addr.send(SendAll::new(["d", "e"])));
    actix_rt::task::yield_now().await;
    let refused = actix_rt::spawn(client.addr.send(SendAll::new(["f", "g"])));
    actix_rt::task::yield_now().await;
    client.addr.do_send(SendAll::new(["h", "i"]));
    let status = client.addr.send(GetStatus).await.unwrap();
    assert_eq!((status.queued_messages, status.queued_bytes), (9, 9));
    withdrawn.abort();
    assert!(withdrawn.await.unwrap_err().is_cancelled());
    waiting.send();
    soon("room", accepted).await.unwrap().unwrap().unwrap();
    let end = client.ended().await;
    assert_eq!(returned(&end), (&*group(&["h", "i"]), &*group(&["d", "e"])));
    let err = refused.await.unwrap().unwrap().unwrap_err();
    assert_eq!(err, SendAllError::new(SendErrorKind::Disconnected, ["f", "g"]));
    server.finish().await;
}

#[actix::test]
async fn a_group_of_which_one_post_was_accepted_is_in_doubt_as_a_whole() {
    let server = Server::start(|server| {
        let (mut get, mut post) = server.opens_both(OPEN);
        post.posts(&packets(0..16));
        // An answer that does not show a server that accepts more packets.
        post.respond(200, &[], "");
        post.posts(&packets(16..32));
        get.packets("1");
        post.reset();
        get.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    let numbers = (0..40).map(|number| Data::from(number.to_string())).collect::<Vec<_>>();
    client.addr.do_send(SendAll::new(numbers.clone()));
    client.addr.do_send(SendAll::new(["behind", "it"]));
    let end = client.ended().await;
    assert_eq!(returned(&end), (&*group(&["behind", "it"]), &*numbers));
    server.finish().await;
}

#[actix::test]
async fn a_group_of_which_a_message_was_written_to_a_websocket_is_in_doubt_as_a_whole() {
    let server = Server::on(listen_with_small_buffers(), |server| {
        let mut ws = server.opens_websocket(OPEN.max_payload(2 * LARGE));
        ws.reads("4before");
        ws.reads("4small");
        // The large message does not fit into the sockets.
        ws.reset();
    });
    let mut client = Client::with(&server, |builder| builder.connector(connect_with_small_buffers));
    client.connect_over(TransportKind::WebSocket).await;
    let messages = ["small".to_owned(), "x".repeat(LARGE), "never".to_owned()].map(Data::from);
    client.addr.do_send(engineio::Send::text("before"));
    client.addr.do_send(SendAll::new(messages.clone()));
    client.addr.do_send(SendAll::new(["behind", "it"]));
    let end = client.ended().await;
    assert!(returned(&end) == (&*group(&["behind", "it"]), &messages));
    server.finish().await;
}

#[actix::test]
async fn a_group_is_carried_over_as_a_whole() {
    let (queued, is_queued) = signal();
    let server = Server::start(move |server| {
        let (mut get, post) = server.opens_both(OPEN);
        is_queued.wait();
        get.packets("1");
        drop(post);
        get.expect_closed();
        // It accepts less, so one group cannot be sent.
        let (get, mut post) = server.opens_both(OPEN.max_payload(9));
        post.accepts("4a\u{1e}4b");
        post.accepts("4behind");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::with(&server, |builder| {
        let policy = Reconnect::constant(Duration::from_millis(10)).on_server_close(true);
        builder.reconnect(policy.max_attempts(1)).keep_unsent(true).max_packets_per_post(2)
    });
    client.connect().await;
    client.addr.do_send(engineio::Send::text("posted"));
    client.addr.send(GetStatus).await.unwrap();
    client.addr.do_send(SendAll::new(["a", "b"]));
    client.addr.do_send(SendAll::new(["c", "0123456789", "d"]));
    client.addr.do_send(engineio::Send::text("behind"));
    client.addr.send(GetStatus).await.unwrap();
    queued.send();
    let Event::Disconnected(end) = client.next().await else { panic!("it goes on") };
    assert_eq!(returned(&end), ([].as_slice(), &*group(&["posted"])));
    assert!(matches!(client.next().await, Event::Reconnecting(_)));
    assert!(matches!(client.next().await, Event::Connected(_)));
    let Event::RejectedAll(err) = client.next().await else { panic!("it was not rejected") };
    assert_eq!(*err, SendAllError::new(SendErrorKind::too_large(11, 9), ["c", "0123456789", "d"]));
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    client.disconnect().await;
    server.finish().await;
}

#[actix::test]
async fn groups_that_wait_during_an_upgrade_go_out_over_the_transport_that_carries_them() {
    for fails in [false, true] {
        let (sent, is_sent) = signal();
        let (paused, is_paused) = milestone();
        let server = Server::start(move |server| {
            let (mut get, mut ws) = server.pauses(UPGRADABLE);
            paused.reached();
            is_sent.wait();
            if fails {
                ws.close();
                let mut post = server.accept();
                post.accepts("4c\u{1e}4d");
                get.ends_session();
                post.expect_closed();
                return;
            }
            get.packets("6");
            ws.reads("5");
            get.expect_closed();
            for packet in ["4a", "4U\u{1e}S", "4c", "4d"] {
                ws.reads(packet);
            }
            ws.send_text("1");
            ws.wait_closed();
        });
        let mut client = Client::connected(&server).await;
        is_paused.await;
        for texts in [["a", "U\u{1e}S"], ["c", "d"]] {
            assert_eq!(client.addr.send(SendAll::new(texts)).await.unwrap(), Ok(()));
        }
        sent.send();
        if fails {
            client.upgrade_failed().await;
            let Event::RejectedAll(err) = client.next().await else { panic!("it was not rejected") };
            let expected = SendAllError::new(SendErrorKind::NotRepresentable, ["a", "U\u{1e}S"]);
            assert_eq!(err, Arc::new(expected));
        } else {
            client.upgraded().await;
        }
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
        server.finish().await;
    }
}
