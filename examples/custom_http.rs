//! Your own connector, headers and cookies.
//!
//! ```sh
//! cargo run --example custom_http     # a connector that counts bytes, and leads to a server of its own
//! cargo run --example custom_http -- --unix /run/events.sock http://localhost
//! cargo run --example custom_http -- --proxy socks5h://127.0.0.1:1080 http://example.org
//! cargo run --example custom_http -- --ca ca.pem --cert client.pem --key client-key.pem https://example.org
//! ```

use std::{
    env,
    error::Error,
    fs, io,
    net::SocketAddr,
    pin::Pin,
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_engineio::{
    Connect, Destination, Disconnect, EngineIoClient, EngineIoClientBuilder, Event, EventStream,
    cookie_store::CookieStore,
};
use actix_rt::time::timeout;
use bytes::Bytes;
use engineioxide::{DisconnectReason, Socket, Str, handler::EngineIoHandler};
use futures_util::StreamExt as _;
use lexopt::{Arg, Parser, ValueExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::embedded::{EmbeddedServer, config};

#[allow(dead_code, reason = "the tests use the rest")]
mod embedded;
mod program;

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    received: AtomicUsize,
    sent: AtomicUsize,
}

/// A connection that counts its bytes.
struct Counted {
    stream: TcpStream,
    counts: Arc<Counts>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        self.counts.received.fetch_add(into.filled().len() - before, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.counts.sent.fetch_add(written, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Whatever the URL says, the server is at `addr`.
fn through_connector(
    builder: EngineIoClientBuilder,
    addr: SocketAddr,
    counts: Arc<Counts>,
) -> EngineIoClientBuilder {
    builder.connector(async move |to: Destination| {
        println!("connecting    to {addr} for {}:{}", to.host(), to.port());
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        counts.connections.fetch_add(1, Ordering::Relaxed);
        Ok(Counted { stream, counts: counts.clone() })
    })
}

/// The builder as the arguments want it, and the URL if there is one.
fn arguments(
    mut builder: EngineIoClientBuilder,
) -> Result<(EngineIoClientBuilder, Option<String>), Box<dyn Error>> {
    let (mut url, mut cert, mut key) = (None, None, None);
    let mut arguments = Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            #[cfg(unix)]
            Arg::Long("unix") => builder = builder.unix_socket(arguments.value()?),
            Arg::Long("proxy") => builder = builder.proxy(arguments.value()?.string()?),
            Arg::Long("proxy-from-env") => builder = builder.proxy_from_env(true),
            Arg::Long("local-address") => builder = builder.local_address(arguments.value()?.parse()?),
            Arg::Long("ca") => builder = builder.root_certificates(fs::read(arguments.value()?)?),
            Arg::Long("cert") => cert = Some(fs::read(arguments.value()?)?),
            Arg::Long("key") => key = Some(fs::read(arguments.value()?)?),
            Arg::Value(value) if url.is_none() => url = Some(value.string()?),
            argument => return Err(argument.unexpected().into()),
        }
    }
    if let (Some(cert), Some(key)) = (cert, key) {
        builder = builder.client_certificate(cert, key);
    }
    Ok((builder, url))
}

const USAGE: &str = "\
custom_http [OPTIONS] [URL]

    --unix PATH               connect to this unix socket
    --proxy URL               connect through this HTTP or SOCKS5 proxy
    --proxy-from-env          take the proxy from variables such as HTTPS_PROXY
    --local-address ADDRESS   connect from this address
    --ca FILE                 trust the certificate authorities in this PEM file
    --cert FILE, --key FILE   the certificate of the client and its key, in PEM

Without a URL it starts a server of its own, and connects with a connector that counts bytes.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (mut builder, url) = arguments(EngineIoClient::builder().header("authorization", "Bearer secret"))?;
    let counts = Arc::new(Counts::default());
    let (url, _server) = match url {
        Some(url) => (url, None),
        None if env::args().len() > 1 => return Err("these options need a URL".into()),
        None => {
            let server = EmbeddedServer::start(Mirror, config())?;
            builder = through_connector(builder, server.addr(), counts.clone());
            ("http://events.internal".to_owned(), Some(server))
        }
    };

    // A login from elsewhere. Cookies that the server sets are stored here, too.
    let mut cookies = CookieStore::new();
    cookies.parse("login=ada; Path=/", &url.parse()?)?;
    let cookies = Arc::new(Mutex::new(cookies));

    let client = builder.cookie_store(cookies).start();
    let mut events = EventStream::subscribe(&client).await?;
    let session = client.send(Connect::new(url)).await??;
    println!("connected     sid {} over {}", session.sid, session.transport);

    // What the server says first, if it says anything.
    let first = async {
        while let Some(event) = events.next().await {
            if let Event::Message(data) = event {
                println!("received      {}", data.as_text().unwrap_or("bytes"));
                break;
            }
        }
    };
    if timeout(Duration::from_secs(2), first).await.is_err() {
        println!("(no message within 2 seconds)");
    }
    client.send(Disconnect::new()).await?;
    println!("disconnected");

    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    if count(&counts.connections) > 0 {
        println!(
            "counted       {} connections, {} bytes out, {} bytes in",
            count(&counts.connections),
            count(&counts.sent),
            count(&counts.received)
        );
    }
    Ok(())
}

/// A server that tells each client what it was sent.
#[derive(Debug)]
struct Mirror;

impl EngineIoHandler for Mirror {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<()>>) {
        let headers = &socket.req_parts.headers;
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("none");
        let received = ["host", "authorization", "cookie"].map(|name| format!("{name}: {}", header(name)));
        let _ = socket.emit(received.join(", "));
    }

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, _: Str, _: Arc<Socket<()>>) {}

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}
