//! What each message does.

use std::sync::Arc;

use actix::{AsyncContext, Context, Handler, MessageResult};

use super::{
    Confirm, Connect, Disconnect, EngineIoClient, Flush, GetStatus, NotConnected, Send, SendAll, Spawn,
    Subscribe, TaskHandle, Unsubscribe, Wait, WatchState, journal, reply::Reply, signals::Signalled,
    stream::SubscribeStream, subscribers::Sink, timer::now,
};
use crate::{
    error::{
        ConfirmError, ConnectError, DisconnectReason, FlushError, SendAllError, SendError, SendErrorKind,
    },
    protocol::{
        connection::{Report, ReportKind},
        handshake::Session,
    },
};

impl Handler<Report> for EngineIoClient {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Self::Context) {
        if let ReportKind::Closed(_) = report.kind {
            self.transports.remove(report.from);
        }
        self.connection.handle_report(now(), report);
        self.drain_outputs(ctx);
    }
}

impl Handler<Connect> for EngineIoClient {
    type Result = Reply<Result<Arc<Session>, ConnectError>>;

    fn handle(&mut self, request: Connect, ctx: &mut Self::Context) -> Self::Result {
        // Messages that came earlier do not wait for this session.
        self.advance_outbox();
        let resolved = self.attempts.resolve(&request);
        let url = resolved.as_ref().map(|resolved| resolved.endpoint().display_url().into());
        let url = url.map_err(ConnectError::clone);
        let connecting = match self.signals.is_finishing() {
            // The system is about to stop.
            true => Err(ConnectError::Cancelled),
            false => self.lifecycle.connect(now(), url),
        };
        let resolved = match connecting.and(resolved) {
            Ok(resolved) => resolved,
            Err(err) => {
                journal::connect_refused(&err);
                return Reply::now_or_else(Err(err), journal::connect_refused_unseen);
            }
        };
        if resolved.endpoint().ignores_path() {
            journal::path_unused(resolved.endpoint().display_url());
        }
        self.attempts.set_request(request, resolved);
        let reply = self.replies.connect();
        self.drain_outputs(ctx);
        reply
    }
}

impl Handler<Send> for EngineIoClient {
    type Result = Reply<Result<(), SendError>>;

    fn handle(&mut self, Send(data): Send, ctx: &mut Self::Context) -> Self::Result {
        // Nearly every message goes directly to the connection. `enqueue` and `refuse` are not inlined, because their code would
        // slow down all messages.
        if !self.outbox.is_empty() || !self.connection.is_open() || !self.connection.has_room() {
            return self.outbox.enqueue(data);
        }
        if let Err(err) = self.connection.send(data) {
            return self.outbox.refuse(err);
        }
        if self.connection.has_batch() {
            self.drain_and_write(ctx);
        }
        self.write_timing.reply(Ok(()), 1, self.connection.accepted())
    }
}

impl Handler<SendAll> for EngineIoClient {
    type Result = Reply<Result<(), SendAllError>>;

    fn handle(
        &mut self,
        SendAll { messages: group, session }: SendAll,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        if group.is_empty() {
            return Reply::now(Ok(()));
        }
        if session.is_some_and(|wanted| !self.is_in_session(&wanted)) {
            return self.outbox.refuse_group(SendAllError::new(SendErrorKind::NotConnected, group));
        }
        if !self.outbox.is_empty() || !self.connection.is_open() || !self.connection.has_room() {
            return self.outbox.enqueue_all(group);
        }
        let messages = u64::try_from(group.len()).unwrap_or(u64::MAX);
        if let Err(err) = self.connection.send_all(group) {
            return self.outbox.refuse_group(err);
        }
        if self.connection.has_batch() {
            self.drain_and_write(ctx);
        }
        self.write_timing.reply(Ok(()), messages, self.connection.accepted())
    }
}

impl Handler<Flush> for EngineIoClient {
    type Result = Reply<Result<(), FlushError>>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        // Messages that came earlier by `do_send` count.
        self.accept_unawaited();
        let accepted = self.connection.accepted();
        if accepted > self.connection.settled() {
            return self.replies.flush(accepted);
        }
        // A session that is closing may still have messages to write, so this comes second.
        Reply::now(if self.connection.is_open() { Ok(()) } else { Err(FlushError::NotConnected) })
    }
}

impl Handler<Confirm> for EngineIoClient {
    type Result = Reply<Result<(), ConfirmError>>;

    fn handle(&mut self, _: Confirm, _: &mut Self::Context) -> Self::Result {
        // Messages that came earlier by `do_send` count.
        self.accept_unawaited();
        if self.connection.confirm(now()) {
            self.replies.confirm()
        } else {
            Reply::now(Err(ConfirmError::NotConnected))
        }
    }
}

impl Handler<Disconnect> for EngineIoClient {
    type Result = Reply<()>;

    fn handle(&mut self, disconnect: Disconnect, ctx: &mut Self::Context) -> Self::Result {
        self.disconnect(disconnect);
        self.drain_outputs(ctx);
        if self.lifecycle.is_idle() {
            self.send_last_events();
            Reply::now(())
        } else {
            self.replies.disconnect()
        }
    }
}

impl Handler<Wait> for EngineIoClient {
    type Result = Reply<Option<DisconnectReason>>;

    fn handle(&mut self, _: Wait, _: &mut Self::Context) -> Self::Result {
        if self.lifecycle.is_idle() {
            self.send_last_events();
            Reply::now(self.lifecycle.last_reason().cloned())
        } else {
            self.replies.wait()
        }
    }
}

impl Handler<Subscribe> for EngineIoClient {
    type Result = MessageResult<Subscribe>;

    fn handle(&mut self, subscribe: Subscribe, _: &mut Self::Context) -> Self::Result {
        let Subscribe { target, only, name } = subscribe;
        MessageResult(self.subscribers.add(Sink::Actor(target), only, name))
    }
}

impl Handler<SubscribeStream> for EngineIoClient {
    type Result = ();

    fn handle(&mut self, SubscribeStream { sender, only }: SubscribeStream, _: &mut Self::Context) {
        self.subscribers.add(Sink::Stream(sender), only, None);
    }
}

impl Handler<Unsubscribe> for EngineIoClient {
    type Result = bool;

    fn handle(&mut self, Unsubscribe(id): Unsubscribe, _: &mut Self::Context) -> bool {
        self.subscribers.remove(id)
    }
}

impl Handler<GetStatus> for EngineIoClient {
    type Result = MessageResult<GetStatus>;

    fn handle(&mut self, _: GetStatus, _: &mut Self::Context) -> Self::Result {
        // Messages that are refused do not count as queued.
        self.advance_outbox();
        MessageResult(self.status())
    }
}

impl Handler<WatchState> for EngineIoClient {
    type Result = MessageResult<WatchState>;

    fn handle(&mut self, _: WatchState, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.monitor.watch(self.lifecycle.state(&self.connection)))
    }
}

impl Handler<Spawn> for EngineIoClient {
    type Result = MessageResult<Spawn>;

    fn handle(&mut self, Spawn(work): Spawn, ctx: &mut Self::Context) -> Self::Result {
        if !self.connection.is_open() {
            return MessageResult(Err(NotConnected));
        }
        let client = ctx.address();
        // The closure runs inside the task, so that a panic ends the task and not the client.
        let task = actix_rt::spawn(async move { work(client).await });
        self.tasks.add(task.abort_handle());
        MessageResult(Ok(TaskHandle(task)))
    }
}

impl Handler<Signalled> for EngineIoClient {
    type Result = ();

    fn handle(&mut self, Signalled(signal): Signalled, ctx: &mut Context<Self>) {
        self.signals.begin();
        self.disconnect(Disconnect::new().reason(signal.reason()));
        self.drain_outputs(ctx);
    }
}
