//! Sessions that end during their upgrade.

use actix_engineio::{Disconnect, DisconnectReason};

use crate::support::{
    Client, Clock, SHORT, TICK, milestone,
    script::UPGRADABLE,
    server::{Peer, Server},
    signal,
};

/// A stage of an upgrade.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Connecting,
    Probing,
    Pausing,
}

const STAGES: [Stage; 3] = [Stage::Connecting, Stage::Probing, Stage::Pausing];

impl Stage {
    /// Takes the probe to this stage.
    fn reach(self, ws: &mut Peer) {
        match self {
            Self::Connecting => _ = ws.read_request(),
            Self::Probing => {
                ws.accept_websocket();
                ws.reads("2probe");
            }
            Self::Pausing => {
                ws.accept_websocket();
                ws.answers_probe();
            }
        }
    }
}

#[actix::test]
async fn a_close_from_the_server_ends_the_session_at_any_stage() {
    for stage in STAGES {
        let server = Server::start(move |server| {
            let mut get = server.opens(UPGRADABLE);
            let mut ws = server.accept();
            stage.reach(&mut ws);
            get.packets("4last\u{1e}1\u{1e}4too late");
            get.expect_closed();
            match stage {
                Stage::Connecting => {}
                _ => ws.reads_close(1000),
            }
            ws.expect_closed();
        });
        let mut client = Client::connected(&server).await;
        assert_eq!(client.text().await, "last");
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server, "{stage:?}");
        server.finish().await;
    }
}

#[actix::test]
async fn a_poll_that_fails_ends_the_session_at_any_stage() {
    for stage in STAGES {
        let server = Server::start(move |server| {
            let mut get = server.opens(UPGRADABLE);
            let mut ws = server.accept();
            stage.reach(&mut ws);
            get.respond(502, &[], "");
            get.expect_closed();
            ws.wait_closed();
        });
        let mut client = Client::connected(&server).await;
        let reason = client.ended_cleanly().await;
        assert_eq!(reason.as_str(), "transport error", "{stage:?}");
        server.finish().await;
    }
}

#[actix::test]
async fn a_disconnect_before_the_pause_closes_over_polling() {
    for stage in [Stage::Connecting, Stage::Probing] {
        let (reached, has_reached) = milestone();
        let server = Server::start(move |server| {
            let get = server.opens(UPGRADABLE);
            let mut ws = server.accept();
            stage.reach(&mut ws);
            reached.reached();
            let mut post = server.accept();
            post.accepts("4one\u{1e}4two\u{1e}1");
            post.expect_closed();
            get.expect_closed();
            ws.wait_closed();
        });
        let mut client = Client::connected(&server).await;
        has_reached.await;
        client.addr.do_send(actix_engineio::Send::text("one"));
        client.addr.do_send(actix_engineio::Send::text("two"));
        client.disconnect().await;
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None));
        server.finish().await;
    }
}

#[actix::test]
async fn a_disconnect_during_the_pause_closes_over_the_websocket() {
    let (paused, is_paused) = milestone();
    let (asked, is_asked) = signal();
    let server = Server::start(|server| {
        let (mut get, mut ws) = server.pauses(UPGRADABLE);
        paused.reached();
        is_asked.wait();
        get.packets("4last");
        ws.reads("5");
        ws.reads("4one");
        ws.reads("1");
        ws.reads_close(1000);
        ws.send_frame(true, 0, 8, b"\x03\xe8");
        ws.expect_closed();
        get.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    is_paused.await;
    client.send("one").await;
    client.addr.do_send(Disconnect::new().reason("enough"));
    asked.send();
    assert_eq!(client.text().await, "last");
    client.upgraded().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(Some("enough".into())));
    server.finish().await;
}

#[actix::test]
async fn a_disconnect_whose_poll_is_not_answered_is_bounded_by_close_timeout() {
    let clock = Clock::stop();
    let (paused, is_paused) = milestone();
    let (posted, is_posted) = milestone();
    let server = Server::start(|server| {
        let (get, mut ws) = server.pauses(UPGRADABLE);
        paused.reached();
        ws.reads_close(1000);
        ws.expect_closed();
        // The second half of the limit is for polling, which this server does not answer either.
        let mut post = server.accept();
        post.posts("4one\u{1e}1");
        posted.reached();
        post.expect_closed();
        get.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.close_timeout(2 * SHORT));
    client.connect().await;
    is_paused.await;
    client.send("one").await;
    let second_half = async {
        clock.advance(SHORT + TICK).await;
        is_posted.await;
    };
    clock.takes(SHORT - TICK, second_half, client.disconnect()).await;
    client.upgrade_failed().await;
    let end = client.ended().await;
    assert_eq!(end.reason, DisconnectReason::Client(None));
    assert_eq!((&*end.unsent, &*end.in_doubt), ([].as_slice(), ["one".into()].as_slice()));
    server.finish().await;
}

#[actix::test]
async fn an_abort_ends_the_session_at_any_stage() {
    let _clock = Clock::stop();
    for stage in STAGES {
        let (reached, has_reached) = milestone();
        let server = Server::start(move |server| {
            let get = server.opens(UPGRADABLE);
            let mut ws = server.accept();
            stage.reach(&mut ws);
            reached.reached();
            match stage {
                Stage::Connecting => {}
                _ => ws.reads_close(1000),
            }
            ws.expect_closed();
            get.expect_closed();
        });
        let mut client = Client::connected(&server).await;
        has_reached.await;
        client.addr.send(Disconnect::abort()).await.unwrap();
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Client(None), "{stage:?}");
        server.finish().await;
    }
}

#[actix::test]
async fn a_post_that_fails_ends_the_session_at_any_stage() {
    for stage in STAGES {
        let (polling, is_polling) = milestone();
        let server = Server::start(move |server| {
            let get = server.opens(UPGRADABLE);
            let mut ws = server.accept();
            polling.reached();
            let mut post = server.accept();
            post.posts("4one");
            stage.reach(&mut ws);
            post.respond(502, &[], "");
            post.expect_closed();
            get.expect_closed();
            ws.wait_closed();
        });
        let mut client = Client::connected(&server).await;
        is_polling.await;
        client.send("one").await;
        let end = client.ended().await;
        assert_eq!(end.reason.as_str(), "transport error", "{stage:?}");
        assert_eq!((&*end.in_doubt, &*end.unsent), (["one".into()].as_slice(), [].as_slice()));
        server.finish().await;
    }
}
