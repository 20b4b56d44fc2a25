//! The actor. The guide shows all of this file but its first lines.

use actix::prelude::*;
use actix_engineio::{self as engineio, Connect, Disconnect, EngineIoClient, Event, Reconnect, Subscribe};

/// Owns a client. After each restart it has another one.
pub(crate) struct Feed {
    url: String,
    /// The number of starts. It tells the events of the present client from those of earlier ones.
    generation: u32,
    client: Option<Addr<EngineIoClient>>,
    received: usize,
    unsent: usize,
}

impl Feed {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), generation: 0, client: None, received: 0, unsent: 0 }
    }
}

impl Actor for Feed {
    type Context = Context<Self>;

    /// Runs at the first start and after each restart.
    fn started(&mut self, ctx: &mut Self::Context) {
        self.generation += 1;
        let generation = self.generation;
        // The client and this actor keep each other alive until `Close`. A service lives as long as its program.
        let subscribe =
            Subscribe::mapped(ctx.address().recipient(), move |event| FromClient { generation, event });
        let client = EngineIoClient::builder()
            .reconnect(Reconnect::exponential().on_initial_connect(true))
            .subscribe(subscribe)
            .start();
        let connect = client.send(Connect::new(&self.url)).into_actor(self);
        ctx.spawn(connect.map(|outcome, _, _| {
            // If the first attempt fails with an error that is not retried, such as the status 403, no event says so.
            if let Ok(Err(err)) = outcome {
                eprintln!("no connection: {err}");
            }
        }));
        self.client = Some(client);
    }
}

impl Supervised for Feed {
    /// The address of a supervised actor stays the same, and the client has it as its subscriber. Without a `Disconnect` the
    /// client would therefore go on, and the actor would have two of them.
    fn restarting(&mut self, _: &mut Self::Context) {
        if let Some(client) = self.client.take() {
            client.do_send(Disconnect::new());
        }
    }
}

/// An event, and the generation that its client belongs to.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FromClient {
    generation: u32,
    event: Event,
}

impl Handler<FromClient> for Feed {
    type Result = ();

    fn handle(&mut self, FromClient { generation, event }: FromClient, _: &mut Self::Context) {
        match event {
            // These events of an earlier client count too: they return the messages that were not sent.
            Event::Disconnected(end) => self.unsent += end.unsent.len(),
            Event::Rejected(_) => self.unsent += 1,
            Event::RejectedAll(err) => self.unsent += err.data.len(),
            // The earlier client is still closing.
            _ if generation != self.generation => {}
            Event::Message(_) => self.received += 1,
            _ => {}
        }
    }
}

/// Sends a text.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Publish(pub(crate) String);

impl Handler<Publish> for Feed {
    type Result = ();

    fn handle(&mut self, Publish(text): Publish, _: &mut Self::Context) {
        if let Some(client) = &self.client {
            client.do_send(engineio::Send::text(text));
        }
    }
}

/// Stops the actor. Its supervisor starts it again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Restart;

impl Handler<Restart> for Feed {
    type Result = ();

    fn handle(&mut self, _: Restart, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// Disconnects, and replies when everything was sent and closed. A program sends this before its `main` returns.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Close;

impl Handler<Close> for Feed {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Close, _: &mut Self::Context) -> Self::Result {
        // Without an address the client stops after it has disconnected.
        let client = self.client.take();
        Box::pin(async move {
            if let Some(client) = client {
                // The client may have stopped.
                let _ = client.send(Disconnect::new()).await;
            }
        })
    }
}

/// Replies with the number of messages that were received, and of those that were not sent.
#[derive(Message)]
#[rtype(result = "(usize, usize)")]
pub(crate) struct Figures;

impl Handler<Figures> for Feed {
    type Result = MessageResult<Figures>;

    fn handle(&mut self, _: Figures, _: &mut Self::Context) -> Self::Result {
        MessageResult((self.received, self.unsent))
    }
}

/// A service needs a `Default`. `main` registers its own feed before anybody asks for one.
impl Default for Feed {
    fn default() -> Self {
        Self::new("http://localhost:5000")
    }
}

impl SystemService for Feed {}
