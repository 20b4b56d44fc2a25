//! A relay that passes polling on, and disturbs every WebSocket, or is slow.

use std::{future::Future, io, time::Duration};

use actix_rt::{task::JoinHandle, time::sleep};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// What the relay does to WebSockets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spoil {
    /// They are cut at their first bytes.
    Cut,
    /// They lead to the server at this port.
    LeadTo(u16),
}

pub(crate) struct Relay {
    port: u16,
    serving: JoinHandle<()>,
}

impl Relay {
    pub(crate) async fn start(to: u16, spoil: Spoil) -> Self {
        Self::serve(move |client| relay(client, to, spoil)).await
    }

    /// Passes on at most so many bytes per second to the server.
    pub(crate) async fn slow(to: u16, rate: u32) -> Self {
        Self::serve(move |client| slow_down(client, to, rate)).await
    }

    async fn serve<F: Future<Output = io::Result<()>> + 'static>(
        relay: impl Fn(TcpStream) -> F + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let serving = actix_rt::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let relayed = relay(client);
                actix_rt::spawn(async move {
                    // It has been cut.
                    let _ = relayed.await;
                });
            }
        });
        Self { port, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn relay(mut client: TcpStream, to: u16, spoil: Spoil) -> io::Result<()> {
    let mut request = vec![0; 4096];
    let len = client.read(&mut request).await?;
    request.truncate(len);
    let is_websocket = String::from_utf8_lossy(&request).contains("transport=websocket");
    let to = match spoil {
        Spoil::LeadTo(other) if is_websocket => other,
        _ => to,
    };
    let mut server = TcpStream::connect(("127.0.0.1", to)).await?;
    server.write_all(&request).await?;
    if is_websocket && matches!(spoil, Spoil::Cut) {
        let (mut from_client, mut to_client) = client.split();
        tokio::select! {
            _ = copy(&mut server, &mut to_client) => {}
            _ = from_client.read(&mut request) => {}
        }
    } else {
        copy_bidirectional(&mut client, &mut server).await?;
    }
    Ok(())
}

async fn slow_down(client: TcpStream, to: u16, rate: u32) -> io::Result<()> {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = TcpStream::connect(("127.0.0.1", to)).await?.into_split();
    tokio::try_join!(trickle(from_client, to_server, rate), async {
        copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    })?;
    Ok(())
}

async fn trickle(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, rate: u32) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let length = from.read(&mut bytes).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..length]).await?;
        sleep(Duration::from_secs(1) * u32::try_from(length).expect("it is short") / rate).await;
    }
}
