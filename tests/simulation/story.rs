//! One seed: a client, its server, the network between them, and everything that happens to them.

use std::{cell::RefCell, collections::BTreeMap, fmt::Write as _, mem, rc::Rc, sync::Arc, time::Duration};

use actix::{Addr, WeakAddr};
use actix_engineio::{
    self as engineio, Confirm, Connect, Destination, Disconnect, EngineIoClient, Event, EventStream,
    GetStatus, Reconnect, SendAll, State, TransportKind, WebSocketPing,
    testing::{Peer, Refusal, TestServer},
};
use actix_rt::time::{Instant, sleep, timeout};
use futures::{FutureExt as _, StreamExt as _};

use crate::{
    ledger::{Ledger, Sent, message, number},
    network::{Network, Quality, Reset},
    rng::Rng,
};

/// The longest wait for anything that has a limit, in virtual time. It is longer than all limits together.
const LONG: Duration = Duration::from_secs(600);

/// What the seed decides about the client and the server.
#[derive(Debug, Clone)]
struct Plan {
    transports: Vec<TransportKind>,
    keep_unsent: bool,
    confirms: bool,
    pings: bool,
    remembers: bool,
    send_queue: usize,
    receive_buffer: usize,
    intervals: (u64, u64),
    max_payload: usize,
    /// The client disconnects in the middle, and at once.
    aborts: bool,
    messages: u32,
    disasters: u64,
}

impl Plan {
    fn new(rng: &mut Rng) -> Self {
        let (polling, websocket) = (TransportKind::Polling, TransportKind::WebSocket);
        Self {
            transports: rng.pick(&[vec![polling], vec![websocket], vec![polling, websocket]]),
            keep_unsent: rng.chance(50),
            confirms: rng.chance(75),
            pings: rng.chance(30),
            remembers: rng.chance(30),
            send_queue: rng.pick(&[300, 5_000, 1 << 20]),
            receive_buffer: rng.pick(&[300, 5_000, 1 << 20]),
            intervals: (rng.pick(&[1_000, 5_000, 25_000]), rng.pick(&[1_000, 5_000, 20_000])),
            max_payload: rng.pick(&[4_000, 1_000_000]),
            aborts: rng.chance(15),
            messages: u32::try_from(20 + rng.below(60)).unwrap(),
            disasters: rng.below(14),
        }
    }

    fn server(&self) -> TestServer {
        TestServer::builder()
            .ping_interval(Duration::from_millis(self.intervals.0))
            .ping_timeout(Duration::from_millis(self.intervals.1))
            .max_payload(self.max_payload)
            .limit(Duration::from_secs(1 << 30))
            .in_memory()
    }

    fn client(&self, network: &Arc<Network>, server: &TestServer, seed: u64) -> Addr<EngineIoClient> {
        let (network, connect) = (network.clone(), server.connector());
        let policy = Reconnect::exponential().seed(seed).on_initial_connect(true);
        let mut builder = EngineIoClient::builder()
            .connector(async move |to: Destination| network.connect(connect(to)).await)
            .reconnect(policy.max_delay(Duration::from_secs(10)))
            .transports(self.transports.clone())
            .keep_unsent(self.keep_unsent)
            .remember_upgrade(self.remembers)
            .send_queue(self.send_queue)
            .receive_buffer(self.receive_buffer);
        if self.confirms {
            builder = builder.confirm_sends(1 << 20);
        }
        if self.pings {
            builder = builder.websocket_ping(WebSocketPing::every(Duration::from_secs(2)));
        }
        builder.start()
    }

    /// The longest time after which the client has to notice that the server is silent.
    fn patience(&self) -> Duration {
        // A client that was suspended waits once more after its deadline.
        2 * self.max_silence() + Duration::from_secs(5)
    }

    /// The same while POSTs are answered, and only polls are not.
    fn patience_with_polls(&self) -> Duration {
        2 * self.max_silence() + self.patience()
    }

    /// The time for which a server may be silent.
    fn max_silence(&self) -> Duration {
        Duration::from_millis(self.intervals.0 + self.intervals.1)
    }

    /// Whether messages that were written to a WebSocket can be lost without a word, as the documentation says.
    fn may_lose(&self) -> bool {
        !self.confirms && self.transports.contains(&TransportKind::WebSocket)
    }
}

/// What everybody in the story writes to.
struct Book {
    ledger: Ledger,
    trace: String,
    start: Instant,
    peers: Vec<Peer>,
    /// The number of messages that the server has sent in each session.
    talked: BTreeMap<String, u32>,
    /// The latest time at which the client has to find out that its connections carry nothing any more.
    silence_ends: Option<Instant>,
    /// The same if the server goes on to answer POSTs.
    deafness_ends: Instant,
}

impl Book {
    /// The session of the client is lost, and only its silence shows it.
    fn silenced(&mut self, plan: &Plan) {
        if self.ledger.is_open() && self.silence_ends.is_none() {
            self.silence_ends = Some(Instant::now() + plan.patience());
            self.deafness_ends = Instant::now() + plan.patience_with_polls();
        }
    }

    /// A message was accepted. Over polling a POST may carry it on a new connection, and its answer is a sign of life.
    fn may_be_answered(&mut self, plan: &Plan) {
        if let Some(latest) = &mut self.silence_ends
            && plan.transports.contains(&TransportKind::Polling)
        {
            *latest = (*latest).max(Instant::now() + plan.patience()).min(self.deafness_ends);
        }
    }

    fn check_silence(&mut self) {
        if self.silence_ends.take().is_some_and(|latest| latest < Instant::now()) {
            self.ledger.fault("the client was too late to find out that the server is silent");
        }
    }

    fn note(&mut self, words: impl std::fmt::Display) {
        let _ = writeln!(self.trace, "{:>7} {words}", self.start.elapsed().as_millis());
    }

    /// The latest session, if it is open.
    fn peer(&self) -> Option<&Peer> {
        self.peers.last().filter(|peer| peer.ended().now_or_never().is_none())
    }
}

type Shared = Rc<RefCell<Book>>;

/// What a seed led to.
pub(crate) struct Outcome {
    pub(crate) faults: Vec<String>,
    /// What happened, with the virtual time in milliseconds.
    pub(crate) trace: String,
}

pub(crate) async fn tell(seed: u64) -> Outcome {
    let mut rng = Rng::new(seed);
    let plan = Plan::new(&mut rng);
    let network = Network::new(rng.fork(), Quality::random(&mut rng));
    let server = Rc::new(plan.server());
    let client = plan.client(&network, &server, seed);
    let book = Rc::new(RefCell::new(Book {
        ledger: Ledger::default(),
        trace: format!("{plan:?}\n"),
        start: Instant::now(),
        peers: Vec::new(),
        talked: BTreeMap::new(),
        silence_ends: None,
        deafness_ends: Instant::now(),
    }));

    let events = EventStream::subscribe(&client).await.unwrap();
    let read = actix_rt::spawn(read(events, book.clone(), rng.fork()));
    let accept = actix_rt::spawn(accept(server.clone(), book.clone()));
    client.do_send(Connect::new(server.url()));
    let send = actix_rt::spawn(send(client.clone(), book.clone(), plan.clone(), rng.fork()));
    let talk = actix_rt::spawn(talk(book.clone(), rng.fork()));
    let misbehave = misbehave(network.clone(), server.clone(), book.clone(), (&plan, rng.fork()));
    if timeout(3 * LONG, async {
        misbehave.await;
        send.await.unwrap();
    })
    .await
    .is_err()
    {
        book.borrow_mut().ledger.fault("a reply to a send did not come");
    }
    talk.abort();

    if !plan.aborts {
        // On a slow line a heartbeat of two seconds ends every session.
        network.set_quality(Quality::GOOD);
        settle(&client, &book).await;
    }
    disconnect(&client, &book, plan.aborts).await;
    let weak = client.downgrade();
    drop(client);
    if timeout(LONG, read).await.is_err() {
        book.borrow_mut().ledger.fault("the stream of events did not end");
    }
    accept.abort();
    if let Err(err) = accept.await
        && err.is_panic()
    {
        book.borrow_mut().ledger.fault(format!("the server complains: {err}"));
    }
    is_gone(&network, &weak, &book).await;
    conclude(&server, &book, plan.may_lose())
}

/// Reads the events, now and then slowly.
async fn read(mut events: EventStream, book: Shared, mut rng: Rng) {
    while let Some(event) = events.next().await {
        {
            let mut book = book.borrow_mut();
            match &event {
                Event::Message(data) => book.note(format_args!("<- {}", number(data))),
                Event::Connected(session) => book.note(format_args!("connected {}", session.sid)),
                Event::Disconnected(end) => {
                    book.note(format_args!("disconnected: {}", end.reason));
                    book.check_silence();
                }
                Event::Reconnecting(next) => book.note(format_args!("reconnecting: {}", next.cause)),
                Event::Rejected(err) => book.note(format_args!("rejected {}: {err}", number(&err.data))),
                event => book.note(format_args!("{:?}", event.kind())),
            }
            book.ledger.event(&event);
        }
        if rng.chance(10) {
            sleep(rng.millis(400)).await;
        }
    }
}

async fn accept(server: Rc<TestServer>, book: Shared) {
    loop {
        let peer = server.accept().await;
        book.borrow_mut().peers.push(peer);
    }
}

/// Sends numbered messages in every way that there is.
async fn send(client: Addr<EngineIoClient>, book: Shared, plan: Plan, mut rng: Rng) {
    let mut next = 0;
    while next < plan.messages {
        let size = usize::try_from(rng.pick(&[0, 10, 500, 3_000])).unwrap_or_default();
        let data = message(next, size, rng.chance(60));
        let way = rng.below(100);
        let mut count = 1;
        let sent = match way {
            0..15 => {
                client.do_send(engineio::Send::new(data));
                Sent::Accepted
            }
            15..30 => {
                count = u32::try_from(2 + rng.below(3)).unwrap();
                let group = (next..next + count).map(|number| message(number, size / 4, rng.chance(60)));
                let outcome = client.send(SendAll::new(group.collect::<Vec<_>>())).await.unwrap();
                if outcome.is_ok() { Sent::Accepted } else { Sent::Refused }
            }
            30..35 => match timeout(rng.millis(5), client.send(engineio::Send::new(data))).await {
                Ok(outcome) if outcome.as_ref().unwrap().is_err() => Sent::Refused,
                Ok(_) => Sent::Accepted,
                Err(_) => Sent::Withdrawn,
            },
            _ => match client.send(engineio::Send::new(data)).await.unwrap() {
                Ok(()) => Sent::Accepted,
                Err(_) => Sent::Refused,
            },
        };
        {
            let mut book = book.borrow_mut();
            book.note(format_args!("-> {next} and {} more: {sent:?}", count - 1));
            (next..next + count).for_each(|number| book.ledger.sent(number, sent));
            book.ledger.group(next..next + count);
            book.may_be_answered(&plan);
        }
        next += count;
        if rng.chance(40) {
            sleep(rng.millis(1_500)).await;
        }
    }
}

/// Sends numbered messages to the client, in whichever session there is.
async fn talk(book: Shared, mut rng: Rng) {
    loop {
        sleep(rng.millis(1_000)).await;
        let mut book = book.borrow_mut();
        let Some(sid) = book.peer().map(Peer::sid) else { continue };
        for _ in 0..rng.below(4) {
            let number = *book.talked.entry(sid.clone()).and_modify(|count| *count += 1).or_insert(1) - 1;
            let size = usize::try_from(rng.pick(&[0, 100, 2_000])).unwrap_or_default();
            if let Some(peer) = book.peer() {
                peer.send(message(number, size, rng.chance(60)));
            }
        }
    }
}

/// Waits until a session was opened, but not for long. Then the upgrade begins.
async fn opening(book: &Shared) {
    let before = book.borrow().ledger.sessions();
    for _ in 0..500 {
        if book.borrow().ledger.sessions() > before {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Lets so many things go wrong, and then nothing any more.
async fn misbehave(
    network: Arc<Network>,
    server: Rc<TestServer>,
    book: Shared,
    (plan, mut rng): (&Plan, Rng),
) {
    for _ in 0..plan.disasters {
        if rng.chance(40) {
            opening(&book).await;
            sleep(rng.millis(800)).await;
        } else {
            sleep(rng.millis(4_000)).await;
        }
        let pause = rng.millis(rng.clone().pick(&[50, 2_000, 70_000]));
        let what = rng.below(13);
        book.borrow_mut().note(format_args!("disaster {what} for {pause:?}"));
        match what {
            0 | 1 => {
                network.partition(true);
                sleep(pause).await;
                network.partition(false);
            }
            2 => {
                let reset = rng.pick(&[Reset::All, Reset::Even, Reset::Odd]);
                network.reset(reset);
                if plan.transports.contains(&TransportKind::Polling) {
                    book.borrow_mut().ledger.polls_reset();
                }
            }
            3 => {
                network.silence_all();
                book.borrow_mut().silenced(plan);
            }
            4 => network.set_quality(Quality::random(&mut rng)),
            5 => {
                server.stop();
                sleep(pause).await;
                server.restart();
            }
            6 => server.restart(),
            7 => {
                server.hang();
                sleep(pause).await;
                server.resume();
            }
            // The machine was suspended: time has passed, and nothing has run.
            8 => {
                tokio::time::advance(pause).await;
                let mut book = book.borrow_mut();
                book.deafness_ends += pause;
                if let Some(latest) = &mut book.silence_ends {
                    *latest += pause;
                }
            }
            9 => server.refuse(Refusal::new(503, "busy").times(usize::try_from(rng.below(4)).unwrap())),
            10 => {
                let refuse = rng.chance(50);
                server.refuse_upgrades(refuse);
            }
            11 => book.borrow().peer().into_iter().for_each(Peer::close),
            _ => {
                let drops = rng.chance(50);
                let book = book.borrow();
                let end = if drops { Peer::drop_connection } else { Peer::vanish };
                book.peer().into_iter().for_each(end);
            }
        }
    }
}

/// Waits until the client is connected and everything that it has accepted was read.
async fn settle(client: &Addr<EngineIoClient>, book: &Shared) {
    let settled = async {
        loop {
            let status = client.send(GetStatus).await.unwrap();
            if status.state == State::Connected && client.send(Confirm).await.unwrap().is_ok() {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    };
    if timeout(LONG, settled).await.is_err() {
        book.borrow_mut().ledger.fault("the client is not connected after everything is well again");
    }
}

async fn disconnect(client: &Addr<EngineIoClient>, book: &Shared, aborts: bool) {
    let disconnect = if aborts { Disconnect::abort() } else { Disconnect::new() };
    book.borrow_mut().note(format_args!("{disconnect:?}"));
    // The close timeout is 5 seconds.
    if timeout(Duration::from_secs(10), client.send(disconnect)).await.is_err() {
        book.borrow_mut().ledger.fault("the reply to Disconnect did not come");
    }
}

/// Nothing of the client lives any more.
async fn is_gone(network: &Network, client: &WeakAddr<EngineIoClient>, book: &Shared) {
    for _ in 0..50 {
        actix_rt::task::yield_now().await;
    }
    if client.upgrade().is_some_and(|client| client.connected()) {
        book.borrow_mut().ledger.fault("the client lives after its last address was dropped");
    }
    if network.open() > 0 {
        let words = format!("{} connections are open after the end", network.open());
        book.borrow_mut().ledger.fault(words);
    }
}

fn conclude(server: &TestServer, book: &Shared, may_lose: bool) -> Outcome {
    let mut book = book.borrow_mut();
    // Sessions that were opened at the very end.
    book.peers.extend(std::iter::from_fn(|| server.accept().now_or_never()));
    let received = book.peers.iter_mut().flat_map(Peer::received).map(|data| number(&data));
    let received: Vec<_> = received.collect();
    if book.ledger.sessions() > book.peers.len() {
        book.ledger.fault("the client has opened more sessions than the server");
    }
    let _ = writeln!(book.trace, "received {received:?}");
    let faults = mem::take(&mut book.ledger).faults(&received, &book.talked, may_lose);
    Outcome { faults, trace: mem::take(&mut book.trace) }
}
