//! How connections are made.

use std::{
    cell::RefCell,
    io,
    rc::{Rc, Weak},
    time::Duration,
};

use actix_http::{ServiceConfig, Uri};
use actix_rt::net::TcpStream;
use actix_service::{
    Service, ServiceExt as _,
    boxed::{self, RcService},
};
use actix_tls::connect::{
    ConnectError as TcpConnectError, ConnectInfo, Connection, Connector as TcpConnector, Resolver,
};
use awc::{Connect, Connector, error::ConnectError};

use super::{Activity, Io};
use crate::error::{Stage, TransportError};

/// awc insists on limits of its own; ours are set by whoever waits, and are all shorter than this.
const NO_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

thread_local! {
    static SHARED: RefCell<Weak<Network>> = const { RefCell::new(Weak::new()) };
}

/// What the connections of an arbiter have in common: how they are made, and the configuration of the codec,
/// which runs a timer of its own. So there is one an arbiter for as long as somebody uses it.
pub(crate) struct Network {
    connector: RcService<Connect, Box<dyn Io>, ConnectError>,
    pub(super) codec_config: ServiceConfig,
}

impl Network {
    /// The one of this arbiter.
    pub(crate) fn shared() -> Rc<Self> {
        SHARED.with_borrow_mut(|shared| {
            shared.upgrade().unwrap_or_else(|| {
                let network = Rc::new(Self::new());
                *shared = Rc::downgrade(&network);
                network
            })
        })
    }

    fn new() -> Self {
        let connector = Connector::new()
            .connector(tcp_connector())
            .timeout(NO_LIMIT)
            .handshake_timeout(NO_LIMIT)
            // The default of 100 counts every open connection of the arbiter.
            .limit(0)
            .finish()
            .map(|connection| -> Box<dyn Io> { Box::new(connection) });
        Self { connector: boxed::rc_service(connector), codec_config: ServiceConfig::default() }
    }

    /// Connects to `origin`, such as `http://localhost:5000`.
    pub(crate) async fn connect(
        &self,
        origin: &str,
        activity: &Activity,
    ) -> Result<Box<dyn Io>, TransportError> {
        activity.begin(Stage::Connect);
        let uri = origin.parse::<Uri>().map_err(|err| TransportError::Connect {
            kind: io::ErrorKind::InvalidInput,
            message: err.to_string().into(),
        })?;
        self.connector.call(Connect { uri, addr: None }).await.map_err(connect_error)
    }
}

/// actix's TCP connector with Nagle's algorithm off, which otherwise holds a small write back until the peer has
/// acknowledged the one before: 40 ms where the peer delays its acknowledgements.
pub(super) fn tcp_connector()
-> impl Service<ConnectInfo<Uri>, Response = Connection<Uri, TcpStream>, Error = TcpConnectError> + Clone {
    TcpConnector::new(Resolver::default()).service().map(|connection: Connection<Uri, TcpStream>| {
        if let Err(err) = connection.io_ref().set_nodelay(true) {
            log::debug!("cannot set TCP_NODELAY: {err}");
        }
        connection
    })
}

pub(super) fn connect_error(err: ConnectError) -> TransportError {
    match err {
        ConnectError::Resolver(err) => TransportError::Resolve(err.to_string().into()),
        ConnectError::NoRecords => TransportError::Resolve("the host has no addresses".into()),
        ConnectError::SslIsNotSupported => {
            TransportError::Unsupported("https and wss, for lack of TLS".into())
        }
        ConnectError::Timeout => TransportError::Timeout { stage: Stage::Connect },
        ConnectError::Io(err) => {
            TransportError::Connect { kind: err.kind(), message: err.to_string().into() }
        }
        err => TransportError::Connect { kind: io::ErrorKind::Other, message: err.to_string().into() },
    }
}
