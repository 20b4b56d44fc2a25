//! An open WebSocket: bytes one way, packets the other.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll, ready},
};

use actix_codec::{AsyncWrite as _, Decoder as _, Encoder as _, poll_read_buf};
use bytes::{Buf as _, BytesMut};

use crate::{
    error::TransportError,
    protocol::{
        connection::ReportKind,
        packet::Packet,
        websocket::{CloseFrame, Frame, Message, Opcode, WebSocketCodec},
    },
    transport::{BATCH_BYTES, BATCH_PACKETS, Uplink, http::Io},
};

/// Room made for each read.
const READ_AHEAD: usize = 64 << 10;

/// A write buffer, or a read buffer, that has grown beyond this is given back when it is empty.
const MAX_KEPT: usize = 256 << 10;

/// Draws the key of each frame (RFC 6455, section 5.3).
pub(super) type MaskKeys = Box<dyn FnMut() -> [u8; 4]>;

/// A batch on its way out.
pub(super) struct Batch {
    packets: Arc<Vec<Packet>>,
    /// Bytes that were queued before it, of all that the socket ever writes.
    start: u64,
}

impl Batch {
    /// How many of its packets are wholly among the first `written` bytes.
    pub(super) fn left(&self, written: u64) -> usize {
        let mut end = self.start;
        let whole = self.packets.iter().take_while(|packet| {
            end += frame_len(packet.head().len() + packet.body().len());
            end <= written
        });
        whole.count()
    }
}

/// Bytes of a masked frame (RFC 6455, section 5.2).
fn frame_len(payload: usize) -> u64 {
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
    /// Bytes read, written, and ever put into `write_buf`.
    pub(super) read: u64,
    pub(super) written: u64,
    queued: u64,
    /// What was written may still wait in a TLS session.
    flushed: bool,
}

/// What ended a socket.
pub(super) enum End {
    Failed(TransportError),
    CloseFrame(Option<CloseFrame>),
}

impl Socket {
    pub(super) fn new(io: Box<dyn Io>, codec: WebSocketCodec<MaskKeys>, read_buf: BytesMut) -> Self {
        let write_buf = BytesMut::new();
        Self { io, codec, read_buf, write_buf, read: 0, written: 0, queued: 0, flushed: true }
    }

    /// Puts a batch behind what is to be written.
    pub(super) fn queue_batch(&mut self, packets: Arc<Vec<Packet>>) -> Batch {
        let start = self.queued;
        for packet in packets.iter() {
            let opcode = if packet.is_binary() { Opcode::Binary } else { Opcode::Text };
            self.queue(opcode, packet.head(), packet.body());
        }
        Batch { packets, start }
    }

    pub(super) fn queue(&mut self, opcode: Opcode, head: &[u8], body: &[u8]) {
        let before = self.write_buf.len();
        // Encoding into memory cannot fail.
        let _ = self.codec.encode(Frame { opcode, head, body }, &mut self.write_buf);
        self.queued += u64::try_from(self.write_buf.len() - before).unwrap_or(0);
        self.flushed = false;
    }

    pub(super) fn poll_flush(&mut self, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        while !self.write_buf.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(task, &self.write_buf))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.write_buf.advance(written);
            self.written += u64::try_from(written).unwrap_or(0);
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.io).poll_flush(task))?;
            self.flushed = true;
            if self.write_buf.capacity() > MAX_KEPT {
                self.write_buf = BytesMut::new();
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_fill(&mut self, task: &mut Task<'_>) -> Poll<io::Result<usize>> {
        if self.read_buf.is_empty() && self.read_buf.capacity() > MAX_KEPT {
            self.read_buf = BytesMut::new();
        }
        if self.read_buf.capacity() - self.read_buf.len() < READ_AHEAD / 4 {
            self.read_buf.reserve(READ_AHEAD);
        }
        let read = ready!(poll_read_buf(Pin::new(&mut self.io), task, &mut self.read_buf))?;
        self.read += u64::try_from(read).unwrap_or(0);
        Poll::Ready(Ok(read))
    }

    /// Reads and reports one batch. Ready when something came of it; pending without leave to read.
    pub(super) fn poll_receive(
        &mut self,
        credit: &mut Option<Vec<Packet>>,
        uplink: &Uplink,
        task: &mut Task<'_>,
    ) -> Poll<Result<(), End>> {
        let Some(mut packets) = credit.take() else { return Poll::Pending };
        let mut bytes = 0;
        let mut answered = false;
        let end = loop {
            if packets.len() >= BATCH_PACKETS || bytes >= BATCH_BYTES {
                break None;
            }
            match self.codec.decode(&mut self.read_buf) {
                Ok(Some(message)) => match self.receive(message) {
                    Ok(Some(packet)) => {
                        bytes += packet.body().len();
                        packets.push(packet);
                    }
                    Ok(None) => answered = true,
                    Err(end) => break Some(end),
                },
                Ok(None) => {
                    if !packets.is_empty() {
                        break None;
                    }
                    match self.poll_fill(task) {
                        Poll::Ready(Ok(0)) => {
                            let err = TransportError::eof("the server closed the connection");
                            break Some(End::Failed(err));
                        }
                        Poll::Ready(Ok(_)) => {}
                        Poll::Ready(Err(err)) => break Some(End::Failed(err.into())),
                        Poll::Pending => {
                            *credit = Some(packets);
                            return if answered { Poll::Ready(Ok(())) } else { Poll::Pending };
                        }
                    }
                }
                Err(err) => break Some(End::Failed(err)),
            }
        };
        if packets.is_empty() {
            *credit = Some(packets);
        } else {
            uplink.report(ReportKind::Packets(packets));
        }
        Poll::Ready(end.map_or(Ok(()), Err))
    }

    /// A packet, or nothing when the frame was WebSocket's own business.
    fn receive(&mut self, message: Message) -> Result<Option<Packet>, End> {
        match message {
            Message::Text(text) => Packet::decode_text(text).map(Some).map_err(|err| End::Failed(err.into())),
            Message::Binary(bytes) => Ok(Some(Packet::Message(bytes.into()))),
            Message::Ping(payload) => {
                // RFC 6455, section 5.5.3: an endpoint may answer the latest of several pings only. One that pings
                // and does not read gets no more.
                if self.write_buf.len() < BATCH_BYTES {
                    self.queue(Opcode::Pong, &[], &payload);
                }
                Ok(None)
            }
            Message::Pong(_) => Ok(None),
            Message::Close(frame) => Err(End::CloseFrame(frame)),
        }
    }
}
