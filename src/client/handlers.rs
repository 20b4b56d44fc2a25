//! What each message does. Replies that depend on a turn are given in it.

use std::sync::Arc;

use actix::{AsyncContext, Context, Handler, MessageResult};

use super::{
    Connect, Disconnect, EngineIoClient, Event, EventKind, Flush, GetStatus, NotConnected, Send, Spawn,
    Subscribe, SubscriptionId, TaskHandle, Unsubscribe, Wait,
    interrupt::Interrupt,
    reply::{PendingReply, Reply, ReplyState},
    stream::SubscribeStream,
    subscribers::Sink,
    timer::now,
};
use crate::{
    data::Data,
    error::{ConnectError, DisconnectReason, FlushError, SendError},
    protocol::{
        connection::{Report, ReportKind},
        handshake::Session,
    },
};

impl Handler<Report> for EngineIoClient {
    type Result = ();

    fn handle(&mut self, report: Report, _: &mut Self::Context) {
        if let ReportKind::Closed(_) = report.kind {
            // What had left by now had left, although the session ends in the same wake-up.
            self.answer_flushes();
            self.transports.retain(|(id, _)| *id != report.from);
        }
        self.connection.handle_report(now(), report);
    }
}

impl Handler<Connect> for EngineIoClient {
    type Result = Reply<Result<Arc<Session>, ConnectError>>;

    fn handle(&mut self, connect: Connect, ctx: &mut Self::Context) -> Self::Result {
        // An end that was reported in this very wake-up is told first: its replies are not this connect's.
        self.catch_up(ctx);
        match self.connect(connect) {
            Ok(()) => {
                let later = PendingReply::new();
                let reply = Reply::later(&later);
                self.connect = Some(later);
                reply
            }
            Err(err) => {
                // Refused during a delay, it leaves what goes on alone.
                if self.is_idle() {
                    self.last_reason = None;
                }
                log::debug!(target: "actix_engineio::client", "connect refused: {err}");
                Reply::now(Err(err))
            }
        }
    }
}

impl Handler<Send> for EngineIoClient {
    type Result = Reply<Result<(), SendError>>;

    fn handle(&mut self, Send(data): Send, ctx: &mut Self::Context) -> Self::Result {
        let next = self.line.is_empty() && self.kept.is_empty();
        if !next || !self.connection.is_open() || !self.connection.has_room() {
            return self.wait_for_room(data);
        }
        if let Err(err) = self.connection.send(data) {
            return self.refuse(err);
        }
        if self.connection.has_batch() {
            self.drive(ctx);
        }
        Reply::now(Ok(()))
    }
}

// Apart from the handler, which nearly every message passes without them: inside they would double its cost.
impl EngineIoClient {
    #[inline(never)]
    fn wait_for_room(&mut self, data: Data) -> Reply<Result<(), SendError>> {
        let later = PendingReply::new();
        let reply = Reply::later(&later);
        self.enqueue(data, later);
        reply
    }

    #[inline(never)]
    fn refuse(&mut self, err: SendError) -> Reply<Result<(), SendError>> {
        let later = PendingReply::new();
        let reply = Reply::later(&later);
        self.refused.push((err, later));
        reply
    }
}

impl Handler<Flush> for EngineIoClient {
    type Result = Reply<Result<(), FlushError>>;

    fn handle(&mut self, _: Flush, ctx: &mut Self::Context) -> Self::Result {
        // What came by `do_send` in this very wake-up counts.
        self.catch_up(ctx);
        let upto = self.connection.accepted();
        if upto <= self.connection.settled() {
            // A session that is being closed has things to write, too.
            let open = self.connection.is_open();
            return Reply::now(if open { Ok(()) } else { Err(FlushError::NotConnected) });
        }
        let later = PendingReply::new();
        let reply = Reply::later(&later);
        self.flushes.push_back((upto, later));
        reply
    }
}

impl Handler<Disconnect> for EngineIoClient {
    type Result = Reply<()>;

    fn handle(&mut self, disconnect: Disconnect, ctx: &mut Self::Context) -> Self::Result {
        // An end, or a session, that was reported in this very wake-up counts.
        self.catch_up(ctx);
        if self.connection.is_idle() {
            self.cancel();
            return Reply::now(());
        }
        if disconnect.abort {
            self.left = true;
            self.connection.abort(now(), disconnect.reason);
        } else {
            self.leave(disconnect.reason);
        }
        let later = PendingReply::new();
        let reply = Reply::later(&later);
        self.disconnects.push(later);
        reply
    }
}

impl Handler<Wait> for EngineIoClient {
    type Result = Reply<Option<DisconnectReason>>;

    fn handle(&mut self, _: Wait, ctx: &mut Self::Context) -> Self::Result {
        // An end that was reported in this very wake-up counts.
        self.catch_up(ctx);
        if self.is_idle() {
            return Reply::now(self.last_reason.clone());
        }
        self.waits.retain(|wait| wait.state() == ReplyState::Awaited);
        let later = PendingReply::new();
        let reply = Reply::later(&later);
        self.waits.push(later);
        reply
    }
}

impl Handler<Subscribe> for EngineIoClient {
    type Result = MessageResult<Subscribe>;

    fn handle(&mut self, subscribe: Subscribe, ctx: &mut Self::Context) -> Self::Result {
        let outlet = Sink::Recipient(subscribe.recipient);
        MessageResult(self.subscribe(outlet, subscribe.only, ctx))
    }
}

impl Handler<SubscribeStream> for EngineIoClient {
    type Result = ();

    fn handle(&mut self, SubscribeStream(sender): SubscribeStream, ctx: &mut Self::Context) {
        self.subscribe(Sink::Stream(sender), None, ctx);
    }
}

impl EngineIoClient {
    fn subscribe(
        &mut self,
        outlet: Sink,
        only: Option<Vec<EventKind>>,
        ctx: &mut Context<Self>,
    ) -> SubscriptionId {
        // What has happened so far is not for the newcomer, but for the session that stands.
        self.catch_up(ctx);
        let first = self.session.clone().map(Event::Connected);
        self.subscribers.add(outlet, only, first)
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

    fn handle(&mut self, _: GetStatus, ctx: &mut Self::Context) -> Self::Result {
        self.catch_up(ctx);
        self.forget_withdrawn();
        MessageResult(self.status())
    }
}

impl Handler<Spawn> for EngineIoClient {
    type Result = MessageResult<Spawn>;

    fn handle(&mut self, Spawn(work): Spawn, ctx: &mut Self::Context) -> Self::Result {
        self.catch_up(ctx);
        if !self.connection.is_open() {
            return MessageResult(Err(NotConnected));
        }
        let client = ctx.address();
        // The closure runs in the task, too: a panic of it is the task's.
        let task = actix_rt::spawn(async move { work(client).await });
        self.tasks.retain(|task| !task.is_finished());
        self.tasks.push(task.abort_handle());
        MessageResult(Ok(TaskHandle(task)))
    }
}

impl Handler<Interrupt> for EngineIoClient {
    type Result = ();

    fn handle(&mut self, _: Interrupt, ctx: &mut Self::Context) {
        self.catch_up(ctx);
        self.interrupted = true;
        self.leave(Some("interrupted".into()));
    }
}
