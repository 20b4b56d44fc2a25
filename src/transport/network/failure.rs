//! The errors of connections that could not be opened, or were lost.

use std::io;

use awc::error::ConnectError;

use super::alert::Alert;
#[cfg(any(feature = "rustls", test))]
use super::tls;
use crate::error::{Cause, Stage, TransportError};

impl TransportError {
    /// The error of a byte stream that was connected: an error of TLS, or a lost connection.
    pub(crate) fn from_io(err: io::Error) -> Self {
        #[cfg(feature = "rustls")]
        if let Some(err) = tls::from_io(&err) {
            return err;
        }
        from_openssl(err).unwrap_or_else(Self::io)
    }
}

/// Puts `err` into an error that awc passes on without changing it.
pub(super) fn into_awc(err: TransportError) -> ConnectError {
    ConnectError::Io(io::Error::other(err))
}

/// The error with which awc failed to open a connection that had reached `stage`. `no_tls` says why there is no TLS.
pub(super) fn from_awc(
    err: ConnectError,
    stage: Stage,
    no_tls: impl FnOnce() -> TransportError,
) -> TransportError {
    match err {
        ConnectError::Io(err) => match err.downcast::<TransportError>() {
            Ok(err) => err,
            Err(err) => opening(err, stage),
        },
        ConnectError::SslIsNotSupported => no_tls(),
        ConnectError::H2(_) => http2(),
        // Only services of the user's own return these two. The dialer returns errors of this crate.
        ConnectError::Resolver(err) => TransportError::resolve(err.to_string()),
        ConnectError::NoRecords => TransportError::no_addresses(),
        // The user has set this time limit in the connector.
        err @ ConnectError::Timeout => {
            opening(io::Error::new(io::ErrorKind::TimedOut, err.to_string()), stage)
        }
        err => opening(io::Error::other(err.to_string()), stage),
    }
}

fn opening(err: io::Error, stage: Stage) -> TransportError {
    #[cfg(feature = "rustls")]
    if let Some(err) = tls::from_io(&err) {
        return err;
    }
    if stage != Stage::Tls {
        return TransportError::connect(err);
    }
    let err = match from_openssl(err) {
        Ok(err) => return err,
        Err(err) => err,
    };
    if err.kind() != io::ErrorKind::Other {
        return TransportError::io(err);
    }
    // This is an error of another library than rustls. OpenSSL says this about certificates.
    let untrusted = err.to_string().contains("certificate verify failed");
    TransportError::tls(err, untrusted)
}

/// The error for an alert that OpenSSL has received and after which the same handshake is bound to fail again. Any other
/// error is returned as it is.
fn from_openssl(err: io::Error) -> Result<TransportError, io::Error> {
    let text = err.to_string();
    let Some(advice) = Alert::from_openssl(&text).and_then(Alert::advice) else { return Err(err) };
    Ok(TransportError::Tls { cause: Cause::with_text(err, &format!("{text}{advice}")), untrusted: true })
}

/// The error of code of the user or of a library that panicked.
pub(super) fn panicked(what: &str) -> TransportError {
    TransportError::connect(io::Error::other(format!("{what} panicked")))
}

/// The error for a server that has chosen HTTP/2, which only TLS of the user's own can offer. Another server behind the
/// same name may choose HTTP/1.1, so this error does not end a reconnect policy.
pub(super) fn http2() -> TransportError {
    TransportError::tls(
        "the server has chosen HTTP/2, which the TLS of awc_connector offers: its ALPN has to offer http/1.1 only",
        true,
    )
}

/// The error for an IPv6 address in the URL: awc passes it to TLS in brackets, as it is in URIs, and no TLS library
/// accepts that as a name.
pub(super) fn ipv6() -> TransportError {
    TransportError::Unsupported(
        "TLS to an IPv6 address, with TLS or a service of one's own in awc_connector: give the builder a server_name, \
         or the URL a name"
            .into(),
    )
}

/// The error for a connector of the user's own that does no TLS.
pub(super) fn no_tls() -> TransportError {
    TransportError::Unsupported("https and wss: the connector of awc_connector does no TLS".into())
}

#[cfg(test)]
mod tests;
