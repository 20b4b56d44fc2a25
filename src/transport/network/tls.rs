//! TLS with rustls.

use std::{
    cell::Cell,
    io,
    sync::{Arc, OnceLock, Weak},
};

use actix_service::Service as _;
use actix_tls::connect::{Connection, Host, rustls_0_23::TlsConnector};
use awc::Connector;
use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, IpAddr, PrivateKeyDer, ServerName, pem::PemObject as _},
};

use self::{no_certificate::without_certificate, unverified::Unverified};
use super::{Dialed, Dialer, alert::Alert, dialer::TlsBy, failure, server::uri};
use crate::error::{Cause, TransportError};

mod no_certificate;
mod unverified;

/// The only protocol that is offered: the client speaks HTTP/1.1, and its WebSockets begin with it.
const ALPN: &[u8] = b"http/1.1";

/// The options of TLS: the servers that are trusted, and the certificate of the client.
#[derive(Clone)]
pub(crate) struct Tls {
    /// The configuration that the user has made. It replaces `roots`, `identity` and `verify`.
    own: Option<Arc<ClientConfig>>,
    roots: Vec<CertificateDer<'static>>,
    identity: Option<Arc<Identity>>,
    verify: bool,
    server_name: Option<ServerName<'static>>,
    /// The configuration that is used. It is made when it is needed first, since it costs time and memory. After a
    /// failure it is made again: the files of the system's authorities may appear later than the process.
    config: OnceLock<Arc<TlsConfig>>,
}

/// A configuration of rustls, which connectors use for TLS. Clients with the same one share a connector.
pub(super) struct TlsConfig(Arc<ClientConfig>);

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            own: None,
            roots: Vec::new(),
            identity: None,
            verify: true,
            server_name: None,
            config: OnceLock::new(),
        }
    }
}

/// A TLS handshake with an IPv6 address, which the dialer does.
pub(super) struct Handshake {
    config: Arc<TlsConfig>,
    name: Name,
}

/// The name that the certificate has to be for. An IPv6 address has no brackets.
#[derive(Clone)]
struct Name(String);

impl Host for Name {
    fn hostname(&self) -> &str {
        &self.0
    }
}

impl Tls {
    /// Has to be called before a change: a client from a clone of the same builder may have made the configuration.
    pub(crate) fn forget_config(&mut self) {
        self.config = OnceLock::new();
    }

    pub(crate) fn use_config(&mut self, config: Arc<ClientConfig>) {
        self.own = Some(config);
    }

    pub(crate) fn set_verify(&mut self, verify: bool) {
        self.verify = verify;
    }

    pub(crate) fn set_server_name(&mut self, name: String) -> Result<(), String> {
        self.server_name = Some(server_name(name)?);
        Ok(())
    }

    /// Adds the certificates of a PEM file to those that are trusted.
    pub(crate) fn add_roots(&mut self, pem: &[u8]) -> Result<(), String> {
        let certificates = certificates(pem)?;
        let mut check = RootCertStore::empty();
        for certificate in &certificates {
            check.add(certificate.clone()).map_err(|err| err.to_string())?;
        }
        self.roots.extend(certificates);
        Ok(())
    }

    /// Sets the certificate of the client, for servers that ask for one. `chain` and `key` are PEM files.
    pub(crate) fn set_identity(&mut self, chain: &[u8], key: &[u8]) -> Result<(), String> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|err| format!("the private key: {err}"))?;
        let identity = Arc::new(Identity { chain, key });
        // This finds a key that does not belong to the certificate before the first connect does.
        client_config(RootCertStore::empty(), Some(&identity), true).map_err(|err| err.to_string())?;
        self.identity = Some(identity);
        Ok(())
    }

    /// The same options without the certificate of the client; `None` if they have none.
    pub(super) fn without_certificate(&self) -> Option<Self> {
        if self.own.is_none() && self.identity.is_none() {
            return None;
        }
        let own = self.own.as_deref().map(|own| Arc::new(without_certificate(own)));
        Some(Self { own, identity: None, config: OnceLock::new(), ..self.clone() })
    }

    /// Decides who does TLS with `host`. It fails if TLS would certainly fail, so that nothing is connected for
    /// nothing. `ours` is the configuration that the connector uses, or `None` if the connector has TLS of the user's
    /// own.
    pub(super) fn plan(&self, host: &str, ours: Option<Arc<TlsConfig>>) -> Result<TlsBy, TransportError> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => server_name(host.to_owned()).map_err(|err| {
                TransportError::Unsupported(
                    format!("TLS with a host that certificates cannot name: {err}").into(),
                )
            })?,
        };
        if let ServerName::IpAddress(IpAddr::V6(_)) = name {
            let config = ours.ok_or_else(failure::ipv6)?;
            let handshake = Handshake { config, name: Name(name.to_str().into_owned()) };
            return Ok(TlsBy::Dialer { handshake, is_done: Cell::new(false) });
        }
        let server_name = match &self.server_name {
            Some(name) => Some(uri("https", &name.to_str())?),
            None => None,
        };
        Ok(TlsBy::Awc { server_name })
    }

    pub(super) fn config(&self) -> Result<Arc<TlsConfig>, TransportError> {
        /// The configuration without any options, which most clients of a process have. They share its certificate
        /// authorities, and the TLS sessions that can be resumed.
        static USUAL: OnceLock<Arc<TlsConfig>> = OnceLock::new();

        let is_usual = self.own.is_none() && self.roots.is_empty() && self.identity.is_none() && self.verify;
        let config = if is_usual { &USUAL } else { &self.config };
        get_or_try_init(config, || self.make_config().map(|config| Arc::new(TlsConfig(Arc::new(config)))))
    }

    fn make_config(&self) -> Result<ClientConfig, TransportError> {
        let mut config = match &self.own {
            Some(own) => ClientConfig::clone(own),
            None => {
                let mut roots = built_in_roots();
                for root in &self.roots {
                    roots.add(root.clone()).map_err(|err| TransportError::tls(err, true))?;
                }
                if self.verify && roots.is_empty() {
                    return Err(TransportError::Unsupported(
                        "https and wss, because no authority is trusted: enable the feature rustls-webpki-roots \
                         or rustls-native-roots of actix-engineio, or give the builder root_certificates or \
                         tls_config"
                            .into(),
                    ));
                }
                client_config(roots, self.identity.as_deref(), self.verify)
                    .map_err(|err| TransportError::tls(err, false))?
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        if !self.verify && self.own.is_none() {
            log::warn!(
                target: "actix_engineio::transport",
                "TLS certificates are NOT verified (ssl_verify is off): whoever is on the way can read and change \
                 everything"
            );
        }
        Ok(config)
    }
}

impl TlsConfig {
    /// Makes `connector` use this configuration. The second value is alive as long as the connector uses it.
    pub(super) fn apply(&self, connector: Connector<Dialer>) -> (Connector<Dialer>, Weak<ClientConfig>) {
        // Only the connector owns this copy. Its large parts are shared with the original.
        let copy = Arc::new(ClientConfig::clone(&self.0));
        let in_use = Arc::downgrade(&copy);
        (connector.rustls_0_23(copy), in_use)
    }
}

impl Handshake {
    pub(super) async fn run(&self, dialed: Dialed) -> Result<Dialed, TransportError> {
        let service = TlsConnector::service(self.config.0.clone());
        let connection = service.call(Connection::new(self.name.clone(), dialed)).await;
        let stream = connection.map_err(TransportError::from_io)?.into_parts().0;
        Ok(Dialed::other(stream))
    }
}

/// Installs ring as the provider of the process, for a build in which awc needs one.
pub(super) fn install_provider() {
    if ring::default_provider().install_default().is_ok() {
        log::warn!(
            target: "actix_engineio::transport",
            "ring is now the process's provider of cryptography: a crate of this build has enabled trusted \
             authorities for awc, which then needs one; to choose another, install it before the first connect"
        );
    }
}

/// The cryptography provider that the application has installed, or ring. This installs nothing.
fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(ring::default_provider()))
}

fn client_config(
    roots: RootCertStore,
    identity: Option<&Identity>,
    verify: bool,
) -> Result<ClientConfig, rustls::Error> {
    let provider = provider();
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = if verify {
        builder.with_root_certificates(roots)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified::new(provider)))
    };
    match identity {
        Some(Identity { chain, key }) => builder.with_client_auth_cert(chain.clone(), key.clone_key()),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// Like [`OnceLock::get_or_init`], for a value that cannot always be made: only success is stored.
fn get_or_try_init<T: Clone, E>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    if let Some(value) = cell.get() {
        return Ok(value.clone());
    }
    make().map(|value| cell.get_or_init(|| value).clone())
}

/// The certificate authorities of the crate's features. They are loaded once per process, unless there are none yet.
fn built_in_roots() -> RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();

    let loaded = get_or_try_init(&ROOTS, || {
        #[allow(unused_mut, reason = "no feature may add any")]
        let mut roots = RootCertStore::empty();
        #[cfg(feature = "rustls-webpki-roots")]
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        #[cfg(feature = "rustls-native-roots")]
        {
            let native = rustls_native_certs::load_native_certs();
            for err in native.errors {
                log::warn!(target: "actix_engineio::transport", "the system's certificates: {err}");
            }
            roots.add_parsable_certificates(native.certs);
        }
        if roots.is_empty() { Err(()) } else { Ok(roots) }
    });
    loaded.unwrap_or_else(|()| RootCertStore::empty())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("no certificate in the PEM".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(err) => Err(err.to_string()),
    }
}

fn server_name(host: String) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host).map_err(|err| err.to_string())
}

/// The error of TLS that is inside `err`, if there is one. It can come after the handshake: a server that asks for a
/// client certificate reports its absence when the client already sends.
pub(super) fn from_io(err: &io::Error) -> Option<TransportError> {
    use rustls::Error;

    let err = err.get_ref()?.downcast_ref::<Error>()?;
    let (is_final, advice) = match err {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            (true, "; if the server's authority is to be trusted, add it with root_certificates")
        }
        Error::InvalidCertificate(CertificateError::Other(other)) if is_authority(&other.to_string()) => (
            true,
            "; the server's certificate says that it is an authority (CA:TRUE), so it cannot be a server's as well: \
             make one without, sign it by that authority, and give root_certificates the authority's",
        ),
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => (true, ""),
        Error::AlertReceived(alert) => {
            let advice = Alert::new(u8::from(*alert)).advice();
            (advice.is_some(), advice.unwrap_or_default())
        }
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => {
            (true, "; the server and this client have no version, cipher suite or protocol in common")
        }
        _ => (false, ""),
    };
    let cause = Cause::with_text(err.clone(), &format!("{err}{advice}"));
    Some(TransportError::Tls { cause, untrusted: is_final })
}

/// Whether this error says that the server asks for a client certificate, or does not accept the client's.
pub(crate) fn is_client_certificate_refused(err: &TransportError) -> bool {
    let TransportError::Tls { cause, untrusted: true, .. } = err else { return false };
    // An alert comes from the server; a certificate of the server that is refused raises another error.
    let alert = match cause.get_ref().and_then(|err| err.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => Some(Alert::new(u8::from(*alert))),
        Some(_) => None,
        // The application has brought another library.
        None => Alert::from_openssl(&cause.to_string()),
    };
    alert.is_some_and(Alert::is_about_client_certificate)
}

/// Whether this is webpki's `CaUsedAsEndEntity`, of which rustls passes on only the text.
fn is_authority(words: &str) -> bool {
    words.contains("CaUsedAsEndEntity")
}

#[cfg(test)]
mod tests;
