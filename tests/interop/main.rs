//! The client against servers that others wrote, each a process of its own: server by server, transport by transport,
//! case by case.
//!
//! Where a server cannot be had, its cases are ignored and tell why; with `ENGINEIO_INTEROP=required` they fail.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../../examples/embedded/mod.rs"]
// Other tests use the rest.
#[allow(dead_code)]
mod embedded;
#[path = "../support/mod.rs"]
mod support;

mod cases;
mod install;
mod oxide;
mod peer;
mod server;
mod talk;

use std::{env, process::ExitCode, thread::available_parallelism};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{
    cases::{Case, cases},
    peer::{Peer, Way},
    talk::Cell,
};

/// What makes this program engineioxide.
const OXIDE: &str = "--engineioxide";

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    if let (Some(OXIDE), Some(settings)) = (args.next().as_deref(), args.next()) {
        oxide::serve(&settings);
        return ExitCode::SUCCESS;
    }
    let mut args = Arguments::from_args();
    // They wait most of the time.
    args.test_threads = args.test_threads.or_else(|| Some(2 * available_parallelism().ok()?.get()));
    let cells = Peer::ALL.into_iter().flat_map(|peer| Way::ALL.map(|way| Cell { peer, way }));
    let trials = cells.flat_map(|cell| cases(cell).into_iter().map(move |case| trial(cell, case))).collect();
    libtest_mimic::run(&args, trials).exit_code()
}

fn trial(cell: Cell, case: Case) -> Trial {
    let name = format!("{} / {} / {}", cell.peer.name(), cell.way.name(), case.name);
    match cell.peer.missing() {
        None => Trial::test(name, move || {
            actix_rt::System::new().block_on((case.run)(cell));
            Ok(())
        }),
        Some(reason) => {
            let is_required = env::var_os("ENGINEIO_INTEROP").is_some_and(|value| value == "required");
            let kind = reason.clone();
            Trial::test(name, || Err(Failed::from(reason))).with_kind(kind).with_ignored_flag(!is_required)
        }
    }
}
