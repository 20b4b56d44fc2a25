//! An open WebSocket: it reads and writes the bytes of a connection, and turns them into packets and back. Here are its state
//! and the writing; `receiving` has the reading.

mod receiving;

use std::{
    io,
    sync::Arc,
    task::{Context as Task, Poll, ready},
};

use bytes::{Bytes, BytesMut};

use super::{
    read_buffer::ReadBuffer,
    write_buffer::{Encoded, WriteBuffer},
};
use crate::{
    error::TransportError,
    protocol::{
        connection::{BatchOutcome, ReportKind},
        packet::Packet,
        version::ProtocolVersion,
        websocket::{AgreedCompression, Compression, Frame, Opcode, WebSocketCodec},
    },
    transport::{Io, ReportSender, Secrets},
};

/// The source of the masking key of each frame (RFC 6455, section 5.3).
pub(super) type MaskKeySource = Box<dyn FnMut() -> [u8; 4]>;

/// A connection with its codec and its buffers.
pub(super) struct Socket {
    io: Box<dyn Io>,
    codec: WebSocketCodec<MaskKeySource>,
    version: ProtocolVersion,
    max_message_size: usize,
    input: ReadBuffer,
    output: WriteBuffer,
    /// The number of reads since the other actors last had a chance to run.
    reads: usize,
    /// The payload of a pong that waits, because there is too much output. A later one replaces it.
    waiting_pong: Option<Bytes>,
    /// The number of the last ping that was queued, or 0.
    last_ping: u64,
    /// The largest number of a ping that a pong has answered, until it is reported.
    answered_ping: Option<u64>,
    /// The error that stopped writing. What the server sent before is still read, because it may say why.
    write_error: Option<io::Error>,
    /// The values of the handshake request that may be secrets, and the sid. They are masked in what the server says.
    secrets: Secrets,
}

impl Socket {
    /// `read_buf`: the bytes that arrived together with the handshake response, behind its end.
    pub(super) fn new(
        io: Box<dyn Io>,
        mask_keys: MaskKeySource,
        max_message_size: usize,
        read_buf: BytesMut,
    ) -> Self {
        let version = ProtocolVersion::V4;
        let codec = WebSocketCodec::new(max_message_size, mask_keys);
        Self {
            io,
            codec: codec.with_text_overhead(version.max_overhead(max_message_size)),
            version,
            max_message_size,
            input: ReadBuffer::new(read_buf),
            output: WriteBuffer::default(),
            reads: 0,
            waiting_pong: None,
            last_ping: 0,
            answered_ping: None,
            write_error: None,
            secrets: Secrets::default(),
        }
    }

    /// Sets the version of Engine.IO, and with it the size limits of the codec.
    pub(super) fn with_version(self, version: ProtocolVersion) -> Self {
        let max_frame = self.max_message_size.saturating_add(version.binary_overhead());
        let text_overhead = version.max_overhead(self.max_message_size);
        let codec = self.codec.with_max_message_size(max_frame).with_text_overhead(text_overhead);
        Self { codec, version, ..self }
    }

    /// Compresses and decompresses messages as the user has configured it, and as client and server have agreed.
    pub(super) fn with_compression(self, config: Compression, agreed: AgreedCompression) -> Self {
        Self { codec: self.codec.with_compression(config, agreed), ..self }
    }

    /// Sets the values that are masked in what the server says.
    pub(super) fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// Queues a batch. The batch before it must have been flushed.
    pub(super) fn queue_batch(&mut self, packets: Arc<Vec<Packet>>) {
        self.output.queue_batch(&mut self.codec, self.version, packets);
    }

    /// Queues one frame without compression, before the rest of a batch that is not encoded yet.
    pub(super) fn queue(&mut self, opcode: Opcode, head: &[u8], body: &[u8]) {
        self.output.queue(&mut self.codec, Frame { opcode, head, body });
    }

    /// Queues one frame, compressed if that is agreed on.
    #[cfg(test)]
    pub(super) fn queue_compressed(&mut self, opcode: Opcode, head: &[u8], body: &[u8]) {
        self.output.queue_compressed(&mut self.codec, Frame { opcode, head, body });
    }

    /// Queues a ping behind everything, also behind the rest of a batch, unless a close frame is queued. `number` must be larger
    /// than that of all earlier pings.
    pub(super) fn queue_ping(&mut self, number: u64) {
        if !self.has_queued_close() {
            self.last_ping = number;
            self.output.ping(&mut self.codec, number);
        }
    }

    /// Queues a close frame. It is the last frame: nothing may be queued after it. A pong that waits is dropped, and so is
    /// the part of a batch that is not encoded yet, with a ping behind it. There is only one close frame: a second call does
    /// nothing.
    pub(super) fn queue_close(&mut self, code: u16) {
        self.waiting_pong = None;
        self.output.queue_close(&mut self.codec, code);
    }

    /// Whether a close frame was queued.
    pub(super) fn has_queued_close(&self) -> bool {
        self.output.has_close()
    }

    /// Whether no part of the last batch waits for its turn to be compressed.
    pub(super) fn is_batch_encoded(&self) -> bool {
        !self.output.has_rest()
    }

    /// Writes everything that is queued. Pending if the connection takes no bytes now, if the rest of a batch waits for its next
    /// turn (the task is woken; `end_encoding_turn` has to be called before), or if writing has failed. Then `take_write_error`
    /// returns the error; a later call tries to write again, which fails again.
    pub(super) fn poll_flush(&mut self, task: &mut Task<'_>) -> Poll<()> {
        if self.write_error.is_some() {
            return Poll::Pending;
        }
        loop {
            if let Err(err) = ready!(self.output.poll_flush(&mut self.io, task)) {
                self.write_error = Some(err);
                return Poll::Pending;
            }
            match self.output.encode_next(&mut self.codec, self.version) {
                Encoded::Nothing => {}
                Encoded::Frames => continue,
                // All encoded bytes are written, so a pong can be sent now, in the middle of the batch.
                Encoded::Waits if self.waiting_pong.is_some() => {}
                Encoded::Waits => {
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            match self.waiting_pong.take() {
                Some(payload) => self.queue(Opcode::Pong, &[], &payload),
                None => return Poll::Ready(()),
            }
        }
    }

    /// Ends the turn in which messages are compressed, so that the next `poll_flush` may compress more of a batch. Has to be called
    /// before others on the arbiter run.
    pub(super) fn end_encoding_turn(&mut self) {
        self.output.end_turn();
    }

    /// Reports the figures about compressed messages, received and sent, since the last report.
    pub(super) fn report_compression(&mut self, reports: &ReportSender) {
        if let Some(counts) = self.codec.take_compression_counts() {
            reports.send(ReportKind::Compressed(counts));
        }
    }

    /// Whether encoded bytes are not written yet. A pong that waits does not count, nor the rest of a batch.
    pub(super) fn has_unwritten_bytes(&self) -> bool {
        !self.output.is_flushed()
    }

    /// The outcome of the last batch.
    pub(super) fn outcome(&self) -> BatchOutcome {
        self.output.outcome()
    }

    /// The number of bytes read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.input.total()
    }

    /// Whether a part of a message has arrived, or, while there is no read credit, whole messages that are not decoded.
    pub(super) fn has_unfinished_input(&self) -> bool {
        !self.input.undecoded().is_empty() || self.codec.is_in_message()
    }

    /// The number of bytes written.
    pub(super) fn bytes_written(&self) -> u64 {
        self.output.written()
    }

    /// A number that grows with each write, and with each turn in which messages are compressed, because a large message is
    /// compressed before its first byte is written.
    pub(super) fn write_progress(&self) -> u64 {
        self.output.progress()
    }

    /// Whether the decoder has stopped so that others can run, and not because bytes are missing.
    pub(super) fn decoder_waits_for_turn(&self) -> bool {
        self.codec.waits_for_turn()
    }

    /// Takes the error that stopped writing. `None`: there was none, or it was taken already.
    pub(super) fn take_write_error(&mut self) -> Option<TransportError> {
        self.write_error.take().map(TransportError::io)
    }
}

#[cfg(test)]
mod tests;
