//! The body of an answer: where it ends, and what it is coded with.

use super::*;
use crate::transport::http::compress::{bare_deflate, gzip, zlib};

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
