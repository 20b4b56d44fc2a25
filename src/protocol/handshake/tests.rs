use proptest::prelude::*;

use super::*;

fn decode(json: &str) -> Result<Session, ProtocolError> {
    Session::decode(json, TransportKind::Polling, ProtocolVersion::V4)
}

/// An open packet with this value in a field.
fn with(field: &str, value: &str) -> String {
    format!(r#"{{"sid":"a","{field}":{value}}}"#)
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
    let session = Session::decode(json, TransportKind::WebSocket, ProtocolVersion::V4).unwrap();
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
fn an_element_of_upgrades_that_is_no_name_is_skipped() {
    for upgrades in [
        r#"[null,"websocket"]"#,
        r#"[1e999,-1,{"x":["websocket"]},["websocket"],"websocket"]"#,
        r#"["\ud800","websocket"]"#,
        r#""websocket""#,
    ] {
        assert_eq!(decode(&with("upgrades", upgrades)).unwrap().upgrades, [TransportKind::WebSocket]);
    }
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    for upgrades in ["null", "7", "{}", "true", r#""carrier pigeon""#, "[]", "[[]]", &nested] {
        assert_eq!(decode(&with("upgrades", upgrades)).unwrap().upgrades, [], "{upgrades:.20}");
    }
}

#[test]
fn an_interval_is_any_positive_number_of_milliseconds() {
    let day = Duration::from_secs(24 * 60 * 60);
    for (interval, expected) in [
        ("1", Duration::from_millis(1)),
        ("300", Duration::from_millis(300)),
        ("25000", Duration::from_secs(25)),
        ("25000.0", Duration::from_secs(25)),
        ("2.5e4", Duration::from_secs(25)),
        ("25000.5", Duration::from_micros(25_000_500)),
        (r#""25000""#, Duration::from_secs(25)),
        (r#"" 25000.0 ""#, Duration::from_secs(25)),
        ("0.5", Duration::from_millis(1)),
        ("1e-300", Duration::from_millis(1)),
        ("86399999", day - Duration::from_millis(1)),
        ("86400000", day),
        ("86400001", day),
        ("1e18", day),
        ("1e300", day),
        ("1e999", day),
        (r#""Infinity""#, day),
        ("18446744073709551615", day),
        ("99999999999999999999999999", day),
    ] {
        assert_eq!(decode(&with("pingInterval", interval)).unwrap().ping_interval, expected, "{interval}");
        assert_eq!(decode(&with("pingTimeout", interval)).unwrap().ping_timeout, expected, "{interval}");
    }
    // `60000 / 7`, as JavaScript writes it.
    let interval = decode(&with("pingInterval", "8571.428571428572")).unwrap().ping_interval;
    assert_eq!(interval.as_micros(), 8_571_428);
}

#[test]
fn an_interval_that_cannot_be_used_is_that_of_the_reference_server() {
    let session = Session::new("a", TransportKind::Polling);
    for interval in [
        "0",
        "-1",
        "-0.0",
        "-1e300",
        "-1e999",
        "null",
        "true",
        "[25000]",
        "{}",
        r#""soon""#,
        r#""NaN""#,
        r#""""#,
    ] {
        let decoded = decode(&with("pingInterval", interval)).unwrap();
        assert_eq!(decoded.ping_interval, session.ping_interval, "{interval}");
        let decoded = decode(&with("pingTimeout", interval)).unwrap();
        assert_eq!(decoded.ping_timeout, session.ping_timeout, "{interval}");
    }
    let decoded = decode(r#"{"sid":"a"}"#).unwrap();
    assert_eq!((decoded.ping_interval, decoded.ping_timeout), (session.ping_interval, session.ping_timeout));
}

#[test]
fn a_limit_that_is_zero_or_no_number_of_bytes_is_no_limit() {
    for (max_payload, expected) in [
        ("1000000", Some(1_000_000)),
        ("100000000.0", Some(100_000_000)),
        ("1e6", Some(1_000_000)),
        (r#""1000000""#, Some(1_000_000)),
        ("1000.9", Some(1000)),
        ("1", Some(1)),
        ("0", None),
        ("0.9", None),
        ("-1", None),
        ("null", None),
        ("1e300", None),
        ("1e999", None),
        ("-1e999", None),
        (r#""1 MB""#, None),
        ("[1]", None),
        ("{}", None),
    ] {
        assert_eq!(decode(&with("maxPayload", max_payload)).unwrap().max_payload, expected, "{max_payload}");
    }
}

#[test]
fn of_a_field_that_occurs_twice_the_last_value_counts() {
    let json =
        r#"{"sid":"a","pingInterval":1,"pingInterval":300,"sid":"b","maxPayload":1,"maxPayload":null}"#;
    let session = decode(json).unwrap();
    assert_eq!((&*session.sid, session.ping_interval), ("b", Duration::from_millis(300)));
    assert_eq!(session.max_payload, None);
}

#[test]
fn an_error_says_what_is_wrong() {
    for (json, expected) in [
        (r#"{"sid":"","pingInterval":1,"pingTimeout":1}"#, "sid is empty"),
        (r#"{"pingInterval":1,"pingTimeout":1}"#, "missing field `sid`"),
        (r#"{"sid":7,"pingInterval":1,"pingTimeout":1}"#, "invalid type: integer `7`, expected a string"),
        (r#"{"sid":null}"#, "invalid type: null, expected a string"),
        (r#"{"sid":"a""#, "EOF while parsing"),
        (r#"{"sid":"a","pingInterval":NaN}"#, "expected value"),
        ("", "EOF while parsing"),
        ("[]", "invalid type: sequence, expected an object"),
        (r#"["a",[],1000,1000,1000]"#, "invalid type: sequence, expected an object"),
        ("null", "invalid type: null"),
    ] {
        let reason = reason(json);
        assert!(reason.starts_with(expected), "{json}: {reason}");
    }
}

#[test]
fn an_error_does_not_quote_a_text_of_the_server() {
    for json in
        [r#""hush""#, " \n\"hush\"", r#"{"sid":["hush"]}"#, r#"{"sid":{"hush":1}}"#, r#"{"sid":"a" "hush"}"#]
    {
        assert!(!reason(json).contains("hush"), "{}", reason(json));
    }
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
    fn whatever_numbers_a_server_sends_the_session_can_use(interval: f64, timeout: i64, limit: f64) {
        let json = format!(
            r#"{{"sid":"a","pingInterval":{interval:e},"pingTimeout":{timeout},"maxPayload":{limit:e}}}"#
        );
        // The forms of infinity and of what is no number are not JSON.
        if interval.is_finite() && limit.is_finite() {
            let session = decode(&json).unwrap();
            for interval in [session.ping_interval, session.ping_timeout] {
                prop_assert!(interval >= Duration::from_millis(1));
                prop_assert!(interval <= Duration::from_secs(24 * 60 * 60));
            }
            prop_assert_ne!(session.max_payload, Some(0));
        }
    }

    #[test]
    fn every_whole_number_of_milliseconds_is_read_exactly(ms in 1..=86_400_000_u64) {
        let session = decode(&with("pingInterval", &ms.to_string())).unwrap();
        prop_assert_eq!(session.ping_interval, Duration::from_millis(ms));
    }

    #[test]
    fn arbitrary_text_never_panics(json: String) {
        prop_assert!(decode(&json).is_err());
    }
}
