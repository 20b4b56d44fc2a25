use std::{error::Error, fmt, io};

use super::*;
use crate::{NotConnected, ReconnectCause, TaskError, protocol::version::ProtocolVersion};

const URL: &str = "http://localhost:5000/engine.io/";

/// An error of an application, whose text does not contain that of its source.
#[derive(Debug)]
struct TokenError(io::Error);

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no token\nfor tenant blue")
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn disk_is_full() -> TokenError {
    TokenError(io::Error::other("the disk is full"))
}

/// The texts of an error and of its sources, as reports of errors print them.
fn report(err: &dyn Error) -> String {
    let mut texts = vec![err.to_string()];
    let mut source = err.source();
    while let Some(err) = source {
        texts.push(err.to_string());
        source = err.source();
    }
    texts.join(" | ")
}

fn lost() -> TransportError {
    TransportError::io(io::Error::from(io::ErrorKind::ConnectionReset))
}

#[test]
fn a_report_of_an_error_and_its_sources_says_everything_once() {
    let of_hook = ConnectError::hook(disk_is_full());
    let of_resolver = TransportError::resolve(io::Error::other(disk_is_full()));
    let of_proxy = TransportError::proxy(None, lost());
    let exhausted = |reason| ConnectError::Exhausted(Box::new(reason));
    let table: [(Box<dyn Error>, &str); 15] = [
        (lost().into(), "connection lost: connection reset"),
        (TransportError::eof("closed").into(), "connection lost: closed"),
        (ConnectError::transport(URL, lost()).into(), &format!("{URL}: connection lost: connection reset")),
        (DisconnectReason::from(lost()).into(), "transport error: connection lost: connection reset"),
        (of_proxy.into(), "the proxy failed: connection lost: connection reset"),
        (of_resolver.into(), "cannot resolve the host: no token for tenant blue | the disk is full"),
        (of_hook.into(), "the before_connect hook failed: no token for tenant blue | the disk is full"),
        (
            exhausted(lost().into()).into(),
            "no further reconnect attempt is allowed; the last session ended with: transport error: connection lost: \
             connection reset",
        ),
        (ConnectError::hook("no token").into(), "the before_connect hook failed: no token"),
        (ReconnectCause::Lost(lost().into()).into(), "transport error: connection lost: connection reset"),
        (
            ReconnectCause::Failed(ConnectError::hook(disk_is_full())).into(),
            "the before_connect hook failed: no token for tenant blue | the disk is full",
        ),
        (TaskError::panicked("a\nb").into(), "the task panicked: a b"),
        (TransportError::tls("expired", true).into(), "TLS failed: expired"),
        (TransportError::from(ProtocolError::Utf8).into(), "text that is not UTF-8"),
        (TransportError::timeout(Stage::Tls).into(), "timed out during the TLS handshake"),
    ];
    for (err, expected) in table {
        assert_eq!(report(&*err), expected);
    }
}

#[test]
fn every_error_fits_on_one_line() {
    let status = || HttpStatus { message: Some("a\r\nb".to_owned()), ..HttpStatus::new(503) };
    let table: [Box<dyn Error>; 6] = [
        ConnectError::status(URL, status()).into(),
        ConnectError::invalid("path", "a\nb").into(),
        ConnectError::hook("a\nb").into(),
        DisconnectReason::Client(Some("a\nb".into())).into(),
        DisconnectReason::transport_close(1008, "a\nb").into(),
        TransportError::resolve("a\nb").into(),
    ];
    for err in table {
        let text = err.to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn the_cause_can_be_downcast() {
    let of_hook = ConnectError::hook(disk_is_full());
    assert!(of_hook.get_ref().unwrap().is::<TokenError>());

    let refused = TransportError::connect(io::Error::from_raw_os_error(111));
    let err = ConnectError::transport(URL, refused.clone());
    let cause = err.get_ref().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(cause.raw_os_error(), Some(111));

    let reason = DisconnectReason::from(refused);
    assert!(reason.get_ref().unwrap().is::<io::Error>());
    let err = ConnectError::Exhausted(Box::new(reason));
    assert!(err.get_ref().unwrap().is::<io::Error>());

    let cause = ReconnectCause::Failed(err);
    assert!(cause.get_ref().unwrap().is::<io::Error>());

    let proxy = TransportError::proxy(None, lost());
    let cause = proxy.get_ref().unwrap().downcast_ref::<TransportError>().unwrap();
    assert!(cause.get_ref().unwrap().is::<io::Error>());
}

#[test]
fn what_this_crate_found_has_no_cause() {
    assert!(TransportError::eof("closed").get_ref().is_none());
    assert!(TransportError::timeout(Stage::Open).get_ref().is_none());
    assert!(ConnectError::Cancelled.get_ref().is_none());
    assert!(DisconnectReason::PingTimeout.get_ref().is_none());
}

#[test]
fn errors_are_equal_if_they_say_the_same() {
    let closed = |text: &str| TransportError::io(io::Error::new(io::ErrorKind::UnexpectedEof, text));
    assert_eq!(closed("closed"), TransportError::eof("closed"));
    assert_ne!(closed("closed"), closed("cut"));
    let of_hook = ConnectError::hook(disk_is_full());
    assert_eq!(of_hook.clone(), of_hook);
    assert_eq!(of_hook, ConnectError::hook("no token for tenant blue"));
    assert_eq!(format!("{:?}", of_hook), r#"Hook("no token for tenant blue")"#);
}

#[test]
fn errors_are_small() {
    // An event carries it.
    assert!(size_of::<TransportError>() <= 32);
    assert!(size_of::<ConnectError>() <= 64);
    assert!(size_of::<DisconnectReason>() <= 40);
}

#[test]
fn errors_can_be_sent_to_other_threads() {
    fn assert_error<T: Error + Clone + Eq + Send + Sync + 'static>() {}
    assert_error::<ConnectError>();
    assert_error::<DisconnectReason>();
    assert_error::<FlushError>();
    assert_error::<NotConnected>();
    assert_error::<ProtocolError>();
    assert_error::<ReconnectCause>();
    assert_error::<SendError>();
    assert_error::<SendErrorKind>();
    assert_error::<TaskError>();
    assert_error::<TransportError>();
}

/// RFC 9110, section 15: a client treats a status that it does not know as the `x00` of its class, and one that is no status
/// as a server error.
#[test]
fn a_status_that_nobody_has_registered_counts_as_its_class() {
    for (status, is_retryable) in
        [(199, false), (399, false), (499, false), (555, true), (600, true), (999, true)]
    {
        let err = ConnectError::status(URL, HttpStatus::new(status));
        assert_eq!(err.is_retryable(), is_retryable, "{status}");
    }
}

#[test]
fn a_server_of_the_other_protocol_is_recognised_by_its_code_or_by_its_words() {
    let status = |status: u16, code: Option<i64>, message: Option<&str>| {
        let message = message.map(str::to_owned);
        TransportError::Status(Box::new(HttpStatus { code, message, ..HttpStatus::new(status) }))
    };
    // python-engineio, in both of its versions.
    let words = "The client is using an unsupported version of the Socket.IO or Engine.IO protocols";
    for (err, expected) in [
        (status(400, Some(5), None), true),
        (status(400, None, Some(words)), true),
        (status(400, None, Some("Unsupported protocol version")), true),
        (status(400, None, Some("Bad request")), false),
        (status(400, None, None), false),
        (status(403, None, Some(words)), false),
        (status(400, Some(3), Some(words)), false),
    ] {
        for spoken in [ProtocolVersion::V3, ProtocolVersion::V4] {
            let err = ConnectError::from_transport("http://h", err.clone(), spoken);
            let server = match &err {
                ConnectError::UnsupportedProtocol { server, .. } => Some(*server),
                _ => None,
            };
            assert_eq!(server, expected.then_some(Some(spoken.other())), "{err}");
            assert!(!expected || err.to_string().contains("see the option `protocol`"), "{err}");
        }
    }
}
