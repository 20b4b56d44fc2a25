//! What each part of the crate may name. The compiler does not know these rules, so this reads the sources.

// To clippy, what helps a test is not itself one.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::fs;

/// A word, a `::`, or any other character of the code.
struct Token {
    text: String,
    line: usize,
}

/// A path such as `std::time::Instant`, with `self`, `super` and the groups of a `use` spelled out.
struct Named {
    path: String,
    line: usize,
}

struct Source {
    /// Such as `src/protocol/packet.rs`.
    file: String,
    tokens: Vec<Token>,
    paths: Vec<Named>,
}

impl Source {
    fn new(file: &str, text: &str) -> Self {
        let tokens = tokens(text);
        let paths = paths(&tokens, &module(file));
        Self { file: file.to_owned(), tokens, paths }
    }

    /// Where a path is named that starts with one of `banned`: `std::net`, or `actix` for all crates of actix.
    fn starting_with(&self, banned: &[&str]) -> Vec<String> {
        let is_banned = |path: &str| {
            banned.iter().any(|banned| {
                let end = path.strip_prefix(banned).map(|rest| rest.chars().next());
                matches!(end, Some(None | Some(':' | '_')))
            })
        };
        self.report(|named| is_banned(&named.path))
    }

    fn report(&self, is_fault: impl Fn(&Named) -> bool) -> Vec<String> {
        let faults = self.paths.iter().filter(|named| is_fault(named));
        faults.map(|named| format!("{}:{}: {}", self.file, named.line, named.path)).collect()
    }
}

/// The sources under `folder`, without the files of unit tests.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(folder, &mut found);
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

fn collect(folder: &str, found: &mut Vec<Source>) {
    // Cargo runs tests in the folder of the package.
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let entry = entry.expect("its entries can be read");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        let file = format!("{folder}/{name}");
        match name.as_str() {
            // The last two are built for tests and for fuzzing alone.
            "tests" | "tests.rs" | "model.rs" | "autobahn.rs" | "fuzzing.rs" => {}
            _ if entry.path().is_dir() => collect(&file, found),
            _ if name.ends_with(".rs") => {
                found.push(Source::new(&file, &fs::read_to_string(entry.path()).expect("sources are UTF-8")));
            }
            _ => {}
        }
    }
}

/// Splits code into tokens, without comments and without what literals hold.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let mut push = |text: &str| tokens.push(Token { text: text.to_owned(), line });
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(len) = raw_string(rest) {
            len
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'')) {
            // Any other quote begins a lifetime.
            quoted(rest, '\'')
        } else if is_word(first) {
            let len = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
            push(&rest[..len]);
            len
        } else if rest.starts_with("::") {
            push("::");
            2
        } else {
            if !first.is_whitespace() {
                push(&rest[..first.len_utf8()]);
            }
            first.len_utf8()
        };
        line += rest[..len].matches('\n').count();
        rest = &rest[len..];
    }
    tokens
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let start = text.len() - rest.len() + hashes + 1;
    rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text[start..].find(&end).map_or(text.len(), |at| start + at + end.len()))
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if char == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The module that a file holds: `["protocol", "packet"]` for `src/protocol/packet.rs`.
fn module(file: &str) -> Vec<&str> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    path.split('/').filter(|name| !name.is_empty() && *name != "lib").collect()
}

/// Every path that the code names, in `use` declarations and elsewhere.
fn paths(tokens: &[Token], module: &[&str]) -> Vec<Named> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if text(at) == "use" && text(at + 1) != "<" {
            at = tree(tokens, at + 1, &[], &mut found);
        } else if text(at).starts_with(is_word) && text(at + 1) == "::" {
            let (start, mut path) = (at, vec![text(at)]);
            while text(at + 1) == "::" && text(at + 2).starts_with(is_word) {
                path.push(text(at + 2));
                at += 2;
            }
            found.push((path, tokens[start].line));
            at += 1;
        } else {
            at += 1;
        }
    }
    let named = found.into_iter();
    named.map(|(path, line)| Named { path: absolute(&path, module).join("::"), line }).collect()
}

/// Reads one tree of a `use` declaration that starts at `at`, and returns where it ends.
fn tree<'a>(
    tokens: &'a [Token],
    mut at: usize,
    prefix: &[&'a str],
    found: &mut Vec<(Vec<&'a str>, usize)>,
) -> usize {
    let mut path = prefix.to_vec();
    let mut line = 0;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => {}
            "{" => {
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = tree(tokens, at + 1, &path, found);
                }
                return at + 1;
            }
            "," | "}" | ";" => break,
            // The new name is no path.
            "as" => at += 1,
            word => {
                path.push(word);
                line = token.line;
            }
        }
        at += 1;
    }
    if path.len() > prefix.len() {
        found.push((path, line));
    }
    at
}

fn absolute<'a>(path: &[&'a str], module: &[&'a str]) -> Vec<&'a str> {
    let up = path.iter().take_while(|segment| **segment == "super").count();
    if up == 0 && path.first() != Some(&"self") {
        return path.to_vec();
    }
    let rest = path.iter().filter(|segment| !matches!(**segment, "self" | "super"));
    let parent = &module[..module.len().saturating_sub(up)];
    std::iter::once(&"crate").chain(parent).chain(rest).copied().collect()
}

fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

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
