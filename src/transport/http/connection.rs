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

use actix_codec::{AsyncRead as _, AsyncWrite as _, ReadBuf, poll_read_buf};
use actix_http::{
    ResponseHead, StatusCode, h1,
    header::{self, HeaderMap},
};
use bytes::{Buf as _, Bytes, BytesMut, buf::Chain};

use super::{
    Forwarding, Promise, Request, Response, body::Body, codec_config::CodecConfig, head, reuse::persists,
};
use crate::{
    error::{Stage, TransportError},
    transport::{Io, Progress, Secrets, deadline::within},
};

/// The size of a read of a head, which may include a small body.
const HEAD_READ_AHEAD: usize = 2 << 10;
/// The largest number of 1xx heads before one response. A proxy may send one every few seconds while a poll waits, and the
/// longest polls wait for some minutes: that makes a hundred or two. An endless series still has an end.
const MAX_INTERIM_HEADS: usize = 1000;
/// Limits for the body of an error response: some servers never finish it.
const MAX_ERROR_BODY: usize = 64 << 10;
const ERROR_BODY_TIMEOUT: Duration = Duration::from_millis(500);

/// One HTTP/1.1 connection.
///
/// After an exchange that failed, or whose future was dropped, the connection is not
/// [reusable](Self::is_reusable). Dropping it closes it.
pub(crate) struct Http1Connection {
    io: Box<dyn Io>,
    codec_config: Rc<CodecConfig>,
    progress: Progress,
    read_buf: BytesMut,
    /// The rest of the request that is being written; `None` once it is sent, or cannot be sent any more.
    outgoing: Option<Chain<Bytes, Bytes>>,
    /// The error that stopped writing. A server may refuse a request that it has not read completely; then its response
    /// counts, and not this error.
    write_error: Option<io::Error>,
    is_reusable: bool,
    /// The number of responses that have arrived completely.
    answers: u32,
    /// The time for which the server waits for the next request, as its last answer says.
    promise: Option<Promise>,
    /// The proxy that forwards the requests. `None`: they go to the server itself.
    forwarding: Option<Rc<Forwarding>>,
}

/// The response to a WebSocket handshake.
pub(crate) enum UpgradeResponse {
    /// Status 101: the connection carries frames now. `read_buf` has the bytes that arrived behind the head.
    Switched { headers: HeaderMap, io: Box<dyn Io>, read_buf: BytesMut },
    /// Any other status.
    Other(Response),
}

impl UpgradeResponse {
    pub(crate) fn headers(&self) -> &HeaderMap {
        match self {
            Self::Switched { headers, .. } => headers,
            Self::Other(response) => &response.headers,
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
            answers: 0,
            promise: None,
            forwarding: None,
        }
    }

    /// Makes the proxy at the other end of the connection forward the requests.
    pub(crate) fn forwarded_by(mut self, proxy: Option<Rc<Forwarding>>) -> Self {
        self.forwarding = proxy;
        self
    }

    /// Sends `request` and reads the response. `limit`: the largest size of its inflated body.
    pub(crate) async fn exchange(
        &mut self,
        request: &Request,
        limit: usize,
    ) -> Result<Response, TransportError> {
        self.begin(request);
        let (head, codec) = self.read_head().await.map_err(|err| self.blame(err))?;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(TransportError::Malformed("101 to a request that asked for no upgrade".into()));
        }
        if !head.status.is_success() {
            // Boxed, since otherwise every poll that waits would have room for it.
            let sent = request.head(self.forwarding.as_deref());
            let response = Box::pin(self.read_error_response(head, codec, &sent)).await;
            return self.check_proxy(response);
        }
        let response = self.read_body(head, codec, limit).await?;
        // A server may respond before it has read the whole request. The rest is sent all the same.
        if self.outgoing.is_some() {
            self.progress.enter(Stage::Request);
        }
        poll_fn(|cx| self.poll_send(cx)).await.map_err(TransportError::from_io)?;
        self.write_error.take().map_or(Ok(response), |err| Err(TransportError::from_io(err)))
    }

    /// Sends `request`, a WebSocket handshake. If the server switches, the connection is returned.
    pub(crate) async fn upgrade(
        mut self,
        request: &Request,
        limit: usize,
    ) -> Result<UpgradeResponse, TransportError> {
        self.begin(request);
        let (head, codec) = self.read_head().await?;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(UpgradeResponse::Switched {
                headers: head.headers,
                io: self.io,
                read_buf: self.read_buf,
            });
        }
        if head.status.is_success() {
            return self.read_body(head, codec, limit).await.map(UpgradeResponse::Other);
        }
        Ok(UpgradeResponse::Other(self.read_error_response(head, codec, &request.head(None)).await))
    }

    /// Asks a proxy for a tunnel with `request`, the head of a CONNECT request. If the proxy opens one, the connection is returned.
    pub(crate) async fn tunnel(mut self, request: Bytes) -> Result<Box<dyn Io>, TransportError> {
        self.outgoing = Some(request.clone().chain(Bytes::new()));
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
        let refusal = self.read_error_response(head, codec, &request).await.http_status();
        Err(TransportError::proxy(Some(status), refusal))
    }

    /// Whether a proxy forwards the requests.
    pub(crate) fn is_forwarded(&self) -> bool {
        self.forwarding.is_some()
    }

    /// Checks that the proxy, if there is one, has forwarded the request. Only a proxy answers with status 407 (RFC 9110,
    /// section 15.5.8). Any other error may be the server's.
    fn check_proxy(&self, response: Response) -> Result<Response, TransportError> {
        if self.forwarding.is_none() || response.status != StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Ok(response);
        }
        let status = response.http_status();
        Err(TransportError::proxy(Some(status.status), status))
    }

    /// A head that is not HTTP is the fault of the proxy, if there is one: it passes on only what it understands.
    fn blame(&self, err: TransportError) -> TransportError {
        match err {
            err @ TransportError::Malformed(_) if self.forwarding.is_some() => {
                TransportError::proxy(None, err)
            }
            err => err,
        }
    }

    /// Whether the request was sent completely.
    fn is_sent(&self) -> bool {
        self.outgoing.is_none() && self.write_error.is_none()
    }

    /// Whether the connection can carry another exchange.
    pub(crate) fn is_reusable(&self) -> bool {
        self.is_reusable
    }

    /// The number of requests that were answered on the connection.
    pub(crate) fn answers(&self) -> u32 {
        self.answers
    }

    /// The time for which the server waits for the next request, if its last answer says it.
    pub(crate) fn promise(&self) -> Option<Promise> {
        self.promise
    }

    /// Whether the server has closed the connection, or has sent bytes that nobody asked for. Does not wait.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.poll_closed(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Waits, between two exchanges, until the server closes the connection or sends bytes that nobody asked for. Some
    /// proxies send a response with status 408 before they close an idle connection.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut byte = [0];
        Pin::new(&mut self.io).poll_read(cx, &mut ReadBuf::new(&mut byte)).map(drop)
    }

    fn begin(&mut self, request: &Request) {
        self.is_reusable = false;
        self.progress.begin(Stage::Request);
        self.outgoing = Some(request.head(self.forwarding.as_deref()).chain(request.body.clone()));
    }

    /// Reads the head of the response. The codec that is returned has read how the body is framed.
    async fn read_head(&mut self) -> Result<(ResponseHead, h1::ClientCodec), TransportError> {
        for _ in 0..=MAX_INTERIM_HEADS {
            let mut codec = self.codec_config.codec();
            let head = loop {
                if let Some(head) = head::decode(&mut codec, &mut self.read_buf)? {
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

    /// Reads the error response to a request with the head `request`. Its body may be cut, too long or endless: the status
    /// counts, whatever becomes of the body.
    async fn read_error_response(
        &mut self,
        head: ResponseHead,
        codec: h1::ClientCodec,
        request: &[u8],
    ) -> Response {
        let secrets = Secrets::of_head(request);
        let (status, headers) = (head.status, head.headers.clone());
        if let Some(Ok(response)) =
            within(ERROR_BODY_TIMEOUT, self.read_body(head, codec, MAX_ERROR_BODY)).await
        {
            return Response { secrets, ..response };
        }
        let is_encoded = |name| headers.contains_key(name);
        let body = match is_encoded(header::TRANSFER_ENCODING) || is_encoded(header::CONTENT_ENCODING) {
            true => Bytes::new(),
            false => self.read_buf.split().freeze(),
        };
        Response { status, headers, body, secrets }
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

        // After half a request the server would misread the next one, and bytes that nobody asked for would be misread as
        // the next response.
        let is_clean = self.is_sent() && self.read_buf.is_empty();
        // RFC 9112, section 6.3: a message with both may be an attempt to smuggle a response.
        let has_two_lengths = head.headers.contains_key(header::TRANSFER_ENCODING)
            && head.headers.contains_key(header::CONTENT_LENGTH);
        self.is_reusable = is_clean && persists(&head) && !body.is_until_eof() && !has_two_lengths;
        self.promise = Promise::read(&head.headers);
        self.answers = self.answers.saturating_add(1);
        // The response owns the old buffer, which may be large. Waiting for the next response needs none.
        self.read_buf = BytesMut::new();
        let (status, headers) = (head.status, head.headers);
        Ok(Response { status, headers, body: bytes, secrets: Secrets::default() })
    }

    /// Reads once, into a buffer with room for at least `ahead` bytes. Returns 0 at the end of the connection.
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
            // A buffer on the stack: a response may take long, and a waiting connection owns no heap buffer.
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
        self.progress.end_writing();
        ready!(io.poll_flush(cx))?;
        self.outgoing = None;
        self.progress.end_request();
        Poll::Ready(Ok(()))
    }
}
