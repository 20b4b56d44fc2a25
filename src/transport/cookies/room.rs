//! The limits of a cookie store (RFC 6265bis, section 6.1).

use cookie_store::{Cookie, CookieStore};
use url::Url;

use super::key;

/// The largest number of cookies for one host: "At least 50 cookies per domain".
pub(super) const MAX_PER_HOST: usize = 180;
/// The largest number of cookies of all hosts. Redirects lead to any number of hosts: "At least 3000 cookies total".
pub(super) const MAX_COOKIES: usize = 3000;
/// The largest size of all cookies together, in bytes.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// Makes room for another cookie of `size` bytes for `url`, or says why there is none.
///
/// Expired cookies are removed first, then cookies of other hosts. A store that the application shares with us may contain
/// cookies of its own, so only the first is done there.
pub(super) fn make(store: &mut CookieStore, url: &Url, size: usize, is_own: bool) -> Result<(), String> {
    if full(store, url, size).is_none() {
        return Ok(());
    }
    remove(store, |cookie| cookie.is_expired(), usize::MAX);
    while let Some(limit) = full(store, url, size) {
        let is_elsewhere = |cookie: &Cookie<'_>| !cookie.domain.matches(url);
        if limit == Limit::Host || !is_own || remove(store, is_elsewhere, 1) == 0 {
            return Err("the store has no room for it".to_owned());
        }
    }
    Ok(())
}

/// The memory that a cookie takes up, without constant parts.
pub(super) fn size(cookie: &Cookie<'_>) -> usize {
    let domain = cookie.domain.as_cow().map_or(0, |domain| domain.len());
    domain + cookie.path.len() + cookie.name().len() + cookie.value().len()
}

#[derive(PartialEq, Eq)]
enum Limit {
    /// The host has too many cookies.
    Host,
    /// All hosts together have too many.
    Total,
}

/// The limit that another cookie of `size` bytes would exceed.
fn full(store: &CookieStore, url: &Url, size: usize) -> Option<Limit> {
    let (mut here, mut total, mut bytes) = (0, 0, size);
    for cookie in store.iter_any() {
        here += usize::from(cookie.domain.matches(url));
        total += 1;
        bytes += self::size(cookie);
    }
    if here >= MAX_PER_HOST {
        return Some(Limit::Host);
    }
    (total >= MAX_COOKIES || bytes > MAX_BYTES).then_some(Limit::Total)
}

/// Removes at most `max` of these cookies, and returns their number.
fn remove(store: &mut CookieStore, is_it: impl Fn(&Cookie<'_>) -> bool, max: usize) -> usize {
    let found: Vec<_> = store.iter_any().filter(|cookie| is_it(cookie)).take(max).map(key).collect();
    for (domain, path, name) in &found {
        store.remove(domain, path, name);
    }
    found.len()
}

#[cfg(test)]
mod tests;
