//! A small Socket.IO server in the same process. It lets everybody in, sends every event back, and acknowledges it with
//! its arguments. It exists because this example should run without anything else; use a real one instead.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use actix_engineio::{Data, bytes::Bytes};
use engineioxide::{DisconnectReason, Socket, Str, handler::EngineIoHandler};
use serde_json::{Map, json};

use crate::{
    client::codec::{Body, Decoder, Packet},
    embedded::EmbeddedServer,
};

pub(crate) fn start() -> io::Result<EmbeddedServer> {
    let config = engineioxide::config::EngineIoConfig::builder().req_path("/socket.io").build();
    EmbeddedServer::start(Echo, config)
}

#[derive(Debug)]
struct Echo;

impl EngineIoHandler for Echo {
    type Data = Mutex<Decoder>;

    fn on_connect(self: Arc<Self>, _: Arc<Socket<Self::Data>>) {}

    fn on_disconnect(&self, _: Arc<Socket<Self::Data>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<Self::Data>>) {
        answer(&socket, text.as_str().into());
    }

    fn on_binary(self: &Arc<Self>, bytes: Bytes, socket: Arc<Socket<Self::Data>>) {
        answer(&socket, bytes.into());
    }
}

fn answer(socket: &Socket<Mutex<Decoder>>, data: Data) {
    let packet = socket.data.lock().unwrap_or_else(PoisonError::into_inner).decode(data);
    let Packet { namespace, body } = match packet {
        Ok(Some(packet)) => packet,
        Ok(None) => return,
        Err(_) => return socket.close(DisconnectReason::PacketParsingError),
    };
    let mut answers = Vec::new();
    match body {
        Body::Connect(_) => {
            answers.push(Body::Connect(Map::from_iter([("sid".to_owned(), json!(socket.id))])))
        }
        Body::Event { id, name, args } => {
            if let Some(id) = id {
                answers.push(Body::Ack { id, args: args.clone() });
            }
            answers.push(Body::Event { id: None, name, args });
        }
        _ => {}
    }
    for data in answers.into_iter().flat_map(|body| Packet::new(&namespace, body).encode()) {
        let _ = match data {
            Data::Text(text) => socket.emit(text.to_string()).is_ok(),
            Data::Binary(bytes) => socket.emit_binary(bytes).is_ok(),
        };
    }
}
