//! WebSocket frames as a server sends them: without a mask.

use actix_engineio::Data;

/// The first byte of a frame that is a whole message: its opcode, and the bit that says so.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;

/// An Engine.IO message in a frame.
pub(crate) fn message(data: &Data) -> Vec<u8> {
    match data {
        Data::Text(_) => encode(TEXT, &[b"4".as_slice(), data.as_bytes()].concat()),
        Data::Binary(bytes) => encode(BINARY, bytes),
    }
}

pub(crate) fn encode(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    // RFC 6455, section 5.2: "the minimal number of bytes MUST be used to encode the length".
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ ..126), _) => frame.push(len),
        (_, Ok(len)) => {
            frame.push(126);
            frame.extend(len.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}
