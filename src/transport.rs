//! Moving bytes: child actors that do what they are told, and nothing that decides.

mod batch_builder;
mod cookies;
pub(crate) mod headers;
pub(crate) mod http;
mod http_client;
mod io;
pub(crate) mod network;
mod polling;
mod progress;
mod reports;
mod requests;
mod websocket;
mod wire_log;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient, WeakRecipient, fut::ActorFuture};
use actix_http::header::{HeaderName, HeaderValue};
use bytestring::ByteString;
use futures::channel::oneshot;

use self::{
    batch_builder::BatchBuilder,
    network::Network,
    polling::PollingTransport,
    progress::Progress,
    reports::{RateLimit, ReportSender},
    requests::Requests,
    websocket::WebSocketTransport,
};
pub(crate) use self::{cookies::Cookies, io::Io};
use crate::protocol::{
    connection::{Command, Report, TransportId},
    endpoint::Endpoint,
    handshake::TransportKind,
};

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
pub(crate) struct TransportParams {
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
pub(crate) fn start(params: TransportParams) -> TransportHandle {
    let (alive, abandoned) = oneshot::channel();
    let reports = ReportSender::new(&params, abandoned);
    let requests = Requests {
        endpoint: params.endpoint,
        sid: params.sid,
        options: params.options,
        trusted: params.trusted,
    };
    let commands = match params.kind {
        TransportKind::Polling => PollingTransport::new(reports, requests).start().recipient(),
        TransportKind::WebSocket => WebSocketTransport::new(reports, requests).start().recipient(),
    };
    TransportHandle::new(params.kind, commands, alive)
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

/// A transport's actor: its mailbox takes commands, [`Transport::poll`] moves bytes.
trait Transport: Actor<Context = Context<Self>> + Handler<Command> {
    /// Polls everything that is going on. Called at the end of every wake-up.
    fn poll(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>);
}

/// Polls a transport at the end of each wake-up of its actor.
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
