use std::{future::poll_fn, sync::Arc};

use actix_http::{Method, header::HeaderValue, uri::PathAndQuery};
use actix_rt::task::yield_now;
use bytes::Bytes;

use super::*;
use crate::{
    error::Stage,
    protocol::endpoint::Destination,
    transport::{Headers, KnownServers, http::Repeat, network::Lookups, server::Server},
};

fn slot(server: &Server) -> ExchangeSlot {
    let address = server.addr();
    let destination = Destination::new(address.ip().to_string(), address.port(), false);
    ExchangeSlot::new(HttpClient::new(
        Arc::default(),
        Lookups::default(),
        destination,
        KnownServers::default(),
    ))
}

fn request() -> Request {
    Request {
        method: Method::GET,
        target: PathAndQuery::from_static("/"),
        host: HeaderValue::from_static("localhost"),
        headers: Headers::default(),
        body: Bytes::new(),
        repeat: Repeat::Unanswered,
    }
}

#[actix::test]
async fn no_exchange_starts_after_one_that_has_timed_out() {
    let server = Server::start(|server| {
        server.accept().wait_closed();
    });
    let mut slot = slot(&server);
    let limit = TimeLimit::WholeExchange(Duration::from_millis(50));
    slot.start(request(), 100, limit).unwrap();
    let err = poll_fn(|task| slot.poll(task)).await.err().unwrap();
    assert_eq!(err, TransportError::Timeout { stage: Stage::Response });
    assert!(!slot.is_busy());
    // Whoever starts it would wait for its end.
    assert_eq!(slot.start(request(), 100, limit), Err(TransportError::Vanished));
    server.finish().await;
}

#[actix::test]
async fn a_second_exchange_does_not_disturb_the_first() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "first");
        peer.wait_closed();
    });
    let mut slot = slot(&server);
    slot.start(request(), 100, TimeLimit::Unlimited).unwrap();
    assert_eq!(slot.start(request(), 100, TimeLimit::Unlimited), Err(TransportError::Vanished));
    let response = poll_fn(|task| slot.poll(task)).await.unwrap();
    assert_eq!(response.body, "first");
    slot.close();
    server.finish().await;
}

#[actix::test]
async fn a_request_that_is_written_byte_by_byte_is_given_up() {
    tokio::time::pause();
    let server = Server::start(|_| {});
    let mut slot = slot(&server);
    let body = Bytes::from(vec![0; 80 << 10]);
    slot.start(Request { body, ..request() }, 100, TimeLimit::Response(Duration::from_secs(20))).unwrap();
    let SlotState::Busy(exchange) = &mut slot.state else { panic!("it was started") };
    // A slow line takes ten seconds for this body.
    for second in 1..=151 {
        tokio::time::advance(Duration::from_secs(1)).await;
        let mut is_over = false;
        // The limit counts when the runtime has looked once more at what has arrived.
        for _ in 0..2 {
            is_over = poll_fn(|task| Poll::Ready(exchange.poll_timeout(second, task).is_ready())).await;
            yield_now().await;
        }
        assert_eq!(is_over, second > 150, "{second}");
    }
    server.finish().await;
}
