//! The compression of one connection: what was agreed, and the contexts (RFC 7692, section 7).

use bytes::Bytes;

use super::{
    compression::{AgreedCompression, Compression, DeflateParams},
    deflate::{Deflated, Deflater, Deflating, Inflater, Inflating},
    encode::Frame,
    work::{Turns, Work},
};
use crate::error::ProtocolError;

/// The compression of one connection, with its contexts.
pub(super) struct PerMessageDeflate {
    keeps_server_context: bool,
    keeps_client_context: bool,
    /// The parameters for messages to the server. `None`: they are not compressed.
    params: Option<DeflateParams>,
    /// The context of the server, from its first compressed message on, if it is used and no message is being inflated.
    inflater: Option<Box<Inflater>>,
    /// The context of the client, likewise.
    deflater: Option<Box<Deflater>>,
    /// The counts since the last [`take_counts`](Self::take_counts). `None`: there were no messages.
    counts: Option<Box<CompressionCounts>>,
    /// The turns in which messages are inflated.
    turns: Turns,
}

/// The messages that were compressed on the wire, and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CompressionCounts {
    pub(crate) received: Compressed,
    pub(crate) sent: Compressed,
}

/// The compressed messages in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Compressed {
    /// The number of messages.
    pub(crate) messages: usize,
    /// The bytes of their payloads with compression.
    pub(crate) compressed: usize,
    /// The bytes of their payloads without compression.
    pub(crate) uncompressed: usize,
}

impl Compressed {
    fn add(&mut self, compressed: usize, uncompressed: usize) {
        self.messages = self.messages.saturating_add(1);
        self.compressed = self.compressed.saturating_add(compressed);
        self.uncompressed = self.uncompressed.saturating_add(uncompressed);
    }
}

impl PerMessageDeflate {
    pub(super) fn new(option: Compression, agreed: AgreedCompression) -> Self {
        Self {
            keeps_server_context: agreed.server_context,
            keeps_client_context: agreed.client_context,
            params: option.deflate_params(agreed),
            inflater: None,
            deflater: None,
            counts: None,
            turns: Turns::new(),
        }
    }

    /// The turns in which messages are inflated.
    pub(super) fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    /// Whether the rest of a message is inflated in the next turn, or the next message.
    pub(super) fn waits_for_turn(&self) -> bool {
        self.turns.is_awaited()
    }

    /// Begins to inflate a message of at most `limit` bytes. `None`: others have their turn before.
    pub(super) fn start_inflating(&mut self, limit: usize) -> Option<Inflating> {
        self.turns.work()?.charge_message(self.keeps_server_context);
        let inflater = match self.inflater.take() {
            Some(inflater) => inflater,
            None if self.keeps_server_context => Box::new(Inflater::new()),
            None => Inflater::acquire(),
        };
        Some(Inflating::new(inflater, limit))
    }

    /// Ends a message that was inflated.
    pub(super) fn finish_inflating(&mut self, message: Inflating) -> Result<Bytes, ProtocolError> {
        let compressed = message.consumed();
        let (payload, inflater) = message.finish(self.keeps_server_context)?;
        if self.keeps_server_context {
            self.inflater = Some(inflater);
        } else {
            inflater.release();
        }
        self.counts.get_or_insert_default().received.add(compressed, payload.len());
        Ok(payload)
    }

    /// The parameters for a message. `None`: it is sent as it is.
    pub(super) fn params_for(&self, frame: &Frame<'_>) -> Option<DeflateParams> {
        // Section 6.1: only data messages are compressed.
        self.params.filter(|params| frame.payload_len() >= params.threshold && !frame.opcode.is_control())
    }

    /// Begins to deflate a message.
    pub(super) fn start_deflating(&mut self, params: DeflateParams, work: &mut Work) -> Deflating {
        work.charge_message(self.keeps_client_context);
        Deflating::new(match self.deflater.take() {
            Some(deflater) => deflater,
            None if self.keeps_client_context => Box::new(Deflater::new(params)),
            None => Deflater::acquire(params),
        })
    }

    /// Ends a message that was deflated. `None`: it is sent as it is.
    pub(super) fn finish_deflating(&mut self, message: Deflating, uncompressed: usize) -> Option<Deflated> {
        let (deflated, deflater) = message.finish()?;
        let compressed = deflated.payload().len();
        if self.keeps_client_context {
            // The message is part of the context now, so the server must inflate it, even if it has become larger.
            self.deflater = Some(deflater);
        } else {
            deflater.release();
            if compressed >= uncompressed {
                return None;
            }
        }
        self.counts.get_or_insert_default().sent.add(compressed, uncompressed);
        Some(deflated)
    }

    /// Takes what was counted since the last call.
    pub(super) fn take_counts(&mut self) -> Option<CompressionCounts> {
        self.counts.take().map(|counts| *counts)
    }

    /// Whether the connection has a stream of its own.
    #[cfg(test)]
    pub(super) fn owns_a_stream(&self) -> bool {
        self.inflater.is_some() || self.deflater.is_some()
    }
}
