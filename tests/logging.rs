//! What is logged, and what is never logged. A process has one logger, so this is a process of its own.

// Functions that tests call may fail too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix::prelude::*;
use actix_engineio::{
    self as engineio, Compression, Connect, Data, EngineIoClient, Event, EventKind, EventStream, GetStatus,
    Reconnect, Subscribe, TransportKind, Unsubscribe, WebSocketPing, cookie_store::CookieStore,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::StreamExt as _;
use log::{Level, LevelFilter, Log, Metadata, Record};
use support::{
    Client,
    script::{OPEN, SID, UPGRADABLE},
    server::Server,
    signal,
};

/// A part of every secret in these tests.
const SECRET: &str = "hush";

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    level: Level,
    target: String,
    text: String,
}

struct Capture(Mutex<Vec<Line>>);

static CAPTURE: Capture = Capture(Mutex::new(Vec::new()));

impl Log for Capture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = Line {
            level: record.level(),
            target: record.target().to_owned(),
            text: record.args().to_string(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn flush(&self) {}
}

/// The lines that were logged since the last call, by all crates.
fn logged() -> Vec<Line> {
    mem::take(&mut *CAPTURE.0.lock().unwrap_or_else(PoisonError::into_inner))
}

fn has(lines: &[Line], level: Level, room: &str, text: &str) {
    let target = format!("actix_engineio::{room}");
    let found =
        lines.iter().any(|line| line.level == level && line.target == target && line.text.contains(text));
    assert!(found, "no {level} of {target} with {text:?} in {lines:#?}");
}

fn has_no_secrets(lines: &[Line]) {
    let basic = STANDARD.encode(format!("user:{SECRET}"));
    for line in lines {
        for secret in [SECRET, SID, &basic] {
            assert!(!line.text.contains(secret), "{secret} in {line:?}");
        }
    }
}

/// A URL with a secret in every place that may contain one.
fn url(server: &Server) -> String {
    format!("{}/?token={SECRET}1&{SECRET}2", server.origin().replace("//", &format!("//user:{SECRET}@")))
}

fn secretive(server: &Server) -> Client {
    let mut store = CookieStore::new();
    let origin = server.origin().parse().unwrap();
    store.parse(&format!("jar={SECRET}3; Path=/"), &origin).unwrap();
    let policy = Reconnect::exponential()
        .initial_delay(Duration::from_millis(1))
        .max_attempts(1)
        .on_server_close(false);
    Client::with(server, |builder| {
        builder
            .cookie_store(Arc::new(Mutex::new(store)))
            .header("x-key", format!("{SECRET}4"))
            .header("cookie", format!("own={SECRET}5"))
            .websocket_header("authorization", format!("Bearer {SECRET}6"))
            .reconnect(policy)
    })
}

/// There is one test: the lines of two would mix.
#[actix::test]
async fn a_trace_shows_what_happened_and_no_secret() {
    log::set_logger(&CAPTURE).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let set_cookies = [
        ("set-cookie", format!("sid={SECRET}7")),
        ("set-cookie", format!("bad={SECRET}8; Domain=example.org")),
        ("set-cookie", format!("{SECRET}9")),
    ];

    // Polling, an upgrade, a lost connection, a reconnect, messages both ways, a close by the server.
    let server = Server::start(move |server| {
        let set_cookies = set_cookies.each_ref().map(|(name, value)| (*name, value.as_str()));
        let mut get = server.accept();
        get.handshake();
        get.respond(200, &set_cookies, UPGRADABLE.to_string());
        let mut post = server.accept();
        post.accepts("4upward");
        let mut ws = server.accepts_probe();
        get.poll();
        ws.answers_probe();
        get.packets("4downward\x1e2");
        ws.reads("5");
        ws.reads("3");
        get.expect_closed();
        post.expect_closed();
        ws.reset();

        let mut get = server.accept();
        get.handshake();
        get.packets(OPEN);
        get.poll();
        get.packets(format!("4{}\x1ebAAEC\x1e7odd\x1e1", "x".repeat(5000)));
        get.expect_closed();
    });
    let mut client = secretive(&server);
    client.addr.do_send(Connect::new(url(&server)));
    client.addr.do_send(engineio::Send::text("upward"));
    assert!(matches!(client.next().await, Event::Connected(_)));
    assert_eq!(client.text().await, "downward");
    client.upgraded().await;
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    assert!(matches!(client.next().await, Event::Reconnecting(_)));
    assert!(matches!(client.next().await, Event::Connected(_)));
    assert_eq!(client.text().await.len(), 5000);
    assert_eq!(client.message().await.len(), 3);
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    server.finish().await;

    let lines = logged();
    has_no_secrets(&lines);
    for (level, room, text) in [
        (Level::Debug, "client", "starting polling to http://127.0.0.1:"),
        (Level::Trace, "transport", "/engine.io/?token=..&..&EIO=4&transport=polling&t=..&sid=.."),
        (Level::Info, "client", "connected over polling"),
        (Level::Debug, "client", "starting websocket to http://127.0.0.1:"),
        (Level::Debug, "transport", "polling received open"),
        (Level::Debug, "transport", "polling sends message, 6 bytes of text"),
        (Level::Trace, "transport", r#"polling sends "upward""#),
        (Level::Debug, "transport", "polling received message, 8 bytes of text"),
        (Level::Trace, "transport", r#"polling received "downward""#),
        (Level::Debug, "transport", "websocket sends ping"),
        (Level::Debug, "transport", "websocket received pong"),
        (Level::Debug, "transport", "websocket sends upgrade"),
        (Level::Info, "client", "upgraded to websocket"),
        (Level::Debug, "transport", "polling is closed"),
        (Level::Debug, "transport", "websocket failed: connection lost"),
        (Level::Warn, "client", "disconnected: transport error"),
        (Level::Debug, "client", "connecting again in"),
        (Level::Debug, "transport", "polling received message, 5000 bytes of text"),
        (Level::Debug, "transport", "polling received message, 3 bytes, binary"),
        (Level::Trace, "transport", r#"polling received b"\0\x01\x02""#),
        (Level::Debug, "transport", "unknown type 7"),
        (Level::Debug, "transport", "a cookie is not stored"),
        (Level::Warn, "client", "disconnected: server disconnect"),
    ] {
        has(&lines, level, room, text);
    }
    for line in &lines {
        assert!(line.text.len() < 1000, "not capped: {line:?}");
        let has_content = ["upward", "downward", "xxx"].iter().any(|content| line.text.contains(content));
        assert!(!has_content || line.level == Level::Trace, "{line:?}");
    }

    // A subscriber that does not read.
    let (is_seen, seen) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        for _ in 0..200 {
            ws.send_text("4some message");
        }
        // The warning comes after two seconds.
        seen.wait();
        ws.close();
    });
    let mut client = Client::with(&server, |builder| builder.receive_buffer(1000));
    let stream = EventStream::subscribe(&client.addr).await.unwrap();
    client.connect_over(TransportKind::WebSocket).await;
    let lines = loop {
        let lines = logged();
        if lines.iter().any(|line| line.text.contains("not reading from the server")) {
            break lines;
        }
        actix_rt::time::sleep(Duration::from_millis(20)).await;
    };
    has(&lines, Level::Warn, "client", "event stream 1 has not handled ");
    is_seen.send();
    drop(stream);
    server.finish().await;

    // A server that does not answer pings.
    let (seen, is_seen) = std::sync::mpsc::channel();
    let server = Server::start(move |server| {
        let ws = server.opens_websocket(OPEN);
        is_seen.recv().unwrap();
        ws.close();
    });
    let ping = WebSocketPing::every(Duration::from_millis(100));
    let mut client = Client::with(&server, |builder| builder.websocket_ping(ping));
    client.connect_over(TransportKind::WebSocket).await;
    let lines = loop {
        let lines = logged();
        if lines.iter().any(|line| line.text.contains("does not answer WebSocket pings")) {
            break lines;
        }
        actix_rt::time::sleep(Duration::from_millis(20)).await;
    };
    has(&lines, Level::Warn, "client", "the server does not answer WebSocket pings");
    seen.send(()).unwrap();
    client.next().await;
    server.finish().await;

    // A server whose error contains the sid, as with python-engineio, and one whose reason has several lines.
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.respond(400, &[], format!("\"{}Invalid session {SID}\"", " ".repeat(170)));
        get.expect_closed();
        let mut ws = server.opens_websocket(OPEN);
        ws.send_frame(true, 0, 8, [&1008_u16.to_be_bytes(), b"go\r\naway".as_slice()].concat());
        ws.wait_closed();
    });
    let mut client = Client::connected(&server).await;
    let Event::Disconnected(end) = client.next().await else { panic!("no end") };
    assert!(end.reason.to_string().contains("Invalid session .."), "{}", end.reason);
    assert!(!format!("{:?}", end.reason).contains(SID), "{:?}", end.reason);
    client.connect_over(TransportKind::WebSocket).await;
    let Event::Disconnected(end) = client.next().await else { panic!("no end") };
    assert_eq!(end.reason.to_string(), "transport close: code 1008, go  away");
    server.finish().await;
    let lines = logged();
    has_no_secrets(&lines);
    has(&lines, Level::Debug, "transport", "closed by the server: code 1008, go  away");

    // Connects that are refused in every way, and some that are not even tried.
    let server = Server::start(|server| {
        for status in [400, 401, 302] {
            let mut peer = server.accept();
            // The response repeats the request.
            let request = peer.read_request();
            let headers = request.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
            let body = format!("{}{}", headers.collect::<String>(), request.target);
            peer.respond(status, &[("location", &format!("ftp://user:{SECRET}@host/?{SECRET}"))], body);
            peer.expect_closed();
        }
        for _ in 0..2 {
            let mut ws = server.accept();
            ws.accept_websocket();
            ws.send_text(&format!("{OPEN}}}{SECRET}"));
            ws.wait_closed();
        }
        server.stops_listening();
    });
    let client = secretive(&server);
    let ws = [TransportKind::WebSocket];
    for connect in [
        Connect::new(url(&server)),
        Connect::new(url(&server)).transports(ws),
        Connect::new(url(&server)),
        Connect::new(url(&server)).transports(ws),
        Connect::new(url(&server)).transports(ws).header("authorization", format!("Bearer {SECRET}")),
    ] {
        let shown = format!("{connect:?}");
        let err = client.connecting(connect).await.unwrap().unwrap_err();
        assert!(!format!("{shown} {err} {err:?}").contains(SECRET), "{shown} {err:?}");
    }
    server.finish().await;
    for connect in [
        Connect::new(format!("http://user:{SECRET}@127.0.0.1:1/?{SECRET}")),
        Connect::new(format!("http://user:{SECRET}@/")),
        Connect::new(format!("http://user:{SECRET}@127.0.0.1:1/?sid={SECRET}")),
        Connect::new("http://127.0.0.1:1").header("x", format!("{SECRET}\n")),
    ] {
        let shown = format!("{connect:?}");
        let err = client.connecting(connect).await.unwrap().unwrap_err();
        assert!(!format!("{shown} {err} {err:?}").contains(SECRET), "{shown} {err:?}");
    }
    // A proxy that first refuses and then accepts.
    let proxy = Server::start(|server| {
        let mut peer = server.accept();
        assert!(peer.read_head().header("proxy-authorization").is_some());
        peer.respond(407, &[], "");
        peer.expect_closed();
        let mut get = server.accept();
        assert!(get.handshake().header("proxy-authorization").is_some());
        get.packets(OPEN);
        get.poll();
        get.ends_session();
    });
    let proxy_url = proxy.origin().replace("//", &format!("//user:{SECRET}@"));
    let mut client = Client::with(&proxy, |builder| builder.proxy(proxy_url));
    let err = client.fails().await;
    assert!(!format!("{err} {err:?}").contains(SECRET), "{err:?}");
    client.connect().await;
    client.ended_cleanly().await;
    proxy.finish().await;
    let client = EngineIoClient::builder().proxy(format!("ftp://user:{SECRET}@proxy/{SECRET}")).start();
    let err = client.send(Connect::new("http://127.0.0.1:1")).await.unwrap().unwrap_err();
    assert!(!format!("{err} {err:?}").contains(SECRET), "{err:?}");

    let lines = logged();
    has_no_secrets(&lines);
    for text in
        ["connect failed: http://127.0.0.1:", "status 401", "cannot connect", "connect refused: invalid URL"]
    {
        has(&lines, Level::Debug, "client", text);
    }

    a_refused_connect_that_nobody_awaits_shows().await;
    operators_see_why().await;
    a_client_that_is_stopped_before_it_has_sent_everything_says_so().await;
    a_client_that_is_stopped_between_sessions_says_what_it_has_not_sent().await;
    a_client_that_is_stopped_in_a_session_names_what_it_has_not_sent_once().await;
    messages_that_nobody_takes_back_are_counted().await;
    compression_shows().await;
}

/// A session that is upgraded to a WebSocket with compression.
async fn compression_shows() {
    let answer = "permessage-deflate; server_no_context_takeover";
    let server = Server::start(move |server| {
        let mut get = server.opens(UPGRADABLE);
        let (mut ws, _) = server.accepts_compressed(answer);
        ws.answers_probe();
        get.packets("6");
        ws.reads("5");
        get.expect_closed();
        ws.send_text("1");
        ws.wait_closed();
        let (mut ws, _) = server.opens_compressed(OPEN, answer);
        ws.send_text("1");
        ws.wait_closed();
    });
    let option = Compression::both_contexts().threshold(100);
    let mut client = Client::with(&server, |builder| builder.compression(option));
    client.connect().await;
    client.upgraded().await;
    client.ended_cleanly().await;
    client.connect_over(TransportKind::WebSocket).await;
    client.ended_cleanly().await;
    server.finish().await;
    let lines = logged();
    let agreed = format!(", {answer}");
    let ends: Vec<_> = lines.iter().filter(|line| line.text.ends_with(&agreed)).collect();
    assert!(ends[0].text.starts_with("upgraded to websocket"), "{ends:?}");
    assert!(ends[1].text.starts_with("connected over websocket to http://127.0.0.1:"), "{ends:?}");
    assert_eq!(ends.len(), 2, "{ends:?}");
}

async fn a_refused_connect_that_nobody_awaits_shows() {
    let client = EngineIoClient::builder().start();
    assert!(client.send(Connect::new("not a url")).await.unwrap().is_err());
    assert!(!logged().iter().any(|line| line.level == Level::Warn), "who awaits the reply sees it there");
    client.do_send(Connect::new("not a url"));
    // It is behind the `Connect`.
    client.send(GetStatus).await.unwrap();
    has(&logged(), Level::Warn, "client", "a Connect was refused, and nobody awaits the reply: invalid URL");

    // A program may send a `Connect` now and then to make sure that the client is connected.
    let (asked, is_asked) = signal();
    let server = Server::start(|server| {
        let get = server.opens(OPEN);
        is_asked.wait();
        get.ends_session();
    });
    let mut client = Client::connected(&server).await;
    client.addr.do_send(Connect::new("http://localhost"));
    client.addr.send(GetStatus).await.unwrap();
    assert!(!logged().iter().any(|line| line.text.contains("nobody awaits")));
    asked.send();
    client.ended_cleanly().await;
    server.finish().await;
    // The next test has a log of its own.
    logged();
}

/// A client with a policy, from its first connect to its end.
async fn operators_see_why() {
    let server = Server::start(|server| {
        let get = server.opens(UPGRADABLE);
        let ws = server.upgrades(get);
        ws.reset();
        // A router without its route.
        let mut get = server.accept();
        get.handshake();
        get.respond(404, &[], "no route");
        get.expect_closed();
        let get = server.opens(OPEN);
        let mut post = server.accept();
        post.accepts("1");
        get.expect_closed();
        post.expect_closed();
        let get = server.opens(OPEN);
        server.stops_listening();
        get.ends_session();
    });
    let policy = Reconnect::constant(Duration::from_millis(1)).max_attempts(3);
    let policy = policy.retry_if(|cause| !cause.to_string().contains("cannot connect"));
    let mut client = Client::with(&server, |builder| builder.reconnect(policy));
    client.addr.do_send(Connect::new(format!("{}/app/{SECRET}?token={SECRET}", server.origin())));
    while !matches!(client.next().await, Event::Upgraded(_)) {}
    while !matches!(client.next().await, Event::Connected(_)) {}
    client.disconnect().await;
    while !matches!(client.next().await, Event::Disconnected(_)) {}
    // This path is the one that is used.
    client.addr.do_send(Connect::new(format!("{}/engine.io", server.origin())));
    while !matches!(client.next().await, Event::ReconnectFailed(_)) {}
    let status = client.addr.send(GetStatus).await.unwrap();
    server.finish().await;

    let lines = logged();
    has_no_secrets(&lines);
    let of_operators = lines.iter().filter(|line| line.level <= Level::Info);
    let words = of_operators.map(|line| (line.level, line.text.as_str())).collect::<Vec<_>>();
    let expected = [
        (Level::Warn, "the path of the URL is not used, requests go to http://127.0.0.1:"),
        (Level::Info, "connected over polling to http://127.0.0.1:"),
        (Level::Info, "upgraded to websocket"),
        (Level::Warn, "disconnected: transport error: connection lost"),
        (Level::Warn, "connecting again in 10ms, attempt 2: http://127.0.0.1:"),
        (Level::Info, "connected over polling to http://127.0.0.1:"),
        (Level::Info, "disconnected: client disconnect"),
        (Level::Info, "connected over polling to http://127.0.0.1:"),
        (Level::Warn, "disconnected: server disconnect"),
        (Level::Warn, "giving up: http://127.0.0.1:"),
    ];
    assert_eq!(words.len(), expected.len(), "{words:#?}");
    for ((level, text), (expected_level, start)) in words.iter().zip(expected) {
        assert!(*level == expected_level && text.starts_with(start), "{text:?} is not {start:?}");
    }
    let last_error = status.last_error.unwrap().to_string();
    assert!(last_error.contains("cannot connect") && words.last().unwrap().1.contains(&last_error));
}

/// A program whose `main` returns from a loop that awaits each `Send`, without a `Flush` or a `Disconnect`.
async fn a_client_that_is_stopped_before_it_has_sent_everything_says_so() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("40");
        ws.wait_closed();
    });
    let origin = server.origin();
    let program = std::thread::spawn(move || {
        actix::System::new().block_on(async {
            let client = EngineIoClient::builder().transports([TransportKind::WebSocket]).start();
            client.send(Connect::new(origin)).await.unwrap().unwrap();
            for at in 0..5 {
                client.send(engineio::Send::text(at.to_string())).await.unwrap().unwrap();
            }
        });
    });
    server.finish().await;
    program.join().unwrap();
    let end = "end a program with Disconnect or Flush";
    has(&logged(), Level::Warn, "client", end);
}

/// Messages that are carried over to a session that never comes.
async fn a_client_that_is_stopped_between_sessions_says_what_it_has_not_sent() {
    let server = Server::start(|server| {
        let ws = server.opens_websocket(OPEN);
        ws.reset();
    });
    let origin = server.origin();
    let program = std::thread::spawn(move || {
        actix::System::new().block_on(async {
            let policy = Reconnect::constant(Duration::from_secs(3600));
            let builder = EngineIoClient::builder().transports([TransportKind::WebSocket]);
            let client = builder.reconnect(policy).keep_unsent(true).start();
            let mut events = EventStream::subscribe(&client).await.unwrap();
            client.send(Connect::new(origin)).await.unwrap().unwrap();
            while !matches!(events.next().await, Some(Event::Reconnecting(_))) {}
            for at in 0..3 {
                client.send(engineio::Send::text(at.to_string())).await.unwrap().unwrap();
            }
        });
    });
    server.finish().await;
    program.join().unwrap();
    let text = "the client is stopped before it has sent everything, messages that waited: 3";
    has(&logged(), Level::Warn, "client", text);
}

/// Messages of a session that nobody subscribes to.
async fn a_client_that_is_stopped_in_a_session_names_what_it_has_not_sent_once() {
    let server = Server::start(|server| {
        let ws = server.opens_websocket(OPEN);
        ws.wait_closed();
    });
    let origin = server.origin();
    let program = std::thread::spawn(move || {
        actix::System::new().block_on(async {
            let client = EngineIoClient::builder().transports([TransportKind::WebSocket]).start();
            client.send(Connect::new(origin)).await.unwrap().unwrap();
            // More than the server's system takes for it.
            let text = Data::from("x".repeat(500_000));
            for _ in 0..100 {
                client.do_send(engineio::Send::new(text.clone()));
            }
            client.send(GetStatus).await.unwrap();
        });
    });
    program.join().unwrap();
    server.finish().await;
    let lines = logged();
    has(
        &lines,
        Level::Warn,
        "client",
        "the client is stopped before it has sent everything, messages that waited: ",
    );
    assert!(!lines.iter().any(|line| line.text.contains("messages came back")), "{lines:?}");
}

/// A subscriber that is not done with its first event before it is gone.
struct Stuck {
    stops: bool,
}

impl Actor for Stuck {
    type Context = Context<Self>;
}

impl Handler<Event> for Stuck {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Event, ctx: &mut Self::Context) -> Self::Result {
        if self.stops {
            ctx.stop();
        }
        Box::pin(std::future::pending())
    }
}

async fn messages_that_nobody_takes_back_are_counted() {
    let nobody = |messages: &str| format!("messages came back, and no subscriber takes them: {messages}");
    let client = EngineIoClient::builder().start();
    for at in 0..3 {
        client.do_send(engineio::Send::text(at.to_string()));
    }
    client.send(GetStatus).await.unwrap();
    has(&logged(), Level::Warn, "client", &nobody("3;"));

    // A subscriber of other events is none for these.
    let server = Server::start(|server| {
        let ws = server.opens_websocket(OPEN);
        ws.wait_closed();
    });
    let client = EngineIoClient::builder().transports([TransportKind::WebSocket]).start();
    let events = EventStream::subscribe_only(&client, [EventKind::Message]).await.unwrap();
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    // More than the server's system takes for it.
    let text = Data::from("x".repeat(500_000));
    for _ in 0..100 {
        client.do_send(engineio::Send::new(text.clone()));
    }
    client.send(engineio::Disconnect::abort()).await.unwrap();
    drop((client, events));
    server.finish().await;
    let lines = logged();
    has(&lines, Level::Info, "client", "disconnected: client disconnect, messages not sent: ");
    has(&lines, Level::Warn, "client", &nobody(""));

    // A subscriber that is gone before it was sent them, of its own will or because it was removed.
    for (stops, messages) in [(true, 5), (false, 7)] {
        let client = EngineIoClient::builder().start();
        let subscriber = Stuck { stops }.start();
        let id = client.send(Subscribe::new(subscriber.clone().recipient())).await.unwrap();
        for at in 0..messages {
            client.do_send(engineio::Send::text(at.to_string()));
        }
        client.send(GetStatus).await.unwrap();
        if stops {
            while subscriber.connected() {
                actix_rt::task::yield_now().await;
            }
        } else {
            client.send(Unsubscribe(id)).await.unwrap();
        }
        client.send(GetStatus).await.unwrap();
        // It was sent the first one.
        has(&logged(), Level::Warn, "client", &nobody(&format!("{};", messages - 1)));
    }

    // Who takes them needs no line.
    let client = EngineIoClient::builder().start();
    let mut events = EventStream::subscribe(&client).await.unwrap();
    client.do_send(engineio::Send::text("x"));
    while !matches!(events.next().await, Some(Event::Rejected(_))) {}
    drop(client);
    assert!(events.next().await.is_none());
    assert!(!logged().iter().any(|line| line.text.contains(&nobody(""))));
}
