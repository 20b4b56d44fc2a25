//! What the clients send, and when.

use std::time::Duration;

/// The start of each message. What follows is the time at which it was sent.
const MARK: &str = "swarm ";

/// The messages of the clients, as text of Engine.IO or as events of Socket.IO.
#[derive(Debug, Clone)]
pub(crate) struct Wording {
    /// The text around a message: nothing, or a Socket.IO event with one argument.
    before: String,
    after: &'static str,
    /// The length of a message, without the text around it.
    bytes: usize,
}

impl Wording {
    pub(crate) fn plain(bytes: usize) -> Self {
        Self { before: String::new(), after: "", bytes }
    }

    /// An event packet (Socket.IO protocol, "Packet encoding"): `42/namespace,["event","argument"]`, in which Engine.IO adds
    /// the 4.
    pub(crate) fn event(namespace: &str, event: &str, bytes: usize) -> Self {
        let event = serde_json::Value::from(event);
        Self { before: format!("2{}[{event},\"", prefix(namespace)), after: "\"]", bytes }
    }

    /// The message that is sent at this time since the start.
    pub(crate) fn message(&self, now: Duration) -> String {
        let stamp = format!("{MARK}{} ", now.as_nanos());
        let Self { before, after, bytes } = self;
        format!("{before}{stamp:.<bytes$}{after}")
    }
}

/// The packet that connects a Socket.IO client to a namespace.
pub(crate) fn connect(namespace: &str) -> String {
    format!("0{}", prefix(namespace))
}

/// Whether a message says that the server has connected the client to a namespace (`Ok`), or has refused it (`Err`).
pub(crate) fn answer(message: &str) -> Option<Result<(), ()>> {
    match message.as_bytes().first()? {
        b'0' => Some(Ok(())),
        b'4' => Some(Err(())),
        _ => None,
    }
}

/// The time at which a message was sent that came back, if it is one.
pub(crate) fn sent_at(message: &str) -> Option<Duration> {
    let (_, stamp) = message.split_once(MARK)?;
    let (nanos, _) = stamp.split_once(' ')?;
    nanos.parse().ok().map(Duration::from_nanos)
}

/// The namespace of a packet. That of the main one is not written.
fn prefix(namespace: &str) -> String {
    let name = namespace.trim_start_matches('/');
    if name.is_empty() { String::new() } else { format!("/{name},") }
}

/// Messages at a constant rate.
#[derive(Debug)]
pub(crate) struct Pace {
    per_second: u32,
    sent: u64,
}

impl Pace {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second, sent: 0 }
    }

    /// The number of messages to send now, this long after the start.
    pub(crate) fn due(&mut self, elapsed: Duration) -> u64 {
        let all = (elapsed.as_secs_f64() * f64::from(self.per_second)) as u64;
        let due = all.saturating_sub(self.sent);
        self.sent += due;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_length_and_says_when_it_was_sent() {
        let now = Duration::from_nanos(1_234_567);
        let message = Wording::plain(32).message(now);
        assert_eq!((message.len(), sent_at(&message)), (32, Some(now)));
        assert_eq!(sent_at(&Wording::plain(0).message(now)), Some(now), "the time is always there");
        for other in ["", "swarm", "swarm 1", "swarm x ", "hello"] {
            assert_eq!(sent_at(other), None);
        }
    }

    #[test]
    fn an_event_is_a_packet_of_socketio() {
        let now = Duration::from_nanos(7);
        let message = Wording::event("/", "say \"hi\"", 10).message(now);
        assert_eq!(message, r#"2["say \"hi\"","swarm 7 .."]"#);
        assert_eq!(sent_at(&message), Some(now));
        assert_eq!(Wording::event("/chat", "m", 8).message(now), r#"2/chat,["m","swarm 7 "]"#);
        assert_eq!((connect("/"), connect("/chat")), ("0".to_owned(), "0/chat,".to_owned()));
        assert_eq!(answer(r#"0{"sid":"x"}"#), Some(Ok(())));
        assert_eq!(answer(r#"4{"message":"no"}"#), Some(Err(())));
        assert_eq!(answer(&message), None);
    }

    #[test]
    fn the_pace_is_constant_however_often_it_is_asked() {
        for every in [1, 7, 100, 2_500] {
            let mut pace = Pace::new(1_000);
            let sent: u64 =
                (0..=10_000 / every).map(|tick| pace.due(Duration::from_millis(tick * every))).sum();
            assert_eq!(sent, 10_000 / every * every, "every {every} ms");
        }
    }
}
