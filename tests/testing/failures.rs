//! What the words of a failure say.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use actix_engineio::{Disconnect, testing::TestServer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{TRANSPORTS, connect, fails, send};

#[actix::test]
async fn a_failure_says_what_was_awaited_what_came_instead_and_where() {
    tokio::time::pause();
    let server = TestServer::builder().limit(Duration::from_secs(7)).in_memory();
    let words = fails(server.accept()).await;
    assert!(
        words.contains(
            "waited 7s for a session, without success: no session was opened; there was no request"
        ),
        "{words}"
    );
    assert!(words.contains("(at tests/testing/failures.rs:"), "{words}");

    let (client, mut peer) = connect(&server, &TRANSPORTS[1..]).await;
    send(&client, "hello").await;
    peer.receive().await;
    let words = fails(peer.receive()).await;
    assert!(words.contains("for a message of the client, without success"), "{words}");
    assert!(words.contains("is open over websocket, and the client has sent the text \"hello\""), "{words}");

    client.send(Disconnect::new()).await.unwrap();
    let words = fails(peer.receive()).await;
    assert!(words.contains("in session \"test-session-1\" for a message of the client, but it has ended (the client closed it), and"), "{words}");

    let (_client, peer) = connect(&server, &TRANSPORTS[..1]).await;
    let words = catch_unwind(AssertUnwindSafe(|| peer.close_with(1011))).unwrap_err();
    assert!(words.downcast_ref::<String>().unwrap().contains("needs a session over WebSocket"));
}

#[actix::test]
async fn a_failure_describes_first_the_session_that_was_awaited() {
    tokio::time::pause();
    let server = TestServer::in_memory();
    let (client, _first) = connect(&server, &TRANSPORTS[1..]).await;
    let (_second, mut peer) = connect(&server, &TRANSPORTS[..1]).await;
    send(&client, "1:a").await;
    let words = fails(peer.receive()).await;
    let expected = "waited 60s in session \"test-session-2\" for a message of the client, without success: it is open over \
                    polling, and the client has sent a pong, a pong; session \"test-session-1\" is open over websocket, and \
                    the client has sent the text \"1:a\", a pong, a pong; of ";
    assert!(words.contains(expected), "{words}");

    server.hang();
    let words = fails(server.handshakes(3)).await;
    assert!(words.contains("waited 60s for 3 requests for a session, without success: session"), "{words}");
    assert!(words.contains("; the server hangs (at"), "{words}");
    let other = TestServer::in_memory();
    other.stop();
    let words = fails(other.handshakes(1)).await;
    let expected = "waited 60s for a request for a session, without success: no session was opened; there was no request; \
                    the server is stopped (at";
    assert!(words.contains(expected), "{words}");
}

#[actix::test]
async fn a_client_that_breaks_the_protocol_fails_the_test_at_the_next_wait_or_at_the_end() {
    for is_seen in [true, false] {
        let server = TestServer::start();
        let addr = server.url().strip_prefix("http://").unwrap().to_owned();
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"EHLO localhost\r\n\r\n").await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        if is_seen {
            let words = fails(server.accept()).await;
            assert!(words.contains("the client sent what is not HTTP/1.1: EHLO localhost"), "{words}");
        } else {
            let words = catch_unwind(AssertUnwindSafe(|| drop(server))).unwrap_err();
            let words = words.downcast_ref::<String>().unwrap();
            assert!(words.contains("dropped after something went wrong: the client sent"), "{words}");
        }
    }
}
