use std::io::ErrorKind;

use super::*;
use crate::error::Stage::{Connect, Tls};

fn failure(err: ConnectError, stage: Stage) -> TransportError {
    from_awc(err, stage, no_tls)
}

fn io(kind: ErrorKind, text: &str) -> ConnectError {
    ConnectError::Io(io::Error::new(kind, text))
}

#[test]
fn errors_of_this_crate_pass_through_awc_unchanged() {
    for err in [TransportError::no_addresses(), http2(), TransportError::proxy(Some(407), "no")] {
        assert_eq!(failure(into_awc(err.clone()), Connect), err);
        assert_eq!(failure(into_awc(err.clone()), Tls), err);
    }
}

#[test]
fn errors_of_others_depend_on_the_stage() {
    let reset = || io(ErrorKind::ConnectionReset, "reset");
    assert!(matches!(
        failure(reset(), Connect),
        TransportError::Connect { kind: ErrorKind::ConnectionReset, .. }
    ));
    assert!(matches!(failure(reset(), Tls), TransportError::Io { kind: ErrorKind::ConnectionReset, .. }));
    let timeout = |stage| failure(ConnectError::Timeout, stage);
    assert!(matches!(timeout(Connect), TransportError::Connect { kind: ErrorKind::TimedOut, .. }));
    assert!(matches!(timeout(Tls), TransportError::Io { kind: ErrorKind::TimedOut, .. }));
    let gone = failure(ConnectError::Disconnected, Connect);
    assert!(matches!(gone, TransportError::Connect { kind: ErrorKind::Other, .. }));
}

#[test]
fn an_untrusted_certificate_is_recognised_in_what_openssl_says() {
    let openssl = |text| failure(io(ErrorKind::Other, text), Tls);
    let untrusted =
        "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed";
    assert!(matches!(openssl(untrusted), TransportError::Tls { untrusted: true, .. }));
    let other = "error:0A00010B:SSL routines:tls_validate_record_header:wrong version number";
    assert!(matches!(openssl(other), TransportError::Tls { untrusted: false, .. }));
}

#[test]
fn an_alert_that_openssl_has_received_is_final_before_and_after_the_handshake() {
    let text =
        "error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:SSL alert number 116";
    let alert = || io::Error::other(text);
    for err in [failure(ConnectError::Io(alert()), Tls), TransportError::from_io(alert())] {
        assert!(matches!(err, TransportError::Tls { untrusted: true, .. }), "{err:?}");
        assert!(tls::is_client_certificate_refused(&err));
        assert!(err.to_string().ends_with("; the server asks for a client_certificate"), "{err}");
    }
    let temporary =
        io::Error::other("error:0A000438:SSL routines::tlsv1 alert internal error:SSL alert number 80");
    let err = failure(ConnectError::Io(temporary), Tls);
    assert!(matches!(err, TransportError::Tls { untrusted: false, .. }), "{err:?}");
    assert!(!tls::is_client_certificate_refused(&err));
}

#[test]
fn the_errors_of_awc_have_counterparts() {
    assert_eq!(failure(ConnectError::SslIsNotSupported, Connect), no_tls());
    assert_eq!(failure(ConnectError::NoRecords, Connect), TransportError::no_addresses());
    assert_eq!(failure(ConnectError::Resolver("lost".into()), Connect), TransportError::resolve("lost"));
}

#[cfg(feature = "rustls")]
#[test]
fn an_error_of_rustls_is_one_of_tls_at_every_stage() {
    for stage in [Connect, Tls] {
        let err = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let err = failure(ConnectError::Io(io::Error::new(ErrorKind::InvalidData, err)), stage);
        assert!(matches!(err, TransportError::Tls { untrusted: true, .. }), "{err:?}");
    }
}
