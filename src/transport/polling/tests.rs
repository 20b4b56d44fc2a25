//! The transport between a scripted server and a client that only collects its reports.

use std::{
    io,
    pin::Pin,
    sync::{Arc, mpsc as sync_mpsc},
    time::Duration,
};

use actix::Addr;
use actix_codec::{AsyncRead, AsyncWrite, ReadBuf};
use actix_rt::{net::TcpStream, time::timeout};
use futures::{
    StreamExt as _,
    channel::{mpsc, oneshot},
};

use super::*;
use crate::{
    data::Data,
    error::Stage,
    protocol::{
        connection::{Report, TransportId},
        endpoint::Endpoint,
        handshake::TransportKind,
    },
    transport::{
        self, Io, Options, TransportHandle, TransportParams,
        network::{Connector, Network, Route},
        server::{Peer, Server},
    },
};

const OPEN: &str = r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;

struct Collector(mpsc::UnboundedSender<ReportKind>);

impl Actor for Collector {
    type Context = Context<Self>;
}

impl Handler<Report> for Collector {
    type Result = ();

    fn handle(&mut self, report: Report, _: &mut Self::Context) {
        let _ = self.0.unbounded_send(report.kind);
    }
}

/// A transport, and the client's end of it.
struct Rig {
    transport: TransportHandle,
    reports: mpsc::UnboundedReceiver<ReportKind>,
    _collector: Addr<Collector>,
}

impl Rig {
    fn start(server: &Server) -> Self {
        Self::start_over(Network::default(), server)
    }

    /// A transport with these options of its connections.
    fn start_over(network: Network, server: &Server) -> Self {
        let (sender, reports) = mpsc::unbounded();
        let collector = Collector(sender).start();
        let endpoint = Endpoint::new(&server.origin(), "engine.io", true, "t".into()).unwrap();
        let endpoint = Arc::new(endpoint);
        let kind = TransportKind::Polling;
        let transport = transport::start(TransportParams {
            id: TransportId::new(0, kind),
            kind,
            version: ProtocolVersion::V4,
            trusted: endpoint.clone(),
            endpoint,
            sid: None,
            options: Arc::new(Options {
                max_message_size: 1 << 20,
                timestamp_requests: false,
                ..Options::new(Arc::new(network))
            }),
            reports: collector.clone().recipient().downgrade(),
        });
        Self { transport, reports, _collector: collector }
    }

    /// A transport with an open session, and without credit for another poll.
    async fn open(server: &Server) -> Self {
        Self::start(server).opened().await
    }

    async fn opened(mut self) -> Self {
        let (packets, is_complete) = self.packets().await;
        assert!(matches!(packets[..], [Packet::Open(_)]) && is_complete);
        self
    }

    fn order(&self, command: Command) {
        self.transport.order(TransportKind::Polling, command);
    }

    fn write(&self, packets: &[Packet]) {
        self.order(Command::Write(Arc::new(packets.to_vec())));
    }

    fn read(&self) {
        self.order(Command::Read(Vec::new()));
    }

    /// The next report, except those of progress.
    async fn report(&mut self) -> ReportKind {
        loop {
            let report = timeout(Duration::from_secs(10), self.reports.next()).await;
            match report.expect("no report").expect("the transport has ended") {
                ReportKind::Alive { .. } | ReportKind::Writing | ReportKind::Requested => {}
                report => return report,
            }
        }
    }

    async fn packets(&mut self) -> (Vec<Packet>, bool) {
        match self.report().await {
            ReportKind::Packets { packets, complete } => (packets, complete),
            report => panic!("{report:?}"),
        }
    }

    async fn closed(&mut self) -> TransportClosed {
        match self.report().await {
            ReportKind::Closed(closed) => closed,
            report => panic!("{report:?}"),
        }
    }
}

/// Answers the handshake.
fn opens(get: &mut Peer) {
    get.read_request();
    get.respond(200, &[], OPEN);
}

fn message(text: &str) -> Packet {
    Packet::Message(Data::from(text))
}

#[actix::test]
async fn a_poll_that_is_refused_while_the_session_closes_does_not_count() {
    let (polled, is_polled) = oneshot::channel();
    let server = Server::start(|server| {
        let mut get = server.accept();
        opens(&mut get);
        get.read_request();
        polled.send(()).unwrap();
        let mut post = server.accept();
        assert_eq!(post.read_request().body, b"4hi\x1e1");
        get.respond(400, &[("connection", "close")], "");
        // The client has read the refusal.
        get.wait_closed();
        post.respond(200, &[], "ok");
        post.wait_closed();
    });
    let mut rig = Rig::open(&server).await;
    rig.read();
    is_polled.await.unwrap();
    rig.write(&[message("hi"), Packet::Close]);
    assert!(matches!(rig.report().await, ReportKind::Written { any_number: true }));
    rig.order(Command::Close);
    let closed = rig.closed().await;
    assert!(matches!(closed.reason, CloseReason::Ordered), "{closed:?}");
    assert_eq!(closed.outcome, BatchOutcome::sent(0));
    server.finish().await;
}

#[actix::test]
async fn a_page_of_html_is_named_in_the_handshake_and_in_a_session() {
    for is_in_session in [false, true] {
        let server = Server::start(move |server| {
            let mut get = server.accept();
            if is_in_session {
                opens(&mut get);
            }
            get.read_request();
            get.respond(200, &[("content-type", "text/html")], "\n<!doctype html><p>Sign in");
            get.wait_closed();
        });
        let mut rig = Rig::start(&server);
        if is_in_session {
            rig = rig.opened().await;
            rig.read();
        }
        let CloseReason::Failed(err) = rig.closed().await.reason else { panic!("it did not fail") };
        assert_eq!(err.to_string(), "malformed response: a page of HTML", "in a session: {is_in_session}");
        server.finish().await;
    }
}

#[actix::test]
async fn a_refused_close_packet_does_not_wait_for_the_rest_of_a_poll() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        opens(&mut get);
        get.read_request();
        get.respond(200, &[], ["4hi"; 100].join("\x1e"));
        let mut post = server.accept();
        assert_eq!(post.read_request().body, b"1");
        post.respond(502, &[], "");
        post.wait_closed();
    });
    let mut rig = Rig::open(&server).await;
    rig.read();
    // Nobody gives credit for the rest.
    assert!(!rig.packets().await.1);
    rig.write(&[Packet::Close]);
    let closed = rig.closed().await;
    assert!(matches!(closed.reason, CloseReason::Failed(TransportError::Status(_))), "{closed:?}");
    server.finish().await;
}

#[actix::test]
async fn no_poll_begins_while_the_session_closes() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        opens(&mut get);
        let mut post = server.accept();
        assert_eq!(post.read_request().body, b"1");
        post.respond(200, &[], "OK");
        assert_eq!(get.wait_closed(), b"");
        post.wait_closed();
    });
    let mut rig = Rig::open(&server).await;
    rig.write(&[Packet::Close]);
    rig.read();
    assert!(matches!(rig.report().await, ReportKind::Written { any_number: false }));
    rig.order(Command::Close);
    rig.closed().await;
    server.finish().await;
}

#[actix::test]
async fn packets_that_arrived_before_a_post_failed_are_reported_before_its_error() {
    let (reported, first_report) = sync_mpsc::channel();
    let server = Server::start(move |server| {
        let mut get = server.accept();
        opens(&mut get);
        get.read_request();
        let mut post = server.accept();
        post.read_request();
        get.respond(200, &[], vec!["4x"; 100].join("\x1e"));
        first_report.recv().unwrap();
        post.respond(500, &[("connection", "close")], "");
        // The client has read the error.
        post.wait_closed();
    });
    let mut rig = Rig::open(&server).await;
    rig.read();
    rig.write(&[message("hi")]);
    let (packets, is_complete) = rig.packets().await;
    assert_eq!((packets.len(), is_complete), (64, false));
    reported.send(()).unwrap();
    server.finish().await;
    rig.read();
    let (packets, is_complete) = rig.packets().await;
    assert_eq!((packets.len(), is_complete), (36, true));
    let closed = rig.closed().await;
    assert!(matches!(closed.reason, CloseReason::Failed(TransportError::Status(_))), "{closed:?}");
    assert_eq!(closed.outcome, BatchOutcome::UNCERTAIN);
}

#[actix::test]
async fn a_pause_ends_when_the_requests_in_flight_have_ended() {
    let (polled, is_polled) = oneshot::channel();
    let (reported, first_report) = sync_mpsc::channel();
    let server = Server::start(move |server| {
        let mut get = server.accept();
        opens(&mut get);
        get.read_request();
        polled.send(()).unwrap();
        let mut post = server.accept();
        post.read_request();
        get.respond(200, &[], "6");
        first_report.recv().unwrap();
        post.respond(200, &[], "ok");
        // The poll after the pause.
        get.read_request();
        get.respond(200, &[], "4again");
        get.wait_closed();
        post.wait_closed();
    });
    let mut rig = Rig::open(&server).await;
    rig.read();
    is_polled.await.unwrap();
    rig.write(&[message("hi")]);
    rig.order(Command::Pause);
    assert_eq!(rig.packets().await.0, [Packet::Noop]);
    rig.read();
    reported.send(()).unwrap();
    assert!(matches!(rig.report().await, ReportKind::Written { .. }));
    assert!(matches!(rig.report().await, ReportKind::Paused));
    rig.order(Command::Resume);
    assert_eq!(rig.packets().await.0, [message("again")]);
    rig.order(Command::Abort);
    assert!(matches!(rig.closed().await.reason, CloseReason::Ordered));
    server.finish().await;
}

#[actix::test]
async fn half_a_post_was_not_sent() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        opens(&mut get);
        let mut post = server.accept();
        post.read_head();
        post.reset();
        get.wait_closed();
    });
    let mut rig = Rig::open(&server).await;
    rig.write(&[message(&"x".repeat(16 << 20))]);
    let closed = rig.closed().await;
    assert!(matches!(closed.reason, CloseReason::Failed(TransportError::Io { .. })), "{closed:?}");
    assert_eq!(closed.outcome, BatchOutcome::BEGUN);
    server.finish().await;
}

#[actix::test]
async fn a_post_that_has_not_begun_was_not_sent_whatever_became_of_the_one_before() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        opens(&mut get);
        let mut post = server.accept();
        post.read_request();
        post.respond(200, &[], "ok");
        get.wait_closed();
        assert_eq!(post.wait_closed(), b"");
    });
    let mut rig = Rig::open(&server).await;
    rig.write(&[message("first")]);
    assert!(matches!(rig.report().await, ReportKind::Written { .. }));
    rig.write(&[message("second")]);
    rig.order(Command::Abort);
    assert_eq!(rig.closed().await.outcome, BatchOutcome::sent(0));
    server.finish().await;
}

#[actix::test]
async fn an_abort_during_the_handshake_says_what_it_waited_for() {
    let (asked, is_asked) = oneshot::channel();
    let server = Server::start(move |server| {
        let mut get = server.accept();
        get.read_request();
        asked.send(()).unwrap();
        get.wait_closed();
    });
    let mut rig = Rig::start(&server);
    assert!(matches!(rig.reports.next().await, Some(ReportKind::Requested)));
    is_asked.await.unwrap();
    rig.order(Command::Abort);
    let closed = rig.closed().await;
    assert!(matches!(closed.reason, CloseReason::Interrupted(Stage::Response)), "{closed:?}");
    server.finish().await;
}

/// A connection that flushes no POST: it waits for an acknowledgement that does not come.
struct Unflushed {
    stream: TcpStream,
    is_post: bool,
}

impl AsyncRead for Unflushed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(task, buf)
    }
}

impl AsyncWrite for Unflushed {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Task<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.is_post |= buf.starts_with(b"POST");
        Pin::new(&mut self.stream).poll_write(task, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        if self.is_post { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

#[actix::test]
async fn a_post_whose_last_byte_was_written_is_in_doubt_although_it_was_not_flushed() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        opens(&mut get);
        let mut post = server.accept();
        assert_eq!(post.read_request().body, b"4hi");
        post.reset();
        get.wait_closed();
    });
    let connector: Connector = Arc::new(|to| {
        Box::pin(async move {
            let stream = TcpStream::connect((to.host(), to.port())).await?;
            let io: Box<dyn Io> = Box::new(Unflushed { stream, is_post: false });
            Ok(io)
        })
    });
    let network = Network { route: Route::Connector(connector), ..Network::default() };
    let mut rig = Rig::start_over(network, &server).opened().await;
    rig.write(&[message("hi")]);
    let closed = rig.closed().await;
    assert!(matches!(closed.reason, CloseReason::Failed(TransportError::Io { .. })), "{closed:?}");
    assert_eq!(closed.outcome, BatchOutcome::UNCERTAIN);
    server.finish().await;
}

#[actix::test]
async fn an_answer_to_a_post_that_arrives_together_with_a_failed_poll_counts() {
    let (polled, is_polled) = oneshot::channel();
    let (posted, is_posted) = oneshot::channel();
    let (answered, is_answered) = sync_mpsc::channel();
    let server = Server::start(move |server| {
        let mut get = server.accept();
        opens(&mut get);
        get.read_request();
        polled.send(()).unwrap();
        let mut post = server.accept();
        post.read_request();
        posted.send(()).unwrap();
        post.respond(200, &[], "ok");
        get.respond(400, &[], "");
        answered.send(()).unwrap();
        get.wait_closed();
        post.wait_closed();
    });
    let mut rig = Rig::open(&server).await;
    rig.read();
    is_polled.await.unwrap();
    rig.write(&[message("hi")]);
    is_posted.await.unwrap();
    // The thread of the transport is busy until both answers have arrived.
    is_answered.recv().unwrap();
    assert!(matches!(rig.report().await, ReportKind::Written { .. }));
    let closed = rig.closed().await;
    assert!(matches!(closed.reason, CloseReason::Failed(TransportError::Status(_))), "{closed:?}");
    assert_eq!(closed.outcome, BatchOutcome::sent(0));
    server.finish().await;
}

#[actix::test]
async fn the_end_of_an_idle_connection_for_posts_is_noticed_at_once() {
    let (reported, is_reported) = sync_mpsc::channel();
    let server = Server::start(move |server| {
        let mut get = server.accept();
        opens(&mut get);
        let mut post = server.accept();
        post.read_request();
        post.respond(200, &[], "ok");
        is_reported.recv().unwrap();
        post.half_close();
        // The client closes its side as soon as it notices.
        assert_eq!(post.wait_closed(), b"");
    });
    let mut rig = Rig::open(&server).await;
    rig.write(&[message("hi")]);
    assert!(matches!(rig.report().await, ReportKind::Written { .. }));
    reported.send(()).unwrap();
    server.finish().await;
    drop(rig);
}
