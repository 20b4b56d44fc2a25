//! What goes over the wire, in the log: packets by type and size at `debug`, requests and the start of messages at
//! `trace`. The sid, headers and the values of the query are secrets, and never in it.

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

/// Characters or bytes of a message that are shown.
const EXCERPT: usize = 200;

/// What a transport was ordered.
pub(super) fn ordered(transport: TransportKind, command: &Command) {
    if let Command::Write(batch) = command {
        packets(transport, "sends", batch);
    }
}

/// What a transport tells. Once a batch, so that a log that is off costs nothing.
pub(super) fn told(transport: TransportKind, report: &ReportKind) {
    if !log_enabled!(target: TARGET, Level::Debug) {
        return;
    }
    match report {
        ReportKind::Packets { packets: batch, .. } => packets(transport, "received", batch),
        ReportKind::Opened { .. } => log::debug!(target: TARGET, "{transport} stands"),
        ReportKind::Moved(endpoint) => {
            log::debug!(target: TARGET, "{transport} is redirected to {}", endpoint.display_url());
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

fn packets(transport: TransportKind, way: &str, batch: &[Packet]) {
    if !log_enabled!(target: TARGET, Level::Debug) {
        return;
    }
    for packet in batch {
        log::debug!(target: TARGET, "{transport} {way} {}", Kind(packet));
        if let Packet::Message(data) = packet {
            log::trace!(target: TARGET, "{transport} {way} {}", Excerpt(data));
        }
    }
}

/// A packet without what it carries.
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

/// A request that is about to be sent.
pub(super) fn request(method: &Method, endpoint: &Endpoint, target: &str) {
    if log_enabled!(target: TARGET, Level::Trace) {
        let (_, query) = target.split_once('?').unwrap_or_default();
        log::trace!(target: TARGET, "{method} {}?{}", endpoint.display_url(), masked(query));
    }
}

/// A query whose values are not shown, but for those that tell nothing of the user.
fn masked(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some(("EIO" | "transport", _)) => pair.to_owned(),
        Some((name, _)) => format!("{name}=.."),
        None => "..".to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}
