use super::*;
use crate::{
    error::{HttpStatus, TransportError},
    protocol::connection::model::endpoint,
};
use ProtocolVersion::{V3, V4};

fn refused(status: u16, code: Option<i64>) -> ConnectError {
    let mut status = HttpStatus::new(status);
    status.code = code;
    ConnectError::status("http://localhost", status)
}

fn mismatch() -> ConnectError {
    ConnectError::unsupported_protocol("http://localhost", V3)
}

fn target() -> Target {
    Target::new(endpoint(), false)
}

fn hint(version: ProtocolVersion) -> Knowledge {
    Knowledge { version, evidence: Evidence::Hint }
}

fn proof(version: ProtocolVersion) -> Knowledge {
    Knowledge { version, evidence: Evidence::Proof }
}

#[test]
fn a_version_that_is_set_is_spoken_whatever_is_known_of_the_server() {
    for found in [V3, V4] {
        assert_eq!(Negotiation::new(Protocol::V3, proof(found)).version(), V3);
        assert_eq!(Negotiation::new(Protocol::V4, proof(found)).version(), V4);
        assert_eq!(Negotiation::new(Protocol::Any, hint(found)).version(), found);
    }
}

#[test]
fn a_connect_goes_on_in_the_version_of_the_answer_if_it_may() {
    for version in [V3, V4] {
        let mut any = Negotiation::new(Protocol::Any, hint(version));
        assert!(!any.has_refused_other());
        assert_eq!(any.on_answered(version.other()), Ok(()));
        assert_eq!(any.version(), version.other());
        assert!(any.has_refused_other());
        assert!(!any.on_failed(&mismatch(), false), "it was tried");
    }
    assert_eq!(Negotiation::new(Protocol::V4, hint(V4)).on_answered(V3), Err(ProtocolError::Version3));
    assert_eq!(Negotiation::new(Protocol::V3, hint(V4)).on_answered(V4), Err(ProtocolError::Version4));
}

#[test]
fn a_version_that_is_refused_is_replaced_by_the_other_one_once() {
    let html = || ConnectError::not_engine_io("", "a page of HTML");
    // (what is wanted, what is known, the failure, whether the WebSocket was open, whether the other version is tried)
    for (wanted, found, err, is_open, expected) in [
        (Protocol::Any, hint(V4), mismatch(), false, true),
        (Protocol::Any, proof(V4), mismatch(), false, true),
        (Protocol::Any, hint(V3), mismatch(), false, true),
        (Protocol::Any, proof(V3), mismatch(), false, true),
        // Not every server says what it refuses.
        (Protocol::Any, hint(V3), refused(400, None), false, true),
        (Protocol::Any, hint(V3), refused(400, Some(9)), false, true),
        (Protocol::Any, hint(V3), html(), false, true),
        (Protocol::Any, proof(V3), html(), true, true),
        (Protocol::Any, proof(V3), html(), false, false),
        (Protocol::Any, proof(V3), refused(400, None), false, false),
        (Protocol::Any, hint(V3), refused(400, Some(1)), false, false),
        (Protocol::Any, hint(V3), refused(403, None), false, false),
        (Protocol::Any, hint(V4), html(), false, false),
        (Protocol::Any, hint(V4), html(), true, false),
        (Protocol::Any, hint(V4), refused(400, None), false, false),
        (Protocol::Any, hint(V4), ConnectError::transport("", TransportError::eof("gone")), false, false),
        (Protocol::V4, hint(V4), mismatch(), false, false),
        (Protocol::V3, hint(V3), mismatch(), false, false),
    ] {
        let mut negotiation = Negotiation::new(wanted, found);
        assert_eq!(negotiation.on_failed(&err, is_open), expected, "{wanted:?} {found:?} {err}");
        assert_eq!(negotiation.version(), if expected { found.version.other() } else { found.version });
        assert_eq!(negotiation.has_refused_other(), expected && err == mismatch());
        assert!(!negotiation.on_failed(&err, is_open), "not again");
    }
}

#[test]
fn what_is_known_of_a_server_changes_step_by_step() {
    let mut found = FoundVersions::default();
    let at = |found: &FoundVersions| found.at(endpoint().display_url());
    assert_eq!(at(&found), hint(V4), "nothing is known");
    found.suspect(&target());
    assert_eq!(at(&found), hint(V3));
    found.doubt(&target());
    assert_eq!(at(&found), hint(V4));
    found.prove(&target(), V3);
    assert!(found.is_proven(&target(), V3) && !found.is_proven(&target(), V4));
    found.doubt(&target());
    assert_eq!(at(&found), hint(V3));
    found.prove(&target(), V3);
    found.forget(&target());
    assert_eq!(at(&found), hint(V4));
    found.prove(&target(), V4);
    assert_eq!(at(&found), proof(V4));
}
