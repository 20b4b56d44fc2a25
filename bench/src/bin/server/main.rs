//! A raw Engine.IO server with prebuilt frames, blocking, a thread for each connection: never the bottleneck.
//!
//! The query of the URL that opens a session says what the server does: `mode=flood&size=16&count=1000` sends so many
//! messages and nothing more; `mode=sink&count=1000` receives messages and sends one when so many have come;
//! `mode=echo` sends them back; `mode=idle`, the default, only pings. `kind=binary` makes the messages of a
//! flood binary; with `gate=1` it waits for a request of `/open`. `interval` and `timeout` are those of the
//! pings, in milliseconds. `/counts` returns the counts of what was sent and received.
//!
//! `server FOLDER`: over WebSocket a flood sends the lines of FOLDER/`size`.jsonl in turns, compressed if the client offers it.

use std::{
    env,
    io::{self, BufReader},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
};

use crate::{flood::Documents, http::Request, registry::Registry};

mod counts;
mod flood;
mod frame;
mod http;
mod polling;
mod registry;
mod session;
mod websocket;

fn main() -> io::Result<()> {
    let documents = env::args_os().nth(1).map(|folder| Documents::read(Path::new(&folder)));
    let registry = Arc::new(Registry::new(documents.transpose()?.unwrap_or_default()));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        let registry = registry.clone();
        // When a client closes, its thread ends with an error, which does not matter.
        thread::Builder::new().stack_size(256 << 10).spawn(move || serve(&stream, &registry))?;
    }
    Ok(())
}

fn serve(stream: &TcpStream, registry: &Registry) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = Request::default();
    loop {
        request.read(&mut reader)?;
        match request.path() {
            "/counts" => http::answer(stream, registry.counts.json().as_bytes())?,
            "/open" => {
                registry.gate.open();
                http::answer(stream, b"open")?;
            }
            _ => match request.header("sec-websocket-key") {
                Some(key) => return websocket::serve(stream, reader.buffer(), key, &request, registry),
                None => polling::serve(stream, &request, registry)?,
            },
        }
        if request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            return Ok(());
        }
    }
}
