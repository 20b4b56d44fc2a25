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

/// An alert in an error of a connection.
fn after(alert: AlertDescription) -> TransportError {
    from_io(&io::Error::other(Error::AlertReceived(alert))).unwrap()
}

#[test]
fn an_alert_after_which_another_attempt_cannot_help_is_final_and_has_advice() {
    use AlertDescription as Alert;

    for (alert, advice) in [
        (Alert::HandshakeFailure, "client_certificate"),
        (Alert::CertificateRequired, "client_certificate"),
        (Alert::AccessDenied, "client_certificate"),
        (Alert::UnknownCA, "client_certificate"),
        (Alert::ProtocolVersion, "version"),
        (Alert::InsufficientSecurity, "cipher suites"),
        (Alert::UnsupportedExtension, "extensions"),
        (Alert::UnrecognisedName, "server_name"),
        (Alert::NoApplicationProtocol, "http/1.1"),
    ] {
        let TransportError::Tls { cause, untrusted: true } = after(alert) else { panic!("{alert:?}") };
        assert!(cause.to_string().contains(advice), "{cause}");
    }
    for alert in [Alert::InternalError, Alert::BadRecordMac, Alert::CloseNotify, Alert::UserCanceled] {
        assert!(matches!(after(alert), TransportError::Tls { untrusted: false, .. }), "{alert:?}");
    }
    let incompatible = Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered);
    let err = from_io(&io::Error::other(incompatible)).unwrap();
    assert!(matches!(&err, TransportError::Tls { untrusted: true, .. }), "{err:?}");
    assert!(!is_client_certificate_refused(&err));
}

#[test]
fn only_alerts_about_certificates_say_that_the_clients_is_refused() {
    assert!(is_client_certificate_refused(&after(AlertDescription::HandshakeFailure)));
    assert!(is_client_certificate_refused(&after(AlertDescription::CertificateUnknown)));
    assert!(!is_client_certificate_refused(&after(AlertDescription::ProtocolVersion)));
    assert!(!is_client_certificate_refused(&after(AlertDescription::UnrecognisedName)));
}

#[test]
fn a_configuration_that_could_not_be_made_is_made_again() {
    let cell = OnceLock::new();
    assert_eq!(get_or_try_init(&cell, || Err::<u8, _>("no authority")), Err("no authority"));
    assert_eq!(get_or_try_init(&cell, || Ok::<_, &str>(1)), Ok(1));
    assert_eq!(get_or_try_init(&cell, || Ok::<_, &str>(2)), Ok(1), "it is made once");
}
