//! Decoding of compressed messages (RFC 7692, section 6.2).
//!
//! A message is inflated while it arrives, so that its compressed bytes are not collected, and in turns, so that a large one
//! does not keep others on the thread waiting.

use std::mem;

use bytes::{Buf as _, BytesMut};

use super::{
    Message, Opcode, State, Text, WebSocketCodec,
    deflate::Inflating,
    header::{Header, Partial},
};
use crate::error::ProtocolError;

/// The part of a frame that is inflated once it has arrived. Most frames are smaller: these are inflated as a whole, so
/// that a slow server does not make the client keep an inflater for each message that has begun.
pub(super) const CHUNK: usize = 64 << 10;

/// A compressed message that has arrived in part.
pub(super) struct CompressedMessage {
    is_text: bool,
    message: Inflating,
    /// The bytes of the current frame that were not inflated. `None`: the next frame is awaited.
    rest: Option<usize>,
    /// The current frame is the last one of the message.
    is_last: bool,
    waits_for_turn: bool,
}

impl CompressedMessage {
    /// A frame has begun and was not inflated completely.
    pub(super) fn is_in_frame(&self) -> bool {
        self.rest.is_some()
    }

    /// The decoder has stopped so that others have their turn.
    pub(super) fn waits_for_turn(&self) -> bool {
        self.waits_for_turn
    }

    /// What has arrived.
    pub(super) fn partial(&self) -> Partial {
        Partial { is_text: self.is_text, is_compressed: true, arrived: self.message.consumed() }
    }

    /// Inflates the rest of the current frame, as far as it has arrived and `budget` allows it. Returns whether it is done.
    fn advance(&mut self, src: &mut BytesMut, budget: &mut usize) -> Result<bool, ProtocolError> {
        while let Some(rest) = self.rest {
            if rest == 0 && !self.message.may_have_more() {
                self.rest = None;
                break;
            }
            self.waits_for_turn = *budget == 0;
            if self.waits_for_turn {
                return Ok(false);
            }
            let missing = rest.min(CHUNK).saturating_sub(src.len());
            if missing > 0 && !self.message.may_have_more() {
                src.reserve(missing);
                return Ok(false);
            }
            let input = src.get(..rest.min(src.len())).unwrap_or_default();
            let consumed = self.message.push(input, budget)?;
            src.advance(consumed);
            self.rest = Some(rest.saturating_sub(consumed));
        }
        Ok(true)
    }
}

/// The progress of a compressed message.
pub(super) enum Progress {
    /// It is complete.
    Message(Message),
    /// The frame is complete, and others follow.
    Frame,
    /// The rest of the frame has to arrive, or others have their turn.
    Waits,
}

impl<K> WebSocketCodec<K> {
    /// Begins a frame of a compressed message. Its header was consumed.
    pub(super) fn start_frame(&mut self, header: &Header, payload_len: usize) {
        if let State::Idle = self.state
            && let Some(deflate) = &mut self.deflate
        {
            let is_text = header.opcode == Some(Opcode::Text);
            let message = deflate.start_inflating(self.limits.payload(is_text));
            self.state = State::Inflating(CompressedMessage {
                is_text,
                message,
                rest: None,
                is_last: false,
                waits_for_turn: false,
            });
        }
        if let State::Inflating(message) = &mut self.state {
            (message.rest, message.is_last) = (Some(payload_len), header.fin);
        }
    }

    /// Inflates the current frame, until `budget` bytes have come out.
    pub(super) fn inflate(
        &mut self,
        src: &mut BytesMut,
        budget: &mut usize,
    ) -> Result<Progress, ProtocolError> {
        let State::Inflating(message) = &mut self.state else { return Ok(Progress::Frame) };
        let limit = self.limits.max_message_size;
        let with_limit = |err| match err {
            ProtocolError::TooLarge { size, .. } => ProtocolError::TooLarge { size, limit },
            err => err,
        };
        if !message.advance(src, budget).map_err(with_limit)? {
            return Ok(Progress::Waits);
        }
        if !message.is_last {
            return Ok(Progress::Frame);
        }
        match (mem::replace(&mut self.state, State::Idle), &mut self.deflate) {
            (State::Inflating(CompressedMessage { is_text, message, .. }), Some(deflate)) => {
                let payload = deflate.finish_inflating(message)?;
                let text = |payload| Text::new(payload).map(Message::Text);
                let message = if is_text { text(payload)? } else { Message::Binary(payload) };
                Ok(Progress::Message(message))
            }
            _ => Ok(Progress::Frame),
        }
    }
}

#[cfg(test)]
mod tests;
