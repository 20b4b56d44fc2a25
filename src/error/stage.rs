//! What a time limit was waiting for.

use std::fmt;

/// What the client was waiting for when a time limit ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The lookup of the host's addresses.
    Resolve,
    /// The connection to the server: TCP, the proxy, the unix socket, or the application's own connector.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The writing of a request.
    Request,
    /// The head of a response.
    Response,
    /// The body of a response.
    Body,
    /// The rest of a message over WebSocket.
    Frame,
    /// The open packet, after the transport was connected.
    Open,
    /// The server's answer to the probe of an upgrade, or the end of the last requests over polling after it.
    Probe,
    /// The writing of a batch of packets.
    Write,
    /// The `before_connect` hook.
    Hook,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up the host",
            Self::Connect => "connecting",
            Self::Tls => "during the TLS handshake",
            Self::Request => "sending a request",
            Self::Response => "waiting for a response",
            Self::Body => "reading the body of a response",
            Self::Frame => "reading a message",
            Self::Open => "waiting for the open packet",
            Self::Probe => "waiting for the answer to the probe, or for the end of the last poll",
            Self::Write => "writing",
            Self::Hook => "waiting for the before_connect hook",
        })
    }
}
