//! HTTP long-polling: one GET and one POST at a time, each on a connection of its own.

mod exchange;

use std::{
    sync::Arc,
    task::{Context as Task, Poll},
};

use actix::{Actor, ActorContext, Context, Handler};
use actix_http::{Method, header};
use bytes::{Bytes, BytesMut};

use self::exchange::{ExchangeSlot, Limit};
use super::{BatchBuilder, RateLimit, ReportSender, Requests, Transport, http::Response, spawn_driver};
use crate::{
    error::{ProtocolError, TransportError},
    protocol::{
        connection::{BatchOutcome, CloseReason, Command, ReportKind, TransportClosed},
        handshake::TransportKind,
        packet::Packet,
        payload::{self, Payload},
    },
};

/// Redirects of one handshake that are followed.
const MAX_REDIRECTS: usize = 5;

/// The actor.
pub(super) struct PollingTransport {
    reports: ReportSender,
    requests: Requests,
    get: ExchangeSlot,
    post: ExchangeSlot,
    /// What is left of the last poll's body.
    body: Option<Payload>,
    /// Leave to report one more batch, which goes into this one.
    credit: Option<Vec<Packet>>,
    /// The batch that is being posted.
    batch: Option<Arc<Vec<Packet>>>,
    /// What ends the transport, once the last poll's body has been told.
    failed: Option<TransportError>,
    handshake: Handshake,
    pause: Pause,
    heard: RateLimit,
    wrote: RateLimit,
}

/// Whether new requests are held back.
#[derive(PartialEq)]
enum Pause {
    No,
    /// Those in flight are awaited.
    Ordered,
    Reported,
}

/// How far the handshake is.
enum Handshake {
    /// Its request was not sent yet.
    Asking {
        redirects: usize,
    },
    /// Its request was sent, and that was reported.
    Asked {
        redirects: usize,
    },
    Done,
}

impl PollingTransport {
    pub(super) fn new(reports: ReportSender, requests: Requests) -> Self {
        Self {
            reports,
            get: ExchangeSlot::new(requests.http_client()),
            post: ExchangeSlot::new(requests.http_client()),
            requests,
            body: None,
            credit: Some(Vec::new()),
            batch: None,
            failed: None,
            handshake: Handshake::Asking { redirects: 0 },
            pause: Pause::No,
            heard: RateLimit::default(),
            wrote: RateLimit::default(),
        }
    }

    /// Starts the next poll.
    fn poll_server(&mut self) -> Result<(), TransportError> {
        let request = self.requests.make(Method::GET, TransportKind::Polling, [], Bytes::new())?;
        let limit = match self.handshake {
            // The session's heartbeat sets the limit: a poll lasts until there is something to say.
            Handshake::Done => Limit::None,
            _ => Limit::Whole(self.requests.options.request_timeout),
        };
        self.get.start(request, self.requests.options.max_message_size, limit);
        Ok(())
    }

    fn write(&mut self, batch: Arc<Vec<Packet>>) -> Result<(), TransportError> {
        let mut body = BytesMut::new();
        payload::encode(&batch, &mut body);
        self.batch = Some(batch);
        let request = self.requests.make(Method::POST, TransportKind::Polling, [], body.freeze())?;
        let limit = Limit::Answer(self.requests.options.request_timeout);
        self.post.start(request, self.requests.options.max_message_size, limit);
        Ok(())
    }

    fn on_get(&mut self, response: Response) -> Result<(), TransportError> {
        self.requests.heard(&response.headers);
        if response.is_redirect() {
            return self.follow(&response);
        }
        if !response.status.is_success() {
            return Err(self.requests.refused(&response));
        }
        if !matches!(self.handshake, Handshake::Done) {
            self.handshake = Handshake::Done;
            if payload::looks_like_protocol_3(&response.body) {
                return Err(ProtocolError::Version3.into());
            }
            if response.body.trim_ascii_start().starts_with(b"<") {
                return Err(TransportError::Malformed("a page of HTML".into()));
            }
        }
        self.body = Some(Payload::new(response.body)?);
        Ok(())
    }

    /// Only the handshake is redirected: later requests belong to a session, and that is where it is.
    fn follow(&mut self, response: &Response) -> Result<(), TransportError> {
        let redirects = match self.handshake {
            Handshake::Asking { redirects } | Handshake::Asked { redirects } => redirects,
            Handshake::Done => return Err(TransportError::Redirect("a poll is not redirected".into())),
        };
        if redirects == MAX_REDIRECTS {
            return Err(TransportError::Redirect(format!("more than {MAX_REDIRECTS} times").into()));
        }
        let location = response.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
        let Some(location) = location else {
            return Err(TransportError::Redirect("without a Location".into()));
        };
        let endpoint = self
            .requests
            .endpoint
            .redirected(location)
            .map_err(|reason| TransportError::Redirect(reason.into()))?;
        let endpoint = Arc::new(endpoint);
        self.requests.endpoint = endpoint.clone();
        self.get = ExchangeSlot::new(self.requests.http_client());
        self.post = ExchangeSlot::new(self.requests.http_client());
        self.reports.send(ReportKind::Moved(endpoint));
        self.handshake = Handshake::Asking { redirects: redirects + 1 };
        self.poll_server()
    }

    fn on_post(&mut self, response: &Response) -> Result<(), TransportError> {
        self.requests.heard(&response.headers);
        if response.is_redirect() {
            return Err(TransportError::Redirect("a POST is not redirected".into()));
        }
        if !response.status.is_success() {
            return Err(self.requests.refused(response));
        }
        self.batch = None;
        // python-engineio, which drops what is beyond its sixteenth packet, says `OK`.
        let any_number = &*response.body == b"ok";
        self.reports.send(ReportKind::Written { any_number });
        Ok(())
    }

    /// Reports the next batch of the last poll's body, if there is leave to.
    fn deliver(&mut self) -> Result<(), TransportError> {
        let Some(body) = &mut self.body else { return Ok(()) };
        let Some(emptied) = self.credit.take() else { return Ok(()) };
        let mut batch = BatchBuilder::new(emptied);
        let mut outcome = Ok(());
        while !batch.is_full() {
            match body.next() {
                Some(Ok(packet)) => batch.push(packet),
                Some(Err(err)) => {
                    outcome = Err(err.into());
                    break;
                }
                None => break,
            }
        }
        let size = body.len();
        if body.is_empty() {
            self.body = None;
        }
        // A poll that brought nothing is told too; one that brought nothing but an error is not.
        if outcome.is_ok() || !batch.is_empty() {
            let packets = batch.into_packets(size);
            self.reports.send(ReportKind::Packets { packets, complete: self.body.is_none() });
        }
        outcome
    }

    /// Does everything that can be done now.
    fn advance(&mut self, task: &mut Task<'_>) -> Result<(), TransportError> {
        loop {
            if let Poll::Ready(outcome) = self.get.poll(task) {
                let outcome = outcome.and_then(|response| self.on_get(response));
                // The close packet is in a POST whose answer alone counts: the server has no more use for the poll, and
                // engineioxide refuses it.
                if outcome.is_err() && self.is_closing() {
                    self.pause = Pause::Reported;
                } else {
                    outcome?;
                }
                continue;
            }
            self.deliver()?;
            let may_poll = self.body.is_none()
                && self.credit.is_some()
                && self.pause == Pause::No
                && self.failed.is_none();
            if !may_poll || self.get.is_busy() {
                break;
            }
            self.poll_server()?;
        }
        if let Poll::Ready(outcome) = self.post.poll(task) {
            self.failed = outcome.and_then(|response| self.on_post(&response)).err();
        }
        if self.body.is_none()
            && let Some(err) = self.failed.take()
        {
            return Err(err);
        }
        let home = self.body.is_none() && !self.get.is_busy() && !self.post.is_busy();
        if self.pause == Pause::Ordered && home {
            self.pause = Pause::Reported;
            self.reports.send(ReportKind::Paused);
        }
        if let Handshake::Asking { redirects } = self.handshake
            && self.get.progress.sent()
        {
            self.handshake = Handshake::Asked { redirects };
            self.reports.send(ReportKind::Requested);
        }
        if self.heard.is_due(self.get.progress.read()) {
            self.reports.send(ReportKind::Alive);
        }
        if self.wrote.is_due(self.post.progress.written()) && self.post.is_busy() {
            self.reports.send(ReportKind::Writing);
        }
        Ok(())
    }

    fn is_closing(&self) -> bool {
        self.batch.as_ref().and_then(|batch| batch.last()) == Some(&Packet::Close)
    }

    fn end(&mut self, reason: CloseReason, ctx: &mut Context<Self>) {
        // Half a request is no request.
        let in_doubt = self.batch.take().is_some() && self.post.progress.sent();
        let outcome = if in_doubt { BatchOutcome::UNCERTAIN } else { BatchOutcome::sent(0) };
        self.get.close();
        self.post.close();
        self.reports.close(TransportClosed { reason, outcome });
        ctx.stop();
    }
}

impl Actor for PollingTransport {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        spawn_driver(ctx);
    }
}

impl Handler<Command> for PollingTransport {
    type Result = ();

    fn handle(&mut self, command: Command, ctx: &mut Self::Context) {
        match command {
            Command::Write(batch) => {
                if let Err(err) = self.write(batch) {
                    self.end(CloseReason::Failed(err), ctx);
                }
            }
            Command::Read(emptied) => self.credit = Some(emptied),
            Command::Session(sid) => self.requests.sid = Some(sid),
            Command::Pause => self.pause = Pause::Ordered,
            Command::Resume => self.pause = Pause::No,
            // "Closing over polling": the close packet went with the last POST, the poll in flight is of no interest.
            Command::Close | Command::Abort => {
                let reason = match self.handshake {
                    Handshake::Done => CloseReason::Ordered,
                    _ => CloseReason::Interrupted(self.get.progress.stage()),
                };
                self.end(reason, ctx);
            }
        }
    }
}

impl Transport for PollingTransport {
    fn poll(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        if self.reports.poll_abandoned(task) {
            return ctx.stop();
        }
        if self.reports.is_closed() {
            return;
        }
        if let Err(err) = self.advance(task) {
            self.end(CloseReason::Failed(err), ctx);
        }
    }
}
