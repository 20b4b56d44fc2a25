//! An open WebSocket: it reads and writes the bytes of a connection, and turns them into packets and back.

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
        websocket::{AgreedCompression, Compression, Frame, Opcode, WebSocketCodec, close_payload},
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
    /// The number of reads since the other actors could run.
    reads: usize,
    /// The payload of the latest ping, while its answer waits.
    pong: Option<Bytes>,
    /// The number of the last ping that was sent.
    pinged: u64,
    /// The largest number of a ping in a pong, until it is reported.
    answered: Option<u64>,
    /// The error that stopped writing. Bytes that the server sent before are still read: they may say why.
    write_error: Option<io::Error>,
    /// The values of the handshake, and the sid. The server may repeat them.
    secrets: Secrets,
}

impl Socket {
    /// `read_buf`: the bytes that arrived behind the handshake.
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
            pong: None,
            pinged: 0,
            answered: None,
            write_error: None,
            secrets: Secrets::default(),
        }
    }

    /// Speaks this version of the protocol.
    pub(super) fn speaking(self, version: ProtocolVersion) -> Self {
        let max_frame = self.max_message_size.saturating_add(version.binary_overhead());
        let text_overhead = version.max_overhead(self.max_message_size);
        let codec = self.codec.with_max_message_size(max_frame).with_text_overhead(text_overhead);
        Self { codec, version, ..self }
    }

    /// Compresses messages as the user wants it, and as client and server have agreed.
    pub(super) fn with_compression(self, option: Compression, agreed: AgreedCompression) -> Self {
        Self { codec: self.codec.with_compression(option, agreed), ..self }
    }

    /// Masks the values of the handshake in what the server says.
    pub(super) fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// Queues a batch. The batch before it must have been flushed.
    pub(super) fn queue_batch(&mut self, packets: Arc<Vec<Packet>>) {
        self.output.queue_batch(&mut self.codec, self.version, packets);
    }

    /// Queues one frame.
    pub(super) fn queue(&mut self, opcode: Opcode, head: &[u8], body: &[u8]) {
        self.output.queue(&mut self.codec, Frame { opcode, head, body });
    }

    /// Queues one frame, compressed if that is agreed on.
    #[cfg(test)]
    pub(super) fn queue_compressed(&mut self, opcode: Opcode, head: &[u8], body: &[u8]) {
        self.output.queue_compressed(&mut self.codec, Frame { opcode, head, body });
    }

    /// Queues a ping with this number, which is larger than those before.
    pub(super) fn ping(&mut self, number: u64) {
        self.pinged = number;
        self.output.ping(&mut self.codec, number);
    }

    /// Queues a close frame. Nothing may be queued behind it, and what was not encoded before is not sent.
    pub(super) fn queue_close(&mut self, code: u16) {
        self.pong = None;
        self.output.drop_rest();
        self.queue(Opcode::Close, &[], &close_payload(code, ""));
    }

    /// Writes everything that is queued. After an error it stays pending, and `take_write_error` has the error.
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
                // Everything before was written, so a pong need not wait for the rest of the batch.
                Encoded::Waits if self.pong.is_some() => {}
                Encoded::Waits => {
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            match self.pong.take() {
                Some(payload) => self.queue(Opcode::Pong, &[], &payload),
                None => return Poll::Ready(()),
            }
        }
    }

    /// Others on the arbiter have their turn now.
    pub(super) fn end_turn(&mut self) {
        self.output.end_turn();
    }

    /// Reports what was compressed since the last report.
    pub(super) fn report_compression(&mut self, reports: &ReportSender) {
        if let Some(counts) = self.codec.take_compression_counts() {
            reports.send(ReportKind::Compressed(counts));
        }
    }

    /// Whether anything waits to be written.
    pub(super) fn has_output(&self) -> bool {
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

    /// Whether bytes have arrived that are not decoded: a part of a message or, without credit, whole messages.
    pub(super) fn has_partial_message(&self) -> bool {
        !self.input.undecoded().is_empty() || self.codec.is_in_message()
    }

    /// The number of bytes written.
    pub(super) fn bytes_written(&self) -> u64 {
        self.output.written()
    }

    /// A number that grows with each write, and with each turn in which messages are compressed: a large message is compressed
    /// before its first byte is written.
    pub(super) fn write_progress(&self) -> u64 {
        self.output.progress()
    }

    /// Whether the decoder waits for its next turn.
    pub(super) fn waits_for_turn(&self) -> bool {
        self.codec.waits_for_turn()
    }

    /// The error that stopped writing, unless it was reported.
    pub(super) fn take_write_error(&mut self) -> Option<TransportError> {
        self.write_error.take().map(TransportError::io)
    }
}

#[cfg(test)]
mod tests;
