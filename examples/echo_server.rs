//! A server that sends every message back, to try clients with.
//!
//! ```sh
//! cargo run --example echo_server                    # at 127.0.0.1:5000, until Ctrl-C
//! cargo run --example echo_server -- 127.0.0.1:8000
//! ```

use std::{env, error::Error};

#[allow(dead_code, reason = "the tests use the rest")]
mod embedded;

#[actix::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5000".to_owned());
    let server = embedded::EmbeddedServer::echo_at(listen.parse()?)?;
    println!("serving       an echo at {}", server.url());
    actix_rt::signal::ctrl_c().await?;
    Ok(())
}
