use std::time::Duration;

use super::*;

/// The line that the store gets.
fn line(text: &str) -> String {
    // The time is 2015-10-21 07:28:00.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480);
    SetCookie::parse(text, now).map_or_else(|err| format!("refused: {err}"), |cookie| cookie.to_line())
}

#[test]
fn of_several_attributes_the_last_one_counts() {
    for (text, expected) in [
        ("a=1", "a=1"),
        (" a = 1 ;\tPATH = /x ", "a=1; Path=/x"),
        ("a=1; Path=/x; Path=/y", "a=1; Path=/y"),
        ("a=1; Path=/x; Path=y", "a=1"),
        ("a=1; Path=/x; Path", "a=1"),
        ("a=1; Domain=x.org; Domain=.Y.org", "a=1; Domain=y.org"),
        ("a=1; Domain=x.org; Domain=", "a=1"),
        ("a=1; Max-Age=5; Max-Age=6", "a=1; Max-Age=6"),
        ("a=1; Max-Age=5; Max-Age=x; Max-Age=; Max-Age=-; Max-Age=+1", "a=1; Max-Age=5"),
        ("a=1; Max-Age=-5", "a=1; Max-Age=0"),
        ("a=1; Max-Age=99999999999999999999999", "a=1; Max-Age=34560000"),
        ("a=1; Max-Age=60; Expires=Wed, 21 Oct 2015 07:28:05 GMT", "a=1; Max-Age=60"),
        ("a=1; Expires=Wed, 21 Oct 2015 07:28:05 GMT; Expires=never", "a=1; Max-Age=5"),
        ("a=1; Expires=Thu, 1 Jan 1970 00:00:00 UTC", "a=1; Max-Age=0"),
        ("a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT", "a=1; Max-Age=34560000"),
        ("a=1; Secure=no; httponly; Partitioned; SameSite=None; x=y", "a=1; Secure; HttpOnly"),
    ] {
        assert_eq!(line(text), expected, "{text}");
    }
}

#[test]
fn a_large_cookie_is_refused_and_a_large_attribute_ignored() {
    let value = "x".repeat(MAX_COOKIE - 1);
    assert_eq!(line(&format!("a={value}; Path=/")), format!("a={value}; Path=/"));
    assert!(line(&format!("a={value}x; Path=/")).starts_with("refused"));
    let path = format!("/{}", "x".repeat(MAX_ATTRIBUTE - 1));
    assert_eq!(line(&format!("a=1; Path={path}")), format!("a=1; Path={path}"));
    assert_eq!(line(&format!("a=1; Path={path}x; Secure")), "a=1; Secure");
    assert_eq!(line(&format!("a=1; Path=/y; Path={path}x")), "a=1; Path=/y");
}

#[test]
fn a_cookie_without_a_name_is_refused() {
    for text in ["", "=", ";", "a", "=1", " =1", "=__Host-a=1; Secure; Path=/", "__Secure-a"] {
        assert!(line(text).starts_with("refused"), "{text}");
    }
}

#[test]
fn prefixes_and_the_scheme_restrict_what_a_cookie_may_be() {
    let (plain, secure) = ("http://example.org/x", "https://example.org/x");
    for (text, url, expected) in [
        ("a=1; Secure", plain, false),
        ("a=1; Secure", "http://127.0.0.1/", false),
        ("a=1; Secure", secure, true),
        ("__Secure-a=1", secure, false),
        ("__Secure-a=1; Secure", plain, false),
        ("__Secure-a=1; Secure", secure, true),
        ("__sEcUrE-a=1", secure, false),
        ("__Secure-a=1; Secure; Domain=example.org", secure, true),
        ("__Host-a=1; Secure; Path=/", secure, true),
        ("__Host-a=1; Secure; Path=/; Domain=", secure, true),
        ("__Host-a=1; Secure; Path=/", plain, false),
        ("__Host-a=1; Path=/", secure, false),
        ("__Host-a=1; Secure", secure, false),
        ("__Host-a=1; Secure; Path=/x", secure, false),
        ("__Host-a=1; Secure; Path=/; Domain=example.org", secure, false),
        ("__HOST-a=1; Secure", secure, false),
        ("__Hosta=1", plain, true),
        ("__Höst-a=1", plain, true),
    ] {
        let cookie = SetCookie::parse(text, SystemTime::now()).unwrap();
        assert_eq!(cookie.check(&url.parse().unwrap()).is_ok(), expected, "{text} from {url}");
    }
}

#[test]
fn a_domain_has_at_least_two_labels_unless_it_is_the_host() {
    for (domain, url, expected) in [
        ("example.org", "http://example.org/", Ok("a=1; Domain=example.org")),
        ("org", "http://example.org/", Err(())),
        ("org.", "http://example.org./", Err(())),
        ("..org", "http://example.org/", Err(())),
        ("example..org", "http://example.org/", Err(())),
        ("münchen.example", "http://xn--mnchen-3ya.example/", Err(())),
        ("localhost", "http://localhost/", Ok("a=1")),
        ("example.org.", "http://example.org./", Ok("a=1")),
    ] {
        let text = format!("a=1; Domain={domain}");
        let cookie = SetCookie::parse(&text, SystemTime::now()).unwrap();
        let checked = cookie.check(&url.parse().unwrap()).map(|()| cookie.to_line()).map_err(drop);
        assert_eq!(checked, expected.map(str::to_owned), "{domain} from {url}");
    }
}
