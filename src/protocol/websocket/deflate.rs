//! Compressed messages (RFC 7692, section 7.2): DEFLATE streams that end behind each message at a whole byte.
//!
//! Whoever compresses ends a message with an empty block, and does not send the last four bytes of that block. Whoever
//! inflates appends them again.
//!
//! A stream with its context belongs to a connection. A stream without context is taken from a pool of the thread for
//! one message: all connections of a thread share it. A second message that begins meanwhile gets a stream of its own, which
//! is freed after the message.

use std::{cell::Cell, mem};

use bytes::Bytes;
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::{compression::DeflateParams, work::Work};
use crate::error::ProtocolError;

/// The bytes that a sender removes from the end of a message (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// An empty block that is the last one of its stream.
const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

const CUT: ProtocolError = ProtocolError::Compression("it ends inside of a block");

/// The number of bytes that are inflated, or deflated, at once.
const STEP: usize = 16 << 10;

/// The largest buffer for compressed bytes that a thread reuses.
const MAX_REUSED: usize = 64 << 10;

/// The largest number of deflaters in the pool of a thread, one for each level and window.
const MAX_POOLED: usize = 4;

thread_local! {
    static INFLATER: Cell<Option<Box<Inflater>>> = const { Cell::new(None) };
    /// The deflaters, with different parameters.
    static DEFLATERS: Cell<[Option<Box<Deflater>>; MAX_POOLED]> = const { Cell::new([const { None }; MAX_POOLED]) };
    /// The buffer for one step of inflating.
    static INFLATED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// The buffer for the compressed bytes of one message.
    static DEFLATED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The largest size of a message on the wire, if `limit` is its largest size without compression. A fast deflater makes bytes
/// that it cannot compress up to an eighth larger. Without this limit a message of empty blocks would have no end.
pub(super) fn max_compressed_size(limit: usize) -> usize {
    limit.saturating_add(limit / 8).saturating_add(64 << 10)
}

/// A stream of compressed messages from the server.
pub(super) struct Inflater {
    stream: Decompress,
    /// The stream has ended with its last block (section 7.2.3.4). The next block begins another one.
    has_ended: bool,
}

impl Inflater {
    pub(super) fn new() -> Self {
        // A window of the largest size reads streams with windows of every size.
        Self { stream: Decompress::new(false), has_ended: false }
    }

    /// An inflater without context, from the pool of the thread. [`release`](Self::release) puts it back.
    pub(super) fn acquire() -> Box<Self> {
        let pooled = INFLATER.try_with(Cell::take).ok().flatten();
        pooled.unwrap_or_else(|| Box::new(Self::new()))
    }

    pub(super) fn release(mut self: Box<Self>) {
        self.reset();
        let _ = INFLATER.try_with(|pool| pool.set(Some(self)));
    }

    fn reset(&mut self) {
        self.stream.reset(false);
        self.has_ended = false;
    }

    /// Inflates from `input`, up to the capacity of `output`, which is empty. Returns the number of bytes that it has consumed.
    fn inflate(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        work: &mut Work,
    ) -> Result<usize, ProtocolError> {
        if self.has_ended && !input.is_empty() {
            self.reset();
            work.charge_reset();
        }
        let before = self.stream.total_in();
        let outcome = self.stream.decompress_vec(input, output, FlushDecompress::None);
        match outcome {
            Ok(status) => self.has_ended |= status == Status::StreamEnd,
            Err(_) => return Err(ProtocolError::Compression("it is not a DEFLATE stream")),
        }
        let consumed = usize::try_from(self.stream.total_in().saturating_sub(before)).unwrap_or(usize::MAX);
        work.charge(consumed, output.len());
        Ok(consumed)
    }

    /// Consumes bytes that are an empty block if a message was complete.
    fn inflate_empty_block(&mut self, block: &[u8]) -> Result<(), ProtocolError> {
        let before = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(block, &mut [0], FlushDecompress::None).map_err(|_| CUT)?;
        self.has_ended |= status == Status::StreamEnd;
        let consumed = self.stream.total_in().saturating_sub(before.0);
        let is_empty = self.stream.total_out() == before.1;
        if is_empty && usize::try_from(consumed) == Ok(block.len()) { Ok(()) } else { Err(CUT) }
    }
}

/// A message that is being inflated.
pub(super) struct Inflating {
    inflater: Box<Inflater>,
    /// The inflated bytes. The buffer never exceeds the limit.
    output: Vec<u8>,
    limit: usize,
    /// The number of compressed bytes that were consumed.
    consumed: usize,
    /// The last step has filled its buffer, so the inflater may have more bytes without further input.
    may_have_more: bool,
}

impl Inflating {
    /// A message of at most `limit` bytes.
    pub(super) fn new(inflater: Box<Inflater>, limit: usize) -> Self {
        Self { inflater, output: Vec::new(), limit, consumed: 0, may_have_more: false }
    }

    /// The number of compressed bytes that were consumed.
    pub(super) fn consumed(&self) -> usize {
        self.consumed
    }

    /// More bytes may come out without further input.
    pub(super) fn may_have_more(&self) -> bool {
        self.may_have_more
    }

    /// Inflates the next bytes of the message, as many as `work` allows. Returns the number of bytes that were consumed.
    pub(super) fn push(&mut self, input: &[u8], work: &mut Work) -> Result<usize, ProtocolError> {
        let mut step = INFLATED.try_with(Cell::take).unwrap_or_default();
        step.reserve_exact(STEP.saturating_sub(step.capacity()));
        let outcome = self.push_in_steps(input, work, &mut step);
        let _ = INFLATED.try_with(|reused| reused.set(step));
        let consumed = outcome?;
        self.consumed = self.consumed.saturating_add(consumed);
        Ok(consumed)
    }

    fn push_in_steps(
        &mut self,
        input: &[u8],
        work: &mut Work,
        step: &mut Vec<u8>,
    ) -> Result<usize, ProtocolError> {
        let mut rest = input;
        while !work.is_done() && (!rest.is_empty() || self.may_have_more) {
            step.clear();
            // Input without output takes time too, so it is consumed in steps as well.
            let piece = rest.get(..STEP).unwrap_or(rest);
            let consumed = self.inflater.inflate(piece, step, work)?;
            rest = rest.get(consumed..).unwrap_or_default();
            self.may_have_more = step.len() == step.capacity();
            self.append(step)?;
            if consumed == 0 && step.is_empty() && !rest.is_empty() {
                return Err(ProtocolError::Compression("it is not a DEFLATE stream"));
            }
        }
        Ok(input.len().saturating_sub(rest.len()))
    }

    fn append(&mut self, inflated: &[u8]) -> Result<(), ProtocolError> {
        let size = self.output.len().saturating_add(inflated.len());
        if size > self.limit {
            let size = u64::try_from(size).unwrap_or(u64::MAX);
            return Err(ProtocolError::TooLarge { size, limit: self.limit });
        }
        if size > self.output.capacity() {
            // Most messages come in one step, and get exactly their size. The capacity of others doubles, up to the limit.
            let capacity = if self.output.is_empty() { size } else { size.saturating_mul(2).min(self.limit) };
            self.output.reserve_exact(capacity.saturating_sub(self.output.len()));
        }
        self.output.extend_from_slice(inflated);
        Ok(())
    }

    /// The whole message. Everything that was pushed must have been consumed. `keeps_context`: the inflater is used for
    /// the next message, so its stream goes on.
    pub(super) fn finish(mut self, keeps_context: bool) -> Result<(Bytes, Box<Inflater>), ProtocolError> {
        // zlib writes nothing for an empty message behind another one, and some servers send that.
        if self.consumed > 0 && !self.inflater.has_ended {
            self.inflater.inflate_empty_block(&TAIL)?;
            // At the end of a block another block can begin, unless it was the last one: section 7.2.1 allows that. With a
            // context there is no such check: the stream would end.
            if !keeps_context && !self.inflater.has_ended {
                self.inflater.inflate_empty_block(&LAST_BLOCK)?;
                if !self.inflater.has_ended {
                    return Err(CUT);
                }
            }
        }
        Ok((self.output.into_boxed_slice().into(), self.inflater))
    }
}

/// A stream of compressed messages to the server.
pub(super) struct Deflater {
    stream: Compress,
    params: DeflateParams,
}

impl Deflater {
    pub(super) fn new(params: DeflateParams) -> Self {
        let level = flate2::Compression::new(params.level.into());
        // flate2 has no smaller window than one of 9 bits, and `params` neither.
        let bits = params.window_bits.clamp(9, 15);
        Self { stream: Compress::new_with_window_bits(level, false, bits), params }
    }

    /// A deflater without context, from the pool of the thread. [`release`](Self::release) puts it back.
    pub(super) fn acquire(params: DeflateParams) -> Box<Self> {
        let mut deflaters = DEFLATERS.try_with(Cell::take).unwrap_or_default();
        let suits = |deflater: &mut Box<Self>| deflater.suits(params);
        let pooled = deflaters.iter_mut().find_map(|deflater| deflater.take_if(suits));
        let _ = DEFLATERS.try_with(|pool| pool.set(deflaters));
        pooled.unwrap_or_else(|| Box::new(Self::new(params)))
    }

    fn suits(&self, params: DeflateParams) -> bool {
        (self.params.level, self.params.window_bits) == (params.level, params.window_bits)
    }

    pub(super) fn release(mut self: Box<Self>) {
        self.stream.reset();
        let mut deflaters = DEFLATERS.try_with(Cell::take).unwrap_or_default();
        let is_pooled = deflaters.iter().flatten().any(|deflater| deflater.suits(self.params));
        if let Some(free) = deflaters.iter_mut().find(|place| place.is_none() && !is_pooled) {
            *free = Some(self);
        }
        let _ = DEFLATERS.try_with(|pool| pool.set(deflaters));
    }

    /// Deflates `input`, which is the end of the message if `flush` says so.
    fn deflate(&mut self, mut input: &[u8], output: &mut Vec<u8>, flush: FlushCompress) -> Option<()> {
        loop {
            // More than enough for nearly every input. If a flush fills the buffer exactly, it adds another empty block.
            output.reserve(input.len().saturating_add(input.len() / 8).saturating_add(64));
            let before = self.stream.total_in();
            self.stream.compress_vec(input, output, flush).ok()?;
            let consumed = self.stream.total_in().saturating_sub(before);
            input = input.get(usize::try_from(consumed).ok()?..)?;
            if input.is_empty() && output.len() < output.capacity() {
                return Some(());
            }
        }
    }
}

/// A message that is being deflated.
pub(crate) struct Deflating {
    deflater: Box<Deflater>,
    /// The number of bytes that were deflated.
    taken: usize,
    output: Vec<u8>,
    /// The deflater has failed, which zlib does for no input. Then the message is sent as it is.
    has_failed: bool,
}

impl Deflating {
    pub(super) fn new(deflater: Box<Deflater>) -> Self {
        let mut output = DEFLATED.try_with(Cell::take).unwrap_or_default();
        output.clear();
        Self { deflater, taken: 0, output, has_failed: false }
    }

    /// Deflates the next bytes of the message, which is `head` and `body`, as many as `work` allows. Returns whether all of it
    /// is done.
    pub(super) fn advance(&mut self, head: &[u8], body: &[u8], work: &mut Work) -> bool {
        let total = head.len().saturating_add(body.len());
        while !work.is_done() {
            let rest_of_head = head.get(self.taken..).unwrap_or_default();
            let rest = match rest_of_head {
                [] => body.get(self.taken.saturating_sub(head.len())..).unwrap_or_default(),
                rest => rest,
            };
            let piece = rest.get(..STEP.min(work.left())).unwrap_or(rest);
            self.taken = self.taken.saturating_add(piece.len());
            let is_done = self.taken >= total;
            let flush = if is_done { FlushCompress::Sync } else { FlushCompress::None };
            let before = self.output.len();
            self.has_failed |= self.deflater.deflate(piece, &mut self.output, flush).is_none();
            work.charge(piece.len(), self.output.len().saturating_sub(before));
            if is_done || self.has_failed {
                return true;
            }
        }
        false
    }

    /// The payload of the frame, and the deflater with the message in its context. `None`: the message could not be
    /// deflated.
    pub(super) fn finish(mut self) -> Option<(Deflated, Box<Deflater>)> {
        // Section 7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
        let length = self.output.strip_suffix(&TAIL).filter(|_| !self.has_failed)?.len();
        self.output.truncate(length);
        Some((Deflated(self.output), self.deflater))
    }
}

/// The payload of a compressed message.
pub(super) struct Deflated(Vec<u8>);

impl Deflated {
    pub(super) fn payload(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Deflated {
    fn drop(&mut self) {
        let buffer = mem::take(&mut self.0);
        if buffer.capacity() <= MAX_REUSED {
            let _ = DEFLATED.try_with(|reused| reused.set(buffer));
        }
    }
}

#[cfg(test)]
mod tests;
