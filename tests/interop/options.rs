//! Servers with other options, by their names in engine.io.

use actix_engineio::{Compression, ConnectError, EngineIoClientBuilder, TransportKind};
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
            cases.push(Case::new(
                "a server with compression sends frames uncompressed if it is not asked",
                deflate,
            ));
        }
    }
    if way != Way::Polling
        && (matches!(peer, Peer::EngineIo6 | Peer::EngineIo5) || compresses_by_default(peer))
    {
        cases.push(Case::new("messages are compressed without contexts", stateless));
        cases.push(Case::new("messages are compressed with the context of the server", server_context));
        cases.push(Case::new("messages are compressed with both contexts", both_contexts));
        // engine.io 5 compresses no small messages.
        if peer != Peer::EngineIo5 {
            cases
                .push(Case::new("a compressed feed of small messages has less than half of its bytes", feed));
        }
    }
    if way != Way::Polling && peer.is_oxide() {
        cases.push(Case::new("a server without compression declines it", declined));
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

/// Whether a server of python-engineio compresses as soon as a client offers it.
fn compresses_by_default(peer: Peer) -> bool {
    matches!(peer, Peer::Aiohttp | Peer::Uvicorn | Peer::Werkzeug)
}

async fn stateless(cell: Cell) {
    is_compressed(cell, Compression::stateless().threshold(100)).await;
}

async fn server_context(cell: Cell) {
    is_compressed(cell, Compression::server_context().threshold(100)).await;
}

async fn both_contexts(cell: Cell) {
    is_compressed(cell, Compression::both_contexts()).await;
}

async fn is_compressed(cell: Cell, option: Compression) {
    let settings = match cell.peer.is_node() {
        true => json!({ "options": { "perMessageDeflate": { "threshold": 0 } } }),
        false => json!({}),
    };
    let server = cell.start(settings);
    let configure = |builder: EngineIoClientBuilder| builder.compression(option);
    let mut talk = cell.open_with(server.url(), configure, |connect| connect).await;
    talk.settle().await;
    for _ in 0..2 {
        talk.echoes("x£€😀".repeat(10_000)).await;
        talk.echoes(vec![7; 10_000]).await;
        talk.echoes("short").await;
        talk.echoes(Vec::<u8>::new()).await;
    }
    let status = talk.status().await;
    assert!(status.session.expect("a session").websocket_compression.is_some());
    let counters = status.counters;
    assert!(counters.uncompressed_bytes_received > 200_000, "{counters:?}");
    assert!(counters.compressed_bytes_received < counters.uncompressed_bytes_received / 10, "{counters:?}");
    assert!(counters.compressed_bytes_sent < counters.uncompressed_bytes_sent / 10, "{counters:?}");
    talk.disconnect().await;
}

async fn feed(cell: Cell) {
    const COUNT: u64 = 300;
    let settings = match cell.peer.is_node() {
        true => json!({ "options": { "perMessageDeflate": true } }),
        false => json!({}),
    };
    let server = cell.start(settings);
    let configure = |builder: EngineIoClientBuilder| builder.compression(Compression::server_context());
    let mut talk = cell.open_with(server.url(), configure, |connect| connect).await;
    talk.settle().await;
    let before = talk.status().await.counters;
    for at in 0..COUNT {
        // Numbers as those of a market, in about 100 bytes.
        let (price, volume) = (60_000 + at * 7_919 % 997, at * 104_729 % 99_991);
        let ticker = json!({ "symbol": "BTC-EUR", "price": format!("{price}.50"), "volume": volume, "time": 1_764_374_400_000 + 137 * at });
        talk.echoes(format!("42[\"ticker\",{ticker}]")).await;
    }
    let after = talk.status().await.counters;
    let plain = after.uncompressed_bytes_received - before.uncompressed_bytes_received;
    let compressed = after.compressed_bytes_received - before.compressed_bytes_received;
    println!("{plain} bytes were {compressed} on the wire, {} %", 100 * compressed / plain);
    assert!(plain >= 80 * COUNT && compressed * 100 <= plain * 45, "{compressed} of {plain}");
    talk.disconnect().await;
}

async fn declined(cell: Cell) {
    let server = cell.start(json!({}));
    let configure = |builder: EngineIoClientBuilder| builder.compression(Compression::both_contexts());
    let mut talk = cell.open_with(server.url(), configure, |connect| connect).await;
    talk.settle().await;
    talk.echoes("x".repeat(10_000)).await;
    let status = talk.status().await;
    assert_eq!(status.session.expect("a session").websocket_compression, None);
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
