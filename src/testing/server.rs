//! The server as a test sees it.

mod misbehavior;

use std::{
    any::Any,
    future::poll_fn,
    io, mem,
    panic::{AssertUnwindSafe, Location},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use actix_rt::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use futures::{
    FutureExt as _, StreamExt as _,
    future::{CatchUnwind, Either, join, select},
    stream::FuturesUnordered,
};

use super::{
    MemoryStream, Peer, Request, TestServerBuilder, connection,
    failure::{Place, fail},
    listener::Listener,
    settings::Settings,
    state::{Shared, State},
    wait::{Awaited, wait},
};
use crate::protocol::endpoint::Destination;

/// An Engine.IO server for tests: it speaks polling, WebSocket and the upgrade, in protocol 4 or 3, and it misbehaves on command.
///
/// Its methods that wait panic if one wait takes longer than [`limit`](TestServerBuilder::limit), with a sentence that says
/// what was awaited, what the client has sent instead, and where the test waited. The server also fails the test if the client
/// breaks the protocol or if a task of the server panics: at the next wait, or when the server is dropped.
///
/// The server stops when it is dropped.
#[derive(Debug)]
pub struct TestServer {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    created: Place,
}

/// # Start and addresses
impl TestServer {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// ```
    /// use actix_engineio::{self as engineio, Connect, Data, EngineIoClient, testing::TestServer};
    ///
    /// #[actix::main]
    /// async fn main() {
    ///     let server = TestServer::start();
    ///     let client = EngineIoClient::builder().start();
    ///     client.send(Connect::new(server.url())).await.unwrap().unwrap();
    ///     let mut peer = server.accept().await;
    ///
    ///     client.send(engineio::Send::text("hello")).await.unwrap().unwrap();
    ///     assert_eq!(peer.receive().await, Data::from("hello"));
    /// }
    /// ```
    ///
    /// # Panics
    /// Outside of an actix system or another tokio `LocalSet`, and if no port can be opened.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts a server without any port. Only a client with its [`connector`](Self::connector) reaches it. Nothing waits for
    /// the network then, so a test can stop tokio's clock (it needs tokio's feature `test-util`), which makes long waits short:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actix_engineio::{Connect, EngineIoClient, Event, EventStream, testing::TestServer};
    /// use futures_util::StreamExt as _;
    ///
    /// #[actix::main]
    /// async fn main() {
    ///     // From here on the clock jumps to the next deadline whenever all tasks wait.
    ///     tokio::time::pause();
    ///     let server = TestServer::in_memory();
    ///     let client = EngineIoClient::builder().connector(server.connector()).start();
    ///     let mut events = EventStream::subscribe(&client).await.unwrap();
    ///     client.send(Connect::new(server.url())).await.unwrap().unwrap();
    ///
    ///     server.pings(false);
    ///     let is_end = |event: &Event| std::future::ready(matches!(event, Event::Disconnected(_)));
    ///     let end = events.by_ref().filter(is_end).next().await;
    ///     // 45 seconds of silence passed meanwhile, in an instant.
    ///     assert!(end.is_some());
    /// }
    /// ```
    ///
    /// # Panics
    /// Outside of an actix system or another tokio `LocalSet`.
    #[track_caller]
    pub fn in_memory() -> Self {
        Self::builder().in_memory()
    }

    /// The settings, with their defaults.
    pub fn builder() -> TestServerBuilder {
        TestServerBuilder::new()
    }

    #[track_caller]
    pub(super) fn on_a_port(settings: Settings) -> Self {
        match Listener::on_a_port() {
            Ok(listener) => Self::new(settings, listener),
            Err(err) => fail(Location::caller(), format_args!("the test server gets no port: {err}")),
        }
    }

    #[track_caller]
    pub(super) fn without_a_port(settings: Settings) -> Self {
        Self::new(settings, Listener::in_memory())
    }

    #[track_caller]
    fn new(settings: Settings, listener: Listener) -> Self {
        let shared = Arc::new(Shared::new(State::new(settings, listener)));
        let task = actix_rt::spawn(join(serve(shared.clone()), keep_alive(shared.clone())).map(drop));
        Self { shared, task, created: Location::caller() }
    }

    /// The URL for [`Connect`](crate::Connect), such as `http://127.0.0.1:40123`. Of a server without a port it is
    /// `http://test-server`, which only a client with its [`connector`](Self::connector) can use.
    ///
    /// ```
    /// # use actix_engineio::testing::TestServer;
    /// # #[actix::main]
    /// # async fn main() {
    /// assert!(TestServer::start().url().starts_with("http://127.0.0.1:"));
    /// assert_eq!(TestServer::in_memory().url(), "http://test-server");
    /// # }
    /// ```
    pub fn url(&self) -> String {
        match self.shared.lock().listener.addr() {
            Some(addr) => format!("http://{addr}"),
            None => "http://test-server".to_owned(),
        }
    }

    /// A function for the option [`connector`](crate::EngineIoClientBuilder::connector) of a client: its connections to this
    /// server stay within the process, whatever host the URL names.
    ///
    /// ```
    /// use actix_engineio::{Connect, EngineIoClient, testing::TestServer};
    ///
    /// #[actix::main]
    /// async fn main() {
    ///     let server = TestServer::in_memory();
    ///     let client = EngineIoClient::builder().connector(server.connector()).start();
    ///     client.send(Connect::new("http://events.example.org")).await.unwrap().unwrap();
    /// }
    /// ```
    ///
    /// The result is a function, so a test can wrap it, for example to simulate a slow network:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actix_engineio::{Destination, EngineIoClient, testing::TestServer};
    ///
    /// # #[actix::main]
    /// # async fn main() {
    /// let server = TestServer::in_memory();
    /// let connect = server.connector();
    /// let builder = EngineIoClient::builder().connector(async move |to: Destination| {
    ///     actix_rt::time::sleep(Duration::from_millis(200)).await;
    ///     connect(to).await
    /// });
    /// # }
    /// ```
    pub fn connector(
        &self,
    ) -> impl AsyncFn(Destination) -> io::Result<MemoryStream> + Clone + Send + Sync + 'static + use<> {
        let shared = self.shared.clone();
        async move |_| shared.update(|state| state.listener.connect())
    }
}

/// # What happens
impl TestServer {
    /// Waits for the next session that a client opens, in the order in which they were opened. It may already have ended: what
    /// it has received can still be read.
    ///
    /// The future can be dropped, for example by `select!`: no session is lost.
    ///
    /// ```
    /// # use actix_engineio::{Connect, EngineIoClient, TransportKind, testing::TestServer};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// # let client = EngineIoClient::builder().start();
    /// client.send(Connect::new(server.url())).await.unwrap().unwrap();
    /// let peer = server.accept().await;
    /// assert_eq!(peer.transport(), TransportKind::Polling);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If no session is opened within the limit.
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = Peer> + '_ {
        let place = Location::caller();
        async move {
            let awaited = Awaited { place, what: "a session", session: None };
            let id = wait(&self.shared, awaited, |state| state.accept().map(Ok)).await;
            Peer::new(self.shared.clone(), id)
        }
    }

    /// Waits until the server has received this many requests for a session, refused ones too, since its start.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use actix_engineio::{Connect, EngineIoClient, Reconnect, testing::{Refusal, TestServer}};
    /// # #[actix::main]
    /// # async fn main() {
    /// # let server = TestServer::start();
    /// server.refuse(Refusal::new(503, "busy").times(2));
    /// let policy = Reconnect::constant(Duration::from_millis(1)).on_initial_connect(true);
    /// let client = EngineIoClient::builder().reconnect(policy).start();
    /// client.do_send(Connect::new(server.url()));
    /// server.handshakes(3).await;
    /// server.accept().await;
    /// # }
    /// ```
    ///
    /// # Panics
    /// If they do not arrive within the limit.
    #[track_caller]
    pub fn handshakes(&self, number: usize) -> impl Future<Output = ()> + '_ {
        let place = Location::caller();
        async move {
            let what = match number {
                1 => "a request for a session".to_owned(),
                _ => format!("{number} requests for a session"),
            };
            let awaited = Awaited { place, what: &what, session: None };
            wait(&self.shared, awaited, |state| {
                let handshakes = state.requests.iter().filter(|request| request.is_handshake());
                (handshakes.count() >= number).then_some(Ok(()))
            })
            .await;
        }
    }

    /// All requests since the start, in the order in which the server has read them. [`Request`] has an example.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shared.update(|state| {
            state.end_life();
            state.listener.end();
        });
        self.task.abort();
        let failures = mem::take(&mut self.shared.lock().failures);
        failures.report_at_end(self.created);
    }
}

/// Accepts connections and serves them.
async fn serve(shared: Arc<Shared>) {
    let mut connections: FuturesUnordered<CatchUnwind<_>> = FuturesUnordered::new();
    loop {
        let changed = shared.changed();
        let event = poll_fn(|cx| {
            while let Poll::Ready(Some(outcome)) = connections.poll_next_unpin(cx) {
                if let Err(panic) = outcome {
                    let words = format!("a task of the server panicked: {}", words(&*panic));
                    shared.update(|state| state.failures.push(words));
                }
            }
            let mut state = shared.lock();
            let life = state.life;
            state.listener.poll_accept(cx).map(|stream| (stream, life))
        });
        if let Either::Left(((stream, life), _)) = select(event, pin!(changed)).await {
            let connection = connection::serve(shared.clone(), stream, life);
            connections.push(AssertUnwindSafe(connection).catch_unwind());
        }
    }
}

/// Sends pings, and ends sessions that do not answer them.
async fn keep_alive(shared: Arc<Shared>) {
    loop {
        let changed = shared.changed();
        let (next, acted) = shared.lock().handle_time(Instant::now());
        if acted {
            shared.update(|_| {});
        }
        match next {
            Some(next) => {
                select(pin!(changed), pin!(sleep_until(next))).await;
            }
            None => changed.await,
        }
    }
}

/// The message of a panic.
fn words(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(words), _) => words,
        (_, Some(words)) => words,
        _ => "without a message",
    }
}
