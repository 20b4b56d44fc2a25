//! One HTTP exchange at a time, with its time limit.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll},
    time::Duration,
};

use actix_rt::time::{Instant, Sleep, sleep};
use futures::future::LocalBoxFuture;

use crate::{
    error::TransportError,
    transport::{
        ProgressReader,
        http::{Request, Response},
        http_client::HttpClient,
    },
};

/// The bytes per second of the slowest line that a POST may take. Whatever was written may still be on its way: the
/// kernel buffers megabytes, and a proxy accepts a request long before it has passed it on.
const SLOW_LINE: u64 = 8 << 10;

/// An HTTP client, and the exchange that it is busy with.
pub(super) struct ExchangeSlot {
    /// The client between two exchanges. `None` while an exchange owns it, and once the slot is closed.
    http_client: Option<HttpClient>,
    progress: ProgressReader,
    exchange: Option<Exchange>,
}

struct Exchange {
    future: LocalBoxFuture<'static, (HttpClient, Result<Response, TransportError>)>,
    limit: Limit,
    timer: Option<Pin<Box<Sleep>>>,
    /// The number of bytes that were written before the exchange.
    written_before: u64,
    /// The number of bytes that were written when the timer was last set.
    written: u64,
    /// The number of bytes that were read before the exchange.
    read_before: u64,
}

/// The time limit of an exchange.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// A limit for the whole exchange.
    Whole(Duration),
    /// A limit for the response once the request is written; before that, for the time in which no byte is written. It
    /// is longer by the time that a [slow line](SLOW_LINE) takes for what was written.
    Response(Duration),
    /// No limit.
    None,
}

impl ExchangeSlot {
    pub(super) fn new(http_client: HttpClient) -> Self {
        Self { progress: http_client.progress(), http_client: Some(http_client), exchange: None }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.exchange.is_some()
    }

    /// Whether a response has arrived in part.
    pub(super) fn has_partial_response(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| self.progress.read() > exchange.read_before)
    }

    /// The progress of the current request, or of the last one.
    pub(super) fn progress(&self) -> &ProgressReader {
        &self.progress
    }

    /// Starts an exchange, unless the slot is busy or closed. `max_body`: the largest size of the response's body.
    pub(super) fn start(&mut self, request: Request, max_body: usize, limit: Limit) {
        let Some(mut http_client) = self.http_client.take() else { return };
        let timer = match limit {
            Limit::Whole(limit) | Limit::Response(limit) => Some(Box::pin(sleep(limit))),
            Limit::None => None,
        };
        // Now, and not when the future is first polled: somebody may look at the progress before.
        http_client.prepare();
        let future = Box::pin(async move {
            let outcome = http_client.send(&request, max_body).await;
            (http_client, outcome)
        });
        let (written, read_before) = (self.progress.written(), self.progress.read());
        self.exchange =
            Some(Exchange { future, limit, timer, written_before: written, written, read_before });
    }

    /// Moves the exchange on. Ready once, when it has ended.
    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<Result<Response, TransportError>> {
        let Some(exchange) = &mut self.exchange else {
            if let Some(http_client) = &mut self.http_client {
                http_client.watch(task);
            }
            return Poll::Pending;
        };
        if let Poll::Ready((http_client, outcome)) = exchange.future.as_mut().poll(task) {
            self.http_client = Some(http_client);
            self.exchange = None;
            return Poll::Ready(outcome);
        }
        if exchange.is_timed_out(self.progress.written(), task) {
            self.exchange = None;
            return Poll::Ready(Err(TransportError::Timeout { stage: self.progress.stage() }));
        }
        Poll::Pending
    }

    /// Closes the connection, and with it the exchange.
    pub(super) fn close(&mut self) {
        self.exchange = None;
        self.http_client = None;
    }
}

impl Exchange {
    /// Whether the time limit has passed. `written`: the number of bytes that were written until now.
    fn is_timed_out(&mut self, written: u64, task: &mut Task<'_>) -> bool {
        let Some(timer) = &mut self.timer else { return false };
        if let Limit::Response(limit) = self.limit
            && written != self.written
        {
            self.written = written;
            let on_its_way = written.saturating_sub(self.written_before);
            timer.as_mut().reset(Instant::now() + limit + Duration::from_secs(on_its_way / SLOW_LINE));
        }
        timer.as_mut().poll(task).is_ready()
    }
}
