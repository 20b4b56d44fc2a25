//! The lines of the log from which an operator learns what a client does and why.
//!
//! There is one line at `info` for each connect, each upgrade and each disconnect by the application, and one at `warn` for
//! each lost session, each failed attempt of the policy, each wait for subscribers and each end of the policy, and about messages
//! that come back to nobody or are not sent because the client is stopped.

use std::{sync::Arc, time::Duration};

use super::{event::Disconnected, message::SubscriptionId, reconnect::Reconnecting, subscribers::Behind};
use crate::{
    client::reconnect::ReconnectCause,
    error::{ConnectError, DisconnectReason},
    protocol::{
        handshake::{MAX_INTERVAL, Session, TransportKind},
        version::ProtocolVersion,
    },
};

const TARGET: &str = "actix_engineio::client";

/// A session was opened at this URL, which has no secrets.
pub(super) fn opened(session: &Session, url: &str) {
    // Nearly every session speaks version 4.
    let protocol = match session.protocol {
        ProtocolVersion::V4 => "",
        ProtocolVersion::V3 => " in protocol 3",
    };
    log::info!(target: TARGET, "connected over {} to {url}{protocol}{}", session.transport, compression(session));
    if session.ping_interval.max(session.ping_timeout) >= MAX_INTERVAL {
        log::warn!(target: TARGET, "the heartbeat's intervals are cut at 24 hours");
    }
}

pub(super) fn upgraded(kind: TransportKind, session: Option<&Session>) {
    log::info!(target: TARGET, "upgraded to {kind}{}", session.map(compression).unwrap_or_default());
}

/// What the server has agreed to, behind a comma.
fn compression(session: &Session) -> String {
    session.websocket_compression.map(|agreed| format!(", {agreed}")).unwrap_or_default()
}

/// The first WebSocket ping of a session was not answered in time.
pub(super) fn pings_unanswered() {
    log::warn!(
        target: TARGET,
        "the server does not answer WebSocket pings: they show neither that it is alive nor what it has received"
    );
}

/// A session has ended. `behind`: the subscriber with the most events to handle, if it has too many.
pub(super) fn closed(end: &Disconnected, behind: Option<&Behind>) {
    match &end.reason {
        reason @ DisconnectReason::Client(_) => {
            log::info!(target: TARGET, "disconnected: {reason}{}", returned(end));
        }
        reason @ DisconnectReason::Stalled => {
            let behind = behind.map(|behind| format!(", {}", backlog(behind))).unwrap_or_default();
            log::warn!(target: TARGET, "disconnected: {reason}{behind}{}", returned(end));
        }
        reason => log::warn!(target: TARGET, "disconnected: {reason}{}", returned(end)),
    }
}

/// The numbers of messages that `Disconnected` returns, behind a comma.
fn returned(end: &Disconnected) -> String {
    match (end.unsent.len(), end.in_doubt.len()) {
        (0, 0) => String::new(),
        (unsent, in_doubt) => format!(", messages not sent: {unsent}, in doubt: {in_doubt}"),
    }
}

pub(super) fn reconnecting(next: &Reconnecting) {
    let level = match next.cause {
        // There was a line about it.
        ReconnectCause::Lost(_) => log::Level::Debug,
        ReconnectCause::Failed(_) => log::Level::Warn,
    };
    let Reconnecting { attempt, delay, cause } = next;
    log::log!(target: TARGET, level, "connecting again in {delay:?}, attempt {attempt}: {cause}");
}

/// The client was stopped with its arbiter, and so many messages waited, or were being written.
pub(super) fn stopped_before_sending(messages: usize) {
    log::warn!(
        target: TARGET,
        "the client is stopped before it has sent everything, messages that waited: {messages}; end a program with Disconnect or Flush"
    );
}

/// So many messages came back, and nobody knows of it.
pub(super) fn messages_unseen(messages: usize) {
    log::warn!(
        target: TARGET,
        "messages came back, and no subscriber takes them: {messages}; subscribe to Disconnected, Rejected and RejectedAll"
    );
}

/// The client has not read for a while, because of this subscriber.
pub(super) fn not_reading(behind: &Behind, since: Duration) {
    log::warn!(target: TARGET, "not reading from the server for {since:.1?}: {}", backlog(behind));
}

fn backlog(behind: &Behind) -> String {
    let Behind { subscriber: SubscriptionId(id), name, is_stream, bytes } = behind;
    let kind = if *is_stream { "event stream" } else { "subscriber" };
    let name = name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{kind} {id}{name} has not handled {bytes} bytes of events")
}

pub(super) fn subscribers_behind() {
    log::warn!(
        target: TARGET,
        "the next attempt to connect waits for a subscriber that does not handle its events"
    );
}

/// No other attempt follows.
pub(super) fn reconnect_failed(err: &ConnectError) {
    match err {
        ConnectError::Cancelled | ConnectError::Stopped => {
            log::info!(target: TARGET, "not connecting again: {err}");
        }
        err => log::warn!(target: TARGET, "giving up: {err}"),
    }
}

/// The URL of a `Connect` has a path that is not used. It is not shown, since it may be a secret; `url` has none.
pub(super) fn path_unused(url: &str) {
    log::warn!(
        target: TARGET,
        "the path of the URL is not used, requests go to {url}; set the path of Engine.IO with path(..)"
    );
}

/// A `Connect` is not even tried.
pub(super) fn connect_refused(err: &ConnectError) {
    log::debug!(target: TARGET, "connect refused: {err}");
}

/// Nobody awaits the reply of the `Connect` that was refused at once. That a client is connected already, or that the application
/// stops it, is worth no warning.
pub(super) fn connect_refused_unseen(outcome: Result<Arc<Session>, ConnectError>) {
    if let Err(err) = outcome
        && !matches!(err, ConnectError::AlreadyConnected)
        && !err.is_by_application()
    {
        log::warn!(target: TARGET, "a Connect was refused, and nobody awaits the reply: {err}");
    }
}

pub(super) fn connect_failed(err: &ConnectError) {
    log::debug!(target: TARGET, "connect failed: {err}");
}

/// Nobody awaits the reply of the `Connect` that failed with this error.
pub(super) fn connect_failed_unseen(err: &ConnectError) {
    log::warn!(target: TARGET, "gave up, and nobody awaits the reply: {err}");
}
