//! The settings of a server.

use std::time::Duration;

use serde_json::json;

use super::{TestServer, session::Asked};
use crate::protocol::{handshake::TransportKind, version::ProtocolVersion};

/// What a server says and accepts.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) path: String,
    pub(super) sid: Option<String>,
    pub(super) ping_interval: Duration,
    pub(super) ping_timeout: Duration,
    pub(super) max_payload: usize,
    pub(super) protocols: Vec<ProtocolVersion>,
    pub(super) upgrades: Vec<TransportKind>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) limit: Duration,
}

impl Settings {
    /// The JSON of the open packet.
    pub(super) fn open_packet(&self, sid: &str, asked: Asked) -> String {
        let is_upgrade =
            |kind: &&TransportKind| **kind != asked.transport && asked.transport == TransportKind::Polling;
        let mut open = json!({
            "sid": sid,
            "upgrades": self.upgrades.iter().filter(is_upgrade).map(|kind| kind.as_str()).collect::<Vec<_>>(),
            "pingInterval": millis(self.ping_interval),
            "pingTimeout": millis(self.ping_timeout),
        });
        // Servers of protocol 3 do not say it.
        if let (ProtocolVersion::V4, Some(open)) = (asked.version, open.as_object_mut()) {
            open.insert("maxPayload".to_owned(), self.max_payload.into());
        }
        open.to_string()
    }
}

fn millis(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)
}

/// The settings of a [`TestServer`]. The defaults are those of the `engine.io` server.
///
/// ```
/// use std::time::Duration;
///
/// use actix_engineio::{Connect, EngineIoClient, testing::TestServer};
///
/// #[actix::main]
/// async fn main() {
///     let server = TestServer::builder()
///         .ping_interval(Duration::from_millis(300))
///         .ping_timeout(Duration::from_millis(200))
///         .max_payload(1_000)
///         .upgrades([])
///         .sid("lv_VI97HAXpY6yYWAAAC")
///         .path("events")
///         .header("set-cookie", "node=3; Path=/")
///         .limit(Duration::from_secs(5))
///         .start();
///     let client = EngineIoClient::builder().path("events").start();
///     let session = client.send(Connect::new(server.url())).await.unwrap().unwrap();
///     assert_eq!(session.max_payload, Some(1_000));
///     assert_eq!(session.sid, "lv_VI97HAXpY6yYWAAAC");
/// }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TestServerBuilder {
    settings: Settings,
}

impl TestServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings {
                path: "/engine.io/".to_owned(),
                sid: None,
                ping_interval: Duration::from_secs(25),
                ping_timeout: Duration::from_secs(20),
                max_payload: 1_000_000,
                protocols: vec![ProtocolVersion::V4],
                upgrades: vec![TransportKind::WebSocket],
                headers: Vec::new(),
                limit: Duration::from_secs(60),
            },
        }
    }

    #[cfg(test)]
    pub(super) fn settings(self) -> Settings {
        self.settings
    }

    /// The time between two pings of the server. Default: 25 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.settings.ping_interval = interval;
        self
    }

    /// The time that the client has for the answer to a ping. Then the server ends the session. In protocol 3 the client sends
    /// the pings, and the session ends after `ping_interval + ping_timeout` without one. Default: 20 s.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.settings.ping_timeout = timeout;
        self
    }

    /// The largest POST, and the largest message over WebSocket, in bytes. The server ends a session that exceeds it.
    /// Default: 1,000,000.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.settings.max_payload = bytes;
        self
    }

    /// The versions of the protocol that the server speaks. It refuses others with the status 400 and the code 5. Default:
    /// protocol 4.
    ///
    /// ```
    /// use actix_engineio::{Connect, EngineIoClient, Protocol, ProtocolVersion, testing::TestServer};
    ///
    /// #[actix::main]
    /// async fn main() {
    ///     let server = TestServer::builder().protocols([ProtocolVersion::V3]).start();
    ///     let client = EngineIoClient::builder().protocol(Protocol::Any).start();
    ///     let session = client.send(Connect::new(server.url())).await.unwrap().unwrap();
    ///     assert_eq!(session.protocol, ProtocolVersion::V3);
    /// }
    /// ```
    pub fn protocols(mut self, protocols: impl IntoIterator<Item = ProtocolVersion>) -> Self {
        self.settings.protocols = protocols.into_iter().collect();
        self
    }

    /// The transports that a session over polling may be upgraded to. Default: WebSocket. `[]`: none, so the session
    /// stays on polling.
    pub fn upgrades(mut self, upgrades: impl IntoIterator<Item = TransportKind>) -> Self {
        self.settings.upgrades = upgrades.into_iter().collect();
        self
    }

    /// The id of every session. Default: `test-session-1`, `test-session-2` and so on.
    pub fn sid(mut self, sid: impl Into<String>) -> Self {
        self.settings.sid = Some(sid.into());
        self
    }

    /// The path that the server answers at, without slashes around it. At other paths the status is 404. Default:
    /// `engine.io`, which is also the client's.
    pub fn path(mut self, path: impl AsRef<str>) -> Self {
        self.settings.path = format!("/{}/", path.as_ref().trim_matches('/'));
        self
    }

    /// A header of every response that opens a session, such as `set-cookie`. May be called several times. Default: none.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.headers.push((name.into(), value.into()));
        self
    }

    /// The longest time of one wait of the server and of its peers, after which the test fails. Some methods wait several
    /// times. Default: 60 s, by tokio's clock: a test that has paused the clock does not wait that long.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.settings.limit = limit;
        self
    }

    /// Starts the server on a free port of the loopback interface, which serves in-memory connections too.
    ///
    /// # Panics
    /// Outside of an actix system or another tokio `LocalSet`, and if no port can be opened.
    #[track_caller]
    pub fn start(self) -> TestServer {
        TestServer::on_a_port(self.settings)
    }

    /// Starts the server without any port. Only a client with its [`connector`](TestServer::connector) reaches it.
    ///
    /// # Panics
    /// Outside of an actix system or another tokio `LocalSet`.
    #[track_caller]
    pub fn in_memory(self) -> TestServer {
        TestServer::without_a_port(self.settings)
    }
}
