//! The content of messages, and their size.

use actix_engineio::{self as engineio, Data, Event, Flush, SendErrorKind, TransportKind};

use crate::support::{Client, script::OPEN, server::Server};

#[actix::test]
async fn every_kind_of_message_goes_both_ways_over_polling() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.packets("4text £ 😀\u{1e}4\u{1e}b\u{1e}bAQID\u{1e}bAQI=\u{1e}bAQI\u{1e}4\u{0}\n");
        get.poll();
        let mut post = server.accept();
        for body in ["4text £ 😀", "4", "b", "bAQID", "bHg==", "4\u{0}\n"] {
            post.accepts(body);
        }
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    for expected in [
        Data::from("text £ 😀"),
        "".into(),
        vec![].into(),
        vec![1, 2, 3].into(),
        vec![1, 2].into(),
        vec![1, 2].into(),
        "\u{0}\n".into(),
    ] {
        assert_eq!(client.message().await, expected);
    }
    for data in [
        Data::from("text £ 😀"),
        "".into(),
        vec![].into(),
        vec![1, 2, 3].into(),
        vec![0x1e].into(),
        "\u{0}\n".into(),
    ] {
        client.send(data).await;
        client.addr.send(Flush).await.unwrap().unwrap();
    }
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn every_kind_of_message_goes_both_ways_over_websocket() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.send_text("4text £ 😀");
        ws.send_text("4");
        ws.send_binary([]);
        ws.send_binary([1, 2, 3]);
        ws.send_text("bAQID");
        ws.send_text("4a\u{1e}4b");
        ws.send_frame(false, 0, 1, "4frag");
        ws.send_frame(false, 0, 0, "");
        ws.send_frame(true, 0, 0, "ments");
        ws.reads("4text £ 😀");
        ws.reads("4");
        assert_eq!(ws.read_frame(), (2, vec![]));
        assert_eq!(ws.read_frame(), (2, vec![1, 2, 3]));
        ws.reads("4a\u{1e}4b");
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    for expected in [
        Data::from("text £ 😀"),
        "".into(),
        vec![].into(),
        vec![1, 2, 3].into(),
        vec![1, 2, 3].into(),
        "a\u{1e}4b".into(),
        "fragments".into(),
    ] {
        assert_eq!(client.message().await, expected);
    }
    for data in [Data::from("text £ 😀"), "".into(), vec![].into(), vec![1, 2, 3].into(), "a\u{1e}4b".into()]
    {
        client.send(data).await;
    }
    client.ended_cleanly().await;
    server.finish().await;
}

/// A mebibyte of text, and one of bytes.
fn large() -> [Data; 2] {
    let bytes = (0..1 << 20).map(|at: u32| at.to_le_bytes()[1]).collect::<Vec<_>>();
    [Data::from("£".repeat(1 << 19)), bytes.into()]
}

#[actix::test]
async fn large_messages_go_both_ways_over_polling() {
    let server = Server::start(|server| {
        let (mut get, mut post) = server.opens_both(OPEN.max_payload(4 << 20));
        // Each is sent back.
        for _ in 0..2 {
            let body = post.post();
            post.ok();
            get.packets(body);
            get.poll();
        }
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    for data in large() {
        client.send(data.clone()).await;
        assert!(client.message().await == data);
    }
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn large_messages_go_both_ways_over_websocket() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN.max_payload((1 << 20) + 1));
        for _ in 0..2 {
            let (opcode, payload) = ws.read_frame();
            assert_eq!(payload.len(), (1 << 20) + usize::from(opcode == 1));
            ws.send_frame(true, 0, opcode, payload);
        }
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    for data in large() {
        client.send(data.clone()).await;
        assert!(client.message().await == data);
    }
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn many_messages_arrive_in_order() {
    const MESSAGES: usize = 5000;
    for way in [TransportKind::Polling, TransportKind::WebSocket] {
        let server = Server::start(move |server| match way {
            TransportKind::Polling => {
                let mut get = server.opens(OPEN);
                let body: Vec<_> = (0..MESSAGES).map(|at| format!("4{at}")).collect();
                get.packets(body.join("\u{1e}"));
                get.poll();
                get.ends_session();
            }
            TransportKind::WebSocket => {
                let mut ws = server.opens_websocket(OPEN);
                for at in 0..MESSAGES {
                    ws.send_text(&format!("4{at}"));
                }
                ws.send_text("1");
                ws.wait_closed();
            }
        });
        let mut client = Client::connected_over(&server, way).await;
        for at in 0..MESSAGES {
            assert_eq!(client.text().await, at.to_string());
        }
        client.ended_cleanly().await;
        server.finish().await;
    }
}

#[actix::test]
async fn a_message_that_is_too_large_for_the_server_is_returned_and_what_follows_arrives() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN.max_payload(1000));
        for at in 0..20 {
            ws.reads(&format!("4{at}"));
        }
        ws.reads(&format!("4{}", "x".repeat(999)));
        assert_eq!(ws.read_frame(), (2, vec![0; 1000]));
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    for data in [Data::from("x".repeat(2000)), Data::from("x".repeat(1000)), Data::from(vec![0; 1001])] {
        let size = data.len() + usize::from(data.as_text().is_some());
        let err = client.addr.send(engineio::Send::new(data.clone())).await.unwrap().unwrap_err();
        assert_eq!((err.kind, &err.data), (SendErrorKind::too_large(size, 1000), &data));
        client.addr.do_send(engineio::Send::new(data.clone()));
        let Event::Rejected(err) = client.next().await else { panic!("it was not rejected") };
        assert_eq!(err.data, data);
    }
    for at in 0..20 {
        client.send(at.to_string()).await;
    }
    client.send("x".repeat(999)).await;
    client.send(vec![0; 1000]).await;
    client.ended_cleanly().await;
    server.finish().await;
}
