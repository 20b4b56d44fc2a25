use std::{
    env, io,
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use actix_engineio::{ConnectError, HttpStatus, TransportError, TransportKind};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::{
    embedded::EmbeddedServer,
    front::{Front, Opened, Stream},
    support::{Client, server::Server},
    works,
};

/// A server that only the proxy can find.
pub(crate) const URL: &str = "http://events.internal:7";
/// `user:p@ss`, as HTTP writes it.
pub(crate) const BASIC: &str = "Basic dXNlcjpwQHNz";

/// An HTTP proxy that asks for `user:p@ss`. It connects to `server` for every name.
async fn http_proxy(server: SocketAddr) -> Front {
    Front::start(move |stream| Box::pin(open(stream, server))).await
}

async fn open(stream: TcpStream, server: SocketAddr) -> Opened {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        stream.read_line(&mut head).await?;
    }
    let is_tunnel = head.starts_with("CONNECT events.internal:7 HTTP/1.1\r\n");
    assert!(is_tunnel || head.contains(" http://events.internal:7/engine.io/?"), "{head}");
    if !head.contains(&format!("proxy-authorization: {BASIC}\r\n")) {
        stream
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 7\r\n\r\nwho's u")
            .await?;
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut server = TcpStream::connect(server).await?;
    match is_tunnel {
        true => stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
        // A server understands such a request, too.
        false => server.write_all(head.as_bytes()).await?,
    }
    let stream: Box<dyn Stream> = Box::new(stream);
    Ok((stream, server))
}

#[actix::test]
async fn a_client_works_through_an_http_proxy_over_every_transport() {
    let server = EmbeddedServer::echo().unwrap();
    let proxy = http_proxy(server.addr()).await;
    works(URL, |builder| builder.proxy(format!("http://user:p%40ss@{}", proxy.addr()))).await;
    assert!(proxy.opened() >= 3);
}

#[actix::test]
async fn the_error_of_a_proxy_that_refuses_contains_what_the_proxy_says() {
    let server = EmbeddedServer::echo().unwrap();
    let proxy = http_proxy(server.addr()).await;
    let mut client =
        Client::to(URL.to_owned(), |builder| builder.proxy(format!("http://user:wrong@{}", proxy.addr())));
    let err = client.fails().await;
    let ConnectError::Transport { source: TransportError::Proxy { status: Some(407), cause, .. }, .. } = &err
    else {
        panic!("{err:?}");
    };
    assert!(cause.to_string().contains("who's u"), "{cause}");
    assert!(!err.is_retryable() && !err.to_string().contains("wrong"));
}

#[actix::test]
async fn a_proxy_whose_error_response_cannot_be_read_has_refused_all_the_same() {
    for (headers, words) in [
        ("content-length: 100", "cut"),
        ("content-encoding: gzip\r\ncontent-length: 4", "gzip"),
        ("content-length: 99999", ""),
    ] {
        let other = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_head();
            peer.write(format!("HTTP/1.1 407 Proxy Authentication Required\r\n{headers}\r\n\r\n{words}"));
        });
        let proxy = other.origin();
        let mut client = Client::to(URL.to_owned(), |builder| builder.proxy(&proxy));
        let err = client.fails().await;
        assert!(err.to_string().contains("407") && !err.is_retryable(), "{headers}: {err:?}");
        other.finish().await;
    }
}

#[actix::test]
async fn a_proxy_whose_error_response_does_not_end_has_refused_all_the_same() {
    let other = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_head();
        peer.write("HTTP/1.1 407 Proxy Authentication Required\r\n\r\nwho");
        peer.wait_closed();
    });
    let proxy = other.origin();
    let mut client = Client::to(URL.to_owned(), |builder| builder.proxy(&proxy));
    let err = client.fails().await;
    assert!(
        matches!(
            &err,
            ConnectError::Transport { source: TransportError::Proxy { status: Some(407), .. }, .. }
        ),
        "{err:?}"
    );
    other.finish().await;
}

#[actix::test]
async fn a_connect_is_retryable_if_the_proxy_is_down_or_busy() {
    let busy = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_head();
        peer.write("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 7\r\n\r\n");
    });
    let proxy = busy.origin();
    let mut client = Client::to(URL.to_owned(), |builder| builder.proxy(&proxy));
    let err = client.fails_over(TransportKind::WebSocket).await;
    assert!(
        matches!(
            &err,
            ConnectError::Transport { source: TransportError::Proxy { status: Some(503), .. }, .. }
        ),
        "{err:?}"
    );
    assert!(err.is_retryable());
    let status = err.get_ref().and_then(|cause| cause.downcast_ref::<HttpStatus>()).unwrap();
    assert_eq!((status.status, status.retry_after), (503, Some(Duration::from_secs(7))));
    busy.finish().await;

    let err = client.fails().await;
    assert!(
        matches!(&err, ConnectError::Transport { source: TransportError::Proxy { status: None, .. }, .. }),
        "{err:?}"
    );
    assert!(err.is_retryable());
}

#[actix::test]
async fn a_proxy_without_http_is_a_failure_of_the_proxy_and_not_of_the_server() {
    for words in ["SSH-2.0-OpenSSH_9.6\r\n\r\n", ""] {
        let other = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_head();
            peer.write(words);
        });
        let proxy = other.origin();
        let mut client = Client::to(URL.to_owned(), |builder| builder.proxy(&proxy));
        let err = client.fails_over(TransportKind::WebSocket).await;
        assert!(
            matches!(
                &err,
                ConnectError::Transport { source: TransportError::Proxy { status: None, .. }, .. }
            ),
            "{err:?}"
        );
        other.finish().await;
    }
}

#[actix::test]
async fn proxy_from_env_false_does_not_take_a_proxy_away() {
    let server = EmbeddedServer::echo().unwrap();
    let proxy = http_proxy(server.addr()).await;
    works(URL, |builder| builder.proxy(format!("http://user:p%40ss@{}", proxy.addr())).proxy_from_env(false))
        .await;
}

#[cfg(feature = "rustls")]
#[actix::test]
async fn tls_runs_through_a_tunnel() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = crate::tls::server(&server, &["events.internal"]).await;
    let proxy = http_proxy(front.addr()).await;
    for scheme in ["https", "wss"] {
        works(&format!("{scheme}://events.internal:7"), |builder| {
            builder.proxy(format!("http://user:p%40ss@{}", proxy.addr())).root_certificates(authority.pem())
        })
        .await;
    }
}

#[actix::test]
async fn a_connect_fails_if_the_url_of_the_proxy_is_invalid() {
    let mut client = Client::to("http://127.0.0.1:1".to_owned(), |builder| builder.proxy("ftp://proxy"));
    let err = client.fails().await;
    assert!(matches!(err, ConnectError::Invalid { what: "proxy", .. }), "{err:?}");
}

/// The client runs in a process of its own, since the variables of the environment belong to a process.
#[actix::test]
async fn the_proxies_of_the_environment_are_used_on_demand() {
    let server = EmbeddedServer::echo().unwrap();
    let proxy = http_proxy(server.addr()).await;
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "proxy::child", "--nocapture", "--test-threads", "1"])
        .env("PROXY_EXCEPT", server.url())
        .env("HTTP_PROXY", format!("http://user:p%40ss@{}", proxy.addr()))
        .env("ALL_PROXY", "socks://no.such.proxy")
        .env("NO_PROXY", "127.0.0.0/8")
        .env_remove("REQUEST_METHOD")
        .env_remove("http_proxy")
        .env_remove("no_proxy")
        .env_remove("all_proxy")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = actix_rt::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(proxy.opened() >= 3);
}

/// The client in the other process. In a normal run of the tests this does nothing.
#[actix::test]
async fn child() {
    let Ok(except) = env::var("PROXY_EXCEPT") else { return };
    works(URL, |builder| builder.proxy_from_env(true)).await;
    // The proxy would fail its test if it was asked for this server.
    works(&except, |builder| builder.proxy_from_env(true)).await;
    let secure = URL.replace("http:", "https:");
    let err = Client::to(secure, |builder| builder.proxy_from_env(true)).fails().await;
    assert!(err.to_string().contains("all_proxy"), "{err:?}");
    let err = Client::to(URL.to_owned(), |builder| builder).fails().await;
    assert!(
        matches!(err, ConnectError::Transport { source: TransportError::Resolve(_), .. }),
        "the environment counts unasked: {err:?}"
    );
}
