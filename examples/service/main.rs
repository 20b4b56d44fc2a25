//! A web service in production: its requests become messages to an Engine.IO server, and answers of the server become
//! responses.
//!
//! ```sh
//! cargo run --example service                  # with a server of its own, at http://127.0.0.1:8080
//! SERVICE_URL=http://localhost:5000 SERVICE_LISTEN=0.0.0.0:8000 cargo run --example service
//! cargo run --example service -- --help        # lists all variables
//! ```
//!
//! | request | |
//! |---|---|
//! | `POST /publish` | sends its body, a text, to the server: 202 after the client has accepted it |
//! | `POST /ask` | sends its body, JSON, as a question, and responds with the answer of the server |
//! | `GET /health` | the state of the connection: 200 while a session is open, 503 otherwise |
//! | `GET /metrics` | figures in the text format of Prometheus |
//!
//! The client runs on an arbiter of its own, so that slow handlers of the web service do not delay its heartbeat. SIGINT and
//! SIGTERM stop the service in an order in which no accepted message is lost: see `run`.

use std::{env, error::Error, process::ExitCode};

use actix::prelude::*;
use actix_engineio::{Connect, Disconnect, EngineIoClient, Wait};
use actix_web::{App, HttpServer, dev::Server, web};

use crate::{
    config::{Config, USAGE},
    demo::Demo,
    embedded::EmbeddedServer,
    requests::Requests,
    routes::Service,
    signals::Signals,
    telemetry::Telemetry,
    unsent::{Count, Unsent},
};

mod client;
mod config;
mod demo;
#[allow(dead_code, reason = "other examples use the rest")]
#[path = "../embedded/mod.rs"]
mod embedded;
mod logging;
#[path = "../program/mod.rs"]
mod program;
mod requests;
mod routes;
mod signals;
mod telemetry;
#[cfg(test)]
mod tests;
mod token;
mod unsent;

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, start).await
}

async fn start() -> Result<(), Box<dyn Error>> {
    if let Some(argument) = env::args().nth(1) {
        let variables = "variables of the environment, which --help lists";
        return Err(format!("unexpected argument {argument}: the options are {variables}").into());
    }
    logging::start()?;
    let config = Config::read(|name| env::var(name).ok())?;
    match config.url.clone() {
        Some(url) => run(config, url).await,
        None => {
            let server = EmbeddedServer::start(Demo, embedded::config())?;
            run(config, server.url()).await
        }
    }
}

/// Runs the service until a signal comes, or until there is no connection any more and no attempt to open one.
///
/// The order at the end is important:
///
/// 1. The web server finishes its requests and accepts no others. It must not handle the signals itself: it would stop the
///    actix system before this function goes on, and the client, which runs on another arbiter, with it.
/// 2. The client writes all messages that it has accepted, within `close_timeout`, and closes the session.
/// 3. The subscriber that gets back what could not be sent has handled its last event.
/// 4. Only then the arbiter of the client stops.
async fn run(config: Config, url: String) -> Result<(), Box<dyn Error>> {
    // From here on a signal does not end the process.
    let mut signals = Signals::new()?;
    let arbiter = Arbiter::new();
    let telemetry = Telemetry::default();
    let unsent = Unsent::default().start();
    let client = client::start(&config, &telemetry, &unsent, &arbiter.handle());
    let requests = Requests::start(&client, config.answer_timeout).await?;

    let service = Service { server: client.clone().recipient(), requests, telemetry };
    let server = listen(&config, service)?;
    let handle = server.handle();
    let server = actix_rt::spawn(server);

    let outcome = tokio::select! {
        signal = signals.next() => {
            log::info!("stopping after {signal}");
            Ok(())
        }
        end = connection(&client, url) => Err(end),
    };

    handle.stop(true).await;
    // An error of the web server must not skip the `Disconnect`, so it is returned only at the end.
    let served = server.await;
    client.send(Disconnect::new()).await?;
    // All events are in the mailbox of the subscriber by now, so it has stored them when it answers.
    let lost = unsent.send(Count).await?;
    arbiter.stop();
    log::info!("stopped, {lost} messages were not sent");
    served??;
    outcome
}

/// Listens. The server runs when it is polled.
fn listen(config: &Config, service: Service) -> Result<Server, Box<dyn Error>> {
    let service = web::Data::new(service);
    let server = HttpServer::new(move || App::new().app_data(service.clone()).configure(routes::configure))
        .disable_signals()
        // The time for requests that are not finished when the service stops.
        .shutdown_timeout(config.answer_timeout.as_secs().max(1))
        .bind(&config.listen)
        .map_err(|err| format!("cannot listen on {}: {err}", config.listen))?;
    for addr in server.addrs() {
        println!("listening on http://{addr}");
    }
    Ok(server.run())
}

/// Connects. Resolves with the reason when the connection has ended and the client does not connect again.
async fn connection(client: &Addr<EngineIoClient>, url: String) -> Box<dyn Error> {
    match client.send(Connect::new(url)).await {
        Ok(Ok(_)) => {}
        Ok(Err(err)) => return err.into(),
        Err(err) => return err.into(),
    }
    match client.send(Wait).await {
        Ok(Some(reason)) => reason.into(),
        Ok(None) => "there is no connection".into(),
        Err(err) => err.into(),
    }
}
