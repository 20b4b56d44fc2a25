//! A network in virtual time, between a client and a server in the same thread.
//!
//! Each connection is a pair of pipes. A relay carries bytes from one to the other, in pieces, with delays and at a limited
//! rate. It stops while the network is partitioned, for ever when the connection is half-open, and at a reset.

use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use actix_engineio::testing::MemoryStream;
use actix_rt::{
    task::yield_now,
    time::{Instant, sleep, sleep_until},
};
use futures::{
    StreamExt as _,
    channel::mpsc,
    future::{join, pending, select},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, split},
    sync::Notify,
};

use crate::rng::Rng;

/// How the network is.
#[derive(Debug, Clone)]
pub(crate) struct Quality {
    /// The longest delay of a piece, in milliseconds.
    pub(crate) latency: u64,
    /// Bytes per millisecond.
    pub(crate) rate: u64,
    /// The largest piece.
    pub(crate) piece: usize,
    /// Bytes that a pipe can hold.
    pub(crate) capacity: usize,
}

impl Quality {
    pub(crate) const GOOD: Self = Self { latency: 5, rate: 1_000, piece: 16_384, capacity: 65_536 };

    pub(crate) fn random(rng: &mut Rng) -> Self {
        Self {
            latency: rng.pick(&[0, 1, 5, 40, 300]),
            rate: rng.pick(&[2, 20, 1_000, 1_000_000]),
            piece: rng.pick(&[40, 1_460, 16_384]),
            capacity: rng.pick(&[200, 4_096, 65_536]),
        }
    }
}

pub(crate) struct Network {
    state: Mutex<State>,
    changed: Notify,
    /// Streams of the client that exist.
    open: AtomicUsize,
}

struct State {
    rng: Rng,
    quality: Quality,
    is_partitioned: bool,
    /// The number of connections that were opened.
    opened: usize,
    /// The resets. Each is of the connections that were open at that time.
    resets: Vec<Reset>,
    /// The number of times that connections became half-open. Older ones carry nothing any more.
    silences: u64,
}

/// Which connections a reset is of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reset {
    All,
    /// Every second one.
    Even,
    Odd,
}

impl Reset {
    fn is_of(self, connection: usize) -> bool {
        match self {
            Self::All => true,
            Self::Even => connection.is_multiple_of(2),
            Self::Odd => !connection.is_multiple_of(2),
        }
    }
}

impl Network {
    pub(crate) fn new(rng: Rng, quality: Quality) -> Arc<Self> {
        let state = State { rng, quality, is_partitioned: false, opened: 0, resets: Vec::new(), silences: 0 };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new(), open: AtomicUsize::new(0) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    pub(crate) fn partition(&self, is_partitioned: bool) {
        self.change(|state| state.is_partitioned = is_partitioned);
    }

    pub(crate) fn reset(&self, reset: Reset) {
        self.change(|state| state.resets.push(reset));
    }

    pub(crate) fn silence_all(&self) {
        self.change(|state| state.silences += 1);
    }

    pub(crate) fn set_quality(&self, quality: Quality) {
        self.change(|state| state.quality = quality);
    }

    /// Streams that the client has not dropped.
    pub(crate) fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    async fn when(&self, condition: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if condition(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Opens a connection. `server` is called when the request for it arrives there.
    pub(crate) async fn connect(
        self: &Arc<Self>,
        server: impl Future<Output = io::Result<MemoryStream>>,
    ) -> io::Result<Stream> {
        let (birth, latency) = {
            let mut state = self.lock();
            state.opened += 1;
            let birth = Birth { number: state.opened, resets: state.resets.len(), silences: state.silences };
            let latency = state.quality.latency;
            (birth, state.rng.millis(latency + 1))
        };
        sleep(latency).await;
        self.when(|state| !state.is_partitioned).await;
        let server = server.await?;
        sleep(latency).await;
        let (client, relayed) = tokio::io::duplex(self.lock().quality.capacity);
        let is_reset = Arc::new(AtomicBool::new(false));
        let relay = Relay { network: self.clone(), birth, is_reset: is_reset.clone() };
        actix_rt::spawn(relay.run(relayed, server));
        self.open.fetch_add(1, SeqCst);
        Ok(Stream { inner: client, is_reset, network: self.clone() })
    }
}

/// A connection, and the number of resets and silences before it was opened.
#[derive(Debug, Clone, Copy)]
struct Birth {
    number: usize,
    resets: usize,
    silences: u64,
}

/// What carries the bytes of a connection.
struct Relay {
    network: Arc<Network>,
    birth: Birth,
    is_reset: Arc<AtomicBool>,
}

impl Relay {
    async fn run(self, client: DuplexStream, server: MemoryStream) {
        let (from_client, to_client) = split(client);
        let (from_server, to_server) = split(server);
        let both = join(self.carry(from_client, to_server), self.carry(from_server, to_client));
        let birth = self.birth;
        let reset = self
            .network
            .when(|state| state.resets.iter().skip(birth.resets).any(|reset| reset.is_of(birth.number)));
        if let futures::future::Either::Right(_) = select(pin!(both), pin!(reset)).await {
            self.is_reset.store(true, SeqCst);
        }
    }

    /// Carries the bytes of one direction, and the end of it.
    async fn carry(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        // The pieces under way.
        let (mut sender, mut pieces) = mpsc::channel(8);
        let read = async move {
            let mut arrival = Instant::now();
            loop {
                let mut piece = vec![0; self.network.lock().quality.piece];
                let Ok(length) = from.read(&mut piece).await else { break };
                piece.truncate(length);
                arrival = arrival.max(Instant::now() + self.travel(length));
                let sent = futures::SinkExt::send(&mut sender, (arrival, piece)).await;
                if length == 0 || sent.is_err() {
                    break;
                }
            }
        };
        let write = async {
            while let Some((arrival, piece)) = pieces.next().await {
                sleep_until(arrival).await;
                self.network.when(|state| !state.is_partitioned).await;
                if self.network.lock().silences != self.birth.silences {
                    pending::<()>().await;
                }
                // Others that wake up at the same time may go first.
                for _ in 0..self.turns() {
                    yield_now().await;
                }
                if piece.is_empty() {
                    let _ = to.shutdown().await;
                } else if to.write_all(&piece).await.is_err() {
                    return;
                }
            }
        };
        // A reader that waits has no reason to go on when nobody takes its pieces.
        let mut write = pin!(write);
        if let futures::future::Either::Left(_) = select(pin!(read), write.as_mut()).await {
            write.await;
        }
    }

    fn travel(&self, length: usize) -> Duration {
        let mut state = self.network.lock();
        let (latency, rate) = (state.quality.latency, state.quality.rate);
        state.rng.millis(latency + 1) + Duration::from_millis(u64::try_from(length).unwrap() / rate)
    }

    fn turns(&self) -> u64 {
        let mut state = self.network.lock();
        if state.rng.chance(20) { state.rng.below(6) } else { 0 }
    }
}

/// The client's end of a connection.
pub(crate) struct Stream {
    inner: DuplexStream,
    is_reset: Arc<AtomicBool>,
    network: Arc<Network>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.network.open.fetch_sub(1, SeqCst);
    }
}

impl Stream {
    fn reset(&self) -> io::Result<()> {
        let is_reset = self.is_reset.load(SeqCst);
        if is_reset { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if polled.is_ready() && buf.filled().len() == before {
            self.reset()?;
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.reset()?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
