//! Values of a request that may be secrets, and their removal from what the peer says.
//!
//! A server or a proxy may repeat the request in its error response, and its words become part of an error, which
//! applications log. Only the application knows which of its values are secrets, so all of them count, but for a few
//! headers.

use std::{borrow::Cow, fmt};

use base64_simd::forgiving_decode_to_vec;
use percent_encoding::percent_decode_str;

use super::http::Request;

/// The parameters of the query that are no secrets.
const PUBLIC_PARAMETERS: [&str; 2] = ["EIO", "transport"];

/// The length in bytes of the shortest value that is masked. A shorter one is part of many words.
const MIN_SECRET: usize = 4;

/// The length in bytes of the shortest beginning of a value that is masked at the end of a text. The text may have been
/// cut there.
const MIN_BEGINNING: usize = 6;

/// What is shown instead of a secret.
const MASK: &str = "..";

/// The values of one request, one per line. An open WebSocket stores those of its handshake, so their other forms are
/// computed only when they are needed.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Box<str>);

impl Secrets {
    /// The values in the head of a request. These are the bytes that were sent, wherever each value has come from.
    pub(crate) fn of_head(head: &[u8]) -> Self {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let target = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        Self::of(target, lines.filter_map(|line| line.split_once(": ")))
    }

    /// The values of a request. They are those of its head, which need not be made for that.
    pub(crate) fn of_request(request: &Request) -> Self {
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())));
        Self::of(request.target.as_str(), headers)
    }

    /// The names of headers are in lower case.
    fn of<V: AsRef<str>>(target: &str, headers: impl Iterator<Item = (impl AsRef<str>, V)>) -> Self {
        let mut values = String::new();
        let mut add = |value: &str| {
            if value.len() >= MIN_SECRET {
                if !values.is_empty() {
                    values.push('\n');
                }
                values.push_str(value);
            }
        };
        parameters(target).for_each(&mut add);
        headers.filter(|(name, _)| !is_public(name.as_ref())).for_each(|(_, value)| add(value.as_ref()));
        Self(values.into())
    }

    /// Adds the sid in the text of an open packet. What is no JSON ends the session anyway, so the text is not parsed.
    pub(crate) fn add_sid(&mut self, open: &str) {
        let sid = open.split_once("\"sid\"").and_then(|(_, rest)| rest.trim_start().strip_prefix(':'));
        let sid = sid.and_then(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
        if let Some(sid) = sid.filter(|sid| sid.len() >= MIN_SECRET) {
            self.0 = [&*self.0, sid].join("\n").into();
        }
    }

    /// Masks every value in `text`, in each form in which a peer may repeat it.
    pub(crate) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut forms: Vec<String> = self.0.lines().flat_map(forms).collect();
        forms.retain(|form| form.len() >= MIN_SECRET);
        // A value may be a part of a longer one.
        forms.sort_unstable_by_key(|form| std::cmp::Reverse(form.len()));
        let mut text = Cow::Borrowed(text);
        for form in &forms {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), MASK).into();
            }
        }
        match forms.iter().filter_map(|form| cut_beginning(&text, form)).max() {
            Some(length) => {
                let rest = text.get(..text.len().saturating_sub(length)).unwrap_or_default();
                format!("{rest}{MASK}").into()
            }
            None => text,
        }
    }
}

/// Shows only the number of values.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.lines().count())
    }
}

/// Whether the value of this header is no secret: any origin may see it, or the client itself sets it.
fn is_public(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-encoding"
            | "accept-language"
            | "connection"
            | "content-length"
            | "content-type"
            | "host"
            | "origin"
            | "sec-websocket-key"
            | "sec-websocket-version"
            | "upgrade"
            | "user-agent"
    )
}

/// The values in the query of a request's target.
fn parameters(target: &str) -> impl Iterator<Item = &str> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| match pair.split_once('=') {
        Some((name, _)) if PUBLIC_PARAMETERS.contains(&name) => None,
        Some((_, value)) => Some(value),
        None => Some(pair),
    })
}

/// The forms in which a peer may repeat a value: the value as it was sent and its parts, decoded and escaped.
fn forms(value: &str) -> Vec<String> {
    let mut parts = vec![value];
    // `Bearer TOKEN`, `Basic BASE64`
    let credentials = value.split_once(' ').map(|(_, credentials)| credentials.trim());
    parts.extend(credentials);
    // Cookies, subprotocols, and the parameters of `Digest`.
    for part in value.split([',', ';']).chain(credentials.into_iter().flat_map(|rest| rest.split(','))) {
        parts.push(part.trim());
        parts.extend(part.split_once('=').map(|(_, value)| value.trim().trim_matches('"')));
    }
    let mut forms: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
    for part in parts {
        forms.push(percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned());
        forms.push(part.trim_end_matches('=').to_owned());
    }
    let decoded = credentials.and_then(|rest| forgiving_decode_to_vec(rest.as_bytes()).ok());
    if let Some(pair) = decoded.and_then(|decoded| String::from_utf8(decoded).ok()) {
        forms.extend(pair.split_once(':').map(|(_, password)| password.to_owned()));
        forms.push(pair);
    }
    let escaped: Vec<_> = forms.iter().flat_map(|form| escaped(form)).collect();
    forms.extend(escaped);
    forms
}

/// A value as it is in JSON and in HTML, if it needs an escape there.
fn escaped(form: &str) -> Vec<String> {
    let mut escaped = Vec::new();
    if form.contains(['"', '\\']) {
        escaped.push(form.replace('\\', "\\\\").replace('"', "\\\""));
    }
    if form.contains(['&', '<', '>', '"', '\'']) {
        let html = form.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        escaped.push(html.replace('"', "&quot;").replace('\'', "&#39;"));
    }
    escaped
}

/// The length of the longest beginning of `form` with which `text` ends.
fn cut_beginning(text: &str, form: &str) -> Option<usize> {
    let lengths = form.char_indices().map(|(length, _)| length).filter(|length| *length >= MIN_BEGINNING);
    lengths.filter(|length| form.get(..*length).is_some_and(|beginning| text.ends_with(beginning))).max()
}

#[cfg(test)]
mod tests;
