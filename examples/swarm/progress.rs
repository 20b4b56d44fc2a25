//! What a person sees while the program works.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// A line that is written over on a terminal; elsewhere a line every ten seconds.
pub(crate) struct Progress {
    terminal: bool,
    pause: Duration,
    written: Option<Instant>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        let pause = if terminal { Duration::from_millis(100) } else { Duration::from_secs(10) };
        Self { terminal, pause, written: None }
    }

    pub(crate) fn show(&mut self, line: impl FnOnce() -> String) {
        if self.written.is_some_and(|written| written.elapsed() < self.pause) {
            return;
        }
        self.written = Some(Instant::now());
        if self.terminal {
            eprint!("\r\x1b[K{}", line());
            // If the terminal is gone, there is nobody to show it to.
            let _ = io::stderr().flush();
        } else {
            eprintln!("{}", line());
        }
    }

    /// The last line about something.
    pub(crate) fn end(&mut self, line: &str) {
        eprintln!("{}{line}", if self.terminal { "\r\x1b[K" } else { "" });
        self.written = None;
    }
}

pub(crate) fn bar(done: usize, all: usize) -> String {
    let cells: String = (0..30).map(|cell| if cell * all < done * 30 { '#' } else { '.' }).collect();
    format!("[{cells}] {done}/{all}")
}
