//! The headers of requests: which one is sent if there are several of a name, and which ones another origin may see.

#[cfg(test)]
mod tests;
mod user;

use std::fmt;

use actix_http::header::{self, HeaderName, HeaderValue};

/// Headers that a request has once: RFC 9110, section 5.3, "a sender MUST NOT generate multiple field lines with the
/// same name [..] unless that field's definition allows multiple field line values to be recombined as a comma-separated
/// list". Servers use the first of two, or refuse them.
const SINGLE: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::FROM,
    header::HOST,
    header::ORIGIN,
    header::PROXY_AUTHORIZATION,
    header::REFERER,
    header::USER_AGENT,
];

/// The headers whose values are no secrets. Only the application knows which of the others are.
const PUBLIC: [HeaderName; 5] =
    [header::ACCEPT, header::ACCEPT_ENCODING, header::ACCEPT_LANGUAGE, header::ORIGIN, header::USER_AGENT];

/// The headers of a request, in the order in which they are sent.
///
/// `Debug` shows only their names: the values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// Adds a header at the end. If a request has this header only once, it replaces the earlier one.
    pub(crate) fn append(&mut self, name: HeaderName, value: HeaderValue) {
        if SINGLE.contains(&name) {
            self.remove(&name);
        }
        self.0.push((name, value));
    }

    /// Adds a header at the end. It replaces all earlier ones of its name.
    pub(crate) fn replace(&mut self, name: HeaderName, value: HeaderValue) {
        self.remove(&name);
        self.0.push((name, value));
    }

    /// Removes all headers of this name.
    pub(crate) fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|(other, _)| other != name);
    }

    /// Removes every header whose name `others` have too.
    pub(crate) fn remove_names_of(&mut self, others: &Self) {
        self.0.retain(|(name, _)| !others.contains(name));
    }

    /// Adds all of `others` at the end. They replace every earlier header whose name they have.
    pub(crate) fn override_with(&mut self, others: Self) {
        self.remove_names_of(&others);
        self.0.extend(others.0);
    }

    /// These headers, followed by others: see [`append`](Self::append).
    pub(super) fn with(mut self, others: &Self) -> Self {
        for (name, value) in others.iter() {
            self.append(name.clone(), value.clone());
        }
        self
    }

    /// These headers as another origin may see them.
    pub(super) fn for_another_origin(mut self) -> Self {
        self.0.retain(|(name, _)| PUBLIC.contains(name));
        self
    }

    /// These headers, preceded by every default whose name they do not have.
    pub(super) fn with_defaults(self, defaults: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        let missing = defaults.into_iter().filter(|(name, _)| !self.contains(name));
        let mut all: Vec<_> = missing.collect();
        all.extend(self.0);
        Self(all)
    }

    pub(super) fn contains(&self, name: &HeaderName) -> bool {
        self.get_all(name).next().is_some()
    }

    /// The values of all headers of this name.
    pub(super) fn get_all(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Headers that already follow the rules, such as those of a WebSocket handshake.
impl<const N: usize> From<[(HeaderName, HeaderValue); N]> for Headers {
    fn from(headers: [(HeaderName, HeaderValue); N]) -> Self {
        Self(headers.into())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}
