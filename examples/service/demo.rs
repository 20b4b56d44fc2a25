//! A server to try the service with: it answers questions and sends other texts back.

use std::sync::Arc;

use bytes::Bytes;
use engineioxide::{DisconnectReason, Socket, Str, handler::EngineIoHandler};
use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Demo;

impl EngineIoHandler for Demo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<()>>) {
        let _ = match answer(&text) {
            Some(answer) => socket.emit(answer),
            None => socket.emit(text),
        };
    }

    fn on_binary(self: &Arc<Self>, bytes: Bytes, socket: Arc<Socket<()>>) {
        let _ = socket.emit_binary(bytes);
    }
}

/// The answer, if `text` is a question.
fn answer(text: &str) -> Option<String> {
    let question: Value = serde_json::from_str(text).ok()?;
    let id = question.get("id")?.as_u64()?;
    let question = question.get("question")?;
    Some(json!({ "id": id, "answer": { "you asked": question } }).to_string())
}
