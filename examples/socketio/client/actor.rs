//! Carries out what [`Namespaces`] decides.

use std::{collections::HashMap, sync::Arc};

use actix::{fut::ready, prelude::*};
use actix_engineio::{
    Data, Disconnect, EngineIoClient, EngineIoClientBuilder, Event, SendAll, SendErrorKind, Session,
    Subscribe,
};
use actix_rt::time::timeout;
use tokio::sync::{mpsc, oneshot};

use super::{
    message::{
        Acknowledge, Ask, AskError, Auth, Close, Emit, EmitError, FromServer, Join, Joined, Leave, Occurred,
        SendAck,
    },
    namespaces::{JoinError, Namespaces, Output, Shown},
    packet::{Args, Body, Packet},
};

/// A client of Socket.IO. It is a subscriber of the client that owns the connection.
pub(crate) struct SocketIo {
    namespaces: Namespaces,
    /// The session in which packets may be sent.
    session: Option<Arc<Session>>,
    members: HashMap<String, Member>,
    answers: HashMap<u64, oneshot::Sender<Result<Args, AskError>>>,
    client: Addr<EngineIoClient>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    incoming: mpsc::UnboundedSender<Incoming>,
}

/// The application's end of a namespace.
struct Member {
    recipient: Recipient<FromServer>,
    auth: Auth,
    joining: Option<oneshot::Sender<Result<Joined, JoinError>>>,
}

enum Outgoing {
    /// A packet for the server, and the one who waits until it is accepted.
    Packet(SendAll, oneshot::Sender<Result<(), EmitError>>),
    /// The end, and the one who waits until everything is closed. It is in the same queue, so that it overtakes no packet.
    Disconnect(oneshot::Sender<()>),
}

enum Incoming {
    Show(Recipient<FromServer>, FromServer),
    /// Everything before this was handled.
    Mark(oneshot::Sender<()>),
}

impl SocketIo {
    /// A builder with the path that Socket.IO servers use. It must not get `keep_unsent`: what is sent first in a
    /// session has to be the request to join.
    pub(crate) fn builder() -> EngineIoClientBuilder {
        EngineIoClient::builder().path("socket.io")
    }

    /// Starts the actor. It lives as long as somebody has its address, and so long it keeps the client alive.
    pub(crate) async fn start(client: Addr<EngineIoClient>) -> Result<Addr<Self>, MailboxError> {
        let socket = Self::new(client.clone()).start();
        let subscribe = Subscribe::weak(socket.downgrade().recipient());
        client.send(subscribe.name("socket.io")).await?;
        Ok(socket)
    }

    fn new(client: Addr<EngineIoClient>) -> Self {
        let (outgoing, packets) = mpsc::unbounded_channel();
        let (incoming, events) = mpsc::unbounded_channel();
        actix_rt::spawn(write(client.clone(), packets));
        actix_rt::spawn(show(events));
        Self {
            namespaces: Namespaces::default(),
            session: None,
            members: HashMap::new(),
            answers: HashMap::new(),
            client,
            outgoing,
            incoming,
        }
    }

    fn carry_out(&mut self, ctx: &mut Context<Self>) {
        for output in self.namespaces.outputs() {
            match output {
                Output::Authorize { namespace, round } => self.authorize(namespace, round, ctx),
                Output::Send(packet) => drop(self.write(packet)),
                Output::Show { namespace, event } => self.show(namespace, event, ctx),
                Output::Answer { id, args } => self.answer(id, Ok(args)),
                Output::GiveUp { id } => self.answer(id, Err(AskError::Lost)),
            }
        }
    }

    fn authorize(&self, namespace: String, round: u64, ctx: &mut Context<Self>) {
        let Some(member) = self.members.get(&namespace) else { return };
        let answer = (member.auth)();
        ctx.spawn(answer.into_actor(self).map(move |answer, socket, ctx| {
            socket.namespaces.authorized(&namespace, round, answer);
            socket.carry_out(ctx);
        }));
    }

    /// Puts a packet behind all others. The reply comes when it was accepted.
    fn write(&self, packet: Packet) -> oneshot::Receiver<Result<(), EmitError>> {
        let (accepted, reply) = oneshot::channel();
        // Without a session the sender is dropped, and the one who waits learns of it.
        if let Some(session) = &self.session {
            let packet = SendAll::new(packet.encode()).in_session(session);
            let _ = self.outgoing.send(Outgoing::Packet(packet, accepted));
        }
        reply
    }

    fn show(&mut self, namespace: String, event: Shown, ctx: &mut Context<Self>) {
        let Some(member) = self.members.get_mut(&namespace) else { return };
        let recipient = member.recipient.clone();
        let joining = |member: &mut Member, outcome| {
            if let Some(joining) = member.joining.take() {
                // The limit may have come first.
                let _ = joining.send(outcome);
            }
        };
        let occurred = match event {
            Shown::Joined { sid, recovered } => {
                let joined = Joined { sid, recovered };
                joining(member, Ok(joined.clone()));
                Occurred::Joined(joined)
            }
            Shown::Refused(err) => {
                joining(member, Err(err.clone()));
                self.members.remove(&namespace);
                Occurred::Refused(err)
            }
            Shown::Event { id, name, args } => {
                let ack = id.and_then(|id| self.acknowledge(&namespace, id, ctx));
                Occurred::Event { name, args, ack }
            }
            Shown::Left(reason) => {
                if !self.namespaces.is_wanted(&namespace) {
                    self.members.remove(&namespace);
                }
                Occurred::Left(reason)
            }
        };
        let _ = self.incoming.send(Incoming::Show(recipient, FromServer { namespace, occurred }));
    }

    fn acknowledge(&self, namespace: &str, id: u64, ctx: &mut Context<Self>) -> Option<Acknowledge> {
        let session = self.session.clone()?;
        let answer = SendAck { namespace: namespace.to_owned(), session, id, args: Args::new() };
        Some(Acknowledge { socket: ctx.address().downgrade(), answer })
    }

    fn answer(&mut self, id: u64, outcome: Result<Args, AskError>) {
        if let Some(asking) = self.answers.remove(&id) {
            let _ = asking.send(outcome);
        }
    }

    fn message(&mut self, data: Data) {
        // After a message that cannot be read, no later message can be read.
        if self.session.is_none() {
            return;
        }
        if let Err(err) = self.namespaces.message(data) {
            self.session = None;
            self.client.do_send(Disconnect::abort().reason(format!("the server sent {err}")));
        }
    }
}

/// Sends one packet after the other, each when the one before was accepted: their order is that of the queue.
async fn write(client: Addr<EngineIoClient>, mut packets: mpsc::UnboundedReceiver<Outgoing>) {
    while let Some(outgoing) = packets.recv().await {
        match outgoing {
            Outgoing::Packet(packet, accepted) => {
                let outcome = match client.send(packet).await {
                    Ok(outcome) => outcome.map_err(|err| EmitError::Refused(err.kind)),
                    Err(_) => Err(EmitError::Refused(SendErrorKind::NotConnected)),
                };
                let _ = accepted.send(outcome);
            }
            Outgoing::Disconnect(closed) => {
                // The client may have stopped.
                let _ = client.send(Disconnect::new()).await;
                let _ = closed.send(());
            }
        }
    }
}

/// Shows the application one thing after the other, each when the one before was handled.
async fn show(mut events: mpsc::UnboundedReceiver<Incoming>) {
    while let Some(incoming) = events.recv().await {
        match incoming {
            // A subscriber that has stopped sees nothing more.
            Incoming::Show(recipient, event) => _ = recipient.send(event).await,
            Incoming::Mark(handled) => _ = handled.send(()),
        }
    }
}

impl Actor for SocketIo {
    type Context = Context<Self>;
}

impl Handler<Event> for SocketIo {
    /// Ready when the application has handled what the event led to, so that the client stops reading for an application
    /// that is slow. Messages to this actor do not wait for that.
    type Result = ResponseFuture<()>;

    fn handle(&mut self, event: Event, ctx: &mut Self::Context) -> Self::Result {
        match event {
            Event::Connected(session) => {
                self.session = Some(session);
                self.namespaces.connected();
            }
            Event::Message(data) => self.message(data),
            Event::Disconnected(end) => {
                self.session = None;
                self.namespaces.disconnected(&end.reason);
            }
            _ => {}
        }
        self.carry_out(ctx);
        let (handled, done) = oneshot::channel();
        let _ = self.incoming.send(Incoming::Mark(handled));
        Box::pin(async { done.await.unwrap_or_default() })
    }
}

impl Handler<Join> for SocketIo {
    type Result = ResponseActFuture<Self, Result<Joined, JoinError>>;

    fn handle(&mut self, join: Join, ctx: &mut Self::Context) -> Self::Result {
        let Join { namespace, recipient, auth, limit } = join;
        if self.namespaces.is_wanted(&namespace) {
            return Box::pin(ready(Err(JoinError::AlreadyJoined)));
        }
        let (joining, joined) = oneshot::channel();
        self.members.insert(namespace.clone(), Member { recipient, auth, joining: Some(joining) });
        self.namespaces.join(&namespace);
        self.carry_out(ctx);
        Box::pin(timeout(limit, joined).into_actor(self).map(move |outcome, socket, ctx| match outcome {
            Ok(outcome) => outcome.unwrap_or(Err(JoinError::Cancelled)),
            Err(_) => {
                socket.namespaces.join_timed_out(&namespace);
                socket.carry_out(ctx);
                Err(JoinError::TimedOut)
            }
        }))
    }
}

impl Handler<Leave> for SocketIo {
    type Result = ();

    fn handle(&mut self, Leave(namespace): Leave, ctx: &mut Self::Context) {
        self.namespaces.leave(&namespace);
        self.carry_out(ctx);
        self.members.remove(&namespace);
    }
}

impl Handler<Close> for SocketIo {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Close, ctx: &mut Self::Context) -> Self::Result {
        self.namespaces.leave_all();
        self.carry_out(ctx);
        self.members.clear();
        let (closed, done) = oneshot::channel();
        let _ = self.outgoing.send(Outgoing::Disconnect(closed));
        Box::pin(async { done.await.unwrap_or_default() })
    }
}

impl Handler<Emit> for SocketIo {
    type Result = ResponseFuture<Result<(), EmitError>>;

    fn handle(&mut self, Emit { namespace, name, args }: Emit, _: &mut Self::Context) -> Self::Result {
        if !self.namespaces.is_joined(&namespace) {
            return Box::pin(async { Err(EmitError::NotJoined) });
        }
        let accepted = self.write(Packet::new(&namespace, Body::Event { id: None, name, args }));
        Box::pin(async { accepted.await.unwrap_or(Err(EmitError::NotJoined)) })
    }
}

impl Handler<Ask> for SocketIo {
    type Result = ResponseActFuture<Self, Result<Args, AskError>>;

    fn handle(&mut self, Ask { emit, limit }: Ask, _: &mut Self::Context) -> Self::Result {
        let Emit { namespace, name, args } = emit;
        let Some(id) = self.namespaces.question(&namespace) else {
            return Box::pin(ready(Err(AskError::NotSent(EmitError::NotJoined))));
        };
        let (asking, mut answer) = oneshot::channel();
        self.answers.insert(id, asking);
        let accepted = self.write(Packet::new(&namespace, Body::Event { id: Some(id), name, args }));
        Box::pin(
            timeout(limit, async move {
                let accepted = accepted.await.unwrap_or(Err(EmitError::NotJoined));
                // The end of the session may have been noticed first.
                if let Ok(outcome) = answer.try_recv() {
                    return outcome;
                }
                accepted.map_err(AskError::NotSent)?;
                answer.await.unwrap_or(Err(AskError::Lost))
            })
            .into_actor(self)
            .map(move |outcome, socket, _| {
                socket.namespaces.forget(&namespace, id);
                socket.answers.remove(&id);
                outcome.unwrap_or(Err(AskError::TimedOut))
            }),
        )
    }
}

impl Handler<SendAck> for SocketIo {
    type Result = ();

    fn handle(&mut self, ack: SendAck, _: &mut Self::Context) {
        let SendAck { namespace, session, id, args } = ack;
        let is_same = self.session.as_ref().is_some_and(|current| current.sid == session.sid);
        if is_same && self.namespaces.is_joined(&namespace) {
            drop(self.write(Packet::new(&namespace, Body::Ack { id, args })));
        }
    }
}
