//! The batch that a transport is writing.

use std::{mem, sync::Arc, time::Instant};

use super::{
    batch::{Batch, MAX_CAPACITY},
    liveness::Liveness,
};
use crate::protocol::packet::Packet;

/// The writing side of a transport: at most one batch at a time.
#[derive(Debug, Default)]
pub(super) struct Writing {
    in_flight: Option<InFlight>,
    /// An emptied batch, to be filled again.
    spare: Arc<Vec<Packet>>,
}

/// A batch that was given to a transport, and that the transport has not answered.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) batch: Batch,
    /// The time at which the batch was given to the transport.
    pub(super) started: Instant,
    /// The time of the last progress of the batch.
    progress: Instant,
}

impl InFlight {
    fn bytes(&self) -> u64 {
        u64::try_from(self.batch.bytes()).unwrap_or(u64::MAX)
    }
}

impl Writing {
    /// No batch is in flight.
    pub(super) fn is_free(&self) -> bool {
        self.in_flight.is_none()
    }

    /// The buffer for the next batch.
    pub(super) fn take_spare(&mut self) -> Arc<Vec<Packet>> {
        mem::take(&mut self.spare)
    }

    /// Notes the batch that the transport is given now. Returns the packets for it.
    pub(super) fn start(&mut self, now: Instant, batch: Batch) -> Arc<Vec<Packet>> {
        let packets = batch.packets();
        self.in_flight = Some(InFlight { batch, started: now, progress: now });
        packets
    }

    /// Some bytes of the batch were sent.
    pub(super) fn progress(&mut self, now: Instant) {
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.progress = now;
        }
    }

    /// When the batch in flight counts as stuck.
    pub(super) fn deadline(&self, liveness: &Liveness) -> Option<Instant> {
        let in_flight = self.in_flight.as_ref()?;
        let whole = liveness.whole_write_deadline(in_flight.started, in_flight.bytes());
        Some(liveness.write_deadline(in_flight.progress).min(whole))
    }

    /// When a server that is silent counts as lost, although it has the time to read the batch in flight over a slow line.
    pub(super) fn silence_deadline(&self, liveness: &Liveness) -> Option<Instant> {
        self.in_flight.as_ref().map(|in_flight| liveness.post_deadline(in_flight.started, in_flight.bytes()))
    }

    /// The bytes of the messages in flight, if there are any messages.
    pub(super) fn bytes_of_messages(&self) -> Option<usize> {
        let batch = &self.in_flight.as_ref()?.batch;
        (batch.messages() > 0).then(|| batch.bytes())
    }

    /// The batch in flight ends with the close packet.
    pub(super) fn is_closing(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| in_flight.batch.ends_with_close())
    }

    /// Takes the batch in flight out, since the transport has answered it or has ended.
    pub(super) fn finish(&mut self) -> Option<InFlight> {
        self.in_flight.take()
    }

    /// Retains the buffer of a written batch for the next one, unless it is very large, or has room for far more
    /// packets than the batch had: then it dates from a burst that is over.
    pub(super) fn recycle(&mut self, batch: Batch) {
        let mut packets = batch.into_packets();
        // The transport has dropped its share of the batch, so this is the only one.
        let Some(buffer) = Arc::get_mut(&mut packets) else { return };
        if buffer.capacity() <= (16 * buffer.len()).clamp(16, MAX_CAPACITY) {
            buffer.clear();
            self.spare = packets;
        }
    }
}

#[cfg(test)]
mod tests;
