//! A relay that passes polling on, and disturbs every WebSocket.

use std::io;

use actix_rt::task::JoinHandle;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional},
    net::{TcpListener, TcpStream},
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
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let serving = actix_rt::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                actix_rt::spawn(async move {
                    // It has been cut.
                    let _ = relay(client, to, spoil).await;
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
