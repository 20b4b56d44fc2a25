use proptest::{collection::vec, prelude::*};

use super::*;
use crate::protocol::websocket::{oracle::Oracle, work::SLICE};

/// Inflates a payload in pieces of these lengths.
fn inflate(
    inflater: Box<Inflater>,
    payload: &[u8],
    limit: usize,
    keeps_context: bool,
) -> Result<(Bytes, Box<Inflater>), ProtocolError> {
    let mut message = Inflating::new(inflater, limit);
    let (mut rest, mut turns) = (payload, 0);
    while !rest.is_empty() || message.may_have_more() {
        let consumed = message.push(rest, &mut Work::of_a_turn())?;
        rest = &rest[consumed..];
        turns += 1;
        assert!(turns < 1_000_000, "it makes progress");
    }
    assert_eq!(message.consumed(), payload.len());
    message.finish(keeps_context)
}

fn params(window_bits: u8, level: u8) -> DeflateParams {
    DeflateParams { threshold: 1, level, window_bits }
}

/// Deflates a message in turns of `budget` bytes.
fn deflate(deflater: Box<Deflater>, message: &[u8], turn: usize) -> (Vec<u8>, Box<Deflater>) {
    let (head, body) = message.split_at(message.len().min(1));
    let mut deflating = Deflating::new(deflater);
    let mut turns = 0;
    while !deflating.advance(head, body, &mut Work::of(turn)) {
        turns += 1;
    }
    assert_eq!(turns, message.len().saturating_sub(1) / turn, "as many turns as it takes");
    let (deflated, deflater) = deflating.finish().unwrap();
    (deflated.payload().to_vec(), deflater)
}

/// A message that compresses as a feed does.
fn text(size: usize, seed: usize) -> Vec<u8> {
    let line = |number: usize| format!("{{\"id\":{number},\"price\":{}}},", (number * 7919 + seed) % 10_007);
    (seed..).flat_map(|number| line(number).into_bytes()).take(size).collect()
}

#[test]
fn the_examples_of_the_rfc_are_inflated() {
    // RFC 7692, sections 7.2.3.1 to 7.2.3.6.
    let table: &[(&[u8], &[u8])] = &[
        (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
        (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", b"Hello"),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"Hello"),
        (b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", b"Hello"),
        (b"\x00", b""),
        // zlib gives this for an empty message behind another one.
        (b"", b""),
        // A last block, and nothing behind it.
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
        // Two last blocks: each ends a stream.
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"HelloHello"),
        // The empty block whose end is not sent may be the last one (section 7.2.1), as Go's deflater ends a stream.
        (b"\x01", b""),
        (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x01", b"Hello"),
    ];
    for keeps_context in [false, true] {
        for (payload, message) in table {
            let (inflated, inflater) = inflate(Inflater::acquire(), payload, 10, keeps_context).unwrap();
            assert_eq!(inflated, *message, "{payload:x?}");
            // The next message is read as well.
            let (next, _) =
                inflate(inflater, b"\x00\x01\x00\xfe\xff\x78\x00", 10, true).unwrap_or_else(|_| {
                    assert!(!keeps_context, "{payload:x?}");
                    inflate(Inflater::acquire(), b"\x00\x01\x00\xfe\xff\x78\x00", 10, true).unwrap()
                });
            assert_eq!(next, "x");
        }
    }
}

#[test]
fn the_context_makes_the_second_message_readable() {
    let (_, inflater) = inflate(Box::new(Inflater::new()), b"\xf2\x48\xcd\xc9\xc9\x07\x00", 5, true).unwrap();
    // Section 7.2.3.2.
    let (second, _) = inflate(inflater, b"\xf2\x00\x11\x00\x00", 5, true).unwrap();
    assert_eq!(second, "Hello");
    inflate(Inflater::acquire(), b"\xf2\x00\x11\x00\x00", 5, false).map(|_| ()).unwrap_err();
}

#[test]
fn a_message_that_is_cut_or_broken_is_refused() {
    let whole = Oracle::new(6).deflate(&text(2_000, 1));
    for cut in (1..whole.len()).step_by(7) {
        let outcome = inflate(Inflater::acquire(), &whole[..cut], 10_000, false);
        assert!(matches!(outcome, Err(ProtocolError::Compression(_))), "cut at {cut}");
    }
    for (payload, why) in [
        (&b"\x06"[..], "a type of block that does not exist"),
        (b"\x00\x05\x00\x00\x00Hello\x00", "lengths that differ"),
        (b"\x00\x05\x00\xfa\xffHell", "half a block"),
        (b"\xf2\x00\x11\x00\x00", "a distance before the beginning"),
    ] {
        for keeps_context in [false, true] {
            let outcome = inflate(Box::new(Inflater::new()), payload, 10_000, keeps_context);
            if !(keeps_context && outcome.is_ok()) {
                assert!(matches!(outcome, Err(ProtocolError::Compression(_))), "{why}");
            }
        }
    }
}

#[test]
fn a_bomb_ends_at_the_limit_after_little_input_and_little_memory() {
    let bomb = Oracle::new(9).deflate(&vec![0; 8 << 20]);
    assert!(bomb.len() < 20_000);
    let limit = 1 << 20;
    let mut message = Inflating::new(Inflater::acquire(), limit);
    let mut consumed = 0;
    let err = loop {
        match message.push(&bomb[consumed..], &mut Work::of_a_turn()) {
            Ok(more) => consumed += more,
            Err(err) => break err,
        }
        assert!(message.output.capacity() <= limit);
    };
    assert!(consumed <= 2 * limit / 1000, "{consumed} bytes were enough");
    let ProtocolError::TooLarge { size, .. } = err else { panic!("{err:?}") };
    assert!(size <= u64::try_from(limit + STEP).unwrap());
}

#[test]
fn one_turn_inflates_one_slice() {
    let payload = Oracle::new(9).deflate(&vec![b'x'; 1 << 20]);
    let mut message = Inflating::new(Inflater::acquire(), 1 << 20);
    let mut rest = &payload[..];
    let mut turns = 0;
    while !rest.is_empty() || message.may_have_more() {
        let before = message.output.len();
        rest = &rest[message.push(rest, &mut Work::of_a_turn()).unwrap()..];
        assert!(message.output.len() - before <= SLICE + STEP);
        turns += 1;
    }
    assert!(turns >= 4, "{turns}");
    assert_eq!(message.finish(false).unwrap().0, vec![b'x'; 1 << 20]);
}

#[test]
fn a_message_has_memory_of_its_own_size() {
    for size in [1, 100, STEP - 1, STEP, STEP + 1, 100_000] {
        let payload = Oracle::new(1).deflate(&text(size, 3));
        let (message, inflater) = inflate(Inflater::acquire(), &payload, 1 << 20, false).unwrap();
        inflater.release();
        assert_eq!(message, text(size, 3));
        let message = message.try_into_mut().map(|message| message.capacity());
        assert_eq!(message, Ok(size));
    }
}

#[test]
fn a_thread_lends_one_inflater_and_one_deflater() {
    let first = Inflater::acquire();
    let address = &raw const *first;
    let second = Inflater::acquire();
    assert_ne!(address, &raw const *second, "the second one is another");
    first.release();
    drop(second);
    assert_eq!(&raw const *Inflater::acquire(), address);

    let first = Deflater::acquire(params(15, 1));
    let address = &raw const *first;
    let second = Deflater::acquire(params(15, 1));
    assert_ne!(address, &raw const *second);
    first.release();
    assert_eq!(&raw const *Deflater::acquire(params(15, 1)), address);
    assert!(
        INFLATER.take().is_none() && DEFLATERS.take().iter().all(Option::is_none),
        "what is not given back is freed"
    );
    second.release();
    // Clients with other parameters have deflaters of their own, up to a limit.
    DEFLATERS.take();
    let addresses_of = |all: &[Box<Deflater>]| all.iter().map(|one| &raw const **one).collect::<Vec<_>>();
    let levels = 1..=4;
    let before: Vec<_> = levels.clone().map(|level| Deflater::acquire(params(9, level))).collect();
    let expected = addresses_of(&before);
    before.into_iter().for_each(Deflater::release);
    let again: Vec<_> = levels.map(|level| Deflater::acquire(params(9, level))).collect();
    assert_eq!(addresses_of(&again), expected);
    assert!(again.iter().zip(1..).all(|(deflater, level)| deflater.params.level == level));
}

#[test]
fn what_another_connection_has_sent_is_not_in_a_lent_context() {
    let secret = text(3_000, 5);
    let (first, deflater) = deflate(Deflater::acquire(params(15, 6)), &secret, SLICE);
    deflater.release();
    let (second, deflater) = deflate(Deflater::acquire(params(15, 6)), &secret, SLICE);
    deflater.release();
    assert_eq!(first, second, "the same message has the same size");
    let (_, inflater) = inflate(Inflater::acquire(), &first, 3_000, false).unwrap();
    inflater.release();
    // Refers to bytes before its beginning.
    inflate(Inflater::acquire(), b"\xf2\x00\x11\x00\x00", 5, false).map(|_| ()).unwrap_err();
}

#[test]
fn messages_of_every_window_and_level_are_read_by_another_inflater() {
    for window_bits in 9..=15 {
        for level in [0, 1, 6, 9] {
            let mut oracle = Oracle::new(1);
            let mut deflater = Box::new(Deflater::new(params(window_bits, level)));
            for size in [1, 2, 97, 5_000, 70_000] {
                let message = text(size, size);
                let (payload, next) = deflate(deflater, &message, SLICE);
                deflater = next;
                assert_eq!(
                    oracle.inflate(&payload, 1 << 20),
                    Some(message),
                    "{window_bits} bits, level {level}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn messages_with_and_without_context_survive_another_deflater(
        messages in vec(prop_oneof![vec(any::<u8>(), 0..300), (0..20_000_usize, 0..9_usize).prop_map(|(size, seed)| text(size, seed))], 1..6),
        keeps_context: bool, level in 0_u8..=9,
    ) {
        let mut oracle = Oracle::new(level);
        let mut context = Some(Box::new(Inflater::new()));
        for message in messages {
            let payload = oracle.deflate(&message);
            let inflater = if keeps_context { context.take().unwrap() } else { oracle.reset(); Inflater::acquire() };
            let (inflated, inflater) = inflate(inflater, &payload, 20_000, keeps_context).unwrap();
            prop_assert_eq!(inflated, message);
            if keeps_context { context = Some(inflater) } else { inflater.release() }
        }
    }

    #[test]
    fn messages_deflated_in_any_turns_survive_another_inflater(
        messages in vec(prop_oneof![vec(any::<u8>(), 1..300), (1..20_000_usize, 0..9_usize).prop_map(|(size, seed)| text(size, seed))], 1..6),
        keeps_context: bool, level in 0_u8..=9, window_bits in 9_u8..=15, turn in 500_usize..50_000,
    ) {
        let mut oracle = Oracle::new(1);
        let mut context = Some(Box::new(Deflater::new(params(window_bits, level))));
        for message in messages {
            let deflater = if keeps_context {
                context.take().unwrap()
            } else {
                oracle.reset();
                Deflater::acquire(params(window_bits, level))
            };
            let (payload, deflater) = deflate(deflater, &message, turn);
            prop_assert_eq!(oracle.inflate(&payload, 20_000), Some(message));
            if keeps_context { context = Some(deflater) } else { deflater.release() }
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(payload: Vec<u8>, keeps_context: bool) {
        if let Ok((inflated, _)) = inflate(Box::new(Inflater::new()), &payload, 10_000, keeps_context) {
            prop_assert!(inflated.len() <= 10_000);
        }
    }
}

#[test]
fn a_compressed_message_may_be_an_eighth_and_64_kib_larger_than_the_limit() {
    for (limit, largest) in [(0, 65_536), (800, 66_436), (1 << 20, 1_245_184), (usize::MAX, usize::MAX)] {
        assert_eq!(max_compressed_size(limit), largest, "{limit}");
    }
}
