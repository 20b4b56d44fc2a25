#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::testing::TestServerBuilder;

fn session(transport: TransportKind) -> Session {
    let asked = Asked { version: ProtocolVersion::V4, transport };
    let mut session =
        Session::new("sid".to_owned(), asked, &TestServerBuilder::new().settings(), Instant::now());
    match transport {
        TransportKind::Polling => drop(session.take_payload().unwrap().unwrap()),
        TransportKind::WebSocket => drop(session.take_frame().unwrap()),
    }
    session
}

fn text(text: &str) -> Packet {
    Packet::Message(text.into())
}

fn frame(text: &str) -> Option<Outgoing> {
    Some(Outgoing::Frame(ws::Message::Text(text.to_owned().into())))
}

#[test]
fn a_poll_gets_all_packets_at_once_and_waits_if_there_are_none() {
    let mut session = session(TransportKind::Polling);
    assert!(session.begin_poll() && !session.begin_poll());
    assert_eq!(session.take_payload(), None);
    session.send(text("a"));
    session.send(Packet::Message(vec![1, 2].into()));
    assert_eq!(session.take_payload(), Some(Ok("4a\u{1e}bAQI=".into())));
    session.end_poll();
    assert!(session.begin_poll());
}

#[test]
fn an_upgrade_ends_the_polls_and_takes_the_packets_that_wait_to_the_websocket() {
    let mut session = session(TransportKind::Polling);
    session.receive_packet(Packet::Ping("probe".into())).unwrap();
    assert_eq!(session.take_frame(), frame("3probe"));
    assert_eq!(session.take_payload(), Some(Ok("6".into())));
    assert_eq!(session.take_frame(), None);
    session.receive_packet(Packet::Upgrade).unwrap();
    session.send(text("a"));
    assert_eq!(session.take_payload(), Some(Ok("6".into())));
    assert_eq!(session.take_frame(), frame("4a"));
    assert_eq!(session.transport(), TransportKind::WebSocket);
}

#[test]
fn a_websocket_that_is_lost_before_its_upgrade_does_not_end_the_session() {
    let mut session = session(TransportKind::Polling);
    session.receive_packet(Packet::Ping("probe".into())).unwrap();
    session.websocket_lost();
    assert_eq!((session.end(), session.take_payload()), (None, None));
    let err = session.receive_packet(text("a")).unwrap_err();
    assert!(err.contains("the text \"a\" on a WebSocket before its upgrade"), "{err}");
}

#[test]
fn the_close_packet_follows_what_was_sent() {
    let mut polling = session(TransportKind::Polling);
    polling.send(text("a"));
    polling.close(1000);
    polling.send(text("b"));
    assert!(polling.is_known());
    assert_eq!(polling.take_payload(), Some(Ok("4a\u{1e}1".into())));
    assert!(!polling.is_known());
    assert_eq!(polling.take_payload(), Some(Err(SessionEnd::Server)));

    let mut websocket = session(TransportKind::WebSocket);
    websocket.close(1000);
    assert_eq!(websocket.take_frame(), frame("1"));
    let normal = ws::CloseCode::Normal.into();
    assert_eq!(websocket.take_frame(), Some(Outgoing::Close(Some(normal))));
    assert_eq!(websocket.take_frame(), None);
}

#[test]
fn the_first_end_counts() {
    let mut session = session(TransportKind::WebSocket);
    session.receive_packet(Packet::Close).unwrap();
    session.closed_by_frame(None);
    session.websocket_lost();
    assert_eq!(session.end(), Some(SessionEnd::Client));
    assert_eq!(session.take_frame(), Some(Outgoing::Close(None)));
}

#[test]
fn a_client_that_exceeds_the_limit_loses_its_session() {
    let mut websocket = session(TransportKind::WebSocket);
    websocket.receive_message(vec![b'4'; 1_000_001].into(), true).unwrap();
    assert_eq!(websocket.end(), Some(SessionEnd::TooLarge));
    let mut polling = session(TransportKind::Polling);
    assert_eq!(polling.receive_payload(vec![b'4'; 1_000_001].into()), Ok(Post::TooLarge));
    assert_eq!(polling.end(), Some(SessionEnd::TooLarge));
}

#[test]
fn a_client_that_breaks_the_protocol_is_described() {
    let mut session = session(TransportKind::Polling);
    for (body, words) in [("", "without packets"), ("4a\u{1e}x", "bad packet"), ("0{}", "an open packet")] {
        let err = session.receive_payload(body.into()).unwrap_err();
        assert!(err.contains(words), "{err}");
    }
    let mut websocket = self::session(TransportKind::WebSocket);
    for (message, words) in [(b"\xff", "not UTF-8"), (b"x", "bad packet"), (b"5", "an upgrade packet")] {
        let err = websocket.receive_message(Bytes::from_static(message), true).unwrap_err();
        assert!(err.contains(words), "{err}");
    }
    let words = session.describe();
    assert_eq!(words, "is open over polling, and the client has sent the text \"a\", an open packet");
}

#[test]
fn a_session_without_an_answer_to_a_ping_ends() {
    let mut session = session(TransportKind::WebSocket);
    let start = Instant::now() + Duration::from_secs(25);
    let (next, acted) = session.handle_time(start);
    assert!(acted && next == Some(start + Duration::from_secs(20)));
    assert_eq!(session.take_frame(), frame("2"));
    session.handle_time(start + Duration::from_secs(20));
    assert_eq!(session.end(), Some(SessionEnd::PingTimeout));
    assert_eq!(session.handle_time(start + Duration::from_secs(90)), (None, false));
}
