//! A relay that lets polling pass and cuts every WebSocket as it says its first word.

use actix_rt::task::JoinHandle;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
};

pub(crate) struct Relay {
    port: u16,
    serving: JoinHandle<()>,
}

impl Relay {
    pub(crate) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let serving = actix_rt::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                actix_rt::spawn(async move {
                    // What ends early has been cut.
                    let _ = relay(client, to).await;
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

async fn relay(mut client: TcpStream, to: u16) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", to)).await?;
    let mut request = vec![0; 4096];
    let len = client.read(&mut request).await?;
    request.truncate(len);
    server.write_all(&request).await?;
    let is_websocket = String::from_utf8_lossy(&request).contains("transport=websocket");
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    if is_websocket {
        tokio::select! {
            _ = copy(&mut from_server, &mut to_client) => {}
            _ = from_client.read(&mut request) => {}
        }
    } else {
        tokio::try_join!(copy(&mut from_client, &mut to_server), copy(&mut from_server, &mut to_client))?;
    }
    Ok(())
}
