//! Reads the sources of the crate, for rules that the compiler does not know.

// Each test crate uses its share. To clippy, what helps a test is not itself one.
#![allow(dead_code, clippy::expect_used, clippy::indexing_slicing)]

use std::{fs, path::Path};

/// A word, a `::`, a literal, or any other character of the code.
pub(crate) struct Token {
    /// Empty for a literal.
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// One line of a comment, without its slashes.
pub(crate) struct Comment {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path such as `std::time::Instant`, with `self`, `super` and the groups of a `use` spelled out.
pub(crate) struct Named {
    pub(crate) path: String,
    pub(crate) line: usize,
}

pub(crate) struct Source {
    /// Such as `src/protocol/packet.rs`.
    pub(crate) file: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) paths: Vec<Named>,
}

impl Source {
    pub(crate) fn new(file: &str, text: &str) -> Self {
        let (tokens, comments) = tokens(text);
        let paths = paths(&tokens, &module(file));
        Self { file: file.to_owned(), tokens, comments, paths }
    }

    /// Where a path is named that starts with one of `banned`: `std::net`, or `actix` for all crates of actix.
    pub(crate) fn starting_with(&self, banned: &[&str]) -> Vec<String> {
        let is_banned = |path: &str| {
            banned.iter().any(|banned| {
                let end = path.strip_prefix(banned).map(|rest| rest.chars().next());
                matches!(end, Some(None | Some(':' | '_')))
            })
        };
        self.report(|named| is_banned(&named.path))
    }

    pub(crate) fn report(&self, is_fault: impl Fn(&Named) -> bool) -> Vec<String> {
        let faults = self.paths.iter().filter(|named| is_fault(named));
        faults.map(|named| format!("{}:{}: {}", self.file, named.line, named.path)).collect()
    }

    /// The text of a token, and nothing behind the last one.
    pub(crate) fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    /// Where the bracket closes that opens at token `at`.
    pub(crate) fn closing(&self, at: usize) -> usize {
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(at) {
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" if depth == 1 => return at,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
        }
        self.tokens.len()
    }
}

/// The sources under `folder`, without the files of unit tests.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
    let found: Vec<_> = files(folder)
        .into_iter()
        .filter(|file| file.ends_with(".rs") && !is_test(file))
        .map(|file| Source::new(&file, &read(&file)))
        .collect();
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// Whether there is such a file or folder. Not all of them are part of the published package.
pub(crate) fn exists(file: &str) -> bool {
    Path::new(file).exists()
}

/// Every file under `folder`, in order, except what cargo has built there. Cargo runs tests in the folder of the package.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !exists(folder) {
        return found;
    }
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let entry = entry.expect("its entries can be read");
        let file = format!("{folder}/{}", entry.file_name().into_string().expect("names are UTF-8"));
        if entry.path().is_dir() {
            if !file.ends_with("/target") {
                found.extend(files(&file));
            }
        } else {
            found.push(file);
        }
    }
    found.sort();
    found
}

pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(file).expect("sources are UTF-8")
}

/// Whether a file is only built for tests or for fuzzing.
fn is_test(file: &str) -> bool {
    file.split('/').any(|name| {
        matches!(name, "tests" | "tests.rs" | "model" | "model.rs" | "autobahn.rs" | "fuzzing.rs")
    })
}

pub(crate) fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Splits code into tokens and comments. What literals contain is dropped.
fn tokens(text: &str) -> (Vec<Token>, Vec<Comment>) {
    let (mut tokens, mut comments) = (Vec::new(), Vec::new());
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let mut push = |text: &str| tokens.push(Token { text: text.to_owned(), line });
        let len = if let Some(len) = comment(rest) {
            let lines = rest[..len].lines().enumerate();
            comments.extend(lines.map(|(at, text)| Comment { text: words_of(text), line: line + at }));
            len
        } else if let Some(len) = literal(rest) {
            for (at, _) in rest[..len].lines().enumerate() {
                tokens.push(Token { text: String::new(), line: line + at });
            }
            len
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
    (tokens, comments)
}

pub(crate) fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// The length of the comment that `text` begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| block_comment(text))
}

/// A line of a comment without what makes it one.
fn words_of(line: &str) -> String {
    line.trim_start_matches(['/', '!', '*', ' ']).trim_end_matches(['/', '*', ' ']).to_owned()
}

/// The length of the string or character that `text` begins with.
fn literal(text: &str) -> Option<usize> {
    if let Some(len) = raw_string(text) {
        return Some(len);
    }
    let unescaped = text.chars().nth(2) == Some('\'');
    match text.chars().next()? {
        '"' => Some(quoted(text, '"')),
        // Any other quote begins a lifetime.
        '\'' if text[1..].starts_with('\\') || unescaped => Some(quoted(text, '\'')),
        _ => None,
    }
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
            // The new name is not a path.
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
