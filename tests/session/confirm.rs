//! Whether the server has read what was sent.

use std::time::Duration;

use actix_engineio::{
    self as engineio, Confirm, ConfirmError, Disconnect, DisconnectReason, Event, EventStream, GetStatus,
    TransportKind,
};
use actix_rt::task::JoinHandle;
use futures::StreamExt as _;

use crate::support::{
    Client, Clock, SHORT, milestone, moment,
    script::{OPEN, UPGRADABLE},
    server::{Peer, Server},
    signal, soon,
};

impl Client {
    /// Asks, and does not wait for the answer.
    pub(crate) fn confirming(&self) -> JoinHandle<Result<(), ConfirmError>> {
        let confirm = self.addr.send(Confirm);
        actix_rt::spawn(async { soon("a confirm", confirm).await.unwrap() })
    }

    /// Waits until the client does not read because of a subscriber.
    pub(crate) async fn has_backpressure(&self) {
        while self.addr.send(GetStatus).await.unwrap().back_pressure.is_none() {
            moment().await;
        }
    }

    /// The reason of the end, behind the messages of [`Peer::floods`].
    pub(crate) async fn ended_after_flood(&mut self) -> DisconnectReason {
        loop {
            match self.next().await {
                Event::Message(_) => {}
                event => return self.ended_with(event).await.reason.clone(),
            }
        }
    }

    pub(crate) async fn confirm(&self) -> Result<(), ConfirmError> {
        soon("a confirm", self.addr.send(Confirm)).await.unwrap()
    }
}

impl Peer {
    /// Expects a WebSocket ping, and returns its content.
    pub(crate) fn reads_ping(&mut self) -> Vec<u8> {
        let (opcode, payload) = self.read_frame();
        assert_eq!((opcode, payload.len()), (9, 8));
        payload
    }

    pub(crate) fn sends_pong(&mut self, payload: &[u8]) {
        self.send_frame(true, 0, 10, payload);
    }

    /// Sends more messages than a stream that is not read may retain.
    pub(crate) fn floods(&mut self) {
        for _ in 0..200 {
            self.send_text("4some message");
        }
    }

    /// Ends a session over WebSocket.
    pub(crate) fn ends_websocket(mut self) {
        self.send_text("1");
        self.wait_closed();
    }
}

#[actix::test]
async fn the_pong_to_a_ping_behind_the_messages_confirms_them() {
    let (asked, is_asked) = milestone();
    let (pong, may_pong) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4a");
        ws.reads("4b");
        let ping = ws.reads_ping();
        // Neither the ping's number nor any number.
        ws.sends_pong(b"12345678");
        ws.sends_pong(b"");
        ws.send_text("4not yet");
        asked.reached();
        may_pong.wait();
        ws.sends_pong(&ping);
        let ping = ws.reads_ping();
        // It is in one segment with another pong and with the end, and still read.
        ws.write([&[0x8a, 8], &ping[..], b"\x8a\x0812345678\x81\x011"].concat());
        ws.wait_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    client.addr.do_send(engineio::Send::text("a"));
    client.addr.do_send(engineio::Send::text("b"));
    let confirms = [client.confirming(), client.confirming()];
    is_asked.await;
    assert_eq!(client.text().await, "not yet");
    assert!(confirms.iter().all(|confirm| !confirm.is_finished()));
    pong.send();
    for confirm in confirms {
        assert_eq!(confirm.await.unwrap(), Ok(()));
    }
    assert_eq!(client.confirm().await, Ok(()), "also if nothing was sent since then");
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn over_polling_the_accepted_post_confirms_its_messages() {
    let (asked, is_asked) = milestone();
    let (answer, may_answer) = signal();
    let (answered, has_answer) = signal();
    let server = Server::start(move |server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.posts("4a");
        asked.reached();
        may_answer.wait();
        post.ok();
        has_answer.wait();
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    assert_eq!(client.confirm().await, Ok(()), "nothing was sent");
    client.send("a").await;
    let confirm = client.confirming();
    is_asked.await;
    assert!(!confirm.is_finished());
    answer.send();
    assert_eq!(confirm.await.unwrap(), Ok(()));
    answered.send();
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_disconnect_lets_a_confirm_before_it_end_first() {
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let server = Server::start(move |server| match transport {
            TransportKind::Polling => {
                let (get, mut post) = server.opens_both(OPEN);
                // One answer confirms the message and the close packet.
                post.posts("4a\u{1e}1");
                post.ok();
                post.expect_closed();
                get.expect_closed();
            }
            _ => {
                let mut ws = server.opens_websocket(OPEN);
                ws.reads("4a");
                let ping = ws.reads_ping();
                ws.sends_pong(&ping);
                ws.reads("1");
                ws.reads_close(1000);
                ws.close();
            }
        });
        let mut client = Client::start(&server);
        client.connect_over(transport).await;
        client.addr.do_send(engineio::Send::text("a"));
        let confirm = client.confirming();
        client.addr.do_send(Disconnect::new());
        assert_eq!(confirm.await.unwrap(), Ok(()), "over {transport}");
        client.ended_cleanly().await;
        server.finish().await;
    }
}

#[actix::test]
async fn without_a_session_nothing_is_confirmed() {
    let (asked, is_asked) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads_ping();
        is_asked.wait();
        ws.ends_websocket();
    });
    let mut client = Client::start(&server);
    assert_eq!(client.confirm().await, Err(ConfirmError::NotConnected));
    client.connect_over(TransportKind::WebSocket).await;
    let confirm = client.confirming();
    client.addr.send(GetStatus).await.unwrap();
    asked.send();
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    assert_eq!(confirm.await.unwrap(), Err(ConfirmError::Disconnected));
    client.addr.do_send(Disconnect::new());
    assert_eq!(client.confirm().await, Err(ConfirmError::NotConnected));
    server.finish().await;
}

#[actix::test]
async fn a_server_that_does_not_answer_in_time_does_not_lose_the_session() {
    let clock = Clock::stop();
    let (pinged, is_pinged) = milestone();
    let (late, is_late) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        let ping = ws.reads_ping();
        pinged.reached();
        is_late.wait();
        ws.sends_pong(&ping);
        ws.ends_websocket();
    });
    let mut client = Client::with(&server, |builder| builder.request_timeout(SHORT));
    client.connect_over(TransportKind::WebSocket).await;
    let confirm = clock.takes(SHORT, is_pinged, client.confirm()).await;
    assert_eq!(confirm, Err(ConfirmError::Timeout));
    late.send();
    assert_eq!(client.confirm().await, Ok(()));
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn the_limit_does_not_run_while_a_subscriber_does_not_read() {
    let clock = Clock::stop();
    let (pinged, is_pinged) = milestone();
    let (subscribed, is_subscribed) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        is_subscribed.wait();
        ws.floods();
        let ping = ws.reads_ping();
        ws.sends_pong(&ping);
        pinged.reached();
        ws.ends_websocket();
    });
    let mut client = Client::with(&server, |builder| builder.request_timeout(SHORT).receive_buffer(1000));
    client.connect_over(TransportKind::WebSocket).await;
    let mut stream = EventStream::subscribe(&client.addr).await.unwrap();
    assert!(matches!(soon("an event", stream.next()).await, Some(Event::Connected(_))));
    subscribed.send();
    client.has_backpressure().await;
    let confirm = client.confirming();
    is_pinged.await;
    for _ in 0..10 {
        clock.advance(SHORT).await;
    }
    assert!(!confirm.is_finished(), "the answer has arrived, but cannot be read");
    actix_rt::spawn(stream.for_each(|_| async {}));
    assert_eq!(confirm.await.unwrap(), Ok(()));
    assert_eq!(client.ended_after_flood().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_confirm_during_an_upgrade_is_answered_over_the_websocket() {
    let (asked, is_asked) = signal();
    let (paused, is_paused) = milestone();
    let server = Server::start(move |server| {
        let (mut get, mut ws) = server.pauses(UPGRADABLE);
        paused.reached();
        is_asked.wait();
        get.packets("6");
        ws.reads("5");
        get.expect_closed();
        ws.reads("4a");
        let ping = ws.reads_ping();
        ws.sends_pong(&ping);
        ws.ends_websocket();
    });
    let mut client = Client::connected(&server).await;
    is_paused.await;
    client.send("a").await;
    let confirm = client.confirming();
    client.addr.send(GetStatus).await.unwrap();
    asked.send();
    client.upgraded().await;
    assert_eq!(soon("the answer", confirm).await.unwrap(), Ok(()));
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn the_round_trip_over_websocket_is_that_of_the_last_ping() {
    let clock = Clock::stop();
    let (pinged, is_pinged) = milestone();
    let (pong, may_pong) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        let ping = ws.reads_ping();
        pinged.reached();
        may_pong.wait();
        ws.sends_pong(&ping);
        ws.ends_websocket();
    });
    let mut client = Client::start(&server);
    client.connect_over(TransportKind::WebSocket).await;
    let confirm = client.confirming();
    is_pinged.await;
    clock.advance(Duration::from_millis(700)).await;
    pong.send();
    assert_eq!(confirm.await.unwrap(), Ok(()));
    let status = client.addr.send(GetStatus).await.unwrap();
    assert_eq!(status.round_trip, Some(Duration::from_millis(700)));
    client.ended_cleanly().await;
    server.finish().await;
}
