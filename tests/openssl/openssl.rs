//! OpenSSL in awc's connector, over every transport.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../../examples/embedded/mod.rs"]
mod embedded;
#[path = "../network/front.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod front;
#[path = "../support/mod.rs"]
mod support;
#[path = "../network/works.rs"]
mod works;

use std::{
    io,
    net::Ipv4Addr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use actix_engineio::{
    ConnectError, EngineIoClient, EngineIoClientBuilder, Stage, TransportError, TransportKind,
};
use embedded::EmbeddedServer;
use front::{Front, Stream};
use openssl::{
    pkey::PKey,
    ssl::{
        AlpnError, Ssl, SslAcceptor, SslAcceptorBuilder, SslConnector, SslConnectorBuilder, SslMethod,
        SslVerifyMode, SslVersion, select_next_proto,
    },
    x509::X509,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use support::{Client, SHORT, server::Server, takes};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;
use works::works;

type Authority = CertifiedIssuer<'static, KeyPair>;

const HTTP_1: &[u8] = b"\x08http/1.1";
const HTTP_2: &[u8] = b"\x02h2";

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// OpenSSL with a certificate for `name`.
fn acceptor(authority: &Authority, name: &str) -> SslAcceptorBuilder {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&PKey::private_key_from_der(&key.serialize_der()).unwrap()).unwrap();
    acceptor.set_certificate(&X509::from_der(certificate.der()).unwrap()).unwrap();
    acceptor
}

/// TLS in front of `server`, with a certificate for `name`. It chooses from `protocols`.
async fn front(
    server: &EmbeddedServer,
    authority: &Authority,
    name: &str,
    protocols: &'static [u8],
) -> Front {
    let mut acceptor = acceptor(authority, name);
    acceptor.set_alpn_select_callback(move |_, offered| {
        select_next_proto(protocols, offered).ok_or(AlpnError::ALERT_FATAL)
    });
    front_with(server, acceptor.build()).await
}

async fn front_with(server: &EmbeddedServer, acceptor: SslAcceptor) -> Front {
    let server = server.addr();
    Front::start(move |stream| {
        let ssl = Ssl::new(acceptor.context()).unwrap();
        Box::pin(async move {
            let mut stream = SslStream::new(ssl, stream)?;
            Pin::new(&mut stream).accept().await.map_err(io::Error::other)?;
            let stream: Box<dyn Stream> = Box::new(stream);
            Ok((stream, TcpStream::connect(server).await?))
        })
    })
    .await
}

/// OpenSSL that trusts `authority` and offers `protocols`.
fn openssl(authority: &Authority, protocols: &[u8]) -> SslConnectorBuilder {
    let mut tls = SslConnector::builder(SslMethod::tls()).unwrap();
    tls.cert_store_mut().add_cert(X509::from_der(authority.der()).unwrap()).unwrap();
    tls.set_alpn_protos(protocols).unwrap();
    tls
}

fn with_openssl(builder: EngineIoClientBuilder, tls: SslConnectorBuilder) -> EngineIoClientBuilder {
    let tls = tls.build();
    builder.awc_connector(move |connector| connector.openssl(tls.clone()))
}

/// The error of a connect, which has to be the same over both transports.
async fn fails(
    url: &str,
    configure: impl Fn(EngineIoClientBuilder) -> EngineIoClientBuilder,
) -> ConnectError {
    let mut client = Client::to(url.to_owned(), configure);
    let polling = client.fails_over(TransportKind::Polling).await;
    let websocket = client.fails_over(TransportKind::WebSocket).await;
    assert_eq!(polling, websocket);
    polling
}

fn assert_untrusted(err: &ConnectError) {
    assert!(
        matches!(err, ConnectError::Transport { source: TransportError::Tls { untrusted: true, .. }, .. }),
        "{err:?}"
    );
    assert!(err.to_string().contains("certificate verify failed") && !err.is_retryable(), "{err}");
}

#[actix::test]
async fn polling_websocket_and_the_upgrade_run_over_openssl() {
    let server = EmbeddedServer::echo().unwrap();
    let authority = authority();
    let front = front(&server, &authority, "127.0.0.1", HTTP_1).await;
    for scheme in ["https", "wss"] {
        works(&format!("{scheme}://{}", front.addr()), |builder| {
            with_openssl(builder, openssl(&authority, HTTP_1))
        })
        .await;
    }
}

#[actix::test]
async fn the_options_of_the_way_to_the_server_count_beside_openssl() {
    let server = EmbeddedServer::echo().unwrap();
    let authority = authority();
    let front = front(&server, &authority, "events.internal", HTTP_1).await;
    let url = format!("https://events.internal:{}", front.addr().port());
    works(&url, |builder| {
        let builder = builder.resolver(async |host: String| {
            assert_eq!(host, "events.internal");
            // Nothing listens at the first address.
            Ok(vec![Ipv4Addr::new(127, 9, 9, 9).into(), Ipv4Addr::LOCALHOST.into()])
        });
        with_openssl(builder, openssl(&authority, HTTP_1))
    })
    .await;
    let addr = front.addr();
    works("https://events.internal:7", |builder| {
        let builder = builder.connector(async move |_| TcpStream::connect(addr).await);
        with_openssl(builder, openssl(&authority, HTTP_1))
    })
    .await;
}

#[actix::test]
async fn a_certificate_that_openssl_does_not_trust_is_not_retried() {
    let server = EmbeddedServer::echo().unwrap();
    let authority = authority();
    let other = front(&server, &self::authority(), "127.0.0.1", HTTP_1).await;
    let misnamed = front(&server, &authority, "events.example.org", HTTP_1).await;
    for front in [&other, &misnamed] {
        let url = format!("https://{}", front.addr());
        let err = fails(&url, |builder| with_openssl(builder, openssl(&authority, HTTP_1))).await;
        assert_untrusted(&err);
        assert_eq!(front.opened(), 0);
    }
    // Whatever OpenSSL accepts is accepted.
    works(&format!("https://{}", misnamed.addr()), |builder| {
        let mut tls = openssl(&authority, HTTP_1);
        tls.set_verify(SslVerifyMode::NONE);
        with_openssl(builder, tls)
    })
    .await;
}

#[cfg(feature = "rustls")]
#[actix::test]
async fn the_server_name_counts_beside_openssl() {
    let server = EmbeddedServer::echo().unwrap();
    let authority = authority();
    let front = front(&server, &authority, "events.example.org", HTTP_1).await;
    works(&format!("https://{}", front.addr()), |builder| {
        with_openssl(builder.server_name("events.example.org"), openssl(&authority, HTTP_1))
    })
    .await;
}

#[actix::test]
async fn a_server_that_chooses_http_2_fails_the_handshake() {
    let server = EmbeddedServer::echo().unwrap();
    let authority = authority();
    let front = front(&server, &authority, "127.0.0.1", HTTP_2).await;
    let err = fails(&format!("https://{}", front.addr()), |builder| {
        with_openssl(builder, openssl(&authority, b"\x02h2\x08http/1.1"))
    })
    .await;
    assert!(
        matches!(&err, ConnectError::Transport { source: TransportError::Tls { cause, .. }, .. } if cause.to_string().contains("HTTP/2")),
        "{err:?}"
    );
    assert!(!err.is_retryable());
}

#[actix::test]
async fn a_handshake_of_openssl_in_which_the_server_sends_nothing_is_bounded() {
    let server = Server::start(|server| {
        server.accept().wait_closed();
    });
    let authority = authority();
    let mut client = Client::to(server.origin().replace("http:", "https:"), |builder| {
        with_openssl(builder.request_timeout(SHORT), openssl(&authority, HTTP_1))
    });
    let err = takes(SHORT, client.fails()).await;
    assert!(matches!(err, ConnectError::Timeout { stage: Stage::Tls, .. }), "{err:?}");
    server.finish().await;
}

/// A connector that is not changed has our TLS. If there is none, it has the TLS that awc has by itself.
#[actix::test]
async fn a_function_that_changes_nothing_offers_no_http_2() {
    let server = EmbeddedServer::echo().unwrap();
    let offers = Arc::new(Mutex::new(Vec::new()));
    let mut acceptor = acceptor(&authority(), "127.0.0.1");
    let seen = offers.clone();
    acceptor.set_alpn_select_callback(move |_, offered| {
        seen.lock().unwrap().push(offered.to_vec());
        Err(AlpnError::NOACK)
    });
    let front = front_with(&server, acceptor.build()).await;
    let url = format!("https://{}", front.addr());
    let err = fails(&url, |builder| builder.awc_connector(|connector| connector)).await;
    assert!(
        matches!(&err, ConnectError::Transport { source: TransportError::Tls { untrusted: true, .. }, .. }),
        "{err:?}"
    );
    assert_eq!(*offers.lock().unwrap(), [HTTP_1, HTTP_1]);
}

#[cfg(not(feature = "rustls"))]
#[actix::test]
async fn without_awc_connector_there_is_no_tls_although_openssl_is_in_the_build() {
    let err = fails("https://127.0.0.1:1", |builder| builder).await;
    assert!(
        matches!(&err, ConnectError::Transport { source: TransportError::Unsupported(what), .. } if what.contains("rustls-webpki-roots")),
        "{err:?}"
    );
}

/// The example in the documentation of `awc_connector`.
#[test]
fn the_example_of_the_documentation_compiles() -> Result<(), openssl::error::ErrorStack> {
    let mut tls = SslConnector::builder(SslMethod::tls())?;
    tls.set_alpn_protos(b"\x08http/1.1")?;
    let tls = tls.build();
    let _builder = EngineIoClient::builder().awc_connector(move |connector| connector.openssl(tls.clone()));
    Ok(())
}

/// A server of TLS 1.2 says it during the handshake, and one of TLS 1.3 when the client has already sent its request.
#[actix::test]
async fn a_client_certificate_that_is_missing_is_recognised_in_what_openssl_says() {
    let server = EmbeddedServer::echo().unwrap();
    let authority = authority();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut acceptor = acceptor(&authority, "127.0.0.1");
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        acceptor.set_min_proto_version(Some(version)).unwrap();
        acceptor.set_max_proto_version(Some(version)).unwrap();
        let front = front_with(&server, acceptor.build()).await;
        let url = format!("https://{}", front.addr());
        let err = fails(&url, |builder| with_openssl(builder, openssl(&authority, HTTP_1))).await;
        assert!(
            matches!(
                err,
                ConnectError::Transport { source: TransportError::Tls { untrusted: true, .. }, .. }
            ),
            "{err:?}"
        );
        assert!(err.to_string().contains("client_certificate") && !err.is_retryable(), "{err}");
    }
}
