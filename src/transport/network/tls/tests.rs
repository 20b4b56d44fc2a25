//! What errors of TLS mean.

use rustls::{AlertDescription, CertificateError, Error};

use super::*;

#[test]
fn a_client_certificate_is_refused_by_an_alert_of_the_server() {
    let alert = || Error::AlertReceived(AlertDescription::CertificateRequired);
    for (err, is_refused) in [
        (TransportError::tls(alert(), true), true),
        (TransportError::tls(alert(), false), false),
        (TransportError::tls(Error::InvalidCertificate(CertificateError::UnknownIssuer), true), false),
        (TransportError::tls("a certificate", true), false),
        (TransportError::eof("gone"), false),
    ] {
        assert_eq!(is_client_certificate_refused(&err), is_refused, "{err:?}");
    }
}
