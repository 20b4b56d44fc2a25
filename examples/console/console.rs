//! Talks to an Engine.IO server from a terminal: a line that is typed is sent, what comes is printed.
//!
//! ```sh
//! cargo run -p console                             # with a server of its own
//! cargo run -p console -- http://localhost:5000    # with yours; --help lists the options
//! echo '{"a":1}' | cargo run -p console -- http://localhost:5000 | jq .
//! ```
//!
//! In a pipe, messages go to the standard output as they are, binary ones as the `/binary` command that would send them, and
//! notices to the standard error.

use std::{error::Error, process::ExitCode, rc::Rc, time::Duration};

use actix::prelude::*;
use actix_engineio::{
    self as engineio, Connect, Disconnect, EngineIoClient, Event, EventStream, Flush, GetStatus, State,
};
use actix_rt::time::timeout;
use futures_util::StreamExt as _;
use tokio::sync::watch;

use crate::{
    command::{Command, HELP},
    embedded::EmbeddedServer,
    options::{Options, USAGE},
    terminal::{Input, Output},
};

mod command;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../embedded/mod.rs"]
mod embedded;
mod options;
mod terminal;

#[actix::main]
async fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}\n\n{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(err) => {
            eprintln!("{err}; --help lists the options");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("! {err}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut options: Options) -> Result<(), Box<dyn Error>> {
    let (input, output) = terminal::open()?;
    let output = Rc::new(output);
    let _server = if options.url.is_empty() {
        let server = EmbeddedServer::echo()?;
        options.url = server.url();
        Some(server)
    } else {
        None
    };

    let client = options.client();
    let events = EventStream::subscribe(&client).await?;
    let (count, received) = watch::channel(0);
    // Prints while the other side waits: a program that reads only between two sends may find both queues full.
    let printing = actix_rt::spawn(print(events, output.clone(), count));

    let mut console = Console { client, options, output, received, sent: 0 };
    let outcome = console.work(input).await;
    console.client.send(Disconnect::new()).await?;
    // Without its last address the client stops, and the events end.
    drop(console);
    printing.await?;
    outcome
}

async fn print(mut events: EventStream, output: Rc<Output>, count: watch::Sender<u64>) {
    while let Some(event) = events.next().await {
        match event {
            Event::Connected(session) => {
                output.notice(&format!("connected over {}, sid {}", session.transport, session.sid));
            }
            Event::Upgraded(transport) => output.notice(&format!("upgraded to {transport}")),
            Event::UpgradeFailed(err) => output.notice(&format!("not upgraded: {err}")),
            Event::Message(data) => {
                output.message(&data);
                count.send_modify(|count| *count += 1);
            }
            Event::Disconnected(end) => output.notice(&format!("disconnected: {}", end.reason)),
            Event::Reconnecting(next) => output.notice(&format!(
                "connecting again in {:.1?}, attempt {}, after: {}",
                next.delay, next.attempt, next.cause
            )),
            Event::ReconnectFailed(err) => output.notice(&format!("gave up: {err}")),
            event => output.notice(&format!("{event:?}")),
        }
    }
}

struct Console {
    client: Addr<EngineIoClient>,
    options: Options,
    output: Rc<Output>,
    /// Messages that have come.
    received: watch::Receiver<u64>,
    sent: u64,
}

impl Console {
    /// Does what the lines say. In a pipe the first failure ends it.
    async fn work(&mut self, mut input: Input) -> Result<(), Box<dyn Error>> {
        let connected = self.connect(self.options.url.clone()).await;
        self.tell(connected)?;
        while let Some(line) = input.next().await {
            let outcome = match line.parse() {
                Ok(Command::Quit) => return Ok(()),
                Ok(command) => self.run(command).await,
                Err(err) => Err(Box::from(err)),
            };
            self.tell(outcome)?;
        }
        if !self.output.is_interactive() {
            self.drain().await?;
        }
        Ok(())
    }

    fn tell(&self, outcome: Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        match outcome {
            Err(err) if self.output.is_interactive() => self.output.error(&err.to_string()),
            outcome => outcome?,
        }
        Ok(())
    }

    async fn run(&mut self, command: Command) -> Result<(), Box<dyn Error>> {
        match command {
            Command::Send(data) => {
                self.client.send(engineio::Send::new(data)).await??;
                self.sent += 1;
            }
            Command::Status => self.status().await?,
            Command::Disconnect => self.client.send(Disconnect::new()).await?,
            Command::Connect(url) => {
                let url = url.unwrap_or_else(|| self.options.url.clone());
                self.connect(url).await?;
            }
            Command::Help => self.output.notice(HELP),
            Command::Nothing | Command::Quit => {}
        }
        Ok(())
    }

    /// Connects to `url`, which becomes the default if it succeeds.
    async fn connect(&mut self, url: String) -> Result<(), Box<dyn Error>> {
        match self.client.send(GetStatus).await?.state {
            State::Disconnected => {}
            state => return Err(format!("{state} to {}; /disconnect first", self.options.url).into()),
        }
        self.output.notice(&format!("connecting to {url}"));
        self.client.send(Connect::new(&url)).await??;
        self.options.url = url;
        Ok(())
    }

    async fn status(&self) -> Result<(), MailboxError> {
        let status = self.client.send(GetStatus).await?;
        let mut text = status.state.to_string();
        if let Some(transport) = status.transport {
            text += &format!(" over {transport}");
        }
        if let Some(round_trip) = status.round_trip {
            text += &format!(", round trip {round_trip:.1?}");
        }
        let counters = &status.counters;
        text += &format!(", sent {} bytes, received {}", counters.bytes_sent, counters.bytes_received);
        if status.queued_messages > 0 {
            text += &format!(", {} waiting", status.queued_messages);
        }
        if let Some(err) = &status.last_error {
            text += &format!(", last failure: {err}");
        }
        self.output.notice(&text);
        Ok(())
    }

    /// Waits until there is an answer to each message, or there was none for a while.
    async fn drain(&mut self) -> Result<(), Box<dyn Error>> {
        if self.sent > 0 {
            self.client.send(Flush).await??;
        }
        let quiet = Duration::from_secs_f64(self.options.wait);
        while *self.received.borrow_and_update() < self.sent {
            if timeout(quiet, self.received.changed()).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}
