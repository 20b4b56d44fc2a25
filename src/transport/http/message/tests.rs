//! What is read from the headers of a response.

use super::*;

/// Sun, 06 Nov 1994 08:49:37 GMT.
const NOW: u64 = 784_111_777;

fn retry_after(headers: &[(header::HeaderName, &'static str)]) -> Option<Duration> {
    let mut response = Response {
        status: StatusCode::SERVICE_UNAVAILABLE,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        secrets: Secrets::default(),
    };
    for (name, value) in headers {
        response.headers.insert(name.clone(), HeaderValue::from_static(value));
    }
    response.retry_after(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
}

#[test]
fn the_code_and_the_message_of_an_error_are_read_each_by_itself() {
    for (body, code, message) in [
        (r#"{"code":1,"message":"Session ID unknown"}"#, Some(1), Some("Session ID unknown")),
        (r#"{"code":"1","message":null}"#, Some(1), None),
        (r#"{"code":1,"message":["x"]}"#, Some(1), Some(r#"["x"]"#)),
        (r#"{"code":1,"message":{"detail":"x"},"more":[1]}"#, Some(1), Some(r#"{"detail":"x"}"#)),
        (r#"{"code":true,"message":"x"}"#, None, Some("x")),
        (r#"{"code":1.5}"#, None, None),
        (r#""Server error""#, None, Some("Server error")),
        ("[1]", None, Some("[1]")),
        ("sorry", None, Some("sorry")),
    ] {
        let response = Response {
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
            secrets: Secrets::default(),
        };
        let status = response.http_status();
        assert_eq!((status.code, status.message.as_deref()), (code, message), "{body}");
    }
}

#[test]
fn retry_after_is_a_number_of_seconds_or_a_date_in_any_format_of_http() {
    for (value, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        (" 7 ", Some(7)),
        ("18446744073709551615", Some(u64::MAX)),
        ("1000000000000000000000000000000", Some(u64::MAX)),
        ("Sun, 06 Nov 1994 08:49:40 GMT", Some(3)),
        ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
        ("Sun Nov  6 09:49:37 1994", Some(3600)),
        // In the past.
        ("Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("soon", None),
        ("Sun, 99 Nov 1994 08:49:40 GMT", None),
    ] {
        let expected = seconds.map(Duration::from_secs);
        assert_eq!(retry_after(&[(header::RETRY_AFTER, value)]), expected, "{value:?}");
    }
    assert_eq!(retry_after(&[]), None);
}

#[test]
fn a_date_is_one_by_the_servers_clock_if_the_server_shows_it() {
    let later = (header::RETRY_AFTER, "Wed, 21 Oct 2015 07:28:05 GMT");
    let date = |value| (header::DATE, value);
    let by_the_server = retry_after(&[later.clone(), date("Wed, 21 Oct 2015 07:28:00 GMT")]);
    assert_eq!(by_the_server, Some(Duration::from_secs(5)));
    let by_the_client = Duration::from_secs(1_445_412_485 - NOW);
    assert_eq!(retry_after(&[later.clone(), date("today")]), Some(by_the_client));
    assert_eq!(retry_after(&[later]), Some(by_the_client));
    assert_eq!(retry_after(&[(header::RETRY_AFTER, "5"), date("today")]), Some(Duration::from_secs(5)));
}
