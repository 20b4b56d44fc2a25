//! The servers of the matrix: their names, how they are started, and how they differ.

use std::{env, process::Command, time::Duration};

use actix_engineio::{ProtocolVersion, TransportKind};
use serde_json::{Value, json};

use crate::{
    install::{self, NODE, PYTHON, PYTHON_3},
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
    EngineIo6As3,
    EngineIo5As3,
    EngineIo4As3,
    EngineIo3,
    SocketIo2,
    Aiohttp3,
}

impl Peer {
    pub(crate) const ALL: [Self; 15] = [
        Self::EngineIo6,
        Self::EngineIo5,
        Self::SocketIo,
        Self::Aiohttp,
        Self::Uvicorn,
        Self::Werkzeug,
        Self::Gunicorn,
        Self::Hyper,
        Self::Axum,
        Self::EngineIo6As3,
        Self::EngineIo5As3,
        Self::EngineIo4As3,
        Self::EngineIo3,
        Self::SocketIo2,
        Self::Aiohttp3,
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
            Self::EngineIo6As3 => "engine.io 6 with allowEIO3, in protocol 3",
            Self::EngineIo5As3 => "engine.io 5 with allowEIO3, in protocol 3",
            Self::EngineIo4As3 => "engine.io 4 with allowEIO3, in protocol 3",
            Self::EngineIo3 => "engine.io 3",
            Self::SocketIo2 => "socket.io 2",
            Self::Aiohttp3 => "python-engineio 3 on aiohttp",
        }
    }

    /// The program or package that it needs and that is missing.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Aiohttp | Self::Uvicorn | Self::Werkzeug | Self::Gunicorn => PYTHON.as_ref().err().cloned(),
            Self::Aiohttp3 => PYTHON_3.as_ref().err().cloned(),
            // It is part of this program.
            Self::Hyper | Self::Axum => None,
            _ => NODE.as_ref().err().cloned(),
        }
    }

    /// Starts it with `settings`: `options` has the names of engine.io; `refuse` refuses every session; `keep` collects
    /// messages instead of sending them back, and reports them at the end.
    pub(crate) fn start(self, mut settings: Value) -> Server {
        let (program, name, value) = match self {
            Self::EngineIo6 => ("engineio.cjs", "package", "engine.io"),
            Self::EngineIo6As3 => ("engineio.cjs", "package", "engine.io"),
            Self::EngineIo5 | Self::EngineIo5As3 => ("engineio.cjs", "package", "engine.io-5"),
            Self::EngineIo4As3 => ("engineio.cjs", "package", "engine.io-4"),
            Self::EngineIo3 => ("engineio.cjs", "package", "engine.io-3"),
            Self::SocketIo => ("socketio.cjs", "package", "socket.io"),
            Self::SocketIo2 => ("socketio.cjs", "package", "socket.io-2"),
            Self::Aiohttp | Self::Aiohttp3 => ("asynchronous.py", "mode", "aiohttp"),
            Self::Uvicorn => ("asynchronous.py", "mode", "asgi"),
            Self::Werkzeug => ("threads.py", "mode", "threading"),
            Self::Gunicorn => ("threads.py", "mode", "gunicorn"),
            Self::Hyper => (crate::OXIDE, "on", "hyper"),
            Self::Axum => (crate::OXIDE, "on", "axum"),
        };
        settings[name] = json!(value);
        if matches!(self, Self::EngineIo6As3 | Self::EngineIo5As3 | Self::EngineIo4As3) {
            settings["options"]["allowEIO3"] = json!(true);
        }
        let mut command = if program.ends_with(".cjs") {
            let (node, packages) = NODE.as_ref().expect("it was looked for");
            let mut command = Command::new(node);
            command.env("NODE_PATH", packages).arg(install::sources().join(program));
            command
        } else if program.ends_with(".py") {
            let python = if self == Self::Aiohttp3 { &PYTHON_3 } else { &PYTHON };
            let mut command = Command::new(python.as_ref().expect("it was looked for"));
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
        if self.is_socket_io() { "socket.io" } else { "engine.io" }
    }

    pub(crate) fn is_socket_io(self) -> bool {
        matches!(self, Self::SocketIo | Self::SocketIo2)
    }

    /// The version in which these tests speak with it.
    pub(crate) fn protocol(self) -> ProtocolVersion {
        match self {
            Self::EngineIo6As3 | Self::EngineIo5As3 | Self::EngineIo4As3 => ProtocolVersion::V3,
            _ if self.speaks_only_3() => ProtocolVersion::V3,
            _ => ProtocolVersion::V4,
        }
    }

    /// Whether it reads only the part of a POST that has already arrived: see the deviation `cut_post`.
    pub(crate) fn cuts_posts(self) -> bool {
        matches!(self, Self::Aiohttp | Self::Aiohttp3)
    }

    pub(crate) fn speaks_only_3(self) -> bool {
        matches!(self, Self::EngineIo3 | Self::SocketIo2 | Self::Aiohttp3)
    }

    pub(crate) fn is_node(self) -> bool {
        !self.is_python() && !self.is_oxide()
    }

    pub(crate) fn is_python(self) -> bool {
        matches!(self, Self::Aiohttp | Self::Uvicorn | Self::Werkzeug | Self::Gunicorn | Self::Aiohttp3)
    }

    pub(crate) fn is_oxide(self) -> bool {
        matches!(self, Self::Hyper | Self::Axum)
    }

    /// Whether its open packet has a `maxPayload`.
    pub(crate) fn has_max_payload(self) -> bool {
        !self.speaks_only_3() && !matches!(self, Self::EngineIo5 | Self::EngineIo5As3 | Self::EngineIo4As3)
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
