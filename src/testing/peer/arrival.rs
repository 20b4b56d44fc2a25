//! How a test finds out what has arrived.

use std::panic::Location;

use super::Peer;
use crate::testing::{
    failure::{Place, fail},
    session::Session,
};

/// # What has arrived
impl Peer {
    /// Sends a ping now, and waits for the answer. (In protocol 3 the client sends the pings. Then this waits for its next one,
    /// which comes within the ping interval.)
    ///
    /// The client writes its answer after the messages that it has already written. So when this returns,
    /// [`received`](Self::received) has all of them. Messages that wait in the send queue of the client come after the answer:
    /// see [`nothing_more`](Self::nothing_more).
    ///
    /// ```
    /// # use actix_engineio::{self as engineio, Connect, Data, EngineIoClient, Flush, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// # client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let mut peer = server.accept().await;
    /// client.send(engineio::Send::text("hello")).await.unwrap().unwrap();
    /// client.send(Flush).await.unwrap().unwrap();
    /// peer.ping().await;
    /// assert_eq!(peer.received(), [Data::from("hello")]);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the answer does not arrive within the limit, or the session ends.
    #[track_caller]
    pub fn ping(&self) -> impl Future<Output = ()> + '_ {
        self.pong(Location::caller(), self.send_ping())
    }

    /// Fails the test if the client has accepted a message that [`receive`](Self::receive) and [`received`](Self::received) have
    /// not returned. After the end of the session nothing can arrive any more, so it does not wait then.
    ///
    /// It sends two pings. The first answer may come before messages that wait in the client's send queue; the second comes
    /// after at least one of them.
    ///
    /// ```
    /// # use actix_engineio::{self as engineio, Connect, Data, EngineIoClient, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// # client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let mut peer = server.accept().await;
    /// client.send(engineio::Send::text("once")).await.unwrap().unwrap();
    /// assert_eq!(peer.receive().await, Data::from("once"));
    /// peer.nothing_more().await;
    /// # }
    /// ```
    ///
    /// # Panics
    /// If there is another message. If the answers do not arrive within the limit, or the session ends meanwhile.
    #[track_caller]
    pub fn nothing_more(&self) -> impl Future<Output = ()> + '_ {
        let place = Location::caller();
        async move {
            for _ in 0..2 {
                if self.read(Session::end).is_none() {
                    self.round_trip(place).await;
                }
            }
            if let Some(messages) = self.read(|session| session.arrivals().unread()) {
                let sid = self.sid();
                fail(
                    place,
                    format_args!(
                        "nothing more was expected in session {sid:?}, but the client has sent {messages}"
                    ),
                );
            }
        }
    }

    /// Waits until the client knows that the server has read every message that has arrived by now.
    ///
    /// A message that has arrived is not always confirmed: the client may still count it as [in doubt], and an actor that
    /// sends such messages again would send it twice. A test that receives messages, and then loses the session, calls this in
    /// between.
    ///
    /// - Over polling, the answer to a POST confirms its messages, and this waits for the answer to a ping, which comes in a
    ///   later POST.
    /// - Over WebSocket, a client with the option [`confirm_sends`]`(n)` asks with a WebSocket ping when `n` bytes are
    ///   unconfirmed, and at the latest a second after a message was written: with `confirm_sends(1)` at once. This waits
    ///   until the server has answered, and the client has read the answer.
    /// - Over WebSocket without `confirm_sends`, the client does not ask, so this fails at the limit. Await a
    ///   [`ping`](Self::ping) instead: after its answer, such a client does not count earlier messages as in doubt.
    ///
    /// In protocol 3 it takes two or three ping intervals.
    ///
    /// ```
    /// # use actix_engineio::{self as engineio, Connect, Data, EngineIoClient, Event, EventStream, testing::TestServer};
    /// # use futures_util::StreamExt as _;
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// let client = EngineIoClient::builder().confirm_sends(1).start();
    /// # let mut events = EventStream::subscribe(&client).await.unwrap();
    /// # client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let mut peer = server.accept().await;
    /// peer.upgraded().await;
    /// client.send(engineio::Send::text("hello")).await.unwrap().unwrap();
    /// assert_eq!(peer.receive().await, Data::from("hello"));
    /// peer.confirmed().await;
    ///
    /// server.stop();
    /// let end = loop {
    ///     if let Some(Event::Disconnected(end)) = events.next().await {
    ///         break end;
    ///     }
    /// };
    /// assert!(end.in_doubt.is_empty());
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the client does not ask or does not answer within the limit, or the session ends.
    ///
    /// [in doubt]: crate::Disconnected::in_doubt
    /// [`confirm_sends`]: crate::EngineIoClientBuilder::confirm_sends
    #[track_caller]
    pub fn confirmed(&self) -> impl Future<Output = ()> + '_ {
        self.until_confirmed(Location::caller())
    }

    async fn until_confirmed(&self, place: Place) {
        let arrived = self.read(|session| session.arrivals().over_websocket());
        // The answer is in a later batch than these messages, so the client has finished theirs. From here on each question of
        // the client is about all of them.
        self.round_trip(place).await;
        let questions = || self.read(|session| session.arrivals().questions());
        let earlier = questions();
        let what =
            "a WebSocket ping behind the messages, which only a client with `confirm_sends` sends by itself";
        self.until(place, what, |session| (session.arrivals().asked() >= arrived).then_some(())).await;
        // Behind the answer to the question.
        self.round_trip(place).await;
        // A question that was sent while a message was being written is not about that message. Then the client has asked once more.
        if questions() > earlier {
            self.round_trip(place).await;
        }
    }
}

impl Peer {
    /// Sends a ping. Returns the number of pongs after which it is answered.
    fn send_ping(&self) -> u64 {
        self.shared.update(|state| state.session(self.id).map_or(0, Session::ping))
    }

    async fn pong(&self, place: Place, number: u64) {
        self.until(place, "the answer to a ping", |session| (session.pongs() >= number).then_some(())).await;
    }

    async fn round_trip(&self, place: Place) {
        self.pong(place, self.send_ping()).await;
    }
}
