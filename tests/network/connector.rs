//! `awc_connector`: the connector of awc that opens every connection.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use actix_engineio::{
    Connect, ConnectError, Dialed, Dialer, EngineIoClient, Event, Reconnect, TransportError, TransportKind,
    awc::{self, Connector, http::Uri},
};
use actix_rt::Arbiter;
use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError as DialError, ConnectInfo, Connection};
use futures::future::{LocalBoxFuture, pending};
use tokio::net::TcpStream;

use crate::{
    embedded::EmbeddedServer,
    front::{Front, Stream},
    support::{Client, script::UPGRADABLE, server::Server},
    works,
};

/// Counts the connections, and has the client's dialer make them.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Service<ConnectInfo<Uri>> for Counted {
    type Response = Connection<Uri, Dialed>;
    type Error = DialError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, server: ConnectInfo<Uri>) -> Self::Future {
        self.0.fetch_add(1, Ordering::SeqCst);
        Dialer::default().call(server)
    }
}

/// Passes bytes on to `server`, and counts its connections.
async fn counting_front(server: &EmbeddedServer) -> Front {
    let server = server.addr();
    Front::start(move |stream| {
        Box::pin(async move {
            let stream: Box<dyn Stream> = Box::new(stream);
            Ok((stream, TcpStream::connect(server).await?))
        })
    })
    .await
}

#[actix::test]
async fn the_connector_opens_every_connection_of_polling_websocket_and_upgrade() {
    let server = EmbeddedServer::echo().unwrap();
    let front = counting_front(&server).await;
    let counted = Counted::default();
    works(&format!("http://{}", front.addr()), |builder| {
        let counted = counted.clone();
        builder.awc_connector(move |connector| connector.connector(counted.clone()))
    })
    .await;
    assert_eq!(counted.count(), front.opened());
    assert!(counted.count() >= 5, "two transports, and polling has two connections");
}

#[actix::test]
async fn the_connector_opens_every_connection_of_a_session_that_is_lost_and_its_successor() {
    let server = Server::start(|server| {
        let get = server.opens(UPGRADABLE);
        server.upgrades(get).reset();
        let get = server.opens(UPGRADABLE);
        let mut ws = server.upgrades(get);
        ws.reads("1");
        ws.reads_close(1000);
        ws.close();
    });
    let counted = Counted::default();
    let policy = Reconnect::exponential().initial_delay(Duration::from_millis(1));
    let mut client = Client::with(&server, |builder| {
        let counted = counted.clone();
        let builder = builder.reconnect(policy);
        builder.awc_connector(move |connector| connector.connector(counted.clone()))
    });
    client.connect().await;
    client.upgraded().await;
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    assert!(matches!(client.next().await, Event::Reconnecting { .. }));
    assert!(matches!(client.next().await, Event::Connected(_)));
    client.upgraded().await;
    client.disconnect().await;
    client.ended_cleanly().await;
    assert_eq!((counted.count(), server.accepted()), (4, 4));
    server.finish().await;
}

#[actix::test]
async fn a_client_connects_to_nothing_if_the_connector_refuses() {
    let server = Server::start(|_| {});
    let mut client = Client::with(&server, |builder| {
        builder.awc_connector(|connector| {
            connector.connector(fn_service(async |_: ConnectInfo<Uri>| {
                Err::<Connection<Uri, Dialed>, _>(DialError::Io(io::Error::other("no way out of here")))
            }))
        })
    });
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let err = client.fails_over(transport).await;
        assert!(
            matches!(&err, ConnectError::Transport { source: TransportError::Connect { .. }, .. }),
            "{err:?}"
        );
        assert!(err.to_string().contains("no way out of here") && err.is_retryable(), "{err}");
    }
    server.finish().await;
}

#[actix::test]
async fn a_service_that_connects_by_itself_takes_the_place_of_our_options() {
    let server = EmbeddedServer::echo().unwrap();
    let addr = server.addr();
    works("http://events.internal:7", |builder| {
        let builder = builder
            .resolver(async |_| Err(io::Error::other("the resolver was asked")))
            .proxy("http://127.0.0.1:1")
            .local_address(Ipv4Addr::new(192, 0, 2, 1).into());
        builder.awc_connector(move |connector| {
            connector.connector(fn_service(move |to: ConnectInfo<Uri>| async move {
                assert_eq!((to.hostname(), to.port()), ("events.internal", 7));
                let stream = TcpStream::connect(addr).await.map_err(DialError::Io)?;
                Ok(Connection::new(to.request().clone(), stream))
            }))
        })
    })
    .await;
}

#[actix::test]
async fn the_dialer_connects_to_the_server_that_it_is_asked_for_by_our_options() {
    let server = EmbeddedServer::echo().unwrap();
    let port = server.addr().port();
    works("http://events.internal:7", |builder| {
        let builder = builder.resolver(async |host: String| {
            assert_eq!(host, "elsewhere.internal");
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        });
        builder.awc_connector(move |connector| {
            connector.connector(fn_service(move |_: ConnectInfo<Uri>| {
                let elsewhere = format!("http://elsewhere.internal:{port}/").parse::<Uri>().unwrap();
                Dialer::default().call(ConnectInfo::new(elsewhere))
            }))
        })
    })
    .await;
}

#[actix::test]
async fn a_dialer_may_be_called_in_a_task_of_its_own() {
    let server = EmbeddedServer::echo().unwrap();
    works(&server.url(), |builder| {
        builder.awc_connector(|connector| {
            connector.connector(fn_service(|server: ConnectInfo<Uri>| {
                let dialed = Dialer::default().call(server);
                async { actix_rt::spawn(dialed).await.unwrap() }
            }))
        })
    })
    .await;
}

#[actix::test]
async fn a_dialer_outside_of_a_client_connects_to_nothing() {
    let uri = Uri::from_static("http://127.0.0.1:1/");
    let err = Dialer::default().call(ConnectInfo::new(uri)).await.unwrap_err();
    assert!(matches!(&err, DialError::Io(err) if err.to_string().contains("awc_connector")), "{err:?}");
}

#[actix::test]
async fn a_time_limit_of_the_connector_counts_if_it_is_the_shorter_one() {
    let mut client = Client::to("http://events.internal:7".to_owned(), |builder| {
        let builder = builder.resolver(async |_| pending().await);
        builder.awc_connector(|connector| connector.timeout(Duration::from_millis(50)))
    });
    let err = client.fails().await;
    let ConnectError::Transport { source: TransportError::Connect { kind, .. }, .. } = &err else {
        panic!("{err:?}");
    };
    assert_eq!(*kind, io::ErrorKind::TimedOut);
    assert!(err.is_retryable());
}

/// The threads on which a function was called.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<ThreadId>>>);

impl Calls {
    fn add(&self) {
        self.0.lock().unwrap().push(thread::current().id());
    }

    fn threads(&self) -> Vec<ThreadId> {
        self.0.lock().unwrap().clone()
    }
}

#[actix::test]
async fn the_function_is_called_on_the_clients_arbiter_and_once_for_all_clients_there() {
    let server = EmbeddedServer::echo().unwrap();
    let calls = Calls::default();
    let called = calls.clone();
    let builder = EngineIoClient::builder().awc_connector(move |connector| {
        called.add();
        connector
    });
    let mut expected = Vec::new();
    for _ in 0..2 {
        let arbiter = Arbiter::new();
        let (id, its_id) = futures::channel::oneshot::channel();
        arbiter.spawn_fn(move || _ = id.send(thread::current().id()));
        expected.push(its_id.await.unwrap());
        for _ in 0..2 {
            let client = builder.clone().start_in_arbiter(&arbiter.handle());
            for _ in 0..2 {
                client.send(Connect::new(server.url())).await.unwrap().unwrap();
                client.send(actix_engineio::Disconnect::new()).await.unwrap();
            }
        }
        arbiter.stop();
        arbiter.join().unwrap();
    }
    assert_eq!(calls.threads(), expected);
}

#[actix::test]
async fn another_function_makes_another_connector() {
    let server = EmbeddedServer::echo().unwrap();
    let calls = Calls::default();
    for _ in 0..2 {
        let called = calls.clone();
        let mut client = Client::to(server.url(), |builder| {
            builder.awc_connector(move |connector| {
                called.add();
                connector
            })
        });
        client.connect_over(TransportKind::WebSocket).await;
        client.disconnect().await;
        client.ended_cleanly().await;
    }
    assert_eq!(calls.threads().len(), 2);
}

#[actix::test]
async fn a_panic_of_the_function_fails_its_connect_and_not_the_client() {
    let server = EmbeddedServer::echo().unwrap();
    let calls = AtomicUsize::new(0);
    let mut client = Client::to(server.url(), |builder| {
        builder.awc_connector(move |connector| {
            assert!(calls.fetch_add(1, Ordering::SeqCst) > 0, "not prepared for this");
            connector
        })
    });
    let err = client.fails_over(TransportKind::WebSocket).await;
    assert!(err.to_string().contains("awc_connector panicked") && err.is_retryable(), "{err}");
    client.connect_over(TransportKind::WebSocket).await;
    client.disconnect().await;
    client.ended_cleanly().await;
}

#[actix::test]
async fn a_panic_of_the_service_fails_its_connect_and_not_the_client() {
    fn panics_at_first(connector: Connector<Dialer>, calls: &Arc<AtomicUsize>) -> Connector<Panics> {
        connector.connector(Panics(calls.clone()))
    }

    /// Panics when it is called for the first time.
    #[derive(Clone)]
    struct Panics(Arc<AtomicUsize>);

    impl Service<ConnectInfo<Uri>> for Panics {
        type Response = Connection<Uri, Dialed>;
        type Error = DialError;
        type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

        actix_service::always_ready!();

        fn call(&self, server: ConnectInfo<Uri>) -> Self::Future {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "not prepared for this");
            Dialer::default().call(server)
        }
    }

    let server = EmbeddedServer::echo().unwrap();
    let mut client = Client::to(server.url(), |builder| {
        let calls = Arc::default();
        builder.awc_connector(move |connector: awc::Connector<Dialer>| panics_at_first(connector, &calls))
    });
    let err = client.fails_over(TransportKind::WebSocket).await;
    assert!(err.to_string().contains("panicked") && err.is_retryable(), "{err}");
    client.connect_over(TransportKind::WebSocket).await;
    client.disconnect().await;
    client.ended_cleanly().await;

    // awc itself panics on this error.
    let mut client = Client::to(server.url(), |builder| {
        builder.awc_connector(|connector| {
            connector.connector(fn_service(async |_: ConnectInfo<Uri>| {
                Err::<Connection<Uri, Dialed>, _>(DialError::InvalidInput)
            }))
        })
    });
    let err = client.fails_over(TransportKind::WebSocket).await;
    assert!(err.to_string().contains("panicked"), "{err}");
}
