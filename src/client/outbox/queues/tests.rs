use super::*;
use crate::client::reply::awaiting::{Awaiting, do_send};

/// What became of a message that was to be sent.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Waits,
    Sent,
    CarriedOver,
    Refused(SendErrorKind),
}

/// An outbox, a session that takes everything, and those who send.
struct Rig {
    queues: Queues,
    session: Vec<Outgoing>,
}

impl Rig {
    fn new(limit: usize) -> Self {
        Self { queues: Queues::new(limit), session: Vec::new() }
    }

    fn send(&mut self, text: &str) -> Awaiting<SendResult> {
        Awaiting::new(self.queues.enqueue(text.into()))
    }

    fn do_send(&mut self, text: &str) {
        do_send(self.queues.enqueue(text.into()));
    }

    fn advance(&mut self, gate: Gate) {
        while self.queues.advance(gate, |outgoing| {
            self.session.push(outgoing);
            Ok(())
        }) {}
    }

    /// Carries all messages over if `gate` says so, and sends them. It stops when the outbox is empty, as the client does.
    fn advance_while_full(&mut self, gate: Gate) {
        if gate == Gate::CarryOver {
            self.advance(gate);
        }
        while !self.queues.is_empty() {
            let session = &mut self.session;
            self.queues.advance(FULL, |outgoing| {
                session.push(outgoing);
                Ok(())
            });
        }
    }

    /// The session has ended, without having sent this.
    fn take_back(&mut self, unsent: Outgoing, interrupted: Interrupted) {
        self.queues.take_back(vec![unsent], interrupted, &DisconnectReason::PingTimeout);
    }

    /// The messages that the session was given since the last call.
    fn session(&mut self) -> Vec<String> {
        texts(self.session.drain(..).flat_map(Outgoing::into_messages))
    }

    fn rejected(&mut self) -> Vec<String> {
        texts(self.queues.take_rejected().into_iter().flat_map(|rejected| match rejected {
            Rejected::One(err) => vec![err.data],
            Rejected::Group(err) => err.data,
        }))
    }

    /// What became of the only message.
    fn outcome(&mut self) -> Outcome {
        if !self.session.is_empty() {
            Outcome::Sent
        } else if !self.queues.pending.is_empty() {
            Outcome::Waits
        } else if !self.queues.carried_over.messages.is_empty() {
            Outcome::CarriedOver
        } else {
            match self.queues.refused.pop().expect("it is somewhere").rejected {
                Rejected::One(err) => Outcome::Refused(err.kind),
                Rejected::Group(err) => Outcome::Refused(err.kind),
            }
        }
    }
}

fn texts(messages: impl IntoIterator<Item = Data>) -> Vec<String> {
    messages.into_iter().map(|data| data.as_text().unwrap().to_owned()).collect()
}

const INTERRUPTED: Interrupted = Interrupted { messages: 1, is_first: true };
const OPEN: Gate = Gate::Open { has_room: true };
const FULL: Gate = Gate::Open { has_room: false };

#[test]
fn the_gate_decides_what_happens_to_a_message() {
    use Outcome::{CarriedOver, Refused, Sent, Waits};
    let refused = || Refused(SendErrorKind::NotConnected);
    for (gate, by_send, by_do_send) in [
        (OPEN, Sent, Sent),
        (FULL, Waits, Sent),
        (Gate::CarryOver, CarriedOver, CarriedOver),
        (Gate::Waiting, Waits, Waits),
        (Gate::Closed, refused(), refused()),
    ] {
        let mut rig = Rig::new(0);
        let mut reply = rig.send("message");
        rig.advance(gate);
        let outcome = rig.outcome();
        assert_eq!(reply.answer().is_some(), matches!(outcome, Sent | CarriedOver), "{gate:?}");
        assert_eq!(outcome, by_send, "{gate:?}");

        let mut rig = Rig::new(0);
        rig.do_send("message");
        rig.advance(gate);
        assert_eq!(rig.outcome(), by_do_send, "{gate:?}");
    }
}

#[test]
fn no_message_overtakes_another() {
    for gate in [OPEN, FULL, Gate::CarryOver, Gate::Waiting, Gate::Closed] {
        let mut rig = Rig::new(0);
        let _large = rig.send(&"x".repeat(100));
        rig.advance(Gate::CarryOver);
        let _second = rig.send("second");
        rig.do_send("third");
        rig.advance(gate);
        rig.advance(OPEN);
        let mut expected = vec!["x".repeat(100)];
        if gate != Gate::Closed {
            expected.extend(["second".to_owned(), "third".to_owned()]);
        }
        assert_eq!(rig.session(), expected, "{gate:?}");
    }
}

#[test]
fn a_carried_over_message_counts_against_the_limit_until_it_is_sent() {
    let weight = Data::from("first").weight();
    for (limit, is_accepted) in [(0, false), (weight - 1, false), (weight, true)] {
        let mut rig = Rig::new(limit);
        let mut first = rig.send("first");
        let mut second = rig.send("second");
        rig.advance(Gate::CarryOver);
        assert_eq!(first.answer(), Some(Ok(())), "one message always has room");
        assert_eq!(second.answer().is_some(), is_accepted, "{limit}");
        rig.advance(OPEN);
        let mut third = rig.send("third");
        rig.advance(Gate::CarryOver);
        assert_eq!(third.answer(), Some(Ok(())), "the first two do not count any more");
    }
}

#[test]
fn the_end_of_a_session_gives_back_what_was_accepted_and_refuses_what_was_awaited() {
    for carry_over in [false, true] {
        let mut rig = Rig::new(1000);
        rig.do_send("second");
        rig.advance(Gate::CarryOver);
        let mut awaited = rig.send("awaited");
        drop(rig.send("withdrawn"));
        rig.do_send("third");
        rig.take_back(Outgoing::One("first".into()), Interrupted::default());
        let unsent = rig.queues.end_session(carry_over);
        if carry_over {
            assert_eq!(texts(unsent), [""; 0]);
            assert_eq!(awaited.answer(), None);
            rig.advance(OPEN);
            assert_eq!(rig.session(), ["first", "second", "awaited", "third"]);
        } else {
            assert_eq!(texts(unsent), ["first", "second", "third"]);
            assert_eq!(awaited.answer().unwrap().unwrap_err().kind, SendErrorKind::Disconnected);
            assert!(rig.queues.is_empty());
        }
        assert_eq!(rig.rejected(), [""; 0]);
    }
}

#[test]
fn a_message_that_was_interrupted_in_three_sessions_comes_back_and_the_others_are_carried_over() {
    let mut rig = Rig::new(1000);
    rig.do_send("second");
    rig.advance(Gate::CarryOver);
    for given_up in [vec![], vec![], vec!["first"]] {
        rig.take_back(Outgoing::One("first".into()), INTERRUPTED);
        assert_eq!(texts(rig.queues.end_session(true)), given_up);
        rig.advance(OPEN);
        let carried_over = if given_up.is_empty() { &["first", "second"][..] } else { &["second"] };
        assert_eq!(rig.session(), carried_over);
        rig.do_send("second");
        rig.advance(Gate::CarryOver);
    }
}

#[test]
fn the_interruptions_of_a_message_that_is_not_sent_do_not_count_for_the_next_one() {
    let refused = |outgoing: Outgoing| Err(outgoing.rejected(SendErrorKind::NotRepresentable));
    let ends: [fn(&mut Rig); 3] = [
        |rig| rig.queues.refuse_all(),
        |rig| {
            rig.advance(OPEN);
            rig.take_back(Outgoing::One("first".into()), INTERRUPTED);
            assert_eq!(rig.queues.end_session(false).len(), 1);
        },
        |_| {},
    ];
    for end in ends {
        let mut rig = Rig::new(1000);
        for _ in 0..4 {
            rig.take_back(Outgoing::One("first".into()), INTERRUPTED);
            assert_eq!(rig.queues.end_session(true), []);
            end(&mut rig);
            while rig.queues.advance(OPEN, refused) {}
        }
    }
}

#[test]
fn messages_for_which_no_session_comes_are_refused_in_order() {
    let mut rig = Rig::new(1000);
    rig.do_send("first");
    let mut accepted = rig.send("second");
    rig.advance(Gate::CarryOver);
    let mut awaited = rig.send("awaited");
    rig.do_send("third");
    rig.queues.refuse_all();
    assert!(rig.queues.is_empty());
    assert_eq!(rig.rejected(), ["first", "second", "third"], "the others are known to nobody else");
    assert_eq!(accepted.answer(), Some(Ok(())));
    assert_eq!(awaited.answer().unwrap().unwrap_err().data, "awaited".into());
    assert_eq!(rig.rejected(), [""; 0]);
}

#[test]
fn a_message_is_decided_only_after_its_handler_has_returned() {
    let mut rig = Rig::new(0);
    let waiting = rig.queues.enqueue("waiting".into());
    let refused = rig.queues.refuse(SendError { kind: SendErrorKind::NotConnected, data: "refused".into() });
    for gate in [OPEN, Gate::CarryOver, Gate::Closed] {
        rig.advance(gate);
    }
    assert_eq!(rig.session(), [""; 0]);
    assert_eq!(rig.rejected(), [""; 0]);
    let (mut waiting, mut refused) = (Awaiting::new(waiting), Awaiting::new(refused));
    rig.advance(OPEN);
    assert_eq!(rig.rejected(), [""; 0], "their senders get them");
    assert_eq!(waiting.answer(), Some(Ok(())));
    assert_eq!(refused.answer().unwrap().unwrap_err().data, "refused".into());
}

#[test]
fn a_message_that_the_session_refuses_goes_back() {
    let mut rig = Rig::new(1000);
    let too_large = |outgoing: Outgoing| Err(outgoing.rejected(SendErrorKind::NotRepresentable));
    rig.do_send("carried over");
    rig.advance(Gate::CarryOver);
    let mut awaited = rig.send("awaited");
    rig.do_send("not awaited");
    while rig.queues.advance(OPEN, too_large) {}
    assert_eq!(rig.rejected(), ["carried over", "not awaited"]);
    assert_eq!(awaited.answer().unwrap().unwrap_err().kind, SendErrorKind::NotRepresentable);
}

#[test]
fn withdrawn_messages_do_not_use_memory_for_long() {
    let mut rig = Rig::new(0);
    let _patient = rig.send("patient");
    let mut last = rig.send("impatient");
    for _ in 0..1000 {
        // The one before is not the last in the queue when it is withdrawn.
        last = rig.send("impatient");
    }
    assert!(rig.queues.pending.len() <= 64);
    drop(last);
    assert_eq!(rig.queues.waiting(), (1, "patient".len()));
}

#[test]
fn a_long_queue_gives_its_memory_back() {
    for gate in [FULL, Gate::CarryOver] {
        let mut rig = Rig::new(0);
        for _ in 0..10 * MAX_IDLE_CAPACITY {
            rig.do_send("message");
        }
        rig.advance_while_full(gate);
        assert_eq!(rig.session().len(), 10 * MAX_IDLE_CAPACITY);
        assert!(rig.queues.pending.capacity() <= MAX_IDLE_CAPACITY);
        assert!(rig.queues.carried_over.messages.capacity() <= MAX_IDLE_CAPACITY);
    }
}

#[test]
fn only_a_message_whose_reply_is_awaited_keeps_the_client_alive() {
    let mut rig = Rig::new(0);
    rig.do_send("not awaited");
    drop(rig.send("withdrawn"));
    assert!(!rig.queues.is_awaited());
    let _reply = rig.send("awaited");
    assert!(rig.queues.is_awaited());
}

#[test]
fn a_group_is_one_entry_for_every_gate() {
    use Outcome::{CarriedOver, Refused, Sent, Waits};
    for (gate, by_send, by_do_send) in [
        (OPEN, Sent, Sent),
        (FULL, Waits, Sent),
        (Gate::CarryOver, CarriedOver, CarriedOver),
        (Gate::Waiting, Waits, Waits),
        (Gate::Closed, Refused(SendErrorKind::NotConnected), Refused(SendErrorKind::NotConnected)),
    ] {
        let mut rig = Rig::new(0);
        let mut reply = Awaiting::new(rig.queues.enqueue_all(group(&["a", "b"])));
        rig.advance(gate);
        let outcome = rig.outcome();
        assert_eq!(reply.answer().is_some(), matches!(outcome, Sent | CarriedOver), "{gate:?}");
        assert_eq!(outcome, by_send, "{gate:?}");

        let mut rig = Rig::new(0);
        do_send(rig.queues.enqueue_all(group(&["a", "b"])));
        rig.advance(gate);
        assert_eq!(rig.outcome(), by_do_send, "{gate:?}");
    }
}

#[test]
fn a_group_is_carried_over_withdrawn_and_refused_as_a_whole() {
    let mut rig = Rig::new(1000);
    rig.take_back(Outgoing::Group(group(&["a", "b"])), Interrupted::default());
    assert_eq!(rig.queues.end_session(true), []);
    drop(Awaiting::new(rig.queues.enqueue_all(group(&["withdrawn", "too"]))));
    let mut awaited = Awaiting::new(rig.queues.enqueue_all(group(&["c", "d"])));
    do_send(rig.queues.enqueue_all(group(&["e", "f"])));
    assert_eq!(rig.queues.waiting(), (6, 6));
    let refused = |outgoing: Outgoing| Err(outgoing.rejected(SendErrorKind::NotRepresentable));
    while rig.queues.advance(OPEN, refused) {}
    let error = |texts: &[&str]| SendAllError { kind: SendErrorKind::NotRepresentable, data: group(texts) };
    assert_eq!(
        rig.queues.take_rejected(),
        [&["a", "b"], &["e", "f"]].map(|texts| Rejected::Group(error(texts)))
    );
    assert_eq!(awaited.answer(), Some(Err(error(&["c", "d"]))));
}

fn group(texts: &[&str]) -> Vec<Data> {
    texts.iter().map(|text| Data::from(*text)).collect()
}

#[test]
fn the_entries_up_to_the_last_message_that_nobody_awaits_are_counted_without_withdrawn_ones() {
    let mut rig = Rig::new(0);
    assert_eq!(rig.queues.unawaited(), 0);
    let _first = rig.send("a");
    assert_eq!(rig.queues.unawaited(), 0, "its reply is awaited");
    drop(rig.send("withdrawn"));
    rig.do_send("b");
    rig.do_send("c");
    let _last = rig.send("d");
    assert_eq!(rig.queues.unawaited(), 3, "a, b, c");
    assert!(rig.queues.is_awaited());
}
