//! The cookies of a client. Cookies that servers set are sent with every later request that they are meant for.

mod date;
mod room;
mod set_cookie;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use actix_http::header::{self, HeaderMap, HeaderValue};
use cookie_store::{Cookie, CookieStore};
use url::Url;

use self::{room::Growth, set_cookie::SetCookie};
use super::{Headers, shared::Shared};

/// A cookie store.
#[derive(Clone)]
pub(crate) enum Cookies {
    /// The store of the client. Nobody else puts cookies into it.
    Own(Arc<Shared>),
    /// A store of the application.
    Given(Arc<Mutex<CookieStore>>),
}

impl Cookies {
    /// Stores the cookies that a response from `url` sets, if they are allowed.
    pub(super) fn store(&self, url: &Url, headers: &HeaderMap) {
        let mut set = headers.get_all(header::SET_COOKIE).peekable();
        if set.peek().is_none() {
            return;
        }
        let (mut store, is_own) = match self {
            Self::Own(shared) => (lock(shared.cookies.get_or_init(Box::default)), true),
            Self::Given(store) => (lock(store), false),
        };
        for cookie in set {
            // The cookie itself is a secret, so the log does not show it.
            if let Err(reason) = store_cookie(&mut store, url, cookie, is_own) {
                log::debug!(target: "actix_engineio::transport", "a cookie is not stored: {reason}");
            }
        }
    }

    /// Adds the cookies for `url` to the headers of a request. RFC 6265, section 5.4: "the user agent MUST NOT attach more
    /// than one Cookie header field", so they share one line with the user's own. If both have a name, the user's own is
    /// sent.
    pub(super) fn add_to(&self, headers: &mut Headers, url: &Url) {
        let own: Vec<_> = headers.get_all(&header::COOKIE).map(HeaderValue::as_bytes).collect();
        let store = self.lock();
        let mut stored = store.as_ref().map(|store| store.matches(url)).unwrap_or_default();
        // To the store, connections to the same machine are secure without TLS. RFC 6265bis, section 5.8.3, lets each client
        // decide that.
        stored.retain(|cookie| cookie.secure() != Some(true) || url.scheme() == "https");
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

    /// Checks that the store is within its limits.
    #[cfg(any(test, fuzzing))]
    pub(super) fn check_limits(&self) {
        let Some(store) = self.lock() else { return };
        let mut domains = std::collections::HashMap::new();
        for cookie in store.iter_any() {
            *domains.entry(&cookie.domain).or_insert(0) += 1;
        }
        assert!(domains.values().all(|count| *count <= room::MAX_PER_HOST));
        assert!(store.iter_any().count() <= room::MAX_COOKIES);
        assert!(store.iter_any().map(room::size).sum::<usize>() <= room::MAX_BYTES);
    }

    /// `None`: no server has set any cookie.
    fn lock(&self) -> Option<MutexGuard<'_, CookieStore>> {
        match self {
            Self::Own(shared) => shared.cookies.get().map(|store| lock(store)),
            Self::Given(store) => Some(lock(store)),
        }
    }
}

fn lock(store: &Mutex<CookieStore>) -> MutexGuard<'_, CookieStore> {
    // A panic of another owner of the lock does not break the store.
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name in a pair `name=value`.
fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|&byte| byte == b'=').next().unwrap_or_default().trim_ascii()
}

fn store_cookie(store: &mut CookieStore, url: &Url, line: &HeaderValue, is_own: bool) -> Result<(), String> {
    let line = str::from_utf8(line.as_bytes()).map_err(|err| err.to_string())?;
    let set_cookie = SetCookie::parse(line, SystemTime::now())?;
    set_cookie.check(url)?;
    let cookie = Cookie::parse(set_cookie.to_line(), url).map_err(|err| err.to_string())?;
    if url.scheme() != "https" && store.iter_any().any(|other| protects(other, &cookie)) {
        return Err("it would replace a secure cookie, and the connection is not secure".to_owned());
    }
    let (domain, path, name) = key(&cookie);
    let is_expired = cookie.is_expired();
    if !is_expired {
        let growth = Growth::new(store.get(&domain, &path, &name), &cookie);
        room::make(store, url, growth, is_own)?;
    }
    store.insert(cookie, url).map_err(|err| err.to_string())?;
    if is_expired {
        // The store does not send it any more, but it would never remove it.
        store.remove(&domain, &path, &name);
    }
    Ok(())
}

/// Whether `old` is a secure cookie that a response over an insecure connection must not replace or hide by `new`
/// (RFC 6265bis, section 5.7).
fn protects(old: &Cookie<'_>, new: &Cookie<'_>) -> bool {
    let (Some(old_domain), Some(new_domain)) = (old.domain.as_cow(), new.domain.as_cow()) else {
        return false;
    };
    old.secure() == Some(true)
        && !old.is_expired()
        && old.name() == new.name()
        && (is_below(&old_domain, &new_domain) || is_below(&new_domain, &old_domain))
        && path_matches(&new.path, &old.path)
}

/// Whether `domain` is `parent` or one of its subdomains.
fn is_below(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// RFC 6265bis, section 5.1.4.
fn path_matches(path: &str, cookie_path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'))
}

/// The domain, the path and the name, which are different for every cookie of a store.
fn key(cookie: &Cookie<'_>) -> (String, String, String) {
    (String::from(&cookie.domain), String::from(&cookie.path), cookie.name().to_owned())
}

#[cfg(test)]
mod tests;
