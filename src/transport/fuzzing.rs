//! The functions of the fuzz targets that give the transports whatever a server or a proxy may send. The bytes arrive in
//! pieces, over an I/O that exists only in memory.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

mod script;

use std::{
    future::{Future, poll_fn},
    io::Write as _,
    pin::pin,
    rc::Rc,
    sync::Arc,
};

use actix_http::{
    Method, StatusCode,
    header::{self, HeaderMap, HeaderValue},
};
use actix_rt::Runtime;
use bytes::Bytes;
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use url::Url;

use self::script::Script;
use super::{
    Cookies, Headers, Options, Progress, Requests,
    http::{CodecConfig, Forwarding, Http1Connection, Repeat, Request, Response, UpgradeResponse},
};
use crate::{
    error::{TransportError, changes_layout},
    protocol::endpoint::Endpoint,
};

/// A value that the client sends. Where the input has the byte 1, the peer repeats it.
const SECRET: &str = "TheSecretToken77";

/// The largest number of exchanges on one connection.
const MAX_EXCHANGES: usize = 8;

/// The answers to requests: the outcome does not depend on where reads cut them, and a body is never larger than its limit.
///
/// `data`: the kind of request, the limit of the body in two bytes, the number of pieces, the length of each piece (the
/// lengths repeat), then the bytes of the server.
pub fn response(data: &[u8]) {
    let &[kind, a, b, count, ref rest @ ..] = data else { return };
    let Some((pieces, bytes)) = rest.split_at_checked(usize::from(count)) else { return };
    let limit = usize::from(u16::from_be_bytes([a, b]));
    let bytes = with_secret(bytes);
    let whole = exchange(kind, limit, Script::new(&bytes, &[], kind & 1 != 0));
    let cut = exchange(kind, limit, Script::new(&bytes, pieces, kind & 1 != 0));
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole.status, cut.status);
            // Of the body of an error response that is broken, what has arrived by then is shown.
            if whole.status.is_success() {
                assert_eq!(whole.body, cut.body);
            }
        }
        // Of several errors, the reads decide which one is found first.
        (Err(_), Err(_)) => {}
        (whole, cut) => panic!("{whole:?} at once, and {cut:?} in pieces"),
    }
}

/// The outcome of the first exchange on a connection with this script. Others follow if the connection allows them.
fn exchange(kind: u8, limit: usize, script: Script) -> Result<Response, TransportError> {
    let polls = script.most_polls() * MAX_EXCHANGES;
    let outcome = run(polls, async {
        let authorization = HeaderValue::from_static(SECRET);
        let proxy = (kind & 2 != 0).then(|| Rc::new(Forwarding::new(Some(authorization))));
        let connection = Http1Connection::new(Box::new(script), &CodecConfig::shared(), Progress::new());
        let mut connection = connection.forwarded_by(proxy);
        let body = if kind & 8 != 0 { Bytes::from_static(b"4hi") } else { Bytes::new() };
        let request = request(body);
        if kind & 4 != 0 {
            return match connection.upgrade(&request, limit).await? {
                UpgradeResponse::Switched { headers, read_buf, .. } => Ok(Response {
                    status: StatusCode::SWITCHING_PROTOCOLS,
                    headers,
                    body: read_buf.freeze(),
                    secrets: super::Secrets::default(),
                }),
                UpgradeResponse::Other(response) => Ok(response),
            };
        }
        let first = connection.exchange(&request, limit).await;
        for _ in 1..MAX_EXCHANGES {
            if !connection.is_reusable() {
                break;
            }
            let _ = connection.promise();
            check(&connection.exchange(&request, limit).await, limit);
        }
        first
    });
    check(&outcome, limit);
    outcome
}

fn request(body: Bytes) -> Request {
    let authorization = format!("Bearer {SECRET}");
    Request {
        method: if body.is_empty() { Method::GET } else { Method::POST },
        target: "/engine.io/?EIO=4".parse().expect("a target"),
        host: HeaderValue::from_static("localhost"),
        headers: Headers::from([(header::AUTHORIZATION, authorization.try_into().expect("a value"))]),
        body,
        repeat: Repeat::Unanswered,
    }
}

/// Checks an outcome: what the application can see of it is short and on one line, and contains no secret.
fn check(outcome: &Result<Response, TransportError>, limit: usize) {
    match outcome {
        Ok(response) if response.status.is_success() => assert!(response.body.len() <= limit),
        Ok(response) if response.status == StatusCode::SWITCHING_PROTOCOLS => {}
        Ok(response) => {
            // The limit of an error response, which is one of its own.
            assert!(response.body.len() <= (64 << 10) + 4096);
            let _ = (response.is_redirect(), response.is_html());
            check_error(&TransportError::Status(Box::new(response.http_status())));
        }
        Err(err) => check_error(err),
    }
}

fn check_error(err: &TransportError) {
    let text = err.to_string();
    assert!(text.len() < 2_000, "an error quotes a little only: {text}");
    assert!(!text.chars().any(changes_layout), "an error is one line: {text:?}");
    for text in [text, format!("{err:?}")] {
        assert!(!text.contains(SECRET), "a secret is shown: {text}");
    }
}

fn with_secret(bytes: &[u8]) -> Vec<u8> {
    let parts: Vec<_> = bytes.split(|byte| *byte == 1).collect();
    parts.join(SECRET.as_bytes())
}

/// The body of an answer, compressed and in chunks: it arrives whole, or is an error.
///
/// `data`: the coding and the framing, the limit of the body in two bytes, the size of the chunks, the position of a byte
/// that is changed in two bytes, the change (0 is none), then the members of the body, each with its length before it.
pub fn body(data: &[u8]) {
    let &[kind, a, b, chunk, at, at_low, change, ref rest @ ..] = data else { return };
    let limit = usize::from(u16::from_be_bytes([a, b]));
    let members = members(rest);
    // Only gzip has members.
    let members = if kind % 4 == 1 { members } else { vec![members.concat()] };
    let mut coded: Vec<u8> = members.iter().flat_map(|member| compressed(kind % 4, member)).collect();
    let at = usize::from(u16::from_be_bytes([at, at_low]));
    let is_changed = change != 0 && at < coded.len();
    if let Some(byte) = coded.get_mut(at) {
        *byte ^= change;
    }
    let coding = ["identity", "gzip", "deflate", "deflate"][usize::from(kind % 4)];
    let mut wire = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\n").into_bytes();
    if kind & 4 != 0 {
        wire.extend(b"transfer-encoding: chunked\r\n\r\n");
        for chunk in coded.chunks(usize::from(chunk).max(1)) {
            wire.extend(format!("{:x};a=\"b\"\r\n", chunk.len()).bytes());
            wire.extend(chunk);
            wire.extend(b"\r\n");
        }
        wire.extend(b"0\r\nx-trailer: 1\r\n\r\n");
    } else if kind & 8 != 0 {
        wire.extend(format!("content-length: {}\r\n\r\n", coded.len()).bytes());
        wire.extend(&coded);
    } else {
        wire.extend(b"\r\n");
        wire.extend(&coded);
    }
    let outcome = exchange(0, limit, Script::new(&wire, &[chunk, 1, 0, 200], false));
    let expected = members.concat();
    match outcome {
        Ok(response) if !is_changed => assert_eq!(response.body, expected),
        // Deflate without zlib's format has no checksum, and identity has none either.
        Ok(_) => {}
        Err(TransportError::BodyTooLarge { .. }) if expected.len() > limit || is_changed => {}
        Err(err) => assert!(is_changed, "{err:?}"),
    }
}

/// The members of a body: each has its length before it, and is repeated as often as the byte after that says.
fn members(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut members = Vec::new();
    while let &[length, times, ref rest @ ..] = data
        && members.len() < 8
    {
        let (member, rest) = rest.split_at(usize::from(length).min(rest.len()));
        members.push(member.repeat(usize::from(times % 64) + 1));
        data = rest;
    }
    members
}

fn compressed(coding: u8, body: &[u8]) -> Vec<u8> {
    let level = Compression::fast();
    let outcome = match coding {
        0 => return body.to_vec(),
        1 => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
        2 => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
        _ => {
            let mut encoder = DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
    };
    outcome.expect("memory does not fail")
}

/// The answer of a proxy to CONNECT: a tunnel, or an error that shows no secret.
///
/// `data`: how the connection ends, the number of pieces, the length of each piece, then the bytes of the proxy.
pub fn tunnel(data: &[u8]) {
    let &[end, count, ref rest @ ..] = data else { return };
    let Some((pieces, bytes)) = rest.split_at_checked(usize::from(count)) else { return };
    let script = Script::new(&with_secret(bytes), pieces, end & 1 != 0);
    let request =
        format!("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\nproxy-authorization: Basic {SECRET}\r\n\r\n");
    let outcome = run(script.most_polls(), async {
        let connection = Http1Connection::new(Box::new(script), &CodecConfig::shared(), Progress::new());
        connection.tunnel(request.into()).await
    });
    if let Err(err) = outcome {
        check_error(&err);
    }
}

/// The header `set-cookie`: the limits of the store are never exceeded, and no secure cookie goes over an insecure
/// connection.
///
/// `data`: lines. The first byte of each chooses the URL that sets the cookie, and how often with different names.
pub fn cookies(data: &[u8]) {
    // To the store, connections to the same machine are secure.
    let urls =
        ["https://a.example.com/x/", "http://a.example.com/", "https://127.0.0.1/", "http://127.0.0.1/"];
    let urls = urls.map(|url| Url::parse(url).expect("a URL"));
    let cookies = Cookies::Own(Arc::default());
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let Some((&kind, line)) = line.split_first() else { continue };
        let times = if kind & 0x80 != 0 { 200 } else { 1 };
        let mut headers = HeaderMap::new();
        for number in 0..times {
            let line =
                if times > 1 { [format!("{number}").as_bytes(), line].concat() } else { line.to_vec() };
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                headers.append(header::SET_COOKIE, value);
            }
        }
        cookies.store(&urls[usize::from(kind % 4)], &headers);
    }
    for url in &urls {
        let mut headers = Headers::from([(header::COOKIE, HeaderValue::from_static("own=1"))]);
        cookies.add_to(&mut headers, url);
        let lines: Vec<_> = headers.get_all(&header::COOKIE).map(HeaderValue::as_bytes).collect();
        assert_eq!(lines.len(), 1, "one line");
        let pairs: Vec<_> = lines[0].split(|byte| *byte == b';').map(<[u8]>::trim_ascii).collect();
        assert_eq!(
            pairs.iter().filter(|pair| pair.starts_with(b"own=")).count(),
            1,
            "the own cookie is sent"
        );
        for pair in pairs {
            let pair = pair.to_ascii_lowercase();
            let is_marked = pair.starts_with(b"__secure-") || pair.starts_with(b"__host-");
            assert!(url.scheme() == "https" || !is_marked, "a secure cookie goes over http");
        }
    }
    cookies.check_limits();
}

/// A chain of redirects: it ends, and what the application has set never goes to another origin.
///
/// `data`: the values of `location`, one per line.
pub fn redirects(data: &[u8]) {
    let home = Endpoint::new("https://localhost/?room=7", "engine.io", true, "t".into()).expect("a URL");
    let home = Arc::new(home);
    let token = Headers::from([("x-token".parse().expect("a name"), HeaderValue::from_static(SECRET))]);
    let options = Options {
        headers: token,
        cookies: Some(Cookies::Own(Arc::default())),
        ..Options::new(Arc::default())
    };
    let mut requests = Requests::new(home.clone(), None, Arc::new(options), home.clone());
    let mut followed = 0;
    for line in data.split(|byte| *byte == b'\n').take(16) {
        let Ok(location) = HeaderValue::from_bytes(line) else { continue };
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, location);
        headers.append(header::SET_COOKIE, HeaderValue::from_static("id=1; Path=/"));
        requests.store_cookies(&headers);
        match requests.redirect(&headers) {
            Ok(endpoint) => {
                followed += 1;
                assert!(endpoint.is_secure(), "from https to http");
                for request in [requests.get(), requests.websocket_handshake(&Headers::default())] {
                    let head = request.expect("a request").head(None);
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let is_sent = head.contains("x-token");
                    assert!(!is_sent || endpoint.same_origin(&home), "a token goes to {endpoint:?}");
                    assert!(head.ends_with("\r\n\r\n") && head.matches("\r\n\r\n").count() == 1);
                    assert!(head.lines().next().is_some_and(|line| line.ends_with(" HTTP/1.1")));
                }
            }
            Err(err) => check_error(&err),
        }
    }
    assert!(followed <= 5);
}

/// Runs a future to its end. It fails if that takes more than `limit` polls, because then it waits in a loop.
fn run<T>(limit: usize, future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: Runtime = Runtime::new().expect("a runtime");
    }

    let mut future = pin!(future);
    let mut polls = 0;
    RUNTIME.with(|runtime| {
        runtime.block_on(poll_fn(|task| {
            polls += 1;
            assert!(polls <= limit, "polled {polls} times");
            future.as_mut().poll(task)
        }))
    })
}
