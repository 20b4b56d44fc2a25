use super::*;
use crate::{
    error::{HttpStatus, TransportError},
    protocol::connection::model::endpoint,
};
use ProtocolVersion::{V3, V4};

fn refused(status: u16) -> ConnectError {
    ConnectError::status("http://localhost", HttpStatus::new(status))
}

fn mismatch() -> ConnectError {
    ConnectError::unsupported_protocol("http://localhost", V3)
}

fn target() -> Target {
    Target::new(endpoint(), false)
}

#[test]
fn a_version_that_is_set_is_spoken_whatever_is_known_of_the_server() {
    for found in [V3, V4] {
        assert_eq!(Negotiation::new(Protocol::V3, found).version(), V3);
        assert_eq!(Negotiation::new(Protocol::V4, found).version(), V4);
        assert_eq!(Negotiation::new(Protocol::Any, found).version(), found);
    }
}

#[test]
fn a_connect_goes_on_in_the_version_of_the_answer_if_it_may() {
    for version in [V3, V4] {
        let mut any = Negotiation::new(Protocol::Any, version);
        assert_eq!(any.on_answered(version.other()), Ok(()));
        assert_eq!(any.version(), version.other());
        assert!(!any.on_failed(&mismatch()), "it was tried");
    }
    assert_eq!(Negotiation::new(Protocol::V4, V4).on_answered(V3), Err(ProtocolError::Version3));
    assert_eq!(Negotiation::new(Protocol::V3, V4).on_answered(V4), Err(ProtocolError::Version4));
}

#[test]
fn a_version_that_is_refused_is_replaced_by_the_other_one_once() {
    // (what is wanted, the version that is known, the failure, whether the other version is tried)
    for (wanted, found, err, expected) in [
        (Protocol::Any, V4, mismatch(), true),
        (Protocol::Any, V3, mismatch(), true),
        // Not every server says what it refuses.
        (Protocol::Any, V3, refused(400), true),
        (Protocol::Any, V3, ConnectError::not_engine_io("", "HTTP instead of WebSocket frames"), true),
        (Protocol::Any, V4, ConnectError::not_engine_io("", "a page of HTML"), false),
        (Protocol::Any, V4, refused(400), false),
        (Protocol::Any, V3, refused(403), false),
        (Protocol::Any, V4, ConnectError::transport("", TransportError::eof("gone")), false),
        (Protocol::V4, V4, mismatch(), false),
        (Protocol::V3, V3, mismatch(), false),
    ] {
        let mut negotiation = Negotiation::new(wanted, found);
        assert_eq!(negotiation.on_failed(&err), expected, "{wanted:?} {found} {err}");
        assert_eq!(negotiation.version(), if expected { found.other() } else { found });
        assert!(!negotiation.on_failed(&err), "not again");
    }
}

#[test]
fn a_server_is_asked_in_version_3_if_it_has_shown_it_or_if_it_is_likely() {
    let mut found = FoundVersions::default();
    assert_eq!(found.version(&endpoint()), V4);
    found.suspect(&target());
    assert_eq!(found.version(&endpoint()), V3);
    found.clear_suspicion(&target());
    assert_eq!(found.version(&endpoint()), V4);
    found.prove(&target(), V3);
    found.clear_suspicion(&target());
    assert_eq!(found.version(&endpoint()), V3, "it is proven");
    found.prove(&target(), V4);
    assert_eq!(found.version(&endpoint()), V4);
}

#[test]
fn the_oldest_url_is_forgotten() {
    let mut found = FoundVersions::default();
    let at = |path: usize| {
        let endpoint = Endpoint::new("http://localhost", &path.to_string(), true, &"t".into()).unwrap();
        Target::new(endpoint.into(), false)
    };
    for path in 0..=MAX_REMEMBERED {
        found.prove(&at(path), V3);
        found.prove(&at(path), V3);
    }
    assert_eq!(found.0.len(), MAX_REMEMBERED);
    assert_eq!(found.version(at(0).endpoint()), V4);
    assert_eq!(found.version(at(1).endpoint()), V3);
}
