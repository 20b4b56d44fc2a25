//! The steps of a script in the terms of the protocol.

use std::{fmt, io, net::Shutdown, time::Duration};

use super::server::{Acceptor, PATIENCE, Peer, Received};

/// The id of every session of these tests.
pub(crate) const SID: &str = "lv_VI97HAXpY6yYWAAAC";

/// The open packet.
#[derive(Clone, Copy)]
pub(crate) struct Open {
    upgrades: &'static str,
    ping_interval: u128,
    ping_timeout: u128,
    max_payload: usize,
}

/// An open packet that offers no upgrade.
pub(crate) const OPEN: Open =
    Open { upgrades: "", ping_interval: 25_000, ping_timeout: 20_000, max_payload: 1_000_000 };

/// An open packet that offers the upgrade to WebSocket.
pub(crate) const UPGRADABLE: Open = Open { upgrades: r#""websocket""#, ..OPEN };

impl Open {
    pub(crate) const fn ping(self, interval: Duration, timeout: Duration) -> Self {
        Self { ping_interval: interval.as_millis(), ping_timeout: timeout.as_millis(), ..self }
    }

    pub(crate) fn max_payload(self, max_payload: usize) -> Self {
        Self { max_payload, ..self }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { upgrades, ping_interval, ping_timeout, max_payload } = self;
        write!(f, r#"0{{"sid":"{SID}","upgrades":[{upgrades}],"pingInterval":{ping_interval},"#)?;
        write!(f, r#""pingTimeout":{ping_timeout},"maxPayload":{max_payload}}}"#)
    }
}

impl Acceptor {
    /// Refuses every connection from here on.
    pub(crate) fn stops_listening(&self) {
        socket2::SockRef::from(&self.listener).shutdown(Shutdown::Both).unwrap();
    }

    /// Answers the handshake of a session over polling, and returns the connection of its polls.
    pub(crate) fn answers_handshake(&self, body: impl fmt::Display) -> Peer {
        let mut get = self.accept();
        get.handshake();
        get.packets(body);
        get
    }

    /// Opens a session over polling, and returns the connection of its polls, with the first one to be answered.
    pub(crate) fn opens(&self, body: impl fmt::Display) -> Peer {
        let mut get = self.answers_handshake(body);
        get.poll();
        get
    }

    /// Opens a session over polling, and returns the connection of its polls, with the first one to be answered, and that
    /// of its POSTs.
    pub(crate) fn opens_both(&self, body: impl fmt::Display) -> (Peer, Peer) {
        let get = self.opens(body);
        (get, self.accept())
    }

    /// Opens a session over polling, and answers the probe of its upgrade. Returns the connection of the polls, with one to
    /// be answered before the client sends the upgrade packet, and the WebSocket.
    pub(crate) fn pauses(&self, open: impl fmt::Display) -> (Peer, Peer) {
        let get = self.opens(open);
        let mut ws = self.accepts_probe();
        ws.answers_probe();
        (get, ws)
    }

    /// Opens a session over WebSocket.
    pub(crate) fn opens_websocket(&self, open: impl fmt::Display) -> Peer {
        let mut ws = self.accept();
        assert_eq!(ws.accept_websocket().sid(), None);
        ws.send_text(&open.to_string());
        ws
    }

    /// Accepts the WebSocket of an upgrade.
    pub(crate) fn accepts_probe(&self) -> Peer {
        let mut ws = self.accept();
        assert_eq!(ws.accept_websocket().sid(), Some(SID));
        ws
    }

    /// Upgrades a session over polling, with a poll to be answered, and returns the WebSocket.
    pub(crate) fn upgrades(&self, mut get: Peer) -> Peer {
        let mut ws = self.accepts_probe();
        ws.answers_probe();
        // The client pauses before it sends the upgrade packet: the poll has to be answered first.
        get.packets("6");
        ws.reads("5");
        get.expect_closed();
        ws
    }
}

impl Received {
    fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    pub(crate) fn sid(&self) -> Option<&str> {
        self.parameter("sid")
    }
}

impl Peer {
    /// Expects the first request of a session over polling.
    pub(crate) fn handshake(&mut self) -> Received {
        let request = self.read_request();
        assert_eq!((request.method.as_str(), request.sid()), ("GET", None));
        assert_eq!(request.parameter("transport"), Some("polling"));
        request
    }

    /// Expects a poll.
    pub(crate) fn poll(&mut self) -> Received {
        let request = self.read_request();
        assert_eq!((request.method.as_str(), request.sid()), ("GET", Some(SID)));
        assert_eq!(request.parameter("transport"), Some("polling"));
        request
    }

    /// Answers a poll.
    pub(crate) fn packets(&mut self, body: impl fmt::Display) {
        self.respond(200, &[("content-type", "text/plain; charset=UTF-8")], body.to_string());
    }

    /// Expects a POST, and returns its packets.
    pub(crate) fn post(&mut self) -> String {
        let request = self.read_request();
        assert_eq!((request.method.as_str(), request.sid()), ("POST", Some(SID)));
        assert_eq!(request.parameter("transport"), Some("polling"));
        assert!(!request.body.is_empty(), "an empty POST ends the session");
        String::from_utf8(request.body).unwrap()
    }

    /// Expects a POST of these packets.
    pub(crate) fn posts(&mut self, packets: &str) {
        assert_eq!(self.post(), packets);
    }

    /// Expects a POST of these packets, and accepts it.
    pub(crate) fn accepts(&mut self, packets: &str) {
        self.posts(packets);
        self.ok();
    }

    /// Accepts a POST. The client may use the connection for the next one.
    pub(crate) fn ok(&mut self) {
        let headers =
            [("content-type", "text/html"), ("connection", "keep-alive"), ("keep-alive", "timeout=60")];
        self.respond(200, &headers, "ok");
    }

    /// Expects a text frame.
    pub(crate) fn reads(&mut self, packet: &str) {
        let (opcode, payload) = self.read_frame();
        assert_eq!((opcode, String::from_utf8_lossy(&payload).as_ref()), (1, packet));
    }

    /// Expects a close frame with this code.
    pub(crate) fn reads_close(&mut self, code: u16) {
        assert_eq!(self.read_frame(), (8, code.to_be_bytes().to_vec()));
    }

    /// Answers the probe, and returns when the client has read the answer.
    pub(crate) fn answers_probe(&mut self) {
        self.reads("2probe");
        // A ping follows in the same segment: its pong shows that the answer was read.
        self.write(b"\x81\x063probe\x89\x00");
        assert_eq!(self.read_frame(), (10, Vec::new()));
    }

    /// Expects that the client sends nothing for so long, and does not close.
    pub(crate) fn stays_silent(&mut self, time: Duration) {
        assert_eq!(String::from_utf8_lossy(&self.buffer), "");
        self.stream.set_read_timeout(Some(time)).unwrap();
        let err = self.stream.peek(&mut [0]).map(|length| if length == 0 { "it closes" } else { "it sends" });
        assert_eq!(err.map_err(|err| err.kind()), Err(io::ErrorKind::WouldBlock));
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    /// Expects that the client closes without sending anything more.
    pub(crate) fn expect_closed(self) {
        assert_eq!(String::from_utf8_lossy(&self.wait_closed()), "");
    }

    /// Answers a poll with a close packet, and expects that the client closes the connection.
    pub(crate) fn ends_session(mut self) {
        self.packets("1");
        self.expect_closed();
    }
}
