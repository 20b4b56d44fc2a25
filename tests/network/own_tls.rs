//! TLS of the user's own, in the connector of awc that opens every connection.

use std::sync::Arc;

use actix_engineio::{
    ConnectError, EngineIoClientBuilder, TransportError, TransportKind,
    awc::http::Uri,
    rustls::{ClientConfig, RootCertStore, crypto::ring},
};
use actix_service::fn_service;
use actix_tls::connect::{ConnectError as DialError, ConnectInfo, Connection};
use tokio::{
    io::{AsyncReadExt as _, copy, sink},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    embedded::EmbeddedServer,
    front::Front,
    support::Client,
    tls::{Authority, assert_untrusted, authority, fails, front_at, issue, roots, server, server_config},
    works,
};

/// A configuration that trusts `roots` and offers these protocols.
fn config(roots: RootCertStore, protocols: &[&str]) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// A client whose connector does TLS by a configuration of its own, which trusts `authority`.
fn with_own_tls(
    builder: EngineIoClientBuilder,
    authority: &Authority,
    protocols: &[&str],
) -> EngineIoClientBuilder {
    let config = config(roots(authority), protocols);
    builder.awc_connector(move |connector| connector.rustls_0_23(config.clone()))
}

fn is_unsupported(err: &ConnectError, words: &str) -> bool {
    matches!(err, ConnectError::Transport { source: TransportError::Unsupported(what), .. } if what.contains(words))
}

#[actix::test]
async fn tls_of_the_users_own_runs_over_every_transport() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = self::server(&server, &["127.0.0.1"]).await;
    for scheme in ["https", "wss"] {
        let url = format!("{scheme}://{}", front.addr());
        works(&url, |builder| with_own_tls(builder, &authority, &["http/1.1"])).await;
    }
}

#[actix::test]
async fn our_options_of_tls_do_not_count_beside_tls_of_the_users_own() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = self::server(&server, &["127.0.0.1"]).await;
    let other = self::authority();
    let err = fails(&format!("https://{}", front.addr()), |builder| {
        let builder = builder.root_certificates(authority.pem()).ssl_verify(false);
        with_own_tls(builder, &other, &["http/1.1"])
    })
    .await;
    assert_untrusted(&err, "certificate");
}

#[actix::test]
async fn the_server_name_counts_for_tls_of_the_users_own() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = self::server(&server, &["events.example.org"]).await;
    let url = format!("https://{}", front.addr());
    works(&url, |builder| with_own_tls(builder.server_name("events.example.org"), &authority, &["http/1.1"]))
        .await;
    let err = fails(&url, |builder| with_own_tls(builder, &authority, &["http/1.1"])).await;
    assert_untrusted(&err, "not valid for name");
}

#[actix::test]
async fn a_connector_that_is_not_changed_has_our_tls() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = self::server(&server, &["127.0.0.1"]).await;
    works(&format!("https://{}", front.addr()), |builder| {
        builder.root_certificates(authority.pem()).awc_connector(|connector| connector)
    })
    .await;
}

fn chose_http2(err: &ConnectError) -> bool {
    matches!(err, ConnectError::Transport { source: TransportError::Tls { cause, .. }, .. } if cause.to_string().contains("HTTP/2"))
}

/// TLS with a server that chooses HTTP/2 and then says nothing, or closes at once.
async fn http2_front(authority: &Authority, is_silent: bool) -> Front {
    let mut config = server_config(&issue(authority, &["127.0.0.1"]), None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Front::start(move |stream| {
        let acceptor = acceptor.clone();
        Box::pin(async move {
            let mut stream = acceptor.accept(stream).await?;
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
            if is_silent {
                copy(&mut stream, &mut sink()).await?;
            }
            Err(std::io::Error::other("nothing follows"))
        })
    })
    .await
}

#[actix::test]
async fn a_server_that_chooses_http_2_fails_the_handshake_over_both_transports() {
    let authority = authority();
    for is_silent in [true, false] {
        let front = http2_front(&authority, is_silent).await;
        let err = fails(&format!("https://{}", front.addr()), |builder| {
            with_own_tls(builder, &authority, &["h2", "http/1.1"])
        })
        .await;
        assert!(chose_http2(&err) && !err.is_retryable(), "{err:?}");
    }
}

#[actix::test]
async fn an_ipv6_address_needs_a_server_name_with_tls_of_the_users_own() {
    let server = EmbeddedServer::echo().unwrap();
    let authority = authority();
    let config = server_config(&issue(&authority, &["::1", "events.example.org"]), None);
    let Ok(front) = front_at("[::1]:0", server.addr(), config).await else {
        println!("this machine has no ::1");
        return;
    };
    let url = format!("https://{}", front.addr());
    let err = fails(&url, |builder| with_own_tls(builder, &authority, &["http/1.1"])).await;
    assert!(is_unsupported(&err, "server_name"), "{err:?}");
    assert_eq!(front.opened(), 0);
    works(&url, |builder| with_own_tls(builder.server_name("events.example.org"), &authority, &["http/1.1"]))
        .await;
    // Our TLS is still there if the function does not set another.
    works(&url, |builder| {
        let builder = builder.root_certificates(authority.pem());
        builder.awc_connector(|connector| connector.limit(10))
    })
    .await;
}

#[actix::test]
async fn a_service_of_the_users_own_never_gets_a_url_of_https_over_a_connection_without_tls() {
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = plain.local_addr().unwrap();
    let received = actix_rt::spawn(async move {
        let mut received = Vec::new();
        plain.accept().await.unwrap().0.read_to_end(&mut received).await.unwrap();
        received
    });
    // Of this address the dialer would do TLS, and it is not asked.
    let mut client = Client::to("https://[2001:db8::1]:7".to_owned(), |builder| {
        builder.ssl_verify(false).awc_connector(move |connector| {
            connector.connector(fn_service(move |to: ConnectInfo<Uri>| async move {
                let stream = TcpStream::connect(addr).await.map_err(DialError::Io)?;
                Ok(Connection::new(to.request().clone(), stream))
            }))
        })
    });
    let err = client.fails_over(TransportKind::Polling).await;
    assert!(is_unsupported(&err, "IPv6"), "{err:?}");
    assert_eq!(received.await.unwrap(), b"", "something was sent without TLS");
}
