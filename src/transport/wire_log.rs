//! The log of the wire: packets by type and size at `debug`, requests and the start of messages at `trace`.
//!
//! The sid, the values of headers and the values of the query are secrets and are never logged.

use std::fmt;

use actix_http::Method;
use log::{Level, log_enabled};

use crate::{
    data::Data,
    error::CloseWords,
    protocol::{
        connection::{CloseReason, Command, ReportKind},
        endpoint::Endpoint,
        handshake::TransportKind,
        packet::Packet,
    },
};

const TARGET: &str = "actix_engineio::transport";

/// The largest number of characters, or bytes, of a message that the log shows.
const EXCERPT: usize = 200;

/// Logs a command to a transport.
pub(super) fn command(transport: TransportKind, command: &Command) {
    match command {
        Command::Write(batch) => packets(transport, "sends", batch),
        Command::Ping(_) => log::debug!(target: TARGET, "{transport} sends a WebSocket ping"),
        _ => {}
    }
}

/// Logs a report of a transport. One check per batch finds out that the log is off.
pub(super) fn report(transport: TransportKind, report: &ReportKind) {
    if !log_enabled!(target: TARGET, Level::Debug) {
        return;
    }
    match report {
        ReportKind::Packets { packets: batch, .. } => packets(transport, "received", batch),
        ReportKind::Pong(_) => log::debug!(target: TARGET, "{transport} received a WebSocket pong"),
        ReportKind::Opened { .. } => log::debug!(target: TARGET, "{transport} is open"),
        ReportKind::Moved(endpoint) => {
            log::debug!(target: TARGET, "{transport} is redirected to {}", endpoint.display_url());
        }
        ReportKind::Answered(version) => {
            log::debug!(target: TARGET, "{transport} was answered in protocol {version}");
        }
        ReportKind::Closed(closed) => match &closed.reason {
            CloseReason::Ordered | CloseReason::Interrupted(_) => {
                log::debug!(target: TARGET, "{transport} is closed")
            }
            CloseReason::CloseFrame { code, reason } => {
                log::debug!(target: TARGET, "{transport} was closed by the server: {}", CloseWords(*code, reason));
            }
            CloseReason::Failed(err) => log::debug!(target: TARGET, "{transport} failed: {err}"),
        },
        _ => {}
    }
}

fn packets(transport: TransportKind, verb: &str, batch: &[Packet]) {
    if !log_enabled!(target: TARGET, Level::Debug) {
        return;
    }
    for packet in batch {
        log::debug!(target: TARGET, "{transport} {verb} {}", Kind(packet));
        if let Packet::Message(data) = packet {
            log::trace!(target: TARGET, "{transport} {verb} {}", Excerpt(data));
        }
    }
}

/// The type of a packet, and the size of a message.
struct Kind<'a>(&'a Packet);

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Packet::Open(_) => f.write_str("open"),
            Packet::Close => f.write_str("close"),
            Packet::Ping(_) => f.write_str("ping"),
            Packet::Pong(_) => f.write_str("pong"),
            Packet::Message(Data::Text(text)) => write!(f, "message, {} bytes of text", text.len()),
            Packet::Message(Data::Binary(bytes)) => write!(f, "message, {} bytes, binary", bytes.len()),
            Packet::Upgrade => f.write_str("upgrade"),
            Packet::Noop => f.write_str("noop"),
            Packet::Unknown(kind) => write!(f, "a packet of unknown type {kind}"),
        }
    }
}

/// The start of a message.
struct Excerpt<'a>(&'a Data);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Data::Text(text) => fmt::Debug::fmt(&text.chars().take(EXCERPT).collect::<String>(), f)?,
            Data::Binary(bytes) => fmt::Debug::fmt(&bytes.slice(..bytes.len().min(EXCERPT)), f)?,
        }
        if self.0.len() > EXCERPT { f.write_str("..") } else { Ok(()) }
    }
}

/// Logs a request that is about to be sent.
pub(super) fn request(method: &Method, endpoint: &Endpoint, target: &str) {
    if log_enabled!(target: TARGET, Level::Trace) {
        let (_, query) = target.split_once('?').unwrap_or_default();
        log::trace!(target: TARGET, "{method} {}?{}", endpoint.display_url(), masked(query));
    }
}

/// A query without its values, except those that say nothing about the user.
fn masked(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some(("EIO" | "transport", _)) => pair.to_owned(),
        Some((name, _)) => format!("{name}=.."),
        None => "..".to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}
