//! The state and the figures of the connection. Whoever asks for them does not wait for the client: they are in memory that
//! a subscriber writes to.

use std::{
    fmt::Write as _,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use actix::Recipient;
use actix_engineio::{Event, ReconnectCause, subscriber};
use serde::Serialize;

/// Shared by the subscriber and the routes.
#[derive(Clone, Default)]
pub(crate) struct Telemetry(Arc<Shared>);

#[derive(Default)]
struct Shared {
    health: RwLock<Health>,
    sessions_opened: AtomicU64,
    sessions_lost: AtomicU64,
    attempts_failed: AtomicU64,
    messages_received: AtomicU64,
    bytes_received: AtomicU64,
}

/// The state of the connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Health {
    pub(crate) connected: bool,
    pub(crate) transport: Option<&'static str>,
    /// The last failure. It stays when the client connects again.
    pub(crate) last_error: Option<String>,
}

impl Telemetry {
    /// A small actor on the current arbiter that records each event.
    pub(crate) fn subscriber(&self) -> Recipient<Event> {
        let telemetry = self.clone();
        subscriber(move |event| telemetry.record(&event))
    }

    fn record(&self, event: &Event) {
        let shared = &*self.0;
        match event {
            Event::Connected(session) => {
                shared.sessions_opened.fetch_add(1, Relaxed);
                self.change(|health| {
                    health.connected = true;
                    health.transport = Some(session.transport.as_str());
                });
            }
            Event::Upgraded(transport) => self.change(|health| health.transport = Some(transport.as_str())),
            Event::Message(data) => {
                shared.messages_received.fetch_add(1, Relaxed);
                shared.bytes_received.fetch_add(u64::try_from(data.len()).unwrap_or(u64::MAX), Relaxed);
            }
            Event::Disconnected(_) => self.change(|health| {
                health.connected = false;
                health.transport = None;
            }),
            Event::Reconnecting(next) => {
                let counter = match next.cause {
                    ReconnectCause::Lost(_) => &shared.sessions_lost,
                    _ => &shared.attempts_failed,
                };
                counter.fetch_add(1, Relaxed);
                self.change(|health| health.last_error = Some(next.cause.to_string()));
            }
            Event::ReconnectFailed(err) => self.change(|health| health.last_error = Some(err.to_string())),
            _ => {}
        }
    }

    fn change(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.0.health.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn health(&self) -> Health {
        self.0.health.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The figures in the text format of Prometheus.
    pub(crate) fn prometheus(&self) -> String {
        let shared = &*self.0;
        let mut text = String::new();
        let mut add = |name: &str, kind: &str, help: &str, value: u64| {
            let name = format!("engineio_client_{name}");
            // Writing to a `String` cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        };
        add("connected", "gauge", "Sessions that are open.", self.health().connected.into());
        for (name, help, counter) in [
            ("sessions_opened_total", "Sessions that were opened.", &shared.sessions_opened),
            ("sessions_lost_total", "Sessions that ended without a disconnect.", &shared.sessions_lost),
            ("attempts_failed_total", "Attempts to connect that failed.", &shared.attempts_failed),
            ("messages_received_total", "Messages of the server.", &shared.messages_received),
            ("bytes_received_total", "Bytes of data in these messages.", &shared.bytes_received),
        ] {
            add(name, "counter", help, counter.load(Relaxed));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_engineio::{
        ConnectError, DisconnectReason, Disconnected, HttpStatus, Reconnecting, Session, TransportKind,
    };

    use super::*;

    #[test]
    fn the_last_error_stays_when_the_client_is_connected_again() {
        let telemetry = Telemetry::default();
        let refused = || ConnectError::status("http://localhost/", HttpStatus::new(503));
        let reconnecting =
            |attempt, cause| Event::Reconnecting(Arc::new(Reconnecting::new(attempt, Duration::ZERO, cause)));
        for event in [
            Event::Connected(Arc::new(Session::new("sid", TransportKind::Polling))),
            Event::Upgraded(TransportKind::WebSocket),
            Event::Message("hello".into()),
            Event::Disconnected(Arc::new(Disconnected::new(DisconnectReason::PingTimeout))),
            reconnecting(1, ReconnectCause::Lost(DisconnectReason::PingTimeout)),
        ] {
            telemetry.record(&event);
        }
        let lost = Health { connected: false, transport: None, last_error: Some("ping timeout".to_owned()) };
        assert_eq!(telemetry.health(), lost);

        telemetry.record(&reconnecting(2, ReconnectCause::Failed(refused())));
        telemetry.record(&Event::Connected(Arc::new(Session::new("sid", TransportKind::WebSocket))));
        let connected =
            Health { connected: true, transport: Some("websocket"), last_error: Some(refused().to_string()) };
        assert_eq!(telemetry.health(), connected);

        let text = telemetry.prometheus();
        for line in [
            "engineio_client_connected 1",
            "engineio_client_sessions_opened_total 2",
            "engineio_client_sessions_lost_total 1",
            "engineio_client_attempts_failed_total 1",
            "engineio_client_messages_received_total 1",
            "engineio_client_bytes_received_total 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
