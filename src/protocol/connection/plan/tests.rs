use super::*;
use crate::{
    error::{HttpStatus, TransportError},
    protocol::{
        connection::model::endpoint,
        handshake::TransportKind::{Polling, WebSocket},
        version::{Protocol, ProtocolVersion},
    },
};

fn status(status: u16) -> ConnectError {
    ConnectError::from_transport(
        "",
        TransportError::Status(Box::new(HttpStatus::new(status))),
        ProtocolVersion::V4,
    )
}

fn plan(
    transports: &[TransportKind],
    is_remembered: bool,
    try_all: bool,
) -> Result<(Plan, TransportKind), ConnectError> {
    let params = ConnectParams {
        endpoint: endpoint(),
        deadline: std::time::Instant::now(),
        transports: transports.to_vec(),
        protocol: Protocol::V4,
        upgrade: true,
        try_all,
        remember: true,
    };
    Plan::new(&params, is_remembered)
}

#[test]
fn transports_are_tried_in_this_order() {
    // (transports, whether a WebSocket is remembered, whether to try all, the transports that are tried)
    for (transports, is_remembered, try_all, expected) in [
        (&[Polling][..], false, false, &[Polling][..]),
        (&[Polling, WebSocket], false, false, &[Polling]),
        (&[Polling, WebSocket], false, true, &[Polling, WebSocket]),
        (&[WebSocket, Polling, WebSocket], false, true, &[WebSocket, Polling]),
        (&[Polling, WebSocket], true, false, &[WebSocket, Polling]),
        (&[Polling, WebSocket], true, true, &[WebSocket, Polling, WebSocket]),
        (&[Polling], true, false, &[Polling]),
        (&[WebSocket, Polling], true, true, &[WebSocket, Polling]),
    ] {
        let (mut plan, first) = plan(transports, is_remembered, try_all).unwrap();
        let mut tried = vec![first];
        while let Some(next) = plan.next(&status(503)) {
            tried.push(next);
        }
        assert_eq!(tried, expected, "{transports:?} {is_remembered} {try_all}");
    }
    assert_eq!(plan(&[], false, true).unwrap_err(), ConnectError::NoTransports);
}

#[test]
fn the_failure_to_report_is_the_last_one_or_the_first_that_may_pass() {
    // (the failures in order, the status of the one to report)
    for (failures, expected) in
        [(&[503, 403][..], 503), (&[403, 503], 503), (&[503, 502], 502), (&[404, 403], 403), (&[403], 403)]
    {
        let (mut plan, _) = plan(&[Polling, WebSocket], false, true).unwrap();
        let (last, others) = failures.split_last().unwrap();
        for failure in others {
            plan.next(&status(*failure));
        }
        assert_eq!(plan.failure(status(*last)), status(expected), "{failures:?}");
    }
    // The failure of a remembered transport is not reported: the connect would not have tried it otherwise.
    let (mut plan, _) = plan(&[Polling, WebSocket], true, false).unwrap();
    plan.next(&status(503));
    assert_eq!(plan.failure(status(403)), status(403));
}

#[test]
fn an_upgrade_needs_a_websocket_that_has_not_failed() {
    for (transports, expected) in
        [(&[Polling, WebSocket][..], true), (&[Polling], false), (&[WebSocket, Polling], false)]
    {
        let (mut plan, first) = plan(transports, false, true).unwrap();
        let opened_by = if first == Polling { first } else { plan.next(&status(403)).unwrap() };
        assert_eq!(plan.upgrades_from(opened_by), expected, "{transports:?}");
    }
    let (plan, first) = plan(&[Polling, WebSocket], true, false).unwrap();
    assert!(!plan.upgrades_from(first), "it is on a WebSocket");
}
