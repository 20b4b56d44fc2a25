//! An open WebSocket: it reads and writes the bytes of a connection, and turns them into packets and back.

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
    data::OVERHEAD,
    error::{ProtocolError, TransportError},
    protocol::{
        connection::{BatchOutcome, CloseReason, ReportKind},
        packet::Packet,
        websocket::{
            AgreedCompression, CloseFrame, Compression, CompressionCounts, Frame, Message, Opcode,
            WebSocketCodec, close_payload,
        },
        wire::Wire,
    },
    transport::{BatchBuilder, Io, ReportSender, Secrets},
};

/// The largest number of reads in one call. After that the other actors of the arbiter run, because a server could send
/// pings without end.
const MAX_READS: usize = 4;

/// The largest number of bytes that may wait to be written when a pong is queued behind them. If there are more, only the
/// latest ping is answered, after all of them.
const MAX_OUTPUT_BEFORE_PONG: usize = 64 << 10;

/// The close code that is reported for a close frame without a code (RFC 6455, section 7.4.1). It is never sent.
const NO_STATUS: u16 = 1005;

/// The largest number of characters of a status line that an error shows.
const MAX_STATUS_LINE: usize = 100;

/// The source of the masking key of each frame (RFC 6455, section 5.3).
pub(super) type MaskKeySource = Box<dyn FnMut() -> [u8; 4]>;

/// A connection with its codec and its buffers.
pub(super) struct Socket {
    io: Box<dyn Io>,
    codec: WebSocketCodec<MaskKeySource>,
    wire: Wire,
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
        let wire = Wire::V4;
        let codec = WebSocketCodec::new(max_message_size, mask_keys);
        Self {
            io,
            codec: codec.with_text_overhead(wire.max_overhead(max_message_size)),
            wire,
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
    pub(super) fn speaking(self, wire: Wire) -> Self {
        let max_frame = self.max_message_size.saturating_add(wire.binary_overhead());
        let text_overhead = wire.max_overhead(self.max_message_size);
        let codec = self.codec.with_max_message_size(max_frame).with_text_overhead(text_overhead);
        Self { codec, wire, ..self }
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
        self.output.queue_batch(&mut self.codec, self.wire, packets);
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
            match self.output.encode_next(&mut self.codec, self.wire) {
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

    /// Receives the next message, and returns what `decode` makes of it. Pings that come before it are answered. `may_read`:
    /// if the message has not arrived, the socket reads from the connection.
    // A message is decoded here, and not by the caller, because each return moves it once more.
    pub(super) fn poll_message<T>(
        &mut self,
        may_read: bool,
        decode: impl Fn(Message) -> Result<T, ProtocolError>,
        task: &mut Task<'_>,
    ) -> Poll<Result<T, CloseReason>> {
        loop {
            let reason = match self.input.decode(&mut self.codec) {
                Ok(Some(message @ (Message::Text(_) | Message::Binary(_)))) => match decode(message) {
                    Ok(decoded) => return Poll::Ready(Ok(decoded)),
                    Err(err) => CloseReason::Failed(err.into()),
                },
                Ok(Some(Message::Ping(payload))) => {
                    self.on_ping(&payload);
                    continue;
                }
                Ok(Some(Message::Pong(payload))) => {
                    self.on_pong(&payload);
                    continue;
                }
                Ok(Some(Message::Close(frame))) => closed_by_server(frame),
                Ok(None) if !may_read => return Poll::Pending,
                Ok(None) if self.codec.waits_for_turn() => {
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ok(None) => match ready!(self.poll_read(task)) {
                    Ok(()) => continue,
                    Err(err) => CloseReason::Failed(err),
                },
                Err(err) => {
                    CloseReason::Failed(self.http_response().unwrap_or_else(|| self.bad_frame(err.into())))
                }
            };
            return Poll::Ready(Err(reason));
        }
    }

    /// Answers a ping. RFC 6455, section 5.5.3: an endpoint may answer only the latest of several pings. So a server that
    /// sends pings and does not read cannot fill the memory with pongs.
    fn on_ping(&mut self, payload: &[u8]) {
        if self.output.len() > MAX_OUTPUT_BEFORE_PONG {
            self.pong = Some(Bytes::copy_from_slice(payload));
        } else {
            self.pong = None;
            self.queue(Opcode::Pong, &[], payload);
        }
    }

    /// RFC 6455, section 5.5.3: a server may send pongs that nobody asked for. Those to our pings have a number.
    fn on_pong(&mut self, payload: &[u8]) {
        let number = payload.try_into().ok().map(u64::from_be_bytes).filter(|number| *number <= self.pinged);
        self.answered = self.answered.max(number);
    }

    /// Reads once, unless the other actors have to run first.
    fn poll_read(&mut self, task: &mut Task<'_>) -> Poll<Result<(), TransportError>> {
        if self.reads >= MAX_READS {
            self.reads = 0;
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = ready!(self.input.poll_fill(&mut self.io, task)).map_err(TransportError::io)?;
        self.reads += 1;
        if read > 0 {
            return Poll::Ready(Ok(()));
        }
        // engineioxide ends a connection with an unknown sid without a close frame, engine.io 5 after a message that is
        // too large.
        let err = self.take_write_error();
        Poll::Ready(Err(err.unwrap_or_else(|| TransportError::eof("the server closed the connection"))))
    }

    /// An error of the codec in the terms of messages.
    fn bad_frame(&self, err: TransportError) -> TransportError {
        match err {
            // The limit of the codec is that of a frame.
            TransportError::Protocol(ProtocolError::TooLarge { size, .. }) => {
                let overhead = u64::try_from(self.wire.binary_overhead()).unwrap_or(0);
                ProtocolError::too_large(size.saturating_sub(overhead), self.max_message_size).into()
            }
            err => err,
        }
    }

    /// The error for bytes that are not frames but an HTTP response. engine.io refuses some handshakes after it has accepted
    /// them. The decoder does not remove the
    /// bytes of an invalid frame, so they are still there.
    fn http_response(&self) -> Option<TransportError> {
        let text = self.input.undecoded().strip_prefix(b"HTTP/")?;
        let line = text.split(|byte| byte.is_ascii_control()).next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let line: String = self.secrets.mask(&line).chars().take(MAX_STATUS_LINE).collect();
        Some(TransportError::Malformed(format!("HTTP instead of WebSocket frames: HTTP/{line}").into()))
    }

    /// Reads and reports one batch. Pending if there is no credit, or if no packet has arrived.
    pub(super) fn poll_receive(
        &mut self,
        credit: &mut Option<Vec<Packet>>,
        reports: &ReportSender,
        task: &mut Task<'_>,
    ) -> Poll<Result<(), CloseReason>> {
        let Some(emptied) = credit.take() else {
            return self.poll_end_after_write_error(task).map(|err| Err(CloseReason::Failed(err)));
        };
        self.reads = 0;
        let (wire, max) = (self.wire, self.max_message_size);
        let mut batch = BatchBuilder::new(emptied);
        let mut end = None;
        while !batch.is_full() && end.is_none() {
            // Packets that have arrived do not wait for more.
            match self.poll_message(batch.is_empty(), |message| wire.decode_message(message, max), task) {
                Poll::Ready(Ok(packet)) => batch.push(packet),
                Poll::Ready(Err(reason)) => end = Some(reason),
                Poll::Pending => break,
            }
        }
        if let Some(number) = self.answered.take() {
            // Before the packets, because one of them may end the session.
            reports.send(ReportKind::Pong(number));
        }
        if batch.is_empty() {
            *credit = Some(batch.into_packets(true));
            return end.map_or(Poll::Pending, |reason| Poll::Ready(Err(self.masked(reason))));
        }
        if let Some(open) = batch.open_packet() {
            self.secrets.add_sid(open);
        }
        let (packets, counts) = self.end_batch(batch);
        if let Some(counts) = counts {
            reports.send(ReportKind::Compressed(counts));
        }
        reports.send(ReportKind::Packets { packets, complete: true });
        Poll::Ready(end.map_or(Ok(()), |reason| Err(self.masked(reason))))
    }

    /// Ends a batch. Returns its packets, and the figures about the compressed messages among them.
    fn end_batch(&mut self, batch: BatchBuilder) -> (Vec<Packet>, Option<CompressionCounts>) {
        let counts = self.codec.take_compression_counts();
        let Some(CompressionCounts { received: inflated, .. }) = counts else {
            let may_share = self.input.end_batch(batch.weight());
            return (batch.into_packets(may_share), None);
        };
        // An inflated message has memory of its own, so it allows no other to share the memory that it was received in.
        let weight = inflated.uncompressed.saturating_add(OVERHEAD.saturating_mul(inflated.messages));
        let may_share = self.input.end_batch(batch.weight().saturating_sub(weight));
        let is_inflated = inflated.messages >= batch.len();
        (batch.into_packets(may_share || is_inflated), counts)
    }

    /// The same without secrets that the server repeats.
    fn masked(&self, reason: CloseReason) -> CloseReason {
        match reason {
            CloseReason::CloseFrame { code, reason } => {
                CloseReason::CloseFrame { code, reason: self.secrets.mask(&reason).into() }
            }
            reason => reason,
        }
    }

    /// Waits, without credit, for the end of a connection that cannot be written to any more. If the server has sent
    /// something before the end, that is received first, as soon as there is credit.
    fn poll_end_after_write_error(&mut self, task: &mut Task<'_>) -> Poll<TransportError> {
        let waits = self.codec.waits_for_turn() || !self.input.undecoded().is_empty();
        if self.write_error.is_none() || waits {
            return Poll::Pending;
        }
        match ready!(self.poll_read(task)) {
            Ok(()) => Poll::Pending,
            Err(err) => Poll::Ready(err),
        }
    }

    /// The error that stopped writing, unless it was reported.
    pub(super) fn take_write_error(&mut self) -> Option<TransportError> {
        self.write_error.take().map(TransportError::io)
    }

    /// Waits for the server's close frame, or for the end of the connection. Other frames are ignored, since
    /// the session has ended.
    pub(super) fn poll_closed(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let _ = self.poll_flush(task);
        for _ in 0..MAX_READS {
            loop {
                match self.input.decode(&mut self.codec) {
                    Ok(Some(Message::Close(_))) | Err(_) => return Poll::Ready(()),
                    Ok(Some(_)) => {}
                    Ok(None) if self.codec.waits_for_turn() => {
                        task.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Ok(None) => break,
                }
            }
            match ready!(self.input.poll_fill(&mut self.io, task)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

fn closed_by_server(frame: Option<CloseFrame>) -> CloseReason {
    match frame {
        Some(CloseFrame { code, reason }) => CloseReason::CloseFrame { code, reason },
        // RFC 6455, section 7.1.5: without a code, "_The WebSocket Connection Close Code_ is considered to be 1005".
        None => CloseReason::CloseFrame { code: NO_STATUS, reason: "".into() },
    }
}

/// The code of our close frame if a WebSocket ends for this reason. `None`: no close frame is sent.
pub(super) fn close_code(reason: &CloseReason) -> Option<u16> {
    match reason {
        CloseReason::Ordered | CloseReason::CloseFrame { code: NO_STATUS, .. } => Some(1000),
        // RFC 6455, section 5.5.1: "the endpoint typically echos the status code it received".
        CloseReason::CloseFrame { code, .. } => Some(*code),
        CloseReason::Failed(TransportError::Protocol(ProtocolError::TooLarge { .. })) => Some(1009),
        // RFC 6455, section 7.4.1: 1007 is for "data within a message that was not consistent with the type of the message".
        CloseReason::Failed(TransportError::Protocol(
            ProtocolError::Utf8 | ProtocolError::Compression(_),
        )) => Some(1007),
        CloseReason::Failed(TransportError::Protocol(_)) => Some(1002),
        // The connection is broken, or it was never open, so the server would not receive a close frame.
        CloseReason::Failed(_) | CloseReason::Interrupted(_) => None,
    }
}

#[cfg(test)]
mod tests;
