//! What the test, the connections and the heartbeat of a server share.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_rt::time::Instant;
use tokio::sync::{Notify, futures::Notified};

use super::{
    Refusal, Request,
    failure::Failures,
    listener::Listener,
    response::Response,
    session::{Asked, Post, Session, SessionEnd},
    settings::Settings,
};
use crate::protocol::handshake::TransportKind;

/// The number of sessions that the words of a failure show, beside the one that the test waits for.
const SHOWN: usize = 3;

/// The number of a session, in the order in which sessions were opened.
pub(super) type SessionId = usize;

/// The state of a server, and the signal that it has changed.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Reads the state. What is changed here wakes nobody.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the state was locked is reported by itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes everybody who waits for a change.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let outcome = change(&mut self.lock());
        self.changed.notify_waiters();
        outcome
    }

    /// Waits until `check` returns something. What it changes then wakes others who wait.
    pub(super) async fn until<T>(&self, mut check: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            // It is created before the check, so that no change in between is missed.
            let changed = self.changed.notified();
            let found = check(&mut self.lock());
            if let Some(found) = found {
                self.changed.notify_waiters();
                return found;
            }
            changed.await;
        }
    }

    /// Waits while `condition` is false.
    pub(super) async fn when(&self, condition: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if condition(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Resolves at the next change after the call.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

/// How the server misbehaves.
#[derive(Debug, Default)]
pub(super) struct Misbehavior {
    /// Nothing is read, answered or sent.
    pub(super) is_hung: bool,
    pub(super) sends_no_pings: bool,
    pub(super) refuses_upgrades: bool,
    pub(super) delay: Duration,
    pub(super) refusals: VecDeque<Refusal>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) misbehavior: Misbehavior,
    pub(super) listener: Listener,
    /// The number of restarts. Connections belong to one life of the server.
    pub(super) life: u64,
    pub(super) requests: Vec<Request>,
    pub(super) failures: Failures,
    sessions: Vec<Session>,
    /// The number of sessions that the test has accepted.
    accepted: usize,
}

/// What a connection does with a request.
#[derive(Debug)]
pub(super) enum Reaction {
    Respond(Response),
    /// The session has vanished.
    Silence,
    /// A GET of this session waits for packets.
    Poll(SessionId),
    /// The connection becomes a WebSocket of this session.
    WebSocket(SessionId, Response),
}

impl State {
    pub(super) fn new(settings: Settings, listener: Listener) -> Self {
        Self {
            settings,
            misbehavior: Misbehavior::default(),
            listener,
            life: 0,
            requests: Vec::new(),
            failures: Failures::default(),
            sessions: Vec::new(),
            accepted: 0,
        }
    }

    pub(super) fn session(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(id)
    }

    pub(super) fn peek(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// The latest session with this session id.
    pub(super) fn find(&self, sid: &str) -> Option<SessionId> {
        self.sessions.iter().rposition(|session| session.sid() == sid)
    }

    /// The next session that the test has not accepted.
    pub(super) fn accept(&mut self) -> Option<SessionId> {
        let id = self.accepted;
        self.sessions.get(id)?;
        self.accepted += 1;
        Some(id)
    }

    /// Ends every session and every connection.
    pub(super) fn end_life(&mut self) {
        self.life += 1;
        for session in &mut self.sessions {
            session.end_silently(SessionEnd::Stopped);
        }
    }

    /// Does what is due in all sessions. Returns the time of the next change, and whether there was one now.
    pub(super) fn handle_time(&mut self, now: Instant) -> (Option<Instant>, bool) {
        if self.misbehavior.is_hung || self.misbehavior.sends_no_pings {
            return (None, false);
        }
        let outcomes: Vec<_> = self.sessions.iter_mut().map(|session| session.handle_time(now)).collect();
        let next = outcomes.iter().filter_map(|(next, _)| *next).min();
        (next, outcomes.iter().any(|(_, acted)| *acted))
    }

    /// Whether to send pings, and to answer those of clients of protocol 3.
    pub(super) fn set_pings(&mut self, send: bool, now: Instant) {
        self.misbehavior.sends_no_pings = !send;
        self.sessions.iter_mut().for_each(|session| session.answer_pings(send));
        self.restart_heartbeats(now);
    }

    /// Waits a whole interval before the next pings.
    pub(super) fn restart_heartbeats(&mut self, now: Instant) {
        for session in &mut self.sessions {
            session.restart_heartbeat(now);
        }
    }

    /// What the server has seen, for the words of a failure. It begins with `awaited`, the session that the test waits for.
    pub(super) fn describe(&self, awaited: Option<SessionId>) -> String {
        let awaited_words =
            awaited.and_then(|id| self.peek(id)).map(|session| format!("it {}", session.describe()));
        let others = self.sessions.iter().enumerate().rev().filter(|(id, _)| Some(*id) != awaited);
        let others = others
            .take(SHOWN)
            .map(|(_, session)| format!("session {:?} {}", session.sid(), session.describe()));
        let mut words: Vec<String> = awaited_words.into_iter().chain(others).collect();
        if words.is_empty() {
            words.push("no session was opened".to_owned());
        }
        words.push(self.describe_requests());
        if self.misbehavior.is_hung {
            words.push("the server hangs".to_owned());
        }
        if !self.listener.is_open() {
            words.push("the server is stopped".to_owned());
        }
        words.join("; ")
    }

    fn describe_requests(&self) -> String {
        let Some(last) = self.requests.last() else { return "there was no request".to_owned() };
        let query: Vec<_> = last.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let number = match self.requests.len() {
            1 => "the only request".to_owned(),
            number => format!("of {number} requests the last one"),
        };
        format!("{number} was {} {}?{}", last.method, last.path, query.join("&"))
    }
}

/// # Requests
impl State {
    /// Decides about a request (protocol 4, "Connection establishment").
    pub(super) fn react(&mut self, request: &Request, now: Instant) -> Reaction {
        if request.path != self.settings.path {
            return Reaction::Respond(Response::new(404, "text/plain", "Not Found"));
        }
        let mut spoken = self.settings.protocols.iter().copied();
        let Some(version) = spoken.find(|version| request.parameter("EIO") == Some(version.as_str())) else {
            return Reaction::Respond(Response::error(5, "Unsupported protocol version"));
        };
        let Some(transport) = request.parameter("transport").and_then(|name| name.parse().ok()) else {
            return Reaction::Respond(Response::error(0, "Transport unknown"));
        };
        match request.parameter("sid") {
            None => self.handshake(request, Asked { version, transport }, now),
            Some(sid) => self.continued(request, transport, sid),
        }
    }

    fn handshake(&mut self, request: &Request, asked: Asked, now: Instant) -> Reaction {
        if let Some(refusal) = self.next_refusal() {
            return Reaction::Respond(refusal);
        }
        let id = self.sessions.len();
        let sid = self.settings.sid.clone().unwrap_or_else(|| format!("test-session-{}", id + 1));
        let mut session = Session::new(sid, asked, &self.settings, now);
        session.answer_pings(!self.misbehavior.sends_no_pings);
        let headers = self.settings.headers.clone();
        let reaction = match (asked.transport, request.method.as_str()) {
            (TransportKind::WebSocket, _) => match Response::switching_protocols(request) {
                Some(response) => Reaction::WebSocket(id, response.with_headers(&headers)),
                None => return Reaction::Respond(Response::error(3, "Bad request")),
            },
            (TransportKind::Polling, "GET") => match session.take_payload() {
                Some(Ok(body)) => Reaction::Respond(Response::packets(body).with_headers(&headers)),
                _ => return Reaction::Respond(Response::error(3, "Bad request")),
            },
            (TransportKind::Polling, _) => {
                return Reaction::Respond(Response::error(2, "Bad handshake method"));
            }
        };
        self.sessions.push(session);
        reaction
    }

    fn next_refusal(&mut self) -> Option<Response> {
        let refusals = &mut self.misbehavior.refusals;
        refusals.retain(|refusal| refusal.times > 0);
        let refusal = refusals.front_mut()?;
        refusal.times -= 1;
        Some(refusal.response.clone())
    }

    /// A request of a session that has been opened.
    fn continued(&mut self, request: &Request, transport: TransportKind, sid: &str) -> Reaction {
        let unknown = Reaction::Respond(Response::error(1, "Session ID unknown"));
        let bad_request = Reaction::Respond(Response::error(3, "Bad request"));
        let Some(id) = self.find(sid) else { return unknown };
        let Some(session) = self.sessions.get_mut(id).filter(|session| session.is_known()) else {
            return unknown;
        };
        if session.has_vanished() {
            return Reaction::Silence;
        }
        match (transport, request.method.as_str()) {
            (TransportKind::WebSocket, _) if self.misbehavior.refuses_upgrades => bad_request,
            (TransportKind::WebSocket, _) if session.transport() == TransportKind::Polling => {
                Response::switching_protocols(request)
                    .map_or(bad_request, |response| Reaction::WebSocket(id, response))
            }
            (TransportKind::WebSocket, _) => bad_request,
            (TransportKind::Polling, "GET") if session.transport() == TransportKind::WebSocket => {
                self.failures.push("the client sent a GET in a session that it has moved to a WebSocket");
                bad_request
            }
            (TransportKind::Polling, "GET") if session.begin_poll() => Reaction::Poll(id),
            (TransportKind::Polling, "POST") => match session.receive_payload(request.body.clone()) {
                // Also in a session that has ended already: a message that was not received is not acknowledged.
                Ok(Post::TooLarge) => {
                    Reaction::Respond(Response::new(413, "text/plain", "Payload Too Large"))
                }
                Ok(Post::Received) => Reaction::Respond(Response::ok()),
                Err(words) => {
                    self.failures.push(words);
                    bad_request
                }
            },
            (TransportKind::Polling, "GET") => {
                self.failures.push("the client sent a GET while another one was waiting");
                bad_request
            }
            (TransportKind::Polling, _) => bad_request,
        }
    }
}

#[cfg(test)]
mod tests;
