use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_engineio::{
    Connect, ConnectError, Destination, EngineIoClient, EngineIoClientBuilder, Event, Reconnect, Stage,
    TransportError, TransportKind,
    rustls::{
        self, ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
        sign::CertifiedKey,
    },
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{io::copy_bidirectional, net::TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{
    embedded::EmbeddedServer,
    front::{Front, Stream},
    support::{Client, SHORT, server::Server, takes},
    works,
};

pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

pub(crate) fn authority() -> Authority {
    static COUNT: AtomicUsize = AtomicUsize::new(0);

    let mut params = CertificateParams::new([]).unwrap();
    // A certificate contains the name of its authority, so each authority needs another name.
    let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

pub(crate) fn issue(authority: &Authority, names: &[&str]) -> Issued {
    let names = names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, authority).unwrap();
    Issued { certificate, key }
}

/// The store of certificates that contains only `authority`.
pub(crate) fn roots(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    roots
}

/// TLS with the certificate `issued`. With `clients`, only for clients that have a certificate of that authority.
pub(crate) fn server_config(issued: &Issued, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.unwrap();
    let builder = match clients {
        Some(authority) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authority)), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::try_from(issued.key.serialize_der()).unwrap();
    let mut config =
        builder.with_single_cert(vec![CertificateDer::from(issued.certificate.der().to_vec())], key).unwrap();
    // Servers that speak HTTP/2 offer both.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

async fn front(server: &EmbeddedServer, config: ServerConfig) -> Front {
    front_at("127.0.0.1:0", server.addr(), config).await.unwrap()
}

pub(crate) async fn front_at(addr: &str, server: SocketAddr, config: ServerConfig) -> io::Result<Front> {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Front::start_at(addr, move |stream| {
        let acceptor = acceptor.clone();
        Box::pin(async move {
            let stream = acceptor.accept(stream).await?;
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
            let stream: Box<dyn Stream> = Box::new(stream);
            Ok((stream, TcpStream::connect(server).await?))
        })
    })
    .await
}

/// TLS in front of `server`, with a certificate for `names` and an authority of its own.
pub(crate) async fn server(server: &EmbeddedServer, names: &[&str]) -> (Front, Authority) {
    let authority = authority();
    let front = front(server, server_config(&issue(&authority, names), None)).await;
    (front, authority)
}

/// The error of a connect, which has to be the same over both transports.
pub(crate) async fn fails(
    url: &str,
    configure: impl Fn(EngineIoClientBuilder) -> EngineIoClientBuilder,
) -> ConnectError {
    let mut client = Client::to(url.to_owned(), configure);
    let polling = client.fails_over(TransportKind::Polling).await;
    let websocket = client.fails_over(TransportKind::WebSocket).await;
    assert_eq!(polling, websocket);
    polling
}

/// The certificate was the reason, so another attempt does not help.
pub(crate) fn assert_untrusted(err: &ConnectError, words: &str) {
    let ConnectError::Transport { source: TransportError::Tls { cause, untrusted: true, .. }, .. } = err
    else {
        panic!("{err:?}");
    };
    assert!(cause.to_string().contains(words), "{cause}");
    assert!(err.get_ref().is_some_and(|cause| cause.is::<rustls::Error>()), "{err:?}");
    assert!(!err.is_retryable());
}

#[actix::test]
async fn a_server_whose_authority_was_added_is_trusted_over_every_transport() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = self::server(&server, &["127.0.0.1", "localhost"]).await;
    for scheme in ["https", "wss"] {
        works(&format!("{scheme}://127.0.0.1:{}", front.addr().port()), |builder| {
            builder.root_certificates(authority.pem())
        })
        .await;
    }
}

#[actix::test]
async fn an_unknown_authority_is_not_trusted_and_the_error_has_advice() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, _) = self::server(&server, &["127.0.0.1"]).await;
    let err = fails(&format!("https://{}", front.addr()), |builder| builder).await;
    assert_untrusted(&err, "root_certificates");
    let other = authority();
    let err =
        fails(&format!("https://{}", front.addr()), |builder| builder.root_certificates(other.pem())).await;
    assert_untrusted(&err, "certificate");
    assert_eq!(front.opened(), 0);
}

#[actix::test]
async fn the_certificate_has_to_be_for_the_host_or_for_the_server_name() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = self::server(&server, &["events.example.org"]).await;
    let url = format!("https://{}", front.addr());
    let err = fails(&url, |builder| builder.root_certificates(authority.pem())).await;
    assert_untrusted(&err, "not valid for name");
    works(&url, |builder| builder.root_certificates(authority.pem()).server_name("events.example.org")).await;
}

#[actix::test]
async fn without_ssl_verify_any_certificate_is_accepted() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, _) = self::server(&server, &["example.org"]).await;
    works(&format!("https://{}", front.addr()), |builder| builder.ssl_verify(false)).await;
}

/// A certificate of X.509 version 1, as `openssl x509 -req` makes it. Nothing can verify it.
const OLD_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBGTCBvwIUURLHTRicUWsbQO16pJ3oMqnUC+8wCgYIKoZIzj0EAwIwDjEMMAoG
A1UEAwwDb2xkMCAXDTI2MTEyNjEzNTAxMFoYDzIxMjYxMTAyMTM1MDEwWjAOMQww
CgYDVQQDDANvbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQwLDRyO04GqMBJ
XplLhQc4PUKnD0V9diAY2ON5u8XEV8LaGaNfP3Ze6a3wIbcsklL2KTEKAadzGuhP
tN5cdM6iMAoGCCqGSM49BAMCA0kAMEYCIQCam0yHjpYB2aNW6aGEHqBnlOgduIOW
SJQqfbC+e7ymxwIhANBENLSwuT3xklhVMh/keh/+37o/Ugp0aG87RvXaJpVv
-----END CERTIFICATE-----
";
const OLD_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNo4njFQj8r5+pQRK
tgCPjHzWLSHSyt3/ug+Gx0L2V3ihRANCAAQwLDRyO04GqMBJXplLhQc4PUKnD0V9
diAY2ON5u8XEV8LaGaNfP3Ze6a3wIbcsklL2KTEKAadzGuhPtN5cdM6i
-----END PRIVATE KEY-----
";

/// Presents this certificate to everybody, without parsing it.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

#[actix::test]
async fn without_ssl_verify_a_certificate_that_cannot_be_parsed_is_accepted() {
    let server = EmbeddedServer::echo().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(OLD_CERTIFICATE.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(OLD_KEY.as_bytes()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let key = provider.key_provider.load_private_key(key).unwrap();
    let old = Arc::new(Shows(Arc::new(CertifiedKey::new(chain, key))));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
        let mut config = builder.with_cert_resolver(old.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let front = front(&server, config).await;
        works(&format!("https://{}", front.addr()), |builder| builder.ssl_verify(false)).await;
    }
}

#[actix::test]
async fn the_certificate_of_a_server_can_be_trusted_unless_it_is_an_authority() {
    let server = EmbeddedServer::echo().unwrap();
    for is_ca in [IsCa::ExplicitNoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let is_authority = is_ca != IsCa::ExplicitNoCa;
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let pem = certificate.pem();
        let front = front(&server, server_config(&Issued { certificate, key }, None)).await;
        let url = format!("https://{}", front.addr());
        if is_authority {
            let err = fails(&url, |builder| builder.root_certificates(&pem)).await;
            assert_untrusted(&err, "CA:TRUE");
        } else {
            works(&url, |builder| builder.root_certificates(&pem)).await;
        }
    }
}

#[actix::test]
async fn tls_runs_over_the_users_own_connector() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = self::server(&server, &["events.internal"]).await;
    let addr = front.addr();
    works("https://events.internal:7", |builder| {
        builder
            .root_certificates(authority.pem())
            .connector(async move |_: Destination| TcpStream::connect(addr).await)
    })
    .await;
}

#[cfg(unix)]
#[actix::test]
async fn tls_runs_over_a_unix_socket() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = self::server(&server, &["events.internal"]).await;
    let socket = crate::front::UnixFront::start("tls", front.addr());
    works("wss://events.internal:7", |builder| {
        builder.root_certificates(authority.pem()).unix_socket(socket.path())
    })
    .await;
}

#[actix::test]
async fn a_host_that_cannot_be_in_a_certificate_is_not_retried() {
    let err = fails("https://a..b:1", |builder| builder).await;
    assert!(
        matches!(&err, ConnectError::Transport { source: TransportError::Unsupported(_), .. }),
        "{err:?}"
    );
    assert!(!err.is_retryable());
}

#[actix::test]
async fn ssl_verify_counts_although_a_clone_of_the_builder_has_connected_without_it() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, _) = self::server(&server, &["127.0.0.1"]).await;
    let url = format!("https://{}", front.addr());
    let other = authority();
    let unverified = EngineIoClient::builder().root_certificates(other.pem()).ssl_verify(false);
    works(&url, |_| unverified.clone()).await;
    let err = fails(&url, |_| unverified.clone().ssl_verify(true)).await;
    assert_untrusted(&err, "certificate");
}

#[actix::test]
async fn a_server_that_asks_for_a_client_certificate_gets_it() {
    let server = EmbeddedServer::echo().unwrap();
    let authority = authority();
    let config = server_config(&issue(&authority, &["127.0.0.1"]), Some(&authority));
    let front = front(&server, config).await;
    let url = format!("https://{}", front.addr());
    let mine = issue(&authority, &["client"]);
    works(&url, |builder| {
        builder
            .root_certificates(authority.pem())
            .client_certificate(mine.certificate.pem(), mine.key.serialize_pem())
    })
    .await;

    let err = fails(&url, |builder| builder.root_certificates(authority.pem())).await;
    assert_untrusted(&err, "client_certificate");
    // Another attempt with the same certificate is made seldom.
    let policy = Reconnect::exponential().max_delay(Duration::from_secs(60)).jitter(false);
    let policy = policy.on_initial_connect(true).retry_if(|_| true);
    let mut client =
        Client::to(url.clone(), |builder| builder.root_certificates(authority.pem()).reconnect(policy));
    client.addr.do_send(Connect::new(&*url));
    let Event::Reconnecting(next) = client.next().await else { panic!("no other attempt") };
    assert_eq!(next.delay, Duration::from_secs(60));
    client.disconnect().await;
    // The client cannot know beforehand that the server does not accept this certificate.
    let stranger = issue(&self::authority(), &["client"]);
    let err = fails(&url, |builder| {
        builder
            .root_certificates(authority.pem())
            .client_certificate(stranger.certificate.pem(), stranger.key.serialize_pem())
    })
    .await;
    assert_untrusted(&err, "does not accept");
}

#[actix::test]
async fn a_certificate_can_be_for_an_ipv6_address() {
    let server = EmbeddedServer::echo().unwrap();
    let authority = authority();
    let config = server_config(&issue(&authority, &["::1"]), None);
    let Ok(front) = front_at("[::1]:0", server.addr(), config).await else {
        println!("this machine has no ::1");
        return;
    };
    works(&format!("https://{}", front.addr()), |builder| builder.root_certificates(authority.pem())).await;
}

#[actix::test]
async fn a_tls_configuration_of_the_application_replaces_ours() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, authority) = self::server(&server, &["127.0.0.1"]).await;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots(&authority))
        .with_no_client_auth();
    // WebSocket over HTTP/2 is another protocol, so the client does not offer this.
    config.alpn_protocols = vec![b"h2".to_vec()];
    let config = Arc::new(config);
    works(&format!("https://{}", front.addr()), |builder| builder.tls_config(config.clone())).await;
}

#[actix::test]
async fn a_tls_handshake_in_which_the_server_sends_nothing_is_bounded() {
    let server = Server::start(|server| {
        server.accept().wait_closed();
    });
    let url = server.origin().replace("http:", "https:");
    let mut client = Client::to(url, |builder| builder.request_timeout(SHORT));
    let err = takes(SHORT, client.fails()).await;
    assert!(matches!(err, ConnectError::Timeout { stage: Stage::Tls, .. }), "{err:?}");
    server.finish().await;
}

#[actix::test]
async fn a_server_without_tls_is_a_failure_of_tls() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        peer.wait_closed();
    });
    let mut client = Client::to(server.origin().replace("http:", "https:"), |builder| builder);
    let err = client.fails().await;
    assert!(
        matches!(err, ConnectError::Transport { source: TransportError::Tls { untrusted: false, .. }, .. }),
        "{err:?}"
    );
    server.finish().await;
}

#[actix::test]
async fn a_connect_fails_if_a_pem_file_is_invalid() {
    let authority = authority();
    let mine = issue(&authority, &["client"]);
    let other = KeyPair::generate().unwrap().serialize_pem();
    let invalid = |configure: &dyn Fn(EngineIoClientBuilder) -> EngineIoClientBuilder| {
        let mut client = Client::to("https://127.0.0.1:1".to_owned(), configure);
        async move {
            match client.fails().await {
                ConnectError::Invalid { what, .. } => what,
                err => panic!("{err:?}"),
            }
        }
    };
    assert_eq!(invalid(&|builder| builder.root_certificates("no PEM")).await, "root certificate");
    let chain = mine.certificate.pem();
    assert_eq!(invalid(&|builder| builder.client_certificate(&chain, "no PEM")).await, "client certificate");
    assert_eq!(invalid(&|builder| builder.client_certificate(&chain, &other)).await, "client certificate");
    assert_eq!(invalid(&|builder| builder.server_name("not a name")).await, "server name");
}

#[actix::test]
async fn no_provider_is_installed_for_the_process() {
    let server = EmbeddedServer::echo().unwrap();
    let (front, _) = self::server(&server, &["127.0.0.1"]).await;
    works(&format!("https://{}", front.addr()), |builder| builder.ssl_verify(false)).await;
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

/// TLS 1.2 has no alert of its own for a certificate that is missing.
#[actix::test]
async fn the_alert_of_a_server_that_cannot_be_satisfied_is_final_and_has_advice() {
    for (alert, advice) in [(40, "client_certificate"), (70, "version"), (112, "server_name")] {
        let server = Server::start(move |server| {
            for _ in 0..2 {
                let mut peer = server.accept();
                // The header of the record of the ClientHello, and the record.
                let header = peer.read_body(5);
                peer.read_body(usize::from(u16::from_be_bytes([header[3], header[4]])));
                peer.write([21, 3, 3, 0, 2, 2, alert]);
                peer.wait_closed();
            }
        });
        let err = fails(&server.origin().replace("http:", "https:"), |builder| builder).await;
        assert_untrusted(&err, advice);
        server.finish().await;
    }
}

/// RFC 9112, section 9.8.
#[actix::test]
async fn every_connection_with_tls_ends_with_a_closure_alert() {
    let server = EmbeddedServer::echo().unwrap();
    let authority = authority();
    let acceptor = TlsAcceptor::from(Arc::new(server_config(&issue(&authority, &["127.0.0.1"]), None)));
    let ends = Rc::new(RefCell::new(Vec::new()));
    let (addr, seen) = (server.addr(), ends.clone());
    let front = Front::start(move |stream| {
        let (acceptor, seen) = (acceptor.clone(), seen.clone());
        Box::pin(async move {
            let mut client = acceptor.accept(stream).await?;
            let mut server = TcpStream::connect(addr).await?;
            // Without the alert, the end of the connection is unexpected.
            let end = copy_bidirectional(&mut client, &mut server).await;
            seen.borrow_mut().push(end.map(drop).map_err(|err| err.kind()));
            Err(io::ErrorKind::Other.into())
        })
    })
    .await;
    works(&format!("https://{}", front.addr()), |builder| builder.root_certificates(authority.pem())).await;
    while ends.borrow().len() < 5 {
        actix_rt::time::sleep(Duration::from_millis(1)).await;
    }
    // The server may still write to a client that has closed, which is another error.
    let is_unexpected = |end: &Result<(), _>| *end == Err(io::ErrorKind::UnexpectedEof);
    assert!(!ends.borrow().iter().any(is_unexpected), "{:?}", ends.borrow());
}
