//! Servers over TLS, with certificates of an authority that the test creates.

use actix_engineio::{Connect, ConnectError, EngineIoClientBuilder, TransportError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::{
    cases::Case,
    peer::{Peer, Way},
    server::Server,
    support::Client,
    talk::Cell,
};

pub(crate) fn cases(cell: Cell) -> Vec<Case> {
    // Every server on Node has the same TLS.
    if cell.peer != Peer::EngineIo6 {
        return Vec::new();
    }
    vec![
        Case::new("over TLS, an authority that was added is trusted", trusted),
        Case::new("over TLS, an authority that was not added is not trusted", untrusted),
        Case::new("over TLS, a certificate for another name is not trusted", misnamed),
        Case::new("over TLS, a server that demands a certificate gets it", identified),
        Case::new("over TLS, a server that demands a certificate refuses a client without one", anonymous),
    ]
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new([]).expect("no names are valid names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// Creates a certificate for `name` and its key, as PEM.
fn issue(authority: &Authority, name: &str) -> (String, String) {
    let params = CertificateParams::new([name.to_owned()]).expect("a valid name");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

/// Starts a server with a certificate for `name`; with `clients`, it accepts only clients with a certificate of this
/// authority.
fn start(cell: Cell, authority: &Authority, name: &str, clients: Option<&Authority>) -> Server {
    let (cert, key) = issue(authority, name);
    let mut tls = json!({ "cert": cert, "key": key });
    if let Some(clients) = clients {
        tls["ca"] = Value::from(clients.pem());
        tls["requestCert"] = Value::from(true);
    }
    cell.start(json!({ "tls": tls }))
}

fn url(cell: Cell, server: &Server) -> String {
    let scheme = if cell.way == Way::WebSocket { "wss" } else { "https" };
    format!("{scheme}://127.0.0.1:{}", server.port())
}

async fn works(
    cell: Cell,
    server: &Server,
    configure: impl FnOnce(EngineIoClientBuilder) -> EngineIoClientBuilder,
) {
    let mut talk = cell.open_with(url(cell, server), configure, |connect| connect).await;
    talk.settle().await;
    talk.echoes("a secret").await;
    talk.echoes("x".repeat(300_000)).await;
    talk.disconnect().await;
}

async fn fails(
    cell: Cell,
    server: &Server,
    configure: impl FnOnce(EngineIoClientBuilder) -> EngineIoClientBuilder,
) -> TransportError {
    let connect: Connect = cell.connect(url(cell, server));
    match Client::to(url(cell, server), configure).fails_with(connect).await {
        ConnectError::Transport { source, .. } => source,
        err => panic!("{err}"),
    }
}

async fn trusted(cell: Cell) {
    let authority = authority("trusted");
    let server = start(cell, &authority, "127.0.0.1", None);
    works(cell, &server, |builder| builder.root_certificates(authority.pem())).await;
}

async fn untrusted(cell: Cell) {
    let server = start(cell, &authority("unknown"), "127.0.0.1", None);
    let err = fails(cell, &server, |builder| builder.root_certificates(authority("trusted").pem())).await;
    assert!(matches!(err, TransportError::Tls { untrusted: true, .. }), "{err}");
    works(cell, &server, |builder| builder.ssl_verify(false)).await;
}

async fn misnamed(cell: Cell) {
    let authority = authority("trusted");
    let server = start(cell, &authority, "elsewhere.example", None);
    let err = fails(cell, &server, |builder| builder.root_certificates(authority.pem())).await;
    assert!(matches!(err, TransportError::Tls { untrusted: true, .. }), "{err}");
    works(cell, &server, |builder| {
        builder.root_certificates(authority.pem()).server_name("elsewhere.example")
    })
    .await;
}

async fn identified(cell: Cell) {
    let (authority, clients) = (authority("trusted"), authority("of clients"));
    let server = start(cell, &authority, "127.0.0.1", Some(&clients));
    let (certificate, key) = issue(&clients, "client.example");
    works(cell, &server, |builder| {
        builder.root_certificates(authority.pem()).client_certificate(certificate, key)
    })
    .await;
}

async fn anonymous(cell: Cell) {
    let (authority, clients) = (authority("trusted"), authority("of clients"));
    let server = start(cell, &authority, "127.0.0.1", Some(&clients));
    let err = fails(cell, &server, |builder| builder.root_certificates(authority.pem())).await;
    assert!(matches!(err, TransportError::Tls { .. }), "{err}");
}
