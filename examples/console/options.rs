//! The arguments of the command line.

use actix::Addr;
use actix_engineio::{EngineIoClient, TransportKind};
use lexopt::{Arg, Error, Parser, ValueExt as _};

pub(crate) const USAGE: &str = "\
console [OPTIONS] [URL]

    --header 'NAME: VALUE'    a header for every request; may be given several times
    --transport NAME          polling or websocket; the first opens the session (both, in this order)
    --path PATH               where the server listens (engine.io)
    --wait SECONDS            in a pipe, how long to wait for the next answer at the end (1)
    --insecure                do not verify the server's certificate

Without a URL it brings a server that sends everything back.";

#[derive(Default)]
pub(crate) struct Options {
    /// Empty when it was not given.
    pub(crate) url: String,
    /// Seconds.
    pub(crate) wait: f64,
    headers: Vec<(String, String)>,
    transports: Vec<TransportKind>,
    path: Option<String>,
    insecure: bool,
}

impl Options {
    /// `None` when help is asked for.
    pub(crate) fn parse(mut arguments: Parser) -> Result<Option<Self>, Error> {
        let mut options = Self { wait: 1.0, ..Self::default() };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("header") => options.headers.push(header(arguments.value()?.string()?)?),
                Arg::Long("transport") => options.transports.push(arguments.value()?.parse()?),
                Arg::Long("path") => options.path = Some(arguments.value()?.string()?),
                Arg::Long("wait") => options.wait = arguments.value()?.parse_with(seconds)?,
                Arg::Long("insecure") => options.insecure = true,
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Value(url) if options.url.is_empty() => options.url = url.string()?,
                argument => return Err(argument.unexpected()),
            }
        }
        Ok(Some(options))
    }

    pub(crate) fn client(&self) -> Addr<EngineIoClient> {
        let mut builder = EngineIoClient::builder().ssl_verify(!self.insecure);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        if !self.transports.is_empty() {
            builder = builder.transports(self.transports.iter().copied());
        }
        if let Some(path) = &self.path {
            builder = builder.path(path);
        }
        builder.start()
    }
}

fn header(line: String) -> Result<(String, String), Error> {
    let (name, value) = line.split_once(':').ok_or("a header is written 'NAME: VALUE'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("not a number of seconds".to_owned()),
    }
}
