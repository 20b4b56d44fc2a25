//! Limits of zero, and limits without end.

use std::time::Duration;

use actix::{AtomicResponse, fut, prelude::*};
use actix_engineio::{
    self as engineio, Connect, ConnectError, DisconnectReason, EngineIoClient, Event, GetStatus, Reconnect,
    TransportKind, Wait,
};
use futures::channel::oneshot;

use crate::support::{
    Client, SHORT, milestone,
    script::{OPEN, UPGRADABLE},
    server::Server,
    signal, soon,
};

#[actix::test]
async fn with_a_send_queue_of_zero_a_message_is_accepted_when_all_before_it_were_written() {
    let (posted, is_posted) = milestone();
    let (answer, is_answered) = signal();
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.posts("4a");
        posted.reached();
        is_answered.wait();
        post.ok();
        post.accepts("4b");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.send_queue(0));
    client.connect().await;
    client.send("a").await;
    is_posted.await;
    let second = actix_rt::spawn(client.addr.send(engineio::Send::text("b")));
    actix_rt::task::yield_now().await;
    assert_eq!(client.addr.send(GetStatus).await.unwrap().queued_messages, 2);
    assert!(!second.is_finished());
    answer.send();
    second.await.unwrap().unwrap().unwrap();
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

/// Handles its first message when it is allowed to.
struct Gate(Option<oneshot::Receiver<()>>);

impl Actor for Gate {
    type Context = Context<Self>;
}

impl Handler<Event> for Gate {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, event: Event, _: &mut Self::Context) -> Self::Result {
        let is_message = matches!(event, Event::Message(_));
        let opened = self.0.take_if(|_| is_message);
        AtomicResponse::new(Box::pin(fut::wrap_future(async {
            if let Some(opened) = opened {
                let _ = opened.await;
            }
        })))
    }
}

#[actix::test]
async fn with_a_receive_buffer_of_zero_the_client_reads_on_when_every_event_was_handled() {
    let (silent, was_silent) = milestone();
    let server = Server::start(|server| {
        let mut get = server.opens(OPEN);
        get.packets("4a");
        get.stays_silent(SHORT);
        silent.reached();
        get.poll();
        get.ends_session();
    });
    let (open, opened) = oneshot::channel();
    let gate = Gate(Some(opened)).start();
    let client = EngineIoClient::builder().receive_buffer(0).subscribe(gate.recipient()).start();
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    was_silent.await;
    open.send(()).unwrap();
    assert_eq!(soon("the end", client.send(Wait)).await.unwrap(), Some(DisconnectReason::Server));
    server.finish().await;
}

#[actix::test]
async fn no_open_packet_fits_into_a_max_message_size_of_zero() {
    let server = Server::start(|server| {
        let get = server.answers_handshake(OPEN);
        get.expect_closed();
        let mut ws = server.opens_websocket(OPEN);
        ws.reads_close(1009);
        ws.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.max_message_size(0));
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let err = client.fails_over(transport).await;
        assert!(err.to_string().contains("max_message_size, 0 bytes"), "{err}");
    }
    server.finish().await;
}

#[actix::test]
async fn max_packets_per_post_of_zero_counts_as_one() {
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.accepts("4a");
        post.accepts("4b");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.max_packets_per_post(0));
    client.connect().await;
    client.addr.do_send(engineio::Send::text("a"));
    client.addr.do_send(engineio::Send::text("b"));
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn the_longest_durations_are_as_good_as_no_limit() {
    let server = Server::start(|server| {
        let get = server.opens(UPGRADABLE);
        let mut ws = server.upgrades(get);
        ws.reads("4a");
        ws.reads("1");
        ws.reads_close(1000);
        ws.close();
    });
    let forever = Duration::MAX;
    let mut client = Client::with(&server, |builder| {
        builder
            .connect_timeout(forever)
            .request_timeout(forever)
            .upgrade_timeout(forever)
            .close_timeout(forever)
            .stall_timeout(forever)
            .reconnect(Reconnect::exponential().initial_delay(forever).max_delay(forever))
    });
    client.connect().await;
    client.upgraded().await;
    client.send("a").await;
    client.disconnect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
    server.finish().await;
}

#[actix::test]
async fn a_policy_without_attempts_gives_up_when_it_loses_a_session() {
    let server = Server::start(|server| {
        let get = server.opens(OPEN);
        get.ends_session();
    });
    let policy = Reconnect::exponential().max_attempts(0);
    let mut client = Client::with(&server, |builder| builder.reconnect(policy));
    client.connect().await;
    let Event::Disconnected(end) = client.next().await else { panic!("no end") };
    let Event::ReconnectFailed(err) = client.next().await else { panic!("it goes on") };
    assert_eq!(*err, ConnectError::Exhausted(Box::new(end.reason.clone())));
    server.finish().await;
}
