use std::collections::HashMap;

use super::*;
use crate::protocol::endpoint::Endpoint;

fn to(url: &str) -> Destination {
    Endpoint::new(url, "engine.io", true, "t".into()).unwrap().destination()
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Environment::read(|name| variables.get(name).map(|value| value.to_string()))
}

#[test]
fn a_proxy_is_a_url_or_a_host_and_a_port() {
    let proxy = |scheme, host: &str, port| Proxy { scheme, host: host.into(), port, credentials: None };
    let local = Scheme::Socks5 { remote_dns: false };
    let remote = Scheme::Socks5 { remote_dns: true };
    for (text, expected) in [
        ("http://proxy.example.org:3128", proxy(Scheme::Http, "proxy.example.org", 3128)),
        ("http://proxy.example.org/", proxy(Scheme::Http, "proxy.example.org", 80)),
        (" proxy:8080 ", proxy(Scheme::Http, "proxy", 8080)),
        ("http://[::1]:3128", proxy(Scheme::Http, "::1", 3128)),
        ("socks5://127.0.0.1", proxy(local, "127.0.0.1", 1080)),
        ("socks5h://proxy:9050", proxy(remote, "proxy", 9050)),
        ("socks5://[::1]:9050", proxy(local, "::1", 9050)),
    ] {
        assert_eq!(Proxy::parse(text), Ok(expected), "{text}");
    }
    let credentials = |text| Proxy::parse(text).unwrap().credentials.unwrap();
    assert_eq!(credentials("http://us%40er:pass%3Aword@proxy"), ("us@er".into(), "pass:word".into()));
    assert_eq!(credentials("http://user@proxy"), ("user".into(), String::new()));
    let long = format!("socks5://{}:password@proxy", "u".repeat(256));
    let unusable = ["", "https://proxy", "socks4://proxy", "http://", "proxy:port"];
    for text in unusable.into_iter().chain(["socks5://user@proxy", "socks5h://:password@proxy", &long]) {
        assert!(Proxy::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_tunnel_is_asked_for_with_host_and_port() {
    let proxy = Proxy::parse("http://user:pass@proxy").unwrap();
    let agent = format!("user-agent: {USER_AGENT}\r\n");
    assert_eq!(
        proxy.connect_request(&to("wss://example.org/?token=secret")),
        format!(
            "CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n{agent}\
             proxy-authorization: Basic dXNlcjpwYXNz\r\n\r\n"
        )
    );
    let proxy = Proxy::parse("proxy").unwrap();
    assert_eq!(
        proxy.connect_request(&to("http://[::1]:5000")),
        format!("CONNECT [::1]:5000 HTTP/1.1\r\nhost: [::1]:5000\r\n{agent}\r\n")
    );
}

#[test]
fn a_proxy_does_not_show_its_credentials() {
    assert!(!format!("{:?}", Proxy::parse("http://user:secret@proxy")).contains("secret"));
}

#[test]
fn the_environment_has_a_proxy_for_each_scheme() {
    let host = |environment: &Environment, url| {
        environment.proxy_for(&to(url)).unwrap().map(|proxy| proxy.host.clone())
    };
    let both = environment(&[("http_proxy", "plain:1"), ("HTTPS_PROXY", "secure:2")]);
    assert_eq!(host(&both, "http://example.org").as_deref(), Some("plain"));
    assert_eq!(host(&both, "ws://example.org").as_deref(), Some("plain"));
    assert_eq!(host(&both, "wss://example.org").as_deref(), Some("secure"));

    let all =
        environment(&[("all_proxy", "all:1"), ("https_proxy", "small:2"), ("HTTPS_PROXY", "capital:2")]);
    assert_eq!(host(&all, "http://example.org").as_deref(), Some("all"));
    assert_eq!(host(&all, "https://example.org").as_deref(), Some("small"));

    assert_eq!(host(&environment(&[("http_proxy", " ")]), "http://example.org"), None);
    assert_eq!(host(&environment(&[]), "http://example.org"), None);
}

#[test]
fn a_variable_that_names_no_proxy_fails_the_connects_that_need_it() {
    // As GNOME writes it, and as curl allows it.
    let environment = environment(&[
        ("all_proxy", "socks://127.0.0.1:1080/"),
        ("http_proxy", "plain:1"),
        ("no_proxy", "internal"),
    ]);
    assert!(environment.proxy_for(&to("http://example.org")).unwrap().is_some());
    assert!(environment.proxy_for(&to("https://example.org")).unwrap_err().contains("all_proxy"));
    assert_eq!(environment.proxy_for(&to("https://internal")), Ok(None));
}

#[test]
fn the_header_proxy_of_a_cgi_request_is_not_taken_for_a_proxy() {
    let cgi = environment(&[("HTTP_PROXY", "evil:1"), ("REQUEST_METHOD", "GET")]);
    assert_eq!(cgi.proxy_for(&to("http://example.org")), Ok(None));
}
