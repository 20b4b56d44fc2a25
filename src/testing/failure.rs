//! How a test fails.

use std::{fmt, panic::Location, thread};

/// The place in a test that waits for something.
pub(super) type Place = &'static Location<'static>;

/// Fails the test that runs.
///
/// This is the one place of the crate that panics on purpose: a test fails by a panic.
pub(super) fn fail(place: Place, words: impl fmt::Display) -> ! {
    #[allow(clippy::panic)]
    {
        panic!("{words} (at {place})")
    }
}

/// What went wrong on the server's side, which no caller of the test could see at that time.
#[derive(Debug, Default)]
pub(super) struct Failures(Vec<String>);

impl Failures {
    pub(super) fn push(&mut self, words: impl Into<String>) {
        self.0.push(words.into());
    }

    /// All failures, as one sentence. They are reported once.
    pub(super) fn take(&mut self) -> Option<String> {
        let words = self.0.join("; ");
        self.0.clear();
        (!words.is_empty()).then_some(words)
    }

    /// Fails the test with what nobody has seen, unless it fails already.
    pub(super) fn report_at_end(mut self, created: Place) {
        if let Some(words) = self.take()
            && !thread::panicking()
        {
            fail(created, format_args!("the test server was dropped after something went wrong: {words}"));
        }
    }
}
