//! Values of a request that may be secrets, and their removal from what the peer says.
//!
//! A server or a proxy may repeat the request in its error response, and its words become part of an error, which
//! applications log. Only the application knows which of its values are secrets, so all of them count, but for a few
//! headers.

use std::{borrow::Cow, fmt};

use base64_simd::forgiving_decode_to_vec;
use percent_encoding::percent_decode_str;

/// The headers whose values are no secrets: those that any origin may see, and those that the client itself sets.
const PUBLIC: [&str; 12] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "connection",
    "content-length",
    "content-type",
    "host",
    "origin",
    "sec-websocket-key",
    "sec-websocket-version",
    "upgrade",
    "user-agent",
];

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
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers =
            headers.filter(|(name, _)| !PUBLIC.iter().any(|public| name.eq_ignore_ascii_case(public)));
        let values = parameters(target).chain(headers.map(|(_, value)| value));
        let values: Vec<_> = values.filter(|value| value.len() >= MIN_SECRET).collect();
        Self(values.join("\n").into())
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
