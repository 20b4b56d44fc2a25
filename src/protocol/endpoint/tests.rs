use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;
use crate::protocol::{
    handshake::TransportKind::{Polling, WebSocket},
    version::ProtocolVersion::{V3, V4},
};

const T: Cow<'static, str> = Cow::Borrowed("t");

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(url, "engine.io", true, T).unwrap()
}

fn reason(url: &str) -> String {
    match Endpoint::new(url, "engine.io", true, T) {
        Err(ConnectError::Invalid { what: "URL", reason }) => reason,
        other => panic!("{url}: {other:?}"),
    }
}

#[test]
fn the_origin_comes_from_the_url() {
    for (url, origin, host_header) in [
        ("http://localhost:5000", "http://localhost:5000", "localhost:5000"),
        ("http://example.org", "http://example.org", "example.org"),
        ("http://example.org:80/", "http://example.org", "example.org"),
        ("http://example.org:443", "http://example.org:443", "example.org:443"),
        ("https://example.org", "https://example.org", "example.org"),
        ("https://example.org:443", "https://example.org", "example.org"),
        ("https://example.org:8443", "https://example.org:8443", "example.org:8443"),
        ("ws://example.org:80", "http://example.org", "example.org"),
        ("wss://example.org", "https://example.org", "example.org"),
        ("wss://example.org:80", "https://example.org:80", "example.org:80"),
        ("HTTP://EXAMPLE.org", "http://example.org", "example.org"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1", "127.0.0.1:1"),
        ("http://[::1]", "http://[::1]", "[::1]"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("http://bücher.example", "http://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("http://user:pass@example.org:81/x?a=@#f", "http://example.org:81", "example.org:81"),
    ] {
        let endpoint = endpoint(url);
        assert_eq!(endpoint.origin(), origin, "{url}");
        assert_eq!(endpoint.host_header(), host_header, "{url}");
        assert_eq!(endpoint.is_secure(), origin.starts_with("https"), "{url}");
        assert_eq!(endpoint.display_url(), format!("{origin}/engine.io/"), "{url}");
    }
}

#[test]
fn a_url_with_another_scheme_is_an_error() {
    for url in
        ["", "localhost", "localhost:5000", "//example.org", "/engine.io", "ftp://example.org", "file:///x"]
    {
        assert_eq!(reason(url), WRONG_SCHEME, "{url}");
    }
    for (url, expected) in [
        ("http://", "empty host"),
        ("http://example.org:99999", "invalid port number"),
        ("http://[::1", "invalid IPv6 address"),
        ("http://exa mple.org", "invalid international domain name"),
    ] {
        assert_eq!(reason(url), expected, "{url}");
    }
}

#[test]
fn an_error_does_not_repeat_the_url() {
    for url in ["user:secret@host", "http://user:secret@host:99999", "http://host/?sid=secret"] {
        assert!(!reason(url).contains("secret"), "{url}");
    }
}

#[test]
fn only_the_path_option_counts() {
    for (path, with_slash, without) in [
        ("engine.io", "/engine.io/", "/engine.io"),
        ("/engine.io/", "/engine.io/", "/engine.io"),
        ("//a/b//", "/a/b/", "/a/b"),
        ("", "/", "/"),
        ("/", "/", "/"),
        ("a b", "/a%20b/", "/a%20b"),
        ("a%20b", "/a%20b/", "/a%20b"),
        ("a?b#c", "/a%3Fb%23c/", "/a%3Fb%23c"),
        ("a\r\nb: c", "/ab:%20c/", "/ab:%20c"),
        ("é", "/%C3%A9/", "/%C3%A9"),
    ] {
        for (slash, expected) in [(true, with_slash), (false, without)] {
            let endpoint = Endpoint::new("http://example.org/some/path#fragment", path, slash, T).unwrap();
            assert_eq!(
                endpoint.request_target(V4, Polling, None, None),
                format!("{expected}?EIO=4&transport=polling")
            );
            assert_eq!(endpoint.display_url(), format!("http://example.org{expected}"));
        }
    }
}

#[test]
fn a_path_of_the_url_is_ignored_unless_requests_go_there() {
    for (url, path, ignored) in [
        ("http://h", "engine.io", false),
        ("http://h/", "engine.io", false),
        ("http://h/?room=7", "engine.io", false),
        ("http://h/engine.io", "engine.io", false),
        ("http://h/engine.io/#fragment", "/engine.io", false),
        ("http://user:secret@h/a%20b", "a b", false),
        ("http://h/engine.io/room", "engine.io", true),
        ("http://h/engine.io", "", true),
        ("ws://h/chat", "engine.io", true),
    ] {
        let endpoint = Endpoint::new(url, path, true, T).unwrap();
        assert_eq!(endpoint.ignores_path(), ignored, "{url}, {path:?}");
        let redirected = endpoint.redirected("/elsewhere").unwrap();
        assert!(!redirected.ignores_path(), "the user has not named it");
    }
}

#[test]
fn a_request_carries_the_users_query_first() {
    let target = |url: &str, sid, stamp| endpoint(url).request_target(V4, Polling, sid, stamp);
    for (url, expected) in [
        ("http://h", "/engine.io/?EIO=4&transport=polling"),
        ("http://h?", "/engine.io/?EIO=4&transport=polling"),
        ("http://h?a=b", "/engine.io/?a=b&EIO=4&transport=polling"),
        ("http://h/path/?a=b&a=b&c=&d#f", "/engine.io/?a=b&a=b&c=&d&EIO=4&transport=polling"),
        ("http://h?a=b=c&d=%26+x", "/engine.io/?a=b=c&d=%26+x&EIO=4&transport=polling"),
        ("http://h?a=b c€", "/engine.io/?a=b%20c%E2%82%AC&EIO=4&transport=polling"),
        ("http://h?eio=3&T=1", "/engine.io/?eio=3&T=1&EIO=4&transport=polling"),
    ] {
        assert_eq!(target(url, None, None), expected, "{url}");
    }
    assert_eq!(
        target("http://h?room=7", Some("SID"), Some("STAMP")),
        "/engine.io/?room=7&EIO=4&transport=polling&t=STAMP&sid=SID"
    );
    assert_eq!(
        endpoint("ws://h").request_target(V4, WebSocket, Some("SID"), None),
        "/engine.io/?EIO=4&transport=websocket&sid=SID"
    );
    assert_eq!(
        endpoint("ws://h").request_target(V3, Polling, None, Some("STAMP")),
        "/engine.io/?EIO=3&transport=polling&t=STAMP"
    );
}

#[test]
fn a_sid_is_an_opaque_string() {
    let target = endpoint("http://h").request_target(V4, Polling, Some("a+b c&d=é\r\n-_."), None);
    assert_eq!(target, "/engine.io/?EIO=4&transport=polling&sid=a%2Bb%20c%26d%3D%C3%A9%0D%0A-_.");
}

#[test]
fn the_user_cannot_set_the_parameters_of_engine_io() {
    for query in ["EIO=3", "a=b&transport=x", "sid=1", "t", "b64=1", "%73id=1", "a&t=&b"] {
        assert_eq!(
            reason(&format!("http://h?{query}")),
            "the query may not set any of EIO, transport, sid, b64, t",
            "{query}"
        );
    }
}

#[test]
fn the_timestamp_may_have_another_name() {
    let at = |url| Endpoint::new(url, "engine.io", true, "ts".into());
    let home = at("http://h?t=7").unwrap();
    let target = home.request_target(V4, Polling, None, Some("STAMP"));
    assert_eq!(target, "/engine.io/?t=7&EIO=4&transport=polling&ts=STAMP");
    let moved = home.redirected("/?ts=1&t=7&sid=1").unwrap();
    assert_eq!(moved.request_target(V4, Polling, None, None), "/?t=7&EIO=4&transport=polling");
    assert!(at("http://h?ts=7").is_err());

    for name in ["t", "_t", "ts-1.x~", "T"] {
        assert_eq!(check_stamp_param(name), Ok(()));
    }
    for name in ["", "EIO", "transport", "sid", "b64", "a b", "a=b", "a&b", "a#", "%74", "é", "a\r\n"] {
        let err = check_stamp_param(name);
        assert!(matches!(err, Err(ConnectError::Invalid { what: "timestamp parameter", .. })), "{name}");
    }
}

#[test]
fn user_information_becomes_basic_authorization() {
    for (url, expected) in [
        ("http://h", None),
        ("http://@h", None),
        ("http://user@h", Some("user:")),
        ("http://:pass@h", Some(":pass")),
        ("http://user:pass@h", Some("user:pass")),
        ("http://us%40er:p%3Aa+ss@h", Some("us@er:p:a+ss")),
        ("http://us@er:a:b@h", Some("us@er:a:b")),
        ("http://é:%zz%4@h", Some("é:%zz%4")),
        ("http://u:%+f%2@h", Some("u:%+f%2")),
    ] {
        let expected = expected.map(|credentials| format!("Basic {}", STANDARD.encode(credentials)));
        assert_eq!(endpoint(url).authorization(), expected.as_deref(), "{url}");
    }
    assert_eq!(
        endpoint("http://Aladdin:open%20sesame@h").authorization(),
        Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    );
}

#[test]
fn secrets_are_not_shown() {
    let endpoint = endpoint("http://user:secret@h?token=secret");
    assert_eq!(format!("{endpoint:?}"), r#"Endpoint("http://h/engine.io/")"#);
    assert_eq!(endpoint.display_url(), "http://h/engine.io/");
}

#[test]
fn a_redirect_is_resolved_against_the_request() {
    let from = endpoint("http://a.example:81?room=7");
    for (location, url, query) in [
        ("http://b.example/engine.io/?EIO=4&transport=polling", "http://b.example/engine.io/", ""),
        ("https://b.example/eio?x=1&EIO=4&y=%20&t=1&sid=2&&b64=1", "https://b.example/eio", "x=1&y=%20&"),
        ("//b.example:82", "http://b.example:82/", ""),
        ("/v2/engine.io/?x", "http://a.example:81/v2/engine.io/", "x&"),
        ("v2/", "http://a.example:81/engine.io/v2/", ""),
        ("../v2", "http://a.example:81/v2", ""),
        ("?x=1#f", "http://a.example:81/engine.io/", "x=1&"),
        ("wss://b.example/", "https://b.example/", ""),
    ] {
        let to = from.redirected(location).unwrap();
        assert_eq!(&to.url()[..Position::AfterPath], url, "{location}");
        let target = to.request_target(V4, Polling, None, None);
        assert!(target.ends_with(&format!("?{query}EIO=4&transport=polling")), "{location}: {target}");
    }
}

#[test]
fn a_redirect_stays_with_http_and_never_leads_away_from_tls() {
    let from = endpoint("https://a.example");
    assert_eq!(from.redirected("ftp://a.example").unwrap_err(), WRONG_SCHEME);
    assert_eq!(from.redirected("data:text/plain,x").unwrap_err(), WRONG_SCHEME);
    assert_eq!(from.redirected("http://a.example/").unwrap_err(), "from https to http://a.example");
    assert_eq!(from.redirected("ws://a.example/").unwrap_err(), "from https to http://a.example");
    assert_eq!(from.redirected("https://:99999").unwrap_err(), "empty host");
}

#[test]
fn credentials_stay_with_their_origin() {
    let from = endpoint("http://user:pass@a.example");
    for (location, same) in [
        ("/v2/", true),
        ("http://a.example:80/v2/", true),
        ("http://b.example/", false),
        ("http://a.example:81/", false),
        ("https://a.example/", false),
    ] {
        let to = from.redirected(location).unwrap();
        assert_eq!(from.same_origin(&to), same, "{location}");
        assert_eq!(to.authorization(), from.authorization().filter(|_| same), "{location}");
    }
    let to = from.redirected("http://other:word@b.example/").unwrap();
    assert_eq!(to.authorization(), endpoint("http://other:word@h").authorization());
    assert_eq!(&to.url()[..Position::AfterPath], "http://b.example/");
}

#[test]
fn a_path_that_a_server_chose_is_not_shown() {
    let from = endpoint("http://a.example?token=secret");
    for (location, shown) in [
        ("http://b.example/engine.io/?token=secret", "http://b.example/engine.io/"),
        ("http://b.example/secret/engine.io/", "http://b.example"),
        ("/secret", "http://a.example"),
        ("secret/../", "http://a.example/engine.io/"),
    ] {
        let to = from.redirected(location).unwrap();
        assert_eq!(to.display_url(), shown, "{location}");
        let next = to.redirected("?x=1").unwrap();
        assert_eq!(next.display_url(), shown, "{location} and on");
    }
}

/// Whether a request line can contain the target without changes.
fn is_origin_form(target: &str) -> bool {
    target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

proptest! {
    #[test]
    fn any_option_and_any_sid_give_a_target_that_fits_a_request_line(
        query: String,
        path: String,
        slash: bool,
        sid: String,
    ) {
        if let Ok(endpoint) = Endpoint::new(&format!("http://h/?{query}"), &path, slash, T) {
            let target = endpoint.request_target(V4, Polling, Some(&sid), Some("t"));
            prop_assert!(is_origin_form(&target), "{target}");
            let (_, sent) = target.rsplit_once("&sid=").unwrap();
            prop_assert_eq!(percent_decode_str(sent).collect::<Vec<u8>>(), sid.as_bytes());
        }
    }

    #[test]
    fn any_redirect_is_an_error_or_gives_a_usable_endpoint(location in "(https?:|wss?:)?(//[^/]{0,9})?.{0,20}") {
        if let Ok(to) = endpoint("http://h?a").redirected(&location) {
            prop_assert!(is_origin_form(&to.request_target(V4, WebSocket, None, None)));
            prop_assert!(!to.host_header().is_empty());
            prop_assert!(to.host_header().is_ascii());
        }
    }

    #[test]
    fn any_credentials_arrive_as_they_were_given(user in "[^\0-\x1f]{1,9}", password: String) {
        let mut url = Url::parse("http://h").unwrap();
        // `url` encodes everything but what looks encoded.
        url.set_username(&user.replace('%', "%25")).unwrap();
        url.set_password(Some(&password.replace('%', "%25"))).unwrap();
        let sent = endpoint(url.as_str()).authorization().unwrap().replace("Basic ", "");
        prop_assert_eq!(STANDARD.decode(sent).unwrap(), format!("{user}:{password}").into_bytes());
    }

    #[test]
    fn arbitrary_urls_never_panic(url: String) {
        let _ = Endpoint::new(&url, "engine.io", true, T);
    }
}

#[test]
fn a_redirect_leads_to_a_url_of_at_most_8_kib() {
    let endpoint = Endpoint::new("http://a.example", "engine.io", true, "t".into()).unwrap();
    for (length, is_followed) in [(8 << 10, true), ((8 << 10) + 1, false), (1 << 20, false)] {
        let location = format!("/{}", "x".repeat(length - 1));
        let redirected = endpoint.redirected(&location);
        assert_eq!(redirected.is_ok(), is_followed, "{length}");
    }
}
