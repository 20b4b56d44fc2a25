use super::*;
use crate::protocol::endpoint::Endpoint;

fn covers(items: &str, url: &str) -> bool {
    let exceptions = Exceptions::parse(items, |item| panic!("{item} is ignored"));
    exceptions.cover(&Endpoint::new(url, "engine.io", true, "t".into()).unwrap().destination())
}

#[test]
fn no_proxy_names_domains_addresses_and_networks() {
    for (no_proxy, without, with) in [
        ("*", &["http://example.org", "http://10.0.0.1"][..], &[][..]),
        (
            "example.org, .internal,*.local",
            &["http://example.org", "http://a.EXAMPLE.org", "http://db.internal", "http://x.local:81"],
            &["http://anexample.org", "http://example.org.evil.com", "http://example.com"],
        ),
        ("example.org:8080", &["http://example.org:8080"], &["http://example.org"]),
        ("127.0.0.1,::1", &["http://127.0.0.1:5000", "http://[::1]"], &["http://127.0.0.2", "http://[::2]"]),
        ("10.0.0.0/8", &["http://10.255.0.1"], &["http://11.0.0.1", "http://example.org", "http://[::1]"]),
        ("fd00::/8 [fe80::]/10", &["http://[fd12::1]", "http://[fe80::1]"], &["http://10.0.0.1"]),
        ("0.0.0.0/0", &["http://192.0.2.1"], &["http://[::1]"]),
        ("::/0", &["http://[::1]", "http://[::ffff:10.0.0.1]"], &["http://192.0.2.1"]),
        ("10.0.0.1/32", &["http://10.0.0.1"], &["http://10.0.0.0"]),
        ("[::1]", &["http://[::1]:8080"], &["http://[::2]"]),
        ("[::1]:8080", &["http://[::1]:8080"], &["http://[::1]", "http://[::2]:8080"]),
        ("127.0.0.1:8080", &["http://127.0.0.1:8080"], &["http://127.0.0.1"]),
        (" , ", &[], &["http://example.org"]),
    ] {
        for url in without {
            assert!(covers(no_proxy, url), "{url} with {no_proxy}");
        }
        for url in with {
            assert!(!covers(no_proxy, url), "{url} with {no_proxy}");
        }
    }
}

#[test]
fn blanks_separate_items_as_commas_do() {
    for no_proxy in ["a.org b.org", "a.org\tb.org\n", " a.org ,  b.org,", "a.org,,b.org"] {
        for url in ["http://a.org", "http://b.org"] {
            assert!(covers(no_proxy, url), "{url} with {no_proxy:?}");
        }
    }
}

#[test]
fn a_dot_at_the_end_of_a_name_changes_nothing() {
    for no_proxy in ["example.org", "example.org.", ".example.org.", "EXAMPLE.ORG.:80"] {
        for url in ["http://example.org", "http://example.org.", "http://a.example.org."] {
            assert!(covers(no_proxy, url), "{url} with {no_proxy}");
        }
        assert!(!covers(no_proxy, "http://org."), "{no_proxy}");
    }
}

#[test]
fn names_and_addresses_are_the_same_however_they_are_written() {
    for (no_proxy, url) in [
        ("münchen.example", "http://xn--mnchen-3ya.example"),
        ("xn--mnchen-3ya.example", "http://MÜNCHEN.example"),
        ("*.BÜCHER.example", "http://a.bücher.example"),
        ("127.1", "http://127.0.0.1"),
        ("127.0.0.1.", "http://127.0.0.1."),
        ("0:0:0:0:0:0:0:1", "http://[::1]"),
        ("::ffff:10.0.0.1", "http://10.0.0.1"),
        ("[::ffff:10.0.0.1]:80", "http://10.0.0.1"),
        ("10.0.0.1", "http://[::ffff:10.0.0.1]"),
        ("10.0.0.0/8", "http://[::ffff:10.9.9.9]"),
        ("::ffff:10.0.0.0/104", "http://10.9.9.9"),
    ] {
        assert!(covers(no_proxy, url), "{url} with {no_proxy}");
    }
}

#[test]
fn an_item_that_cannot_be_understood_is_ignored() {
    for item in [
        "127.0.0.1/33",
        "127.0.0.1/",
        "127.0.0.1/-1",
        "127.0.0.1/+8",
        "127.0.0.1/x",
        "127.0.0.1/8:80",
        "::1/129",
        "::ffff:10.0.0.0/129",
        "example.org/8",
        "http://example.org",
        "example.org:",
        "example.org:65536",
        "[::1]x",
        ".",
        "**",
        "256.0.0.1",
    ] {
        let mut ignored = Vec::new();
        let items = format!("{item}, a.org");
        let exceptions = Exceptions::parse(&items, |item| ignored.push(item.to_owned()));
        assert_eq!(ignored, [item]);
        assert_eq!(exceptions, Exceptions::parse("a.org", |_| {}), "{item}");
    }
}
