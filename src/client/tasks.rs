//! Background work that ends with its session.

use tokio::task::AbortHandle;

/// The work that was started by `Spawn` in the current session.
#[derive(Debug, Default)]
pub(super) struct Tasks(Vec<AbortHandle>);

impl Tasks {
    pub(super) fn add(&mut self, task: AbortHandle) {
        self.0.retain(|task| !task.is_finished());
        self.0.push(task);
    }

    /// Drops the futures of all work that has not ended.
    pub(super) fn abort_all(&mut self) {
        for task in self.0.drain(..) {
            task.abort();
        }
    }
}
