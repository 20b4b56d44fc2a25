use std::{sync::mpsc, time::Duration};

use futures::FutureExt as _;

use super::*;

#[actix::test]
async fn lookups_that_nobody_waits_for_count_until_they_end() {
    let lookups = Lookups::default();
    let (started, starts) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let ends = Arc::new(std::sync::Mutex::new(ends));
    let hangs = || {
        let (started, ends) = (started.clone(), ends.clone());
        move || {
            started.send(()).unwrap();
            let _ = ends.lock().unwrap().recv();
        }
    };
    for _ in 0..MAX_RUNNING {
        let mut lookup = Box::pin(lookups.run(hangs()));
        assert!(lookup.as_mut().now_or_never().is_none(), "it hangs");
        starts.recv().unwrap();
        // It is abandoned when it is dropped here.
    }
    for _ in 0..100 {
        assert!(lookups.run(hangs()).now_or_never().is_none(), "it waits, and is abandoned");
    }
    assert!(starts.try_recv().is_err(), "more lookups run than are allowed");

    let mut next = Box::pin(lookups.run(|| 7));
    assert!(next.as_mut().now_or_never().is_none());
    end.send(()).unwrap();
    assert_eq!(next.await.unwrap(), 7);
    drop(end);
}

#[actix::test]
async fn the_lookups_of_two_clients_do_not_wait_for_each_other() {
    let (one, other) = (Lookups::default(), Lookups::default());
    let _running = one.running().clone().try_acquire_many_owned(u32::try_from(MAX_RUNNING).unwrap()).unwrap();
    assert!(one.run(|| ()).now_or_never().is_none());
    other.run(|| ()).await.unwrap();
}

#[actix::test]
async fn a_lookup_finds_addresses_or_fails() {
    let lookups = Lookups::default();
    let addresses = lookups.addresses("localhost", 7).await.unwrap();
    assert!(!addresses.is_empty() && addresses.iter().all(|address| address.port() == 7));
    assert!(lookups.addresses("no such host", 7).await.is_err());
}

#[actix::test]
async fn a_lookup_that_is_abandoned_before_its_turn_does_not_run() {
    let lookups = Lookups::default();
    let running =
        lookups.running().clone().try_acquire_many_owned(u32::try_from(MAX_RUNNING).unwrap()).unwrap();
    for _ in 0..MAX_RUNNING {
        assert!(lookups.run(|| panic!("nobody waits for it")).now_or_never().is_none());
    }
    drop(running);
    assert_eq!(lookups.run(|| 7).await.unwrap(), 7);
}

#[test]
fn a_lookup_that_hangs_does_not_delay_the_end_of_the_system() {
    let ((started, starts), (end, ends)) = (mpsc::channel(), mpsc::channel::<()>());
    let system = actix::System::new();
    system.block_on(async {
        let lookups = Lookups::default();
        let mut hangs = Box::pin(lookups.run(move || {
            started.send(()).unwrap();
            ends.recv_timeout(Duration::from_secs(5))
        }));
        assert!(hangs.as_mut().now_or_never().is_none());
        starts.recv().unwrap();
    });
    drop(system);
    assert!(end.send(()).is_ok(), "the end of the system waited for the lookup");
}
