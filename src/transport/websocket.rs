//! The WebSocket: a handshake, then a pump that moves packets both ways.

use std::{
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll, ready},
};

use actix::{Actor, ActorContext, Context, Handler};
use actix_codec::{AsyncWrite as _, Decoder as _, Encoder as _, poll_read_buf};
use actix_http::{
    Method,
    header::{self, HeaderMap, HeaderValue},
    ws,
};
use actix_rt::time::timeout;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Buf as _, Bytes, BytesMut};
use futures_core::future::LocalBoxFuture;
use rand::{
    Rng as _, SeedableRng as _,
    rngs::{StdRng, SysRng},
};

use super::{
    BATCH_BYTES, BATCH_PACKETS, Requests, Sign, Transport, Uplink,
    http::{Agent, Io, Network, Upgraded},
    take_turns,
};
use crate::{
    error::{ProtocolError, TransportError},
    protocol::{
        connection::{Cause, Command, Ended, Fate, ReportKind},
        handshake::TransportKind,
        packet::Packet,
        websocket::{CloseFrame, Frame, Message, Opcode, WebSocketCodec, close_payload},
    },
};

/// Room made for each read.
const READ_AHEAD: usize = 64 << 10;

/// A write buffer, or a read buffer, that has grown beyond this is given back when it is empty.
const MAX_KEPT: usize = 256 << 10;

/// RFC 6455, section 7.4.1: a close frame without a code is told as this one.
const NO_STATUS: u16 = 1005;

type MaskKeys = Box<dyn FnMut() -> [u8; 4]>;

/// The actor.
pub(super) struct WebSocketTransport {
    uplink: Uplink,
    phase: Phase,
    /// Leave to read one more batch, which goes into this one.
    credit: Option<Vec<Packet>>,
    batch: Option<Batch>,
    heard: Sign,
    wrote: Sign,
}

enum Phase {
    Connecting(LocalBoxFuture<'static, Result<Socket, TransportError>>),
    Open(Box<Socket>),
    /// Our close frame is on its way; the server's, or the end, is awaited.
    Closing(Box<Socket>),
    Ended,
}

/// A batch on its way out.
struct Batch {
    packets: Arc<Vec<Packet>>,
    /// Bytes that were queued before it, of all that the socket ever writes.
    start: u64,
}

struct Socket {
    io: Box<dyn Io>,
    codec: WebSocketCodec<MaskKeys>,
    read_buf: BytesMut,
    write_buf: BytesMut,
    /// Bytes read, written, and ever put into `write_buf`.
    read: u64,
    written: u64,
    queued: u64,
    /// What was written may still wait in a TLS session.
    flushed: bool,
}

/// What ended a socket.
enum End {
    Failed(TransportError),
    CloseFrame(Option<CloseFrame>),
}

impl WebSocketTransport {
    pub(super) fn new(uplink: Uplink, requests: Requests) -> Self {
        Self {
            uplink,
            phase: Phase::Connecting(Box::pin(connect(requests))),
            credit: Some(Vec::new()),
            batch: None,
            heard: Sign::default(),
            wrote: Sign::default(),
        }
    }

    fn write(&mut self, packets: Arc<Vec<Packet>>) {
        let Phase::Open(socket) = &mut self.phase else { return };
        let start = socket.queued;
        for packet in packets.iter() {
            let opcode = if packet.is_binary() { Opcode::Binary } else { Opcode::Text };
            socket.queue(opcode, packet.head(), packet.body());
        }
        self.batch = Some(Batch { packets, start });
    }

    fn close(&mut self) {
        match mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Open(mut socket) => {
                socket.queue(Opcode::Close, &[], &close_payload(1000, ""));
                self.phase = Phase::Closing(socket);
            }
            phase => self.phase = phase,
        }
    }

    /// Gives the server a close frame if it fits, closes, and says so.
    fn end(&mut self, cause: Cause, code: Option<u16>, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        let phase = mem::replace(&mut self.phase, Phase::Ended);
        let mut left = 0;
        if let Phase::Open(mut socket) | Phase::Closing(mut socket) = phase {
            if let Some(code) = code {
                socket.queue(Opcode::Close, &[], &close_payload(code, ""));
            }
            let _ = socket.poll_flush(task);
            if let Some(batch) = self.batch.take() {
                left = batch.left(socket.written);
            }
        }
        self.uplink.end(Ended { cause, fate: Fate::Left(left) });
        ctx.stop();
    }

    /// Moves bytes until neither way can go on. Ready when the socket has ended.
    fn poll_socket(&mut self, task: &mut Task<'_>) -> Poll<End> {
        let Phase::Open(socket) = &mut self.phase else { return Poll::Pending };
        loop {
            match socket.poll_flush(task) {
                Poll::Ready(Ok(())) => {
                    if self.batch.take().is_some() {
                        self.uplink.report(ReportKind::Written { any_number: false });
                    }
                }
                // Why the server closed may still wait to be read.
                Poll::Ready(Err(err)) => {
                    let end = match socket.poll_receive(&mut self.credit, &self.uplink, task) {
                        Poll::Ready(Ok(())) => continue,
                        Poll::Ready(Err(end @ End::CloseFrame(_))) => end,
                        _ => End::Failed(err.into()),
                    };
                    return Poll::Ready(end);
                }
                Poll::Pending => {
                    if self.wrote.is_due(socket.written) && self.batch.is_some() {
                        self.uplink.report(ReportKind::Writing);
                    }
                }
            }
            match socket.poll_receive(&mut self.credit, &self.uplink, task) {
                // Something was received, and perhaps a heartbeat is to be answered.
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                Poll::Pending => {
                    if self.heard.is_due(socket.read) {
                        self.uplink.report(ReportKind::Alive);
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Waits for the server's close frame, or the end of the connection. What else it says is too late.
    fn poll_closing(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let Phase::Closing(socket) = &mut self.phase else { return Poll::Pending };
        if let Poll::Ready(Err(_)) = socket.poll_flush(task) {
            return Poll::Ready(());
        }
        loop {
            loop {
                match socket.codec.decode(&mut socket.read_buf) {
                    Ok(Some(Message::Close(_))) | Err(_) => return Poll::Ready(()),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                }
            }
            match ready!(socket.poll_fill(task)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
    }
}

impl Batch {
    /// How many of its packets are wholly among the first `written` bytes.
    fn left(&self, written: u64) -> usize {
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

impl Socket {
    fn queue(&mut self, opcode: Opcode, head: &[u8], body: &[u8]) {
        let before = self.write_buf.len();
        // Encoding into memory cannot fail.
        let _ = self.codec.encode(Frame { opcode, head, body }, &mut self.write_buf);
        self.queued += u64::try_from(self.write_buf.len() - before).unwrap_or(0);
        self.flushed = false;
    }

    fn poll_flush(&mut self, task: &mut Task<'_>) -> Poll<io::Result<()>> {
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

    fn poll_fill(&mut self, task: &mut Task<'_>) -> Poll<io::Result<usize>> {
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
    fn poll_receive(
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

/// Opens a connection and asks for a WebSocket on it (RFC 6455, section 4.1).
async fn connect(requests: Requests) -> Result<Socket, TransportError> {
    let agent = Agent::new(Network::shared(), requests.endpoint.origin().to_owned());
    let limit = requests.options.request_timeout;
    let handshake = handshake(&agent, &requests);
    match timeout(limit, handshake).await {
        Ok(socket) => socket,
        Err(_) => Err(TransportError::Timeout { stage: agent.activity().stage() }),
    }
}

async fn handshake(agent: &Agent, requests: &Requests) -> Result<Socket, TransportError> {
    let Ok(mut random) = StdRng::try_from_rng(&mut SysRng) else {
        return Err(TransportError::Unsupported("the operating system gives no random numbers".into()));
    };
    let mut nonce = [0; 16];
    random.fill_bytes(&mut nonce);
    let key = STANDARD.encode(nonce);
    let headers = [
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        (header::SEC_WEBSOCKET_KEY, HeaderValue::try_from(&key).map_err(|_| malformed("the key"))?),
    ];
    let request = requests.make(Method::GET, TransportKind::WebSocket, headers, Bytes::new())?;
    let max_message_size = requests.options.max_message_size;
    match agent.upgrade(&request, max_message_size).await? {
        Upgraded::Switched { headers, io, read_buf } => {
            check(&headers, &key)?;
            let mask_keys: MaskKeys = Box::new(move || random.next_u32().to_ne_bytes());
            Ok(Socket {
                io,
                codec: WebSocketCodec::new(max_message_size, mask_keys),
                read_buf,
                write_buf: BytesMut::new(),
                read: 0,
                written: 0,
                queued: 0,
                flushed: true,
            })
        }
        Upgraded::Refused(response) if response.status.is_success() => {
            Err(malformed("the server did not switch to WebSocket"))
        }
        Upgraded::Refused(response) if response.status.is_redirection() => {
            Err(TransportError::Redirect("a WebSocket handshake is not redirected".into()))
        }
        Upgraded::Refused(response) => Err(TransportError::Status(Box::new(response.refusal()))),
    }
}

/// What the server's half of the handshake has to say.
fn check(headers: &HeaderMap, key: &str) -> Result<(), TransportError> {
    let has_token = |name, token: &str| {
        headers
            .get_all(name)
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(token)))
    };
    if !has_token(header::UPGRADE, "websocket") || !has_token(header::CONNECTION, "upgrade") {
        return Err(malformed("the server switched to another protocol"));
    }
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accept != Some(&ws::hash_key(key.as_bytes())) {
        return Err(malformed("sec-websocket-accept does not match"));
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        return Err(malformed("a WebSocket extension that was not asked for"));
    }
    if headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
        return Err(malformed("a WebSocket subprotocol that was not asked for"));
    }
    Ok(())
}

fn malformed(what: &str) -> TransportError {
    TransportError::Malformed(what.into())
}

impl Actor for WebSocketTransport {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        take_turns(ctx);
    }
}

impl Handler<Command> for WebSocketTransport {
    type Result = ();

    fn handle(&mut self, command: Command, ctx: &mut Self::Context) {
        match command {
            Command::Write(packets) => self.write(packets),
            Command::Read(emptied) => self.credit = Some(emptied),
            Command::Close => self.close(),
            Command::Abort => {
                let mut task = Task::from_waker(std::task::Waker::noop());
                let code = matches!(self.phase, Phase::Open(_)).then_some(1000);
                self.end(Cause::Ordered, code, ctx, &mut task);
            }
            // The sid is in the URL from the start, and nothing is ever paused.
            Command::Session(_) | Command::Pause | Command::Resume => {}
        }
    }
}

impl Transport for WebSocketTransport {
    fn turn(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        if self.uplink.poll_abandoned(task) {
            return ctx.stop();
        }
        if let Phase::Connecting(connecting) = &mut self.phase {
            match connecting.as_mut().poll(task) {
                Poll::Ready(Ok(socket)) => {
                    self.phase = Phase::Open(Box::new(socket));
                    self.uplink.report(ReportKind::Opened);
                }
                Poll::Ready(Err(err)) => return self.end(Cause::Failed(err), None, ctx, task),
                Poll::Pending => return,
            }
        }
        if self.poll_closing(task).is_ready() {
            return self.end(Cause::Ordered, None, ctx, task);
        }
        let (cause, code) = match self.poll_socket(task) {
            Poll::Pending => return,
            Poll::Ready(End::Failed(err)) => {
                let code = match &err {
                    TransportError::Protocol(ProtocolError::TooLarge { .. }) => Some(1009),
                    TransportError::Protocol(ProtocolError::Utf8) => Some(1007),
                    TransportError::Protocol(_) => Some(1002),
                    _ => None,
                };
                (Cause::Failed(err), code)
            }
            Poll::Ready(End::CloseFrame(None)) => {
                (Cause::CloseFrame { code: NO_STATUS, reason: "".into() }, Some(1000))
            }
            Poll::Ready(End::CloseFrame(Some(CloseFrame { code, reason }))) => {
                (Cause::CloseFrame { code, reason }, Some(code))
            }
        };
        self.end(cause, code, ctx, task);
    }
}
