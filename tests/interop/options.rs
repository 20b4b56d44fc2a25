//! Servers with other options, by their names in engine.io.

use actix_engineio::{ConnectError, TransportKind};
use serde_json::{Value, json};

use crate::{
    cases::{Case, fails},
    peer::{Peer, Way},
    talk::Cell,
};

pub(crate) fn cases(cell: Cell) -> Vec<Case> {
    let (peer, way) = (cell.peer, cell.way);
    let mut cases = Vec::new();
    if peer.is_node() && !peer.is_socket_io() {
        cases.push(Case::new("an initial packet is the first message", initial_packet));
        cases.push(Case::new("a server at another path", own_path));
        // engine.io 3 has another option for it.
        if way != Way::WebSocket && peer != Peer::EngineIo3 {
            cases.push(Case::new("a cookie with the sid is sent back", cookie));
        }
        if way == Way::Polling {
            cases.push(Case::new("compressed answers are understood", compressed));
        } else {
            cases.push(Case::new("a server with compression of frames sends them uncompressed", deflate));
        }
    }
    if matches!(peer, Peer::EngineIo6 | Peer::EngineIo6As3) && way != Way::WebSocket {
        cases.push(Case::new("many messages fit into a small maxHttpBufferSize", small_posts));
    }
    match way {
        // python-engineio 3 has no option for its transports.
        Way::Polling | Way::WebSocket if peer == Peer::Aiohttp3 => {}
        Way::Polling => {
            cases.push(Case::new("a server with only websocket refuses polling", only_websocket_refuses));
        }
        Way::WebSocket => {
            cases.push(Case::new("a server with only polling refuses websocket", only_polling_refuses));
            cases.push(Case::new("a server with only websocket is enough", only_websocket));
        }
        Way::Upgrade => {
            // The others offer it nevertheless: see their deviations.
            if peer.is_node() {
                cases.push(Case::new("a server with only polling is not upgraded", only_polling));
            }
            if !peer.is_oxide() {
                cases.push(Case::new("a server without upgrades is not upgraded", no_upgrades));
            }
        }
    }
    cases
}

async fn initial_packet(cell: Cell) {
    let server = cell.start(json!({ "options": { "initialPacket": "welcome" } }));
    let mut talk = cell.open(&server).await;
    assert_eq!(talk.message().await.as_text(), Some("welcome"));
    talk.settle().await;
    talk.echoes("thanks").await;
    talk.disconnect().await;
}

async fn own_path(cell: Cell) {
    let server = cell.start(json!({ "options": { "path": "/a/path/of/its/own" } }));
    let err = fails(&server, cell.connect(server.url())).await;
    assert!(!err.is_retryable() || cell.way == Way::WebSocket, "{err}");
    let mut talk =
        cell.open_with(server.url(), |builder| builder, |connect| connect.path("a/path/of/its/own")).await;
    talk.settle().await;
    talk.echoes("found").await;
    talk.disconnect().await;
}

async fn cookie(cell: Cell) {
    let mut server = cell.start(json!({ "options": { "cookie": { "name": "io", "path": "/" } } }));
    let mut talk = cell.settle(&server).await;
    talk.echoes("all is well").await;
    let kinds: &[_] = if cell.way == Way::Upgrade { &["request", "upgrade"] } else { &["request"] };
    for kind in kinds {
        let told = loop {
            let told = server.says("cookie").await;
            if told["kind"] == *kind {
                break told;
            }
        };
        assert_eq!(told["cookie"], format!("io={}", talk.session.sid));
    }
    talk.disconnect().await;
}

async fn compressed(cell: Cell) {
    let mut server = cell.start(json!({ "options": { "httpCompression": { "threshold": 100 } } }));
    let mut talk = cell.settle(&server).await;
    talk.echoes("x£€😀".repeat(10_000)).await;
    talk.disconnect().await;
    let encoding = server.says("compressed").await["encoding"].clone();
    assert!(["gzip", "deflate"].map(Value::from).contains(&encoding), "{encoding}");
}

async fn deflate(cell: Cell) {
    let server = cell.start(json!({ "options": { "perMessageDeflate": { "threshold": 0 } } }));
    let mut talk = cell.settle(&server).await;
    talk.echoes("x£€😀".repeat(10_000)).await;
    talk.echoes(vec![0; 10_000]).await;
    talk.disconnect().await;
}

async fn small_posts(cell: Cell) {
    let server = cell.start(json!({ "options": { "maxHttpBufferSize": 100 } }));
    let mut talk = cell.open(&server).await;
    let texts = (0..200).map(|at| format!("{at} {}", "€".repeat(at % 25))).collect::<Vec<_>>();
    for text in &texts {
        talk.do_send(text.as_str());
    }
    for text in &texts {
        assert_eq!(talk.message().await.as_text(), Some(&**text));
    }
    talk.settle().await;
    talk.disconnect().await;
}

fn alone(transport: TransportKind) -> Value {
    json!({ "options": { "transports": [transport.as_str()] } })
}

async fn only_websocket_refuses(cell: Cell) {
    is_refused(cell, alone(TransportKind::WebSocket)).await;
}

async fn only_polling_refuses(cell: Cell) {
    is_refused(cell, alone(TransportKind::Polling)).await;
}

async fn is_refused(cell: Cell, settings: Value) {
    let server = cell.start(settings);
    let err = fails(&server, cell.connect(server.url())).await;
    let ConnectError::Status { status, .. } = &err else { panic!("{err}") };
    let (wanted, code) = match (cell.peer, cell.way) {
        // As with every WebSocket that is refused.
        (Peer::Uvicorn, Way::WebSocket) => (403, None),
        (peer, _) if peer.is_python() => (400, None),
        (peer, _) if peer.is_oxide() => (400, Some(3)),
        _ => (400, Some(0)),
    };
    assert_eq!((status.status, status.code), (wanted, code), "{err}");
    assert!(!err.is_retryable());
}

async fn only_polling(cell: Cell) {
    stays_on_polling(cell, alone(TransportKind::Polling)).await;
}

async fn no_upgrades(cell: Cell) {
    stays_on_polling(cell, json!({ "options": { "allowUpgrades": false } })).await;
}

async fn stays_on_polling(cell: Cell, settings: Value) {
    let server = cell.start(settings);
    let mut talk = cell.open(&server).await;
    assert_eq!(talk.session.upgrades, []);
    talk.echoes("still there").await;
    assert_eq!(talk.transport().await, Some(TransportKind::Polling));
    talk.disconnect().await;
    assert!(!talk.is_upgraded);
}

async fn only_websocket(cell: Cell) {
    let server = cell.start(alone(TransportKind::WebSocket));
    let mut talk = cell.settle(&server).await;
    talk.echoes("all is well").await;
    talk.disconnect().await;
}
