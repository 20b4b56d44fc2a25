//! Lines in and out: with a prompt, history and colours at a terminal, without in a pipe.

use std::{
    borrow::Cow,
    cell::RefCell,
    env,
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
    sync::mpsc as blocking,
    thread,
};

use actix_engineio::Data;
use rustyline::{
    Context, Editor, ExternalPrinter, Helper, completion::Completer, highlight::Highlighter, hint::Hinter,
    history::MemHistory, validate::Validator,
};
use tokio::sync::mpsc;

use crate::command::NAMES;

const RED: &str = "31";
const CYAN: &str = "36";
const DIM: &str = "2";

/// Bytes of a binary message that a terminal is shown.
const SHOWN: usize = 32;

pub(crate) fn open() -> rustyline::Result<(Input, Output)> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        // What is not UTF-8 ends the input, as its end does.
        let input = Input::start(|| io::stdin().lines().next()?.map_err(|err| eprintln!("! {err}")).ok());
        return Ok((input, Output { printer: None, colours: false }));
    }
    let colours = env::var_os("NO_COLOR").is_none();
    let mut editor: Editor<Commands, MemHistory> =
        Editor::with_history(Default::default(), MemHistory::new())?;
    editor.set_helper(Some(Commands));
    let printer: Box<dyn ExternalPrinter> = Box::new(editor.create_external_printer()?);
    let input = Input::start(move || {
        let line = editor.readline("> ").ok()?;
        // A history that is full forgets its oldest line.
        let _ = editor.add_history_entry(&line);
        Some(line)
    });
    Ok((input, Output { printer: Some(RefCell::new(printer)), colours }))
}

/// Lines, read on a thread of their own and only when asked for: when nobody asks any more, the terminal is free again.
pub(crate) struct Input {
    asks: blocking::Sender<()>,
    lines: mpsc::Receiver<String>,
}

impl Input {
    fn start(mut read: impl FnMut() -> Option<String> + Send + 'static) -> Self {
        let (asks, asked) = blocking::channel();
        let (sender, lines) = mpsc::channel(1);
        thread::spawn(move || {
            while let Ok(()) = asked.recv() {
                let Some(line) = read() else { break };
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        Self { asks, lines }
    }

    /// `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.asks.send(()).ok()?;
        self.lines.recv().await
    }
}

pub(crate) struct Output {
    /// Prints above the line that is being typed.
    printer: Option<RefCell<Box<dyn ExternalPrinter>>>,
    colours: bool,
}

impl Output {
    pub(crate) fn is_interactive(&self) -> bool {
        self.printer.is_some()
    }

    pub(crate) fn message(&self, data: &Data) {
        if self.is_interactive() {
            let text = match data {
                Data::Text(text) => printable(text),
                Data::Binary(bytes) => {
                    let dots = if bytes.len() > SHOWN { " .." } else { "" };
                    format!("{} bytes:{}{dots}", bytes.len(), hex(bytes.iter().take(SHOWN), " "))
                }
            };
            return self.print(CYAN, &format!("< {text}"));
        }
        // Whoever reads may have seen enough.
        let _ = match data {
            Data::Text(text) if io::stdout().is_terminal() => writeln!(io::stdout(), "{}", printable(text)),
            Data::Text(text) => writeln!(io::stdout(), "{text}"),
            Data::Binary(bytes) => writeln!(io::stdout(), "/binary {}", hex(bytes, "")),
        };
    }

    pub(crate) fn notice(&self, text: &str) {
        // A part of it may be text of the server.
        let text = printable(text);
        if self.is_interactive() { self.print(DIM, &text) } else { eprintln!("* {text}") }
    }

    pub(crate) fn error(&self, text: &str) {
        let text = printable(text);
        if self.is_interactive() { self.print(RED, &text) } else { eprintln!("! {text}") }
    }

    fn print(&self, colour: &str, text: &str) {
        let Some(printer) = &self.printer else { return };
        let lines = text.lines().map(|line| match self.colours {
            true => format!("\x1b[{colour}m{line}\x1b[0m\n"),
            false => format!("{line}\n"),
        });
        // A terminal that is gone ends the input, too.
        let _ = printer.borrow_mut().print(lines.collect());
    }
}

/// A server may not move the cursor.
fn printable(text: &str) -> String {
    let is_harmless = |char: char| !char.is_control() || char == '\n' || char == '\t';
    text.chars().fold(String::new(), |mut printable, char| {
        match is_harmless(char) {
            true => printable.push(char),
            false => printable.extend(char.escape_default()),
        }
        printable
    })
}

fn hex<'a>(bytes: impl IntoIterator<Item = &'a u8>, before: &str) -> String {
    bytes.into_iter().fold(String::new(), |mut hex, byte| {
        // A `String` takes everything.
        let _ = write!(hex, "{before}{byte:02x}");
        hex
    })
}

/// Completes the names of the commands, and colours them.
struct Commands;

impl Completer for Commands {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..at).unwrap_or(line);
        let matches = |name: &&str| !typed.is_empty() && name.starts_with(typed);
        Ok((0, NAMES.into_iter().filter(matches).map(str::to_owned).collect()))
    }
}

impl Highlighter for Commands {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if !line.starts_with('/') || line.starts_with("//") {
            return line.into();
        }
        let end = line.find(' ').unwrap_or(line.len());
        let (name, argument) = line.split_at(end);
        format!("\x1b[33m{name}\x1b[0m{argument}").into()
    }

    fn highlight_char(&self, line: &str, _: usize, _: rustyline::highlight::CmdKind) -> bool {
        line.starts_with('/')
    }
}

impl Hinter for Commands {
    type Hint = String;
}

impl Validator for Commands {}

impl Helper for Commands {}
