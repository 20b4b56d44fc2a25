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

/// The growth of a store by one cookie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growth {
    /// The number of further cookies: none if the new one replaces an old one.
    cookies: usize,
    bytes: usize,
}

impl Growth {
    /// The growth by `new`, which replaces `old`.
    pub(super) fn new(old: Option<&Cookie<'_>>, new: &Cookie<'_>) -> Self {
        let cookies = usize::from(old.is_none());
        Self { cookies, bytes: size(new).saturating_sub(old.map_or(0, size)) }
    }
}

/// Makes room for a cookie for `url`, or says why there is none.
///
/// Expired cookies are removed first, then cookies of other hosts. A store that the application shares with us may contain
/// cookies of its own, so only the first is done there.
pub(super) fn make(store: &mut CookieStore, url: &Url, growth: Growth, is_own: bool) -> Result<(), String> {
    if full(store, url, growth).is_none() {
        return Ok(());
    }
    remove(store, |cookie| cookie.is_expired(), usize::MAX);
    while let Some(limit) = full(store, url, growth) {
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
    /// The host would have too many cookies.
    Host,
    /// All hosts together would have too many, or too large ones.
    Total,
}

/// The limit that this growth would exceed. A cookie that becomes no larger exceeds none.
fn full(store: &CookieStore, url: &Url, growth: Growth) -> Option<Limit> {
    let (mut here, mut total, mut bytes) = (0, 0, growth.bytes);
    for cookie in store.iter_any() {
        here += usize::from(cookie.domain.matches(url));
        total += 1;
        bytes += size(cookie);
    }
    if growth.cookies > 0 && here >= MAX_PER_HOST {
        return Some(Limit::Host);
    }
    let has_too_many = growth.cookies > 0 && total >= MAX_COOKIES;
    (has_too_many || growth.bytes > 0 && bytes > MAX_BYTES).then_some(Limit::Total)
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
