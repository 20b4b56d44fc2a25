//! A TCP proxy that delays, splits, stalls, cuts and resets at random points, the same ones for the same seed.

use std::{io, net::SocketAddr, time::Duration};

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::sleep,
};

/// The end of a connection.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Nothing.
    None,
    /// Both sides see an end of file.
    Cut,
    /// Both sides see a reset.
    Reset,
    /// No byte is passed on any more, and both sides stay open.
    Stall,
}

/// Listens on a free port and passes everything on to `upstream`, badly.
pub(crate) async fn proxy(upstream: SocketAddr, seed: u64) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((client, _)) = listener.accept().await {
            connections += 1;
            let random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(connections));
            tokio::spawn(connection(client, upstream, random));
        }
    });
    Ok(addr)
}

async fn connection(client: TcpStream, upstream: SocketAddr, mut random: StdRng) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    // One in three connections is not disturbed.
    let end = match random.random_range(0..6) {
        0 | 1 => End::None,
        2 => End::Cut,
        3 | 4 => End::Reset,
        _ => End::Stall,
    };
    let bytes = random.random_range(1..20_000);
    let there = StdRng::seed_from_u64(random.next_u64());
    let back = StdRng::seed_from_u64(random.next_u64());
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    // The end of one direction ends the other.
    tokio::select! {
        outcome = pump(client_read, server_write, there, bytes, end) => outcome?,
        outcome = pump(server_read, client_write, back, bytes, end) => outcome?,
    }
    Ok(())
}

/// Passes on `bytes`, then does what `end` says.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut random: StdRng,
    mut bytes: usize,
    end: End,
) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        let size = random.random_range(1..=buffer.len());
        let Some(part) = buffer.get_mut(..size) else { continue };
        let read = from.read(part).await?;
        if read == 0 {
            return Ok(());
        }
        if random.random_range(0..4) == 0 {
            sleep(Duration::from_micros(random.random_range(0..3000))).await;
        }
        let left = if matches!(end, End::None) { read } else { read.min(bytes) };
        for piece in buffer.get(..left).unwrap_or_default().chunks(random.random_range(1..=1500)) {
            to.write_all(piece).await?;
        }
        bytes -= if matches!(end, End::None) { 0 } else { left };
        // A byte of an answer that is cut has arrived. This matters, because a poll without any byte of an answer on a
        // connection that was used before is sent again, and the server does not repeat what that answer contained.
        if matches!(end, End::None) || bytes > 0 {
            continue;
        }
        match end {
            End::None | End::Cut => return Ok(()),
            End::Reset => {
                for socket in [from.as_ref(), to.as_ref()] {
                    socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO))?;
                }
                return Ok(());
            }
            End::Stall => std::future::pending::<()>().await,
        }
    }
}
