//! One connection that carries one exchange after another.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use actix_codec::{AsyncRead as _, AsyncWrite as _, Decoder as _, ReadBuf, poll_read_buf};
use actix_http::{
    ResponseHead, StatusCode,
    error::ParseError,
    h1,
    header::{self, HeaderMap},
};
use actix_rt::time::timeout;
use bytes::{Buf as _, Bytes, BytesMut, buf::Chain};

use super::{Request, Response, body::Body, codec_config::CodecConfig};
use crate::{
    error::{Cause, Stage, TransportError},
    transport::{Io, Progress},
};

/// Room for reading a head, and a small body with it.
const HEAD_READ_AHEAD: usize = 2 << 10;
/// 1xx heads skipped before one answer.
const MAX_INTERIM_HEADS: usize = 8;
/// Bytes of the words of a refusal, and how long they may take: some never end what they say.
const MAX_REFUSAL: usize = 64 << 10;
const REFUSAL_PATIENCE: Duration = Duration::from_millis(500);

/// One HTTP/1.1 connection.
///
/// An exchange that failed, or whose future was dropped, leaves it unusable ([`is_reusable`](Self::is_reusable)):
/// drop it, which closes the connection.
pub(crate) struct Http1Connection {
    io: Box<dyn Io>,
    codec_config: Rc<CodecConfig>,
    progress: Progress,
    read_buf: BytesMut,
    /// What has yet to leave of the request; `None` once it is out, or cannot leave any more.
    outgoing: Option<Chain<Bytes, Bytes>>,
    /// Why it cannot. Told unless the server refuses the request: it may do that without having read it.
    write_error: Option<io::Error>,
    is_reusable: bool,
}

/// The outcome of a WebSocket handshake.
pub(crate) enum Upgraded {
    /// 101. What `read_buf` holds came after the head: it is frames.
    Switched { headers: HeaderMap, io: Box<dyn Io>, read_buf: BytesMut },
    /// Any other answer.
    Refused(Response),
}

impl Upgraded {
    pub(crate) fn headers(&self) -> &HeaderMap {
        match self {
            Self::Switched { headers, .. } => headers,
            Self::Refused(response) => &response.headers,
        }
    }
}

impl Http1Connection {
    pub(crate) fn new(io: Box<dyn Io>, codec_config: &Rc<CodecConfig>, progress: Progress) -> Self {
        Self {
            io,
            codec_config: codec_config.clone(),
            progress,
            read_buf: BytesMut::new(),
            outgoing: None,
            write_error: None,
            is_reusable: true,
        }
    }

    /// Sends `request` and reads the answer, whose body may have `limit` bytes once inflated.
    pub(crate) async fn exchange(
        &mut self,
        request: &Request,
        limit: usize,
    ) -> Result<Response, TransportError> {
        self.begin(request);
        let (head, codec) = self.read_head().await?;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(TransportError::Malformed("101 to a request that asked for no upgrade".into()));
        }
        if !head.status.is_success() {
            return Ok(self.read_refusal(head, codec).await);
        }
        let response = self.read_body(head, codec, limit).await?;
        // A server may agree before it has read all. It gets all.
        if !self.progress.sent() {
            self.progress.enter(Stage::Request);
        }
        poll_fn(|cx| self.poll_send(cx)).await.map_err(TransportError::from_io)?;
        self.write_error.take().map_or(Ok(response), |err| Err(TransportError::from_io(err)))
    }

    /// Sends `request`, a WebSocket handshake, and hands the connection over if the server agrees.
    pub(crate) async fn upgrade(
        mut self,
        request: &Request,
        limit: usize,
    ) -> Result<Upgraded, TransportError> {
        self.begin(request);
        let (head, codec) = self.read_head().await?;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Upgraded::Switched { headers: head.headers, io: self.io, read_buf: self.read_buf });
        }
        if head.status.is_success() {
            return self.read_body(head, codec, limit).await.map(Upgraded::Refused);
        }
        Ok(Upgraded::Refused(self.read_refusal(head, codec).await))
    }

    /// Asks a proxy for a tunnel with `head`, a CONNECT request, and hands the connection over if it agrees.
    pub(crate) async fn tunnel(mut self, head: Bytes) -> Result<Box<dyn Io>, TransportError> {
        self.outgoing = Some(head.chain(Bytes::new()));
        let (head, codec) = self.read_head().await?;
        // RFC 9110, section 9.3.6: "Any 2xx (Successful) response indicates that the sender [..] will switch to
        // tunnel mode immediately after the response header section".
        if head.status.is_success() && self.read_buf.is_empty() {
            return Ok(self.io);
        }
        if head.status.is_success() {
            return Err(TransportError::Malformed("the proxy spoke before the server was asked".into()));
        }
        let status = head.status.as_u16();
        let message = self.read_refusal(head, codec).await.refusal(None).to_string();
        Err(TransportError::Proxy { status: Some(status), cause: Cause::text(&message) })
    }

    /// Whether it may carry another exchange.
    pub(crate) fn is_reusable(&self) -> bool {
        self.is_reusable
    }

    /// Whether the server has closed it since, or has said something unasked. Does not wait.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.io).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_ready()
    }

    fn begin(&mut self, request: &Request) {
        self.is_reusable = false;
        self.progress.begin(Stage::Request);
        self.outgoing = Some(request.head().chain(request.body.clone()));
    }

    /// The head of the answer, and the codec that knows how the body is chunked.
    async fn read_head(&mut self) -> Result<(ResponseHead, h1::ClientCodec), TransportError> {
        for _ in 0..=MAX_INTERIM_HEADS {
            let mut codec = self.codec_config.codec();
            let head = loop {
                if let Some(head) = codec.decode(&mut self.read_buf).map_err(malformed)? {
                    break head;
                }
                if self.fill(HEAD_READ_AHEAD).await? == 0 {
                    let err = self.write_error.take().map(TransportError::from_io);
                    return Err(err.unwrap_or_else(|| TransportError::eof("closed before the answer")));
                }
            };
            // RFC 9110, section 15.2: "A client MUST be able to parse one or more 1xx responses received prior to
            // a final response, even if the client does not expect one." 101 is final.
            if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok((head, codec));
            }
        }
        Err(TransportError::Malformed("no end of 1xx answers".into()))
    }

    /// An answer that refuses. Its words may be cut, too long, or without an end; that it refuses is known.
    async fn read_refusal(&mut self, head: ResponseHead, codec: h1::ClientCodec) -> Response {
        let (status, headers) = (head.status, head.headers.clone());
        if let Ok(Ok(response)) = timeout(REFUSAL_PATIENCE, self.read_body(head, codec, MAX_REFUSAL)).await {
            return response;
        }
        let is_encoded = |name| headers.contains_key(name);
        let body = match is_encoded(header::TRANSFER_ENCODING) || is_encoded(header::CONTENT_ENCODING) {
            true => Bytes::new(),
            false => self.read_buf.split().freeze(),
        };
        Response { status, headers, body }
    }

    async fn read_body(
        &mut self,
        head: ResponseHead,
        codec: h1::ClientCodec,
        limit: usize,
    ) -> Result<Response, TransportError> {
        self.progress.enter(Stage::Body);
        let mut body = Body::new(&head, codec, limit)?;
        let bytes = loop {
            if let Some(bytes) = body.decode(&mut self.read_buf)? {
                break bytes;
            }
            if self.fill(body.read_ahead(self.read_buf.len())).await? == 0 {
                break body.decode_eof(&mut self.read_buf)?;
            }
        };

        // Half a request, or bytes that nobody asked for, would be taken for the start of the next one.
        let is_clean = self.progress.sent() && self.read_buf.is_empty();
        self.is_reusable = is_clean && head.keep_alive() && !body.is_until_eof();
        // The response keeps the old buffer, however large; waiting for the next needs none.
        self.read_buf = BytesMut::new();
        Ok(Response { status: head.status, headers: head.headers, body: bytes })
    }

    /// Reads once, up to what there is room for and at least `ahead` bytes; 0 is the end of the connection.
    async fn fill(&mut self, ahead: usize) -> Result<usize, TransportError> {
        poll_fn(|cx| self.poll_fill(ahead, cx)).await.map_err(TransportError::from_io)
    }

    fn poll_fill(&mut self, ahead: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Err(err)) = self.poll_send(cx) {
            self.outgoing = None;
            self.write_error = Some(err);
        }
        let io = Pin::new(&mut self.io);
        let read = if self.read_buf.is_empty() && ahead <= HEAD_READ_AHEAD {
            // By way of the stack: an answer may be long in coming, and nothing is held for it meanwhile.
            let mut stack_buf = [const { MaybeUninit::uninit() }; HEAD_READ_AHEAD];
            let mut stack_buf = ReadBuf::uninit(&mut stack_buf);
            ready!(io.poll_read(cx, &mut stack_buf))?;
            self.read_buf.extend_from_slice(stack_buf.filled());
            stack_buf.filled().len()
        } else {
            self.read_buf.reserve(ahead);
            ready!(poll_read_buf(io, cx, &mut self.read_buf))?
        };
        self.progress.add_read(read);
        Poll::Ready(Ok(read))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(outgoing) = &mut self.outgoing else { return Poll::Ready(Ok(())) };
        let mut io = Pin::new(&mut self.io);
        while outgoing.has_remaining() {
            let mut parts = [IoSlice::new(&[]); 2];
            outgoing.chunks_vectored(&mut parts);
            let written = ready!(io.as_mut().poll_write_vectored(cx, &parts))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            outgoing.advance(written);
            self.progress.add_written(written);
        }
        ready!(io.poll_flush(cx))?;
        self.outgoing = None;
        self.progress.end_request();
        Poll::Ready(Ok(()))
    }
}

fn malformed(err: ParseError) -> TransportError {
    let what = match err {
        ParseError::TooLarge => "the head has more than 128 KiB or 96 headers",
        ParseError::Header => "bad header",
        _ => "not HTTP",
    };
    TransportError::Malformed(what.into())
}
