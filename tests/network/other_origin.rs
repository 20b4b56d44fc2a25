//! The certificate of the client, which is meant for the origin that the application has named.

use std::sync::Arc;

use actix_engineio::{
    Connect, DisconnectReason, EngineIoClientBuilder, TransportKind,
    rustls::{
        ClientConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

use crate::{
    support::{Client, script::OPEN, server::Server},
    tls::{Authority, Issued, assert_untrusted, authority, front_at, issue, roots, server_config},
};

/// TLS of the application's own with the certificate `mine`.
fn own_config(authority: &Authority, mine: &Issued) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder =
        builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots(authority));
    let chain = vec![CertificateDer::from(mine.certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(mine.key.serialize_der()).unwrap();
    Arc::new(builder.with_client_auth_cert(chain, key).unwrap())
}

/// A server that opens a session and ends it.
fn elsewhere(kind: TransportKind) -> Server {
    Server::start(move |server| match kind {
        TransportKind::Polling => server.opens(OPEN).ends_session(),
        TransportKind::WebSocket => {
            let mut ws = server.opens_websocket(OPEN);
            ws.send_text("1");
            ws.wait_closed();
        }
    })
}

fn home(location: String) -> Server {
    Server::start(move |server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(307, &[("location", &location)], "");
        peer.wait_closed();
    })
}

/// Connects to a server that asks for the certificate, and redirects to another one.
async fn is_redirected(
    kind: TransportKind,
    asks_again: bool,
    configure: impl Fn(EngineIoClientBuilder, &Authority, &Issued) -> EngineIoClientBuilder,
) {
    let authority = authority();
    let config = |clients| server_config(&issue(&authority, &["127.0.0.1"]), clients);
    let elsewhere = if asks_again { Server::start(|_| {}) } else { self::elsewhere(kind) };
    let there =
        front_at("127.0.0.1:0", elsewhere.addr(), config(asks_again.then_some(&authority))).await.unwrap();
    let home = home(format!("https://{}/engine.io/", there.addr()));
    let here = front_at("127.0.0.1:0", home.addr(), config(Some(&authority))).await.unwrap();

    let mine = issue(&authority, &["client"]);
    let url = format!("https://{}", here.addr());
    let mut client = Client::to(url.clone(), |builder| configure(builder, &authority, &mine));
    let connect = Connect::new(url).transports([kind]);
    if asks_again {
        let err = client.fails_with(connect).await;
        assert!(err.to_string().contains(&there.addr().to_string()), "{err}");
        assert_untrusted(&err, "client_certificate");
    } else {
        client.open(connect).await;
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    }
    home.finish().await;
    elsewhere.finish().await;
}

#[actix::test]
async fn the_client_certificate_is_not_shown_to_another_origin() {
    for kind in [TransportKind::Polling, TransportKind::WebSocket] {
        for asks_again in [false, true] {
            is_redirected(kind, asks_again, |builder, authority, mine| {
                builder
                    .root_certificates(authority.pem())
                    .client_certificate(mine.certificate.pem(), mine.key.serialize_pem())
            })
            .await;
            is_redirected(kind, asks_again, |builder, authority, mine| {
                builder.tls_config(own_config(authority, mine))
            })
            .await;
            is_redirected(kind, asks_again, |builder, authority, mine| {
                // A connector that uses the crate's TLS.
                builder.tls_config(own_config(authority, mine)).awc_connector(|connector| connector)
            })
            .await;
        }
    }
}
