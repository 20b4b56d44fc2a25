//! A client of one origin. It has at most one connection, and opens another one when it needs to.

use std::{rc::Rc, sync::Arc, task::Context, time::Duration};

use actix_http::StatusCode;
use actix_rt::{task::yield_now, time::Instant};

use super::{
    KnownServers, Progress, ProgressReader,
    http::{
        CodecConfig, Http1Connection, Lane, LearnedLimit, Loss, Repeat, Request, Response, UpgradeResponse,
    },
    network::{Connected, Lookups, Network, Order, Purpose},
};
use crate::{
    error::{Stage, TransportError},
    protocol::endpoint::Destination,
};

/// Sends requests to one origin, one at a time, over one connection while the server keeps it open.
///
/// Dropping the future of an exchange closes its connection.
pub(crate) struct HttpClient {
    network: Arc<Network>,
    lookups: Lookups,
    destination: Destination,
    codec_config: Rc<CodecConfig>,
    progress: Progress,
    /// The connection between two exchanges, and the time when the last one ended. It is boxed, since otherwise the future
    /// of each poll that waits would contain room for several connections.
    idle: Option<(Box<Http1Connection>, Instant)>,
    /// The requests that the connections carry.
    lane: Lane,
    servers: KnownServers,
    /// The shortest time in which a connection was opened or a request answered: no round trip is longer.
    round_trip: Duration,
    /// The shortest time in which a request was answered. A proxy that opens a connection at once may be far from the server.
    response_time: Duration,
}

impl HttpClient {
    pub(crate) fn new(
        network: Arc<Network>,
        lookups: Lookups,
        destination: Destination,
        servers: KnownServers,
    ) -> Self {
        Self {
            network,
            lookups,
            destination,
            codec_config: CodecConfig::shared(),
            progress: Progress::new(),
            idle: None,
            lane: Lane::Polls,
            servers,
            round_trip: Duration::MAX,
            response_time: Duration::MAX,
        }
    }

    /// The progress of the current request.
    pub(super) fn progress(&self) -> ProgressReader {
        self.progress.reader()
    }

    /// Resets the progress for the next request: from here on, [`progress`](Self::progress) says nothing about the last one.
    pub(super) fn reset_progress(&self) {
        self.progress.begin(Stage::Connect);
    }

    /// Sends `request` and reads the response. `limit`: the largest size of its inflated body.
    ///
    /// After an error, [`ProgressReader::is_written`] says whether every byte of the request was written. If not, the
    /// server cannot have acted on it.
    pub(crate) async fn send(&mut self, request: &Request, limit: usize) -> Result<Response, TransportError> {
        self.lane = Lane::of(request.repeat);
        if let Some((connection, idle)) = self.take_idle(request.repeat).await {
            let answers = connection.answers();
            let attempt = Attempt::start(self.progress.reader());
            let outcome = self.exchange(connection, request, limit).await;
            let Some(loss) = attempt.loss(&outcome) else { return outcome };
            if loss.ended_idle() {
                self.learn(|limit, lane| limit.closed_after(idle, answers, lane));
            }
            if !request.repeat.allows(loss, self.response_time) {
                return outcome;
            }
        }
        let connection = self.connect().await?;
        self.exchange(connection, request, limit).await
    }

    /// Waits for the end of the idle connection, if there is one. When it ends, the client learns how long the server waits.
    pub(super) fn watch(&mut self, cx: &mut Context<'_>) {
        if let Some((connection, since)) = &mut self.idle
            && connection.poll_closed(cx).is_ready()
        {
            let (idle, answers) = (since.elapsed(), connection.answers());
            self.idle = None;
            self.learn(|limit, lane| limit.closed_after(idle, answers, lane));
        }
    }

    /// Sends `request`, a WebSocket handshake, on a connection of its own.
    pub(crate) async fn upgrade(
        &self,
        request: &Request,
        limit: usize,
    ) -> Result<UpgradeResponse, TransportError> {
        self.open(Purpose::Stream).await?.upgrade(request, limit).await
    }

    async fn connect(&mut self) -> Result<Box<Http1Connection>, TransportError> {
        let started = Instant::now();
        let connection = self.open(Purpose::Requests).await?;
        self.round_trip = self.round_trip.min(started.elapsed());
        Ok(connection)
    }

    async fn open(&self, purpose: Purpose) -> Result<Box<Http1Connection>, TransportError> {
        let order = Order { purpose, progress: &self.progress, lookups: &self.lookups };
        let Connected { io, forwarding } = self.network.connect(&self.destination, order).await?;
        let connection = Http1Connection::new(io, &self.codec_config, self.progress.clone());
        Ok(Box::new(connection.forwarded_by(forwarding)))
    }

    /// Takes the idle connection, if it is usable for such a request, and the time for which it was idle. An exchange owns
    /// its connection, so that both are dropped together.
    async fn take_idle(&mut self, repeat: Repeat) -> Option<(Box<Http1Connection>, Duration)> {
        let (mut connection, since) = self.idle.take()?;
        // The end of a connection is not visible before the reactor has had a turn. A poll does not wait for that: it begins
        // right after the last answer, and may be repeated.
        let has_turn = repeat != Repeat::Unanswered;
        if has_turn {
            yield_now().await;
        }
        let idle = since.elapsed();
        if connection.is_closed() {
            let answers = connection.answers();
            self.learn(|limit, lane| limit.closed_within(idle, answers, lane));
            return None;
        }
        if has_turn {
            self.learn(|limit, lane| limit.open_after(idle, lane));
        }
        // Some proxies (tinyproxy) close each connection after one answer and do not say so, and a promise in an answer that
        // they forward is the server's.
        if repeat == Repeat::Unread && connection.is_forwarded() {
            return None;
        }
        // For the server it is idle until the request has arrived, and since its answer has departed.
        let until_arrival = idle.saturating_add(self.round_trip);
        let limit = self.servers.limit(&self.destination);
        repeat.may_use(until_arrival, connection.promise(), limit).then_some((connection, idle))
    }

    fn learn(&self, change: impl FnOnce(LearnedLimit, Lane) -> LearnedLimit) {
        self.servers.learn(&self.destination, |limit| change(limit, self.lane));
    }

    async fn exchange(
        &mut self,
        mut connection: Box<Http1Connection>,
        request: &Request,
        limit: usize,
    ) -> Result<Response, TransportError> {
        let started = Instant::now();
        let response = connection.exchange(request, limit).await?;
        let ended = Instant::now();
        self.response_time = self.response_time.min(ended - started);
        self.round_trip = self.round_trip.min(self.response_time);
        // Status 408 is no answer to the request, but says that the connection has ended.
        if connection.answers() > 1 && response.status != StatusCode::REQUEST_TIMEOUT {
            self.learn(LearnedLimit::answered_again);
        }
        self.idle = connection.is_reusable().then_some((connection, ended));
        Ok(response)
    }
}

/// A request on a connection that was idle before.
struct Attempt {
    progress: ProgressReader,
    started: Instant,
    /// The numbers of bytes that were read and written before it.
    read: u64,
    written: u64,
}

impl Attempt {
    fn start(progress: ProgressReader) -> Self {
        let (read, written) = (progress.read(), progress.written());
        Self { progress, started: Instant::now(), read, written }
    }

    /// The way in which the request was lost, if it was.
    fn loss(&self, outcome: &Result<Response, TransportError>) -> Option<Loss> {
        match outcome {
            Ok(response) if response.status == StatusCode::REQUEST_TIMEOUT => {
                Some(Loss::TimedOut(self.started.elapsed()))
            }
            Err(TransportError::Io { .. }) if self.progress.written() == self.written => {
                Some(Loss::Unwritten)
            }
            Err(TransportError::Io { .. }) if self.progress.read() == self.read => {
                Some(Loss::Unanswered(self.started.elapsed()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
