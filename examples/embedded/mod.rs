//! An Engine.IO server in the same process, for the examples and the tests: engineioxide, which others wrote.

use std::{
    env, io,
    net::SocketAddr,
    sync::Arc,
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use engineioxide::{
    DisconnectReason, Socket, Str, config::EngineIoConfig, handler::EngineIoHandler, service::EngineIoService,
};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, runtime, sync::oneshot};

/// A server on a thread of its own. It is gone, with all its connections, when this is dropped.
pub(crate) struct EmbeddedServer {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedServer {
    /// Sends every message back.
    pub(crate) fn echo() -> io::Result<Self> {
        Self::start(Echo, config())
    }

    /// The same, at this address.
    #[allow(dead_code, reason = "for those that need it: not all do")]
    pub(crate) fn echo_at(addr: SocketAddr) -> io::Result<Self> {
        Self::start_at(addr, Echo, config())
    }

    /// Listens on a free port of the loopback interface.
    pub(crate) fn start(handler: impl EngineIoHandler, config: EngineIoConfig) -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), handler, config)
    }

    /// Listens at this address.
    pub(crate) fn start_at(
        addr: SocketAddr,
        handler: impl EngineIoHandler,
        config: EngineIoConfig,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    _ = serve(listener, handler, config) => {}
                }
            });
        });
        Ok(Self { addr, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A server that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// The URL of the program's first argument. Without any, that of an echo, which runs until the server is dropped.
#[allow(dead_code, reason = "for those that need it: not all do")]
pub(crate) fn url_or_echo() -> io::Result<(String, Option<EmbeddedServer>)> {
    if let Some(url) = env::args().nth(1) {
        return Ok((url, None));
    }
    let server = EmbeddedServer::echo()?;
    let url = server.url();
    println!("serving       an echo at {url}");
    Ok((url, Some(server)))
}

/// engineioxide's defaults with a larger buffer: `emit` does not wait, and fails when the buffer is full.
pub(crate) fn config() -> EngineIoConfig {
    EngineIoConfig::builder().max_buffer_size(100_000).build()
}

async fn serve(
    listener: std::net::TcpListener,
    handler: impl EngineIoHandler,
    config: EngineIoConfig,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let service = EngineIoService::with_config(Arc::new(handler), config);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service.clone())
            // Without this no WebSocket ever starts.
            .with_upgrades();
        tokio::spawn(async move {
            // A client that goes away is no error of the server's.
            let _ = connection.await;
        });
    }
}

#[derive(Debug)]
pub(crate) struct Echo;

impl EngineIoHandler for Echo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<()>>) {
        let _ = socket.emit(text);
    }

    fn on_binary(self: &Arc<Self>, bytes: Bytes, socket: Arc<Socket<()>>) {
        let _ = socket.emit_binary(bytes);
    }
}
