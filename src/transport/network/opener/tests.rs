use super::*;

fn configure() -> Configure {
    Configure::new(|connector| connector)
}

fn shared(configure: Option<&Configure>) -> Opener {
    Opener::shared(configure, None).unwrap()
}

fn is_same(one: &Opener, other: &Opener) -> bool {
    Rc::ptr_eq(&one.open, &other.open)
}

#[test]
fn clients_of_a_thread_share_the_connector_of_their_function() {
    let (one, other) = (configure(), configure());
    assert!(is_same(&shared(None), &shared(None)));
    assert!(is_same(&shared(Some(&one)), &shared(Some(&one.clone()))));
    assert!(!is_same(&shared(Some(&one)), &shared(Some(&other))));
    assert!(!is_same(&shared(Some(&one)), &shared(None)));
}

#[test]
fn a_connector_is_forgotten_when_nobody_can_ask_for_it_any_more() {
    let one = configure();
    let forgotten = Rc::downgrade(&shared(Some(&one)).open);
    let other = configure();
    let kept = shared(Some(&other));
    assert_eq!(forgotten.strong_count(), 1);
    drop(one);
    // The next connector that is made takes the place of the old one.
    let _another = shared(Some(&configure()));
    assert_eq!(forgotten.strong_count(), 0);
    assert!(is_same(&kept, &shared(Some(&other))));
}

#[cfg(feature = "rustls")]
#[test]
fn clients_with_the_same_configuration_of_tls_share_a_connector_until_it_is_gone() {
    use crate::transport::network::tls::Tls;

    let unverified = || {
        let mut tls = Tls::default();
        tls.set_verify(false);
        tls.config().unwrap()
    };
    let (one, other) = (unverified(), unverified());
    let opener = Opener::shared(None, Some(&one)).unwrap();
    assert!(opener.has_our_tls());
    assert!(is_same(&opener, &Opener::shared(None, Some(&one)).unwrap()));
    assert!(!is_same(&opener, &Opener::shared(None, Some(&other)).unwrap()));
    assert!(!is_same(&opener, &shared(None)));
    let forgotten = Rc::downgrade(&opener.open);
    drop((one, opener));
    Opener::shared(None, Some(&unverified())).unwrap();
    assert_eq!(forgotten.strong_count(), 0);
}

#[cfg(feature = "rustls")]
#[test]
fn tls_that_the_function_sets_is_not_ours() {
    use crate::transport::network::tls::Tls;

    let mut tls = Tls::default();
    tls.set_verify(false);
    let config = tls.config().unwrap();
    let own = tls_config();
    let replaces = Configure::new(move |connector| connector.rustls_0_23(own.clone()));
    let keeps = Configure::new(|connector| connector.limit(10));
    assert!(!Opener::shared(Some(&replaces), Some(&config)).unwrap().has_our_tls());
    assert!(Opener::shared(Some(&keeps), Some(&config)).unwrap().has_our_tls());
    assert!(!shared(Some(&keeps)).has_our_tls());
}

#[cfg(feature = "rustls")]
fn tls_config() -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

#[test]
fn the_message_of_a_panic_is_found() {
    let message = |panic: fn()| words(&*catch_unwind(panic).unwrap_err()).to_owned();
    assert_eq!(message(|| panic!("no provider")), "no provider");
    assert_eq!(message(|| panic!("no {}", "provider")), "no provider");
    assert_eq!(message(|| std::panic::panic_any(7)), "it panicked");
}
