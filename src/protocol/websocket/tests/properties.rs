//! What is true for any messages, any fragments and any reads.

use actix_codec::Encoder as _;
use actix_http::ws;
use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// A message, the positions at which it is cut into fragments, and whether a ping follows each fragment.
#[derive(Debug, Clone)]
struct Sent {
    message: Message,
    cuts: Vec<Index>,
    pings: bool,
}

impl Sent {
    /// The fragments, as (final, opcode, payload).
    fn fragments(&self) -> Vec<(bool, u8, Bytes)> {
        let (opcode, payload) = match &self.message {
            Message::Text(text) => (1, joined(text)),
            Message::Binary(payload) => (2, payload.clone()),
            Message::Ping(payload) => return vec![(true, 9, payload.clone())],
            Message::Pong(payload) => return vec![(true, 10, payload.clone())],
            Message::Close(close) => {
                let payload = close.as_ref().map(|close| close_payload(close.code, &close.reason));
                return vec![(true, 8, payload.unwrap_or_default().into())];
            }
        };
        let mut cuts: Vec<_> = self.cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(payload.len());
        let (mut start, last) = (0, cuts.len() - 1);
        let fragment = |(position, end): (usize, usize)| {
            let fragment = payload.slice(start..end);
            start = end;
            (position == last, if position == 0 { opcode } else { 0 }, fragment)
        };
        cuts.into_iter().enumerate().map(fragment).collect()
    }
}

fn any_message() -> impl Strategy<Value = Message> {
    let short = || vec(any::<u8>(), 0..=125).prop_map(Bytes::from);
    let close = (prop_oneof![1000..=1003_u16, 1007..=1014_u16, 3000..=4999_u16], "[a-zé🦀]{0,30}")
        .prop_map(|(code, reason)| close_message(code, &reason));
    prop_oneof![
        4 => any::<String>().prop_map(|text| text_message(&text)),
        4 => vec(any::<u8>(), 0..300).prop_map(|payload| Message::Binary(payload.into())),
        1 => (65_000..66_000_usize, any::<u8>()).prop_map(|(len, byte)| Message::Binary(vec![byte; len].into())),
        1 => "[ -~é€🦀]{0,400}".prop_map(|text| text_message(&text)),
        1 => short().prop_map(Message::Ping),
        1 => short().prop_map(Message::Pong),
        1 => Just(Message::Close(None)),
        1 => close,
    ]
}

fn any_sent() -> impl Strategy<Value = Vec<Sent>> {
    let cuts = prop_oneof![Just(Vec::new()), vec(any::<Index>(), 0..5)];
    let sent = (any_message(), cuts, any::<bool>());
    vec(sent.prop_map(|(message, cuts, pings)| Sent { message, cuts, pings }), 0..8)
}

/// The messages that the codec of actix-http decodes, with their fragments joined.
fn oracle_messages(wire: &[u8], mut oracle: ws::Codec) -> Vec<Message> {
    let mut src = BytesMut::from(wire);
    let mut messages = Vec::new();
    let mut parts = (false, Vec::new());
    while let Ok(Some(frame)) = oracle.decode(&mut src) {
        messages.push(match frame {
            ws::Frame::Text(payload) => text_message(str::from_utf8(&payload).unwrap_or("\u{fffd}")),
            ws::Frame::Binary(payload) => Message::Binary(payload),
            ws::Frame::Ping(payload) => Message::Ping(payload),
            ws::Frame::Pong(payload) => Message::Pong(payload),
            ws::Frame::Close(close) => Message::Close(close.map(|close| CloseFrame {
                code: close.code.into(),
                reason: close.description.unwrap_or_default().into(),
            })),
            ws::Frame::Continuation(ws::Item::FirstText(payload)) => {
                parts = (true, payload.to_vec());
                continue;
            }
            ws::Frame::Continuation(ws::Item::FirstBinary(payload)) => {
                parts = (false, payload.to_vec());
                continue;
            }
            ws::Frame::Continuation(ws::Item::Continue(payload)) => {
                parts.1.extend(payload);
                continue;
            }
            ws::Frame::Continuation(ws::Item::Last(payload)) => {
                parts.1.extend(payload);
                match &parts {
                    (true, text) => text_message(str::from_utf8(text).unwrap_or("\u{fffd}")),
                    (false, payload) => Message::Binary(payload.clone().into()),
                }
            }
        });
    }
    messages
}

/// Bytes that look like frames more often than random ones.
fn almost_frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        9 => proptest::sample::select(&[0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a][..]),
        1 => any::<u8>(),
    ];
    let second = prop_oneof![9 => 0..8_u8, 1 => any::<u8>()];
    let payload = prop_oneof![vec(32..127_u8, 0..8), vec(any::<u8>(), 0..8)];
    let frame = (first, second, payload).prop_map(|(first, len, mut payload)| {
        payload.resize(usize::from(len.min(8)), b' ');
        [&[first, len], &payload[..]].concat()
    });
    vec(frame, 0..12).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn messages_survive_any_fragmentation_and_any_reads(all in any_sent(), reads in vec(1..5000_usize, 1..20)) {
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for sent in &all {
            for (fin, opcode, payload) in sent.fragments() {
                wire.extend(server_frame(fin, opcode, &payload));
                if sent.pings && !fin {
                    wire.extend(server_frame(true, 9, b"?"));
                    expected.push(Message::Ping(Bytes::from_static(b"?")));
                }
            }
            expected.push(sent.message.clone());
        }

        let mut codec = codec(LIMIT);
        let mut src = BytesMut::new();
        let mut messages = Vec::new();
        let mut rest = &wire[..];
        for read in reads.iter().cycle() {
            let (read, left) = rest.split_at(rest.len().min(*read));
            rest = left;
            src.extend_from_slice(read);
            while let Some(message) = codec.decode(&mut src)? {
                messages.push(message);
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(messages, expected);
        prop_assert!(src.is_empty());
    }

    #[test]
    fn a_server_reads_what_is_encoded(all in any_sent(), heads in vec(any::<Index>(), 8)) {
        let mut codec = codec(LIMIT);
        let mut wire = BytesMut::new();
        for (sent, head) in all.iter().zip(heads) {
            let (opcode, payload) = match sent.message.clone() {
                Message::Text(text) => (Opcode::Text, joined(&text)),
                Message::Binary(payload) => (Opcode::Binary, payload),
                Message::Ping(payload) => (Opcode::Ping, payload),
                Message::Pong(payload) => (Opcode::Pong, payload),
                Message::Close(None) => (Opcode::Close, Bytes::new()),
                Message::Close(Some(close)) => (Opcode::Close, close_payload(close.code, &close.reason).into()),
            };
            // The prefix of Engine.IO is one byte, but a head may have any length.
            let (head, body) = payload.split_at(head.index(payload.len() + 1));
            codec.encode(Frame { opcode, head, body }, &mut wire)?;
        }
        let messages: Vec<_> = all.into_iter().map(|sent| sent.message).collect();
        prop_assert_eq!(oracle_messages(&wire, ws::Codec::new().max_size(LIMIT)), messages);
    }

    #[test]
    fn what_a_server_encodes_is_read(all in any_sent()) {
        let mut server = ws::Codec::new();
        let mut wire = BytesMut::new();
        for sent in &all {
            for (fin, opcode, payload) in sent.fragments() {
                let text = || ByteString::try_from(payload.clone()).unwrap();
                let message = match (fin, opcode) {
                    (true, 1) => ws::Message::Text(text()),
                    (true, 2) => ws::Message::Binary(payload),
                    (false, 1) => ws::Message::Continuation(ws::Item::FirstText(payload)),
                    (false, 2) => ws::Message::Continuation(ws::Item::FirstBinary(payload)),
                    (false, 0) => ws::Message::Continuation(ws::Item::Continue(payload)),
                    (true, 0) => ws::Message::Continuation(ws::Item::Last(payload)),
                    (_, 9) => ws::Message::Ping(payload),
                    (_, 10) => ws::Message::Pong(payload),
                    _ => ws::Message::Close(parse_close(&payload)?.map(|close| ws::CloseReason {
                        code: close.code.into(),
                        description: Some(close.reason.into()),
                    })),
                };
                server.encode(message, &mut wire).unwrap();
            }
        }
        let messages: Vec<_> = all.into_iter().map(|sent| sent.message).collect();
        prop_assert_eq!(decode_all(&wire, LIMIT), (messages, None));
    }

    #[test]
    fn another_client_reads_the_same_messages(wire in almost_frames()) {
        let (messages, err) = decode_all(&wire, LIMIT);
        let mut others = oracle_messages(&wire, ws::Codec::new().client_mode().max_size(LIMIT));
        // The other client detects fewer errors, so it may read further than this one.
        if err.is_some() {
            others.truncate(messages.len());
        }
        prop_assert_eq!(messages, others);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(wire in vec(any::<u8>(), 0..200), frames in almost_frames(), limit in 0..300_usize) {
        decode_all(&wire, limit);
        let (messages, _) = decode_all(&[frames, wire].concat(), limit);
        for message in messages {
            let len = match message {
                Message::Text(text) => joined(&text).len(),
                Message::Binary(payload) => payload.len(),
                _ => 0,
            };
            prop_assert!(len <= limit);
        }
    }

    #[test]
    fn every_cut_of_the_bytes_gives_the_same_messages(wire in almost_frames()) {
        let whole = decode_all(&wire, LIMIT);
        for cut in 0..=wire.len() {
            let mut codec = codec(LIMIT);
            let mut src = BytesMut::from(&wire[..cut]);
            let mut messages = Vec::new();
            let mut rest = Some(&wire[cut..]);
            let err = loop {
                match codec.decode(&mut src) {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => match rest.take() {
                        Some(rest) => src.extend_from_slice(rest),
                        None => break None,
                    },
                    Err(err) => break Some(err.into()),
                }
            };
            prop_assert_eq!(&(messages, err), &whole);
        }
    }
}
