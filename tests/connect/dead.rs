//! Servers that do not exist, do not answer, or stop in the middle of their answer.

use std::{
    future, io,
    net::{TcpListener, TcpStream},
    time::Duration,
};

use actix_engineio::{
    Connect, ConnectError, Disconnect, EngineIoClientBuilder, Stage, TransportError, TransportKind,
};

use crate::support::{
    Client, Clock, SHORT, milestone,
    server::{Peer, Server},
    sockets_to,
};

const WAYS: [TransportKind; 2] = [TransportKind::Polling, TransportKind::WebSocket];

/// A port of 127.0.0.1 that nobody listens on.
fn dead_origin() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// The error of a connect whose request is treated so, and then not answered further until `request_timeout` has passed.
async fn unanswered(way: TransportKind, begin: impl FnOnce(&mut Peer) + Send + 'static) -> ConnectError {
    let clock = Clock::stop();
    let (begun, is_begun) = milestone();
    let server = Server::start(move |server| {
        let mut peer = server.accept();
        peer.read_request();
        begin(&mut peer);
        begun.reached();
        peer.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.request_timeout(SHORT));
    let err = clock.takes(SHORT, is_begun, client.fails_over(way)).await;
    server.finish().await;
    err
}

/// The error of a connect whose connection ends so after the request.
async fn ended(way: TransportKind, end: impl FnOnce(Peer) + Send + 'static) -> ConnectError {
    let server = Server::start(move |server| {
        let mut peer = server.accept();
        peer.read_request();
        end(peer);
    });
    let err = Client::start(&server).fails_over(way).await;
    server.finish().await;
    err
}

fn timed_out(stage: Stage) -> impl Fn(&ConnectError) -> bool {
    move |err| matches!(err, ConnectError::Timeout { stage: at, .. } if *at == stage)
}

fn lost(kind: io::ErrorKind) -> impl Fn(&ConnectError) -> bool {
    move |err| matches!(err, ConnectError::Transport { source: TransportError::Io { kind: of, .. }, .. } if *of == kind)
}

#[actix::test]
async fn a_port_that_nobody_listens_on_refuses() {
    for way in WAYS {
        let err = Client::to(dead_origin(), |builder| builder).fails_over(way).await;
        let ConnectError::Transport { url, source: TransportError::Connect { kind, .. }, .. } = &err else {
            panic!("{err:?}");
        };
        assert_eq!(*kind, io::ErrorKind::ConnectionRefused);
        let cause = err.get_ref().and_then(|cause| cause.downcast_ref::<io::Error>());
        assert_eq!(cause.map(io::Error::kind), Some(*kind));
        assert!(url.ends_with("/engine.io/"), "{url}");
        assert!(err.is_retryable());
    }
}

#[actix::test]
async fn a_host_without_an_address_cannot_be_resolved() {
    for way in WAYS {
        // No label of a domain name is longer than 63 characters: no resolver asks the network for this.
        let origin = format!("http://{}.invalid:1", "x".repeat(64));
        let err = Client::to(origin, |builder| builder).fails_over(way).await;
        assert!(
            matches!(&err, ConnectError::Transport { source: TransportError::Resolve(_), .. }),
            "{err:?}"
        );
    }
}

#[actix::test]
async fn a_connection_that_is_not_accepted_times_out_and_can_be_cancelled() {
    // With a backlog this short, one connection waits to be accepted and the next one's SYN is dropped.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    // In another process these would not count as ours.
    let fillers: Vec<_> =
        (0..4).map_while(|_| TcpStream::connect_timeout(&addr, Duration::from_millis(100)).ok()).collect();

    let clock = Clock::stop();
    for way in WAYS {
        let client = Client::to(format!("http://{addr}"), |builder| builder.request_timeout(SHORT));
        let connect = Connect::new(format!("http://{addr}")).transports([way]);
        let is_connecting = client.has_sockets(fillers.len() + 1);
        let outcome = clock.takes(SHORT, is_connecting, client.addr.send(connect.clone())).await.unwrap();
        assert!(timed_out(Stage::Connect)(outcome.as_ref().unwrap_err()), "{outcome:?}");
        assert_eq!(sockets_to(addr.port()).len(), fillers.len());

        let connecting = client.connecting(connect);
        client.has_sockets(fillers.len() + 1).await;
        client.addr.send(Disconnect::new()).await.unwrap();
        assert_eq!(connecting.await.unwrap(), Err(ConnectError::Cancelled));
        assert_eq!(sockets_to(addr.port()).len(), fillers.len());
    }
}

#[actix::test]
async fn silence_is_bounded_by_request_timeout() {
    for way in WAYS {
        let err = unanswered(way, |_| {}).await;
        assert!(timed_out(Stage::Response)(&err), "{err:?}");
        assert!(err.is_retryable());
    }
}

#[actix::test]
async fn a_server_that_accepts_nothing_is_bounded_by_connect_timeout() {
    let clock = Clock::stop();
    for way in WAYS {
        let (accepted, is_accepted) = milestone();
        let server = Server::start(|server| {
            let mut peer = server.accept();
            peer.read_request();
            accepted.reached();
            peer.wait_closed();
        });
        let mut client = Client::with(&server, |builder| builder.connect_timeout(SHORT));
        let err = clock.takes(SHORT, is_accepted, client.fails_over(way)).await;
        assert!(timed_out(Stage::Response)(&err), "{err:?}");
        server.finish().await;
    }
}

#[actix::test]
async fn a_connect_that_connect_timeout_ends_names_its_stage() {
    let clock = Clock::stop();
    for way in WAYS {
        let to = |configure: fn(EngineIoClientBuilder) -> EngineIoClientBuilder| {
            Client::to("http://events.internal:7".to_owned(), |builder| {
                configure(builder.connect_timeout(SHORT))
            })
        };
        let mut client = to(|builder| builder.resolver(async |_| future::pending().await));
        let err = clock.takes(SHORT, async {}, client.fails_over(way)).await;
        assert!(timed_out(Stage::Resolve)(&err), "{err:?}");

        let mut client = to(|builder| {
            builder.connector(async |_| future::pending::<io::Result<tokio::net::TcpStream>>().await)
        });
        let err = clock.takes(SHORT, async {}, client.fails_over(way)).await;
        assert!(timed_out(Stage::Connect)(&err), "{err:?}");
    }
}

#[actix::test]
async fn half_a_head_is_no_answer() {
    for way in WAYS {
        let half = |peer: &mut Peer| peer.write("HTTP/1.1 200 OK\r\ncontent-le");
        let err = unanswered(way, half).await;
        assert!(timed_out(Stage::Response)(&err), "{err:?}");

        let err = ended(way, move |mut peer| {
            half(&mut peer);
            peer.close();
        })
        .await;
        assert!(lost(io::ErrorKind::UnexpectedEof)(&err), "{err:?}");
    }
}

#[actix::test]
async fn half_a_body_is_no_answer() {
    let answers = [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0{\"sid\"",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\n0{\"sid\"\r\n",
    ];
    for answer in answers {
        for way in WAYS {
            let err = unanswered(way, move |peer| peer.write(answer)).await;
            assert!(timed_out(Stage::Body)(&err), "{err:?}");

            let err = ended(way, move |mut peer| {
                peer.write(answer);
                peer.close();
            })
            .await;
            assert!(lost(io::ErrorKind::UnexpectedEof)(&err), "{err:?}");
        }
    }
}

#[actix::test]
async fn a_connection_that_ends_without_an_answer_is_lost() {
    for way in WAYS {
        let err = ended(way, Peer::close).await;
        assert!(lost(io::ErrorKind::UnexpectedEof)(&err), "{err:?}");
        let err = ended(way, Peer::reset).await;
        assert!(lost(io::ErrorKind::ConnectionReset)(&err), "{err:?}");
    }
}
