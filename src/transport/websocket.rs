//! The WebSocket: a handshake, then a pump that moves packets both ways.

#[cfg(test)]
mod autobahn;
mod handshake;
mod socket;

use std::{
    mem,
    sync::Arc,
    task::{Context as Task, Poll, Waker, ready},
};

use actix::{Actor, ActorContext, Context, Handler};
use actix_codec::Decoder as _;
use futures::future::LocalBoxFuture;

use self::{
    handshake::OpenedWebSocket,
    socket::{Batch, End, Socket},
};
use super::{Progress, RateLimit, ReportSender, Requests, Transport, spawn_driver};
use crate::{
    error::TransportError,
    protocol::{
        connection::{BatchOutcome, CloseReason, Command, ReportKind, TransportClosed},
        packet::Packet,
        websocket::{CloseFrame, Message},
    },
};

/// RFC 6455, section 7.4.1: a close frame without a code is told as this one.
const NO_STATUS: u16 = 1005;

/// Writes and reads before others on the arbiter have their turn: a connection of the user's own may never be pending.
const ROUNDS: usize = 4;

/// The actor.
pub(super) struct WebSocketTransport {
    reports: ReportSender,
    phase: Phase,
    /// Leave to read one more batch, which goes into this one.
    credit: Option<Vec<Packet>>,
    batch: Option<Batch>,
    heard: RateLimit,
    wrote: RateLimit,
}

enum Phase {
    Connecting(LocalBoxFuture<'static, Result<OpenedWebSocket, TransportError>>, Progress),
    Open(Box<Socket>),
    /// Our close frame is on its way; the server's, or the end, is awaited.
    Closing(Box<Socket>),
    TransportClosed,
}

impl WebSocketTransport {
    pub(super) fn new(reports: ReportSender, requests: Requests) -> Self {
        let http_client = requests.http_client();
        let progress = http_client.progress().clone();
        Self {
            reports,
            phase: Phase::Connecting(Box::pin(handshake::connect(http_client, requests)), progress),
            credit: Some(Vec::with_capacity(1)),
            batch: None,
            heard: RateLimit::default(),
            wrote: RateLimit::default(),
        }
    }

    fn write(&mut self, packets: Arc<Vec<Packet>>) {
        let Phase::Open(socket) = &mut self.phase else { return };
        self.batch = Some(socket.queue_batch(packets));
    }

    fn close(&mut self) {
        match mem::replace(&mut self.phase, Phase::TransportClosed) {
            Phase::Open(mut socket) => {
                socket.queue_close(1000);
                self.phase = Phase::Closing(socket);
            }
            phase => self.phase = phase,
        }
    }

    /// Gives the server a close frame if it fits, closes, and says so.
    fn end(&mut self, reason: CloseReason, code: Option<u16>, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        let phase = mem::replace(&mut self.phase, Phase::TransportClosed);
        let mut outcome = BatchOutcome::sent(0);
        if let Phase::Open(mut socket) | Phase::Closing(mut socket) = phase {
            socket.leave(code, task);
            if let Some(batch) = self.batch.take() {
                outcome = batch.outcome(socket.flushed, socket.written);
            }
        }
        self.reports.close(TransportClosed { reason, outcome });
        ctx.stop();
    }

    /// Moves bytes until neither way can go on, or others are to have their turn. Ready when the socket has ended.
    fn poll_socket(&mut self, task: &mut Task<'_>) -> Poll<End> {
        let Phase::Open(socket) = &mut self.phase else { return Poll::Pending };
        let mut more = true;
        for _ in 0..ROUNDS {
            let flushed = match socket.poll_flush(task) {
                Poll::Ready(()) => {
                    if self.batch.take().is_some() {
                        self.reports.send(ReportKind::Written { any_number: false });
                    }
                    true
                }
                Poll::Pending => {
                    if self.wrote.is_due(socket.written) && self.batch.is_some() {
                        self.reports.send(ReportKind::Writing);
                    }
                    false
                }
            };
            match socket.poll_receive(&mut self.credit, &self.reports, task) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                // A ping was answered.
                Poll::Pending if flushed && socket.has_output() => {}
                Poll::Pending => {
                    more = false;
                    break;
                }
            }
        }
        if self.heard.is_due(socket.read) {
            self.reports.send(ReportKind::Alive);
        }
        if more {
            task.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Waits for the server's close frame, or the end of the connection. What else it says is too late.
    fn poll_closing(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let Phase::Closing(socket) = &mut self.phase else { return Poll::Pending };
        let _ = socket.poll_flush(task);
        for _ in 0..ROUNDS {
            loop {
                match socket.codec.decode(&mut socket.read_buf) {
                    Ok(Some(Message::Close(_))) | Err(_) => return Poll::Ready(()),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                }
            }
            match ready!(socket.poll_fill(task)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Actor for WebSocketTransport {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        spawn_driver(ctx);
    }
}

impl Handler<Command> for WebSocketTransport {
    type Result = ();

    fn handle(&mut self, command: Command, ctx: &mut Self::Context) {
        match command {
            Command::Write(packets) => self.write(packets),
            Command::Read(emptied) => self.credit = Some(emptied),
            Command::Close => self.close(),
            Command::Abort => {
                let mut task = Task::from_waker(Waker::noop());
                let (reason, code) = match &self.phase {
                    Phase::Connecting(_, progress) => (CloseReason::Interrupted(progress.stage()), None),
                    Phase::Open(_) => (CloseReason::Ordered, Some(1000)),
                    Phase::Closing(_) | Phase::TransportClosed => (CloseReason::Ordered, None),
                };
                self.end(reason, code, ctx, &mut task);
            }
            // The sid is in the URL from the start, and nothing is ever paused.
            Command::Session(_) | Command::Pause | Command::Resume => {}
        }
    }
}

impl Transport for WebSocketTransport {
    fn poll(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        if self.reports.poll_abandoned(task) {
            return ctx.stop();
        }
        if let Phase::Connecting(connecting, _) = &mut self.phase {
            match connecting.as_mut().poll(task) {
                Poll::Ready(Ok((socket, protocol))) => {
                    self.phase = Phase::Open(Box::new(socket));
                    self.reports.send(ReportKind::Opened { protocol });
                }
                Poll::Ready(Err(err)) => return self.end(CloseReason::Failed(err), None, ctx, task),
                Poll::Pending => return,
            }
        }
        if self.poll_closing(task).is_ready() {
            return self.end(CloseReason::Ordered, None, ctx, task);
        }
        let Poll::Ready(end) = self.poll_socket(task) else { return };
        let code = end.close_code();
        let reason = match end {
            End::Failed(err) => CloseReason::Failed(err),
            End::CloseFrame(None) => CloseReason::CloseFrame { code: NO_STATUS, reason: "".into() },
            End::CloseFrame(Some(CloseFrame { code, reason })) => CloseReason::CloseFrame { code, reason },
        };
        self.end(reason, code, ctx, task);
    }
}
