use super::{
    room::{MAX_BYTES, MAX_PER_HOST, size},
    set_cookie::MAX_COOKIE,
    *,
};

/// The headers of a response that sets these cookies.
fn set<'a>(cookies: impl IntoIterator<Item = &'a str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for cookie in cookies {
        headers.append(header::SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
    }
    headers
}

/// The cookie lines of a request to `url`. `own`: those that the user has given.
fn lines(cookies: &Cookies, url: &str, own: &[&str]) -> Vec<String> {
    let mut headers = Headers::default();
    for line in own {
        headers.append(header::COOKIE, HeaderValue::from_str(line).unwrap());
    }
    cookies.add_to(&mut headers, &url.parse().unwrap());
    headers.iter().map(|(_, value)| value.to_str().unwrap().to_owned()).collect()
}

fn sent(cookies: &Cookies, url: &str) -> String {
    lines(cookies, url, &[]).concat()
}

fn stored_from(url: &str, set_cookies: &[&str]) -> Cookies {
    let cookies = Cookies::Own(Arc::default());
    cookies.store(&url.parse().unwrap(), &set(set_cookies.iter().copied()));
    cookies
}

#[test]
fn a_cookie_goes_where_it_is_meant_to_go() {
    let from = "http://a.example.org/engine.io/?room=7";
    let cases = [
        ("a=1", from, true),
        // The default path is the folder of the URL that set it.
        ("a=1", "http://a.example.org/engine.io/", true),
        ("a=1", "http://a.example.org/", false),
        ("a=1; Path=/", "http://a.example.org/", true),
        ("a=1; Path=/engine", from, false),
        ("a=1", "http://a.example.org:8080/engine.io/", true),
        ("a=1", "http://b.example.org/engine.io/", false),
        ("a=1; Domain=example.org", "http://b.example.org/engine.io/", true),
        ("a=1; Domain=example.com", "http://example.com/engine.io/", false),
        ("a=1; Domain=b.example.org", "http://b.example.org/engine.io/", false),
        ("a=1; HttpOnly; SameSite=Strict", from, true),
        ("a=1; Max-Age=60", from, true),
        ("a=1; Max-Age=0", from, false),
        ("a=1; Max-Age=-1", from, false),
        ("a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT", from, false),
        ("a=1; max-age=60; expires=Wed, 21 Oct 2015 07:28:00 GMT", from, true),
    ];
    for (cookie, to, expected) in cases {
        let sent = sent(&stored_from(from, &[cookie]), to);
        assert_eq!(sent, if expected { "a=1" } else { "" }, "{cookie} to {to}");
    }
}

#[test]
fn a_secure_cookie_is_set_and_sent_over_tls_only() {
    for host in ["example.org", "localhost", "127.0.0.1", "[::1]"] {
        let (plain, secure) = (format!("http://{host}/"), format!("https://{host}/"));
        let cookies = stored_from(&plain, &["a=1; Secure"]);
        assert_eq!(sent(&cookies, &secure), "", "{host}");
        let cookies = stored_from(&secure, &["a=1; Secure"]);
        assert_eq!(sent(&cookies, &plain), "", "{host}");
        assert_eq!(sent(&cookies, &secure), "a=1", "{host}");
    }
}

#[test]
fn a_secure_cookie_is_not_replaced_without_tls() {
    let secure = "https://a.example.org/x/";
    for (set_cookie, from, expected) in [
        ("a=2", "http://a.example.org/x/", "a=1"),
        ("a=; Max-Age=0", "http://a.example.org/x/", "a=1"),
        // It would be sent before the secure one.
        ("a=2; Path=/x/y", "http://a.example.org/", "a=1"),
        ("a=2; Path=/x/y; Domain=example.org", "http://example.org/", "a=1"),
        ("a=2; Domain=example.org", "http://b.example.org/x/", "a=1"),
        // It is sent after the secure one.
        ("a=2; Path=/", "http://a.example.org/", "a=1; a=2"),
        ("A=2", "http://a.example.org/x/", "A=2; a=1"),
        ("a=2", "http://b.example.org/x/", "a=1"),
        ("a=2", secure, "a=2"),
        ("a=; Max-Age=0", secure, ""),
    ] {
        let cookies = stored_from(secure, &["a=1; Secure; Path=/x"]);
        cookies.store(&from.parse().unwrap(), &set([set_cookie]));
        assert_eq!(sent(&cookies, "https://a.example.org/x/y"), expected, "{set_cookie} from {from}");
    }
}

#[test]
fn a_deleted_cookie_takes_up_no_memory() {
    let url = "http://example.org/";
    let cookies = stored_from(url, &["a=1", "b=1", "a=; Expires=Thu, 1 Jan 1970 00:00:00 UTC"]);
    assert_eq!(sent(&cookies, url), "b=1");
    assert_eq!(cookies.lock().unwrap().iter_any().count(), 1);
}

#[test]
fn hosts_cannot_fill_the_store_together() {
    let cookies = Cookies::Own(Arc::default());
    let value = "x".repeat(MAX_COOKIE - 4);
    for host in 0..2 * MAX_BYTES / MAX_COOKIE / 100 {
        let many: Vec<_> = (0..100).map(|n| format!("c{n}={value}")).collect();
        let url = format!("http://{host}.example/").parse().unwrap();
        cookies.store(&url, &set(many.iter().map(String::as_str)));
        // The newest host always has room.
        assert_eq!(cookies.lock().unwrap().matches(&url).len(), 100, "{host}");
    }
    let size: usize = cookies.lock().unwrap().iter_any().map(size).sum();
    assert!(size <= MAX_BYTES, "{size}");
}

#[test]
fn an_address_has_cookies_too() {
    for url in ["http://127.0.0.1:5000/engine.io/", "http://192.0.2.7/x/", "http://[::1]:5000/engine.io/"] {
        assert_eq!(sent(&stored_from(url, &["a=1"]), url), "a=1", "{url}");
    }
    assert_eq!(sent(&stored_from("http://192.0.2.7/", &["a=1; Domain=0.2.7"]), "http://192.0.2.7/"), "");
}

#[test]
fn values_are_sent_as_they_came() {
    let url = "http://example.org/engine.io/";
    let cookies = stored_from(url, &["a=x=y&z==", "b=\"quoted\"", "c=%20+", "d="]);
    assert_eq!(sent(&cookies, url), "a=x=y&z==; b=\"quoted\"; c=%20+; d=");
}

#[test]
fn a_later_cookie_replaces_or_deletes_an_earlier_one() {
    let url = "http://example.org/engine.io/";
    let cookies = stored_from(url, &["a=1", "b=1", "a=2; Path=/", "a=3"]);
    assert_eq!(sent(&cookies, url), "a=3; b=1; a=2");
    cookies.store(&url.parse().unwrap(), &set(["a=; Max-Age=0", "b=2"]));
    assert_eq!(sent(&cookies, url), "b=2; a=2");
}

#[test]
fn the_users_own_cookies_come_first_on_one_line() {
    let url = "http://example.org/engine.io/";
    let cookies = stored_from(url, &["a=jar", "b=jar"]);
    assert_eq!(lines(&cookies, url, &["u=1"]), ["u=1; a=jar; b=jar"]);
    assert_eq!(lines(&cookies, url, &["u=1; a=own;", " b = own"]), ["u=1; a=own; b = own"]);
    assert_eq!(lines(&cookies, url, &["A=own"]), ["A=own; a=jar; b=jar"]);
    assert_eq!(lines(&cookies, "http://example.com/", &["u=1"]), ["u=1"]);
    assert_eq!(lines(&cookies, "http://example.com/", &["u=1", "v=1"]), ["u=1; v=1"]);
}

#[test]
fn a_malformed_cookie_is_not_stored() {
    let url = "http://example.org/engine.io/";
    let huge = format!("a={}", "x".repeat(MAX_COOKIE));
    let hostile = [
        "",
        "=",
        ";",
        "a",
        "=1",
        &huge,
        "a=1; Domain=.",
        "a=1; Domain=org",
        "a=1; Domain=xn--a",
        "a=1; Domain=[::1]",
        "a=1; Max-Age=-99999999999999999999",
        "a=1; Expires=Wed, 21 Oct 0000 07:28:00 GMT",
    ];
    for cookie in hostile {
        assert_eq!(
            sent(&stored_from(url, &[cookie]), url),
            if cookie.ends_with('.') { "a=1" } else { "" },
            "{cookie:.40}"
        );
    }
    for odd in
        ["a=1; Max-Age=99999999999999999999", "a=1; Expires=Fri, 31 Dec 99999 23:59:59 GMT", "a=1; Path=x"]
    {
        assert_eq!(sent(&stored_from(url, &[odd]), url), "a=1", "{odd}");
    }
    let cookies = Cookies::Own(Arc::default());
    let mut headers = HeaderMap::new();
    headers.append(header::SET_COOKIE, HeaderValue::from_bytes(b"a=\xff").unwrap());
    cookies.store(&url.parse().unwrap(), &headers);
    assert_eq!(sent(&cookies, url), "");
}

#[test]
fn one_host_cannot_fill_the_store() {
    let (url, other) = ("http://example.org/", "http://example.com/");
    let cookies = Cookies::Own(Arc::default());
    let many: Vec<_> = (0..2 * MAX_PER_HOST).map(|n| format!("c{n}=1; Path=/{n}")).collect();
    cookies.store(&url.parse().unwrap(), &set(many.iter().map(String::as_str)));
    cookies.store(&other.parse().unwrap(), &set(["a=1"]));
    assert_eq!(cookies.lock().unwrap().iter_any().count(), MAX_PER_HOST + 1);
    assert_eq!(sent(&cookies, other), "a=1");
    // A cookie that is in the store can still change.
    cookies.store(&url.parse().unwrap(), &set(["c0=2; Path=/0"]));
    assert_eq!(sent(&cookies, "http://example.org/0"), "c0=2");
    // Expired cookies make room.
    cookies.store(&url.parse().unwrap(), &set(["c0=; Path=/0; Max-Age=0", "new=1; Path=/0"]));
    assert_eq!(sent(&cookies, "http://example.org/0"), "new=1");
    assert_eq!(cookies.lock().unwrap().iter_any().count(), MAX_PER_HOST + 1);
}

#[test]
fn a_cookie_that_cannot_be_sent_does_not_stop_the_request() {
    let url = "http://example.org/";
    let mut store = CookieStore::new();
    store.parse("a=\u{7}", &url.parse().unwrap()).unwrap();
    let cookies = Cookies::Given(Arc::new(Mutex::new(store)));
    assert_eq!(lines(&cookies, url, &["u=1"]), ["u=1"]);
}

#[test]
fn a_cookie_that_grows_needs_room() {
    let cookies = Cookies::Own(Arc::default());
    for value in ["1", &"x".repeat(MAX_COOKIE - 4)] {
        for host in 0..10 {
            let many: Vec<_> = (0..100).map(|n| format!("c{n}={value}")).collect();
            let url = format!("http://{host}.example/").parse().unwrap();
            cookies.store(&url, &set(many.iter().map(String::as_str)));
        }
    }
    let size: usize = cookies.lock().unwrap().iter_any().map(size).sum();
    assert!(size <= MAX_BYTES, "{size}");
}

#[test]
fn a_cookie_for_another_domain_does_not_take_the_room_of_others() {
    let cookies = Cookies::Own(Arc::default());
    let large = "x".repeat(MAX_COOKIE - 4);
    for host in 0..MAX_BYTES / MAX_COOKIE / 100 + 1 {
        let many: Vec<_> = (0..100).map(|n| format!("c{n}={large}")).collect();
        let url = format!("http://{host}.example/").parse().unwrap();
        cookies.store(&url, &set(many.iter().map(String::as_str)));
    }
    let before = cookies.lock().unwrap().iter_any().count();
    let foreign = format!("a={large}; Domain=other.example");
    cookies.store(&"http://new.example/".parse().unwrap(), &set([&*foreign; 10]));
    assert_eq!(cookies.lock().unwrap().iter_any().count(), before);
}

#[test]
fn a_cookie_is_deleted_and_gets_smaller_although_the_store_is_full() {
    let url = "http://example.org/".parse().unwrap();
    let mut store = CookieStore::new();
    for n in 0..2 * MAX_BYTES / MAX_COOKIE {
        store.parse(&format!("c{n}={}; Path=/", "x".repeat(MAX_COOKIE - 20)), &url).unwrap();
    }
    let cookies = Cookies::Given(Arc::new(Mutex::new(store)));
    let deletion = format!("c1={}; Path=/; Max-Age=0", "x".repeat(MAX_COOKIE - 10));
    cookies.store(&url, &set(["c0=1; Path=/", &deletion, "new=1"]));
    let store = cookies.lock().unwrap();
    assert_eq!(store.get("example.org", "/", "c0").map(|cookie| cookie.value()), Some("1"));
    assert!(!store.contains_any("example.org", "/", "c1") && !store.contains_any("example.org", "/", "new"));
}
