use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use actix_engineio::{ConnectError, Destination, TransportError, TransportKind};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{
    embedded::EmbeddedServer,
    support::{Client, script::OPEN, server::Server, signal},
    works,
};

#[cfg(unix)]
#[actix::test]
async fn every_transport_can_use_a_unix_socket() {
    let server = EmbeddedServer::echo().unwrap();
    let socket = crate::front::UnixFront::start("plain", server.addr());
    let path = socket.path().to_owned();
    works("http://localhost:1", |builder| builder.unix_socket(&path)).await;
    drop(socket);

    let mut client = Client::to("http://localhost:1".to_owned(), |builder| builder.unix_socket(&path));
    let err = client.fails().await;
    assert!(
        matches!(
            err,
            ConnectError::Transport {
                source: TransportError::Connect { kind: std::io::ErrorKind::NotFound, .. },
                ..
            }
        ),
        "{err:?}"
    );
}

#[actix::test]
async fn the_users_own_connector_makes_every_connection() {
    let server = EmbeddedServer::echo().unwrap();
    let addr = server.addr();
    let calls = Arc::new(AtomicUsize::new(0));
    works("http://events.internal:7", |builder| {
        let calls = calls.clone();
        builder.connector(async move |to: Destination| {
            assert_eq!((to.host(), to.port(), to.is_secure()), ("events.internal", 7, false));
            calls.fetch_add(1, Ordering::SeqCst);
            TcpStream::connect(addr).await
        })
    })
    .await;
    assert!(calls.load(Ordering::SeqCst) >= 5, "two transports, and polling has two connections");
}

#[actix::test]
async fn an_error_of_the_users_own_connector_is_the_error_of_the_connect() {
    let mut client = Client::to("http://events.internal:7".to_owned(), |builder| {
        builder.connector(async |_| Err::<TcpStream, _>(std::io::Error::other("no route to the moon")))
    });
    let err = client.fails().await;
    assert!(err.to_string().contains("no route to the moon") && err.is_retryable(), "{err}");
}

/// A stream that buffers: when it is full, it accepts a few bytes, and cannot be flushed. TLS does that as well, when
/// the network accepts no more.
struct Keeping {
    stream: TcpStream,
    is_full: Arc<AtomicBool>,
    kept: usize,
}

impl AsyncRead for Keeping {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Keeping {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if !self.is_full.load(Ordering::SeqCst) {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        // The frame of one message, and a part of the next one.
        let room = buf.len().min(10 - self.kept);
        self.kept += room;
        if room == 0 { Poll::Pending } else { Poll::Ready(Ok(room)) }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.kept > 0 { Poll::Pending } else { Pin::new(&mut self.stream).poll_flush(cx) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[actix::test]
async fn a_message_that_is_written_and_cannot_be_flushed_is_in_doubt() {
    let (close, is_time) = signal();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("4whole");
        ws.send_text("4so");
        is_time.wait();
        ws.send_text("1");
        ws.wait_closed();
    });
    let is_full = Arc::new(AtomicBool::new(false));
    let mut client = Client::with(&server, |builder| {
        let is_full = is_full.clone();
        builder.connector(async move |to: Destination| {
            let stream = TcpStream::connect((to.host(), to.port())).await?;
            Ok(Keeping { stream, is_full: is_full.clone(), kept: 0 })
        })
    });
    client.connect_over(TransportKind::WebSocket).await;
    client.send("whole").await;
    assert_eq!(client.text().await, "so");
    is_full.store(true, Ordering::SeqCst);
    for data in ["a", "b"] {
        client.send(data).await;
    }
    close.send();
    let end = client.ended().await;
    assert_eq!((&*end.in_doubt, &*end.unsent), (["a".into()].as_slice(), ["b".into()].as_slice()));
    server.finish().await;
}

#[actix::test]
async fn a_panic_of_the_users_own_connector_or_resolver_fails_its_connect_and_not_the_client() {
    let server = EmbeddedServer::echo().unwrap();
    let addr = server.addr();
    let panics = |first: &AtomicUsize| {
        assert!(first.fetch_add(1, Ordering::SeqCst) > 0, "not prepared for this");
    };
    let url = "http://events.internal:7".to_owned();
    let mut client = Client::to(url, |builder| {
        let calls = AtomicUsize::new(0);
        builder.connector(async move |_| {
            panics(&calls);
            TcpStream::connect(addr).await
        })
    });
    assert!(client.fails_over(TransportKind::WebSocket).await.to_string().contains("panicked"));
    client.connect_over(TransportKind::WebSocket).await;
    client.disconnect().await;
    client.ended().await;

    let mut client = Client::to(format!("http://events.internal:{}", addr.port()), |builder| {
        let calls = AtomicUsize::new(0);
        builder.resolver(async move |_| {
            panics(&calls);
            Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
        })
    });
    assert!(client.fails_over(TransportKind::WebSocket).await.to_string().contains("panicked"));
    client.connect_over(TransportKind::WebSocket).await;
    client.disconnect().await;
    client.ended().await;
}

#[actix::test]
async fn the_users_own_resolver_finds_hosts() {
    let server = EmbeddedServer::echo().unwrap();
    let url = format!("http://events.internal:{}", server.addr().port());
    works(&url, |builder| {
        builder.resolver(async |host: String| {
            assert_eq!(host, "events.internal");
            Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
        })
    })
    .await;
}

#[actix::test]
async fn a_resolver_that_finds_nothing_fails_the_connect() {
    let fails = async |found: Result<Vec<IpAddr>, &'static str>| {
        let mut client = Client::to("http://events.internal:7".to_owned(), |builder| {
            builder.resolver(async move |_| found.clone().map_err(std::io::Error::other))
        });
        match client.fails().await {
            ConnectError::Transport { source: TransportError::Resolve(cause), .. } => cause,
            err => panic!("{err:?}"),
        }
    };
    assert!(fails(Ok(Vec::new())).await.to_string().contains("no addresses"));
    let cause = fails(Err("never heard of it")).await;
    assert_eq!(cause.to_string(), "never heard of it");
    assert!(cause.get_ref().is_some_and(|cause| cause.is::<std::io::Error>()));
}

#[cfg(target_os = "linux")]
#[actix::test]
async fn connections_come_from_the_local_address() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        assert_eq!(peer.addr().ip(), IpAddr::from([127, 0, 0, 2]));
        peer.read_head();
        peer.close();
    });
    let mut client = Client::with(&server, |builder| builder.local_address([127, 0, 0, 2].into()));
    client.fails().await;
    server.finish().await;
}
