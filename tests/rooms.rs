//! What each part of the crate may name. The compiler does not know these rules, so this reads the sources.

// To clippy, what helps a test is not itself one.
#![allow(clippy::expect_used)]

#[path = "support/source.rs"]
mod source;

use source::{Source, Token, assert_none, sources};

#[test]
fn the_protocol_knows_no_runtime_no_socket_no_clock_no_randomness_and_no_log() {
    const BANNED: [&str; 8] =
        ["actix", "awc", "tokio", "rand", "log", "std::net", "std::thread", "std::time::SystemTime"];
    let mut faults = Vec::new();
    for source in sources("src/protocol") {
        let is_codec =
            ["src/protocol/websocket.rs", "src/protocol/websocket/encode.rs"].contains(&source.file.as_str());
        let found = source.starting_with(&BANNED).into_iter();
        faults.extend(found.filter(|fault| !(is_codec && fault.contains(": actix_codec::"))));
        // As a type, an instant is one that the caller passed in.
        faults.extend(source.report(|named| named.path.ends_with("Instant::now")));
    }
    assert_none(faults);
}

#[test]
fn a_room_names_no_room_above_it() {
    // Names at the root of the crate are re-exports of any room, so they are refused too.
    for (folder, rooms) in [
        ("src/protocol", ["crate::data", "crate::error", "crate::protocol"].as_slice()),
        ("src/transport", &["crate::data", "crate::error", "crate::protocol", "crate::transport"]),
    ] {
        for source in sources(folder) {
            let own = source.starting_with(&["crate"]);
            let allowed = source.starting_with(rooms);
            assert_none(own.into_iter().filter(|named| !allowed.contains(named)).collect());
        }
    }
}

#[test]
fn the_life_around_sessions_knows_no_runtime_no_clock_no_randomness_and_no_log() {
    const BANNED: [&str; 6] = ["actix", "tokio", "futures", "rand", "log", "std::task"];
    let mut faults = Vec::new();
    let sources = sources("src/client");
    let is_pure = |file: &str| file == "src/client/outbox.rs" || file.starts_with("src/client/lifecycle");
    for source in sources.iter().filter(|source| is_pure(&source.file)) {
        faults.extend(source.starting_with(&BANNED));
        faults.extend(source.report(|named| {
            named.path.ends_with("Instant::now") || named.path.starts_with("crate::client::timer")
        }));
    }
    assert_none(faults);
}

#[test]
fn the_client_opens_no_connection() {
    const BANNED: [&str; 4] = ["tokio::net", "tokio_rustls", "tokio_socks", "std::net::TcpStream"];
    assert_none(sources("src/client").iter().flat_map(|source| source.starting_with(&BANNED)).collect());
}

#[test]
fn nothing_panics_on_purpose() {
    let mut faults = Vec::new();
    for source in sources("src") {
        for window in source.tokens.windows(3) {
            let [before, word, after] = window else { continue };
            let is_fault = match word.text.as_str() {
                "unwrap" | "unwrap_err" | "expect" | "expect_err" => {
                    matches!(before.text.as_str(), "." | "::")
                }
                "panic" | "unreachable" | "todo" | "unimplemented" => after.text == "!",
                _ => false,
            };
            if is_fault {
                faults.push(format!("{}:{}: {}", source.file, word.line, word.text));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn the_root_of_the_crate_has_no_logic() {
    let sources = sources("src");
    let root = sources.iter().find(|source| source.file == "src/lib.rs").expect("there is a root");
    let is_logic = |token: &&Token| {
        ["const", "enum", "fn", "impl", "let", "macro_rules", "static", "trait", "type"]
            .contains(&token.text.as_str())
    };
    let faults = root.tokens.iter().filter(is_logic);
    assert_none(faults.map(|token| format!("{}:{}: {}", root.file, token.line, token.text)).collect());
}

#[test]
fn paths_are_found_in_groups_and_not_in_comments_or_literals() {
    let source = Source::new(
        "src/protocol/connection.rs",
        r##"
            // use awc::Client;
            /* awc::Client /* nested */ awc::Client */
            use std::{net::TcpStream, time::{Duration, Instant as Now}};
            use super::{super::client, packet::Packet};
            pub(crate) use self::queue::*;
            const QUOTES: [char; 3] = ['"', '\'', '\\'];
            fn f<'a>(text: &'a str) { log::debug!("awc::{}", r#"awc::"quoted""#); <Vec<u8>>::new(); }
        "##,
    );
    let named: Vec<_> = source.paths.iter().map(|named| (named.line, named.path.as_str())).collect();
    assert_eq!(
        named,
        [
            (4, "std::net::TcpStream"),
            (4, "std::time::Duration"),
            (4, "std::time::Instant"),
            (5, "crate::client"),
            (5, "crate::protocol::packet::Packet"),
            (6, "crate::protocol::connection::queue::*"),
            (8, "log::debug"),
        ]
    );
    assert_eq!(
        source.starting_with(&["std::net", "lo"]),
        ["src/protocol/connection.rs:4: std::net::TcpStream"]
    );
}
