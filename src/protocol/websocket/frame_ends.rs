//! The positions at which the frames of a batch end.

/// Where each frame of one batch ends, in the stream of all bytes that a connection sends.
///
/// The encoder records the ends while it encodes. Nothing computes the length of a frame a second time, so the ends are
/// right whatever the encoder does to a payload.
///
/// The same value serves one batch after another, so that a batch allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct FrameEnds {
    /// The position in the stream of the first byte in the buffer.
    start: u64,
    /// The ends, as positions in the buffer. The first entry is where the batch begins.
    ends: Vec<usize>,
}

impl FrameEnds {
    /// Forgets the last batch and prepares for one of `frames` frames. `start`: the position in the stream of the first
    /// byte in the buffer that the batch is encoded into. `before`: the bytes that precede the batch in that buffer.
    pub(crate) fn begin(&mut self, start: u64, before: usize, frames: usize) {
        self.start = start;
        self.ends.clear();
        if self.ends.capacity() > frames.saturating_mul(16) {
            // A large batch came before this small one: its memory is not needed any more.
            self.ends = Vec::with_capacity(frames.saturating_add(1));
        }
        self.ends.push(before);
    }

    /// Records the ends of the next frames.
    #[inline]
    pub(super) fn extend(&mut self, ends: impl Iterator<Item = usize>) {
        self.ends.extend(ends);
    }

    /// Records the end of the next frame, as a position in the stream.
    pub(crate) fn push(&mut self, end: u64) {
        self.ends.push(usize::try_from(end.saturating_sub(self.start)).unwrap_or(usize::MAX));
    }

    /// The number of frames that end at or before this position in the stream.
    pub(crate) fn count_until(&self, position: u64) -> usize {
        let sent = position.saturating_sub(self.start);
        let ends = self.ends.get(1..).unwrap_or_default();
        ends.partition_point(|&end| u64::try_from(end).is_ok_and(|end| end <= sent))
    }

    /// Whether this position in the stream is inside a frame. A control frame between two of them counts as a part of the second.
    pub(crate) fn is_inside_frame(&self, position: u64) -> bool {
        let sent = position.saturating_sub(self.start);
        let rest = self.ends.get(self.count_until(position)..).unwrap_or_default();
        matches!(rest, [begin, _, ..] if u64::try_from(*begin).is_ok_and(|begin| begin < sent))
    }
}

#[cfg(test)]
mod tests;
