//! Alerts of TLS (RFC 8446, section 6), whichever library has received them.

/// The number of an alert that a server has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alert(u8);

const CLIENT_CERTIFICATE: &str = "; the server does not accept the client_certificate";
const VERSION: &str = "; the server and this client have no version of TLS in common";
const CIPHER_SUITES: &str =
    "; the server accepts none of the cipher suites and key exchanges that this client offers";
const EXTENSION: &str = "; the server does not accept the extensions of TLS that this client uses";

impl Alert {
    #[cfg(any(feature = "rustls", test))]
    pub(super) fn new(number: u8) -> Self {
        Self(number)
    }

    /// The alert in the text of an error of OpenSSL, which ends with `SSL alert number 40`.
    pub(super) fn from_openssl(text: &str) -> Option<Self> {
        let (_, number) = text.split_once("SSL alert number ")?;
        let end = number.find(|char: char| !char.is_ascii_digit()).unwrap_or(number.len());
        number.get(..end)?.parse().ok().map(Self)
    }

    /// The advice for an alert after which the same handshake is bound to fail again; `None` for any other alert.
    pub(super) fn advice(self) -> Option<&'static str> {
        Some(match self.0 {
            // handshake_failure. In TLS 1.2 it also says that a certificate is missing.
            40 => {
                "; the server may require a client_certificate, or accept none of the cipher suites that this client \
                 offers"
            }
            // no_certificate, bad_certificate, unsupported_certificate, certificate_revoked, certificate_expired,
            // certificate_unknown; unknown_ca, access_denied.
            41..=46 | 48 | 49 => CLIENT_CERTIFICATE,
            // export_restriction, insufficient_security.
            60 | 71 => CIPHER_SUITES,
            // protocol_version, inappropriate_fallback.
            70 | 86 => VERSION,
            // missing_extension, unsupported_extension, encrypted_client_hello_required.
            109 | 110 | 121 => EXTENSION,
            // unrecognized_name.
            112 => "; the server does not know the name of the URL: server_name can give another",
            // certificate_required.
            116 => "; the server asks for a client_certificate",
            // no_application_protocol.
            120 => "; the server does not accept http/1.1, which is the only protocol that is offered",
            _ => return None,
        })
    }

    /// Whether the server asks for a certificate of the client, or does not accept the one that it got.
    pub(super) fn is_about_client_certificate(self) -> bool {
        matches!(self.0, 40..=46 | 48 | 49 | 116)
    }
}

#[cfg(test)]
mod tests;
