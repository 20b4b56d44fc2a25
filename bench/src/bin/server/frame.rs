//! WebSocket frames, as correct clients send them.

use std::{
    io::{self, Read},
    net::TcpStream,
    ops::Range,
};

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;

/// Bytes of a read, except for a longer frame.
const MOST: usize = 256 << 10;

/// A frame of the server, which is not masked.
pub(crate) fn encode(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    encode_into(&mut frame, first, payload);
    frame
}

pub(crate) fn encode_into(frame: &mut Vec<u8>, first: u8, payload: &[u8]) {
    frame.push(first);
    match payload.len() {
        len @ 0..=125 => frame.push(len as u8),
        len @ 126..=0xffff => {
            frame.push(126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
}

/// Bytes that were read and not decoded yet.
#[derive(Debug)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    unread: Range<usize>,
}

impl Frames {
    pub(crate) fn new(first: &[u8]) -> Self {
        let mut buffer = vec![0; 4 << 10];
        buffer[..first.len()].copy_from_slice(first);
        Self { buffer, unread: 0..first.len() }
    }

    /// Reads what has arrived, and returns whether the stream goes on.
    pub(crate) fn fill(&mut self, mut stream: &TcpStream) -> io::Result<bool> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.unread.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let free = self.buffer.len() - self.unread.end;
        let read = stream.read(&mut self.buffer[self.unread.end..])?;
        self.unread.end += read;
        if read == free && self.buffer.len() < MOST {
            self.buffer.resize(MOST, 0);
        }
        Ok(read > 0)
    }

    /// The next complete frame: its first byte, and its payload without the mask.
    pub(crate) fn next(&mut self) -> Option<(u8, &mut [u8])> {
        let unread = &self.buffer[self.unread.clone()];
        let (&first, &second) = (unread.first()?, unread.get(1)?);
        let (length, head) = match second & 0x7f {
            126 => (u16::from_be_bytes(unread.get(2..4)?.try_into().ok()?).into(), 4),
            127 => (u64::from_be_bytes(unread.get(2..10)?.try_into().ok()?) as usize, 10),
            length => (length.into(), 2),
        };
        let mask: [u8; 4] = unread.get(head..head + 4)?.try_into().ok()?;
        let head = head + 4;
        if unread.len() < head + length {
            return None;
        }
        let start = self.unread.start + head;
        self.unread.start = start + length;
        let payload = &mut self.buffer[start..start + length];
        unmask(payload, mask);
        Some((first, payload))
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let long = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ long).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}
