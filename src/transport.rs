//! Transports: child actors that move bytes. They carry out commands and report what happens; they decide nothing.
//!
//! ```text
//!   polling   websocket          the actors, one for each way to carry packets
//!        requests                which request goes where, with which headers and cookies
//!       http_client              one connection to one origin
//!     http       network         HTTP/1.1 over any byte stream; byte streams: TCP, proxies, TLS
//! ```

mod batch_builder;
mod cookies;
mod deadline;
mod deferred_wake;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod headers;
pub(crate) mod http;
mod http_client;
mod io;
mod known_servers;
pub(crate) mod network;
mod options;
mod polling;
mod progress;
mod reports;
mod requests;
mod secrets;
#[cfg(test)]
#[allow(dead_code, reason = "the integration tests use the rest")]
#[path = "../tests/support/server.rs"]
mod server;
mod shared;
mod sharing;
mod traffic;
mod websocket;
mod wire_log;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
};

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient, WeakRecipient, fut::ActorFuture};
use bytestring::ByteString;
use futures::channel::oneshot;

use self::{
    batch_builder::BatchBuilder,
    polling::PollingTransport,
    progress::{Progress, ProgressReader},
    reports::{RateLimit, ReportSender},
    requests::Requests,
    secrets::Secrets,
    sharing::SharingBudget,
    traffic::TrafficMeter,
    websocket::WebSocketTransport,
};
pub(crate) use self::{
    cookies::Cookies,
    deferred_wake::DeferredWake,
    headers::Headers,
    io::Io,
    known_servers::KnownServers,
    network::{Lookups, is_client_certificate_refused},
    options::Options,
    shared::Shared,
    traffic::Traffic,
};
use crate::protocol::{
    connection::{Command, Report, TransportId},
    endpoint::Endpoint,
    handshake::TransportKind,
    version::ProtocolVersion,
};

impl Message for Command {
    type Result = ();
}

impl Message for Report {
    type Result = ();
}

/// The arguments of a new transport.
pub(crate) struct TransportParams {
    pub(crate) id: TransportId,
    pub(crate) kind: TransportKind,
    pub(crate) version: ProtocolVersion,
    pub(crate) endpoint: Arc<Endpoint>,
    /// The session to join. Without one, the transport opens a session.
    pub(crate) sid: Option<ByteString>,
    pub(crate) options: Arc<Options>,
    /// The endpoint that the user named. `endpoint` may be another, after a redirect.
    pub(crate) trusted: Arc<Endpoint>,
    pub(crate) reports: WeakRecipient<Report>,
}

/// Starts a transport on the current arbiter.
pub(crate) fn start(params: TransportParams) -> TransportHandle {
    let (alive, abandoned) = oneshot::channel();
    let reports = ReportSender::new(&params, abandoned);
    let requests = Requests::new(params.endpoint, params.sid, params.options, params.trusted);
    let requests = requests.speaking(params.version);
    let commands = match params.kind {
        TransportKind::Polling => PollingTransport::new(reports, requests).start().recipient(),
        TransportKind::WebSocket => WebSocketTransport::new(reports, requests).start().recipient(),
    };
    TransportHandle::new(commands, alive)
}

/// A running transport. Dropping the handle closes its connections.
pub(crate) struct TransportHandle {
    commands: Recipient<Command>,
    _alive: oneshot::Sender<()>,
}

impl TransportHandle {
    /// The receiver of `alive` resolves when the handle is dropped.
    pub(crate) fn new(commands: Recipient<Command>, alive: oneshot::Sender<()>) -> Self {
        Self { commands, _alive: alive }
    }

    /// `kind` is that of the transport.
    pub(crate) fn order(&self, kind: TransportKind, command: Command) {
        wire_log::command(kind, &command);
        self.commands.do_send(command);
    }
}

/// The actor of a transport. It takes commands from its mailbox and moves bytes in [`poll`](Self::poll).
trait Transport: Actor<Context = Context<Self>> + Handler<Command> {
    /// Moves bytes as far as possible. Called at the end of every wake-up, after the mailbox.
    fn poll(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>);
}

/// Calls [`Transport::poll`] at the end of every wake-up of the actor.
struct Driver;

impl<T: Transport> ActorFuture<T> for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, transport: &mut T, ctx: &mut Context<T>, task: &mut Task<'_>) -> Poll<()> {
        transport.poll(ctx, task);
        Poll::Pending
    }
}

fn spawn_driver<T: Transport>(ctx: &mut Context<T>) {
    ctx.spawn(Driver);
}
