//! What happens on the connection, for any number of browsers.

use std::time::Duration;

use actix::prelude::*;
use actix_engineio::{Data, Event};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;

/// Events that may wait for one browser. They share their bytes with those of the others.
const BUFFER: usize = 64;

/// How often a silent stream gets a line of comment: it shows which browsers are gone, and keeps proxies from cutting in.
const SILENCE: Duration = Duration::from_secs(15);

/// The state of the connection, as the page shows it.
#[derive(Clone, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum State {
    Connecting,
    Connected { transport: &'static str },
    Disconnected { reason: String },
    Reconnecting { attempt: u32, delay_ms: u128, cause: String },
}

/// A message of the Engine.IO server, as the page shows it.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Message<'a> {
    Text { text: &'a str },
    Binary { base64: String, bytes: usize },
}

impl<'a> From<&'a Data> for Message<'a> {
    fn from(data: &'a Data) -> Self {
        match data {
            Data::Text(text) => Self::Text { text },
            Data::Binary(bytes) => Self::Binary { base64: STANDARD.encode(bytes), bytes: bytes.len() },
        }
    }
}

/// Passes the connection's events on to the browsers. It never waits for a browser: one that is too slow loses its stream, and
/// connects again by itself, as an `EventSource` does.
pub(crate) struct Feed {
    state: State,
    browsers: Vec<mpsc::Sender<Bytes>>,
    closed: bool,
}

impl Default for Feed {
    fn default() -> Self {
        Self { state: State::Connecting, browsers: Vec::new(), closed: false }
    }
}

impl Feed {
    fn publish(&mut self, chunk: Bytes) {
        self.browsers.retain(|browser| browser.try_send(chunk.clone()).is_ok());
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.publish(chunk("state", &self.state));
    }
}

/// One server-sent event. JSON has no line breaks of its own.
fn chunk(event: &str, data: &impl Serialize) -> Bytes {
    match serde_json::to_string(data) {
        Ok(json) => format!("event: {event}\ndata: {json}\n\n").into(),
        Err(err) => format!(": {err}\n\n").into(),
    }
}

impl Actor for Feed {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(SILENCE, |feed, _| feed.publish(Bytes::from_static(b":\n\n")));
    }
}

impl Handler<Event> for Feed {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        match event {
            // Not the sid: who knows it can act as this client.
            Event::Connected(session) => {
                println!("state         connected over {}", session.transport);
                self.enter(State::Connected { transport: session.transport.as_str() });
            }
            Event::Upgraded(transport) => self.enter(State::Connected { transport: transport.as_str() }),
            Event::Message(data) => self.publish(chunk("message", &Message::from(&data))),
            Event::Disconnected(end) => {
                println!("state         disconnected: {}", end.reason);
                self.enter(State::Disconnected { reason: end.reason.to_string() });
            }
            Event::Reconnecting(next) => {
                println!("state         reconnecting in {:.1?}: {}", next.delay, next.cause);
                self.enter(State::Reconnecting {
                    attempt: next.attempt,
                    delay_ms: next.delay.as_millis(),
                    cause: next.cause.to_string(),
                });
            }
            Event::ReconnectFailed(err) => {
                println!("state         gave up: {err}");
                self.enter(State::Disconnected { reason: err.to_string() });
            }
            event => println!("event         {event:?}"),
        }
    }
}

/// Adds a browser. Its stream begins with the state; `None` when the gateway is stopping.
#[derive(actix::Message)]
#[rtype(result = "Option<mpsc::Receiver<Bytes>>")]
pub(crate) struct Watch;

impl Handler<Watch> for Feed {
    type Result = Option<mpsc::Receiver<Bytes>>;

    fn handle(&mut self, _: Watch, _: &mut Self::Context) -> Self::Result {
        if self.closed {
            return None;
        }
        self.browsers.retain(|browser| !browser.is_closed());
        let (sender, receiver) = mpsc::channel(BUFFER);
        // The channel is still empty, so this does not fail.
        let _ = sender.try_send(chunk("state", &self.state));
        self.browsers.push(sender);
        Some(receiver)
    }
}

/// Counts the browsers.
#[derive(actix::Message)]
#[rtype(result = "usize")]
pub(crate) struct Count;

impl Handler<Count> for Feed {
    type Result = usize;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> usize {
        self.browsers.retain(|browser| !browser.is_closed());
        self.browsers.len()
    }
}

/// Ends every stream, and begins no other.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Close;

impl Handler<Close> for Feed {
    type Result = ();

    fn handle(&mut self, _: Close, _: &mut Self::Context) {
        self.closed = true;
        self.browsers.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[actix::test]
    async fn a_browser_that_does_not_keep_up_loses_its_stream_and_holds_nobody_back() {
        let feed = Feed::default().start();
        let mut slow = feed.send(Watch).await.unwrap().unwrap();
        let mut quick = feed.send(Watch).await.unwrap().unwrap();
        assert!(quick.recv().await.unwrap().starts_with(b"event: state"));
        for number in 0..2 * BUFFER {
            feed.send(Event::Message(number.to_string().into())).await.unwrap();
            let chunk = quick.recv().await.unwrap();
            assert_eq!(chunk, chunk_of(number));
        }
        assert_eq!(feed.send(Count).await.unwrap(), 1);
        // What had room still comes, then the end, so that the browser asks again.
        assert!(slow.recv().await.unwrap().starts_with(b"event: state"));
        for number in 0..BUFFER - 1 {
            assert_eq!(slow.recv().await.unwrap(), chunk_of(number));
        }
        assert_eq!(slow.recv().await, None);
    }

    fn chunk_of(number: usize) -> Bytes {
        format!("event: message\ndata: {{\"kind\":\"text\",\"text\":\"{number}\"}}\n\n").into()
    }
}
