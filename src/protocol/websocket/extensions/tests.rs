use proptest::prelude::*;

use super::*;

fn answered(offer: Compression, lines: &[&str]) -> Result<Option<String>, &'static str> {
    let agreed = accept(Some(offer), lines.iter().map(|line| line.as_bytes()))?;
    Ok(agreed.map(|agreed| agreed.to_string()))
}

const STATELESS: Compression = Compression::stateless();
const SERVER: Compression = Compression::server_context();
const BOTH: Compression = Compression::both_contexts();

#[test]
fn an_answer_says_what_was_agreed() {
    for (offer, lines, agreed) in [
        (
            STATELESS,
            &["permessage-deflate; server_no_context_takeover"][..],
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        (
            STATELESS,
            &["permessage-deflate; client_no_context_takeover; server_no_context_takeover"],
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        (SERVER, &["permessage-deflate"], "permessage-deflate; client_no_context_takeover"),
        (
            SERVER,
            &["permessage-deflate;server_no_context_takeover;server_max_window_bits=12"],
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
        ),
        (BOTH, &["permessage-deflate"], "permessage-deflate"),
        (
            BOTH,
            &[" permessage-deflate ; client_max_window_bits = 8 "],
            "permessage-deflate; client_max_window_bits=8",
        ),
        (
            BOTH,
            &["permessage-deflate; client_no_context_takeover"],
            "permessage-deflate; client_no_context_takeover",
        ),
        (
            BOTH,
            &[r#"permessage-deflate; server_max_window_bits="9"; client_max_window_bits="1\0""#],
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10",
        ),
        (BOTH, &["", " , ", "permessage-deflate,", ""], "permessage-deflate"),
    ] {
        assert_eq!(answered(offer, lines), Ok(Some(agreed.to_owned())), "{lines:?}");
    }
    for offer in [None, Some(STATELESS), Some(SERVER), Some(BOTH)] {
        assert_eq!(accept(offer, [].into_iter()), Ok(None), "a server may decline");
    }
}

#[test]
fn an_answer_that_breaks_the_rules_is_refused() {
    for (offer, lines, why) in [
        (BOTH, &["x-webkit-deflate-frame"][..], NOT_OFFERED),
        (BOTH, &["Permessage-Deflate"], NOT_OFFERED),
        (BOTH, &["permessage-deflate, permessage-deflate"], SEVERAL),
        (BOTH, &["permessage-deflate", "permessage-bzip2"], SEVERAL),
        (BOTH, &[""], MALFORMED),
        (BOTH, &["permessage-deflate; "], MALFORMED),
        (BOTH, &["permessage-deflate server_no_context_takeover"], MALFORMED),
        (BOTH, &["permessage-deflate; server_max_window_bits="], MALFORMED),
        (BOTH, &["permessage-deflate; server_max_window_bits=\"\""], MALFORMED),
        (BOTH, &["permessage-deflate; server_max_window_bits=\"12"], MALFORMED),
        (BOTH, &["permessage-deflate; server_max_window_bits=\"1 2\""], MALFORMED),
        (BOTH, &["permessage-deflate; server_max_window_bits=\" 12\""], MALFORMED),
        (BOTH, &["permessage-deflate; server_max_window_bits=\"12 \""], MALFORMED),
        (BOTH, &["permessage-deflate; unknown"], UNKNOWN_PARAMETER),
        (BOTH, &["permessage-deflate; unknown=1"], UNKNOWN_PARAMETER),
        (BOTH, &["permessage-deflate; Server_no_context_takeover"], UNKNOWN_PARAMETER),
        (SERVER, &["permessage-deflate; client_max_window_bits=15"], UNKNOWN_PARAMETER),
        (
            STATELESS,
            &["permessage-deflate; server_no_context_takeover; client_max_window_bits"],
            UNKNOWN_PARAMETER,
        ),
        (BOTH, &["permessage-deflate; server_no_context_takeover; server_no_context_takeover"], TWICE),
        (BOTH, &["permessage-deflate; client_no_context_takeover; client_no_context_takeover"], TWICE),
        (BOTH, &["permessage-deflate; server_max_window_bits=9; server_max_window_bits=9"], TWICE),
        (BOTH, &["permessage-deflate; client_max_window_bits=9; client_max_window_bits=10"], TWICE),
        (BOTH, &["permessage-deflate; server_no_context_takeover=1"], BAD_VALUE),
        (BOTH, &["permessage-deflate; client_no_context_takeover=true"], BAD_VALUE),
        (BOTH, &["permessage-deflate; client_max_window_bits"], BAD_VALUE),
        (BOTH, &["permessage-deflate; server_max_window_bits"], BAD_VALUE),
        (STATELESS, &["permessage-deflate"], CONTEXT_NOT_GIVEN_UP),
        (STATELESS, &["permessage-deflate; client_no_context_takeover"], CONTEXT_NOT_GIVEN_UP),
    ] {
        assert_eq!(answered(offer, lines), Err(why), "{lines:?}");
    }
    for lines in [&["permessage-deflate"][..], &[""]] {
        assert_eq!(accept(None, lines.iter().map(|line| line.as_bytes())), Err(NOT_OFFERED));
    }
}

#[test]
fn window_bits_are_8_to_15_without_leading_zeroes() {
    for (value, is_good) in [
        ("7", false),
        ("8", true),
        ("9", true),
        ("10", true),
        ("15", true),
        ("16", false),
        ("0", false),
        ("08", false),
        ("+9", false),
        ("9.0", false),
        ("-9", false),
        ("100", false),
        ("nine", false),
    ] {
        for name in ["server", "client"] {
            let answer = format!("permessage-deflate; {name}_max_window_bits={value}");
            assert_eq!(answered(BOTH, &[&answer]).is_ok(), is_good, "{answer}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_was_agreed_reads_back_as_the_same(
        server_context: bool, client_context: bool, server_window_bits in 8_u8..=15, client_window_bits in 8_u8..=15,
    ) {
        let agreed = AgreedCompression { server_context, client_context, server_window_bits, client_window_bits };
        let line = agreed.to_string();
        prop_assert_eq!(accept(Some(BOTH), [line.as_bytes()].into_iter()), Ok(Some(agreed)));
    }

    #[test]
    fn no_answer_makes_the_reader_panic(lines: Vec<Vec<u8>>, tail in "permessage-deflate[;=, \"\\\\a-z_0-9]{0,40}") {
        let _ = accept(Some(BOTH), lines.iter().map(Vec::as_slice));
        let _ = accept(Some(BOTH), [tail.as_bytes()].into_iter());
    }
}
