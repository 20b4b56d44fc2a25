//! A web service between browsers and an Engine.IO server: one connection to the server, many browsers on this side.
//!
//! ```sh
//! cargo run --example gateway                             # with a server of its own; then open http://127.0.0.1:8080
//! cargo run --example gateway -- --listen 0.0.0.0:8000 http://localhost:5000
//! ```
//!
//! | request | |
//! |---|---|
//! | `GET /` | a page that shows what comes, and sends |
//! | `POST /send-message` | forwards its body: JSON and text as text, `application/octet-stream` as bytes; not for pages of other sites |
//! | `GET /events` | what comes from the server, and the state of the connection, as server-sent events |
//! | `GET /health` | the state of the connection and its last failure: 200 while a session is open, 503 otherwise |
//!
//! The connection outlives restarts of the Engine.IO server. Ctrl-C and SIGTERM end the browsers' streams, finish the
//! requests under way, flush what is queued, and disconnect.

use std::{error::Error, io, net::TcpListener, pin::pin, process::ExitCode, time::Duration};

use actix::prelude::*;
use actix_engineio::{Connect, Disconnect, EngineIoClient, Reconnect, Wait};
use actix_rt::signal;
use actix_web::{App, HttpServer, web};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::{
    embedded::EmbeddedServer,
    feed::{Close, Feed},
};

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../embedded/mod.rs"]
mod embedded;
mod feed;
#[path = "../program/mod.rs"]
mod program;
mod routes;

/// The address to listen at, and the URL of the Engine.IO server.
fn arguments() -> Result<(String, Option<String>), lexopt::Error> {
    let (mut listen, mut url) = ("127.0.0.1:8080".to_owned(), None);
    let mut arguments = Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("listen") => listen = arguments.value()?.string()?,
            Arg::Value(value) if url.is_none() => url = Some(value.string()?),
            argument => return Err(argument.unexpected()),
        }
    }
    Ok((listen, url))
}

const USAGE: &str = "\
gateway [--listen ADDRESS:PORT] [URL]

A web service that passes messages between browsers and an Engine.IO server. It listens at 127.0.0.1:8080.

Without a URL it starts a server of its own.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (listen, url) = arguments()?;
    // Before any actor is started: if the program ends here, nothing has to be stopped.
    let listener = TcpListener::bind(&listen).map_err(|err| format!("cannot listen on {listen}: {err}"))?;
    let (url, _server) = match url {
        Some(url) => (url, None),
        None => {
            let server = EmbeddedServer::echo()?;
            (server.url(), Some(server))
        }
    };

    let feed = Feed::default().start();
    let client = EngineIoClient::builder()
        .reconnect(
            Reconnect::exponential()
                .initial_delay(Duration::from_millis(200))
                .max_delay(Duration::from_secs(5))
                .on_initial_connect(true),
        )
        // What browsers send while the server restarts goes out when it is back.
        .keep_unsent(true)
        .max_message_size(1 << 20)
        .subscribe(feed.clone().recipient())
        .start();

    let gateway = web::Data::new(routes::Gateway { client: client.clone(), feed: feed.clone() });
    let browsers = feed.clone();
    let server = HttpServer::new(move || App::new().app_data(gateway.clone()).configure(routes::configure))
        .shutdown_signal(async move {
            interrupted().await;
            println!("stopping");
            // The streams do not end by themselves, and the server waits for their end.
            let _ = feed.send(Close).await;
        })
        .listen(listener)?;
    for addr in server.addrs() {
        println!("listening     http://{addr}");
    }
    let server = server.run();
    let handle = server.handle();
    let mut server = pin!(server);

    tokio::select! {
        outcome = &mut server => outcome?,
        err = connection(&client, url) => {
            // There is nothing to pass on any more.
            let _ = browsers.send(Close).await;
            let ((), outcome) = tokio::join!(handle.stop(true), server);
            outcome?;
            return Err(err?);
        }
    }
    client.send(Disconnect::new()).await?;
    println!("disconnected");
    Ok(())
}

/// Connects. Resolves when the connection has ended and the client does not reconnect, with the reason.
async fn connection(client: &Addr<EngineIoClient>, url: String) -> Result<Box<dyn Error>, MailboxError> {
    println!("connecting    {url}");
    let session = match client.send(Connect::new(url)).await? {
        Ok(session) => session,
        Err(err) => return Ok(err.into()),
    };
    println!("connected     over {}", session.transport);
    let reason = client.send(Wait).await?;
    Ok(reason.map_or_else(|| "not connected".to_owned(), |reason| reason.to_string()).into())
}

/// Ctrl-C, or what a supervisor sends.
async fn interrupted() {
    #[cfg(unix)]
    {
        let terminated = async {
            match signal::unix::signal(signal::unix::SignalKind::terminate()) {
                Ok(mut signals) => signals.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = ctrl_c() => {}
            _ = terminated => {}
        }
    }
    #[cfg(not(unix))]
    let _ = ctrl_c().await;
}

async fn ctrl_c() -> io::Result<()> {
    signal::ctrl_c().await
}
