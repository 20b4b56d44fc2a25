//! A logger for the standard error. Most services use a crate such as `env_logger` or `tracing-subscriber` instead.

use std::error::Error;

use log::{LevelFilter, Log, Metadata, Record};

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Info
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{:5} {}: {}", record.level(), record.target(), record.args());
        }
    }

    fn flush(&self) {}
}

/// Logs from `info` on. Connects, upgrades, lost sessions and failed attempts are among these lines.
pub(crate) fn start() -> Result<(), Box<dyn Error>> {
    log::set_logger(&Stderr)?;
    log::set_max_level(LevelFilter::Info);
    Ok(())
}
