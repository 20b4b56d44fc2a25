use proptest::prelude::*;

use super::*;

fn decode(json: &str) -> Result<Session, ProtocolError> {
    Session::decode(json, TransportKind::Polling)
}

/// The open packet of a server with another ping interval.
fn with_interval(ping_interval: &str) -> String {
    format!(r#"{{"sid":"a","upgrades":[],"pingInterval":{ping_interval},"pingTimeout":20000}}"#)
}

fn reason(json: &str) -> String {
    match decode(json) {
        Err(ProtocolError::Handshake(reason)) => reason.into(),
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn the_handshake_of_the_reference_server_is_the_default_session() {
    let json = r#"{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    assert_eq!(decode(json), Ok(Session::new("lv_VI97HAXpY6yYWAAAC", TransportKind::Polling)));
}

#[test]
fn a_session_opened_over_websocket_has_nothing_to_upgrade_to() {
    let json = r#"{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    let session = Session::decode(json, TransportKind::WebSocket).unwrap();
    assert_eq!(session, Session::new("a", TransportKind::WebSocket));
    assert_eq!(session.upgrades, []);
}

#[test]
fn servers_may_omit_upgrades_and_max_payload_and_add_fields() {
    let session = decode(r#"{"sid":"a","pingInterval":300,"pingTimeout":200,"x":{"y":[1]}}"#).unwrap();
    assert_eq!(session.upgrades, []);
    assert_eq!(session.max_payload, None);
    assert_eq!(session.ping_interval, Duration::from_millis(300));
    assert_eq!(session.ping_timeout, Duration::from_millis(200));
}

#[test]
fn upgrades_that_this_client_does_not_have_are_skipped() {
    let json = r#"{"sid":"a","upgrades":["webtransport","websocket","x"],"pingInterval":1,"pingTimeout":1}"#;
    assert_eq!(decode(json).unwrap().upgrades, [TransportKind::WebSocket]);
}

#[test]
fn intervals_are_whole_milliseconds_of_at_most_a_day() {
    let day = Duration::from_secs(24 * 60 * 60);
    for (interval, expected) in [
        ("1", Duration::from_millis(1)),
        ("300", Duration::from_millis(300)),
        ("25000", Duration::from_secs(25)),
        ("25000.0", Duration::from_secs(25)),
        ("2.5e4", Duration::from_secs(25)),
        ("86399999", day - Duration::from_millis(1)),
        ("86400000", day),
        ("86400001", day),
        ("1e18", day),
        ("1e300", day),
        ("18446744073709551615", day),
        ("99999999999999999999999999", day),
    ] {
        assert_eq!(decode(&with_interval(interval)).unwrap().ping_interval, expected, "{interval}");
    }
}

#[test]
fn an_interval_that_is_not_a_positive_whole_number_is_an_error() {
    for interval in ["0", "-1", "-0.0", "0.5", "25000.5", "-1e300"] {
        let reason = reason(&with_interval(interval));
        assert!(reason.starts_with("pingInterval is "), "{reason}");
    }
    for interval in [r#""25000""#, "null", "true", "[25000]", "{}", "1e999", "NaN", "Infinity"] {
        reason(&with_interval(interval));
    }
    assert!(reason(r#"{"sid":"a","pingInterval":1,"pingTimeout":0}"#).starts_with("pingTimeout is 0,"));
}

#[test]
fn a_limit_that_is_zero_or_no_number_of_bytes_is_no_limit() {
    for (max_payload, expected) in [
        ("1000000", Some(1_000_000)),
        ("100000000.0", Some(100_000_000)),
        ("1e6", Some(1_000_000)),
        ("1", Some(1)),
        ("0", None),
        ("-1", None),
        ("null", None),
        ("1e300", None),
    ] {
        let json = format!(r#"{{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":{max_payload}}}"#);
        assert_eq!(decode(&json).unwrap().max_payload, expected, "{max_payload}");
    }
}

#[test]
fn an_error_says_what_is_wrong() {
    for (json, expected) in [
        (r#"{"sid":"","pingInterval":1,"pingTimeout":1}"#, "sid is empty"),
        (r#"{"pingInterval":1,"pingTimeout":1}"#, "missing field `sid`"),
        (r#"{"sid":7,"pingInterval":1,"pingTimeout":1}"#, "invalid type: integer `7`, expected a string"),
        (r#"{"sid":"a","pingTimeout":1}"#, "missing field `pingInterval`"),
        (r#"{"sid":"a","pingInterval":1}"#, "missing field `pingTimeout`"),
        (
            r#"{"sid":"a","pingInterval":1,"pingTimeout":1.5}"#,
            "pingTimeout is 1.5, not a positive whole number",
        ),
        (r#"{"sid":"a","pingInterval":1,"pingTimeout":1,"upgrades":"websocket"}"#, "invalid type: string"),
        (r#"{"sid":"a""#, "EOF while parsing"),
        ("", "EOF while parsing"),
        ("[]", "an array"),
        (r#"["a",[],1000,1000,1000]"#, "an array"),
        ("null", "invalid type: null"),
    ] {
        let reason = reason(json);
        assert!(reason.starts_with(expected), "{json}: {reason}");
    }
}

#[test]
fn an_error_quotes_only_the_start_of_the_servers_text() {
    let interval = format!(r#""{}""#, "€".repeat(10_000));
    assert_eq!(reason(&with_interval(&interval)).chars().count(), 200);
}

#[test]
fn a_transport_is_parsed_from_its_name() {
    for kind in [TransportKind::Polling, TransportKind::WebSocket] {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
    assert_eq!(format!("{:>8}|", TransportKind::Polling), " polling|");
    for name in ["", "Polling", "WebSocket", "webtransport", " polling"] {
        let err = name.parse::<TransportKind>().unwrap_err();
        assert_eq!(err.to_string(), "a transport is either `polling` or `websocket`");
    }
}

proptest! {
    #[test]
    fn whatever_is_accepted_has_usable_intervals(interval: f64, timeout: i64, limit: f64) {
        let json = format!(
            r#"{{"sid":"a","pingInterval":{interval:e},"pingTimeout":{timeout},"maxPayload":{limit:e}}}"#
        );
        if let Ok(session) = decode(&json) {
            for interval in [session.ping_interval, session.ping_timeout] {
                prop_assert!(interval >= Duration::from_millis(1));
                prop_assert!(interval <= Duration::from_secs(24 * 60 * 60));
            }
            prop_assert_ne!(session.max_payload, Some(0));
        }
    }

    #[test]
    fn every_whole_number_of_milliseconds_is_read_exactly(ms in 1..=86_400_000_u64) {
        let session = decode(&with_interval(&ms.to_string())).unwrap();
        prop_assert_eq!(session.ping_interval, Duration::from_millis(ms));
    }

    #[test]
    fn arbitrary_text_never_panics(json: String) {
        prop_assert!(decode(&json).is_err());
    }
}
