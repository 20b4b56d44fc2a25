//! What a WebSocket receives.

use std::task::{Context as Task, Poll, ready};

use bytes::Bytes;

use super::Socket;
use crate::{
    data::OVERHEAD,
    error::{ProtocolError, TransportError},
    protocol::{
        connection::{CloseReason, ReportKind},
        packet::Packet,
        websocket::{CompressionCounts, Message, Opcode},
    },
    transport::{BatchBuilder, ReportSender, websocket::close_codes::closed_by_server},
};

/// The largest number of reads in one call. After that the other actors of the arbiter run, because a server could send
/// pings without end.
const MAX_READS: usize = 4;

/// The largest number of bytes that may wait to be written when a pong is queued behind them. If there are more, only the
/// latest ping is answered, after all of them.
const MAX_OUTPUT_BEFORE_PONG: usize = 64 << 10;

/// The largest number of characters of a status line that an error shows.
const MAX_STATUS_LINE: usize = 100;

impl Socket {
    /// Receives the next message, and returns what `decode` makes of it. Pings that come before it are answered. `may_read`:
    /// if the message has not arrived, the socket reads from the connection.
    // A message is decoded here, and not by the caller, because each return moves it once more.
    pub(in crate::transport::websocket) fn poll_message<T>(
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
        if self.has_queued_close() {
            // RFC 6455, section 5.5.1: nothing follows a close frame.
            return;
        }
        if self.output.len() > MAX_OUTPUT_BEFORE_PONG {
            self.waiting_pong = Some(Bytes::copy_from_slice(payload));
        } else {
            self.waiting_pong = None;
            self.queue(Opcode::Pong, &[], payload);
        }
    }

    /// RFC 6455, section 5.5.3: a server may send pongs that nobody asked for. Those to our pings have a number.
    fn on_pong(&mut self, payload: &[u8]) {
        let number =
            payload.try_into().ok().map(u64::from_be_bytes).filter(|number| *number <= self.last_ping);
        self.answered_ping = self.answered_ping.max(number);
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
                let overhead = u64::try_from(self.version.binary_overhead()).unwrap_or(0);
                ProtocolError::too_large(size.saturating_sub(overhead), self.max_message_size).into()
            }
            err => err,
        }
    }

    /// The error for bytes that are not frames but an HTTP response: engine.io refuses some handshakes after it has accepted them.
    /// The decoder does not remove the bytes of an invalid frame, so they are still there.
    fn http_response(&self) -> Option<TransportError> {
        let text = self.input.undecoded().strip_prefix(b"HTTP/")?;
        let line = text.split(|byte| byte.is_ascii_control()).next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let line: String = self.secrets.mask(&line).chars().take(MAX_STATUS_LINE).collect();
        Some(TransportError::Malformed(format!("HTTP instead of WebSocket frames: HTTP/{line}").into()))
    }

    /// Reads and reports one batch. Pending if there is no credit, or if no packet has arrived.
    pub(in crate::transport::websocket) fn poll_receive(
        &mut self,
        credit: &mut Option<Vec<Packet>>,
        reports: &ReportSender,
        task: &mut Task<'_>,
    ) -> Poll<Result<(), CloseReason>> {
        let Some(emptied) = credit.take() else {
            return self.poll_end_after_write_error(task).map(|err| Err(CloseReason::Failed(err)));
        };
        self.reads = 0;
        let (version, max) = (self.version, self.max_message_size);
        let mut batch = BatchBuilder::new(emptied);
        let mut end = None;
        while !batch.is_full() && end.is_none() {
            // Packets that have arrived do not wait for more.
            match self.poll_message(batch.is_empty(), |message| version.decode_message(message, max), task) {
                Poll::Ready(Ok(packet)) => batch.push(packet),
                Poll::Ready(Err(reason)) => end = Some(reason),
                Poll::Pending => break,
            }
        }
        if let Some(number) = self.answered_ping.take() {
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
    pub(super) fn end_batch(&mut self, batch: BatchBuilder) -> (Vec<Packet>, Option<CompressionCounts>) {
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
    pub(super) fn poll_end_after_write_error(&mut self, task: &mut Task<'_>) -> Poll<TransportError> {
        let waits = self.codec.waits_for_turn() || !self.input.undecoded().is_empty();
        if self.write_error.is_none() || waits {
            return Poll::Pending;
        }
        match ready!(self.poll_read(task)) {
            Ok(()) => Poll::Pending,
            Err(err) => Poll::Ready(err),
        }
    }

    /// Waits for the server's close frame, or for the end of the connection. Other frames are ignored, since
    /// the session has ended.
    pub(in crate::transport::websocket) fn poll_closed(&mut self, task: &mut Task<'_>) -> Poll<()> {
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
