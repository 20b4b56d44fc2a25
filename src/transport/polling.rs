//! HTTP long-polling: one GET and one POST at a time, each on a connection of its own.

mod acknowledgement;
mod exchange;

use std::task::{Context as Task, Poll};

use actix::{Actor, ActorContext, Context, Handler};
use actix_http::StatusCode;
use bytes::BytesMut;

use self::exchange::{ExchangeSlot, TimeLimit};
use super::{
    BatchBuilder, RateLimit, ReportSender, Requests, SharingBudget, Transport,
    http::{Repeat, Response},
    spawn_driver,
};
use crate::{
    error::{ProtocolError, TransportError},
    protocol::{
        connection::{BatchOutcome, CloseReason, Command, ReportKind, TransportClosed},
        packet::Packet,
        version::ProtocolVersion,
        wire::Payload,
    },
};

/// The actor of the polling transport.
pub(super) struct PollingTransport {
    reports: ReportSender,
    requests: Requests,
    phase: Phase,
    get: ExchangeSlot,
    post: ExchangeSlot,
    /// The part of the last poll's body that is not reported yet.
    body: Option<PollBody>,
    sharing: SharingBudget,
    /// The permission to report one more batch, with the memory for it.
    read_credit: Option<Vec<Packet>>,
    /// Set from the start of a POST until it is acknowledged. It stays set if the POST fails.
    is_writing: bool,
    read_reports: RateLimit,
    write_reports: RateLimit,
}

/// The phases of the transport. Only `Handshaking` and `Running` start further polls.
enum Phase {
    /// The session is being opened. `reported`: the handshake request was sent, and the client knows it.
    Handshaking { reported: bool },
    /// The session is polled.
    Running,
    /// A pause was ordered. The requests that were started before it go on.
    Pausing,
    /// A pause was ordered, and all requests have ended.
    Paused,
    /// The POST with the close packet was started. Only its response counts: the server has no more use for the poll, and
    /// engineioxide refuses it.
    Closing,
    /// A POST failed. The rest of the last poll's body is reported before the transport closes with this error. If the POST had
    /// the close packet, that rest is dropped.
    Failing(TransportError),
}

/// The body of a poll.
struct PollBody {
    packets: Payload,
    /// The memory of the body, in bytes. It is 0 once a batch shares it.
    unshared: usize,
}

impl PollingTransport {
    pub(super) fn new(reports: ReportSender, requests: Requests) -> Self {
        Self {
            reports,
            phase: Phase::Handshaking { reported: false },
            get: ExchangeSlot::new(requests.new_http_client()),
            post: ExchangeSlot::new(requests.new_http_client()),
            requests,
            body: None,
            sharing: SharingBudget::default(),
            read_credit: Some(Vec::new()),
            is_writing: false,
            read_reports: RateLimit::default(),
            write_reports: RateLimit::default(),
        }
    }

    /// Does everything that can be done now.
    fn advance(&mut self, task: &mut Task<'_>) -> Result<(), TransportError> {
        let polled = self.poll_get(task);
        // Both come before either error: the answer to a POST may have arrived together with the failure of the poll, and
        // acknowledges the batch.
        let posted = self.poll_post(task);
        polled?;
        posted?;
        self.report_progress();
        Ok(())
    }

    /// Receives packets: moves the poll on, reports what it brings, starts the next one.
    fn poll_get(&mut self, task: &mut Task<'_>) -> Result<(), TransportError> {
        loop {
            while let Poll::Ready(outcome) = self.get.poll(task) {
                let outcome = outcome.map_err(|err| self.in_terms_of_polling(err));
                let outcome = outcome.and_then(|response| self.on_get(response));
                self.unless_closing(outcome)?;
            }
            let outcome = self.deliver();
            self.unless_closing(outcome)?;
            if !self.may_poll() {
                return Ok(());
            }
            self.start_get()?;
        }
    }

    /// The outcome of the poll. Once the close packet is being sent, only the answer to its POST counts: it says whether the
    /// messages before it have arrived.
    fn unless_closing(&self, outcome: Result<(), TransportError>) -> Result<(), TransportError> {
        if matches!(self.phase, Phase::Closing) { Ok(()) } else { outcome }
    }

    fn may_poll(&self) -> bool {
        matches!(self.phase, Phase::Handshaking { .. } | Phase::Running)
            && self.body.is_none()
            && self.read_credit.is_some()
            && !self.get.is_busy()
    }

    fn start_get(&mut self) -> Result<(), TransportError> {
        let request = self.requests.get()?;
        let options = self.requests.options();
        let limit = match self.phase {
            Phase::Handshaking { .. } => TimeLimit::WholeExchange(options.request_timeout),
            // A poll lasts until the server has a packet. The session limits it: see `Liveness::poll_deadline`.
            _ => TimeLimit::Unlimited,
        };
        let max = options.max_message_size;
        let max_body = max.saturating_add(self.requests.version().max_overhead(max));
        self.get.start(request, max_body, limit)
    }

    fn on_get(&mut self, response: Response) -> Result<(), TransportError> {
        self.requests.store_cookies(&response.headers);
        if response.is_redirect() {
            return self.follow(&response);
        }
        if !response.status.is_success() {
            return Err(self.requests.http_error(&response));
        }
        // RFC 9110, section 15.3.7: this status answers a request for a range, and this client sends none.
        if response.status == StatusCode::PARTIAL_CONTENT {
            return Err(TransportError::Malformed("a part of a body that was not asked for".into()));
        }
        if let Phase::Handshaking { .. } = self.phase {
            self.phase = Phase::Running;
            self.notice_version(&response.body);
        }
        // No packet begins like this. In a session the page may be that of a proxy, which wants the user to sign in again.
        if response.body.trim_ascii_start().starts_with(b"<") {
            return Err(TransportError::Malformed("a page of HTML".into()));
        }
        let unshared = response.body_memory();
        let max = self.requests.options().max_message_size;
        let packets = self.requests.version().decode_payload(response.body, max);
        self.body = Some(PollBody { packets, unshared });
        Ok(())
    }

    /// Reports that the handshake was answered in another version of the protocol than it was asked for. From here on the
    /// answered version is used: a server that has not looked at the version knows only its own.
    fn notice_version(&mut self, body: &[u8]) {
        let answered =
            ProtocolVersion::of_handshake(body).filter(|version| *version != self.requests.version());
        if let Some(version) = answered {
            self.requests.set_version(version);
            self.reports.send(ReportKind::Answered(version));
        }
    }

    /// Follows a redirect. Only a handshake can be redirected: later requests belong to a session, which stays at the server
    /// that opened it.
    fn follow(&mut self, response: &Response) -> Result<(), TransportError> {
        let Phase::Handshaking { .. } = self.phase else {
            return Err(TransportError::Redirect("a poll is not redirected".into()));
        };
        let endpoint = self.requests.redirect(&response.headers)?;
        self.phase = Phase::Handshaking { reported: false };
        self.get = ExchangeSlot::new(self.requests.new_http_client());
        self.post = ExchangeSlot::new(self.requests.new_http_client());
        self.reports.send(ReportKind::Moved(endpoint));
        self.start_get()
    }

    /// Reports the next batch of the last poll's body, if the client has given credit for it.
    fn deliver(&mut self) -> Result<(), TransportError> {
        let Some(body) = &mut self.body else { return Ok(()) };
        let Some(emptied) = self.read_credit.take() else { return Ok(()) };
        let mut batch = BatchBuilder::new(emptied);
        let mut outcome = Ok(());
        while !batch.is_full() {
            match body.packets.next() {
                Some(Ok(packet)) => batch.push(packet),
                Some(Err(err)) => {
                    outcome = Err(err.into());
                    break;
                }
                None => break,
            }
        }
        let may_share = self.sharing.may_share(batch.weight(), &mut body.unshared);
        if body.packets.is_empty() {
            self.body = None;
        }
        // An empty poll is reported too. A poll that contains nothing but an error is not.
        if outcome.is_ok() || !batch.is_empty() {
            let packets = batch.into_packets(may_share);
            self.reports.send(ReportKind::Packets { packets, complete: self.body.is_none() });
        }
        outcome.map_err(|err| self.in_terms_of_polling(err))
    }

    /// A message that is too large is one kind of error, whether the body of the poll exceeds the limit or only the decoded
    /// message does.
    fn in_terms_of_polling(&self, err: TransportError) -> TransportError {
        match err {
            TransportError::BodyTooLarge { .. }
            | TransportError::Protocol(ProtocolError::TooLarge { .. }) => {
                TransportError::BodyTooLarge { limit: self.requests.options().max_message_size }
            }
            err => err,
        }
    }

    /// Sends packets: moves the POST on. Returns its error once everything that arrived before it is reported.
    fn poll_post(&mut self, task: &mut Task<'_>) -> Result<(), TransportError> {
        // An idle connection is polled too, so that its end is noticed at once.
        while let Poll::Ready(outcome) = self.post.poll(task) {
            if let Err(err) = outcome.and_then(|response| self.on_post(&response)) {
                if matches!(self.phase, Phase::Closing) {
                    // Nobody reads the body any more, so it is not waited for.
                    self.body = None;
                }
                self.phase = Phase::Failing(err);
            }
        }
        match &self.phase {
            Phase::Failing(err) if self.body.is_none() => Err(err.clone()),
            _ => Ok(()),
        }
    }

    fn start_post(&mut self, packets: &[Packet]) -> Result<(), TransportError> {
        let mut body = BytesMut::new();
        self.requests.version().encode_payload(packets, &mut body);
        let request = self.requests.post(body.freeze(), repeat(packets))?;
        let options = self.requests.options();
        let limit = TimeLimit::Response(options.request_timeout);
        self.post.start(request, options.max_message_size, limit)?;
        self.is_writing = true;
        if Packet::ends_session(packets) {
            self.phase = Phase::Closing;
        }
        Ok(())
    }

    fn on_post(&mut self, response: &Response) -> Result<(), TransportError> {
        self.requests.store_cookies(&response.headers);
        if response.is_redirect() {
            return Err(TransportError::Redirect("a POST is not redirected".into()));
        }
        if !response.status.is_success() {
            return Err(self.requests.http_error(response));
        }
        acknowledgement::check(response)?;
        self.is_writing = false;
        // A server that answers `ok` accepts any number of packets. python-engineio answers `OK`, and drops everything behind
        // the sixteenth packet.
        let any_number = &*response.body == b"ok";
        self.reports.send(ReportKind::Written { any_number });
        Ok(())
    }

    /// Reports the end of a pause, and how far the requests have come.
    fn report_progress(&mut self) {
        match &mut self.phase {
            Phase::Pausing if self.body.is_none() && !self.get.is_busy() && !self.post.is_busy() => {
                self.phase = Phase::Paused;
                self.reports.send(ReportKind::Paused);
            }
            Phase::Handshaking { reported } if !*reported && self.get.progress().is_written() => {
                *reported = true;
                self.reports.send(ReportKind::Requested);
            }
            _ => {}
        }
        self.report_traffic();
        // Only bytes of the poll are reported here. The answer to a POST is reported when it is complete, and has a time limit
        // of its own.
        let read = self.get.progress().read();
        if self.read_reports.is_due(read) {
            self.reports.send(ReportKind::Alive { is_partial: self.get.has_partial_response(), read });
        }
        if self.write_reports.is_due(self.post.progress().written()) && self.post.is_busy() {
            self.reports.send(ReportKind::Writing);
        }
    }

    fn report_traffic(&mut self) {
        let (get, post) = (self.get.progress(), self.post.progress());
        let (read, written) = (get.read() + post.read(), get.written() + post.written());
        self.reports.moved(read, written);
    }

    fn close(&mut self, reason: CloseReason, ctx: &mut Context<Self>) {
        self.report_traffic();
        // A server acts only on a whole request. Once all bytes are written, even if they are not flushed, it may have the
        // request.
        let progress = self.post.progress();
        let outcome = match self.is_writing {
            true if progress.is_written() => BatchOutcome::UNCERTAIN,
            true if progress.is_begun() => BatchOutcome::BEGUN,
            _ => BatchOutcome::sent(0),
        };
        self.get.close();
        self.post.close();
        self.reports.close(TransportClosed { reason, outcome });
        ctx.stop();
    }
}

/// Whether a POST with these packets may be sent twice. To send a ping, a pong or a close packet twice does no harm: the client
/// ignores an answer that it has not asked for, a server that waits for no pong ignores it, and a session is closed only once.
fn repeat(packets: &[Packet]) -> Repeat {
    if packets.iter().any(|packet| matches!(packet, Packet::Message(_))) {
        Repeat::Unread
    } else {
        Repeat::Harmless
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
        match (command, &self.phase) {
            (Command::Write(batch), _) => {
                if let Err(err) = self.start_post(&batch) {
                    self.close(CloseReason::Failed(err), ctx);
                }
            }
            (Command::Read(emptied), _) => self.read_credit = Some(emptied),
            (Command::Session(session), _) => self.requests.set_sid(session.sid.clone()),
            (Command::Pause, Phase::Running) => self.phase = Phase::Pausing,
            (Command::Resume, Phase::Pausing | Phase::Paused) => self.phase = Phase::Running,
            (Command::Pause | Command::Resume | Command::Ping(_), _) => {}
            (Command::Close | Command::Abort, Phase::Handshaking { .. }) => {
                self.close(CloseReason::Interrupted(self.get.progress().stage()), ctx);
            }
            // A graceful close is ordered when the POST with the close packet was answered, and an abort sends nothing. Nobody
            // needs the poll.
            (Command::Close | Command::Abort, _) => self.close(CloseReason::Ordered, ctx),
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
            self.close(CloseReason::Failed(err), ctx);
        }
    }
}

#[cfg(test)]
mod tests;
