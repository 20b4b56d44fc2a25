//! The other end of a session as a test sees it.

mod arrival;

use std::{fmt, panic::Location, sync::Arc};

use super::{
    SessionEnd,
    failure::{Place, fail},
    session::Session,
    state::{SessionId, Shared},
    wait::{Awaited, wait},
};
use crate::{
    data::Data,
    protocol::{handshake::TransportKind, packet::Packet},
};

/// The server's end of one session, from [`TestServer::accept`](super::TestServer::accept). Dropping it does not end the
/// session.
///
/// ```
/// use actix_engineio::{self as engineio, Connect, Data, Event, EngineIoClient, EventStream, testing::TestServer};
/// use futures_util::StreamExt as _;
///
/// #[actix::main]
/// async fn main() {
///     let server = TestServer::start();
///     let client = EngineIoClient::builder().start();
///     let mut events = EventStream::subscribe(&client).await.unwrap();
///     client.send(Connect::new(server.url())).await.unwrap().unwrap();
///     let mut peer = server.accept().await;
///
///     client.send(engineio::Send::text("to the server")).await.unwrap().unwrap();
///     assert_eq!(peer.receive().await, Data::from("to the server"));
///
///     peer.send("to the client");
///     peer.send(vec![0, 255]);
///     let messages = events.filter_map(async |event| match event {
///         Event::Message(data) => Some(data),
///         _ => None,
///     });
///     assert_eq!(messages.take(2).collect::<Vec<_>>().await, ["to the client".into(), Data::from(vec![0, 255])]);
/// }
/// ```
pub struct Peer {
    shared: Arc<Shared>,
    id: SessionId,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("sid", &self.sid()).finish_non_exhaustive()
    }
}

impl Peer {
    pub(super) fn new(shared: Arc<Shared>, id: SessionId) -> Self {
        Self { shared, id }
    }

    fn read<T: Default>(&self, read: impl FnOnce(&Session) -> T) -> T {
        self.shared.lock().peek(self.id).map(read).unwrap_or_default()
    }

    fn change(&self, change: impl FnOnce(&mut Session)) {
        self.shared.update(|state| state.session(self.id).map(change));
    }

    /// Waits for something that a session that has ended does not do any more.
    async fn until<T>(
        &self,
        place: Place,
        what: &str,
        mut check: impl FnMut(&mut Session) -> Option<T>,
    ) -> T {
        let awaited = Awaited { place, what, session: Some(self.id) };
        wait(&self.shared, awaited, |state| {
            let session = state.session(self.id)?;
            if let Some(found) = check(session) {
                return Some(Ok(found));
            }
            session.end().map(|_| Err(format!("it {}", session.describe())))
        })
        .await
    }
}

/// # The session
impl Peer {
    /// The session id.
    pub fn sid(&self) -> String {
        self.read(|session| session.sid().to_owned())
    }

    /// The transport that carries the session now.
    pub fn transport(&self) -> TransportKind {
        let state = self.shared.lock();
        state.peek(self.id).map_or(TransportKind::Polling, Session::transport)
    }

    /// Waits until the client has moved the session to a WebSocket.
    ///
    /// ```
    /// # use actix_engineio::{Connect, EngineIoClient, TransportKind, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// # client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let peer = server.accept().await;
    /// peer.upgraded().await;
    /// assert_eq!(peer.transport(), TransportKind::WebSocket);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If that does not happen within the limit, or the session ends.
    #[track_caller]
    pub fn upgraded(&self) -> impl Future<Output = ()> + '_ {
        let place = Location::caller();
        self.until(place, "the upgrade to WebSocket", |session| {
            (session.transport() == TransportKind::WebSocket).then_some(())
        })
    }

    /// Waits for the end of the session, and returns how it ended.
    ///
    /// ```
    /// # use actix_engineio::{Connect, Disconnect, EngineIoClient, testing::{SessionEnd, TestServer}};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// # client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let peer = server.accept().await;
    /// client.send(Disconnect::new()).await.unwrap();
    /// assert_eq!(peer.ended().await, SessionEnd::Client);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the session does not end within the limit.
    #[track_caller]
    pub fn ended(&self) -> impl Future<Output = SessionEnd> + '_ {
        let place = Location::caller();
        self.until(place, "the end of the session", |session| session.end())
    }
}

/// # Messages
impl Peer {
    /// Waits for the next message of the client. The future can be dropped, for example by `select!`: no message is lost.
    ///
    /// The client may not know yet that the message has arrived. If the test breaks the connection then, the message can be in
    /// [`in_doubt`](crate::Disconnected::in_doubt), and an actor that sends such messages again sends it twice. So await
    /// [`confirmed`](Self::confirmed) before, or a [`ping`](Self::ping) if the client has no `confirm_sends`.
    ///
    /// ```
    /// # use actix_engineio::{self as engineio, Connect, EngineIoClient, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// # client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let mut peer = server.accept().await;
    /// client.send(engineio::Send::binary(vec![1, 2])).await.unwrap().unwrap();
    /// assert_eq!(peer.receive().await.as_bytes(), &[1, 2][..]);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If none arrives within the limit, or the session ends before. Messages that arrived before the end are returned
    /// first.
    #[track_caller]
    pub fn receive(&mut self) -> impl Future<Output = Data> + '_ {
        let place = Location::caller();
        self.until(place, "a message of the client", Session::take_message)
    }

    /// Takes the messages that have arrived and that were not returned before, without waiting.
    ///
    /// ```
    /// # use actix_engineio::{self as engineio, Connect, Data, Disconnect, EngineIoClient, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// # client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let mut peer = server.accept().await;
    /// client.do_send(engineio::Send::text("one"));
    /// client.do_send(engineio::Send::text("two"));
    /// client.send(Disconnect::new()).await.unwrap();
    /// peer.ended().await;
    /// assert_eq!(peer.received(), [Data::from("one"), Data::from("two")]);
    /// # }
    /// ```
    pub fn received(&mut self) -> Vec<Data> {
        self.shared.update(|state| {
            let session = state.session(self.id);
            session.map(|session| std::iter::from_fn(|| session.take_message()).collect()).unwrap_or_default()
        })
    }

    /// Sends a message to the client: text or bytes. After the end of the session nothing is sent.
    pub fn send(&self, data: impl Into<Data>) {
        let packet = Packet::Message(data.into());
        self.change(|session| session.send(packet));
    }
}

/// # The end
impl Peer {
    /// Closes the session after everything that was sent, with a close packet and, over WebSocket, a close frame of the code
    /// 1000.
    ///
    /// ```
    /// # use actix_engineio::{Connect, EngineIoClient, DisconnectReason, Wait, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// # client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let peer = server.accept().await;
    /// peer.close();
    /// assert_eq!(client.send(Wait).await.unwrap(), Some(DisconnectReason::Server));
    /// # }
    /// ```
    pub fn close(&self) {
        self.change(|session| session.close(1000));
    }

    /// Closes the WebSocket of the session with a close frame that has this code, and without a close packet. What was sent
    /// and is not written yet is dropped.
    ///
    /// ```
    /// # use actix_engineio::{Connect, EngineIoClient, TransportKind, Wait, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// let connect = Connect::new(server.url()).transports([TransportKind::WebSocket]);
    /// client.send(connect).await.unwrap().unwrap();
    /// let peer = server.accept().await;
    /// peer.close_with(1011);
    /// let reason = client.send(Wait).await.unwrap().unwrap();
    /// assert!(reason.to_string().contains("1011"));
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the session is not carried by a WebSocket.
    #[track_caller]
    pub fn close_with(&self, code: u16) {
        if self.transport() != TransportKind::WebSocket {
            fail(
                Location::caller(),
                "`close_with` needs a session over WebSocket, and this one is over polling",
            );
        }
        self.change(|session| session.close_frame(code));
    }

    /// Closes the connections of the session as a process does that is killed: with a FIN, but without a close packet and
    /// without a close frame. Over polling this is the connection of the poll that waits; the next request is answered with
    /// the status 400, because the session is unknown. [`TestServer::stop`](super::TestServer::stop) does so for all sessions.
    ///
    /// ```
    /// # use actix_engineio::{Connect, EngineIoClient, Wait, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// # client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let peer = server.accept().await;
    /// peer.upgraded().await;
    /// peer.drop_connection();
    /// let reason = client.send(Wait).await.unwrap().unwrap();
    /// assert!(!reason.is_server_close());
    /// # }
    /// ```
    pub fn drop_connection(&self) {
        self.change(|session| session.end_silently(SessionEnd::Lost));
    }

    /// From here on this session is silent, as if a router had forgotten its connections: they stay open, no byte and no FIN
    /// arrives at the client, and the server reads nothing that the client sends. So it does not see how the client ends
    /// the session either: [`ended`](Self::ended) waits until the server stops or restarts. The server still answers requests
    /// that open other sessions: [`TestServer::hang`](super::TestServer::hang) makes the whole server silent.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use actix_engineio::{Connect, DisconnectReason, EngineIoClient, Wait, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # tokio::time::pause();
    /// let server = TestServer::in_memory();
    /// let client = EngineIoClient::builder().connector(server.connector()).start();
    /// client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let peer = server.accept().await;
    /// peer.vanish();
    /// assert_eq!(client.send(Wait).await.unwrap(), Some(DisconnectReason::PingTimeout));
    /// # }
    /// ```
    pub fn vanish(&self) {
        self.change(Session::vanish);
    }
}
