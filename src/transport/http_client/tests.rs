mod bodies;
mod reuse;

use std::{io, pin::pin, rc::Rc, sync::Arc, time::Duration};

use actix_http::{Method, header};
use actix_rt::time::{sleep, timeout};
use bytes::Bytes;
use futures::future::{Either, select};

use super::*;
use crate::{
    protocol::endpoint::Endpoint,
    transport::{
        Headers, KnownServers, Secrets,
        server::{Peer, Server},
    },
};

const LIMIT: usize = 1 << 20;
/// Longer than a byte or a FIN needs to cross the loopback interface.
const A_MOMENT: Duration = Duration::from_millis(50);

fn get() -> Request {
    Request {
        method: Method::GET,
        target: "/engine.io/?EIO=4".parse().unwrap(),
        host: header::HeaderValue::from_static("localhost"),
        headers: Headers::default(),
        body: Bytes::new(),
        repeat: Repeat::Unanswered,
    }
}

fn post(body: impl Into<Bytes>) -> Request {
    Request { method: Method::POST, body: body.into(), repeat: Repeat::Unread, ..get() }
}

fn http_client(origin: impl AsRef<str>) -> HttpClient {
    let endpoint = Endpoint::new(origin.as_ref(), "engine.io", true, "t".into()).unwrap();
    HttpClient::new(Arc::default(), Lookups::default(), endpoint.destination(), KnownServers::default())
}

/// The outcome of a GET that the server answers with these bytes and a FIN.
async fn answered(answer: impl AsRef<[u8]> + Send + 'static) -> Result<Response, TransportError> {
    let server = Server::start(move |server| {
        let mut peer = server.accept();
        peer.read_request();
        let _ = peer.try_write(answer);
        peer.close();
    });
    let outcome = http_client(server.origin()).send(&get(), LIMIT).await;
    server.finish().await;
    outcome
}

async fn body_of(answer: impl AsRef<[u8]> + Send + 'static) -> Bytes {
    answered(answer).await.unwrap().body
}

/// The bytes of a response to a GET.
fn response(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn is_eof(outcome: &Result<Response, TransportError>) -> bool {
    matches!(outcome, Err(TransportError::Io { kind: io::ErrorKind::UnexpectedEof, .. }))
}

fn malformed(what: &str) -> TransportError {
    TransportError::Malformed(what.into())
}

#[actix::test]
async fn a_request_has_its_headers_in_order_and_no_others() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        let request = peer.read_request();
        assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/engine.io/?EIO=4"));
        let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["host", "accept-encoding", "user-agent", "accept", "cookie"]);
        assert_eq!(request.header("accept").as_deref(), Some("text/plain"));
        peer.respond(200, &[], "");

        let request = peer.read_request();
        assert_eq!(request.body, b"4hi");
        assert_eq!(request.header("content-type").as_deref(), Some("text/plain;charset=UTF-8"));
        assert_eq!(request.header("content-length").as_deref(), Some("3"));
        peer.respond(200, &[], "ok");
    });
    let mut http_client = http_client(server.origin());
    let headers = [("accept", "text/plain"), ("cookie", "a=1"), ("transfer-encoding", "chunked")];
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).into();
    http_client.send(&Request { headers, ..get() }, LIMIT).await.unwrap();
    http_client.send(&post("4hi"), LIMIT).await.unwrap();
    server.finish().await;
}

#[actix::test]
async fn interim_answers_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n";
    assert_eq!(body_of([interim.as_bytes(), &response("", "ok")].concat()).await, "ok");
}

#[actix::test]
async fn a_proxy_may_say_a_thousand_times_that_it_is_still_waiting_but_not_for_ever() {
    let processing = "HTTP/1.1 102 Processing\r\n\r\n";
    assert_eq!(body_of([processing.repeat(1000).as_bytes(), &response("", "ok")].concat()).await, "ok");
    let outcome = answered([processing.repeat(1001).as_bytes(), &response("", "ok")].concat()).await;
    assert_eq!(outcome.unwrap_err(), malformed("no end of 1xx answers"));
}

#[actix::test]
async fn what_is_not_http_is_malformed() {
    for answer in ["SSH-2.0-OpenSSH_9.6\r\n", "<html>", "\x15\x03\x01\0\x02\x02\x16", "HTTP/1.1 ok\r\n\r\n"] {
        assert_eq!(answered(answer).await.unwrap_err(), malformed("not HTTP"), "{answer:?}");
    }
    let outcome = answered("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n").await;
    assert_eq!(outcome.unwrap_err(), malformed("bad header"));
    assert!(is_eof(&answered("").await));
    assert!(is_eof(&answered("HTTP/1.1 200 OK\r\ncontent-le").await));
    let outcome = answered("HTTP/1.1 101 Switching Protocols\r\n\r\n").await;
    assert_eq!(outcome.unwrap_err(), malformed("101 to a request that asked for no upgrade"));
}

#[actix::test]
async fn a_head_has_a_limit() {
    let too_large = malformed("the head has more than 64 KiB or 96 headers");
    let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(200 << 10));
    assert_eq!(answered(long).await.unwrap_err(), too_large);
    let many = response(&"x: y\r\n".repeat(96), "");
    assert_eq!(answered(many).await.unwrap_err(), too_large);
}

#[actix::test]
async fn an_answer_that_comes_before_the_request_is_out_is_read() {
    let endings: [fn(Peer); 4] = [Peer::close, Peer::reset, drop, |peer| drop(peer.wait_closed())];
    for end in endings {
        let server = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_head();
            peer.respond(413, &[], "too large");
            end(peer);
        });
        let mut http_client = http_client(server.origin());
        let response = http_client.send(&post(vec![b'x'; 64 << 20]), LIMIT).await.unwrap();
        assert_eq!((response.status.as_u16(), &*response.body), (413, b"too large".as_slice()));
        assert!(!http_client.progress().is_written());
        server.finish().await;
    }
}

#[actix::test]
async fn dropping_an_exchange_closes_its_connection() {
    let (read, is_read) = tokio::sync::oneshot::channel();
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        read.send(()).unwrap();
        assert_eq!(peer.wait_closed(), b"");
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "ok");
    });
    let mut http_client = http_client(server.origin());
    let request = get();
    tokio::select! {
        outcome = http_client.send(&request, LIMIT) => panic!("{outcome:?}"),
        read = is_read => read.unwrap(),
    }
    assert_eq!(http_client.send(&request, LIMIT).await.unwrap().body, "ok");
    server.finish().await;
}

#[actix::test]
async fn the_stage_says_what_the_client_waits_for() {
    for (request, answer, stage) in [
        (post(vec![0; 64 << 20]), "", Stage::Request),
        (get(), "", Stage::Response),
        (get(), "HTTP/1.1 100 Continue\r\n\r\n", Stage::Response),
        (get(), "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", Stage::Body),
    ] {
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let server = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_head();
            peer.write(answer);
            // The server does not read the rest either.
            let _ = is_done.recv();
        });
        let mut http_client = http_client(server.origin());
        let progress = http_client.progress();
        let read = u64::try_from(answer.len()).unwrap();
        let waits = async {
            while (progress.stage(), progress.is_written(), progress.read())
                != (stage, stage != Stage::Request, read)
                || progress.written() == 0
            {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let send = http_client.send(&request, LIMIT);
        match select(pin!(send), pin!(timeout(Duration::from_secs(60), waits))).await {
            Either::Left((outcome, _)) => panic!("{outcome:?}"),
            Either::Right((outcome, _)) => outcome.unwrap(),
        }
        drop(done);
        server.finish().await;
    }
}

#[actix::test]
async fn a_handshake_returns_the_connection_with_the_frames_that_came_behind_the_response() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        let request = peer.accept_websocket();
        assert_eq!(request.header("connection").as_deref(), Some("Upgrade"));
        peer.send_text("0{}");
        peer.send_binary([0; 70_000]);
        assert_eq!(peer.read_frame(), (1, b"2probe".to_vec()));
        peer.send_frame(true, 0, 8, []);
    });
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ];
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).into();
    let request = Request { headers, ..get() };
    let upgraded = http_client(server.origin()).upgrade(&request, LIMIT).await.unwrap();
    let UpgradeResponse::Switched { headers, mut io, mut read_buf } = upgraded else { panic!("refused") };
    assert_eq!(headers.get("sec-websocket-accept").unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");

    let mask = [b"\x81\x86\0\0\0\0".as_slice(), b"2probe"].concat();
    tokio::io::AsyncWriteExt::write_all(&mut io, &mask).await.unwrap();
    while tokio::io::AsyncReadExt::read_buf(&mut io, &mut read_buf).await.unwrap() > 0 {}
    assert!(read_buf.starts_with(b"\x81\x030{}\x82\x7f\0\0\0\0\0\x01\x11\x70\0"));
    assert!(read_buf.ends_with(b"\0\x88\0"));
    server.finish().await;
}

#[actix::test]
async fn a_refused_handshake_returns_the_servers_answer() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_head();
        peer.respond(400, &[("connection", "close")], r#"{"code":0,"message":"Transport unknown"}"#);
    });
    let UpgradeResponse::Other(response) = http_client(server.origin()).upgrade(&get(), LIMIT).await.unwrap()
    else {
        panic!("not refused");
    };
    assert_eq!(response.http_status().to_string(), "status 400, code 0: Transport unknown");
    server.finish().await;
}

#[test]
fn an_http_status_has_the_servers_text_but_no_html() {
    let status = |content_type, body: &str| {
        let mut headers = header::HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("7"));
        let body = Bytes::copy_from_slice(body.as_bytes());
        let status = Response { status: StatusCode::BAD_REQUEST, headers, body, secrets: Secrets::default() }
            .http_status();
        assert_eq!((status.status, status.retry_after), (400, Some(Duration::from_secs(7))));
        (status.code, status.message)
    };
    let text = |code, message: &str| (code, Some(message.to_owned()));
    assert_eq!(
        status("application/json", r#"{"code":1,"message":"Session ID unknown"}"#),
        text(Some(1), "Session ID unknown")
    );
    assert_eq!(
        status("application/json", r#"{"code":"3","message":"Bad request"}"#),
        text(Some(3), "Bad request")
    );
    assert_eq!(status("application/json", r#"{"message":"Forbidden"}"#), text(None, "Forbidden"));
    assert_eq!(status("application/json", r#"{"code":5}"#), (Some(5), None));
    assert_eq!(status("application/json", r#"[true]"#), text(None, "[true]"));
    assert_eq!(status("text/plain", r#""Invalid session""#), text(None, "Invalid session"));
    assert_eq!(status("text/plain", " no\r\nway \n"), text(None, "no  way"));
    assert_eq!(status("text/plain", &"é".repeat(300)), text(None, &"é".repeat(200)));
    assert_eq!(status("text/plain", ""), (None, None));
    assert_eq!(status("text/html; charset=utf-8", "Bad Gateway"), (None, None));
    assert_eq!(status("text/plain", "\n<!doctype html>"), (None, None));
}

#[actix::test]
async fn errors_of_connecting_keep_their_kind() {
    let refused = Server::start(|_| {});
    let origin = refused.origin();
    refused.finish().await;
    let outcome = http_client(origin).send(&get(), LIMIT).await;
    assert!(matches!(outcome, Err(TransportError::Connect { kind: io::ErrorKind::ConnectionRefused, .. })));
}

#[actix::test]
async fn clients_of_an_arbiter_share_one_codec_configuration() {
    let first = http_client("http://localhost");
    let second = http_client("http://example.org");
    let config = Rc::downgrade(&CodecConfig::shared());
    assert_eq!(config.strong_count(), 2);
    drop(first);
    assert!(Rc::ptr_eq(&config.upgrade().unwrap(), &CodecConfig::shared()));
    drop(second);
    assert!(config.upgrade().is_none());
}
