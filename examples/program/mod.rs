//! The frame of an example program: its help, and its errors in words.

use std::{env, error::Error, process::ExitCode};

/// Prints `usage` if the arguments ask for help, and runs `main` otherwise. An error of `main` is printed on one line.
pub(crate) async fn run(usage: &str, main: impl AsyncFnOnce() -> Result<(), Box<dyn Error>>) -> ExitCode {
    if env::args().skip(1).any(|argument| argument == "--help" || argument == "-h") {
        println!("{usage}");
        return ExitCode::SUCCESS;
    }
    match main().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}
