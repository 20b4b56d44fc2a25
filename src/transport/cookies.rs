//! The cookies of a client: what servers set comes back with every later request that it is meant for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_http::header::{self, HeaderMap, HeaderName, HeaderValue};
use cookie_store::{Cookie, CookieDomain, CookieStore};
use url::Url;

/// RFC 6265, section 6.1: "At least 4096 bytes per cookie". A larger one is not kept.
const MAX_COOKIE: usize = 4096;
/// "At least 50 cookies per domain". A server that sets more than this has lost count.
const MAX_COOKIES: usize = 180;

/// A store that transports and, perhaps, the user share.
#[derive(Clone, Default)]
pub(crate) struct Cookies(Arc<Mutex<CookieStore>>);

impl From<Arc<Mutex<CookieStore>>> for Cookies {
    fn from(store: Arc<Mutex<CookieStore>>) -> Self {
        Self(store)
    }
}

impl Cookies {
    /// Keeps what a response from `url` sets, as far as it may.
    pub(super) fn keep(&self, url: &Url, headers: &HeaderMap) {
        let mut set = headers.get_all(header::SET_COOKIE).peekable();
        if set.peek().is_none() {
            return;
        }
        let mut store = self.store();
        for cookie in set {
            // The cookie itself is a secret.
            if let Err(reason) = keep(&mut store, url, cookie) {
                log::debug!(target: "actix_engineio::transport", "a cookie is not kept: {reason}");
            }
        }
    }

    /// Puts the cookies for `url` into the headers of a request. RFC 6265, section 5.4: "the user http_client MUST NOT attach
    /// more than one Cookie header field", so they go on one line with the user's own; of two with one name, the user's
    /// own is sent.
    pub(super) fn add(&self, url: &Url, headers: &mut Vec<(HeaderName, HeaderValue)>) {
        let is_own = |(name, _): &(HeaderName, HeaderValue)| *name == header::COOKIE;
        let store = self.store();
        let mut kept = store.matches(url);
        if kept.is_empty() && headers.iter().filter(|header| is_own(header)).count() < 2 {
            return;
        }
        // "Cookies with longer paths are listed before cookies with shorter paths."
        let paths = |one: &Cookie<'_>, other: &Cookie<'_>| other.path.len().cmp(&one.path.len());
        kept.sort_by(|one, other| paths(one, other).then_with(|| one.name().cmp(other.name())));

        let own = headers.iter().filter(|header| is_own(header)).map(|(_, value)| value.as_bytes());
        let own: Vec<_> =
            own.flat_map(|line| line.split(|&byte| byte == b';')).map(<[u8]>::trim_ascii).collect();
        let own_names: Vec<_> = own.iter().map(|&pair| name_of(pair)).collect();
        kept.retain(|cookie| !own_names.contains(&cookie.name().as_bytes()));
        let kept = kept.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value()).into_bytes());
        let pairs = own.iter().map(|pair| pair.to_vec()).chain(kept).filter(|pair| !pair.is_empty());
        let Ok(line) = HeaderValue::from_bytes(&pairs.collect::<Vec<_>>().join(b"; ".as_slice())) else {
            // No server can set such a cookie.
            return log::warn!(target: "actix_engineio::transport", "a cookie of the store cannot be sent");
        };
        headers.retain(|header| !is_own(header));
        headers.push((header::COOKIE, line));
    }

    fn store(&self) -> MutexGuard<'_, CookieStore> {
        // Whoever panicked with the lock in hand left a store that still works.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|&byte| byte == b'=').next().unwrap_or_default().trim_ascii()
}

fn keep(store: &mut CookieStore, url: &Url, cookie: &HeaderValue) -> Result<(), String> {
    let cookie = str::from_utf8(cookie.as_bytes()).map_err(|err| err.to_string())?;
    if cookie.len() > MAX_COOKIE {
        return Err(format!("it has more than {MAX_COOKIE} bytes"));
    }
    let mut cookie = Cookie::parse(cookie, url).map_err(|err| err.to_string())?;
    // RFC 6265, section 5.3: a domain that is a public suffix is refused, or means that host alone if it is the host.
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
        forget_expired(store);
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

/// The store itself never does: it only does not send them.
fn forget_expired(store: &mut CookieStore) {
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
