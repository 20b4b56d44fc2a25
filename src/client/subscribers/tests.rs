use actix::{Actor, Context, Handler, Recipient, ResponseFuture};
use futures::channel::mpsc;

use super::*;
use crate::{
    client::event::Disconnected,
    error::{SendError, SendErrorKind},
    protocol::{connection::Rejected, version::ProtocolVersion},
};

/// An actor that passes its events on.
struct Recorder(mpsc::UnboundedSender<Event>);

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<Event> for Recorder {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let _ = self.0.unbounded_send(event);
    }
}

struct Rig {
    subscribers: Subscribers,
    events: mpsc::UnboundedReceiver<Event>,
    recipient: Recipient<Event>,
}

impl Rig {
    fn new(receive_buffer: usize) -> Self {
        let (sender, events) = mpsc::unbounded();
        let recipient = Recorder(sender).start().recipient();
        Self { subscribers: Subscribers::new(receive_buffer), events, recipient }
    }

    fn add(&mut self, only: Option<Vec<EventKind>>) -> SubscriptionId {
        self.subscribers.add(Sink::Actor(Target::Recipient(self.recipient.clone())), only, None)
    }

    fn push(&mut self, text: &str) {
        self.subscribers.push(Event::Message(text.into()));
    }

    fn poll(&mut self) -> bool {
        self.subscribers.poll(&mut Task::from_waker(futures::task::noop_waker_ref()))
    }

    /// The events that came, after everything that waits was sent.
    async fn events(&mut self) -> Vec<EventKind> {
        loop {
            self.poll();
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            if !self.poll() {
                break;
            }
        }
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|event| event.kind()).collect()
    }
}

fn session() -> Arc<Session> {
    let json = r#"{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    Arc::new(Session::decode(json, TransportKind::WebSocket, ProtocolVersion::V4).unwrap())
}

fn end() -> Event {
    Event::Disconnected(Arc::new(Disconnected::new(crate::DisconnectReason::Server)))
}

#[actix::test]
async fn a_subscriber_that_comes_during_a_session_gets_connected_and_what_follows() {
    use EventKind::{Connected, Disconnected, Message};
    for (opened, closed, only, expected) in [
        (false, false, None, vec![Message]),
        (true, false, None, vec![Connected, Message]),
        (true, true, None, vec![Message]),
        (true, false, Some(vec![Message]), vec![Message]),
        (true, false, Some(vec![Connected, Disconnected]), vec![Connected]),
    ] {
        let mut rig = Rig::new(1000);
        if opened {
            rig.subscribers.session_opened(session());
        }
        rig.push("before");
        if closed {
            rig.subscribers.session_closed(end());
        }
        rig.add(only.clone());
        rig.push("after");
        assert_eq!(rig.events().await, expected, "{opened} {closed} {only:?}");
    }
}

#[actix::test]
async fn a_subscriber_is_behind_until_it_has_handled_an_event_of_the_last_session() {
    let mut rig = Rig::new(1000);
    assert!(!rig.subscribers.are_behind(), "nobody listens");
    rig.add(None);
    assert!(!rig.subscribers.are_behind(), "there was no session");
    rig.subscribers.session_opened(session());
    rig.push("message");
    rig.subscribers.session_closed(end());
    assert!(rig.subscribers.are_behind());
    rig.poll();
    assert!(rig.subscribers.are_behind(), "it was sent an event, and has not handled it");
    rig.events().await;
    assert!(!rig.subscribers.are_behind());
    rig.subscribers.session_opened(session());
    assert!(rig.subscribers.are_behind());
    rig.add(None);
    rig.events().await;
    assert!(!rig.subscribers.are_behind());
}

#[actix::test]
async fn there_is_room_until_a_subscriber_has_too_much_to_handle() {
    let weight = crate::data::OVERHEAD + "1234".len();
    let mut rig = Rig::new(2 * weight);
    rig.push("1234");
    rig.add(None);
    assert!(rig.subscribers.have_room());
    rig.push("1234");
    rig.push("1234");
    assert!(rig.subscribers.have_room());
    rig.push("");
    assert!(!rig.subscribers.have_room());
    rig.events().await;
    assert!(rig.subscribers.have_room());
}

#[actix::test]
async fn events_that_nobody_wants_take_no_room() {
    let mut rig = Rig::new(0);
    rig.push("message");
    rig.poll();
    assert_eq!(rig.subscribers.log.len(), 0, "nobody listens");
    rig.add(Some(vec![EventKind::Connected]));
    rig.push("message");
    assert!(!rig.subscribers.have_room());
    rig.poll();
    assert!(rig.subscribers.have_room());
    assert_eq!(rig.subscribers.log.len(), 0);
}

#[actix::test]
async fn a_subscriber_that_is_removed_handles_what_it_was_sent_and_no_more() {
    let mut rig = Rig::new(1000);
    let id = rig.add(None);
    rig.push("sent");
    rig.poll();
    rig.push("not sent");
    assert!(rig.subscribers.remove(id));
    assert!(!rig.subscribers.remove(id));
    assert_eq!(rig.subscribers.log.len(), 0);
    assert_eq!(rig.events().await, [EventKind::Message]);
}

/// An actor that is never done with its first event.
struct Stuck;

impl Actor for Stuck {
    type Context = Context<Self>;
}

impl Handler<Event> for Stuck {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Event, _: &mut Self::Context) -> Self::Result {
        Box::pin(std::future::pending())
    }
}

#[actix::test]
async fn messages_of_a_subscriber_that_is_gone_are_unseen_unless_another_was_or_is_sent_them() {
    for (has_other, was_sent, unseen) in [(false, false, 1), (true, false, 0), (true, true, 0)] {
        let mut rig = Rig::new(1000);
        let stuck = Target::Recipient(Stuck.start().recipient());
        let gone = rig.subscribers.add(Sink::Actor(stuck), None, None);
        rig.push("keeps it busy");
        rig.events().await;
        if has_other {
            rig.add(None);
        }
        let err = SendError { kind: SendErrorKind::NotConnected, data: "x".into() };
        rig.subscribers.push(Rejected::One(err).into());
        if was_sent {
            assert_eq!(rig.events().await, [EventKind::Rejected]);
        }
        rig.subscribers.remove(gone);
        assert_eq!(rig.subscribers.take_unseen(), unseen, "{has_other} {was_sent}");
        // A subscriber that came later does not get it.
        rig.add(None);
        assert_eq!(rig.subscribers.take_unseen(), 0);
    }
}
