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
fn only_compressed_messages_and_bodies_name_the_library_of_deflate() {
    let allowed = ["src/protocol/websocket/deflate.rs", "src/transport/http/coding.rs"];
    let mut faults = Vec::new();
    for source in sources("src") {
        if !allowed.contains(&source.file.as_str()) {
            faults.extend(source.starting_with(&["flate2", "miniz_oxide"]));
        }
    }
    // The other end of a test.
    faults.retain(|fault| !fault.starts_with("src/protocol/websocket/oracle.rs"));
    assert_none(faults);
}

#[test]
fn only_tests_use_the_server_for_tests() {
    let sources = sources("src");
    let others = sources.iter().filter(|source| !source.file.starts_with("src/testing"));
    assert_none(others.flat_map(|source| source.starting_with(&["crate::testing"])).collect());
}

#[test]
fn the_life_around_sessions_knows_no_runtime_no_clock_no_randomness_and_no_log() {
    const BANNED: [&str; 6] = ["actix", "tokio", "futures", "rand", "log", "std::task"];
    let mut faults = Vec::new();
    let sources = sources("src/client");
    let is_pure =
        |file: &str| file.starts_with("src/client/outbox") || file.starts_with("src/client/lifecycle");
    for source in sources.iter().filter(|source| is_pure(&source.file)) {
        faults.extend(source.starting_with(&BANNED));
        faults.extend(source.report(|named| {
            named.path.ends_with("Instant::now") || named.path.starts_with("crate::client::timer")
        }));
    }
    assert_none(faults);
}

/// Whatever can open a connection or do TLS.
const CONNECTING: [&str; 14] = [
    "actix_rt::net",
    "actix_service",
    "actix_tls",
    "awc",
    "hyper",
    "mio",
    "rustls",
    "socket2",
    "std::net::TcpStream",
    "std::os::unix::net",
    "tokio::net",
    "tokio_openssl",
    "tokio_rustls",
    "tokio_socks",
];

#[test]
fn only_the_network_names_what_opens_connections() {
    // The options name awc's types, the root re-exports them, and an error recognizes an alert of TLS.
    let options =
        ["actix_rt::net::ActixStream", "actix_service::Service", "actix_tls::connect", "awc", "rustls"];
    // The server for users' tests accepts connections.
    let exceptions: [(&str, &[&str]); 5] = [
        ("src/client/builder/network.rs", &options),
        ("src/error/transport.rs", &["rustls"]),
        ("src/lib.rs", &["awc", "rustls"]),
        ("src/testing/listener.rs", &["tokio::net::TcpListener", "tokio::net::TcpSocket"]),
        ("src/testing/stream.rs", &["tokio::net::TcpStream"]),
    ];
    let mut faults = Vec::new();
    for source in sources("src").iter().filter(|source| !source.file.starts_with("src/transport/network")) {
        let exception = exceptions.iter().find(|(file, _)| *file == source.file);
        let allowed = exception.map_or(Vec::new(), |(_, paths)| source.starting_with(paths));
        faults.extend(source.starting_with(&CONNECTING).into_iter().filter(|fault| !allowed.contains(fault)));
    }
    assert_none(faults);
}

#[test]
fn awc_opens_every_connection_and_the_dialer_inside_of_it_makes_the_byte_stream() {
    /// A path or a method, and the files of the network that may take this step.
    const STEPS: [(&str, &[&str]); 11] = [
        // The way to awc.
        ("Opener::shared", &["network.rs"]),
        ("Connector::new", &["opener.rs"]),
        // The way from the dialer, which awc calls.
        (".reach", &["dialer.rs"]),
        (".through", &["network.rs"]),
        (".socks", &["proxy.rs"]),
        (".dial_proxy", &["proxy.rs", "socks.rs"]),
        (".dial", &["network.rs", "proxy.rs"]),
        ("tokio::net::TcpSocket", &["tcp.rs"]),
        ("tokio::net::UnixStream", &["network.rs"]),
        // An option of a TCP connection. socket2 opens none.
        ("socket2::SockRef::from", &["unsent.rs"]),
        // TLS to IPv6 addresses, which awc cannot do.
        ("TlsConnector::service", &["tls.rs"]),
    ];
    let sources = sources("src/transport");
    assert_none(sources.iter().flat_map(|source| taking(source, "TcpStream::connect")).collect());
    for (step, files) in STEPS {
        let (allowed, faults): (Vec<_>, Vec<_>) =
            sources.iter().partition(|source| files.iter().any(|file| source.file.ends_with(file)));
        assert_none(faults.iter().flat_map(|source| taking(source, step)).collect());
        assert!(
            allowed.iter().any(|source| !taking(source, step).is_empty()),
            "nobody takes the step {step}"
        );
    }
}

/// Where a path such as `tokio::net::UnixStream` is named, or a method such as `.reach` is called.
fn taking(source: &Source, step: &str) -> Vec<String> {
    let Some(method) = step.strip_prefix('.') else { return source.report(|named| named.path == step) };
    let is_call = |window: &&[Token]| matches!(window, [dot, name, open] if dot.text == "." && name.text == method && open.text == "(");
    let calls = source.tokens.windows(3).filter(is_call).filter_map(|window| window.first());
    calls.map(|call| format!("{}:{}: {step}", source.file, call.line)).collect()
}

#[test]
fn nothing_panics_on_purpose() {
    let mut faults = Vec::new();
    // A test fails by a panic, and this file has the only one.
    let fails_tests = |source: &Source| source.file == "src/testing/failure.rs";
    for source in sources("src").iter().filter(|source| !fails_tests(source)) {
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
