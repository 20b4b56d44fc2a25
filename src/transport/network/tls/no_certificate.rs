//! TLS without a certificate of the client.

use std::sync::Arc;

use rustls::{
    ClientConfig, SignatureScheme,
    client::{ResolvesClientCert, Resumption},
    sign::CertifiedKey,
};

/// The same configuration, with which no certificate is shown.
pub(super) fn without_certificate(config: &ClientConfig) -> ClientConfig {
    let mut config = config.clone();
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    // A session that is resumed goes on with the certificate that it began with. The store of sessions does not know
    // the port of the server, so it may have one for this host.
    config.resumption = Resumption::disabled();
    config
}

#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
