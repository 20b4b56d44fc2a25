//! Messages that are accepted, and the batches that go to the transports.

use std::time::{Duration, Instant};

use super::{
    Connection,
    batch::{Batch, BatchLimit},
    io::{Command, Limits, TransportId},
    open::Open,
    outgoing::{Outgoing, Rejected},
    queue::SendQueue,
    state::State,
    upgrade::{UPGRADE_NOT_WRITTEN, UpgradeStep},
};
use crate::{
    data::Data,
    error::{SendAllError, SendError, SendErrorKind},
    protocol::{handshake::TransportKind, packet::Packet},
};

/// The size of a batch for a WebSocket. It is limited so that buffers stay in the processor's caches, and so that
/// answers to pings never wait for long. Each batch costs a system call, which many short messages share.
pub(super) const BATCH: BatchLimit = BatchLimit { packets: 1024, bytes: 256 << 10, encoding: None };

/// The weight from which on messages do not wait for more of them: larger batches are hardly cheaper. With the overhead of
/// each, these are at most 1024 messages.
const MAX_DEFERRED: usize = 64 << 10;

impl Connection {
    /// Accepts a message. It is sent, or comes back in `Closed` or as `Rejected`.
    #[inline(always)] // Otherwise each message would be moved once more.
    pub(crate) fn send(&mut self, data: Data) -> Result<(), SendError> {
        match &self.state {
            State::Open(open) if !open.is_closing() && data.len() < open.unchecked_len() => {
                self.queue.push(data);
                Ok(())
            }
            _ => self.send_checked(data),
        }
    }

    /// Accepts a message if the session can carry it.
    #[inline(never)] // Inlined, it would slow down every message over WebSocket.
    fn send_checked(&mut self, data: Data) -> Result<(), SendError> {
        let outcome = match &self.state {
            State::Open(open) if !open.is_closing() => open.check(&data, &self.limits),
            _ => Err(SendErrorKind::NotConnected),
        };
        match outcome {
            Ok(()) => self.queue.push(data),
            Err(kind) => return Err(SendError { kind, data }),
        }
        Ok(())
    }

    /// Accepts messages that are sent, or given back, as one.
    pub(crate) fn send_all(&mut self, group: Vec<Data>) -> Result<(), SendAllError> {
        let outcome = match &self.state {
            State::Open(open) if !open.is_closing() => {
                let mut unusual = group.iter().filter(|data| data.len() >= open.unchecked_len());
                unusual.try_for_each(|data| open.check(data, &self.limits))
            }
            _ => Err(SendErrorKind::NotConnected),
        };
        match outcome {
            Ok(()) => self.queue.push_group(group),
            Err(kind) => return Err(SendAllError { kind, data: group }),
        }
        Ok(())
    }

    /// Accepts a message or a group.
    pub(crate) fn send_outgoing(&mut self, outgoing: Outgoing) -> Result<(), Rejected> {
        match outgoing {
            Outgoing::One(data) => self.send(data).map_err(Rejected::One),
            Outgoing::Group(group) => self.send_all(group).map_err(Rejected::Group),
        }
    }

    /// No more bytes than `send_queue` wait to be written, or to be confirmed.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.weight() + self.queue.retained_weight() <= self.limits.send_queue
    }

    /// The last message has completed another batch, and the batch can be written now.
    pub(crate) fn has_batch(&self) -> bool {
        let is_whole = self.queue.ready().is_multiple_of(BATCH.packets) || self.queue.weight() >= BATCH.bytes;
        is_whole && self.may_write()
    }

    /// Messages wait that could be written now. They are few, nothing urgent is among them, and nobody waits until they are
    /// written. So they may wait a little for more of them.
    pub(crate) fn may_defer_write(&self) -> bool {
        let State::Open(open) = &self.state else { return false };
        let is_urgent = open.is_closing() || !open.confirmations.is_empty() || self.queue.has_heartbeats();
        let is_few = !self.queue.is_empty() && self.queue.weight() < MAX_DEFERRED;
        !is_urgent && is_few && self.may_write()
    }

    /// Gives the next batch to the transport, if it is free. Everything accepted since the last batch goes together.
    pub(super) fn write(&mut self, now: Instant) {
        if self.queue.is_empty() || !self.may_write() {
            return;
        }
        let State::Open(open) = &mut self.state else { return };
        if let Some(heartbeat) = open.liveness.heartbeat() {
            heartbeat.sent(now);
        }
        let (active, limit) = (open.active(), batch_limit(open, &self.queue, &self.limits));
        let Some(transport) = self.transports.get_mut(active) else { return };
        let batch = self.queue.next_batch(transport.writing.take_spare(), limit);
        let packets = transport.writing.start(now, batch);
        self.order(active, Command::Write(packets));
    }

    /// The transport of the session can be given a batch.
    fn may_write(&self) -> bool {
        let State::Open(open) = &self.state else { return false };
        let active = self.transports.get(open.active());
        !open.upgrade.blocks_writes() && active.is_some_and(|transport| transport.writing.is_free())
    }

    /// Writes a packet that does not go through the queue: a step of the upgrade, or the close of an unwanted
    /// session.
    pub(super) fn write_control(&mut self, now: Instant, id: TransportId, packet: Packet) {
        if let Some(transport) = self.transports.get_mut(id) {
            let packets = transport.writing.start(now, Batch::control(packet));
            self.order(id, Command::Write(packets));
        }
    }

    /// A transport has written its batch, or polling had it answered.
    pub(super) fn on_written(&mut self, now: Instant, id: TransportId, any_number: bool) {
        let Some(transport) = self.transports.get_mut(id) else { return };
        let Some(in_flight) = transport.writing.finish() else { return };
        let batch = in_flight.batch;
        let is_closing = batch.ends_with_close();
        self.queue.written(&batch, id.kind == TransportKind::Polling);
        self.counters.add_sent(batch.len(), batch.messages(), batch.bytes());
        let time = now.saturating_duration_since(in_flight.started);
        if id.kind == TransportKind::Polling {
            self.round_trip = Some(time);
        }
        let (messages, bytes, size) = (batch.messages(), batch.bytes(), batch.size());
        let written = Written { messages, bytes, size, time, any_number };
        transport.writing.recycle(batch);
        match &mut self.state {
            State::Open(open) if open.upgrade.probe_at(UpgradeStep::Switching) == Some(id) => {
                self.on_switched(now, id)
            }
            // The session has moved to a WebSocket that is closed already.
            State::Open(open) if open.upgrade.probe_at(UpgradeStep::Aborting) == Some(id) => {
                self.end_session(now, UPGRADE_NOT_WRITTEN.into());
            }
            State::Open(open) if open.active() == id => {
                written.note(now, open, &self.queue);
                // An answer to a ping that came while the close packet was written is not sent any more.
                if is_closing {
                    if id.kind == TransportKind::Polling {
                        // The answer to this POST confirms the messages in it, too.
                        self.ask(now);
                    }
                    self.on_close_sent(id);
                }
            }
            State::Ending(_) => self.on_written_while_ending(now),
            _ => {}
        }
        // At once, because the next report may be the end of the session.
        self.ask(now);
    }
}

/// A batch that the transport of the session has written.
struct Written {
    messages: usize,
    bytes: usize,
    /// The size of the POST.
    size: usize,
    time: Duration,
    any_number: bool,
}

impl Written {
    /// Passes on what the batch shows about the line and the server.
    #[inline]
    fn note(&self, now: Instant, open: &mut Open, queue: &SendQueue) {
        match open.kind() {
            TransportKind::Polling => {
                // That a WebSocket has taken bytes is no sign of life.
                open.liveness.post_answered(now);
                open.posted(self.size, self.time, self.any_number);
                open.upgrade.limit_pause(now);
            }
            TransportKind::WebSocket if self.messages > 0 => open.pings.wrote(now, self.bytes, queue.mark()),
            TransportKind::WebSocket => {}
        }
        open.liveness.written(now, || open.pings.transfer());
    }
}

fn batch_limit(open: &Open, queue: &SendQueue, limits: &Limits) -> BatchLimit {
    match open.kind() {
        TransportKind::WebSocket => BATCH,
        TransportKind::Polling => {
            let limit = open.post_limit(limits);
            BatchLimit { packets: limit.packets.min(queue.max_packets_per_post()), ..limit }
        }
    }
}
