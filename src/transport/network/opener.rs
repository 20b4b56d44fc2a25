//! The connectors of awc, which open the connections of a thread.
//!
//! awc's types are not `Send`, so each thread has its own connectors. A connection refers to the pool of its connector,
//! which costs memory although the pool stays empty: connections are closed and never returned to it. So clients that
//! need the same connector share it.

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    rc::Rc,
    sync::{Arc, Weak},
    time::Duration,
};

use actix_codec::AsyncWrite as _;
use actix_rt::net::ActixStream;
use actix_service::Service;
use actix_tls::connect::{ConnectError as DialError, ConnectInfo, Connection};
use awc::{
    Connect, Connector,
    error::ConnectError,
    http::{Uri, Version},
};
use futures::{FutureExt as _, future::LocalBoxFuture};

use super::{
    Dialer, failure,
    tls::{self, TlsConfig},
};
use crate::{error::TransportError, transport::Io};

/// The time limit of awc's connectors. The time limits of the client count, and these are longer than most.
const NO_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Opens a connection with one connector.
type Open = Rc<dyn Fn(Connect) -> LocalBoxFuture<'static, Result<Box<dyn Io>, ConnectError>>>;

/// The function that was given to `awc_connector`, and the end of the configuration, without the user's types.
type Finish = Box<dyn Fn(Connector<Dialer>) -> Open + Send + Sync>;

/// The function with which the user configures connectors.
#[derive(Clone)]
pub(crate) struct Configure(Arc<Finish>);

impl Configure {
    pub(crate) fn new<F, S, I>(configure: F) -> Self
    where
        F: Fn(Connector<Dialer>) -> Connector<S> + Send + Sync + 'static,
        S: Service<ConnectInfo<Uri>, Response = Connection<Uri, I>, Error = DialError> + Clone + 'static,
        I: ActixStream + fmt::Debug + 'static,
    {
        Self(Arc::new(Box::new(move |connector| finish(configure(connector)))))
    }

    /// Calls the function, which may panic.
    fn run(&self, connector: Connector<Dialer>, has_our_tls: bool) -> Result<Open, TransportError> {
        let open = catch_unwind(AssertUnwindSafe(|| {
            // Without our TLS, awc may do TLS by itself, if another crate has enabled that. It would offer HTTP/2.
            let connector =
                if has_our_tls { connector } else { connector.max_http_version(Version::HTTP_11) };
            (self.0)(connector)
        }));
        open.map_err(|_| failure::panicked("awc_connector"))
    }
}

/// A connector that the clients of a thread share.
#[derive(Clone)]
pub(super) struct Opener {
    open: Open,
    has_our_tls: bool,
}

impl Opener {
    /// Returns this thread's connector for clients with this function and this configuration of TLS.
    pub(super) fn shared(
        configure: Option<&Configure>,
        tls: Option<&Arc<TlsConfig>>,
    ) -> Result<Self, TransportError> {
        thread_local! {
            static SHARED: RefCell<Vec<(Key, Opener)>> = const { RefCell::new(Vec::new()) };
        }

        let find = |openers: &Vec<(Key, Self)>| {
            let found = openers.iter().find(|(key, _)| key.is_of(configure, tls));
            found.map(|(_, opener)| opener.clone())
        };
        if let Some(opener) = SHARED.with_borrow(find) {
            return Ok(opener);
        }
        // This runs the user's function, so nothing may be borrowed here.
        let opener = Self::new(configure, tls)?;
        SHARED.with_borrow_mut(|openers| {
            openers.retain(|(key, _)| key.is_alive());
            openers.push((Key::new(configure, tls), opener.clone()));
        });
        Ok(opener)
    }

    fn new(configure: Option<&Configure>, tls: Option<&Arc<TlsConfig>>) -> Result<Self, TransportError> {
        let connector = new_connector()?;
        let (connector, in_use) = match tls {
            Some(tls) => {
                let (connector, in_use) = tls.apply(connector);
                (connector, Some(in_use))
            }
            None => (connector, None),
        };
        let open = match configure {
            Some(configure) => configure.run(connector, tls.is_some())?,
            None => finish(connector),
        };
        Ok(Self { open, has_our_tls: in_use.as_ref().is_some_and(is_alive) })
    }

    /// Whether the connector does TLS with our configuration, and not with TLS of the user's own.
    pub(super) fn has_our_tls(&self) -> bool {
        self.has_our_tls
    }

    pub(super) async fn open(&self, uri: Uri) -> Result<Box<dyn Io>, ConnectError> {
        let opened = AssertUnwindSafe((self.open)(Connect { uri, addr: None })).catch_unwind().await;
        opened.unwrap_or_else(|_| Err(failure::into_awc(failure::panicked("the awc connector"))))
    }
}

/// The parts from which a connector was made. When one of them is gone, no client can ask for the connector any more.
struct Key {
    configure: Option<Weak<Finish>>,
    tls: Option<Weak<TlsConfig>>,
}

impl Key {
    fn new(configure: Option<&Configure>, tls: Option<&Arc<TlsConfig>>) -> Self {
        Self {
            configure: configure.map(|configure| Arc::downgrade(&configure.0)),
            tls: tls.map(Arc::downgrade),
        }
    }

    fn is_of(&self, configure: Option<&Configure>, tls: Option<&Arc<TlsConfig>>) -> bool {
        is_same(self.configure.as_ref(), configure.map(|configure| &configure.0))
            && is_same(self.tls.as_ref(), tls)
    }

    fn is_alive(&self) -> bool {
        self.configure.as_ref().is_none_or(is_alive) && self.tls.as_ref().is_none_or(is_alive)
    }
}

fn is_same<T>(weak: Option<&Weak<T>>, strong: Option<&Arc<T>>) -> bool {
    match (weak, strong) {
        (Some(weak), Some(strong)) => ptr::eq(weak.as_ptr(), Arc::as_ptr(strong)),
        (None, None) => true,
        _ => false,
    }
}

fn is_alive<T>(weak: &Weak<T>) -> bool {
    weak.strong_count() > 0
}

/// Makes a connector that contains our dialer and has no limits of its own.
fn new_connector() -> Result<Connector<Dialer>, TransportError> {
    let attempt = || {
        catch_unwind(|| {
            let connector = Connector::new().connector(Dialer);
            connector.timeout(NO_LIMIT).handshake_timeout(NO_LIMIT).limit(0)
        })
    };
    // If any crate of the build has enabled trusted authorities in awc, `Connector::new` makes a configuration of TLS.
    // It panics if rustls has several cryptography providers and none is installed.
    let connector = attempt().or_else(|_| {
        tls::install_provider();
        attempt()
    });
    connector.map_err(|panic| {
        TransportError::Unsupported(format!("awc cannot make a connector: {}", words(&*panic)).into())
    })
}

/// The message of a panic.
fn words(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(words), _) => words,
        (_, Some(words)) => words,
        _ => "it panicked",
    }
}

fn finish<S, I>(connector: Connector<S>) -> Open
where
    S: Service<ConnectInfo<Uri>, Response = Connection<Uri, I>, Error = DialError> + Clone + 'static,
    I: ActixStream + fmt::Debug + 'static,
{
    let service = Rc::new(connector.finish());
    Rc::new(move |connect| {
        let service = service.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            let connection = service.call(connect).await?;
            // awc does not say which version of HTTP the server has chosen in the TLS handshake, but a connection of
            // HTTP/2 panics when it is used as a byte stream.
            if catch_unwind(AssertUnwindSafe(|| connection.is_write_vectored())).is_err() {
                return Err(failure::into_awc(failure::http2()));
            }
            Ok::<Box<dyn Io>, _>(Box::new(connection))
        })
    })
}

#[cfg(test)]
mod tests;
