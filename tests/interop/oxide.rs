//! engineioxide as a process: the program of these tests, started once more.

use std::{
    io::{self, Read as _},
    process,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use bytes::Bytes;
use engineioxide::{
    DisconnectReason, Socket, Str, TransportType, config::EngineIoConfig, handler::EngineIoHandler,
    layer::EngineIoLayer,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime};

use crate::embedded::EmbeddedServer;

/// Serves until stdin ends.
pub(crate) fn serve(settings: &str) {
    let settings: Value = serde_json::from_str(settings).expect("settings are JSON");
    let conduct = Conduct { keep: settings["keep"] == true };
    let config = config(&settings["options"]);
    if settings["on"] == "hyper" {
        let server = EmbeddedServer::start(conduct, config).expect("a free port");
        say(json!({ "event": "ready", "port": server.addr().port() }));
        wait_for_stdin();
    } else {
        thread::spawn(|| {
            wait_for_stdin();
            process::exit(0);
        });
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            say(json!({ "event": "ready", "port": listener.local_addr().expect("an address").port() }));
            let app = axum::Router::new().layer(EngineIoLayer::from_config(Arc::new(conduct), config));
            axum::serve(listener, app).await.expect("it serves");
        });
    }
}

fn wait_for_stdin() {
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

fn say(line: Value) {
    println!("{line}");
}

/// The options of engineioxide, by the names of engine.io.
fn config(options: &Value) -> EngineIoConfig {
    // `emit` does not wait, it fails when the buffer is full.
    let mut builder = EngineIoConfig::builder().max_buffer_size(100_000);
    if let Some(millis) = options["pingInterval"].as_u64() {
        builder = builder.ping_interval(Duration::from_millis(millis));
    }
    if let Some(millis) = options["pingTimeout"].as_u64() {
        builder = builder.ping_timeout(Duration::from_millis(millis));
    }
    if let Some(bytes) = options["maxHttpBufferSize"].as_u64() {
        builder = builder.max_payload(bytes);
    }
    match options["transports"][0].as_str() {
        None => {}
        Some("polling") => builder = builder.transports([TransportType::Polling]),
        Some(_) => builder = builder.transports([TransportType::Websocket]),
    }
    builder.build()
}

/// Collects messages, or sends them back and does what they ask for.
#[derive(Debug, Clone)]
struct Conduct {
    keep: bool,
}

impl EngineIoHandler for Conduct {
    type Data = Mutex<Vec<String>>;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Self::Data>>) {
        let transport = match socket.transport_type() {
            TransportType::Polling => "polling",
            TransportType::Websocket => "websocket",
        };
        say(json!({ "event": "connection", "sid": socket.id.to_string(), "transport": transport }));
    }

    fn on_disconnect(&self, socket: Arc<Socket<Self::Data>>, reason: DisconnectReason) {
        let received = socket.data.lock().expect("nobody panics with it");
        let (sid, reason) = (socket.id.to_string(), format!("{reason:?}"));
        say(json!({ "event": "close", "sid": sid, "reason": reason, "received": *received }));
    }

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<Self::Data>>) {
        if self.keep {
            socket.data.lock().expect("nobody panics with it").push(text.to_string());
        } else if text == "/close" {
            socket.close(DisconnectReason::ClosingServer);
        } else if text == "/flood" {
            tokio::spawn(flood(socket));
        } else {
            let _ = socket.emit(text);
        }
    }

    fn on_binary(self: &Arc<Self>, bytes: Bytes, socket: Arc<Socket<Self::Data>>) {
        let _ = socket.emit_binary(bytes);
    }
}

/// Sends messages during the whole time that an upgrade takes.
async fn flood(socket: Arc<Socket<Mutex<Vec<String>>>>) {
    for at in 0..500 {
        let _ = socket.emit(format!("flood {at}"));
        if at % 10 == 9 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
