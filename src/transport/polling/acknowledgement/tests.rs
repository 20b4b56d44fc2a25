use actix_http::{
    StatusCode,
    header::{HeaderMap, HeaderValue},
};
use bytes::Bytes;

use super::*;
use crate::transport::Secrets;

fn answer(content_type: &'static str, body: impl AsRef<[u8]>) -> Response {
    let mut headers = HeaderMap::new();
    if !content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    Response {
        status: StatusCode::OK,
        headers,
        body: Bytes::copy_from_slice(body.as_ref()),
        secrets: Secrets::default(),
    }
}

#[test]
fn an_empty_body_and_a_short_text_acknowledge_a_post() {
    for content_type in ["", "text/plain", "text/html", "text/html; charset=utf-8", "application/json"] {
        for body in ["", "ok", "OK", "Ok", " ok\r\n"] {
            assert_eq!(check(&answer(content_type, body)), Ok(()), "{content_type}: {body:?}");
        }
    }
    for content_type in ["", "text/plain", "text/plain;charset=UTF-8", "application/octet-stream"] {
        for body in ["done", "1", "reçu", "two\r\nlines", &"x".repeat(64)] {
            assert_eq!(check(&answer(content_type, body)), Ok(()), "{content_type}: {body:?}");
        }
    }
}

#[test]
fn html_json_and_longer_bodies_do_not_acknowledge_a_post() {
    let table: [(&str, &[u8], &str); 12] = [
        ("text/html", b"<!doctype html><p>Sign in", "a page of HTML"),
        ("", b"\r\n <html>", "a page of HTML"),
        ("text/html", b"Please sign in", "a page of HTML"),
        ("Text/HTML", b"Please sign in", "a page of HTML"),
        ("application/json", b"{}", "JSON"),
        ("", b"{\"error\":\"no session\"}", "JSON"),
        ("text/plain", b"[1]", "JSON"),
        ("text/plain", b"\"ok\"", "JSON"),
        ("application/problem+json", b"null", "JSON"),
        ("text/plain", &[b'x'; 65], "more than 64 bytes"),
        ("", b"\xff\xfe", "bytes that are not text"),
        ("", b"o\0k", "bytes that are not text"),
    ];
    for (content_type, body, what) in table {
        let err = TransportError::Malformed(format!("{what} in the answer to a POST").into());
        assert_eq!(check(&answer(content_type, body)), Err(err), "{content_type}: {body:?}");
    }
}
