use proptest::{collection::vec, prelude::*};

use super::*;
use crate::transport::http::CodecConfig;

/// The error of a head that is too large.
const TOO_LARGE: &str = "the head has more than 64 KiB or 96 headers";

/// The status of the head, and the bytes behind it.
fn decoded(bytes: &[u8]) -> Result<Option<(u16, Vec<u8>)>, String> {
    let mut src = BytesMut::from(bytes);
    let head = decode(&mut CodecConfig::shared().codec(), &mut src).map_err(|err| err.to_string())?;
    Ok(head.map(|head| (head.status.as_u16(), src.to_vec())))
}

/// The bytes of a head with one more header.
fn head_with(name: impl AsRef<[u8]>, value: &str) -> Vec<u8> {
    let lines: [&[u8]; 5] = [b"HTTP/1.1 200 OK\r\n", name.as_ref(), b": ", value.as_bytes(), b"\r\n\r\n"];
    lines.concat()
}

fn is_too_large(outcome: Result<Option<(u16, Vec<u8>)>, String>) -> bool {
    outcome.is_err_and(|err| err.contains(TOO_LARGE))
}

#[actix::test]
async fn a_head_as_large_as_the_limit_is_decoded_and_a_larger_one_is_refused() {
    let around = head_with("", "").len();
    for padding in ["name", "value"] {
        let head = |length: usize| match padding {
            "name" => head_with("n".repeat(length - around), ""),
            _ => head_with("n", &"v".repeat(length - around - 1)),
        };
        for behind in ["", "body"] {
            let bytes = |length| [head(length), behind.into()].concat();
            let largest = decoded(&bytes(MAX_HEAD));
            assert_eq!(largest, Ok(Some((200, behind.into()))), "{padding}");
            assert!(is_too_large(decoded(&bytes(MAX_HEAD + 1))), "{padding}");
            assert!(is_too_large(decoded(&bytes(200_000))), "{padding}");
        }
    }
}

#[actix::test]
async fn a_large_body_behind_a_small_head_is_untouched() {
    let body = vec![b'x'; 3 * MAX_HEAD];
    assert_eq!(decoded(&[head_with("n", "v"), body.clone()].concat()), Ok(Some((200, body))));
}

#[actix::test]
async fn blank_lines_before_a_head_do_not_hide_its_size() {
    for blank in ["\r\n\r\n", "\n\n", "\n\r\n"] {
        let head = [blank.as_bytes(), &head_with("n".repeat(MAX_HEAD + 1), "v")].concat();
        assert!(is_too_large(decoded(&head)), "{blank:?}");
    }
}

/// The values of the header `x`.
fn values(head: &str) -> Result<Vec<String>, String> {
    let mut src = BytesMut::from(head);
    let head = decode(&mut CodecConfig::shared().codec(), &mut src).map_err(|err| err.to_string())?;
    let head = head.ok_or("the head is not complete")?;
    assert_eq!(&src[..], b" the\n body");
    Ok(head.headers.get_all("x").map(|value| value.to_str().unwrap().to_owned()).collect())
}

#[actix::test]
async fn a_value_on_several_lines_is_read_as_one() {
    for (lines, expected) in [
        ("x: a\r\n b\r\n\tc\r\n", "a b c"),
        ("x: a\n b\n", "a b"),
        ("x: a\r\n \r\n", "a"),
        ("x:\r\n a\r\n", "a"),
        ("y: z\r\n  z\r\nx: a\r\n", "a"),
    ] {
        for before in ["", "\r\n"] {
            let found = values(&format!("{before}HTTP/1.1 200 OK\r\n{lines}\r\n the\n body"));
            let found = found.map(|values| values.concat().split_whitespace().collect::<Vec<_>>().join(" "));
            assert_eq!(found.as_deref(), Ok(expected), "{lines:?}");
        }
    }
    assert_eq!(values("HTTP/1.1 200 OK\r\n\r\n the\n body"), Ok(Vec::new()));
}

#[actix::test]
async fn a_head_that_http_forbids_is_refused() {
    for lines in [
        // RFC 9112, section 2.2: blanks between the status line and the headers; a CR that ends no line.
        " x: a\r\n",
        "x: a\rb\r\n",
        // RFC 9110, section 5.5.
        "x: a\0b\r\n",
        ": a\r\n",
        "x y: a\r\n",
        "x\r\n",
        // RFC 9112, section 6.3: lengths that differ or are none.
        "content-length: 1\r\ncontent-length: 2\r\n",
        "content-length: 1, 2\r\n",
        "content-length: -1\r\n",
        "content-length: x\r\n",
    ] {
        assert!(values(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n the\n body")).is_err(), "{lines:?}");
    }
}

#[actix::test]
async fn a_head_of_more_headers_than_the_decoder_takes_is_refused() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(97));
    assert!(is_too_large(decoded(many.as_bytes())));
}

#[actix::test]
async fn no_byte_in_a_head_makes_the_decoder_panic() {
    for byte in 0..=u8::MAX {
        let _ = decoded(&head_with([byte], "v"));
        let _ = decoded(&head_with([b'n', byte, b'n'], "v"));
        let _ = decoded(&[b"HTTP/1.1 200 OK\r\nn: ", [byte].as_slice(), b"\r\n\r\n"].concat());
        let _ = decoded(&[b"HTTP/1.1 20", [byte].as_slice(), b" OK\r\n\r\n"].concat());
    }
    for status in 0..=999 {
        let _ = decoded(format!("HTTP/1.1 {status:03} \r\n\r\n").as_bytes());
    }
}

proptest! {
    #[test]
    fn headers_that_frame_a_body_are_decoded_or_refused(
        lines in vec(
            (
                prop::sample::select(vec![
                    "content-length", "transfer-encoding", "connection", "upgrade", "expect", "host", "set-cookie",
                ]),
                "([ -~]{0,8}|chunked|identity|websocket|upgrade|keep-alive|[0-9]{1,22})",
            ),
            0..6,
        ),
        version in 0..=1,
    ) {
        let lines: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        actix_rt::System::new().block_on(async {
            let _ = decoded(format!("HTTP/1.{version} 200 OK\r\n{lines}\r\n").as_bytes());
        });
    }
}
