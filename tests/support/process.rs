//! Another process, for what belongs to a process: signals, and being suspended.

use std::{
    env,
    process::{Child, Command, Stdio},
};

/// A process that runs one test of the same program. It is killed when this value is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it, with these variables in its environment. The test does nothing without them.
    pub(crate) fn start(test: &str, variables: &[(&str, &str)]) -> Self {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads", "1"])
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal. `name`: without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end. Returns its exit status, or `None` if a signal has ended it.
    pub(crate) async fn ends(mut self) -> Option<i32> {
        actix_rt::task::spawn_blocking(move || self.0.wait().unwrap().code()).await.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
