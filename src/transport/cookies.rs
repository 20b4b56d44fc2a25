//! The cookies of a client. Cookies that servers set are sent with every later request that they are meant for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_http::header::{self, HeaderMap, HeaderValue};
use cookie_store::{Cookie, CookieDomain, CookieStore};
use url::Url;

use super::Headers;

/// The size limit of a cookie, in bytes. RFC 6265, section 6.1: "At least 4096 bytes per cookie".
const MAX_COOKIE: usize = 4096;
/// The largest number of cookies for one host. RFC 6265, section 6.1: "At least 50 cookies per domain".
const MAX_COOKIES: usize = 180;

/// A cookie store. Transports share it, and perhaps the user too.
#[derive(Clone, Default)]
pub(crate) struct Cookies(Arc<Mutex<CookieStore>>);

impl From<Arc<Mutex<CookieStore>>> for Cookies {
    fn from(store: Arc<Mutex<CookieStore>>) -> Self {
        Self(store)
    }
}

impl Cookies {
    /// Stores the cookies that a response from `url` sets, if they are allowed.
    pub(super) fn store(&self, url: &Url, headers: &HeaderMap) {
        let mut set = headers.get_all(header::SET_COOKIE).peekable();
        if set.peek().is_none() {
            return;
        }
        let mut store = self.lock();
        for cookie in set {
            // The cookie itself is a secret, so the log does not show it.
            if let Err(reason) = store_cookie(&mut store, url, cookie) {
                log::debug!(target: "actix_engineio::transport", "a cookie is not kept: {reason}");
            }
        }
    }

    /// Adds the cookies for `url` to the headers of a request. RFC 6265, section 5.4: "the user agent MUST NOT attach more
    /// than one Cookie header field", so they share one line with the user's own. If both have a name, the user's own is
    /// sent.
    pub(super) fn add_to(&self, headers: &mut Headers, url: &Url) {
        let own: Vec<_> = headers.get_all(&header::COOKIE).map(HeaderValue::as_bytes).collect();
        let store = self.lock();
        let mut stored = store.matches(url);
        if stored.is_empty() && own.len() < 2 {
            return;
        }
        // "Cookies with longer paths are listed before cookies with shorter paths."
        let paths = |one: &Cookie<'_>, other: &Cookie<'_>| other.path.len().cmp(&one.path.len());
        stored.sort_by(|one, other| paths(one, other).then_with(|| one.name().cmp(other.name())));

        let own = own.iter().flat_map(|line| line.split(|&byte| byte == b';')).map(<[u8]>::trim_ascii);
        let mut pairs: Vec<_> = own.filter(|pair| !pair.is_empty()).map(<[u8]>::to_vec).collect();
        let own_names: Vec<_> = pairs.iter().map(|pair| name_of(pair).to_vec()).collect();
        stored.retain(|cookie| own_names.iter().all(|name| name != cookie.name().as_bytes()));
        pairs
            .extend(stored.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value()).into_bytes()));
        match HeaderValue::from_bytes(&pairs.join(b"; ".as_slice())) {
            Ok(line) => headers.replace(header::COOKIE, line),
            // Only the user can put such a cookie into the store.
            Err(_) => log::warn!(target: "actix_engineio::transport", "a cookie of the store cannot be sent"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, CookieStore> {
        // A panic of another owner of the lock does not break the store.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name in a pair `name=value`.
fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|&byte| byte == b'=').next().unwrap_or_default().trim_ascii()
}

fn store_cookie(store: &mut CookieStore, url: &Url, cookie: &HeaderValue) -> Result<(), String> {
    let cookie = str::from_utf8(cookie.as_bytes()).map_err(|err| err.to_string())?;
    if cookie.len() > MAX_COOKIE {
        return Err(format!("it has more than {MAX_COOKIE} bytes"));
    }
    let mut cookie = Cookie::parse(cookie, url).map_err(|err| err.to_string())?;
    // RFC 6265, section 5.3: a domain that is a public suffix is refused, or means only that host if it is the host.
    if let CookieDomain::Suffix(domain) = &cookie.domain
        && !domain.contains('.')
    {
        if url.host_str() != Some(domain) {
            return Err("it is for a whole top-level domain".to_owned());
        }
        cookie.domain = CookieDomain::HostOnly(domain.clone());
    }
    let is_known = store.contains_any(&String::from(&cookie.domain), &cookie.path, cookie.name());
    if !is_known && is_full(store, url) {
        remove_expired(store);
        if is_full(store, url) {
            return Err(format!("there are {MAX_COOKIES} for its host"));
        }
    }
    store.insert(cookie.into_owned(), url).map_err(|err| err.to_string())?;
    Ok(())
}

fn is_full(store: &CookieStore, url: &Url) -> bool {
    store.iter_any().filter(|cookie| cookie.domain.matches(url)).count() >= MAX_COOKIES
}

/// Removes the cookies that have expired. The store does not send them, but it never removes them by itself.
fn remove_expired(store: &mut CookieStore) {
    let key = |cookie: &Cookie<'_>| {
        (String::from(&cookie.domain), String::from(&cookie.path), cookie.name().to_owned())
    };
    let expired: Vec<_> = store.iter_any().filter(|cookie| cookie.is_expired()).map(key).collect();
    for (domain, path, name) in expired {
        store.remove(&domain, &path, &name);
    }
}

#[cfg(test)]
mod tests;
