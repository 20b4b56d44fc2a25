//! The messages of a flood over WebSocket: the same one again and again, or JSON documents, which may be compressed.

use std::{collections::HashMap, fs, io, path::Path};

use flate2::{Compress, FlushCompress};

use crate::frame;

/// Bytes of frames in one write, approximately.
const WRITE: usize = 256 << 10;

/// The first bit of a frame whose message is compressed: RFC 7692, section 6.
const COMPRESSED: u8 = 0x40;

/// Frames that are sent in turns.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<usize>,
}

impl Frames {
    /// The same message, as often as fits into one write.
    pub(crate) fn same(first: u8, payload: &[u8]) -> Self {
        let frame = frame::encode(first, payload);
        let count = (WRITE / frame.len()).max(1);
        Self { bytes: frame.repeat(count), ends: (1..=count).map(|number| number * frame.len()).collect() }
    }

    fn push(&mut self, first: u8, payload: &[u8]) {
        frame::encode_into(&mut self.bytes, first, payload);
        self.ends.push(self.bytes.len());
    }

    /// Calls `write` with `count` frames, many at a time. After the last frame follows the first one again.
    pub(crate) fn send<E>(
        &self,
        count: usize,
        mut write: impl FnMut(&[u8], usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut next, mut start, mut left) = (0, 0, count);
        while left > 0 {
            let fit = self.ends.partition_point(|end| *end <= start + WRITE);
            let after = fit.max(next + 1).min(next + left);
            let end = self.ends[after - 1];
            write(&self.bytes[start..end], after - next)?;
            left -= after - next;
            (next, start) = if after == self.ends.len() { (0, 0) } else { (after, end) };
        }
        Ok(())
    }
}

/// What was agreed about compression (RFC 7692, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Off,
    /// Each message is compressed by itself.
    WithoutContext,
    /// Each message is compressed with what the ones before it had in common.
    WithContext,
}

impl Compression {
    /// Accepts a client's offer, and returns the header of the answer, if there is one.
    pub(crate) fn accept(offer: Option<&str>) -> (Self, String) {
        let Some(offer) = offer.filter(|offer| offer.contains("permessage-deflate")) else {
            return (Self::Off, String::new());
        };
        let mut answer = "sec-websocket-extensions: permessage-deflate".to_owned();
        for parameter in ["server_no_context_takeover", "client_no_context_takeover"] {
            if offer.contains(parameter) {
                answer.push_str("; ");
                answer.push_str(parameter);
            }
        }
        let without = answer.contains("server_no_context_takeover");
        answer.push_str("\r\n");
        (if without { Self::WithoutContext } else { Self::WithContext }, answer)
    }
}

/// JSON documents by their size, from the files `SIZE.jsonl` of a folder.
#[derive(Debug, Default)]
pub(crate) struct Documents(HashMap<usize, Vec<String>>);

impl Documents {
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let mut documents = HashMap::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if let Some(size) = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok()) {
                documents.insert(
                    size,
                    fs::read_to_string(&path)?.lines().map(|line| format!("4{line}")).collect(),
                );
            }
        }
        Ok(Self(documents))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The frames of all documents of a size. With a context they may be sent again from the first one on: a frame refers
    /// only to the documents before it, and these are the same each time.
    pub(crate) fn frames(&self, size: usize, compression: Compression) -> Option<Frames> {
        let mut frames = Frames::default();
        let mut deflate = Compress::new(flate2::Compression::default(), false);
        for packet in self.0.get(&size)? {
            match compression {
                Compression::Off => frames.push(frame::TEXT, packet.as_bytes()),
                Compression::WithoutContext => {
                    deflate.reset();
                    frames.push(frame::TEXT | COMPRESSED, &compressed(&mut deflate, packet));
                }
                Compression::WithContext => {
                    frames.push(frame::TEXT | COMPRESSED, &compressed(&mut deflate, packet))
                }
            }
        }
        Some(frames)
    }
}

/// A compressed message without the four bytes at its end, which are always the same: RFC 7692, section 7.2.1.
fn compressed(deflate: &mut Compress, packet: &str) -> Vec<u8> {
    let mut output = Vec::with_capacity(packet.len() + 64);
    deflate
        .compress_vec(packet.as_bytes(), &mut output, FlushCompress::Sync)
        .expect("deflate takes any bytes");
    assert!(output.ends_with(&[0, 0, 0xff, 0xff]), "the buffer was too small");
    output.truncate(output.len() - 4);
    output
}
