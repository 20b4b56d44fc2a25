//! The table in the README: how many cases each server passes over each transport, and the server's version.

use std::{env, fs, path::Path};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::{
    cases::Case,
    install,
    peer::{Peer, Way},
    talk::Cell,
};

const BEGIN: &str = "<!-- interop -->\n";
const END: &str = "<!-- /interop -->";

/// Fails if the table in the README is not that of `cells`; with `ENGINEIO_INTEROP_TABLE=write`, it is written there.
pub(crate) fn trial(cells: &[(Cell, Vec<Case>)]) -> Trial {
    let table = table(cells);
    Trial::test("the table in the README is current", move || {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
        let readme = fs::read_to_string(&path)?;
        let (before, rest) = readme.split_once(BEGIN).ok_or("no place for the table")?;
        let (current, after) = rest.split_once(END).ok_or("no end of the table")?;
        if env::var_os("ENGINEIO_INTEROP_TABLE").is_some_and(|value| value == "write") {
            fs::write(&path, [before, BEGIN, &table, END, after].concat())?;
        } else if current != table {
            return Err(Failed::from("it is not: ENGINEIO_INTEROP_TABLE=write cargo test -p interop README"));
        }
        Ok(())
    })
    // Without the feature there are fewer cases.
    .with_ignored_flag(!cfg!(feature = "rustls"))
}

fn table(cells: &[(Cell, Vec<Case>)]) -> String {
    let ways = Way::ALL.map(|way| format!(" {} |", way.name())).concat();
    let mut table = format!("| server | version |{ways}\n|---|---|{}\n", "---|".repeat(Way::ALL.len()));
    for row in cells.chunk_by(|(a, _), (b, _)| a.server() == b.server()) {
        let counts = row.iter().map(|(_, cases)| format!(" {} |", cases.len())).collect::<String>();
        let cell = row[0].0;
        table += &format!("| {} | {} |{counts}\n", cell.server(), version(cell.peer));
    }
    table
}

/// The locked version, which is the one that runs.
fn version(peer: Peer) -> String {
    let newest = |name| requirement("requirements.txt", name);
    match peer {
        Peer::EngineIo6 | Peer::EngineIo6As3 => package("engine.io"),
        Peer::EngineIo5 | Peer::EngineIo5As3 => package("engine.io-5"),
        Peer::EngineIo4As3 => package("engine.io-4"),
        Peer::EngineIo3 => package("engine.io-3"),
        Peer::SocketIo2 => package("socket.io-2"),
        Peer::Aiohttp3 => {
            let requirement = |name| requirement("requirements-3.txt", name);
            format!("{}, aiohttp {}", requirement("python-engineio"), requirement("aiohttp"))
        }
        Peer::SocketIo => package("socket.io"),
        Peer::Aiohttp => format!("{}, aiohttp {}", newest("python-engineio"), newest("aiohttp")),
        Peer::Uvicorn => format!("{}, uvicorn {}", newest("python-engineio"), newest("uvicorn")),
        Peer::Werkzeug => format!("{}, Werkzeug {}", newest("python-engineio"), newest("Werkzeug")),
        Peer::Gunicorn => format!("{}, gunicorn {}", newest("python-engineio"), newest("gunicorn")),
        Peer::Hyper => format!("{}, hyper {}", dependency("engineioxide"), dependency("hyper")),
        Peer::Axum => format!("{}, axum {}", dependency("engineioxide"), dependency("axum")),
    }
}

fn package(name: &str) -> String {
    let lock: Value =
        serde_json::from_str(&read(&install::sources().join("package-lock.json"))).expect("JSON");
    let version = lock["packages"][format!("node_modules/{name}")]["version"].as_str();
    version.expect("the package is locked").to_owned()
}

fn requirement(file: &str, name: &str) -> String {
    let requirements = read(&install::sources().join(file));
    let version = requirements.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("=="));
    version.expect("it is required").to_owned()
}

/// The newest version, if several are locked.
fn dependency(name: &str) -> String {
    let lock = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock"));
    let head = format!("name = \"{name}\"\nversion = \"");
    let entry = lock.rsplit("[[package]]\n").find_map(|entry| entry.strip_prefix(&head));
    entry.and_then(|rest| rest.split_once('"')).expect("it is locked").0.to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("it is in the repository")
}
