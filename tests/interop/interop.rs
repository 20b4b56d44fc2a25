//! The client against servers that were written by others, each a process of its own: every case with every server over
//! every transport.
//!
//! Where a server cannot be started, its cases are ignored and say why; with `ENGINEIO_INTEROP=required` they fail. Cases
//! that take more than ten seconds are ignored, too: `cargo test -p interop -- --ignored` runs them.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../../examples/embedded/mod.rs"]
mod embedded;
#[path = "../../examples/socketio/client/mod.rs"]
#[expect(dead_code, reason = "the program uses the rest")]
mod socketio_client;
#[path = "../support/mod.rs"]
mod support;

mod cases;
mod deviations;
mod forward;
mod install;
mod keepalive;
mod options;
mod oxide;
mod peer;
mod proxies;
mod proxy;
mod relay;
mod server;
mod socketio;
mod table;
mod talk;
#[cfg(feature = "rustls")]
mod tls;
mod versions;

use std::{collections::BTreeSet, env, process::ExitCode, thread::available_parallelism};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{
    cases::Case,
    peer::{Peer, Way},
    proxy::Front,
    talk::Cell,
};

/// The argument that makes this program engineioxide.
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
    let cells = cells();
    for reason in cells.iter().filter_map(|(cell, _)| cell.missing()).collect::<BTreeSet<_>>() {
        eprintln!("some servers cannot be started: {reason}");
    }
    let mut trials = vec![table::trial(&cells)];
    for (cell, cases) in cells {
        trials.extend(cases.into_iter().map(|case| trial(cell, case)));
    }
    trials.extend(forward::trials());
    trials.extend(socketio::trials());
    libtest_mimic::run(&args, trials).exit_code()
}

/// The whole matrix.
fn cells() -> Vec<(Cell, Vec<Case>)> {
    let mut cells = Vec::new();
    for (peer, way) in Peer::ALL.into_iter().flat_map(|peer| Way::ALL.map(|way| (peer, way))) {
        let cell = Cell { peer, way, front: None };
        let mut cases = cases::cases(cell);
        cases.extend(options::cases(cell));
        cases.extend(deviations::cases(cell));
        cases.extend(keepalive::cases(cell));
        cases.extend(versions::cases(cell));
        #[cfg(feature = "rustls")]
        cases.extend(tls::cases(cell));
        cells.push((cell, cases));
    }
    for (front, way) in Front::ALL.into_iter().flat_map(|front| Way::ALL.map(|way| (front, way))) {
        let cell = Cell { peer: Peer::EngineIo6, way, front: Some(front) };
        let mut cases = cases::cases(cell);
        cases.extend(proxies::cases(cell, front));
        cells.push((cell, cases));
    }
    cells
}

fn trial(cell: Cell, case: Case) -> Trial {
    let name = format!("{} / {} / {}", cell.server(), cell.way.name(), case.name);
    match cell.missing() {
        None => Trial::test(name, move || {
            actix_rt::System::new().block_on((case.run)(cell));
            Ok(())
        })
        .with_ignored_flag(case.is_slow),
        Some(reason) => {
            let is_required = env::var_os("ENGINEIO_INTEROP").is_some_and(|value| value == "required");
            let kind = reason.clone();
            Trial::test(name, || Err(Failed::from(reason))).with_kind(kind).with_ignored_flag(!is_required)
        }
    }
}
