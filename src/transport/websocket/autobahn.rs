//! The client's half of the Autobahn test suite, which `tests/autobahn/run` starts: the real handshake and the real
//! socket, with an echo in the place of Engine.IO's packets.

use std::{env, future::poll_fn, time::Duration};

use actix_rt::time::timeout;

use super::{handshake, socket::End, *};
use crate::{
    protocol::{
        endpoint::Endpoint,
        websocket::{Opcode, Text},
    },
    transport::Options,
};

/// The name in the reports.
const AGENT: &str = "actix-engineio";
/// The suite gives up on a case by itself long before.
const CASE_LIMIT: Duration = Duration::from_secs(180);
/// The largest messages of the suite have 16 MiB.
const MAX_MESSAGE_SIZE: usize = 64 << 20;

/// Opens a WebSocket to what the suite has at `path`. It pays no attention to `EIO` and `transport` in the query.
async fn open(url: &str, path: &str, query: &str) -> Socket {
    let endpoint = Endpoint::new(&format!("{url}?{query}"), path, false, &"t".into()).unwrap();
    let endpoint = Arc::new(endpoint);
    let options = Options {
        request_timeout: Duration::from_secs(30),
        max_message_size: MAX_MESSAGE_SIZE,
        timestamp_requests: false,
        headers: Vec::new(),
        websocket_headers: Vec::new(),
        cookies: None,
        network: Arc::default(),
    };
    let trusted = endpoint.clone();
    let requests = Requests { endpoint, sid: None, options: Arc::new(options), trusted };
    handshake::connect(requests.http_client(), requests).await.unwrap().0
}

/// Sends every message back, until the connection ends.
async fn echo(socket: &mut Socket) {
    let end = poll_fn(|task| {
        loop {
            let flushed = socket.poll_flush(task).is_ready();
            match socket.poll_message(true, task) {
                Poll::Ready(Ok(Message::Text(Text { head, rest }))) => {
                    let head: String = head.into_iter().collect();
                    socket.queue(Opcode::Text, head.as_bytes(), rest.as_bytes());
                }
                Poll::Ready(Ok(Message::Binary(bytes))) => socket.queue(Opcode::Binary, &[], &bytes),
                Poll::Ready(Ok(message)) => panic!("{message:?} is none to be handed on"),
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                // A ping was answered.
                Poll::Pending if flushed && socket.has_output() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    socket.leave(end.close_code(), &mut Task::from_waker(Waker::noop()));
}

async fn case_count(url: &str) -> usize {
    let mut socket = open(url, "getCaseCount", "").await;
    match poll_fn(|task| socket.poll_message(true, task)).await {
        Ok(Message::Text(Text { head, rest })) => {
            (head.into_iter().collect::<String>() + &rest).parse().unwrap()
        }
        Ok(message) => panic!("{message:?} is no number"),
        Err(End::Failed(err)) => panic!("{err}"),
        Err(End::CloseFrame(frame)) => panic!("{frame:?} instead of a number"),
    }
}

#[actix::test]
async fn every_message_of_the_autobahn_suite_is_echoed() {
    let Ok(url) = env::var("AUTOBAHN_URL") else { return };
    let count = case_count(&url).await;
    for case in 1..=count {
        let mut socket = open(&url, "runCase", &format!("case={case}&http_client={AGENT}")).await;
        // The report says what became of the case.
        if timeout(CASE_LIMIT, echo(&mut socket)).await.is_err() {
            println!("case {case} of {count} has not ended in time");
        }
    }
    echo(&mut open(&url, "updateReports", &format!("http_client={AGENT}")).await).await;
}
