//! An open WebSocket: bytes one way, packets the other.

use std::{
    io,
    mem::{self, MaybeUninit},
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll, ready},
};

use actix_codec::{AsyncRead as _, AsyncWrite as _, Decoder as _, Encoder as _, ReadBuf, poll_read_buf};
use bytes::{Buf as _, Bytes, BytesMut};

use crate::{
    error::{ProtocolError, TransportError},
    protocol::{
        connection::{BatchOutcome, ReportKind},
        packet::Packet,
        websocket::{CloseFrame, Frame, MAX_HEADER, Message, Opcode, Text, WebSocketCodec, close_payload},
    },
    transport::{BatchBuilder, Io, ReportSender},
};

/// Room made for each read while much comes.
const READ_AHEAD: usize = 64 << 10;

/// After a read of less the next goes by way of the stack, so that a quiet socket holds no buffer, and a message that the
/// application keeps no more than it needs.
const SMALL_READ: usize = 4 << 10;

/// Room for the read after one that filled the stack's.
const MEDIUM_READ: usize = 16 << 10;

/// Reads for one batch before others have their turn: pings alone could go on for ever.
const READS: usize = 4;

/// A read buffer that has grown beyond this is given back when it is empty.
const MAX_KEPT: usize = 256 << 10;

/// An empty write buffer is kept for the next batch, up to this size. It is given back once recent batches, or heartbeats,
/// have used less than a sixteenth of it, unless it is small.
const MAX_KEPT_WRITE: u64 = 512 << 10;
const SMALL_WRITE: u64 = 4 << 10;

/// While more than this waits to be written, pings wait for their answers.
const PROMPT_PONG: usize = 64 << 10;

/// Draws the key of each frame (RFC 6455, section 5.3).
pub(super) type MaskKeys = Box<dyn FnMut() -> [u8; 4]>;

/// A batch on its way out.
pub(super) struct Batch {
    packets: Arc<Vec<Packet>>,
    /// Bytes that were queued before it, of all that the socket ever writes.
    start: u64,
}

impl Batch {
    /// What became of its packets, if of all that was queued the first `flushed` bytes have left, and the others of the
    /// first `written` may have.
    pub(super) fn outcome(&self, flushed: u64, written: u64) -> BatchOutcome {
        let mut end = self.start;
        let mut outcome = BatchOutcome::sent(0);
        for packet in self.packets.iter() {
            end += packet_len(packet);
            if end <= flushed {
                outcome.sent += 1;
            } else if end <= written {
                outcome.uncertain += 1;
            }
        }
        outcome
    }
}

/// Bytes of the masked frame of a packet (RFC 6455, section 5.2).
fn packet_len(packet: &Packet) -> u64 {
    let payload = packet.head().len() + packet.body().len();
    let extended = match payload {
        0..=125 => 0,
        126..=65_535 => 2,
        _ => 8,
    };
    2 + extended + 4 + u64::try_from(payload).unwrap_or(u64::MAX)
}

/// The connection with its codec and its buffers.
pub(super) struct Socket {
    io: Box<dyn Io>,
    pub(super) codec: WebSocketCodec<MaskKeys>,
    pub(super) read_buf: BytesMut,
    write_buf: BytesMut,
    /// Room for the next read; none after one that brought little.
    room: usize,
    /// Where the last batch of packets ended, of all that was read.
    told: u64,
    /// Reads since others had their turn.
    reads: usize,
    /// Bytes read, and written.
    pub(super) read: u64,
    pub(super) written: u64,
    /// How many of those written have left; the others may wait in a TLS session.
    pub(super) flushed: u64,
    /// How many there were when the buffer was last empty, and how much it held lately.
    settled: u64,
    peak: u64,
    /// What the latest ping is to be answered with, while too much waits to be written.
    pong: Option<Bytes>,
    /// Why nothing can be written any more. What the server had sent before is still read, and tells why.
    write_error: Option<io::Error>,
}

/// What ended a socket.
pub(super) enum End {
    Failed(TransportError),
    CloseFrame(Option<CloseFrame>),
}

impl End {
    /// The code of the close frame that answers it, `None` if nobody is there to read one.
    pub(super) fn close_code(&self) -> Option<u16> {
        match self {
            Self::Failed(TransportError::Protocol(ProtocolError::TooLarge { .. })) => Some(1009),
            Self::Failed(TransportError::Protocol(ProtocolError::Utf8)) => Some(1007),
            Self::Failed(TransportError::Protocol(_)) => Some(1002),
            Self::Failed(_) => None,
            Self::CloseFrame(None) => Some(1000),
            // RFC 6455, section 5.5.1: "the endpoint typically echos the status code it received".
            Self::CloseFrame(Some(frame)) => Some(frame.code),
        }
    }
}

impl Socket {
    pub(super) fn new(io: Box<dyn Io>, codec: WebSocketCodec<MaskKeys>, read_buf: BytesMut) -> Self {
        let read = u64::try_from(read_buf.len()).unwrap_or(0);
        Self {
            io,
            codec,
            read_buf,
            write_buf: BytesMut::new(),
            room: 0,
            told: 0,
            reads: 0,
            read,
            written: 0,
            flushed: 0,
            settled: 0,
            peak: 0,
            pong: None,
            write_error: None,
        }
    }

    /// Puts a batch behind what is to be written.
    pub(super) fn queue_batch(&mut self, packets: Arc<Vec<Packet>>) -> Batch {
        let start = self.written + u64::try_from(self.write_buf.len()).unwrap_or(0);
        let bytes: u64 = packets.iter().map(packet_len).sum();
        // With what the codec asks for beyond its last frame, or the buffer would be made twice as large for that.
        let bytes = bytes.saturating_add(u64::try_from(MAX_HEADER).unwrap_or(0));
        self.write_buf.reserve(usize::try_from(bytes).unwrap_or(0));
        for packet in packets.iter() {
            let opcode = if packet.is_binary() { Opcode::Binary } else { Opcode::Text };
            self.queue(opcode, packet.head(), packet.body());
        }
        Batch { packets, start }
    }

    #[inline(always)] // A call would cost one instruction in ten of encoding a short message.
    pub(super) fn queue(&mut self, opcode: Opcode, head: &[u8], body: &[u8]) {
        // Encoding into memory cannot fail.
        let _ = self.codec.encode(Frame { opcode, head, body }, &mut self.write_buf);
    }

    /// The last frame that may be queued.
    pub(super) fn queue_close(&mut self, code: u16) {
        self.pong = None;
        self.queue(Opcode::Close, &[], &close_payload(code, ""));
    }

    /// Gives the server a close frame, if there is a code for one and it fits. To be dropped afterwards.
    pub(super) fn leave(&mut self, code: Option<u16>, task: &mut Task<'_>) {
        if let Some(code) = code {
            self.queue_close(code);
        }
        let _ = self.poll_flush(task);
    }

    /// Writes what is queued. Pending for ever once that has failed.
    pub(super) fn poll_flush(&mut self, task: &mut Task<'_>) -> Poll<()> {
        if self.write_error.is_some() {
            return Poll::Pending;
        }
        if let Err(err) = ready!(self.poll_write(task)) {
            self.write_error = Some(err);
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn poll_write(&mut self, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        while !self.write_buf.is_empty() || self.queue_pong() {
            let written = ready!(Pin::new(&mut self.io).poll_write(task, &self.write_buf))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.write_buf.advance(written);
            self.written += u64::try_from(written).unwrap_or(0);
            // After each, so that what has left is known when the next fails.
            if Pin::new(&mut self.io).poll_flush(task)?.is_ready() {
                self.flushed = self.written;
            }
        }
        if self.flushed < self.written {
            ready!(Pin::new(&mut self.io).poll_flush(task))?;
            self.flushed = self.written;
        }
        if self.settled < self.written {
            // What was written counts as capacity only once it is reclaimed.
            let _ = self.write_buf.try_reclaim(self.write_buf.capacity() + 1);
            let capacity = u64::try_from(self.write_buf.capacity()).unwrap_or(u64::MAX);
            self.peak = (self.written - self.settled).max(self.peak / 4);
            if capacity > (16 * self.peak).clamp(SMALL_WRITE, MAX_KEPT_WRITE) {
                self.write_buf = BytesMut::new();
            }
            self.settled = self.written;
        }
        Poll::Ready(Ok(()))
    }

    /// Queues the answer that had to wait, if there is one.
    fn queue_pong(&mut self) -> bool {
        let pong = self.pong.take();
        if let Some(payload) = &pong {
            self.queue(Opcode::Pong, &[], payload);
        }
        pong.is_some()
    }

    pub(super) fn poll_fill(&mut self, task: &mut Task<'_>) -> Poll<io::Result<usize>> {
        if self.read_buf.is_empty() && (self.room == 0 || self.read_buf.capacity() > MAX_KEPT) {
            self.read_buf = BytesMut::new();
        }
        let read = if self.room == 0 {
            let mut stack_buf = [const { MaybeUninit::uninit() }; SMALL_READ];
            let mut stack_buf = ReadBuf::uninit(&mut stack_buf);
            ready!(Pin::new(&mut self.io).poll_read(task, &mut stack_buf))?;
            self.read_buf.extend_from_slice(stack_buf.filled());
            stack_buf.filled().len()
        } else {
            if self.read_buf.capacity() - self.read_buf.len() < self.room / 4 {
                self.read_buf.reserve(self.room);
            }
            ready!(poll_read_buf(Pin::new(&mut self.io), task, &mut self.read_buf))?
        };
        self.room = match self.room {
            _ if read < SMALL_READ => 0,
            0 => MEDIUM_READ,
            _ if self.read_buf.len() == self.read_buf.capacity() => READ_AHEAD,
            room => room,
        };
        self.read += u64::try_from(read).unwrap_or(0);
        self.reads += 1;
        Poll::Ready(Ok(read))
    }

    /// Something is to be written.
    pub(super) fn has_output(&self) -> bool {
        !self.write_buf.is_empty() || self.flushed < self.written
    }

    /// The next message; pings are answered on the way. Bytes are read from the connection only if `may_read`.
    pub(super) fn poll_message(&mut self, may_read: bool, task: &mut Task<'_>) -> Poll<Result<Message, End>> {
        loop {
            match self.codec.decode(&mut self.read_buf) {
                Ok(Some(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    return Poll::Ready(Ok(message));
                }
                // RFC 6455, section 5.5.3: an endpoint may answer the latest of several pings only. One that pings and
                // does not read gets no more.
                Ok(Some(Message::Ping(payload))) if self.write_buf.len() > PROMPT_PONG => {
                    self.pong = Some(Bytes::copy_from_slice(&payload));
                }
                Ok(Some(Message::Ping(payload))) => {
                    self.pong = None;
                    self.queue(Opcode::Pong, &[], &payload);
                }
                Ok(Some(Message::Pong(_))) => {}
                Ok(Some(Message::Close(frame))) => return Poll::Ready(Err(End::CloseFrame(frame))),
                Ok(None) if !may_read => return Poll::Pending,
                Ok(None) if self.reads >= READS => {
                    self.reads = 0;
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ok(None) => match ready!(self.poll_fill(task)) {
                    // So engineioxide ends one with an unknown sid, and engine.io 5 one with too large a message.
                    Ok(0) => {
                        let err = self.write_error.take().map(TransportError::from_io);
                        let eof = || TransportError::eof("the server closed the connection");
                        return Poll::Ready(Err(End::Failed(err.unwrap_or_else(eof))));
                    }
                    Ok(_) => {}
                    Err(err) => return Poll::Ready(Err(End::Failed(TransportError::from_io(err)))),
                },
                Err(err) => {
                    let err = self.http_refusal().unwrap_or_else(|| err.into());
                    return Poll::Ready(Err(End::Failed(err)));
                }
            }
        }
    }

    /// engine.io refuses some handshakes after it has agreed to them, in the words of HTTP. What was read is no
    /// frame: its first bytes are still there.
    fn http_refusal(&self) -> Option<TransportError> {
        let text = self.read_buf.strip_prefix(b"HTTP/")?;
        let line = text.split(|byte| byte.is_ascii_control()).next().unwrap_or_default();
        let line = String::from_utf8_lossy(line.get(..100).unwrap_or(line));
        Some(TransportError::Malformed(format!("HTTP instead of WebSocket frames: HTTP/{line}").into()))
    }

    /// Reads and reports one batch. Pending without leave to read, and when nothing has come.
    pub(super) fn poll_receive(
        &mut self,
        credit: &mut Option<Vec<Packet>>,
        reports: &ReportSender,
        task: &mut Task<'_>,
    ) -> Poll<Result<(), End>> {
        let Some(emptied) = credit.take() else { return Poll::Pending };
        self.reads = 0;
        let mut batch = BatchBuilder::new(emptied);
        let mut end = None;
        while !batch.is_full() && end.is_none() {
            // What has come is not kept waiting for more.
            match self.poll_message(batch.is_empty(), task) {
                Poll::Ready(Ok(message)) => match packet(message) {
                    Ok(packet) => batch.push(packet),
                    Err(err) => end = Some(End::Failed(err.into())),
                },
                Poll::Ready(Err(err)) => end = Some(err),
                Poll::Pending => break,
            }
        }
        if batch.is_empty() {
            *credit = Some(batch.into_packets(0));
            return end.map_or(Poll::Pending, |end| Poll::Ready(Err(end)));
        }
        let taken = self.read - u64::try_from(self.read_buf.len()).unwrap_or(0);
        let size = usize::try_from(taken - mem::replace(&mut self.told, taken)).unwrap_or(usize::MAX);
        if size > MAX_KEPT {
            // What comes next is not to keep the buffer of a large message.
            self.read_buf = BytesMut::from(&*self.read_buf);
        }
        reports.send(ReportKind::Packets { packets: batch.into_packets(size), complete: true });
        Poll::Ready(end.map_or(Ok(()), Err))
    }
}

/// "One packet per message" (protocol 4, "WebSocket").
fn packet(message: Message) -> Result<Packet, ProtocolError> {
    match message {
        Message::Text(Text { head, rest }) => Packet::decode(head, rest),
        Message::Binary(bytes) => Ok(Packet::Message(bytes.into())),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {
            Err(ProtocolError::Frame("a control frame is no packet"))
        }
    }
}
