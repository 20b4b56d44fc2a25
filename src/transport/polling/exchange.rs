//! A request at a time, and how long it may take.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll},
    time::Duration,
};

use actix_rt::time::{Instant, Sleep, sleep};
use futures::future::LocalBoxFuture;

use crate::{
    error::{Stage, TransportError},
    transport::{
        Progress,
        http::{Request, Response},
        http_client::HttpClient,
    },
};

/// One exchange at a time, with its time limit, on a connection that is kept between exchanges.
pub(super) struct ExchangeSlot {
    http_client: Option<HttpClient>,
    pub(super) progress: Progress,
    exchange: Option<Exchange>,
}

struct Exchange {
    future: LocalBoxFuture<'static, (HttpClient, Result<Response, TransportError>)>,
    limit: Limit,
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes written when the timer was last set.
    written: u64,
}

/// What the time limit of an exchange bounds.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// The whole of it.
    Whole(Duration),
    /// The wait for the answer once the request is out; before, the time without a byte leaving.
    Answer(Duration),
    None,
}

impl ExchangeSlot {
    pub(super) fn new(http_client: HttpClient) -> Self {
        Self { progress: http_client.progress().clone(), http_client: Some(http_client), exchange: None }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.exchange.is_some()
    }

    pub(super) fn start(&mut self, request: Request, max_body: usize, limit: Limit) {
        let Some(mut http_client) = self.http_client.take() else { return };
        let timer = match limit {
            Limit::Whole(limit) | Limit::Answer(limit) => Some(Box::pin(sleep(limit))),
            Limit::None => None,
        };
        // What is said of the last request does not hold for this one, even before it is polled.
        self.progress.begin(Stage::Connect);
        let future = Box::pin(async move {
            let outcome = http_client.send(&request, max_body).await;
            (http_client, outcome)
        });
        self.exchange = Some(Exchange { future, limit, timer, written: self.progress.written() });
    }

    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<Result<Response, TransportError>> {
        let Some(exchange) = &mut self.exchange else { return Poll::Pending };
        if let Poll::Ready((http_client, outcome)) = exchange.future.as_mut().poll(task) {
            self.http_client = Some(http_client);
            self.exchange = None;
            return Poll::Ready(outcome);
        }
        let Some(timer) = &mut exchange.timer else { return Poll::Pending };
        let written = self.progress.written();
        if let Limit::Answer(limit) = exchange.limit
            && written != exchange.written
        {
            exchange.written = written;
            timer.as_mut().reset(Instant::now() + limit);
        }
        if timer.as_mut().poll(task).is_pending() {
            return Poll::Pending;
        }
        self.exchange = None;
        Poll::Ready(Err(TransportError::Timeout { stage: self.progress.stage() }))
    }

    pub(super) fn close(&mut self) {
        self.exchange = None;
        self.http_client = None;
    }
}
