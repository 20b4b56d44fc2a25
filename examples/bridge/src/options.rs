//! The command line, and the file with the feeds.

use std::{fs, net::SocketAddr, path::Path};

use lexopt::{Arg, Parser, ValueExt as _};

use crate::shard::Shard;

pub(crate) const USAGE: &str = "\
bridge --feeds FILE [--nats URL] [--stream NAME] [--shard I/N] [--metrics ADDRESS] [--print-stored]

Stores the messages of many Engine.IO feeds in a stream of NATS JetStream.

  --feeds FILE         a line for each feed: its name and its URL. Text behind # is a comment
  --nats URL           the NATS server (nats://127.0.0.1:4222)
  --stream NAME        the stream, which is made if it does not exist (feeds). A message of the feed `a` has
                       the subject NAME.a
  --shard I/N          of N processes with the same file, this is number I (1/1)
  --metrics ADDRESS    serves the metrics for Prometheus at http://ADDRESS/metrics
  --print-stored       prints a line for each message that is stored: the feed and the number in the stream";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) feeds: Vec<FeedOptions>,
    pub(crate) nats: String,
    pub(crate) stream: String,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) prints_stored: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeedOptions {
    pub(crate) name: String,
    pub(crate) url: String,
}

impl Options {
    /// `None` if only the usage is wanted.
    pub(crate) fn parse() -> Result<Option<Self>, String> {
        Self::from_args(Parser::from_env()).map_err(|err| format!("{err}\n\n{USAGE}"))
    }

    fn from_args(mut args: Parser) -> Result<Option<Self>, lexopt::Error> {
        let (mut file, mut shard) = (None, Shard::WHOLE);
        let mut options = Self {
            feeds: Vec::new(),
            nats: "nats://127.0.0.1:4222".to_owned(),
            stream: "feeds".to_owned(),
            metrics: None,
            prints_stored: false,
        };
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("feeds") => file = Some(args.value()?),
                Arg::Long("nats") => options.nats = args.value()?.string()?,
                Arg::Long("stream") => options.stream = args.value()?.string()?,
                Arg::Long("shard") => shard = args.value()?.parse()?,
                Arg::Long("metrics") => options.metrics = Some(args.value()?.parse()?),
                Arg::Long("print-stored") => options.prints_stored = true,
                arg => return Err(arg.unexpected()),
            }
        }
        if !is_token(&options.stream) {
            return Err(format!("{:?} cannot be a part of a subject", options.stream).into());
        }
        let file = file.ok_or("--feeds is missing")?;
        let text =
            fs::read_to_string(&file).map_err(|err| format!("{}: {err}", Path::new(&file).display()))?;
        let feeds = feeds(&text).map_err(|err| format!("{}: {err}", Path::new(&file).display()))?;
        options.feeds = feeds.into_iter().filter(|feed| shard.has(&feed.name)).collect();
        Ok(Some(options))
    }
}

/// The feeds of a file.
fn feeds(text: &str) -> Result<Vec<FeedOptions>, String> {
    let mut feeds: Vec<FeedOptions> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, url)) = line.split_once(char::is_whitespace) else {
            return Err(format!("line {number} is not a name and a URL"));
        };
        if !is_token(name) {
            return Err(format!("line {number}: {name:?} cannot be a part of a subject"));
        }
        if feeds.iter().any(|feed| feed.name == name) {
            return Err(format!("line {number}: {name} is there twice"));
        }
        feeds.push(FeedOptions { name: name.to_owned(), url: url.trim().to_owned() });
    }
    Ok(feeds)
}

/// A name that can be a part of a subject of NATS: without dots, blanks and wildcards.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_and_a_url_on_each_line() {
        let text = "# comment\n\na http://localhost:1/?room=7#8\n  b-1\t ws://localhost:2  # comment\n";
        let feed = |name: &str, url: &str| FeedOptions { name: name.to_owned(), url: url.to_owned() };
        let expected = [feed("a", "http://localhost:1/?room=7#8"), feed("b-1", "ws://localhost:2")];
        assert_eq!(feeds(text), Ok(expected.to_vec()));
        assert!(feeds("a http://localhost\nb").unwrap_err().starts_with("line 2 "));
        assert!(feeds("a.b http://localhost").unwrap_err().contains("subject"));
        assert!(feeds("a http://localhost\na http://localhost").unwrap_err().contains("twice"));
    }

    #[test]
    fn a_command_line_without_feeds_or_with_an_impossible_stream_is_refused() {
        let parse = |args: &[&str]| Options::from_args(Parser::from_args(args));
        assert!(parse(&["--help"]).unwrap().is_none());
        assert!(parse(&[]).unwrap_err().to_string().contains("--feeds"));
        assert!(parse(&["--stream", "a.b"]).unwrap_err().to_string().contains("subject"));
        assert!(parse(&["--shard", "3/2"]).unwrap_err().to_string().contains("shard"));
        assert!(parse(&["--feeds", "/does/not/exist"]).unwrap_err().to_string().contains("exist"));
    }
}
