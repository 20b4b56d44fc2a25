//! How large the parts of the crate may be, how its files are named, and which words its prose avoids.
//!
//! `cargo test --test structure -- --nocapture` prints the largest of each.

// To clippy, what helps a test is not itself one.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/source.rs"]
mod source;

use source::{Comment, Source, assert_none, exists, files, is_word, read, sources};

/// Lines between the braces of a function.
const FUNCTION_LINES: usize = 40;

/// Arguments of a function beside `self`.
const ARGUMENTS: usize = 4;

/// Functions that may have another number of arguments.
const OTHER_ARGUMENTS: [(&str, usize); 1] = [
    // A method of rustls's trait.
    ("verify_server_cert", 5),
];

/// Lines of code of a file: not its tests, its comments and its blank lines.
const FILE_LINES: usize = 400;

/// Fields of a struct.
const FIELDS: usize = 12;

/// Structs that may have another number of fields.
const OTHER_FIELDS: [(&str, usize); 1] = [
    // The actor has its links to others and its timer beside the parts that own its state.
    ("EngineIoClient", 14),
];

/// Structs of plain data, which may have any number of fields: none depends on another.
const PLAIN: [&str; 3] = [
    // The options of the builder.
    "Config",
    // The metrics, and what they show.
    "Figures",
    "MetricsSnapshot",
];

/// Expressions that somebody who is not at home in English has to read twice, and those that have several meanings here.
const AVOIDED: [&str; 26] = [
    "anew",
    "at rest",
    "be had",
    "by way of",
    "for good",
    "has left",
    "have left",
    "held back",
    "hold back",
    "holds back",
    "is had",
    "leave to",
    "mend",
    "mended",
    "mends",
    "of use",
    "once a session",
    "owe",
    "owed",
    "owes",
    "save for",
    "save that",
    "stand",
    "standing",
    "stands",
    "told",
];

/// How the comment of a field does not begin: it begins with the noun that the field is.
const NO_NOUN: [&str; 5] = ["how", "what", "when", "whether", "who"];

/// Names of files that say nothing about what is in them.
const DRAWERS: [&str; 6] = ["common", "helper", "helpers", "misc", "util", "utils"];

/// Something that is counted, and where.
struct Figure {
    place: String,
    count: usize,
}

/// Prints the largest, and returns those over their limit.
fn over(what: &str, mut figures: Vec<Figure>, limit: impl Fn(&str) -> usize) -> Vec<String> {
    figures.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.place.cmp(&b.place)));
    println!("{what}, of {}:", figures.len());
    for Figure { place, count } in figures.iter().take(5) {
        println!("{count:6}  {place}");
    }
    let name = |place: &str| place.rsplit(' ').next().unwrap_or_default().to_owned();
    let over = figures.into_iter().filter_map(|Figure { place, count }| {
        let name = name(&place);
        let is_over = count > limit(&name);
        is_over.then(|| format!("{place}: {count} {what}, at most {}", limit(&name)))
    });
    over.collect()
}

fn limit(others: &[(&str, usize)], name: &str) -> Option<usize> {
    others.iter().find(|(other, _)| *other == name).map(|(_, limit)| *limit)
}

/// A function of the crate.
struct Function {
    place: String,
    arguments: usize,
    /// 0 without a body.
    lines: usize,
}

fn functions(source: &Source) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        // `fn(u8)` is a type.
        if token.text != "fn" || !source.text(at + 1).starts_with(is_word) {
            continue;
        }
        let open = after_generics(source, at + 2);
        let close = source.closing(open);
        let mut arguments = count(source, open, close);
        let first = (open + 1..close).take_while(|at| !matches!(source.text(*at), ":" | ","));
        arguments -= usize::from(first.map(|at| source.text(at)).any(|text| text == "self"));
        let mut body = close + 1;
        while !matches!(source.text(body), "{" | ";" | "") {
            body = if source.text(body) == "[" { source.closing(body) + 1 } else { body + 1 };
        }
        let end = if source.text(body) == "{" { source.closing(body) } else { body };
        let line = |at: usize| source.tokens.get(at).map_or(0, |token| token.line);
        found.push(Function {
            place: format!("{}:{} {}", source.file, token.line, source.text(at + 1)),
            arguments,
            lines: (line(end) - line(body)).saturating_sub(1),
        });
    }
    found
}

/// Where the generics end that may begin at `at`.
fn after_generics(source: &Source, mut at: usize) -> usize {
    let mut depth = 0;
    loop {
        match source.text(at) {
            "<" => depth += 1,
            // Of an arrow.
            ">" if source.text(at - 1) == "-" => {}
            ">" => depth -= 1,
            _ => {}
        }
        if depth == 0 && source.text(at) != ">" {
            return at;
        }
        at += 1;
    }
}

/// The parts between two brackets that commas separate.
fn count(source: &Source, open: usize, close: usize) -> usize {
    let (mut parts, mut is_empty, mut angles) = (0, true, 0);
    let mut at = open + 1;
    while at < close {
        match source.text(at) {
            "," if angles == 0 => {
                parts += 1;
                is_empty = true;
                at += 1;
                continue;
            }
            "<" => angles += 1,
            ">" if source.text(at - 1) != "-" => angles -= 1,
            "(" | "[" | "{" => at = source.closing(at),
            _ => {}
        }
        is_empty = false;
        at += 1;
    }
    parts + usize::from(!is_empty)
}

/// A struct of the crate.
struct Struct {
    name: String,
    line: usize,
    fields: usize,
    /// The lines of its braces; of a tuple, both are `line`.
    braces: (usize, usize),
}

fn structs(source: &Source) -> Vec<Struct> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        if token.text != "struct" {
            continue;
        }
        let mut open = after_generics(source, at + 2);
        if source.text(open) == "where" {
            while !matches!(source.text(open), "{" | ";" | "") {
                open += 1;
            }
        }
        let (mut fields, mut braces) = (0, (token.line, token.line));
        if let "{" | "(" = source.text(open) {
            let close = source.closing(open);
            fields = count(source, open, close);
            if source.text(open) == "{" {
                braces = (source.tokens[open].line, source.tokens[close].line);
            }
        }
        found.push(Struct { name: source.text(at + 1).to_owned(), line: token.line, fields, braces });
    }
    found
}

/// Lines that have code on them, and are not built for tests only.
fn code_lines(source: &Source) -> usize {
    let mut lines: Vec<_> = Vec::new();
    let mut at = 0;
    while at < source.tokens.len() {
        let attribute: String = (at..at + 7).map(|at| source.text(at)).collect();
        if attribute == "#[cfg(test)]" {
            at = after_item(source, at + 7);
        } else {
            lines.push(source.tokens[at].line);
            at += 1;
        }
    }
    lines.dedup();
    lines.len()
}

/// Where the item ends that begins at `at`.
fn after_item(source: &Source, mut at: usize) -> usize {
    loop {
        match source.text(at) {
            ";" | "" => return at + 1,
            "{" => return source.closing(at) + 1,
            "(" | "[" => at = source.closing(at) + 1,
            _ => at += 1,
        }
    }
}

/// Comments on neighbouring lines, or lines of a paragraph.
struct Prose {
    file: String,
    lines: Vec<Comment>,
}

/// All comments in Rust, all names of functions, and all Markdown.
fn prose() -> Vec<Prose> {
    let mut found = Vec::new();
    let folders = ["src", "tests", "examples", "benches", "bench/src", "fuzz/fuzz_targets"].map(files);
    let pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "fuzz/README.md"].map(ToOwned::to_owned);
    for file in folders.into_iter().flatten().chain(pages.into_iter().filter(|page| exists(page))) {
        let lines = if file.ends_with(".rs") {
            let source = Source::new(&file, &read(&file));
            let names = source.tokens.windows(2).filter(|window| window[0].text == "fn");
            let names =
                names.map(|window| Comment { text: window[1].text.replace('_', " "), line: window[1].line });
            found.extend(names.flat_map(|name| paragraphs(&file, vec![name])));
            source.comments
        } else if file.ends_with(".md") {
            let text = read(&file);
            let lines = text.lines().enumerate();
            lines.map(|(at, text)| Comment { text: text.to_owned(), line: at + 1 }).collect()
        } else {
            continue;
        };
        found.extend(paragraphs(&file, lines));
    }
    found
}

fn paragraphs(file: &str, lines: Vec<Comment>) -> Vec<Prose> {
    let mut found: Vec<Prose> = Vec::new();
    let mut last = 0;
    for comment in lines.into_iter().filter(|comment| !comment.text.trim().is_empty()) {
        let line = comment.line;
        match found.last_mut() {
            Some(prose) if line == last + 1 => prose.lines.push(comment),
            _ => found.push(Prose { file: file.to_owned(), lines: vec![comment] }),
        }
        last = line;
    }
    found
}

/// A word in lower case, or a sign between words, and its line.
type Word = (String, usize);

/// The words of prose, without what it quotes.
fn words(lines: &[Comment]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut quote = None;
    for Comment { text, line } in lines {
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let len = if is_word(first) {
                let len = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
                words.push((rest[..len].to_lowercase(), *line));
                len
            } else {
                if first == '"' {
                    // A quotation that ends is dropped; one that does not was none.
                    match quote.take() {
                        Some(start) => words.truncate(start),
                        None => quote = Some(words.len()),
                    }
                }
                if !first.is_whitespace() {
                    words.push((first.to_string(), *line));
                }
                first.len_utf8()
            };
            rest = &rest[len..];
        }
    }
    words
}

/// Where `expression` occurs, by line.
fn occurrences(words: &[Word], expression: &str) -> Vec<usize> {
    let expression: Vec<_> = expression.split(' ').collect();
    let found = words.windows(expression.len());
    let found = found.filter(|window| window.iter().map(|(word, _)| word).eq(expression.iter()));
    found.filter_map(|window| window.first()).map(|(_, line)| *line).collect()
}

#[test]
fn functions_are_short_and_take_few_arguments() {
    let functions: Vec<_> = sources("src").iter().flat_map(functions).collect();
    let figures = |figure: fn(&Function) -> usize| {
        let figures = functions.iter();
        figures.map(|function| Figure { place: function.place.clone(), count: figure(function) }).collect()
    };
    let mut faults =
        over("lines of a function's body", figures(|function| function.lines), |_| FUNCTION_LINES);
    faults.extend(over("arguments beside self", figures(|function| function.arguments), |name| {
        limit(&OTHER_ARGUMENTS, name).unwrap_or(ARGUMENTS)
    }));
    assert_none(faults);
}

#[test]
fn structs_have_few_fields() {
    let mut figures = Vec::new();
    for source in sources("src") {
        for Struct { name, line, fields, .. } in structs(&source) {
            if !PLAIN.contains(&name.as_str()) {
                figures.push(Figure { place: format!("{}:{line} {name}", source.file), count: fields });
            }
        }
    }
    assert_none(over("fields of a struct", figures, |name| limit(&OTHER_FIELDS, name).unwrap_or(FIELDS)));
}

#[test]
fn files_are_short() {
    let figures = sources("src").into_iter();
    let figures = figures.map(|source| Figure { count: code_lines(&source), place: source.file });
    assert_none(over("lines of code of a file", figures.collect(), |_| FILE_LINES));
}

#[test]
fn files_are_named_for_what_is_in_them_and_modules_in_one_style() {
    let mut faults = Vec::new();
    for file in files("src") {
        let name = file.rsplit('/').next().unwrap_or_default();
        let stem = name.split('.').next().unwrap_or_default();
        if name == "mod.rs" {
            faults.push(format!("{file}: a module is x.rs, beside the folder x of its children"));
        }
        if DRAWERS.contains(&stem) {
            faults.push(format!("{file}: its name does not say what is in it"));
        }
    }
    assert_none(faults);
}

#[test]
fn prose_uses_plain_words() {
    let mut faults = Vec::new();
    for Prose { file, lines } in prose() {
        let words = words(&lines);
        for expression in AVOIDED {
            let lines = occurrences(&words, expression).into_iter();
            faults.extend(lines.map(|line| format!("{file}:{line}: {expression:?} is to be avoided")));
        }
    }
    assert_none(faults);
}

#[test]
fn the_comment_of_a_field_begins_with_its_noun() {
    let mut faults = Vec::new();
    for source in sources("src") {
        for Struct { name, braces: (open, close), .. } in structs(&source) {
            let is_inside = |comment: &&Comment| (open + 1..close).contains(&comment.line);
            let mut last = 0;
            for Comment { text, line } in source.comments.iter().filter(is_inside) {
                let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
                if *line != last + 1 && NO_NOUN.contains(&first.as_str()) {
                    faults.push(format!("{}:{line}: a field of {name} begins with {first:?}", source.file));
                }
                last = *line;
            }
        }
    }
    assert_none(faults);
}

#[test]
fn the_builder_has_a_table_of_all_its_options() {
    let text = read("src/client/builder.rs");
    let table: Vec<_> = text.lines().filter(|line| line.starts_with("/// | ")).collect();
    let mut faults = Vec::new();
    for source in sources("src/client") {
        if !source.file.starts_with("src/client/builder") {
            continue;
        }
        for at in 0..source.tokens.len() {
            let is_public = source.text(at) == "pub" && source.text(at + 1) == "fn";
            let open = if is_public { after_generics(&source, at + 3) } else { at };
            let is_option = is_public && source.text(open + 1) == "mut" && source.text(open + 2) == "self";
            let name = source.text(at + 2);
            if is_option && !table.iter().any(|line| line.contains(&format!("`{name}`"))) {
                faults.push(format!("{name} has no row in the table of src/client/builder.rs"));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn functions_and_structs_are_measured() {
    let source = Source::new(
        "src/part.rs",
        r##"
            pub(crate) fn first<'a, F: Fn(u8) -> Vec<u8>>(&'a mut self, f: F, (a, b): (u8, u8)) -> [u8; 2]
            where
                F: 'static,
            {
                // A comment.
                call("a string
                    of two lines");
            }
            fn second(text: Map<String, (u8, u8)>,) {}
            fn third(mut self: Box<Self>);
            struct Four<T> where T: Fn(u8, u8) -> u8 { /// How many.
                a: Map<u8, u8>, b: [u8; 4],
                #[cfg(all(a, b))] c: fn(u8, u8) -> u8,
                d: u8 }
            struct Two(u8, pub(crate) Map<u8, u8>);
            struct None;
            #[cfg(test)]
            mod tests {
                struct Unseen;
            }
        "##,
    );
    let functions = functions(&source);
    let measured: Vec<_> = functions.iter().map(|function| (function.arguments, function.lines)).collect();
    assert_eq!(measured, [(2, 3), (1, 0), (0, 0)]);
    assert_eq!(functions.first().map(|function| &*function.place), Some("src/part.rs:2 first"));
    let structs = structs(&source);
    let measured: Vec<_> = structs.iter().map(|found| (found.name.as_str(), found.fields)).collect();
    assert_eq!(measured, [("Four", 4), ("Two", 2), ("None", 0), ("Unseen", 0)]);
    assert_eq!(code_lines(&source), 15);
}

#[test]
fn words_are_found_across_lines_and_not_in_quotations() {
    let text = r#"
        // It is of
        // use. "It
        // is of use", of: use; "Of use.
        let x = "of use";
        // of use
    "#;
    let paragraphs = paragraphs("src/part.rs", Source::new("src/part.rs", text).comments);
    let found = paragraphs.iter().map(|prose| occurrences(&words(&prose.lines), "of use"));
    assert_eq!(found.collect::<Vec<_>>(), [vec![2, 4], vec![6]]);
}
