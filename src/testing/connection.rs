//! One connection of a client: HTTP/1.1 requests one after another, and then perhaps a WebSocket.

use std::{cell::Cell, future::pending, pin::pin, rc::Rc, sync::Arc, time::Duration};

use actix_rt::{
    task::yield_now,
    time::{Instant, sleep},
};
use bytes::BytesMut;
use futures::future::{Either, select};
use tokio::io::AsyncWriteExt as _;

use super::{
    request::{self, Request, fill},
    response::Response,
    session::SessionEnd,
    state::{Reaction, SessionId, Shared, State},
    stream::ServerStream,
    websocket,
};

pub(super) struct Connection {
    shared: Arc<Shared>,
    stream: ServerStream,
    /// Bytes that were read and not taken yet.
    buffer: BytesMut,
    session: Binding,
}

/// The session that a connection belongs to, once it is known.
#[derive(Clone, Default)]
pub(super) struct Binding(Rc<Cell<Option<SessionId>>>);

impl Binding {
    fn set(&self, id: SessionId) {
        self.0.set(Some(id));
    }

    /// Whether the connection is silent now.
    fn is_suspended(&self, state: &State) -> bool {
        state.misbehavior.is_hung || self.has_vanished(state)
    }

    fn has_vanished(&self, state: &State) -> bool {
        self.0.get().and_then(|id| state.peek(id)).is_some_and(|session| session.has_vanished())
    }
}

/// Serves a connection until it ends, or the life of the server does.
pub(super) async fn serve(shared: Arc<Shared>, stream: ServerStream, life: u64) {
    let session = Binding::default();
    let connection =
        Connection { shared: shared.clone(), stream, buffer: BytesMut::new(), session: session.clone() };
    let mut work = pin!(connection.run());
    let end_of_life = pin!(shared.when(|state| state.life != life));
    let work = pin!(async {
        loop {
            shared.when(|state| !session.is_suspended(state)).await;
            let suspended = pin!(shared.when(|state| session.is_suspended(state)));
            // A connection that is suspended is not polled, so it neither reads nor writes.
            if let Either::Right(_) = select(suspended, work.as_mut()).await {
                return;
            }
        }
    });
    select(end_of_life, work).await;
}

impl Connection {
    async fn run(mut self) {
        loop {
            let request = match request::read(&mut self.stream, &mut self.buffer).await {
                Ok(Some(request)) => request,
                Ok(None) => return,
                Err(words) => return self.shared.update(|state| state.failures.push(words)),
            };
            let Some(reaction) = self.react(&request).await else { return };
            let response = match reaction {
                Reaction::Respond(response) => response,
                Reaction::Silence => pending().await,
                Reaction::Poll(id) => match self.poll(id).await {
                    Some(response) => response,
                    None => return,
                },
                Reaction::WebSocket(id, response) => {
                    self.session.set(id);
                    if self.respond(&response).await {
                        websocket::serve(&self.shared, id, self.stream, self.buffer).await;
                    }
                    return;
                }
            };
            if !self.respond(&response).await {
                return;
            }
        }
    }

    /// Decides about a request. `None`: the client has given up a handshake. Nobody would use its session, so a session is
    /// opened only after the delay.
    async fn react(&mut self, request: &Request) -> Option<Reaction> {
        let delay = self.shared.update(|state| {
            state.requests.push(request.clone());
            state.misbehavior.delay
        });
        if request.is_handshake() && self.is_given_up_within(delay).await {
            return None;
        }
        let reaction = self.shared.update(|state| {
            let sid = request.parameter("sid");
            if let Some(id) = sid.and_then(|sid| state.find(sid)) {
                self.session.set(id);
            }
            state.react(request, Instant::now())
        });
        if !request.is_handshake() {
            sleep_for(delay).await;
        }
        Some(reaction)
    }

    /// Whether the client has closed the connection, or closes it within `delay`.
    async fn is_given_up_within(&mut self, delay: Duration) -> bool {
        let closed = pin!(self.closed());
        let wait = pin!(async {
            sleep_for(delay).await;
            // Lets the runtime ask the system for news of the connection.
            yield_now().await;
        });
        matches!(select(closed, wait).await, Either::Left(_))
    }

    /// Waits until the client closes the connection. A client that has sent a request sends nothing before the answer.
    async fn closed(&mut self) {
        while fill(&mut self.stream, &mut self.buffer).await {}
    }

    /// Waits until there is something for a poll. `None`: the connection has ended.
    async fn poll(&mut self, id: SessionId) -> Option<Response> {
        let shared = self.shared.clone();
        let payload = pin!(shared.until(|state| state.session(id)?.take_payload()));
        let closed = pin!(self.closed());
        let payload = match select(payload, closed).await {
            Either::Left((payload, _)) => Some(payload),
            Either::Right(_) => None,
        };
        shared.update(|state| {
            if let Some(session) = state.session(id) {
                session.end_poll();
                if payload.is_none() {
                    session.poll_lost();
                }
            }
        });
        match payload? {
            Ok(body) => Some(Response::packets(body)),
            Err(SessionEnd::Lost) => None,
            Err(_) => Some(Response::error(1, "Session ID unknown")),
        }
    }

    async fn respond(&mut self, response: &Response) -> bool {
        self.stream.write_all(&response.encode()).await.is_ok()
    }
}

async fn sleep_for(delay: Duration) {
    if !delay.is_zero() {
        sleep(delay).await;
    }
}
