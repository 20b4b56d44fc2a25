use super::*;

/// A further cookie of this size.
fn one(bytes: usize) -> Growth {
    Growth { cookies: 1, bytes }
}

/// A store with `count` cookies of `bytes` bytes each, spread over many hosts.
fn full_store(count: usize, bytes: usize) -> CookieStore {
    let mut store = CookieStore::new();
    for n in 0..count {
        let url = format!("http://host-{}.example.org/", n / 100).parse().unwrap();
        store.parse(&format!("c{n}={}", "x".repeat(bytes)), &url).unwrap();
    }
    store
}

#[test]
fn cookies_of_other_hosts_make_room() {
    let url = "http://example.com/".parse().unwrap();
    for (count, bytes) in [(MAX_COOKIES, 1), (MAX_BYTES / 4096 + 1, 4096)] {
        let mut store = full_store(count, bytes);
        make(&mut store, &url, one(2 * bytes), true).unwrap();
        let left = store.iter_any().count();
        assert!(left < count && left + 6 >= count, "{left} of {count}");
    }
}

#[test]
fn a_store_of_the_application_loses_no_cookie_but_expired_ones() {
    let url = "http://example.com/".parse().unwrap();
    let mut store = full_store(MAX_COOKIES, 1);
    assert!(make(&mut store, &url, one(1), false).is_err());
    assert_eq!(store.iter_any().count(), MAX_COOKIES);

    store.parse("c0=; Max-Age=0", &"http://host-0.example.org/".parse().unwrap()).unwrap();
    make(&mut store, &url, one(1), false).unwrap();
    assert_eq!(store.iter_any().count(), MAX_COOKIES - 1);
}

#[test]
fn the_cookies_of_one_host_do_not_make_room_for_each_other() {
    let url = "http://host-0.example.org/".parse().unwrap();
    let mut store = CookieStore::new();
    for n in 0..MAX_PER_HOST {
        make(&mut store, &url, one(1), true).unwrap();
        store.parse(&format!("c{n}=1"), &url).unwrap();
    }
    assert!(make(&mut store, &url, one(1), true).is_err());
}
