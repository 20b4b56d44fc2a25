#[cfg(any(target_os = "android", target_os = "linux"))]
use std::task::Poll;
use std::time::Duration;

#[cfg(any(target_os = "android", target_os = "linux"))]
use tokio::net::{TcpListener, TcpStream};

#[cfg(any(target_os = "android", target_os = "linux"))]
use super::TcpConnection;
use super::{LARGEST, Limit, QUICK, QUICK_WAITS, SLOW, SMALLEST};

#[cfg(any(target_os = "android", target_os = "linux"))]
#[actix::test]
async fn the_kernel_knows_the_limit() {
    tokio::time::pause();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut connection = TcpConnection::new(stream);
    let option =
        |connection: &TcpConnection| socket2::SockRef::from(&connection.stream).tcp_notsent_lowat().unwrap();
    assert_eq!(option(&connection), SMALLEST);
    for _ in 0..QUICK_WAITS {
        assert!(connection.observe(Poll::<()>::Pending).is_pending());
        tokio::time::advance(QUICK).await;
        assert!(connection.observe(Poll::Ready(())).is_ready());
    }
    assert_eq!(option(&connection), 2 * SMALLEST);
    // The first of these begins the wait.
    for _ in 0..2 {
        assert!(connection.observe(Poll::<()>::Pending).is_pending());
        tokio::time::advance(SLOW * 3 / 4).await;
    }
    assert!(connection.observe(Poll::Ready(())).is_ready());
    assert_eq!(option(&connection), SMALLEST);
}

fn after(limit: &mut Limit, waits: impl IntoIterator<Item = Duration>) -> u32 {
    for wait in waits {
        let before = limit.bytes;
        assert_eq!(limit.adapt(wait), limit.bytes != before);
    }
    limit.bytes
}

#[test]
fn the_limit_grows_with_quick_waits_up_to_its_largest_value() {
    let mut limit = Limit::SMALLEST;
    let quick = |times: usize| vec![QUICK; times * usize::from(QUICK_WAITS)];
    assert_eq!(after(&mut limit, quick(1)), 2 * SMALLEST);
    assert_eq!(after(&mut limit, quick(1)), 4 * SMALLEST);
    assert_eq!(after(&mut limit, quick(100)), LARGEST);
}

#[test]
fn a_wait_that_is_not_quick_begins_the_count_again() {
    let mut limit = Limit::SMALLEST;
    let mut waits = vec![QUICK; usize::from(QUICK_WAITS) - 1];
    waits.push(QUICK + Duration::from_nanos(1));
    assert_eq!(after(&mut limit, waits.repeat(10)), SMALLEST);
    assert_eq!(after(&mut limit, vec![QUICK; usize::from(QUICK_WAITS)]), 2 * SMALLEST);
    assert_eq!(after(&mut limit, [SLOW]), 2 * SMALLEST);
}

#[test]
fn a_slow_wait_brings_the_smallest_limit_back() {
    let mut limit = Limit::SMALLEST;
    after(&mut limit, vec![QUICK; 1000]);
    assert_eq!(after(&mut limit, [SLOW + Duration::from_nanos(1)]), SMALLEST);
    assert_eq!(after(&mut limit, vec![QUICK; usize::from(QUICK_WAITS) - 1]), SMALLEST);
}
