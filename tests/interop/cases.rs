//! The cases that are run against every server over every transport.

use std::{future::Future, io::ErrorKind, time::Duration};

use actix_engineio::{
    self as engineio, Connect, ConnectError, Data, DisconnectReason, GetStatus, SendErrorKind, Stage,
    TransportError, TransportKind,
};
use actix_rt::time::sleep;
use futures::{FutureExt as _, future::LocalBoxFuture};
use serde_json::{Value, json};

use crate::{
    peer::{Peer, Way},
    relay::Relay,
    server::Server,
    support::{Client, soon},
    talk::{Cell, Talk},
};

/// One case: a name and what is to be run.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn FnOnce(Cell) -> LocalBoxFuture<'static, ()> + Send>,
    /// It takes more than ten seconds, so it is run only if the caller asks for ignored tests.
    pub(crate) is_slow: bool,
}

impl Case {
    pub(crate) fn new<F: Future<Output = ()> + 'static>(
        name: &'static str,
        run: impl FnOnce(Cell) -> F + Send + 'static,
    ) -> Self {
        Self { name, run: Box::new(|cell| run(cell).boxed_local()), is_slow: false }
    }

    pub(crate) fn slow<F: Future<Output = ()> + 'static>(
        name: &'static str,
        run: impl FnOnce(Cell) -> F + Send + 'static,
    ) -> Self {
        Self { is_slow: true, ..Self::new(name, run) }
    }
}

pub(crate) fn cases(cell: Cell) -> Vec<Case> {
    let crossing_name = if cell.way == Way::Upgrade {
        "five hundred messages each way at once cross the upgrade in order"
    } else {
        "five hundred messages each way at once arrive in order"
    };
    let mut cases = vec![
        Case::new("a session has the sid and the intervals that the server gave it", opens),
        Case::new("text of every kind comes back as it was sent", text),
        Case::new("bytes of every kind come back as they were sent", binary),
        Case::new(crossing_name, crossing),
        Case::new("a server that closes the session has closed it", closed),
        Case::new("a client that disconnects with a full queue sends all of it first", disconnecting),
        Case::new("a session outlives many pings", pings),
    ];
    // Behind a proxy the error would be that of the proxy.
    if cell.front.is_none() {
        cases.push(Case::new("a server that is killed is a transport error", killed));
        cases.push(Case::new("a server that is suspended is a ping timeout", stopped));
        cases.push(Case::new("a connect to a path without a server fails", elsewhere));
        // python-engineio 3 has no limit over WebSocket.
        if cell.peer != Peer::Aiohttp3 || cell.way == Way::Polling {
            cases.push(Case::new("a message that is too large is refused", oversized));
        }
        if cell.way == Way::Polling && cell.peer == Peer::Gunicorn {
            cases.push(Case::new("a session outlives the ends of idle connections", idle_connections));
        }
        // aiohttp would read only a part of it: see the deviation `cut_post`.
        if cell.way == Way::Polling && !cell.peer.cuts_posts() {
            cases.push(Case::new("a long message arrives over a slow line", |cell| {
                slow_line(cell, 1, 400_000)
            }));
            cases.push(Case::slow("long messages arrive over a slow line", |cell| {
                slow_line(cell, 30, 64_000)
            }));
            cases.push(Case::slow("a very long message arrives over a slow line", |cell| {
                slow_line(cell, 1, 900_000)
            }));
        }
        // engineioxide cannot refuse a client.
        if !cell.peer.is_oxide() {
            cases.push(Case::new("a server that refuses fails the connect", refused));
        }
    }
    cases
}

/// Larger than any message here, as polling encodes it.
fn roomy() -> Value {
    json!({ "options": { "maxHttpBufferSize": 8 << 20 } })
}

async fn opens(cell: Cell) {
    let options = json!({ "pingInterval": 7000, "pingTimeout": 3000, "maxHttpBufferSize": 123_456 });
    let mut server = cell.start(json!({ "options": options }));
    let mut talk = cell.settle(&server).await;
    let session = talk.session.clone();
    let told = server.says("connection").await;
    assert_eq!(
        (told["sid"].as_str(), told["transport"].as_str()),
        (Some(&*session.sid), Some(cell.way.first().as_str()))
    );
    assert_eq!(session.transport, cell.way.first());
    assert_eq!(
        (session.ping_interval, session.ping_timeout),
        (Duration::from_secs(7), Duration::from_secs(3))
    );
    assert_eq!(session.max_payload, cell.peer.has_max_payload().then_some(123_456));
    let upgrades: &[_] = if cell.way == Way::WebSocket { &[] } else { &[TransportKind::WebSocket] };
    assert_eq!(session.upgrades, upgrades);
    talk.echoes("still there").await;
    talk.disconnect().await;
    assert_eq!(server.says("close").await["sid"].as_str(), Some(&*session.sid));
}

/// The length of a long message.
fn large(cell: Cell) -> usize {
    // See the deviation `cut_post`.
    if cell.peer.cuts_posts() && cell.way == Way::Polling { 40_000 } else { 1 << 20 }
}

async fn text(cell: Cell) {
    let server = cell.start(roomy());
    let mut talk = cell.settle(&server).await;
    for text in
        ["hello", "", " ", "a £ € 😀", "\u{0} \\ \" \r\n \u{7f} \u{2028} \u{feff}", "b64", "4", "2probe"]
    {
        talk.echoes(text).await;
    }
    talk.echoes("x£€😀".repeat(large(cell) / 10)).await;
    talk.echoes("x".repeat(large(cell))).await;
    talk.disconnect().await;
}

/// Pings and messages as often as gunicorn ends idle connections.
async fn idle_connections(cell: Cell) {
    let server = cell.start(json!({ "options": { "pingInterval": 2000, "pingTimeout": 2000 } }));
    let mut talk = cell.settle(&server).await;
    for gap in [1990, 2000, 2010] {
        sleep(Duration::from_millis(gap)).await;
        talk.echoes("still there").await;
    }
    talk.disconnect().await;
}

/// Messages of this size over a line that carries 60 kB per second, and whose buffers hide that.
async fn slow_line(cell: Cell, count: usize, size: usize) {
    let server = cell.start(roomy());
    let relay = Relay::slow(server.port(), 60_000).await;
    let mut talk = cell.open_at(relay.url()).await;
    let text = "x".repeat(size);
    for _ in 0..count {
        talk.do_send(text.as_str());
    }
    for _ in 0..count {
        assert_eq!(talk.message().await.len(), size);
    }
    talk.disconnect().await;
}

async fn binary(cell: Cell) {
    let server = cell.start(roomy());
    let mut talk = cell.settle(&server).await;
    // python-engineio 3 reads empty bytes as nothing, and sends an empty text back.
    if cell.peer != Peer::Aiohttp3 {
        talk.echoes(Vec::new()).await;
    }
    for len in 1..=4 {
        talk.echoes(vec![0x1e; len]).await;
    }
    talk.echoes((0..=255).collect::<Vec<u8>>()).await;
    talk.echoes((0..=255).cycle().take(large(cell) * 3 / 4).collect::<Vec<u8>>()).await;
    talk.disconnect().await;
}

async fn crossing(cell: Cell) {
    const COUNT: usize = 500;
    let server = cell.start(json!({}));
    let mut talk = cell.open(&server).await;
    talk.send("/flood").await;
    let (mut sent, mut floods, mut echoes) = (0, 0, 0);
    while floods < COUNT || echoes < COUNT {
        // Half before the upgrade, half after it.
        let upto = if talk.is_upgraded || cell.way != Way::Upgrade { COUNT } else { COUNT / 2 };
        for at in sent..upto {
            talk.do_send(format!("echo {at}"));
        }
        sent = upto;
        let Some(message) = talk.next().await else { continue };
        let (kind, at) =
            message.as_text().and_then(|text| text.split_once(' ')).expect("a kind and a number");
        let next = if kind == "flood" { &mut floods } else { &mut echoes };
        assert_eq!(at, next.to_string(), "{kind}");
        *next += 1;
    }
    talk.settle().await;
    talk.disconnect().await;
}

async fn closed(cell: Cell) {
    let mut server = cell.start(json!({}));
    let mut talk = cell.settle(&server).await;
    talk.send("/close").await;
    let end = talk.ended().await;
    assert!(
        end.reason.is_server_close() || !cell.peer.is_node() && is_forgotten(&end.reason),
        "{}",
        end.reason
    );
    assert!(end.unsent.is_empty());
    server.says("close").await;
}

/// engineioxide and python-engineio forget a session when they close it: a poll that arrives then is refused, and a
/// WebSocket of engineioxide may end before its last packet is written.
fn is_forgotten(reason: &DisconnectReason) -> bool {
    match reason {
        DisconnectReason::TransportError(TransportError::Status(status)) => status.status == 400,
        DisconnectReason::TransportError(TransportError::Io { kind, .. }) => {
            *kind == ErrorKind::UnexpectedEof
        }
        _ => false,
    }
}

async fn disconnecting(cell: Cell) {
    let options = json!({ "maxHttpBufferSize": 1_000_000 });
    let mut server = cell.start(json!({ "keep": true, "options": options }));
    // In the middle of the upgrade, if there is one.
    let mut talk = cell.open(&server).await;
    let mut texts = (0..500).map(|at| at.to_string()).collect::<Vec<_>>();
    // The limits of polling apply as long as the upgrade is under way.
    let large = if cell.peer.cuts_posts() { 10_000 } else { 200_000 };
    texts[100] = "x".repeat(large);
    texts[400] = "€".repeat(large);
    for text in &texts {
        talk.do_send(text.as_str());
    }
    talk.disconnect().await;
    let close = server.says("close").await;
    assert!(close["received"] == json!(texts), "{close:.1000}");
}

async fn pings(cell: Cell) {
    let interval = cell.peer.shortest_interval();
    // A server that got no pong would end the session before the last of these pings.
    let timeout = interval * 3;
    let options = json!({ "pingInterval": millis(interval), "pingTimeout": millis(timeout.max(Duration::from_secs(2))) });
    let server = cell.start(json!({ "options": options }));
    let mut talk = cell.settle(&server).await;
    let before = packets_received(&talk).await;
    soon("pings", async {
        while packets_received(&talk).await < before + 5 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    talk.echoes("still there").await;
    talk.disconnect().await;
}

pub(crate) async fn packets_received(talk: &Talk) -> u64 {
    let status = soon("GetStatus", talk.client.addr.send(GetStatus)).await.expect("the client lives");
    status.counters.packets_received
}

async fn killed(cell: Cell) {
    let mut server = cell.start(json!({}));
    let mut talk = cell.settle(&server).await;
    talk.echoes("all is well").await;
    server.kill();
    let reason = &talk.ended().await.reason;
    // A poll that was cut before its answer began is sent once more, and there is no server any more.
    let DisconnectReason::TransportError(TransportError::Io { .. } | TransportError::Connect { .. }) = reason
    else {
        panic!("{reason}")
    };
}

async fn stopped(cell: Cell) {
    let interval = cell.peer.shortest_interval();
    let options = json!({ "pingInterval": millis(interval), "pingTimeout": 1000 });
    let server = cell.start(json!({ "options": options }));
    let mut talk = cell.settle(&server).await;
    talk.echoes("all is well").await;
    server.stop();
    match &talk.ended().await.reason {
        DisconnectReason::PingTimeout => {}
        // It was suspended before its first ping, and has not named a `maxPayload`.
        DisconnectReason::NoPing if cell.way == Way::WebSocket && !cell.peer.has_max_payload() => {}
        // A POST that was sent before has the same limit.
        DisconnectReason::TransportError(TransportError::Timeout { stage: Stage::Write, .. })
            if cell.way == Way::Polling => {}
        reason => panic!("{reason}"),
    }
}

async fn refused(cell: Cell) {
    let server = cell.start(json!({ "refuse": true }));
    let err = fails(&server, cell.connect(server.url())).await;
    let ConnectError::Status { status, .. } = &err else { panic!("{err}") };
    let (wanted, code) = match (cell.peer, cell.way) {
        // An ASGI server refuses a WebSocket with 403, whatever the application says.
        (Peer::Uvicorn, Way::WebSocket) => (403, None),
        (peer, _) if peer.is_python() => (401, None),
        (_, Way::WebSocket) => (400, None),
        _ => (403, Some(4)),
    };
    assert_eq!((status.status, status.code), (wanted, code), "{err}");
    if code.is_some() {
        assert_eq!(status.message.as_deref(), Some("not today"));
    }
    assert!(!err.is_retryable());
}

async fn elsewhere(cell: Cell) {
    let server = cell.start(json!({}));
    let err = fails(&server, cell.connect(server.url()).path("elsewhere")).await;
    match &err {
        ConnectError::Status { status, .. } => match (cell.peer, cell.way) {
            // python-engineio answers a WebSocket request as if it were a normal request, which uvicorn does not allow.
            (Peer::Uvicorn, Way::WebSocket) => assert_eq!(status.status, 500, "{err}"),
            _ => assert_eq!(status.status, 404, "{err}"),
        },
        // engine.io without another server closes a WebSocket for another path without an answer.
        ConnectError::Transport { source: TransportError::Io { .. }, .. }
            if cell.way == Way::WebSocket && !cell.peer.is_python() => {}
        err => panic!("{err}"),
    }
}

async fn oversized(cell: Cell) {
    let mut server = cell.start(json!({ "options": { "maxHttpBufferSize": 10_000 } }));
    let mut talk = cell.settle(&server).await;
    let data = Data::from("x".repeat(20_000));
    let packet = talk.packets(data.clone()).remove(0);
    if cell.peer.has_max_payload() {
        let sent = talk.client.addr.send(engineio::Send::new(packet.clone()));
        let err = soon("a send", sent).await.expect("the client lives").expect_err("too large");
        assert!(matches!(err.kind, SendErrorKind::TooLarge { limit: 10_000, .. }), "{err}");
        assert_eq!(err.data, packet);
        talk.echoes("still there").await;
        talk.disconnect().await;
    } else {
        // engine.io 5 does not say what it accepts.
        talk.do_send(data);
        let end = talk.ended().await;
        match (&end.reason, cell.way) {
            // It closes the connection, and may answer the poll before the client has noticed.
            (DisconnectReason::TransportError(TransportError::Io { .. }), _)
            | (DisconnectReason::Server, Way::Polling) => {}
            (DisconnectReason::TransportClose { code, .. }, Way::WebSocket | Way::Upgrade) => {
                assert_eq!(*code, 1009);
            }
            (reason, _) => panic!("{reason}"),
        }
        if cell.way == Way::Polling {
            assert_eq!(end.in_doubt, [packet]);
        }
        server.says("close").await;
    }
}

pub(crate) async fn fails(server: &Server, connect: Connect) -> ConnectError {
    Client::to(server.url(), |builder| builder).fails_with(connect).await
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("it is short")
}
