//! Loops that await each `Send`, seen from outside of the client: how much they cost, and what arrives.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread,
};

use actix::{Addr, System};
use actix_engineio::{
    self as engineio, Connect, Destination, Disconnect, EngineIoClient, Event, Flush, TransportKind, Wait,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::support::{
    Client, Clock, Recorder,
    script::OPEN,
    server::{Peer, Server},
};

const MESSAGES: usize = 1000;

/// Counts the writes that have sent something: each is a system call.
struct Counting(TcpStream, Arc<AtomicUsize>);

/// A client whose writes are counted.
pub(crate) fn counted(server: &Server) -> (Client, Arc<AtomicUsize>) {
    let writes = Arc::<AtomicUsize>::default();
    let client = Client::with(server, |builder| {
        let writes = writes.clone();
        builder.connector(async move |to: Destination| {
            Ok(Counting(TcpStream::connect((to.host(), to.port())).await?, writes.clone()))
        })
    });
    (client, writes)
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(task, buf)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.0).poll_write(task, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(task)
    }
}

/// Sends `0`, `1`, and so on, and awaits each.
async fn send_in_a_loop(client: &Addr<EngineIoClient>, messages: usize) {
    for at in 0..messages {
        client.send(engineio::Send::text(at.to_string())).await.unwrap().unwrap();
    }
}

/// Expects the messages of a loop over WebSocket.
fn reads_loop(ws: &mut Peer, messages: usize) {
    for at in 0..messages {
        ws.reads(&format!("4{at}"));
    }
}

#[actix::test]
async fn a_loop_over_websocket_makes_few_system_calls() {
    for is_task in [false, true] {
        let server = Server::start(|server| {
            let mut ws = server.opens_websocket(OPEN);
            reads_loop(&mut ws, MESSAGES);
            ws.reads("1");
            ws.reads_close(1000);
            ws.close();
        });
        let (mut client, writes) = counted(&server);
        client.connect_over(TransportKind::WebSocket).await;
        let before = writes.load(Ordering::SeqCst);
        let clock = Clock::stop();
        let sender = client.addr.clone();
        if is_task {
            actix_rt::spawn(async move { send_in_a_loop(&sender, MESSAGES).await }).await.unwrap();
        } else {
            send_in_a_loop(&sender, MESSAGES).await;
        }
        client.addr.send(Flush).await.unwrap().unwrap();
        drop(clock);
        let writes = writes.load(Ordering::SeqCst) - before;
        assert!(writes <= 10, "{writes} writes");
        client.disconnect().await;
        client.ended_cleanly().await;
        server.finish().await;
    }
}

#[actix::test]
async fn a_loop_over_polling_makes_few_posts() {
    let server = Server::start(|server| {
        let (get, mut post) = server.opens_both(OPEN);
        let mut next = 0;
        let mut posts = 0;
        while next < MESSAGES {
            for packet in post.post().split('\u{1e}') {
                assert_eq!(packet, format!("4{next}"));
                next += 1;
            }
            post.ok();
            posts += 1;
        }
        // The second one has 16 messages: the server has not yet shown that it accepts more.
        assert!(posts <= 10, "{posts} POSTs");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    let clock = Clock::stop();
    send_in_a_loop(&client.addr, MESSAGES).await;
    client.addr.send(Flush).await.unwrap().unwrap();
    drop(clock);
    client.ended_cleanly().await;
    server.finish().await;
}

/// Runs a program whose `main` connects, sends in a loop, and does `last` before it returns.
fn program(
    origin: String,
    transport: TransportKind,
    last: impl AsyncFnOnce(&Addr<EngineIoClient>) + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        System::new().block_on(async {
            let client = EngineIoClient::builder().transports([transport]).start();
            client.send(Connect::new(origin)).await.unwrap().unwrap();
            send_in_a_loop(&client, 100).await;
            last(&client).await;
        });
    })
}

#[actix::test]
async fn a_program_that_ends_with_a_disconnect_or_a_flush_has_sent_its_loop() {
    for disconnects in [true, false] {
        let over_websocket = Server::start(move |server| {
            let mut ws = server.opens_websocket(OPEN);
            reads_loop(&mut ws, 100);
            ws.wait_closed();
        });
        let over_polling = Server::start(move |server| {
            let (get, mut post) = server.opens_both(OPEN);
            let mut received = Vec::new();
            while received.len() < 100 {
                received.extend(post.post().split('\u{1e}').map(String::from));
                post.ok();
            }
            if disconnects && received.len() == 100 {
                post.accepts("1");
            }
            received.truncate(100);
            assert_eq!(received, (0..100).map(|at| format!("4{at}")).collect::<Vec<_>>());
            get.wait_closed();
            post.wait_closed();
        });
        for (server, transport) in
            [(over_websocket, TransportKind::WebSocket), (over_polling, TransportKind::Polling)]
        {
            let program = program(server.origin(), transport, async move |client| {
                if disconnects {
                    client.send(Disconnect::new()).await.unwrap();
                } else {
                    client.send(Flush).await.unwrap().unwrap();
                }
            });
            server.finish().await;
            program.join().unwrap();
        }
    }
}

/// What `main` has sent and the client has not written when `main` returns does not arrive. This is documented at `Send`.
#[actix::test]
async fn a_program_that_returns_from_its_loop_has_sent_the_first_messages_and_gets_the_others_back() {
    let (count, is_counted) = std::sync::mpsc::channel();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.reads("40");
        let rest = String::from_utf8_lossy(&ws.wait_closed()).len();
        count.send(rest).unwrap();
    });
    let origin = server.origin();
    let (recipient, mut events) = Recorder::start();
    let program = thread::spawn(move || {
        System::new().block_on(async {
            let client = EngineIoClient::builder().subscribe(recipient).start();
            let connect = Connect::new(origin).transports([TransportKind::WebSocket]);
            client.send(connect).await.unwrap().unwrap();
            send_in_a_loop(&client, 10).await;
        });
    });
    assert!(matches!(events.next().await, Event::Connected(_)));
    let Event::Disconnected(end) = events.next().await else { panic!("not the end") };
    program.join().unwrap();
    server.finish().await;
    // A frame with one digit has eight bytes.
    let written = 1 + is_counted.recv().unwrap() / 8;
    let returned: Vec<_> =
        end.in_doubt.iter().chain(&end.unsent).map(|data| data.as_text().unwrap()).collect();
    let numbers: Vec<_> = (0..10).map(|at| at.to_string()).collect();
    assert!(numbers.ends_with(&returned.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()));
    assert!(written + returned.len() >= 10, "{written} were written, {returned:?} came back");
}

#[actix::test]
async fn a_system_that_is_run_again_writes_what_was_deferred() {
    for is_task in [false, true] {
        let server = Server::start(|server| {
            let mut ws = server.opens_websocket(OPEN);
            reads_loop(&mut ws, 10);
            ws.send_text("1");
            ws.wait_closed();
        });
        let origin = server.origin();
        let program = thread::spawn(move || {
            let system = System::new();
            let client = system.block_on(async {
                let client = EngineIoClient::builder().transports([TransportKind::WebSocket]).start();
                client.send(Connect::new(origin)).await.unwrap().unwrap();
                let sender = client.clone();
                if is_task {
                    actix_rt::spawn(async move { send_in_a_loop(&sender, 10).await }).await.unwrap();
                } else {
                    send_in_a_loop(&sender, 10).await;
                }
                client
            });
            system.block_on(client.send(Wait)).unwrap();
        });
        server.finish().await;
        program.join().unwrap();
    }
}
