//! The memory of buffers that received messages share.

/// The largest credit, in bytes.
const MAX_CREDIT: usize = 512 << 10;

/// Decides which batches of messages share the buffer that they were received in, and which are copied out of it.
///
/// A message that shares a buffer keeps the whole buffer alive, whatever else is in it: packets without a meaning, or bytes
/// that have not arrived yet. But `receive_buffer` counts only the data of a message and an overhead. So the buffers that are
/// shared have at most twice the size of what their messages count, and [`MAX_CREDIT`]: what messages count beyond the
/// buffers of earlier ones is a credit for the buffers of later ones. A server that sends messages closely packed has always
/// enough of it, so their data is not copied.
#[derive(Debug, Default)]
pub(super) struct SharingBudget {
    /// The bytes by which the messages exceed the buffers that they share.
    credit: usize,
}

impl SharingBudget {
    /// Decides about a batch whose messages count `counted` bytes. `unshared` is the size of its buffer, and 0 if an earlier
    /// batch shares that buffer already; it becomes 0 if this batch shares the buffer.
    pub(super) fn may_share(&mut self, counted: usize, unshared: &mut usize) -> bool {
        let budget = counted.saturating_mul(2).saturating_add(self.credit);
        let rest = budget.checked_sub(*unshared);
        // A copy keeps about as much alive as it counts.
        self.credit = rest.unwrap_or_else(|| self.credit.saturating_add(counted)).min(MAX_CREDIT);
        if rest.is_some() {
            *unshared = 0;
        }
        rest.is_some()
    }
}

#[cfg(test)]
mod tests;
