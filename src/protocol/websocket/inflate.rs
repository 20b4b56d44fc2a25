//! Decoding of compressed messages (RFC 7692, section 6.2).
//!
//! A message is inflated while it arrives, so that its compressed bytes are not collected, and in turns, so that a large one
//! does not delay others on the thread.

use std::mem;

use bytes::{Buf as _, BytesMut};

use super::{
    Message, Opcode, State, Text, WebSocketCodec,
    deflate::Inflating,
    fragments::EmptyFragments,
    header::{Header, Partial},
    work::Turns,
};
use crate::error::ProtocolError;

/// The part of a frame that is inflated once it has arrived. Most frames are smaller: these are inflated as a whole, so
/// that a client has no inflater of its own while it waits for the rest of a frame.
pub(super) const CHUNK: usize = 64 << 10;

/// A compressed message that has arrived in part.
pub(super) struct CompressedMessage {
    is_text: bool,
    message: Inflating,
    /// The bytes of the current frame that were not inflated. `None`: the next frame is awaited.
    rest: Option<usize>,
    /// The current frame is the last one of the message.
    is_last: bool,
    empty: EmptyFragments,
}

impl CompressedMessage {
    /// A frame has begun and was not inflated completely.
    pub(super) fn is_in_frame(&self) -> bool {
        self.rest.is_some()
    }

    /// What has arrived.
    pub(super) fn partial(&self) -> Partial {
        Partial { is_text: self.is_text, is_compressed: true, arrived: self.message.consumed() }
    }

    /// Inflates the rest of the current frame, as far as it has arrived and the turn allows it. Returns whether it is done.
    fn advance(&mut self, src: &mut BytesMut, turns: &mut Turns) -> Result<bool, ProtocolError> {
        while let Some(rest) = self.rest {
            if rest == 0 && !self.message.may_have_more() {
                self.rest = None;
                break;
            }
            let Some(work) = turns.work() else {
                return Ok(false);
            };
            let missing = rest.min(CHUNK).saturating_sub(src.len());
            if missing > 0 && !self.message.may_have_more() {
                src.reserve(missing);
                return Ok(false);
            }
            let input = src.get(..rest.min(src.len())).unwrap_or_default();
            let consumed = self.message.push(input, work)?;
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
    /// Begins a frame of a compressed message, and consumes its header. Returns `false` if others have their turn before.
    pub(super) fn start_frame(
        &mut self,
        src: &mut BytesMut,
        header: &Header,
        payload_len: usize,
    ) -> Result<bool, ProtocolError> {
        if let State::Idle = self.state
            && let Some(deflate) = &mut self.deflate
        {
            let is_text = header.opcode == Some(Opcode::Text);
            let Some(message) = deflate.start_inflating(self.limits.payload(is_text)) else {
                return Ok(false);
            };
            let empty = EmptyFragments::default();
            let message = CompressedMessage { is_text, message, rest: None, is_last: false, empty };
            self.state = State::Inflating(Box::new(message));
        }
        if let State::Inflating(message) = &mut self.state {
            message.empty.count(payload_len)?;
            (message.rest, message.is_last) = (Some(payload_len), header.fin);
        }
        src.advance(header.len);
        Ok(true)
    }

    /// Inflates the current frame, as far as the turn allows it.
    pub(super) fn inflate(&mut self, src: &mut BytesMut) -> Result<Progress, ProtocolError> {
        let (State::Inflating(message), Some(deflate)) = (&mut self.state, &mut self.deflate) else {
            return Ok(Progress::Frame);
        };
        let limit = self.limits.max_message_size;
        let with_limit = |err| match err {
            ProtocolError::TooLarge { size, .. } => ProtocolError::TooLarge { size, limit },
            err => err,
        };
        if !message.advance(src, deflate.turns()).map_err(with_limit)? {
            return Ok(Progress::Waits);
        }
        if !message.is_last {
            return Ok(Progress::Frame);
        }
        match (mem::replace(&mut self.state, State::Idle), &mut self.deflate) {
            (State::Inflating(message), Some(deflate)) => {
                let CompressedMessage { is_text, message, .. } = *message;
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
