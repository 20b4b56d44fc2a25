//! The client's part of the Autobahn test suite, which `tests/autobahn/run` starts: the real handshake and the real
//! socket, with an echo instead of Engine.IO's packets.

use std::{env, future::poll_fn, sync::Arc, time::Duration};

use actix_rt::time::timeout;

use super::*;
use crate::{
    protocol::{
        endpoint::Endpoint,
        websocket::{Compression, Message, Opcode, Text},
    },
    transport::Options,
};

/// The name in the reports.
const AGENT: &str = "actix-engineio";
/// The limit for one case. The suite itself gives up long before.
const CASE_LIMIT: Duration = Duration::from_secs(180);
/// The largest messages of the suite have 16 MiB.
const MAX_MESSAGE_SIZE: usize = 64 << 20;

/// The compression to offer.
fn compression() -> Option<Compression> {
    match env::var("AUTOBAHN_COMPRESSION").as_deref() {
        Ok("stateless") => Some(Compression::stateless().threshold(1)),
        Ok("server_context") => Some(Compression::server_context().threshold(1)),
        Ok("both_contexts") => Some(Compression::both_contexts()),
        Ok(other) => panic!("no such compression: {other}"),
        Err(_) => None,
    }
}

/// Opens a WebSocket to a `path` of the suite, which ignores `EIO` and `transport` in the query.
async fn open(url: &str, path: &str, query: &str) -> Socket {
    let endpoint = Endpoint::new(&format!("{url}?{query}"), path, false, "t".into()).unwrap();
    let endpoint = Arc::new(endpoint);
    let options = Options {
        request_timeout: Duration::from_secs(30),
        max_message_size: MAX_MESSAGE_SIZE,
        compression: compression(),
        timestamp_requests: false,
        ..Options::new(Arc::default())
    };
    let requests = Requests::new(endpoint.clone(), None, Arc::new(options), endpoint);
    match handshake::connect(requests.new_http_client(), requests).await.unwrap() {
        Handshake::Opened(socket, _) => *socket,
        Handshake::Moved(_) => panic!("a redirect"),
    }
}

/// Sends every message back, until the connection ends.
async fn echo(socket: &mut Socket) {
    let reason = poll_fn(|task| {
        loop {
            let is_flushed = socket.poll_flush(task).is_ready();
            match socket.poll_message(true, Ok, task) {
                Poll::Ready(Ok(Message::Text(Text { head, rest }))) => {
                    let head: String = head.into_iter().collect();
                    socket.queue_compressed(Opcode::Text, head.as_bytes(), rest.as_bytes());
                }
                Poll::Ready(Ok(Message::Binary(bytes))) => {
                    socket.queue_compressed(Opcode::Binary, &[], &bytes)
                }
                Poll::Ready(Ok(message)) => panic!("{message:?} is a control frame"),
                Poll::Ready(Err(reason)) => return Poll::Ready(reason),
                // The answer to a ping was queued.
                Poll::Pending if is_flushed && socket.has_unwritten_bytes() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    if let Some(code) = close_code(&reason) {
        socket.queue_close(code);
    }
    let _ = socket.poll_flush(&mut Task::from_waker(Waker::noop()));
}

async fn case_count(url: &str) -> usize {
    let mut socket = open(url, "getCaseCount", "").await;
    match poll_fn(|task| socket.poll_message(true, Ok, task)).await {
        Ok(Message::Text(Text { head, rest })) => {
            (head.into_iter().collect::<String>() + &rest).parse().unwrap()
        }
        other => panic!("{other:?} instead of a number"),
    }
}

#[actix::test]
async fn every_message_of_the_autobahn_suite_is_echoed() {
    let Ok(url) = env::var("AUTOBAHN_URL") else { return };
    let count = case_count(&url).await;
    for case in 1..=count {
        let mut socket = open(&url, "runCase", &format!("case={case}&agent={AGENT}")).await;
        // The report shows the verdict on the case.
        if timeout(CASE_LIMIT, echo(&mut socket)).await.is_err() {
            println!("case {case} of {count} has not ended in time");
        }
    }
    echo(&mut open(&url, "updateReports", &format!("agent={AGENT}")).await).await;
}
