use std::{
    cell::RefCell,
    future::pending,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, LazyLock},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

#[cfg(not(feature = "socks"))]
use super::route::Proxy;
use super::{
    Lookups, Network, Order, Purpose, Route,
    tcp::{alternate, first},
};
use crate::{
    error::TransportError,
    protocol::endpoint::{Destination, Endpoint},
    transport::{Io, Progress},
};

fn order(progress: &Progress) -> Order<'_> {
    static LOOKUPS: LazyLock<Lookups> = LazyLock::new(Lookups::default);
    Order { purpose: Purpose::Stream, progress, lookups: &LOOKUPS }
}

fn v4(last: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 80))
}

fn v6(last: u16) -> SocketAddr {
    SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last), 80))
}

#[test]
fn addresses_of_both_families_alternate_and_keep_their_order() {
    assert_eq!(alternate([v6(1), v6(2), v6(3), v4(1)]), [v6(1), v4(1), v6(2), v6(3)]);
    assert_eq!(alternate([v4(1), v6(1), v6(2), v6(3)]), [v4(1), v6(1), v6(2), v6(3)]);
    assert_eq!(alternate([v4(1), v4(2)]), [v4(1), v4(2)]);
    assert_eq!(alternate([]), []);
}

#[actix::test]
async fn an_address_that_does_not_answer_delays_the_next_by_250_ms() {
    tokio::time::pause();
    let start = Instant::now();
    let tried = RefCell::new(Vec::new());
    let reached = first(vec![v6(1), v4(1), v4(2)], |address| {
        tried.borrow_mut().push((address, start.elapsed()));
        async move { if address == v4(1) { Ok(address) } else { pending().await } }
    });
    assert_eq!(reached.await.unwrap(), v4(1));
    let tried = tried.into_inner();
    assert_eq!(tried.iter().map(|(address, _)| *address).collect::<Vec<_>>(), [v6(1), v4(1)]);
    // The timer is exact to a millisecond.
    assert_eq!(tried[1].1.as_millis() / 5, 50);
}

#[actix::test]
async fn a_slow_address_may_still_answer_first() {
    tokio::time::pause();
    let reached = first(vec![v4(1), v4(2)], |address| async move {
        sleep(Duration::from_millis(if address == v4(1) { 400 } else { 1000 })).await;
        Ok(address)
    });
    assert_eq!(reached.await.unwrap(), v4(1));
}

#[actix::test]
async fn an_address_that_refuses_delays_nothing_and_the_error_is_that_of_the_first() {
    tokio::time::pause();
    let start = Instant::now();
    let refused = first::<_, ()>(vec![v4(1), v4(2), v6(1)], |address| async move {
        Err(std::io::Error::other(address.to_string()))
    });
    assert_eq!(refused.await.unwrap_err().to_string(), v4(1).to_string());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[actix::test]
async fn no_address_of_the_local_ones_family_is_an_error() {
    let network = Arc::new(Network { local_address: Some(Ipv6Addr::LOCALHOST.into()), ..Network::default() });
    let endpoint = Endpoint::new("http://127.0.0.1:1", "engine.io", true, "t".into()).unwrap();
    let outcome = network.connect(&endpoint.destination(), order(&Progress::new())).await;
    assert!(
        matches!(outcome, Err(TransportError::Connect { cause, .. }) if cause.to_string().contains("family"))
    );
}

/// A network whose connections are those that the function makes.
fn network<F>(connect: impl Fn() -> F + Send + Sync + 'static) -> Arc<Network>
where
    F: Future<Output = io::Result<Box<dyn Io>>> + 'static,
{
    let route = Route::Connector(Arc::new(move |_| Box::pin(connect())));
    Arc::new(Network { route, ..Network::default() })
}

fn destination(is_secure: bool) -> Destination {
    Destination::new("events.internal", 7, is_secure)
}

#[actix::test]
async fn the_time_limits_of_awc_do_not_count() {
    tokio::time::pause();
    let slow = network(|| async {
        sleep(Duration::from_secs(3600)).await;
        Err(io::Error::other("the network is slow"))
    });
    let outcome = slow.connect(&destination(false), order(&Progress::new())).await;
    assert!(
        matches!(outcome, Err(TransportError::Connect { cause, .. }) if cause.to_string().contains("slow"))
    );
}

#[cfg(feature = "rustls")]
#[actix::test]
async fn the_time_limit_of_awc_for_tls_does_not_count_either() {
    use std::sync::Mutex;

    use crate::error::Stage;

    tokio::time::pause();
    // The other end sends nothing.
    let (stream, _peer) = tokio::io::duplex(1 << 16);
    let stream = Mutex::new(Some(stream));
    let mut silent = network(move || {
        let stream = stream.lock().unwrap().take().unwrap();
        async move {
            let io: Box<dyn Io> = Box::new(stream);
            Ok(io)
        }
    });
    Arc::get_mut(&mut silent).unwrap().tls.set_verify(false);
    let progress = Progress::new();
    let connect = async { silent.connect(&destination(true), order(&progress)).await.map(|_| ()) };
    assert!(timeout(Duration::from_secs(3600), connect).await.is_err(), "it ended");
    assert_eq!(progress.reader().stage(), Stage::Tls);
}

#[actix::test]
async fn the_limit_of_awc_for_connections_does_not_count() {
    tokio::time::pause();
    let network = network(|| async {
        let io: Box<dyn Io> = Box::new(tokio::io::duplex(1).0);
        Ok(io)
    });
    let (destination, progress) = (destination(false), Progress::new());
    let mut connections = Vec::new();
    for _ in 0..200 {
        let connect = network.connect(&destination, order(&progress));
        let outcome = timeout(Duration::from_secs(1), connect).await.expect("it does not wait");
        connections.push(outcome.unwrap_or_else(|err| panic!("{err}")));
    }
}

/// Connects to `url` and expects an error that names the `feature` that this build does not have.
#[cfg(not(all(feature = "rustls-webpki-roots", feature = "socks")))]
async fn lacks(network: Network, url: &str, feature: &str) {
    let endpoint = Endpoint::new(url, "engine.io", true, "t".into()).unwrap();
    let outcome = Arc::new(network).connect(&endpoint.destination(), order(&Progress::new())).await;
    assert!(matches!(outcome, Err(TransportError::Unsupported(what)) if what.contains(feature)));
}

#[cfg(not(any(feature = "rustls-webpki-roots", feature = "rustls-native-roots")))]
#[actix::test]
async fn a_build_without_tls_or_without_any_roots_refuses_https_and_names_the_feature() {
    lacks(Network::default(), "https://127.0.0.1:1", "rustls-webpki-roots").await;
}

#[cfg(not(feature = "socks"))]
#[actix::test]
async fn a_build_without_socks_refuses_such_a_proxy_and_names_the_feature() {
    let route = Route::Proxy(Proxy::parse("socks5://127.0.0.1:1").unwrap());
    lacks(Network { route, ..Network::default() }, "http://127.0.0.1:1", "feature socks").await;
}
