//! What crosses on the wire: answers that overtake each other, and requests in every dress.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod support;

use std::{thread, time::Duration};

use actix_engineio::{self as engineio, Connect, Disconnect, Event, TransportKind};
use actix_rt::time::sleep;
use futures::StreamExt as _;
use support::{
    Client, milestone,
    script::{OPEN, UPGRADABLE},
    server::Server,
    soon,
};

#[actix::test]
async fn a_refused_post_does_not_cost_what_a_poll_has_brought() {
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
    while let Some(event) = events.next().await {
        match event {
            Event::Message(_) => got += 1,
            Event::Disconnected(_) => break,
            _ => {}
        }
    }
    server.finish().await;
    assert_eq!(got, 500);
}

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
async fn a_close_that_the_poll_answers_first_with_a_close_loses_nothing() {
    last_post("1", 200).await
}
#[actix::test]
async fn a_close_that_the_poll_answers_first_with_a_refusal_loses_nothing() {
    last_post(r#"{"code":1,"message":"Session ID unknown"}"#, 400).await
}
#[actix::test]
async fn a_close_that_the_poll_answers_first_with_a_noop_loses_nothing() {
    last_post("6", 200).await
}

#[actix::test]
async fn a_subprotocol_that_was_asked_for_by_a_header_may_be_chosen() {
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

#[actix::test]
async fn a_post_that_never_left_is_not_in_doubt() {
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

#[actix::test]
async fn a_large_message_that_trickles_in_is_a_sign_of_life_for_the_shortest_heartbeat() {
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

#[actix::test]
async fn a_chunked_answer_with_trailers_opens_a_session() {
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
async fn an_ipv6_address_is_a_host() {
    let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let handle = thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 4096];
        let n = stream.read(&mut bytes).unwrap();
        let request = String::from_utf8_lossy(&bytes[..n]).into_owned();
        assert!(request.contains(&format!("host: [::1]:{port}\r\n")), "{request}");
        let body = OPEN.to_string();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        thread::sleep(Duration::from_millis(300));
    });
    let client = engineio::EngineIoClient::builder().start();
    client.send(Connect::new(format!("http://[::1]:{port}/"))).await.unwrap().unwrap();
    client.send(Disconnect::abort()).await.unwrap();
    handle.join().unwrap();
}

#[actix::test]
async fn a_disconnect_while_the_polls_do_not_come_home_goes_out_over_polling() {
    let (paused, reached) = milestone();
    let server = Server::start(|server| {
        let mut get = server.opens(UPGRADABLE);
        let mut ws = server.accepts_probe();
        get.poll();
        ws.answers_probe();
        paused.reached();
        let mut post = server.accept();
        post.posts("4x\u{1e}1");
        post.ok();
        get.leaves();
        ws.wait_closed();
        post.leaves();
    });
    let mut client = Client::with(&server, |builder| builder.close_timeout(Duration::from_secs(1)));
    client.connect().await;
    reached.await;
    client.addr.do_send(engineio::Send::text("x"));
    client.disconnect().await;
    client.upgrade_failed().await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn host_and_proxy_headers_do_not_follow_a_redirect_elsewhere() {
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

#[test]
fn a_look_up_that_stalls_is_bounded_by_request_timeout() {
    // Hosts are looked up on the runtime's blocking threads: with its only one taken, no look-up ever ends.
    let system = actix::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap()
    });
    let (release, released) = std::sync::mpsc::channel::<()>();
    system.block_on(async {
        actix_rt::task::spawn_blocking(move || released.recv());
        for transport in [TransportKind::Polling, TransportKind::WebSocket] {
            let client =
                engineio::EngineIoClient::builder().request_timeout(Duration::from_millis(300)).start();
            let connect = Connect::new("http://localhost:9").transports([transport]);
            let err = soon("a connect", client.send(connect)).await.unwrap().unwrap_err();
            assert!(matches!(err, engineio::ConnectError::Timeout { .. }), "{err:?}");
        }
        drop(release);
    });
}
