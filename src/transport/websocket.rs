//! The WebSocket transport: a handshake, then packets in both directions.

#[cfg(test)]
mod autobahn;
mod close_codes;
mod encoding;
mod handshake;
mod read_buffer;
mod socket;
mod write_buffer;

use std::{
    mem,
    sync::Arc,
    task::{Context as Task, Poll, Waker, ready},
};

use actix::{Actor, ActorContext, Context, Handler};
use futures::future::LocalBoxFuture;

use self::{close_codes::close_code, handshake::Handshake, socket::Socket};
use super::{ProgressReader, RateLimit, ReportSender, Requests, Transport, spawn_driver};
use crate::{
    error::TransportError,
    protocol::{
        connection::{BatchOutcome, CloseReason, Command, ReportKind, TransportClosed},
        packet::Packet,
    },
};

/// The largest number of writes and reads in one wake-up. Then others on the arbiter have their turn: a connection of the
/// user's own may never be pending.
const MAX_ROUNDS: usize = 4;

/// The actor of the WebSocket transport.
pub(super) struct WebSocketTransport {
    reports: ReportSender,
    phase: Phase,
    /// The permission to report one more batch, with the memory for it.
    read_credit: Option<Vec<Packet>>,
    /// Set while a batch is being written.
    is_writing: bool,
    read_reports: RateLimit,
    write_reports: RateLimit,
}

enum Phase {
    /// The handshake goes on.
    Connecting {
        handshake: LocalBoxFuture<'static, Result<Handshake, TransportError>>,
        progress: ProgressReader,
    },
    /// Packets go both ways.
    Open(Box<Socket>),
    /// Our close frame is queued. The server's close frame, or the end of the connection, is awaited.
    Closing(Box<Socket>),
    /// The connection is closed.
    Closed,
}

impl Phase {
    fn connecting(requests: Requests) -> Self {
        let http_client = requests.new_http_client();
        let progress = http_client.progress();
        Self::Connecting { handshake: Box::pin(handshake::connect(http_client, requests)), progress }
    }
}

impl WebSocketTransport {
    pub(super) fn new(reports: ReportSender, requests: Requests) -> Self {
        Self {
            reports,
            phase: Phase::connecting(requests),
            read_credit: Some(Vec::with_capacity(1)),
            is_writing: false,
            read_reports: RateLimit::default(),
            write_reports: RateLimit::default(),
        }
    }

    fn write(&mut self, packets: Arc<Vec<Packet>>) {
        if let Phase::Open(socket) = &mut self.phase {
            let ends_session = Packet::ends_session(&packets);
            socket.queue_batch(packets);
            self.is_writing = true;
            // Nothing follows a close packet, so the close frame goes out together with it.
            if ends_session && socket.is_batch_encoded() {
                socket.queue_close(1000);
            }
        }
    }

    fn ping(&mut self, number: u64) {
        if let Phase::Open(socket) = &mut self.phase {
            socket.queue_ping(number);
        }
    }

    /// Begins the closing handshake (RFC 6455, section 7.1.2).
    fn start_close(&mut self) {
        self.phase = match mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Open(mut socket) => {
                socket.queue_close(1000);
                Phase::Closing(socket)
            }
            phase => phase,
        };
    }

    /// Closes the connection and reports it. Sends a close frame before, if there is a code for one, no earlier one was
    /// sent, and it can be written at once.
    fn close(&mut self, reason: CloseReason, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        let phase = mem::replace(&mut self.phase, Phase::Closed);
        let code = close_code(&reason).filter(|_| matches!(phase, Phase::Open(_)));
        let mut outcome = BatchOutcome::sent(0);
        if let Phase::Open(mut socket) | Phase::Closing(mut socket) = phase {
            if let Some(code) = code {
                socket.queue_close(code);
            }
            let _ = socket.poll_flush(task);
            self.reports.moved(socket.bytes_read(), socket.bytes_written());
            socket.report_compression(&self.reports);
            if self.is_writing {
                outcome = socket.outcome();
            }
        }
        self.reports.close(TransportClosed { reason, outcome });
        ctx.stop();
    }

    /// Waits for the end of the handshake. Ready once there is nothing to wait for.
    fn poll_handshake(&mut self, task: &mut Task<'_>) -> Poll<Result<(), TransportError>> {
        while let Phase::Connecting { handshake, .. } = &mut self.phase {
            match ready!(handshake.as_mut().poll(task))? {
                Handshake::Opened(socket, agreed) => {
                    self.phase = Phase::Open(socket);
                    if let Some(compression) = agreed.compression {
                        self.reports.send(ReportKind::Compression(compression));
                    }
                    self.reports.send(ReportKind::Opened { protocol: agreed.protocol });
                }
                Handshake::Moved(requests) => {
                    if let Some(endpoint) = requests.new_endpoint() {
                        self.reports.send(ReportKind::Moved(endpoint));
                    }
                    self.phase = Phase::connecting(requests);
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes and reads until both have to wait, or others have to have their turn. Ready when the WebSocket has ended.
    fn poll_open(&mut self, task: &mut Task<'_>) -> Poll<CloseReason> {
        let Phase::Open(socket) = &mut self.phase else { return Poll::Pending };
        let mut may_go_on = true;
        for _ in 0..MAX_ROUNDS {
            let is_flushed = socket.poll_flush(task).is_ready();
            if is_flushed && mem::take(&mut self.is_writing) {
                socket.report_compression(&self.reports);
                self.reports.send(ReportKind::Written { any_number: false });
                if socket.has_queued_close() {
                    self.start_close();
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
            } else if !is_flushed && self.write_reports.is_due(socket.write_progress()) && self.is_writing {
                self.reports.send(ReportKind::Writing);
            }
            match socket.poll_receive(&mut self.read_credit, &self.reports, task) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(reason)) => return Poll::Ready(reason),
                // The answer to a ping was queued.
                Poll::Pending
                    if is_flushed && socket.has_unwritten_bytes() && !socket.decoder_waits_for_turn() => {}
                Poll::Pending => {
                    may_go_on = false;
                    break;
                }
            }
        }
        socket.end_encoding_turn();
        self.reports.moved(socket.bytes_read(), socket.bytes_written());
        let read = socket.bytes_read();
        if self.read_reports.is_due(read) {
            self.reports.send(ReportKind::Alive { is_partial: socket.has_unfinished_input(), read });
        }
        if may_go_on {
            task.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Waits for the end of the closing handshake.
    fn poll_closing(&mut self, task: &mut Task<'_>) -> Poll<()> {
        match &mut self.phase {
            Phase::Closing(socket) => socket.poll_closed(task),
            _ => Poll::Pending,
        }
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
            Command::Ping(number) => self.ping(number),
            Command::Read(emptied) => self.read_credit = Some(emptied),
            Command::Close => self.start_close(),
            Command::Abort => {
                let reason = match &mut self.phase {
                    Phase::Connecting { progress, .. } => CloseReason::Interrupted(progress.stage()),
                    // Perhaps the client aborts because nothing was written any more, and this is the reason.
                    Phase::Open(socket) => {
                        socket.take_write_error().map_or(CloseReason::Ordered, CloseReason::Failed)
                    }
                    Phase::Closing(_) | Phase::Closed => CloseReason::Ordered,
                };
                self.close(reason, ctx, &mut Task::from_waker(Waker::noop()));
            }
            // The sid is in the URL of the handshake, and a WebSocket is never paused.
            Command::Session(_) | Command::Pause | Command::Resume => {}
        }
    }
}

impl Transport for WebSocketTransport {
    fn poll(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        if self.reports.poll_abandoned(task) {
            return ctx.stop();
        }
        match self.poll_handshake(task) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(err)) => return self.close(CloseReason::Failed(err), ctx, task),
            Poll::Pending => return,
        }
        if self.poll_closing(task).is_ready() {
            self.close(CloseReason::Ordered, ctx, task);
        } else if let Poll::Ready(reason) = self.poll_open(task) {
            self.close(reason, ctx, task);
        }
    }
}
