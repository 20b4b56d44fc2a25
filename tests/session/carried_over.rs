//! Messages that `keep_unsent` carries over, and those that no session can send.

use std::time::Duration;

use actix_engineio::{
    self as engineio, Connect, Data, DisconnectReason, Disconnected, Event, Reconnect, SendAll,
    TransportError, TransportKind,
};

use crate::support::{
    Client, LARGE, connect_with_small_buffers, listen_with_small_buffers,
    script::{OPEN, Open},
    server::{Acceptor, Peer, Server},
};

/// The server names a limit that allows the large messages.
fn open() -> Open {
    OPEN.max_payload(2 * LARGE)
}

fn large(letter: &str) -> Data {
    Data::from(letter.repeat(LARGE))
}

/// A server with this script, and a client in its first session, which carries messages over.
async fn carrying_over(
    transport: TransportKind,
    script: impl FnOnce(&Acceptor) + Send + 'static,
) -> (Client, Server) {
    let server = Server::on(listen_with_small_buffers(), script);
    let mut client = Client::with(&server, |builder| {
        let policy = Reconnect::constant(Duration::from_millis(10)).on_server_close(false);
        builder.reconnect(policy).keep_unsent(true).connector(connect_with_small_buffers)
    });
    client.addr.do_send(Connect::new(server.origin()).transports([transport]));
    assert!(matches!(client.next().await, Event::Connected(_)));
    (client, server)
}

/// The end of the session, behind which the next one was opened. Returns its reason and the messages that came back.
async fn lost(client: &mut Client) -> (DisconnectReason, Vec<Data>) {
    let Event::Disconnected(end) = client.next().await else { panic!("no end") };
    assert!(matches!(client.next().await, Event::Reconnecting(_)));
    assert!(matches!(client.next().await, Event::Connected(_)));
    let Disconnected { reason, unsent, in_doubt, .. } = &*end;
    assert_eq!(in_doubt.len(), 0, "no server has a whole message");
    (reason.clone(), unsent.clone())
}

/// The server has ended the last session, in which everything was sent.
async fn finish(mut client: Client, server: Server) {
    let Event::Disconnected(end) = client.next().await else { panic!("no end") };
    assert_eq!((&end.reason, end.unsent.len() + end.in_doubt.len()), (&DisconnectReason::Server, 0));
    client.disconnect().await;
    server.finish().await;
}

/// A session over WebSocket in which a large message begins, after these.
fn begins_large(server: &Acceptor, before: &[&str]) -> Peer {
    let mut ws = server.opens_websocket(open());
    for packet in before {
        ws.reads(packet);
    }
    assert!(ws.read_frame_head().1 > LARGE);
    ws
}

/// Refuses the message that is being written.
fn refuses(mut ws: Peer) {
    ws.send_frame(true, 0, 8, 1009_u16.to_be_bytes());
    ws.wait_closed();
}

/// The last session over WebSocket.
fn reads_only(server: &Acceptor, packet: &str) {
    let mut ws = server.opens_websocket(open());
    ws.reads(packet);
    ws.send_text("1");
    ws.wait_closed();
}

/// A session over polling, in which the POST of a large message is not read. What `treat` returns lives until the client has ended
/// the session.
fn does_not_read_post<T>(server: &Acceptor, treat: impl FnOnce(Peer) -> T) {
    let (get, mut post) = server.opens_both(open());
    post.read_head();
    let _treated = treat(post);
    get.expect_closed();
}

/// The last session over polling.
fn accepts_only(server: &Acceptor, packet: &str) {
    let (get, mut post) = server.opens_both(open());
    post.accepts(packet);
    get.ends_session();
    post.expect_closed();
}

#[actix::test]
async fn a_message_that_the_server_refuses_with_1009_while_it_is_written_comes_back() {
    let (mut client, server) = carrying_over(TransportKind::WebSocket, |server| {
        refuses(begins_large(server, &[]));
        reads_only(server, "4small");
    })
    .await;
    client.addr.do_send(engineio::Send::new(large("x")));
    client.addr.do_send(engineio::Send::text("small"));
    let (reason, unsent) = lost(&mut client).await;
    assert_eq!(reason, DisconnectReason::transport_close(1009, ""));
    assert!(unsent == [large("x")], "it comes back at once");
    finish(client, server).await;
}

#[actix::test]
async fn a_1009_that_may_mean_an_earlier_message_is_no_reason_to_give_up_the_next_one() {
    let (mut client, server) = carrying_over(TransportKind::WebSocket, |server| {
        refuses(begins_large(server, &["4earlier"]));
        refuses(begins_large(server, &[]));
        reads_only(server, "4small");
    })
    .await;
    client.addr.do_send(engineio::Send::text("earlier"));
    client.addr.do_send(engineio::Send::new(large("x")));
    client.addr.do_send(engineio::Send::text("small"));
    assert_eq!(lost(&mut client).await.1.len(), 0, "it is carried over");
    assert!(lost(&mut client).await.1 == [large("x")]);
    finish(client, server).await;
}

#[actix::test]
async fn a_group_that_the_server_refuses_while_it_is_written_comes_back_as_a_whole() {
    let (mut client, server) = carrying_over(TransportKind::WebSocket, |server| {
        refuses(begins_large(server, &[]));
        reads_only(server, "4small");
    })
    .await;
    client.addr.do_send(SendAll::new([large("x"), "second".into()]));
    client.addr.do_send(engineio::Send::text("small"));
    assert!(lost(&mut client).await.1 == [large("x"), "second".into()]);
    finish(client, server).await;
}

#[actix::test]
async fn a_message_whose_post_is_answered_with_413_before_it_is_read_comes_back() {
    let (mut client, server) = carrying_over(TransportKind::Polling, |server| {
        does_not_read_post(server, |mut post| {
            post.respond(413, &[("connection", "close")], "");
            post
        });
        accepts_only(server, "4small");
    })
    .await;
    client.addr.do_send(engineio::Send::new(large("x")));
    client.addr.do_send(engineio::Send::text("small"));
    let (reason, unsent) = lost(&mut client).await;
    let DisconnectReason::TransportError(TransportError::Status(status)) = reason else { panic!("{reason}") };
    assert_eq!(status.status, 413);
    assert!(unsent == [large("x")], "it comes back at once");
    finish(client, server).await;
}

#[actix::test]
async fn a_message_whose_connection_is_lost_in_three_sessions_in_a_row_comes_back() {
    let (mut client, server) = carrying_over(TransportKind::Polling, |server| {
        for _ in 0..3 {
            does_not_read_post(server, Peer::reset);
        }
        accepts_only(server, "4small");
    })
    .await;
    client.addr.do_send(engineio::Send::new(large("x")));
    client.addr.do_send(engineio::Send::text("small"));
    for _ in 0..2 {
        assert_eq!(lost(&mut client).await.1.len(), 0, "it is carried over");
    }
    assert!(lost(&mut client).await.1 == [large("x")]);
    finish(client, server).await;
}

#[actix::test]
async fn large_messages_survive_connections_that_are_lost_while_they_are_written() {
    let (mut client, server) = carrying_over(TransportKind::WebSocket, |server| {
        for _ in 0..2 {
            begins_large(server, &[]).reset();
        }
        // The first one is sent now, so that the next one is counted by itself.
        for letter in [Some("a"), None] {
            let mut ws = server.opens_websocket(open());
            if let Some(letter) = letter {
                ws.reads(&format!("4{}", letter.repeat(LARGE)));
            }
            assert!(ws.read_frame_head().1 > LARGE);
            ws.reset();
        }
        let mut ws = server.opens_websocket(open());
        ws.reads(&format!("4{}", "b".repeat(LARGE)));
        ws.reads("4small");
        ws.send_text("1");
        ws.wait_closed();
    })
    .await;
    for data in [large("a"), large("b"), "small".into()] {
        client.addr.do_send(engineio::Send::new(data));
    }
    for _ in 0..4 {
        assert_eq!(lost(&mut client).await.1.len(), 0, "everything is carried over");
    }
    finish(client, server).await;
}
