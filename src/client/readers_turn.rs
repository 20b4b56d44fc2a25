//! The chance for readers of streams to read before more arrives.

use std::task::Context as Task;

use crate::transport::DeferredWake;

/// Makes the client wait, before it reads on from the server, until everything else that is ready has run.
///
/// The transport and the client can wake each other many times before the future of `main` runs again. Without a pause they would
/// fill `receive_buffer` while a reader there is ready to read. Its memory would be cold by then, and none of it could be
/// reused for what arrives.
#[derive(Debug, Default)]
pub(super) struct ReadersTurn(DeferredWake);

impl ReadersTurn {
    /// Whether everything else has run since the last call that asked for it. If not, the task is woken as soon as it has.
    pub(super) fn has_come(&mut self, task: &Task<'_>) -> bool {
        let has_come = self.0.take();
        if !has_come {
            self.0.request(task);
        }
        has_come
    }
}
