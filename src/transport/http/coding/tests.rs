use actix_http::header::HeaderValue;
use proptest::{collection::vec, prelude::*};

use self::compress::{bare_deflate, gzip, zlib};
use super::*;

pub(in crate::transport) mod compress;

const LIMIT: usize = 1 << 20;

fn decoded(coding: Coding, body: &[u8]) -> Result<Bytes, TransportError> {
    coding.decode(Bytes::copy_from_slice(body), LIMIT)
}

fn is_cut(outcome: &Result<Bytes, TransportError>) -> bool {
    matches!(outcome, Err(TransportError::Io { kind: io::ErrorKind::UnexpectedEof, .. }))
}

/// The coding that these `content-encoding` lines name.
fn named(lines: &[&'static str]) -> Result<Coding, TransportError> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(line));
    }
    Coding::new(&headers)
}

#[test]
fn a_coding_is_known_by_its_names_on_any_number_of_lines() {
    for lines in [&[][..], &[""], &["identity"], &["Identity", ""], &["UTF-8"], &["none", "x"]] {
        assert_eq!(named(lines), Ok(Coding::Identity), "{lines:?}");
    }
    for lines in [&["gzip"][..], &[" X-Gzip "], &["identity, gzip"], &["identity", "gzip"], &[",gzip,"]] {
        assert_eq!(named(lines), Ok(Coding::Gzip), "{lines:?}");
    }
    assert_eq!(named(&["Deflate"]), Ok(Coding::Deflate));
}

#[test]
fn an_unknown_coding_and_several_codings_are_refused() {
    for (lines, names) in [
        (&["br"][..], "br"),
        (&["gzip, gzip"], "gzip, gzip"),
        (&["gzip", "deflate"], "gzip, deflate"),
        (&["gzip", "br"], "gzip, br"),
        // What is not registered could be a secret that the server repeats.
        (&["TheSecretToken77", "zstd"], "zstd"),
    ] {
        assert_eq!(named(lines), Err(malformed(format!("unknown content-encoding {names}"))));
    }
}

#[test]
fn every_member_of_a_gzip_body_is_decoded() {
    for (members, expected) in [
        (vec!["4hello"], "4hello"),
        (vec!["4hel", "lo world"], "4hello world"),
        (vec!["4one", "\x1e4two", "\x1e4three"], "4one\x1e4two\x1e4three"),
        (vec!["", "4one"], "4one"),
        (vec!["4one", ""], "4one"),
        (vec!["", "", ""], ""),
    ] {
        let body: Vec<u8> = members.iter().flat_map(|member| gzip(member.as_bytes())).collect();
        assert_eq!(decoded(Coding::Gzip, &body).unwrap(), expected, "{members:?}");
    }
}

#[test]
fn bytes_behind_the_end_of_a_compressed_body_are_an_error() {
    for behind in [&b"4two"[..], b"\0", b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0"] {
        for (coding, compressed) in [
            (Coding::Gzip, gzip(b"4one")),
            (Coding::Deflate, zlib(b"4one")),
            (Coding::Deflate, bare_deflate(b"4one")),
        ] {
            let outcome = decoded(coding, &[&compressed, behind].concat());
            outcome.expect_err(&format!("{coding:?} followed by {behind:?}"));
        }
    }
    let twice = [zlib(b"4one"), zlib(b"4two")].concat();
    let err = malformed("bytes behind the end of a compressed body".to_owned());
    assert_eq!(decoded(Coding::Deflate, &twice), Err(err));
}

#[test]
fn a_body_that_is_cut_anywhere_is_an_error() {
    let members = [gzip(b"4hello"), gzip(b"4world")];
    let first = members[0].len();
    let body = members.concat();
    for end in 1..body.len() {
        let outcome = decoded(Coding::Gzip, &body[..end]);
        assert_eq!(is_cut(&outcome), end != first, "{end}: {outcome:?}");
    }
    for body in [zlib(b"4hello"), bare_deflate(b"4hello")] {
        for end in 2..body.len() {
            assert!(is_cut(&decoded(Coding::Deflate, &body[..end])), "{end}");
        }
    }
}

#[test]
fn the_limit_is_that_of_all_members_together() {
    let member = vec![b'x'; LIMIT / 2];
    let body = [gzip(&member), gzip(&member)].concat();
    assert_eq!(decoded(Coding::Gzip, &body).unwrap().len(), LIMIT);
    let body = [body, gzip(b"x")].concat();
    assert_eq!(decoded(Coding::Gzip, &body), Err(TransportError::BodyTooLarge { limit: LIMIT }));
}

proptest! {
    #[test]
    fn members_are_decoded_to_what_was_compressed(members in vec(vec(any::<u8>(), 0..300), 1..6)) {
        let body: Vec<u8> = members.iter().flat_map(|member| gzip(member)).collect();
        prop_assert_eq!(decoded(Coding::Gzip, &body).unwrap(), members.concat());
    }

    #[test]
    fn arbitrary_bytes_are_decoded_or_refused(body in vec(any::<u8>(), 0..100), damage in any::<(u8, u8)>()) {
        let mut compressed = gzip(&body);
        let at = usize::from(damage.0) % compressed.len();
        compressed[at] ^= damage.1;
        for coding in [Coding::Identity, Coding::Gzip, Coding::Deflate] {
            let _ = decoded(coding, &body);
            let _ = decoded(coding, &compressed);
        }
    }
}
