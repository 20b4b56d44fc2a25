use super::*;
use crate::error::{ProtocolError, TransportError};

#[test]
fn each_reason_is_counted_under_its_name() {
    let metrics = Metrics::new();
    let reasons = [
        DisconnectReason::Client(None),
        DisconnectReason::Server,
        DisconnectReason::PingTimeout,
        DisconnectReason::transport_close(1000, ""),
        DisconnectReason::TransportError(TransportError::Vanished),
        DisconnectReason::Protocol(ProtocolError::OutOfPlace("")),
        DisconnectReason::Stalled,
    ];
    for (at, reason) in reasons.iter().enumerate() {
        (0..=at).for_each(|_| metrics.figures().ended(reason));
    }
    let names = reasons.each_ref().map(|reason| reason.as_str());
    let expected: Vec<_> = names.into_iter().zip(1..).collect();
    assert_eq!(metrics.snapshot().sessions_ended().collect::<Vec<_>>(), expected);
}

#[test]
fn round_trips_are_smoothed_from_the_first_one_on() {
    let metrics = Metrics::new();
    assert_eq!(metrics.snapshot().smoothed_round_trip, None);
    metrics.figures().round_trip(Duration::from_micros(800));
    let first = metrics.snapshot();
    assert_eq!(first.round_trip, first.smoothed_round_trip);
    metrics.figures().round_trip(Duration::from_micros(1600));
    let second = metrics.snapshot();
    assert_eq!(second.round_trip, Some(Duration::from_micros(1600)));
    let smoothed = second.smoothed_round_trip.unwrap().as_micros();
    assert!((890..=910).contains(&smoothed), "{smoothed}");
}
