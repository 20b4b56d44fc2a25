//! Moving bytes: child actors that do what they are told, and nothing that decides.

mod cookies;
pub(crate) mod headers;
pub(crate) mod http;
mod incoming;
pub(crate) mod network;
mod polling;
mod websocket;
mod wire_log;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient, WeakRecipient, fut::ActorFuture};
use actix_http::{
    Method,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    uri::PathAndQuery,
};
use actix_rt::time::Instant;
use bytes::Bytes;
use bytestring::ByteString;
use futures_channel::oneshot;

pub(crate) use self::cookies::Cookies;
use self::{
    http::Agent, incoming::Incoming, network::Network, polling::PollingTransport,
    websocket::WebSocketTransport,
};
use crate::{
    error::TransportError,
    protocol::{
        connection::{Cause, Command, Ended, Fate, Report, ReportKind, TransportId},
        endpoint::Endpoint,
        handshake::TransportKind,
    },
};

/// Signs of life and of progress are reported at most this often: well within the shortest heartbeat of any server.
const REPORT_EVERY: Duration = Duration::from_millis(100);

impl Message for Command {
    type Result = ();
}

impl Message for Report {
    type Result = ();
}

/// What every transport of a client is started with.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) request_timeout: Duration,
    pub(crate) max_message_size: usize,
    pub(crate) timestamp_requests: bool,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) websocket_headers: Vec<(HeaderName, HeaderValue)>,
    /// `None`: cookies are neither kept nor sent.
    pub(crate) cookies: Option<Cookies>,
    pub(crate) network: Arc<Network>,
}

/// A transport to be started.
pub(crate) struct Dial {
    pub(crate) id: TransportId,
    pub(crate) kind: TransportKind,
    pub(crate) endpoint: Arc<Endpoint>,
    /// The session to join; without one, the transport opens a session.
    pub(crate) sid: Option<ByteString>,
    pub(crate) options: Arc<Options>,
    /// Where the user meant credentials to go; a redirect may have led elsewhere.
    pub(crate) trusted: Arc<Endpoint>,
    pub(crate) reports: WeakRecipient<Report>,
}

/// Starts a transport on the current arbiter.
pub(crate) fn start(dial: Dial) -> TransportHandle {
    let (alive, abandoned) = oneshot::channel();
    let uplink = Uplink { id: dial.id, kind: dial.kind, reports: dial.reports, abandoned, ended: false };
    let requests =
        Requests { endpoint: dial.endpoint, sid: dial.sid, options: dial.options, trusted: dial.trusted };
    let commands = match dial.kind {
        TransportKind::Polling => PollingTransport::new(uplink, requests).start().recipient(),
        TransportKind::WebSocket => WebSocketTransport::new(uplink, requests).start().recipient(),
    };
    TransportHandle::new(dial.kind, commands, alive)
}

/// A running transport. It closes its connections when this is dropped.
pub(crate) struct TransportHandle {
    kind: TransportKind,
    commands: Recipient<Command>,
    _alive: oneshot::Sender<()>,
}

impl TransportHandle {
    /// `alive`: its receiver resolves when the handle is gone.
    pub(crate) fn new(kind: TransportKind, commands: Recipient<Command>, alive: oneshot::Sender<()>) -> Self {
        Self { kind, commands, _alive: alive }
    }

    pub(crate) fn order(&self, command: Command) {
        wire_log::ordered(self.kind, &command);
        self.commands.do_send(command);
    }
}

/// The way from a transport to its client. Its last word is `Ended`, whatever happens to the transport.
struct Uplink {
    id: TransportId,
    kind: TransportKind,
    /// Weak: a transport does not keep its client.
    reports: WeakRecipient<Report>,
    abandoned: oneshot::Receiver<()>,
    ended: bool,
}

impl Uplink {
    fn report(&self, kind: ReportKind) {
        wire_log::told(self.kind, &kind);
        if let Some(reports) = self.reports.upgrade() {
            reports.do_send(Report { from: self.id, kind });
        }
    }

    fn end(&mut self, ended: Ended) {
        if !self.ended {
            self.ended = true;
            self.report(ReportKind::Ended(ended));
        }
    }

    /// Nobody holds the transport's handle any more.
    fn poll_abandoned(&mut self, task: &mut Task<'_>) -> bool {
        Pin::new(&mut self.abandoned).poll(task).is_ready()
    }
}

impl Drop for Uplink {
    fn drop(&mut self) {
        let cause = Cause::Failed(TransportError::Vanished);
        self.end(Ended { cause, fate: Fate::IN_DOUBT });
    }
}

/// A transport's actor: its mailbox takes commands, its turn moves bytes.
trait Transport: Actor<Context = Context<Self>> + Handler<Command> {
    /// Polls everything that is going on. Called at the end of every wake-up.
    fn turn(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>);
}

/// Runs a transport's turns for as long as its actor lives.
struct Turns;

impl<T: Transport> ActorFuture<T> for Turns {
    type Output = ();

    fn poll(self: Pin<&mut Self>, transport: &mut T, ctx: &mut Context<T>, task: &mut Task<'_>) -> Poll<()> {
        transport.turn(ctx, task);
        Poll::Pending
    }
}

fn take_turns<T: Transport>(ctx: &mut Context<T>) {
    ctx.spawn(Turns);
}

/// A sign that is worth a report now and then.
#[derive(Default)]
struct Sign {
    seen: u64,
    reported: Option<Instant>,
}

impl Sign {
    /// `count` has grown, and the last report is a while ago.
    fn is_due(&mut self, count: u64) -> bool {
        if count == self.seen {
            return false;
        }
        self.seen = count;
        let now = Instant::now();
        let due = self.reported.is_none_or(|at| now.duration_since(at) >= REPORT_EVERY);
        if due {
            self.reported = Some(now);
        }
        due
    }
}

/// What the requests of a session have in common.
struct Requests {
    endpoint: Arc<Endpoint>,
    sid: Option<ByteString>,
    options: Arc<Options>,
    trusted: Arc<Endpoint>,
}

impl Requests {
    /// Whoever is to send them.
    fn agent(&self) -> Agent {
        Agent::new(self.options.network.clone(), self.endpoint.destination())
    }

    fn make(
        &self,
        method: Method,
        kind: TransportKind,
        framing: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<http::Request, TransportError> {
        let stamp = self.options.timestamp_requests.then(stamp);
        let target = self.endpoint.request_target(kind, self.sid.as_deref(), stamp.as_deref());
        wire_log::request(&method, &self.endpoint, &target);
        let unusable = |what: &str| TransportError::Unsupported(format!("the URL's {what}").into());
        let mut all = Vec::new();
        // Credentials go where the user meant them to go, and nowhere else.
        let at_home = self.endpoint.same_origin(&self.trusted);
        let bound = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::HOST];
        let may_go = |name: &HeaderName| at_home || !bound.contains(name);
        all.extend(self.options.headers.iter().filter(|(name, _)| may_go(name)).cloned());
        if kind == TransportKind::WebSocket {
            let special = self.options.websocket_headers.iter().filter(|(name, _)| may_go(name));
            special.for_each(|header| headers::add(&mut all, header.clone()));
        }
        if let Some(basic) = self.endpoint.authorization()
            && !all.iter().any(|(name, _)| *name == header::AUTHORIZATION)
        {
            let basic = HeaderValue::from_str(basic).map_err(|_| unusable("user information"))?;
            all.push((header::AUTHORIZATION, basic));
        }
        if let Some(cookies) = &self.options.cookies {
            cookies.add(self.endpoint.url(), &mut all);
        }
        all.extend(framing);
        Ok(http::Request {
            method,
            target: PathAndQuery::try_from(target).map_err(|_| unusable("path or query"))?,
            host: HeaderValue::from_str(self.endpoint.host_header()).map_err(|_| unusable("host"))?,
            headers: all,
            body,
        })
    }

    /// An answer that refuses a request. Some servers repeat the sid, which is a secret, in their words.
    fn refused(&self, response: &http::Response) -> TransportError {
        TransportError::Status(Box::new(response.refusal(self.sid.as_deref())))
    }

    /// Takes in what the head of an answer says of the requests to come.
    fn heard(&self, headers: &HeaderMap) {
        if let Some(cookies) = &self.options.cookies {
            cookies.keep(self.endpoint.url(), headers);
        }
    }
}

/// A value that no request before had: it keeps caches from answering.
fn stamp() -> String {
    const DIGITS: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j',
        'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
    ];
    let random: [u8; 8] = rand::random();
    random.iter().filter_map(|byte| DIGITS.get(usize::from(byte & 31))).collect()
}
