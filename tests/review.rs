#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
mod support;
use actix_engineio::{self as engineio, Connect, Disconnect, Event, TransportKind};
use actix_rt::time::sleep;
use std::{thread, time::Duration};
use support::{Client, milestone, script::OPEN, server::Server, soon};

/// 11
#[actix::test]
async fn rv_a_refused_post_does_not_cost_what_a_poll_brought() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.poll();
        let mut post = server.accept();
        assert_eq!(post.post(), "4x");
        let mut body: Vec<String> = (0..500).map(|n| format!("4{n}")).collect();
        body.push("1".into());
        get.packets(body.join("\u{1e}"));
        post.respond(400, &[], r#"{"code":1,"message":"Session ID unknown"}"#);
        thread::sleep(Duration::from_millis(300));
    });
    let client = engineio::EngineIoClient::builder().receive_buffer(1000).start();
    let mut events = engineio::EventStream::subscribe(&client).await.unwrap();
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    client.send(engineio::Send::text("x")).await.unwrap().unwrap();
    sleep(Duration::from_millis(200)).await;
    let mut got = 0;
    use futures_util::StreamExt as _;
    while let Some(event) = events.next().await {
        match event {
            Event::Message(_) => got += 1,
            Event::Disconnected(end) => {
                println!("got {got}, {:?}", end);
                break;
            }
            _ => {}
        }
    }
    server.finish().await;
    assert_eq!(got, 500);
}

/// 12
async fn last_post(get_answer: &'static str, status: u16) {
    let server = Server::start(move |server| {
        let mut get = server.opens(OPEN);
        get.poll();
        let mut post = server.accept();
        assert_eq!(post.post(), "4x\u{1e}1");
        get.respond(status, &[], get_answer);
        thread::sleep(Duration::from_millis(30));
        let _ = post.try_write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        thread::sleep(Duration::from_millis(300));
    });
    let mut client = Client::start(&server);
    client.connect().await;
    client.addr.do_send(engineio::Send::text("x"));
    client.disconnect().await;
    match client.next().await {
        Event::Disconnected(end) => {
            assert_eq!((&*end.unsent, &*end.in_doubt), ([].as_slice(), [].as_slice()), "{:?}", end.reason)
        }
        event => panic!("{event:?}"),
    }
    server.finish().await;
}
#[actix::test]
async fn rv_close_answered_by_1_on_the_poll() {
    last_post("1", 200).await
}
#[actix::test]
async fn rv_close_answered_by_400_on_the_poll() {
    last_post(r#"{"code":1,"message":"Session ID unknown"}"#, 400).await
}
#[actix::test]
async fn rv_close_answered_by_noop_on_the_poll() {
    last_post("6", 200).await
}

/// 13
#[actix::test]
async fn rv_a_subprotocol_that_was_asked_for_by_header() {
    let server = Server::start(|server| {
        let mut ws = server.accept();
        let request = ws.read_head();
        assert_eq!(request.header("sec-websocket-protocol").as_deref(), Some("chat"));
        let key = request.header("sec-websocket-key").unwrap();
        let accept = actix_http::ws::hash_key(key.as_bytes());
        ws.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-protocol: chat\r\n");
        ws.write([b"sec-websocket-accept: ", accept.as_slice(), b"\r\n\r\n"].concat());
        ws.send_text(&OPEN.to_string());
        thread::sleep(Duration::from_millis(300));
    });
    let mut client =
        Client::with(&server, |builder| builder.websocket_header("sec-websocket-protocol", "chat"));
    client.connect_over(TransportKind::WebSocket).await;
    server.finish().await;
}

/// 14
#[actix::test]
async fn rv_a_post_that_never_left_is_not_in_doubt() {
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.poll();
        let mut post = server.accept();
        assert_eq!(post.post(), "4x");
        post.ok();
        assert!(post.try_read_request().is_none());
    });
    let mut client = Client::start(&server);
    client.connect().await;
    client.send("x").await;
    soon("flush", client.addr.send(engineio::Flush)).await.unwrap().unwrap();
    for n in 0..70 {
        client.addr.do_send(engineio::Send::text(n.to_string()));
    }
    soon("abort", client.addr.send(Disconnect::abort())).await.unwrap();
    match client.next().await {
        Event::Disconnected(end) => assert_eq!((end.unsent.len(), end.in_doubt.len()), (70, 0)),
        event => panic!("{event:?}"),
    }
    server.finish().await;
}

/// 15
#[ignore = "not mended here"]
#[actix::test]
async fn rv_a_large_message_that_trickles_in_is_alive() {
    let server = Server::start(|server| {
        let open = OPEN.ping(Duration::from_millis(300), Duration::from_millis(200));
        let mut ws = server.opens_websocket(open);
        let mut frame = vec![0x81, 21];
        frame.extend_from_slice(b"4aaaaaaaaaaaaaaaaaaaa");
        for byte in frame {
            if ws.try_write([byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    });
    let mut client = Client::start(&server);
    client.connect_over(TransportKind::WebSocket).await;
    match client.next().await {
        Event::Message(_) => {}
        event => panic!("{event:?}"),
    }
    let _ = client.addr.send(Disconnect::abort()).await;
    server.finish().await;
}

/// 17
#[ignore = "not mended here"]
#[actix::test]
async fn rv_stage_of_a_websocket_connect() {
    let server = Server::start(|server| {
        let mut ws = server.accept();
        ws.read_head();
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.connect_timeout(Duration::from_millis(300)));
    let err = client.fails_over(TransportKind::WebSocket).await;
    server.finish().await;
    assert!(err.to_string().contains("response"), "{err}");
}

/// 18
#[actix::test]
async fn rv_chunked_with_trailers() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        let body = OPEN.to_string();
        get.write(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-a\r\n\r\n{:x};ext=1\r\n{body}\r\n0\r\nx-a: b\r\n\r\n", body.len()));
        get.poll();
        get.leaves();
    });
    let mut client = Client::start(&server);
    client.connect().await;
    let _ = client.addr.send(Disconnect::abort()).await;
    server.finish().await;
}

#[actix::test]
async fn rv_ipv6() {
    let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let handle = thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 4096];
        let n = stream.read(&mut bytes).unwrap();
        println!("{}", String::from_utf8_lossy(&bytes[..n]));
        let body = OPEN.to_string();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        thread::sleep(Duration::from_millis(300));
    });
    let client = engineio::EngineIoClient::builder().start();
    client.send(Connect::new(format!("http://[::1]:{port}/"))).await.unwrap().unwrap();
    client.send(Disconnect::abort()).await.unwrap();
    handle.join().unwrap();
}

/// 30: a Disconnect while the poll does not come home
#[ignore = "shows only"]
#[actix::test]
async fn rv_disconnect_while_the_poll_does_not_come_home() {
    use support::script::UPGRADABLE;
    let (paused, reached) = milestone();
    let server = Server::start(|server| {
        let mut get = server.opens(UPGRADABLE);
        let mut ws = server.accepts_probe();
        get.poll();
        ws.answers_probe();
        paused.reached();
        get.leaves();
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.close_timeout(Duration::from_secs(1)));
    client.connect().await;
    reached.await;
    client.addr.do_send(engineio::Send::text("x"));
    client.disconnect().await;
    match client.next().await {
        Event::Disconnected(end) => println!("{end:?}"),
        event => panic!("{event:?}"),
    }
    server.finish().await;
}

/// 31
#[actix::test]
async fn rv_host_header_after_a_redirect() {
    let other = Server::start(|server| {
        let mut get = server.accept();
        let request = get.read_request();
        assert_ne!(request.header("host").as_deref(), Some("first.example"));
        assert_eq!(request.header("proxy-authorization"), None);
        get.packets(OPEN);
        get.poll();
        get.leaves();
    });
    let to = format!("{}/engine.io/", other.origin());
    let server = Server::start(move |server| {
        let mut get = server.accept();
        get.read_request();
        get.respond(302, &[("location", &to)], "");
        get.leaves();
    });
    let client = engineio::EngineIoClient::builder()
        .header("host", "first.example")
        .header("proxy-authorization", "Basic secret")
        .start();
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    let _ = client.send(Disconnect::abort()).await;
    other.finish().await;
    server.finish().await;
}
