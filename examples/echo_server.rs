//! A server that sends every message back, to try clients with.
//!
//! ```sh
//! cargo run --example echo_server                    # at 127.0.0.1:5000, until Ctrl-C
//! cargo run --example echo_server -- 127.0.0.1:8000
//! ```

use std::{env, error::Error, process::ExitCode};

#[allow(dead_code, reason = "the tests use the rest")]
mod embedded;
mod program;

const USAGE: &str = "\
echo_server [ADDRESS:PORT]

A server that sends every message back, at 127.0.0.1:5000 or at this address, until Ctrl-C.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let listen = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5000".to_owned());
    let addr =
        listen.parse().map_err(|_| format!("{listen} is no address with a port, such as 127.0.0.1:5000"))?;
    let server = embedded::EmbeddedServer::echo_at(addr)?;
    println!("serving       an echo at {}", server.url());
    actix_rt::signal::ctrl_c().await?;
    Ok(())
}
