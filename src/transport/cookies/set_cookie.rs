//! The header `set-cookie`: the cookie that a server asks the client to store (RFC 6265bis, section 5.6).

use std::{fmt::Write as _, time::SystemTime};

use url::Url;

use super::date;

/// The largest size of the name and the value together, in bytes.
pub(super) const MAX_COOKIE: usize = 4096;
/// The largest size of an attribute's value, in bytes. A larger one is ignored.
pub(super) const MAX_ATTRIBUTE: usize = 1024;

/// The longest time for which a cookie is stored: 400 days, in seconds (section 5.6.1).
const MAX_AGE: u64 = 400 * 24 * 60 * 60;

/// A cookie as a server describes it. Of several attributes of a name the last one counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SetCookie<'a> {
    pub(super) name: &'a str,
    value: &'a str,
    /// The domain in lower case, `None` if the cookie is for one host.
    domain: Option<String>,
    path: Option<&'a str>,
    /// The number of seconds that the cookie is valid. `Max-Age` takes precedence over `Expires`.
    max_age: Option<u64>,
    expires: Option<u64>,
    pub(super) is_secure: bool,
    is_http_only: bool,
}

impl<'a> SetCookie<'a> {
    /// Parses the value of the header. `now` is the time at which a date becomes a number of seconds.
    pub(super) fn parse(line: &'a str, now: SystemTime) -> Result<Self, &'static str> {
        let mut parts = line.split(';');
        let pair = parts.next().unwrap_or_default();
        // Section 5.6 permits a cookie without a name. Servers cannot tell such a cookie from others, so it is not stored.
        let (name, value) = pair.split_once('=').ok_or("it has no name")?;
        let (name, value) = (trim(name), trim(value));
        if name.is_empty() {
            return Err("it has no name");
        }
        if name.len() + value.len() > MAX_COOKIE {
            return Err("its name and its value have more than 4096 bytes");
        }
        let mut cookie = Self { name, value, ..Self::default() };
        for attribute in parts {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let value = trim(value);
            if value.len() <= MAX_ATTRIBUTE {
                cookie.set(trim(name), value, now);
            }
        }
        Ok(cookie)
    }

    fn set(&mut self, name: &str, value: &'a str, now: SystemTime) {
        match name.to_ascii_lowercase().as_str() {
            "expires" => {
                let seconds = |date: SystemTime| date.duration_since(now).unwrap_or_default().as_secs();
                self.expires = date::parse(value).map(seconds).or(self.expires);
            }
            "max-age" => self.max_age = max_age(value).or(self.max_age),
            "domain" => {
                let domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
                self.domain = Some(domain).filter(|domain| !domain.is_empty());
            }
            "path" => self.path = Some(value).filter(|path| path.starts_with('/')),
            "secure" => self.is_secure = true,
            "httponly" => self.is_http_only = true,
            // `SameSite` is about requests that one site makes to another, which only browsers know.
            _ => {}
        }
    }

    /// Checks the rules of section 5.7 that concern this cookie and the URL of the response.
    pub(super) fn check(&self, url: &Url) -> Result<(), &'static str> {
        if self.is_secure && url.scheme() != "https" {
            return Err("it is secure, and the connection is not");
        }
        let has_prefix = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if has_prefix("__Secure-") && !self.is_secure {
            return Err("its name says __Secure-, and it is not secure");
        }
        if has_prefix("__Host-") && !(self.is_secure && self.domain.is_none() && self.path == Some("/")) {
            return Err("its name says __Host-, and it is not a secure cookie of one host with the path /");
        }
        match &self.domain {
            Some(domain) if !is_domain(domain) && url.host_str() != Some(domain) => {
                Err("its domain is not one, or is a whole top-level domain")
            }
            _ => Ok(()),
        }
    }

    /// The cookie as the store parses it: without unknown attributes, and with each of the others at most once.
    pub(super) fn to_line(&self) -> String {
        let mut line = format!("{}={}", self.name, self.value);
        // A top-level domain that is the host itself means only that host.
        if let Some(domain) = self.domain.as_ref().filter(|domain| is_domain(domain)) {
            let _ = write!(line, "; Domain={domain}");
        }
        if let Some(path) = self.path {
            let _ = write!(line, "; Path={path}");
        }
        if let Some(max_age) = self.max_age.or(self.expires) {
            let _ = write!(line, "; Max-Age={}", max_age.min(MAX_AGE));
        }
        line.push_str(if self.is_secure { "; Secure" } else { "" });
        line.push_str(if self.is_http_only { "; HttpOnly" } else { "" });
        line
    }
}

/// Removes blanks and tabs at both ends.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Reads a number of seconds, `None` if it is none. A negative one means that the cookie has expired.
fn max_age(value: &str) -> Option<u64> {
    let (digits, is_negative) = value.strip_prefix('-').map_or((value, false), |digits| (digits, true));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Digits that do not fit are more than the limit.
    Some(if is_negative { 0 } else { digits.parse().unwrap_or(MAX_AGE) })
}

/// Whether this is a domain of at least two labels, in ASCII. A list of public suffixes is not used, so `co.uk` is one.
fn is_domain(domain: &str) -> bool {
    domain.is_ascii() && domain.contains('.') && domain.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests;
