//! The state and the figures of the connection. Whoever asks for them does not wait for the client: a subscriber writes the
//! state, and the client itself the figures, to memory that the routes read.

use std::{
    fmt::Write as _,
    sync::{Arc, PoisonError, RwLock},
};

use actix_engineio::{Event, EventKind, Metrics, Subscribe, subscriber};
use serde::Serialize;

/// Shared by the client, the subscriber and the routes.
#[derive(Clone, Default)]
pub(crate) struct Telemetry {
    metrics: Metrics,
    health: Arc<RwLock<Health>>,
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
    /// For the option of the client with this name.
    pub(crate) fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// A small actor on the current arbiter that records the state. It gets no messages.
    pub(crate) fn subscribe(&self) -> Subscribe {
        let telemetry = self.clone();
        let recipient = subscriber(move |event| telemetry.record(&event));
        let kinds = [
            EventKind::Connected,
            EventKind::Upgraded,
            EventKind::Disconnected,
            EventKind::Reconnecting,
            EventKind::ReconnectFailed,
        ];
        Subscribe::new(recipient).only(kinds).name("telemetry")
    }

    pub(crate) fn record(&self, event: &Event) {
        let mut health = self.health.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Connected(session) => {
                health.connected = true;
                health.transport = Some(session.transport.as_str());
            }
            Event::Upgraded(transport) => health.transport = Some(transport.as_str()),
            Event::Disconnected(_) => {
                health.connected = false;
                health.transport = None;
            }
            Event::Reconnecting(next) => health.last_error = Some(next.cause.to_string()),
            Event::ReconnectFailed(err) => health.last_error = Some(err.to_string()),
            _ => {}
        }
    }

    pub(crate) fn health(&self) -> Health {
        self.health.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The figures in the text format of Prometheus.
    pub(crate) fn prometheus(&self) -> String {
        let now = self.metrics.snapshot();
        let mut text = Text::default();
        text.add("connected", "gauge", "Sessions that are open.", now.connected);
        for (name, help, value) in [
            ("sessions_total", "Sessions that were opened.", now.sessions),
            ("attempts_failed_total", "Attempts to connect that failed.", now.attempts_failed),
            ("upgrades_total", "Sessions that moved to WebSocket.", now.upgrades),
            ("upgrades_failed_total", "Upgrades that failed.", now.upgrades_failed),
            ("messages_received_total", "Messages of the server.", now.messages_received),
            ("messages_sent_total", "Messages to the server.", now.messages_sent),
            ("bytes_received_total", "Bytes of data in messages of the server.", now.bytes_received),
            ("bytes_sent_total", "Bytes of data in messages to the server.", now.bytes_sent),
            ("wire_bytes_received_total", "Bytes that were read from connections.", now.wire_bytes_received),
            ("wire_bytes_sent_total", "Bytes that were written to connections.", now.wire_bytes_sent),
            ("rejected_total", "Messages that came back as rejected.", now.rejected),
            ("unsent_total", "Messages that a lost session had not sent.", now.unsent),
            ("in_doubt_total", "Messages that a lost session may have sent.", now.in_doubt),
        ] {
            text.add(name, "counter", help, value);
        }
        let stopped = now.back_pressure.as_secs_f64();
        text.add("back_pressure_seconds_total", "counter", "Time without reading.", stopped);
        if let Some(time) = now.smoothed_round_trip {
            text.add("round_trip_seconds", "gauge", "Smoothed round trip.", time.as_secs_f64());
        }
        text.add_ended(now.sessions_ended());
        text.0
    }
}

/// Writing to a `String` cannot fail, so the results are ignored.
#[derive(Default)]
struct Text(String);

impl Text {
    fn add(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        let name = format!("engineio_client_{name}");
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    }

    fn add_ended(&mut self, ended: impl Iterator<Item = (&'static str, u64)>) {
        let name = "engineio_client_sessions_ended_total";
        let _ = write!(self.0, "# HELP {name} Sessions that have ended.\n# TYPE {name} counter\n");
        for (reason, count) in ended {
            let _ = writeln!(self.0, "{name}{{reason=\"{reason}\"}} {count}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_engineio::{
        ConnectError, DisconnectReason, Disconnected, HttpStatus, ReconnectCause, Reconnecting, Session,
        TransportKind,
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
    }

    #[test]
    fn all_figures_of_the_client_are_lines_of_text() {
        let text = Telemetry::default().prometheus();
        for line in [
            "engineio_client_connected 0",
            "engineio_client_sessions_total 0",
            "engineio_client_sessions_ended_total{reason=\"ping timeout\"} 0",
            "engineio_client_back_pressure_seconds_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
