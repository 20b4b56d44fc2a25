//! The servers of the matrix: their names, how they are started, and how they differ.

use std::{env, process::Command, time::Duration};

use actix_engineio::TransportKind;
use serde_json::{Value, json};

use crate::{
    install::{self, NODE, PYTHON},
    server::Server,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    EngineIo6,
    EngineIo5,
    SocketIo,
    Aiohttp,
    Uvicorn,
    Werkzeug,
    Gunicorn,
    Hyper,
    Axum,
}

impl Peer {
    pub(crate) const ALL: [Self; 9] = [
        Self::EngineIo6,
        Self::EngineIo5,
        Self::SocketIo,
        Self::Aiohttp,
        Self::Uvicorn,
        Self::Werkzeug,
        Self::Gunicorn,
        Self::Hyper,
        Self::Axum,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EngineIo6 => "engine.io 6",
            Self::EngineIo5 => "engine.io 5",
            Self::SocketIo => "socket.io 4",
            Self::Aiohttp => "python-engineio 4 on aiohttp",
            Self::Uvicorn => "python-engineio 4 on uvicorn",
            Self::Werkzeug => "python-engineio 4 with threads on Werkzeug",
            Self::Gunicorn => "python-engineio 4 with threads on gunicorn",
            Self::Hyper => "engineioxide on hyper",
            Self::Axum => "engineioxide as an axum layer",
        }
    }

    /// The program or package that it needs and that is missing.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::EngineIo6 | Self::EngineIo5 | Self::SocketIo => NODE.as_ref().err().cloned(),
            Self::Aiohttp | Self::Uvicorn | Self::Werkzeug | Self::Gunicorn => PYTHON.as_ref().err().cloned(),
            // It is part of this program.
            Self::Hyper | Self::Axum => None,
        }
    }

    /// Starts it with `settings`: `options` has the names of engine.io; `refuse` refuses every session; `keep` collects
    /// messages instead of sending them back, and reports them at the end.
    pub(crate) fn start(self, mut settings: Value) -> Server {
        let (program, name, value) = match self {
            Self::EngineIo6 => ("engineio.cjs", "package", "engine.io"),
            Self::EngineIo5 => ("engineio.cjs", "package", "engine.io-5"),
            Self::SocketIo => ("socketio.cjs", "package", "socket.io"),
            Self::Aiohttp => ("asynchronous.py", "mode", "aiohttp"),
            Self::Uvicorn => ("asynchronous.py", "mode", "asgi"),
            Self::Werkzeug => ("threads.py", "mode", "threading"),
            Self::Gunicorn => ("threads.py", "mode", "gunicorn"),
            Self::Hyper => (crate::OXIDE, "on", "hyper"),
            Self::Axum => (crate::OXIDE, "on", "axum"),
        };
        settings[name] = json!(value);
        let mut command = if program.ends_with(".cjs") {
            let (node, packages) = NODE.as_ref().expect("it was looked for");
            let mut command = Command::new(node);
            command.env("NODE_PATH", packages).arg(install::sources().join(program));
            command
        } else if program.ends_with(".py") {
            let mut command = Command::new(PYTHON.as_ref().expect("it was looked for"));
            command.env("PYTHONDONTWRITEBYTECODE", "1").arg(install::sources().join(program));
            command
        } else {
            let mut command = Command::new(env::current_exe().expect("this program has a name"));
            command.arg(program);
            command
        };
        Server::start(command.arg(settings.to_string()))
    }

    pub(crate) fn path(self) -> &'static str {
        if self == Self::SocketIo { "socket.io" } else { "engine.io" }
    }

    pub(crate) fn is_node(self) -> bool {
        !self.is_python() && !self.is_oxide()
    }

    pub(crate) fn is_python(self) -> bool {
        matches!(self, Self::Aiohttp | Self::Uvicorn | Self::Werkzeug | Self::Gunicorn)
    }

    pub(crate) fn is_oxide(self) -> bool {
        matches!(self, Self::Hyper | Self::Axum)
    }

    /// Whether its open packet has a `maxPayload`.
    pub(crate) fn has_max_payload(self) -> bool {
        self != Self::EngineIo5
    }

    /// The shortest interval between pings that it can announce: python-engineio rounds it down to seconds.
    pub(crate) fn shortest_interval(self) -> Duration {
        if self.is_python() { Duration::from_secs(1) } else { Duration::from_millis(200) }
    }
}

/// The transport of a session, or the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Polling,
    WebSocket,
    Upgrade,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Polling, Self::WebSocket, Self::Upgrade];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
            Self::Upgrade => "polling with upgrade",
        }
    }

    pub(crate) fn transports(self) -> Vec<TransportKind> {
        match self {
            Self::Polling => vec![TransportKind::Polling],
            Self::WebSocket => vec![TransportKind::WebSocket],
            Self::Upgrade => vec![TransportKind::Polling, TransportKind::WebSocket],
        }
    }

    /// The transport that opens the session.
    pub(crate) fn first(self) -> TransportKind {
        if self == Self::WebSocket { TransportKind::WebSocket } else { TransportKind::Polling }
    }

    /// The transport that it has in the end.
    pub(crate) fn last(self) -> TransportKind {
        if self == Self::Polling { TransportKind::Polling } else { TransportKind::WebSocket }
    }
}
