//! The counterpart of `tls.rs` in a build without rustls, in which only `awc_connector` can bring TLS.

use std::{
    net::Ipv6Addr,
    sync::{Arc, Weak},
};

use awc::Connector;

use super::{Dialed, Dialer, alert::Alert, dialer::TlsBy, failure};
use crate::error::TransportError;

/// The options of TLS, of which this build has none.
#[derive(Clone, Default)]
pub(crate) struct Tls;

/// A configuration of TLS, which does not exist in this build.
pub(super) enum TlsConfig {}

/// A TLS handshake, which does not exist in this build.
pub(super) enum Handshake {}

impl Tls {
    /// There is no certificate.
    pub(super) fn without_certificate(&self) -> Option<Self> {
        None
    }

    pub(super) fn config(&self) -> Result<Arc<TlsConfig>, TransportError> {
        Err(TransportError::Unsupported(
            "https and wss, because this build has no TLS: enable the feature rustls-webpki-roots of actix-engineio".into(),
        ))
    }

    pub(super) fn plan(&self, host: &str, _: Option<Arc<TlsConfig>>) -> Result<TlsBy, TransportError> {
        if host.parse::<Ipv6Addr>().is_ok() {
            Err(failure::ipv6())
        } else {
            Ok(TlsBy::Awc { server_name: None })
        }
    }
}

impl TlsConfig {
    pub(super) fn apply(&self, _: Connector<Dialer>) -> (Connector<Dialer>, Weak<Self>) {
        match *self {}
    }
}

impl Handshake {
    pub(super) async fn run(&self, _: Dialed) -> Result<Dialed, TransportError> {
        match *self {}
    }
}

/// There is no provider of cryptography that could be installed.
pub(super) fn install_provider() {}

/// Whether this error says that the server asks for a client certificate, or does not accept the client's.
pub(crate) fn is_client_certificate_refused(err: &TransportError) -> bool {
    let TransportError::Tls { cause, untrusted: true, .. } = err else { return false };
    Alert::from_openssl(&cause.to_string()).is_some_and(Alert::is_about_client_certificate)
}
