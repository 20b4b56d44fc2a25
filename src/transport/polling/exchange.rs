//! An HTTP client that carries one exchange at a time, with a time limit for each.

use std::{
    mem,
    task::{Context as Task, Poll},
    time::Duration,
};

use actix_rt::time::Instant;
use futures::future::LocalBoxFuture;

use crate::{
    error::TransportError,
    protocol::connection::over_slow_line,
    transport::{
        ProgressReader,
        deadline::Deadline,
        http::{Request, Response},
        http_client::HttpClient,
    },
};

/// The time limit of an exchange as a whole, in multiples of the time that a slow line takes for it. A request that is
/// written byte by byte would never exceed another limit.
const WHOLE: u32 = 5;

/// An HTTP client, and the exchange that it is busy with.
pub(super) struct ExchangeSlot {
    progress: ProgressReader,
    state: SlotState,
}

enum SlotState {
    /// The client waits for its next request.
    Idle(HttpClient),
    /// The exchange owns the client.
    Busy(Exchange),
    /// The client was dropped, and with it the connection: the slot was closed, or its exchange has timed out.
    Closed,
}

struct Exchange {
    future: LocalBoxFuture<'static, (HttpClient, Result<Response, TransportError>)>,
    limit: TimeLimit,
    timer: Option<Deadline>,
    /// The number of bytes that were written before the exchange.
    written_before: u64,
    /// The number of bytes that were written when the timer was last set.
    written: u64,
    /// The number of bytes that were read before the exchange.
    read_before: u64,
    /// The latest time to which writing may move the timer.
    latest: Instant,
}

/// The time limit of an exchange.
#[derive(Clone, Copy)]
pub(super) enum TimeLimit {
    /// The whole exchange may take this long.
    WholeExchange(Duration),
    /// The response may take this long, counted from the last byte of the request that was written. The pause between
    /// two writes has the same limit. Both are longer by the time that a [slow line](over_slow_line) takes for what was
    /// written. The exchange as a whole may take [several times](WHOLE) as long as it takes over a slow line.
    Response(Duration),
    /// The exchange may take as long as it likes.
    Unlimited,
}

impl ExchangeSlot {
    pub(super) fn new(http_client: HttpClient) -> Self {
        Self { progress: http_client.progress(), state: SlotState::Idle(http_client) }
    }

    pub(super) fn is_busy(&self) -> bool {
        matches!(self.state, SlotState::Busy(_))
    }

    /// Whether a part of the response has arrived, and the rest has not.
    pub(super) fn has_partial_response(&self) -> bool {
        matches!(&self.state, SlotState::Busy(exchange) if self.progress.read() > exchange.read_before)
    }

    /// The progress of the current request, or of the last one.
    pub(super) fn progress(&self) -> &ProgressReader {
        &self.progress
    }

    /// Starts an exchange. `max_body`: the largest size of the response's body.
    ///
    /// The slot must be idle. If it is not, the exchange in it goes on, and the error says that this crate has a defect.
    pub(super) fn start(
        &mut self,
        request: Request,
        max_body: usize,
        limit: TimeLimit,
    ) -> Result<(), TransportError> {
        let mut http_client = match mem::replace(&mut self.state, SlotState::Closed) {
            SlotState::Idle(http_client) => http_client,
            state => {
                self.state = state;
                return Err(TransportError::Vanished);
            }
        };
        let exchange_limit = match limit {
            TimeLimit::WholeExchange(limit) | TimeLimit::Response(limit) => Some(limit),
            TimeLimit::Unlimited => None,
        };
        let size = u64::try_from(request.body.len()).unwrap_or(u64::MAX);
        let latest = Instant::now() + WHOLE * (exchange_limit.unwrap_or_default() + over_slow_line(size));
        // This is done here, and not when the future is first polled, because the progress may be read before.
        http_client.reset_progress();
        let future = Box::pin(async move {
            let outcome = http_client.send(&request, max_body).await;
            (http_client, outcome)
        });
        let (written, read_before) = (self.progress.written(), self.progress.read());
        let timer = exchange_limit.map(Deadline::after);
        let exchange =
            Exchange { future, limit, timer, written_before: written, written, read_before, latest };
        self.state = SlotState::Busy(exchange);
        Ok(())
    }

    /// Polls the exchange. It is ready once, when the exchange has ended. Between two exchanges it notices that the server
    /// closes the connection. After a timeout the slot is closed.
    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<Result<Response, TransportError>> {
        let exchange = match &mut self.state {
            SlotState::Busy(exchange) => exchange,
            SlotState::Idle(http_client) => {
                http_client.watch(task);
                return Poll::Pending;
            }
            SlotState::Closed => return Poll::Pending,
        };
        if let Poll::Ready((http_client, outcome)) = exchange.future.as_mut().poll(task) {
            self.state = SlotState::Idle(http_client);
            return Poll::Ready(outcome);
        }
        if exchange.poll_timeout(self.progress.written(), task).is_ready() {
            self.state = SlotState::Closed;
            return Poll::Ready(Err(TransportError::Timeout { stage: self.progress.stage() }));
        }
        Poll::Pending
    }

    /// Closes the connection, and with it the exchange. No other exchange can be started after that.
    pub(super) fn close(&mut self) {
        self.state = SlotState::Closed;
    }
}

impl Exchange {
    /// Ready when the time limit has passed. Bytes that were written since the last call set the timer again. `written`:
    /// the number of bytes that were written until now.
    fn poll_timeout(&mut self, written: u64, task: &mut Task<'_>) -> Poll<()> {
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        if let TimeLimit::Response(limit) = self.limit
            && written != self.written
        {
            self.written = written;
            let on_its_way = written.saturating_sub(self.written_before);
            let deadline = Instant::now() + limit + over_slow_line(on_its_way);
            timer.set(deadline.min(self.latest));
        }
        timer.poll(task)
    }
}

#[cfg(test)]
mod tests;
