use std::{io, io::Write as _, pin::pin, rc::Rc, sync::Arc, task::Poll, time::Duration};

use actix_http::{Method, header};
use actix_rt::time::{sleep, timeout};
use bytes::Bytes;
use flate2::{Compression, write::DeflateEncoder, write::GzEncoder, write::ZlibEncoder};
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
async fn a_connection_carries_one_exchange_after_another() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        for body in ["first", "", "third"] {
            peer.read_request();
            peer.respond(200, &[], body);
        }
        peer.read_request();
        peer.write("HTTP/1.1 204 No Content\r\n\r\n");
        peer.read_request();
        peer.write("HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n");
        peer.read_request();
        peer.write("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nold");
        peer.read_request();
        peer.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nend\r\n0\r\n\r\n");
        peer.read_request();
        let offer = "upgrade: h2,h2c\r\nconnection: Upgrade, Keep-Alive";
        peer.write(format!(
            "HTTP/1.1 200 OK\r\n{offer}\r\ntransfer-encoding: chunked\r\n\r\n3\r\nown\r\n0\r\n\r\n"
        ));
        peer.read_request();
        peer.write(format!("HTTP/1.0 200 OK\r\n{offer}\r\ncontent-length: 3\r\n\r\nold"));
        peer.read_request();
        peer.respond(200, &[], "last");
        peer.wait_closed();
    });
    let mut http_client = http_client(server.origin());
    for body in ["first", "", "third", "", "", "old", "end", "own", "old", "last"] {
        assert_eq!(http_client.send(&get(), LIMIT).await.unwrap().body, body);
    }
    drop(http_client);
    server.finish().await;
}

#[actix::test]
async fn a_connection_is_closed_after_an_answer_that_forbids_another() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nconnection: upgrade\r\nconnection: x, Close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok???",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        let server = Server::start(move |server| {
            for _ in 0..2 {
                let mut peer = server.accept();
                peer.read_request();
                peer.write(answer);
                assert_eq!(peer.wait_closed(), b"");
            }
        });
        let mut http_client = http_client(server.origin());
        for _ in 0..2 {
            assert_eq!(http_client.send(&get(), LIMIT).await.unwrap().body, "ok", "{answer}");
        }
        server.finish().await;
    }
}

#[actix::test]
async fn a_body_shorter_than_its_content_length_is_cut() {
    assert!(is_eof(&answered("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await));
    assert!(is_eof(&answered("HTTP/1.0 200 OK\r\ncontent-length: 10\r\n\r\nabc").await));
}

#[actix::test]
async fn a_body_without_its_last_chunk_is_cut() {
    for body in ["", "5", "5\r\nab", "5\r\nabcde", "5\r\nabcde\r\n", "5\r\nabcde\r\n0\r\n"] {
        let outcome = answered(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}")).await;
        assert!(is_eof(&outcome), "{body:?}: {outcome:?}");
    }
}

#[actix::test]
async fn a_body_that_a_reset_cuts_is_cut() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.write("HTTP/1.1 200 OK\r\n\r\nabc");
        std::thread::sleep(A_MOMENT);
        peer.reset();
    });
    let outcome = http_client(server.origin()).send(&get(), LIMIT).await;
    assert!(matches!(outcome, Err(TransportError::Io { kind: io::ErrorKind::ConnectionReset, .. })));
    server.finish().await;
}

#[actix::test]
async fn a_body_without_length_goes_on_until_the_connection_ends() {
    assert_eq!(body_of("HTTP/1.1 200 OK\r\n\r\nabc").await, "abc");
    assert_eq!(body_of("HTTP/1.0 200 OK\r\n\r\nabc").await, "abc");
    assert_eq!(body_of("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\nabc").await, "abc");
    assert_eq!(body_of("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nabc").await, "ab");
    assert_eq!(body_of("HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nabc").await, "abc");
}

#[actix::test]
async fn a_body_of_a_response_that_mentions_websocket_ends_at_its_length() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(426, &[("upgrade", "websocket"), ("connection", "upgrade")], "no");
        peer.wait_closed();
    });
    let response = http_client(server.origin()).send(&get(), LIMIT).await.unwrap();
    assert_eq!((response.status.as_u16(), &*response.body), (426, b"no".as_slice()));
    server.finish().await;
}

#[actix::test]
async fn chunks_may_come_in_every_form_and_byte_by_byte() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n\
        a;name=value\r\n0123456789\r\nA \r\nabcdefghij\r\n0001;x=\"y\"\r\n!\r\n0\r\nexpires: never\r\nx: y\r\n\r\n";
    let server = Server::start(move |server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.write(answer);
        peer.read_request();
        peer.write_slowly(answer, 1, Duration::from_millis(1));
        for split in 1..answer.len() {
            peer.read_request();
            peer.write_slowly(&answer[..split], split, Duration::from_micros(500));
            peer.write(&answer[split..]);
        }
    });
    let mut http_client = http_client(server.origin());
    for _ in 0..=answer.len() {
        assert_eq!(http_client.send(&get(), LIMIT).await.unwrap().body, "0123456789abcdefghij!");
    }
    server.finish().await;
}

#[actix::test]
async fn invalid_chunks_are_malformed() {
    let (size, end, extension) = ("bad chunk size", "bad end of a chunk", "bad chunk extension");
    for (body, expected) in [
        ("x\r\n", size),
        ("-1\r\n", size),
        ("1x\r\n", size),
        ("1 2\r\n", size),
        ("fffffffffffffffff\r\n", size),
        ("2\rab\r\n", size),
        ("2;a=\0\r\nab\r\n", extension),
        ("2\r\nabc\r\n", end),
        ("2\r\nab\rc", end),
        ("0\r\na: b\rc", "bad trailer"),
        ("0\r\n\rc", "bad end of the last chunk"),
    ] {
        let outcome = answered(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}")).await;
        assert_eq!(outcome.unwrap_err(), malformed(expected), "{body:?}");
    }
    let outcome = answered("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n").await;
    assert_eq!(outcome.unwrap_err(), malformed("transfer-encoding in HTTP/1.0"));
}

#[actix::test]
async fn extensions_and_trailers_of_chunks_have_a_limit_that_grows_with_the_body() {
    let (start, end) = ("2\r\nab\r\n0\r\nx: ", "\r\n\r\n");
    let rest = (64 << 10) + 2 * 64 - (start.len() + end.len() - 2);
    let too_many = malformed("too many bytes of chunk extensions or trailers");
    for (trailer, expected) in [(rest, Ok("ab".into())), (rest + 1, Err(too_many))] {
        let body = format!("{start}{}{end}", "x".repeat(trailer));
        let outcome = answered(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}")).await;
        assert_eq!(outcome.map(|response| response.body), expected);
    }
}

type Compress = fn(&[u8]) -> Vec<u8>;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[actix::test]
async fn a_compressed_body_is_inflated() {
    let body = "4hello".repeat(50_000);
    let codings: [(&str, Compress); 3] = [("gzip", gzip), ("Deflate", zlib), ("deflate", bare_deflate)];
    for (name, compress) in codings {
        let compressed = compress(body.as_bytes());
        let coding = format!("content-encoding: {name}\r\n");
        assert_eq!(body_of(response(&coding, &compressed)).await, body, "{name}");
        assert_eq!(body_of(response(&coding, "")).await, "", "{name}");

        let mut chunked =
            format!("HTTP/1.1 200 OK\r\n{coding}transfer-encoding: chunked\r\n\r\n").into_bytes();
        for chunk in compressed.chunks(100) {
            chunked.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        assert_eq!(body_of(chunked).await, body, "{name}");

        let cut = &compressed[..compressed.len() - 9];
        let outcome = answered(response(&coding, cut)).await;
        assert!(is_eof(&outcome), "{name}: {outcome:?}");
        let until_eof = [format!("HTTP/1.1 200 OK\r\n{coding}\r\n").as_bytes(), cut].concat();
        assert!(is_eof(&answered(until_eof).await), "{name}");
    }
    let outcome = answered(response("content-encoding: gzip\r\n", "plain text")).await;
    assert!(matches!(outcome, Err(TransportError::Malformed(_))), "{outcome:?}");
    let outcome = answered(response("content-encoding: br\r\n", "?")).await;
    assert_eq!(outcome.unwrap_err(), malformed("unknown content-encoding br"));
}

#[actix::test]
async fn a_body_may_be_as_large_as_the_limit_but_not_larger() {
    let too_large = Err(TransportError::BodyTooLarge { limit: LIMIT });
    for (length, expected) in [(LIMIT, Ok(LIMIT)), (LIMIT + 1, too_large)] {
        let body = vec![0; length];
        let chunk = [format!("{length:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
        let answers = [
            response("", &body),
            [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &body].concat(),
            [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(), &chunk].concat(),
            response("content-encoding: gzip\r\n", gzip(&body)),
            response("content-encoding: deflate\r\n", zlib(&body)),
        ];
        for answer in answers {
            let outcome = answered(answer).await.map(|response| response.body.len());
            assert_eq!(outcome, expected);
        }
    }
    let claim = answered("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n").await;
    assert_eq!(claim.unwrap_err(), TransportError::BodyTooLarge { limit: LIMIT });
    let bomb = answered(response("content-encoding: gzip\r\n", gzip(&vec![0; 64 * LIMIT]))).await;
    assert_eq!(bomb.unwrap_err(), TransportError::BodyTooLarge { limit: LIMIT });
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
async fn a_connection_closed_while_idle_is_opened_again() {
    let endings: [fn(Peer); 3] = [Peer::close, Peer::reset, |mut peer| {
        peer.write("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(peer.wait_closed(), b"");
    }];
    for end in endings {
        let server = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(200, &[], "first");
            std::thread::sleep(A_MOMENT);
            end(peer);
            let mut peer = server.accept();
            assert_eq!(peer.read_request().method, "POST");
            peer.respond(200, &[], "second");
        });
        let mut http_client = http_client(server.origin());
        assert_eq!(http_client.send(&get(), LIMIT).await.unwrap().body, "first");
        sleep(3 * A_MOMENT).await;
        assert_eq!(http_client.send(&post("4hi"), LIMIT).await.unwrap().body, "second");
        server.finish().await;
    }
}

#[actix::test]
async fn a_post_that_finds_no_connection_has_not_been_sent() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[("connection", "close")], "");
    });
    let mut http_client = http_client(server.origin());
    http_client.send(&post("4hi"), LIMIT).await.unwrap();
    server.finish().await;
    let outcome = http_client.send(&post("4hi"), LIMIT).await;
    assert!(matches!(outcome, Err(TransportError::Connect { .. })));
    assert!(!http_client.progress().is_written());
    assert_eq!(http_client.progress().stage(), Stage::Connect);
}

#[actix::test]
async fn a_connection_idle_for_four_seconds_is_opened_again() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "");
        assert_eq!(peer.wait_closed(), b"");
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "");
    });
    let mut http_client = http_client(server.origin());
    http_client.send(&get(), LIMIT).await.unwrap();
    http_client.idle.as_mut().unwrap().1 -= Duration::from_secs(4);
    http_client.send(&get(), LIMIT).await.unwrap();
    server.finish().await;
}

/// Answers one request, and closes the connection when it gets the second, after it has written `last_words`.
fn closing_in_the_race(last_words: &'static str) -> Server {
    Server::start(move |server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "first");
        peer.read_request();
        peer.write(last_words);
        peer.close();
        if last_words.is_empty() {
            let mut peer = server.accept();
            if peer.read_request().method == "GET" {
                peer.close();
            }
        }
    })
}

#[actix::test]
async fn a_get_that_a_reused_connection_loses_is_sent_again_once() {
    let server = closing_in_the_race("");
    let mut http_client = http_client(server.origin());
    http_client.send(&get(), LIMIT).await.unwrap();
    assert!(is_eof(&http_client.send(&get(), LIMIT).await));
    assert_eq!(server.accepted(), 2);
    server.finish().await;
}

#[actix::test]
async fn a_get_that_is_lost_long_after_it_was_sent_is_not_sent_again_and_later_ones_share_a_connection() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "first");
        peer.read_request();
        // In this time an answer may have been sent and lost: the server is restarted, for instance.
        std::thread::sleep(Duration::from_millis(1100));
        peer.close();
        let mut peer = server.accept();
        for _ in 0..2 {
            peer.read_request();
            peer.respond(200, &[], "restarted");
        }
    });
    let mut http_client = http_client(server.origin());
    http_client.send(&get(), LIMIT).await.unwrap();
    assert!(is_eof(&http_client.send(&get(), LIMIT).await));
    for _ in 0..2 {
        assert_eq!(http_client.send(&get(), LIMIT).await.unwrap().body, "restarted");
    }
    server.finish().await;
}

#[actix::test]
async fn a_get_whose_answer_has_begun_is_not_sent_again() {
    let server = closing_in_the_race("H");
    let mut http_client = http_client(server.origin());
    http_client.send(&get(), LIMIT).await.unwrap();
    assert!(is_eof(&http_client.send(&get(), LIMIT).await));
    server.finish().await;
}

#[actix::test]
async fn a_post_that_a_reused_connection_loses_is_not_sent_again() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, &[], "first");
        peer.read_request();
        peer.close();
    });
    let mut http_client = http_client(server.origin());
    http_client.send(&get(), LIMIT).await.unwrap();
    assert!(is_eof(&http_client.send(&post("4hi"), LIMIT).await));
    assert!(http_client.progress().is_written(), "the server may have acted on it");
    server.finish().await;
}

#[actix::test]
async fn a_harmless_post_that_a_reused_connection_loses_is_sent_again_once() {
    let endings: [fn(Peer); 2] = [Peer::close, Peer::reset];
    for end in endings {
        let server = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(200, &[], "first");
            peer.read_request();
            end(peer);
            let mut peer = server.accept();
            assert_eq!(peer.read_request().body, b"3");
            peer.respond(200, &[], "second");
            peer.read_request();
            end(peer);
            let mut peer = server.accept();
            peer.read_request();
            end(peer);
        });
        let mut http_client = http_client(server.origin());
        let pong = Request { repeat: Repeat::Harmless, ..post("3") };
        http_client.send(&pong, LIMIT).await.unwrap();
        assert_eq!(http_client.send(&pong, LIMIT).await.unwrap().body, "second");
        http_client.send(&pong, LIMIT).await.unwrap_err();
        assert_eq!(server.accepted(), 3);
        server.finish().await;
    }
}

#[actix::test]
async fn a_request_that_a_reused_connection_answers_with_408_is_sent_again_once() {
    for repeat in [Repeat::Harmless, Repeat::Unanswered, Repeat::Unread] {
        let server = Server::start(|server| {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(200, &[], "first");
            peer.read_request();
            peer.respond(408, &[("connection", "close")], "");
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(408, &[("connection", "close")], "");
        });
        let mut http_client = http_client(server.origin());
        let request = Request { repeat, ..post("4hi") };
        http_client.send(&request, LIMIT).await.unwrap();
        assert_eq!(http_client.send(&request, LIMIT).await.unwrap().status, 408);
        assert_eq!(server.accepted(), 2);
        server.finish().await;
    }
}

/// Whether a connection carries a second request that is sent after this time, when the first response had these headers.
async fn is_reused(repeat: Repeat, idle: Duration, headers: &'static [(&str, &str)]) -> bool {
    let server = Server::start(move |server| {
        let mut peer = server.accept();
        peer.read_request();
        peer.respond(200, headers, "");
        if peer.try_read_request().is_some() {
            peer.respond(200, &[], "reused");
        } else {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(200, &[], "");
        }
    });
    let mut http_client = http_client(server.origin());
    let request = Request { repeat, ..post("4hi") };
    http_client.send(&request, LIMIT).await.unwrap();
    http_client.idle.as_mut().unwrap().1 -= idle;
    let is_reused = http_client.send(&request, LIMIT).await.unwrap().body == "reused";
    server.finish().await;
    is_reused
}

#[actix::test]
async fn a_connection_is_reused_within_half_the_limit_that_its_server_names() {
    const NODE: &[(&str, &str)] = &[("connection", "keep-alive"), ("keep-alive", "timeout=5")];
    const ONE: &[(&str, &str)] = &[("connection", "keep-alive"), ("keep-alive", "timeout=1")];
    for (headers, repeat, at_most, too_long) in [
        (NODE, Repeat::Unread, 2000, 2500),
        (ONE, Repeat::Unread, 0, 500),
        (ONE, Repeat::Unanswered, 0, 500),
        (&[], Repeat::Unread, 0, 250),
        (&[], Repeat::Harmless, 3500, 4000),
    ] {
        let is_reused = |idle| is_reused(repeat, Duration::from_millis(idle), headers);
        assert!(is_reused(at_most).await, "{headers:?} {repeat:?}");
        assert!(!is_reused(too_long).await, "{headers:?} {repeat:?}");
    }
}

#[actix::test]
async fn an_idle_connection_that_ends_shows_how_long_the_server_waits() {
    let endings: [fn(Peer); 3] = [Peer::close, Peer::reset, |mut peer| {
        peer.write("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n");
        peer.close();
    }];
    for end in endings {
        let (waited, has_waited) = std::sync::mpsc::channel();
        let server = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(200, &[], "");
            has_waited.recv().unwrap();
            end(peer);
        });
        let mut http_client = http_client(server.origin());
        http_client.send(&get(), LIMIT).await.unwrap();
        http_client.idle.as_mut().unwrap().1 -= Duration::from_secs(2);
        waited.send(()).unwrap();
        server.finish().await;
        std::future::poll_fn(|cx| {
            http_client.watch(cx);
            if http_client.idle.is_some() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        let limit = http_client.servers.limit(&http_client.destination);
        let may_use = |idle| Repeat::Harmless.may_use(idle, None, limit);
        assert!(may_use(Duration::from_millis(999)) && !may_use(Duration::from_millis(1500)));
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
