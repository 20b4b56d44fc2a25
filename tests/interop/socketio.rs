//! The example `socketio` against Socket.IO servers: the crate carries a protocol of others.

use std::{
    env,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix::prelude::*;
use actix_engineio::{Connect, Reconnect};
use futures::{FutureExt as _, StreamExt as _, channel::mpsc, future::LocalBoxFuture};
use libtest_mimic::{Failed, Trial};
use serde_json::{Map, Value, json};

use crate::{
    install::{self, NODE, PYTHON},
    peer::Way,
    server::Server,
    socketio_client::{
        Acknowledge, Args, Ask, AskError, Close, Emit, EmitError, FromServer, Join, JoinError, Joined,
        LeaveReason, Occurred, SocketIo,
    },
    support::soon,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Node,
    Python,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Node => "socket.io 4",
            Self::Python => "python-socketio 5",
        }
    }

    fn missing(self) -> Option<String> {
        match self {
            Self::Node => NODE.as_ref().err().cloned(),
            Self::Python => PYTHON.as_ref().err().cloned(),
        }
    }

    fn start(self, options: Value) -> Server {
        let settings = json!({ "token": "secret", "options": options }).to_string();
        let sources = install::sources();
        match self {
            Self::Node => {
                let (node, packages) = NODE.as_ref().expect("it was looked for");
                let mut command = Command::new(node);
                command.env("NODE_PATH", packages).arg(sources.join("namespaces.cjs"));
                Server::start(command.arg(settings))
            }
            Self::Python => {
                let mut command = Command::new(PYTHON.as_ref().expect("it was looked for"));
                command.env("PYTHONDONTWRITEBYTECODE", "1").arg(sources.join("namespaces.py"));
                Server::start(command.arg(settings))
            }
        }
    }
}

type Case = (&'static str, fn(Peer, Way) -> LocalBoxFuture<'static, ()>);

const CASES: [Case; 6] = [
    ("events and acknowledgements go both ways, with attachments", |peer, way| {
        talks(peer, way).boxed_local()
    }),
    ("a namespace refuses a client, and lets it in with the right token", |peer, way| {
        namespaces(peer, way).boxed_local()
    }),
    ("a flood of events arrives in order", |peer, way| flood(peer, way).boxed_local()),
    ("a client that the server sends away is away", |peer, way| sent_away(peer, way).boxed_local()),
    ("a client joins again in the next session, and lost questions fail", |peer, way| {
        reconnects(peer, way).boxed_local()
    }),
    ("a session is recovered with the event that it has missed", |peer, way| {
        recovers(peer, way).boxed_local()
    }),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (peer, way) in [Peer::Node, Peer::Python].into_iter().flat_map(|peer| Way::ALL.map(|way| (peer, way)))
    {
        for (name, run) in CASES {
            // python-socketio cannot recover sessions.
            if peer == Peer::Node || !name.contains("recovered") {
                trials.push(trial(peer, way, (name, run)));
            }
        }
    }
    trials
}

fn trial(peer: Peer, way: Way, (name, run): Case) -> Trial {
    let name = format!("the example socketio / {} / {} / {name}", peer.name(), way.name());
    match peer.missing() {
        None => Trial::test(name, move || {
            actix_rt::System::new().block_on(run(peer, way));
            Ok(())
        }),
        Some(reason) => {
            let is_required = env::var_os("ENGINEIO_INTEROP").is_some_and(|value| value == "required");
            let kind = reason.clone();
            Trial::test(name, || Err(Failed::from(reason))).with_kind(kind).with_ignored_flag(!is_required)
        }
    }
}

/// A subscriber that records what happens in its namespaces.
struct Recorder(mpsc::UnboundedSender<FromServer>);

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<FromServer> for Recorder {
    type Result = ();

    fn handle(&mut self, message: FromServer, _: &mut Self::Context) {
        let _ = self.0.unbounded_send(message);
    }
}

struct Talk {
    server: Server,
    socket: Addr<SocketIo>,
    recorder: Recipient<FromServer>,
    events: mpsc::UnboundedReceiver<FromServer>,
}

impl Talk {
    async fn open(peer: Peer, way: Way, options: Value) -> Self {
        let server = peer.start(options);
        let policy = Reconnect::constant(Duration::from_millis(20));
        let client = SocketIo::builder().transports(way.transports()).reconnect(policy).start();
        let socket = SocketIo::start(client.clone()).await.expect("the client lives");
        let (sender, events) = mpsc::unbounded();
        let recorder = Recorder(sender).start().recipient();
        let connect = client.send(Connect::new(server.url()));
        soon("a connect", connect).await.expect("the client lives").expect("a session");
        Self { server, socket, recorder, events }
    }

    /// A client in the namespace that every server has.
    async fn joined(peer: Peer, way: Way, options: Value) -> Self {
        let mut talk = Self::open(peer, way, options).await;
        let joined = talk.join(Join::new("/", talk.recorder.clone())).await.expect("it is let in");
        assert!(!joined.sid.is_empty() && !joined.recovered);
        assert!(matches!(talk.next().await, Occurred::Joined(shown) if shown == joined));
        talk
    }

    async fn join(&self, join: Join) -> Result<Joined, JoinError> {
        soon("an answer to a join", self.socket.send(join)).await.expect("the actor lives")
    }

    async fn next(&mut self) -> Occurred {
        soon("an event", self.events.next()).await.expect("the recorder lives").occurred
    }

    async fn emit(&self, name: &str, args: Args) {
        let emit = self.socket.send(Emit::new("/", name, args));
        soon("an emit", emit).await.expect("the actor lives").expect("it is accepted");
    }

    async fn ask(&self, ask: Ask) -> Result<Args, AskError> {
        soon("an acknowledgement", self.socket.send(ask)).await.expect("the actor lives")
    }

    async fn event(&mut self) -> (String, Args, Option<Acknowledge>) {
        match self.next().await {
            Occurred::Event { name, args, ack } => (name, args, ack),
            other => panic!("{other:?} instead of an event"),
        }
    }

    async fn echoes(&mut self, args: Args) {
        self.emit("message", args.clone()).await;
        let (name, echo, ack) = self.event().await;
        assert_eq!((name.as_str(), &echo), ("message", &args));
        assert!(ack.is_none());
    }

    async fn ends(mut self) {
        soon("a disconnect", self.socket.send(Close)).await.expect("the actor lives");
        self.server.says("disconnect").await;
    }
}

/// Every place in which bytes can be.
fn bytes_everywhere() -> Args {
    // The servers number the attachments in the order in which they find them.
    let mut args = Args::new().value("text").binary(vec![1, 2, 3]);
    let inner = args.attach((0..=255).collect::<Vec<u8>>());
    args.value(json!({ "inner": [inner, null] })).binary(Vec::new())
}

async fn talks(peer: Peer, way: Way) {
    let mut talk = Talk::joined(peer, way, json!({})).await;
    talk.echoes(Args::new().value("hello").value(json!({ "a": [1, "é", null] }))).await;
    talk.echoes(bytes_everywhere()).await;
    talk.echoes(Args::new().value("x".repeat(20_000))).await;

    let question = |args| Emit::new("/", "question", args).ask(Duration::from_secs(60));
    for args in [Args::new().value("why?").value(7), bytes_everywhere()] {
        assert_eq!(talk.ask(question(args.clone())).await, Ok(args));
    }
    let silence = Emit::new("/", "silence", Args::new()).ask(Duration::from_millis(50));
    assert_eq!(talk.ask(silence).await, Err(AskError::TimedOut));

    for args in [Args::new().value("and you?"), Args::new().binary(vec![9; 100])] {
        talk.emit("ask me", args.clone()).await;
        let (name, asked, ack) = talk.event().await;
        assert_eq!((name.as_str(), &asked), ("question", &args));
        ack.expect("the server waits for an answer").send(asked);
        let (name, answered, _) = talk.event().await;
        assert_eq!((name.as_str(), &answered), ("answered", &args));
    }
    talk.ends().await;
}

fn token(token: &'static str) -> impl AsyncFn() -> Result<Map<String, Value>, String> {
    async move || Ok(Map::from_iter([("token".to_owned(), json!(token))]))
}

async fn namespaces(peer: Peer, way: Way) {
    let mut talk = Talk::joined(peer, way, json!({})).await;
    let join = || Join::new("private", talk.recorder.clone());
    let refused =
        JoinError::Refused { message: "not authorized".to_owned(), data: Some(json!({ "token": "wrong" })) };
    assert_eq!(talk.join(join().auth(token("wrong"))).await, Err(refused.clone()));
    let no_token = async || Err("no token today".to_owned());
    let err = talk.join(join().auth(no_token)).await;
    assert_eq!(err, Err(JoinError::Auth("no token today".to_owned())));
    talk.join(join().auth(token("secret"))).await.expect("it is let in");
    assert_eq!(talk.join(join()).await, Err(JoinError::AlreadyJoined));
    assert_eq!(talk.server.says("private").await["auth"], json!({ "token": "secret" }));
    assert!(matches!(talk.next().await, Occurred::Refused(err) if err == refused));
    assert!(matches!(talk.next().await, Occurred::Refused(JoinError::Auth(_))));
    assert!(matches!(talk.next().await, Occurred::Joined(_)));

    let emit = Emit::new("private", "message", bytes_everywhere());
    talk.socket.send(emit).await.expect("the actor lives").expect("it is accepted");
    talk.emit("message", Args::new().value("to the other")).await;
    for _ in 0..2 {
        let message = soon("an event", talk.events.next()).await.expect("the recorder lives");
        let Occurred::Event { args, .. } = message.occurred else { panic!("{message:?} is no event") };
        match message.namespace.as_str() {
            "/private" => assert_eq!(args, bytes_everywhere()),
            _ => assert_eq!(args, Args::new().value("to the other")),
        }
    }
    talk.ends().await;
}

async fn flood(peer: Peer, way: Way) {
    const COUNT: u64 = 2000;
    let mut talk = Talk::joined(peer, way, json!({})).await;
    talk.emit("flood", Args::new().value(COUNT)).await;
    for at in 0..COUNT {
        let (name, args, _) = talk.event().await;
        assert_eq!((name.as_str(), args), ("flood", Args::new().value(at)));
    }
    // What is sent without waiting keeps its order, too.
    for at in 0..COUNT {
        talk.socket.do_send(Emit::new("/", "message", Args::new().value(at)));
    }
    for at in 0..COUNT {
        assert_eq!(talk.event().await.1, Args::new().value(at));
    }
    talk.ends().await;
}

async fn sent_away(peer: Peer, way: Way) {
    let mut talk = Talk::joined(peer, way, json!({})).await;
    talk.emit("leave me", Args::new()).await;
    assert!(matches!(talk.next().await, Occurred::Left(LeaveReason::Server)));
    let emit = talk.socket.send(Emit::new("/", "message", Args::new())).await;
    assert_eq!(emit.expect("the actor lives"), Err(EmitError::NotJoined));
    talk.server.says("disconnect").await;
    // The application can join again.
    talk.join(Join::new("/", talk.recorder.clone())).await.expect("it is let in");
    assert!(matches!(talk.next().await, Occurred::Joined(_)));
    talk.echoes(Args::new().value("back")).await;
    talk.ends().await;
}

async fn reconnects(peer: Peer, way: Way) {
    let mut talk = Talk::open(peer, way, json!({})).await;
    let count = Arc::new(AtomicU64::new(0));
    let auth = async move || {
        let number = count.fetch_add(1, Ordering::Relaxed);
        Ok(Map::from_iter([("number".to_owned(), json!(number))]))
    };
    talk.join(Join::new("/", talk.recorder.clone()).auth(auth)).await.expect("it is let in");
    assert_eq!(talk.server.says("connection").await["auth"], json!({ "number": 0 }));
    for number in 1..=3 {
        assert!(matches!(talk.next().await, Occurred::Joined(_)));
        let silence = talk.socket.send(Emit::new("/", "silence", Args::new()).ask(Duration::from_secs(60)));
        let silence = actix_rt::spawn(silence);
        talk.emit("lose me", Args::new()).await;
        assert!(matches!(talk.next().await, Occurred::Left(LeaveReason::Lost(_))));
        let outcome = soon("the end of a question", silence).await.expect("no panic");
        assert_eq!(outcome.expect("the actor lives"), Err(AskError::Lost));
        assert_eq!(talk.server.says("connection").await["auth"], json!({ "number": number }));
    }
    assert!(matches!(talk.next().await, Occurred::Joined(Joined { recovered: false, .. })));
    talk.echoes(Args::new().value("back")).await;
    talk.ends().await;
}

async fn recovers(peer: Peer, way: Way) {
    let options = json!({ "connectionStateRecovery": { "maxDisconnectionDuration": 60_000 } });
    let mut talk = Talk::joined(peer, way, options).await;
    assert_eq!(talk.server.says("connection").await["recovered"], false);
    talk.emit("message", Args::new().value("first")).await;
    let (_, first, _) = talk.event().await;
    assert_eq!((first.values().len(), &first.values()[0]), (2, &json!("first")), "an offset comes along");
    for _ in 0..2 {
        talk.emit("lose me", Args::new()).await;
        assert!(matches!(talk.next().await, Occurred::Left(LeaveReason::Lost(_))));
        let (_, missed, _) = talk.event().await;
        assert_eq!(missed.values()[0], json!("missed"));
        assert!(matches!(talk.next().await, Occurred::Joined(Joined { recovered: true, .. })));
        assert_eq!(talk.server.says("connection").await["recovered"], true);
    }
    talk.ends().await;
}
