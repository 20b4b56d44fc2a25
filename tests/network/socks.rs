use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use actix_engineio::{ConnectError, Stage, TransportError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    embedded::EmbeddedServer,
    front::{Front, Opened},
    proxy::URL,
    support::{Client, SHORT, server::Server, takes},
    works,
};

/// Addresses in a request to the proxy (RFC 1928, section 5). The first byte is the kind of the address.
const NAME: &[u8] = b"\x03\x0fevents.internal";
const ADDRESS: &[u8] = &[1, 127, 0, 0, 1];
const ADDRESS_6: &[u8] = &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// A SOCKS5 proxy that asks for `user:p@ss`. It connects to `server` for the `expected` address, and supports no other
/// address of IPv6.
async fn socks_proxy(server: SocketAddr, expected: &'static [u8]) -> Front {
    Front::start(move |stream| Box::pin(socks(stream, server, expected))).await
}

async fn socks(mut stream: TcpStream, server: SocketAddr, expected: &[u8]) -> Opened {
    // RFC 1928, section 3: version, methods. RFC 1929: user name and password are method 2.
    let [5, count] = read(&mut stream).await? else { return Err(io::ErrorKind::InvalidData.into()) };
    let mut methods = vec![0; count.into()];
    stream.read_exact(&mut methods).await?;
    if !methods.contains(&2) {
        stream.write_all(&[5, 0xff]).await?;
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    stream.write_all(&[5, 2]).await?;
    // RFC 1929, section 2: version, user, password; 0 is success.
    let is_known = read(&mut stream).await? == *b"\x01\x04user\x04p@ss";
    stream.write_all(&[1, u8::from(!is_known)]).await?;
    if !is_known {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // Section 4: version, connect, reserved, kind of address.
    let [5, 1, 0, kind] = read(&mut stream).await? else { return Err(io::ErrorKind::InvalidData.into()) };
    if kind == 4 && expected != ADDRESS_6 {
        let _: [u8; 18] = read(&mut stream).await?;
        // Section 6: 8 is "address type not supported".
        stream.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut address = vec![0; expected.len() - 1];
    stream.read_exact(&mut address).await?;
    assert_eq!([&[kind], &*address].concat(), expected);
    // 2 is "connection not allowed by ruleset".
    if read(&mut stream).await? != [0, 7] {
        stream.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    Ok((Box::new(stream), TcpStream::connect(server).await?))
}

async fn read<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[actix::test]
async fn with_socks5h_the_proxy_looks_up_the_host() {
    let server = EmbeddedServer::echo().unwrap();
    let proxy = socks_proxy(server.addr(), NAME).await;
    works(URL, |builder| builder.proxy(format!("socks5h://user:p%40ss@{}", proxy.addr()))).await;
}

#[actix::test]
async fn with_socks5_the_client_looks_up_the_host() {
    let server = EmbeddedServer::echo().unwrap();
    let proxy = socks_proxy(server.addr(), ADDRESS).await;
    works(URL, |builder| {
        builder.proxy(format!("socks5://user:p%40ss@{}", proxy.addr())).resolver(async |host: String| {
            assert_eq!(host, "events.internal");
            Ok(vec![[127, 0, 0, 1].into()])
        })
    })
    .await;
}

#[actix::test]
async fn an_address_that_the_proxy_cannot_reach_is_followed_by_the_next() {
    let server = EmbeddedServer::echo().unwrap();
    let proxy = socks_proxy(server.addr(), ADDRESS).await;
    works(URL, |builder| {
        builder
            .proxy(format!("socks5://user:p%40ss@{}", proxy.addr()))
            .resolver(async |_| Ok(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]))
    })
    .await;
}

#[actix::test]
async fn an_ip_address_is_sent_to_the_proxy_as_an_address() {
    let server = EmbeddedServer::echo().unwrap();
    for (url, expected) in [("http://127.0.0.1:7", ADDRESS), ("http://[::1]:7", ADDRESS_6)] {
        let proxy = socks_proxy(server.addr(), expected).await;
        works(url, |builder| builder.proxy(format!("socks5h://user:p%40ss@{}", proxy.addr()))).await;
    }
}

#[cfg(feature = "rustls")]
#[actix::test]
async fn tls_runs_through_a_socks_proxy() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = crate::tls::server(&server, &["events.internal"]).await;
    let proxy = socks_proxy(front.addr(), NAME).await;
    works("https://events.internal:7", |builder| {
        builder.proxy(format!("socks5h://user:p%40ss@{}", proxy.addr())).root_certificates(authority.pem())
    })
    .await;
}

#[actix::test]
async fn a_name_that_is_too_long_for_socks_is_unsupported() {
    for length in [256, 600] {
        let url = format!("http://{}:7", "a".repeat(length));
        let mut client = Client::to(url, |builder| builder.proxy("socks5h://127.0.0.1:1"));
        let err = client.fails().await;
        assert!(
            matches!(&err, ConnectError::Transport { source: TransportError::Unsupported(_), .. }),
            "{err:?}"
        );
        assert!(!err.is_retryable());
    }
}

#[actix::test]
async fn a_socks_proxy_that_asks_for_another_password_fails_the_connect() {
    let server = EmbeddedServer::echo().unwrap();
    let proxy = socks_proxy(server.addr(), NAME).await;
    for credentials in ["", "user:p4ss@"] {
        let url = format!("socks5h://{credentials}{}", proxy.addr());
        let mut client = Client::to(URL.to_owned(), |builder| builder.proxy(url));
        let err = client.fails().await;
        let ConnectError::Transport { source: TransportError::Proxy { status: Some(407), .. }, .. } = &err
        else {
            panic!("{err:?}");
        };
        assert!(!err.is_retryable());
    }
}

#[actix::test]
async fn a_socks_proxy_that_does_not_allow_the_server_fails_the_connect() {
    let server = EmbeddedServer::echo().unwrap();
    let proxy = socks_proxy(server.addr(), NAME).await;
    let url = format!("socks5h://user:p%40ss@{}", proxy.addr());
    let err = Client::to("http://events.internal:8".to_owned(), |builder| builder.proxy(url)).fails().await;
    let ConnectError::Transport { source: TransportError::Proxy { status: Some(403), .. }, .. } = &err else {
        panic!("{err:?}");
    };
    assert!(!err.is_retryable());
}

#[actix::test]
async fn a_socks_proxy_that_sends_nothing_is_not_reported_as_a_slow_lookup() {
    let proxy = Server::start(|server| {
        server.accept().wait_closed();
    });
    let url = proxy.origin().replace("http:", "socks5:");
    let mut client = Client::to(URL.to_owned(), |builder| {
        builder.request_timeout(SHORT).proxy(url).resolver(async |_| Ok(vec![[127, 0, 0, 1].into()]))
    });
    let err = takes(SHORT, client.fails()).await;
    assert!(matches!(err, ConnectError::Timeout { stage: Stage::Connect, .. }), "{err:?}");
    proxy.finish().await;
}
