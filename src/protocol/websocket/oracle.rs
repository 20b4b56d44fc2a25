//! The other end of a compressed connection, by another implementation of DEFLATE.

#![allow(clippy::indexing_slicing, reason = "a test")]

use miniz_oxide::{
    DataFormat, MZFlush, MZStatus,
    deflate::core::{CompressorOxide, create_comp_flags_from_zip_params},
    deflate::stream::deflate,
    inflate::stream::{InflateState, inflate},
};

/// A server, or a client, with its contexts.
pub(crate) struct Oracle {
    deflater: Box<CompressorOxide>,
    inflater: Box<InflateState>,
}

impl Oracle {
    pub(crate) fn new(level: u8) -> Self {
        let flags = create_comp_flags_from_zip_params(level.into(), -15, 0);
        Self {
            deflater: Box::new(CompressorOxide::new(flags)),
            inflater: InflateState::new_boxed(DataFormat::Raw),
        }
    }

    /// The payload of a compressed message.
    #[cfg_attr(fuzzing, allow(dead_code, reason = "the fuzz targets only inflate"))]
    pub(crate) fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        let mut payload = vec![0; message.len() + message.len() / 4 + 1024];
        let result = deflate(&mut self.deflater, message, &mut payload, MZFlush::Sync);
        assert_eq!(result.bytes_consumed, message.len());
        payload.truncate(result.bytes_written);
        assert!(payload.ends_with(&[0, 0, 0xff, 0xff]), "{} bytes of {}", payload.len(), message.len());
        payload.truncate(payload.len() - 4);
        payload
    }

    /// The message with this payload, if there is one of at most `limit` bytes.
    pub(crate) fn inflate(&mut self, payload: &[u8], limit: usize) -> Option<Vec<u8>> {
        let input = [payload, &[0, 0, 0xff, 0xff]].concat();
        let (mut rest, mut message) = (&input[..], Vec::new());
        let mut buffer = vec![0; 1 << 16];
        loop {
            let result = inflate(&mut self.inflater, rest, &mut buffer, MZFlush::None);
            rest = &rest[result.bytes_consumed..];
            message.extend_from_slice(&buffer[..result.bytes_written]);
            match result.status {
                Ok(MZStatus::Ok) if message.len() <= limit => {}
                // Nothing more comes out.
                Err(miniz_oxide::MZError::Buf) if rest.is_empty() => return Some(message),
                _ => return None,
            }
            if rest.is_empty() && result.bytes_written < buffer.len() {
                return Some(message);
            }
        }
    }

    /// Forgets the contexts.
    pub(crate) fn reset(&mut self) {
        self.deflater.reset();
        self.inflater.reset(DataFormat::Raw);
    }
}
