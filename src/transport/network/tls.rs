//! TLS, by rustls.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio_rustls::TlsConnector;

use self::unverified::Unverified;
use crate::{
    error::{Cause, TransportError},
    transport::Io,
};

mod unverified;

/// WebSocket needs HTTP/1.1, and so do our lanes.
const ALPN: &[u8] = b"http/1.1";

/// What servers are trusted, and who we are to them.
#[derive(Clone)]
pub(crate) struct Tls {
    /// The user's own, instead of everything else.
    own: Option<Arc<ClientConfig>>,
    roots: Vec<CertificateDer<'static>>,
    identity: Option<Arc<Identity>>,
    verify: bool,
    server_name: Option<ServerName<'static>>,
    /// Made at the first use, since it costs a while and memory.
    config: OnceLock<Result<Arc<ClientConfig>, TransportError>>,
}

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

/// TLS for one connection.
pub(super) struct Handshake {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// To be called before a change: a client started from a clone of the same builder may have made the config already.
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

    /// Trusts the certificates of a PEM file, too.
    pub(crate) fn add_roots(&mut self, pem: &[u8]) -> Result<(), String> {
        let certificates = certificates(pem)?;
        let mut check = RootCertStore::empty();
        for certificate in &certificates {
            check.add(certificate.clone()).map_err(|err| err.to_string())?;
        }
        self.roots.extend(certificates);
        Ok(())
    }

    /// Shows servers that ask for it this certificate, whose chain and key are PEM files.
    pub(crate) fn set_identity(&mut self, chain: &[u8], key: &[u8]) -> Result<(), String> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|err| format!("the private key: {err}"))?;
        let identity = Arc::new(Identity { chain, key });
        // A key that does not belong to the certificate is noticed here, not at the first connect.
        client_config(RootCertStore::empty(), Some(&identity), true).map_err(|err| err.to_string())?;
        self.identity = Some(identity);
        Ok(())
    }

    /// Everything that can be known to fail before there is a connection.
    pub(super) fn prepare(&self, host: &str) -> Result<Handshake, TransportError> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => server_name(host.to_owned()).map_err(|err| {
                TransportError::Unsupported(
                    format!("TLS with a host that certificates cannot name: {err}").into(),
                )
            })?,
        };
        Ok(Handshake { config: self.config()?, name })
    }

    fn config(&self) -> Result<Arc<ClientConfig>, TransportError> {
        /// Most clients of a process differ in nothing: they share the roots, and the sessions to be resumed.
        static USUAL: OnceLock<Result<Arc<ClientConfig>, TransportError>> = OnceLock::new();

        let is_usual = self.own.is_none() && self.roots.is_empty() && self.identity.is_none() && self.verify;
        let config = if is_usual { &USUAL } else { &self.config };
        config.get_or_init(|| self.make_config()).clone()
    }

    fn make_config(&self) -> Result<Arc<ClientConfig>, TransportError> {
        let mut config = match &self.own {
            Some(own) => ClientConfig::clone(own),
            None => {
                let mut roots = built_in_roots().clone();
                for root in &self.roots {
                    roots.add(root.clone()).map_err(|err| TransportError::tls(err, true))?;
                }
                if self.verify && roots.is_empty() {
                    return Err(TransportError::Unsupported(
                        "https and wss, for lack of trusted certificates: enable the feature rustls-webpki-roots \
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
        Ok(Arc::new(config))
    }
}

impl Handshake {
    pub(super) async fn handshake(self, io: Box<dyn Io>) -> Result<Box<dyn Io>, TransportError> {
        let stream =
            TlsConnector::from(self.config).connect(self.name, io).await.map_err(TransportError::from_io)?;
        Ok(Box::new(stream))
    }
}

/// The application's choice of cryptography, ring if it has made none. Nothing is installed for the process.
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

/// The roots that the features of this crate bring, loaded once a process.
fn built_in_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();

    ROOTS.get_or_init(|| {
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
        roots
    })
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

/// `err` in the words of TLS, if TLS is where it comes from: a server that wants a certificate of ours says so only
/// once we have begun to send.
pub(super) fn from_io(err: &io::Error) -> Option<TransportError> {
    use rustls::{AlertDescription as Alert, Error};

    let err = err.get_ref()?.downcast_ref::<Error>()?;
    let (is_about_certificates, advice) = match err {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            (true, "; if the server's authority is to be trusted, add it with root_certificates")
        }
        Error::InvalidCertificate(CertificateError::Other(other)) if is_authority(&other.to_string()) => (
            true,
            "; the server's certificate says that it is an authority (CA:TRUE), so it cannot be a server's as well: \
             make one without, sign it by that authority, and give root_certificates the authority's",
        ),
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => (true, ""),
        Error::AlertReceived(Alert::CertificateRequired) => {
            (true, "; the server asks for a client_certificate")
        }
        Error::AlertReceived(
            Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::NoCertificate
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate,
        ) => (true, "; the server does not accept the client_certificate"),
        _ => (false, ""),
    };
    let cause = Cause::with_text(err.clone(), &format!("{err}{advice}"));
    Some(TransportError::Tls { cause, untrusted: is_about_certificates })
}

/// webpki's `CaUsedAsEndEntity`, which rustls passes on as words.
fn is_authority(words: &str) -> bool {
    words.contains("CaUsedAsEndEntity")
}
