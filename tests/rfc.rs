//! `rfc.md`, the table of what the RFCs ask of a client: every row names tests that exist, or says why there is none.

// To clippy, what helps a test is not itself one.
#![allow(clippy::expect_used)]

#[path = "support/source.rs"]
mod source;

use std::collections::BTreeSet;

use source::{Source, assert_none, files, read};

/// The functions of the crate and of its tests.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in ["src", "tests"].into_iter().flat_map(files).filter(|file| file.ends_with(".rs")) {
        let source = Source::new(&file, &read(&file));
        let functions = (0..source.tokens.len()).filter(|at| source.text(*at) == "fn");
        names.extend(functions.map(|at| source.text(at + 1).to_owned()));
    }
    names
}

/// The rows of a table: the number of the line, and the cells.
fn rows(text: &str) -> Vec<(usize, Vec<&str>)> {
    let rows = (1..)
        .zip(text.lines())
        .filter(|(_, line)| line.starts_with("| ") && !line.starts_with("| section |"));
    rows.map(|(line, row)| (line, row.trim_matches('|').split(" | ").map(str::trim).collect())).collect()
}

/// What is in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_row_names_tests_that_exist_or_a_reason() {
    let (text, functions) = (read("tests/rfc.md"), functions());
    let rows = rows(&text);
    assert!(rows.len() > 100, "{} rows", rows.len());
    let mut faults = Vec::new();
    for (line, cells) in rows {
        let [_, _, proof] = cells[..] else {
            faults.push(format!("tests/rfc.md:{line}: a row has three cells"));
            continue;
        };
        // A name of several words is that of a test; others are names of headers and the like.
        let tests: Vec<_> = quoted(proof).filter(|name| name.matches('_').count() > 1).collect();
        if tests.is_empty() && !proof.starts_with("Reason: ") {
            faults.push(format!("tests/rfc.md:{line}: neither a test nor a reason"));
        }
        let missing = tests.into_iter().filter(|name| !functions.contains(*name));
        faults.extend(missing.map(|name| format!("tests/rfc.md:{line}: there is no test {name}")));
    }
    assert_none(faults);
}
