//! Stores the messages of many Engine.IO feeds in a stream of NATS JetStream. See the README beside this package.

mod feed;
mod figures;
mod options;
mod shard;
mod store;

use std::{process::ExitCode, time::Duration};

use actix::prelude::*;
use actix_engineio::{Connect, EngineIoClient, EventKind, Reconnect, Subscribe, Wait};
use actix_rt::time::timeout;
use actix_web::{App, HttpServer, web};

use crate::{
    feed::{Feed, Finish},
    figures::Figures,
    options::{Options, USAGE},
    store::Store,
};

/// How long the end may take after the last connection was closed and the clients have waited for their subscribers, while NATS
/// acknowledges what has come.
const LAST_MESSAGES: Duration = Duration::from_secs(10);

#[actix::main]
async fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info,async_nats=warn"))
        .init();
    let outcome = match Options::parse() {
        Ok(Some(options)) => run(options).await,
        Ok(None) => {
            println!("{USAGE}");
            Ok(())
        }
        Err(err) => Err(err.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), async_nats::Error> {
    let figures = Figures::default();
    if let Some(address) = options.metrics {
        serve(address, figures.clone())?;
    }
    let context = store::connect(&options.nats, &options.stream).await?;
    log::info!("{} feeds", options.feeds.len());

    let builder = EngineIoClient::builder()
        .reconnect(Reconnect::exponential().on_initial_connect(true))
        .metrics(figures.feeds.clone())
        .handle_signals(true);
    let mut feeds = Vec::new();
    for feed in &options.feeds {
        let store =
            Store::new(context.clone(), &options.stream, &feed.name, figures.clone(), options.prints_stored);
        let actor = Feed::new(store).start();
        let subscribe = Subscribe::batched(actor.clone().recipient()).only([EventKind::Message]);
        let client = builder.clone().subscribe(subscribe.name(feed.name.as_str())).start();
        client.do_send(Connect::new(&feed.url));
        feeds.push((client, actor));
    }
    // They reconnect until a signal comes, so this is the end of the program.
    for (client, _) in &feeds {
        client.send(Wait).await?;
    }
    // What has come until then is stored.
    let finish = async {
        for (_, actor) in &feeds {
            actor.send(Finish).await?;
        }
        Ok::<_, MailboxError>(())
    };
    match timeout(LAST_MESSAGES, finish).await {
        Ok(outcome) => outcome?,
        Err(_) => log::error!("NATS does not acknowledge the last messages: they are lost"),
    }
    log::info!("stopped");
    Ok(())
}

/// Serves the metrics. The clients handle the signals, and the end of the program ends this, too.
fn serve(address: std::net::SocketAddr, figures: Figures) -> std::io::Result<()> {
    let app = move || {
        let figures = figures.clone();
        let metrics = web::get().to(move || {
            let text = figures.to_text();
            async { text }
        });
        App::new().route("/metrics", metrics)
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind(address)?;
    for address in server.addrs() {
        log::info!("metrics at http://{address}/metrics");
    }
    actix_rt::spawn(server.run());
    Ok(())
}
