//! Listeners in front of a server, which pass bytes on to it.

use std::{cell::Cell, io, net::SocketAddr, rc::Rc};
#[cfg(unix)]
use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
};

use actix_rt::task::JoinHandle;
use futures::future::LocalBoxFuture;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// The two ends of a connection that has been opened. They are joined then.
pub(crate) type Opened = io::Result<(Box<dyn Stream>, TcpStream)>;

/// Listens on the loopback interface. It is gone, with all its connections, when this is dropped.
pub(crate) struct Front {
    addr: SocketAddr,
    opened: Rc<Cell<usize>>,
    task: JoinHandle<()>,
}

impl Front {
    /// `open` does the beginning of each connection.
    pub(crate) async fn start(open: impl Fn(TcpStream) -> LocalBoxFuture<'static, Opened> + 'static) -> Self {
        Self::start_at("127.0.0.1:0", open).await.unwrap()
    }

    pub(crate) async fn start_at(
        addr: &str,
        open: impl Fn(TcpStream) -> LocalBoxFuture<'static, Opened> + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let opened = Rc::new(Cell::new(0));
        let count = opened.clone();
        let task = actix_rt::spawn(async move {
            let mut connections = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (opening, count) = (open(stream), count.clone());
                connections.push(Abort(actix_rt::spawn(async move {
                    // The client under test has to notice if this fails.
                    if let Ok((mut client, mut server)) = opening.await {
                        count.set(count.get() + 1);
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                })));
            }
        });
        Ok(Self { addr, opened, task })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The number of connections that were passed on to the server.
    pub(crate) fn opened(&self) -> usize {
        self.opened.get()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A unix socket that leads to `server`. Its path is gone when this is dropped.
#[cfg(unix)]
pub(crate) struct UnixFront {
    path: PathBuf,
    task: JoinHandle<()>,
}

#[cfg(unix)]
impl UnixFront {
    pub(crate) fn start(name: &str, server: SocketAddr) -> Self {
        let path = env::temp_dir().join(format!("actix-engineio-{}-{name}.sock", process::id()));
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let task = actix_rt::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                actix_rt::spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { path, task }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(unix)]
impl Drop for UnixFront {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.path);
    }
}

struct Abort(JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}
