//! How a test makes its server misbehave.

use std::time::Duration;

use actix_rt::time::Instant;

use super::TestServer;
#[cfg(doc)]
use crate::testing::Peer;
use crate::testing::Refusal;

/// # Misbehavior
impl TestServer {
    /// Refuses the next handshakes with a status. If it is called several times, the refusals are used one after another. It
    /// is no error if fewer handshakes come. [`Refusal`] has an example.
    pub fn refuse(&self, refusal: Refusal) {
        self.shared.update(|state| state.misbehavior.refusals.push_back(refusal));
    }

    /// Whether to refuse the WebSocket of every upgrade, so that sessions stay on polling. Default: `false`.
    ///
    /// ```
    /// # use actix_engineio::{Connect, EngineIoClient, EventStream, Event, testing::TestServer};
    /// # use futures_util::StreamExt as _;
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// # let mut events = EventStream::subscribe(&client).await.unwrap();
    /// server.refuse_upgrades(true);
    /// client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// assert!(matches!(events.next().await, Some(Event::Connected(_))));
    /// assert!(matches!(events.next().await, Some(Event::UpgradeFailed(_))));
    /// # }
    /// ```
    pub fn refuse_upgrades(&self, refuse: bool) {
        self.shared.update(|state| state.misbehavior.refuses_upgrades = refuse);
    }

    /// Whether to send pings, and in protocol 3 to answer those of the client. Default: `true`. Without pings, and if nothing
    /// else arrives, a client ends a session after the ping interval and the ping timeout. The server does everything else as
    /// before, so it still reads what the client sends. Over polling the answers to POSTs keep a session of protocol 4 alive
    /// for longer. [`in_memory`](TestServer::in_memory) has an example.
    pub fn pings(&self, send: bool) {
        self.shared.update(|state| state.set_pings(send, Instant::now()));
    }

    /// Stops reading, answering and sending, as a process that has been suspended. Connections stay open, and new ones are
    /// accepted, until [`resume`](Self::resume). [`Peer::vanish`] does so for one session.
    ///
    /// - Requests that arrive meanwhile are read after `resume`. Only then are they in [`requests`](Self::requests), and only then
    ///   does [`handshakes`](Self::handshakes) count them.
    /// - A handshake whose connection the client has closed by then is recorded, but opens no session: nobody would use it.
    /// - What a client has sent meanwhile in a session still arrives after `resume`, also if the client has given up the session.
    ///   Call [`restart`](Self::restart) before `resume` to forget all of this, as after a loss of power.
    /// - `restart` and [`stop`](Self::stop) do not end a hang. While the server hangs and is stopped, it refuses connections.
    ///
    /// All of this is the same for a server [`in_memory`](TestServer::in_memory).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use actix_engineio::{Connect, EngineIoClient, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// server.hang();
    /// let client = EngineIoClient::builder().connect_timeout(Duration::from_millis(50)).start();
    /// let err = client.send(Connect::new(server.url())).await.unwrap().unwrap_err();
    /// assert!(err.is_retryable());
    ///
    /// server.resume();
    /// client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// # }
    /// ```
    pub fn hang(&self) {
        self.shared.update(|state| state.misbehavior.is_hung = true);
    }

    /// Ends a [`hang`](Self::hang): the server now reads what has arrived in the meantime. The next ping comes after one whole
    /// interval.
    pub fn resume(&self) {
        self.shared.update(|state| {
            state.misbehavior.is_hung = false;
            state.restart_heartbeats(Instant::now());
        });
    }

    /// Waits that long before each answer to a request. Default: zero. A session is opened after the delay, and only if the client
    /// still waits for it. What a POST contains has been received before the delay.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use actix_engineio::{Connect, EngineIoClient, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// server.delay(Duration::from_millis(50));
    /// let start = Instant::now();
    /// client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// assert!(start.elapsed() >= Duration::from_millis(50));
    /// # }
    /// ```
    pub fn delay(&self, delay: Duration) {
        self.shared.update(|state| state.misbehavior.delay = delay);
    }

    /// Closes all connections and forgets all sessions, as a process that is killed: each connection ends with a FIN, without a
    /// close packet and without a close frame. The server refuses connections until [`restart`](Self::restart), also those of a
    /// [`connector`](TestServer::connector), and nobody else gets its port meanwhile.
    ///
    /// Messages that had arrived before are still in the [`Peer`]s of the sessions.
    ///
    /// ```
    /// # use actix_engineio::{Connect, EngineIoClient, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// server.stop();
    /// client.send(Connect::new(server.url())).await.unwrap().unwrap_err();
    ///
    /// server.restart();
    /// client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// # }
    /// ```
    pub fn stop(&self) {
        self.shared.update(|state| {
            state.end_life();
            if let Err(err) = state.listener.close() {
                state.failures.push(format!("the test server cannot keep its port: {err}"));
            }
        });
    }

    /// Closes all connections and forgets all sessions, as a process that is started again on the same port. The requests that
    /// were recorded stay, and so do the settings and the misbehavior: a server that hangs keeps hanging until
    /// [`resume`](Self::resume).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use actix_engineio::{Connect, EngineIoClient, Reconnect, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// let policy = Reconnect::constant(Duration::from_millis(1));
    /// let client = EngineIoClient::builder().reconnect(policy).start();
    /// client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let first = server.accept().await;
    ///
    /// server.restart();
    /// let second = server.accept().await;
    /// assert_ne!(first.sid(), second.sid());
    /// # }
    /// ```
    pub fn restart(&self) {
        self.shared.update(|state| {
            state.end_life();
            if let Err(err) = state.listener.open() {
                state.failures.push(format!("the test server cannot open its port again: {err}"));
            }
        });
    }
}
