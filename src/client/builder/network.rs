//! The options of how connections are made.

#[cfg(unix)]
use std::path::PathBuf;
use std::{env, io, net::IpAddr, panic::AssertUnwindSafe, sync::Arc};

use actix_codec::{AsyncRead, AsyncWrite};
use futures::{FutureExt as _, future::LocalBoxFuture};

use super::EngineIoClientBuilder;
#[cfg(feature = "rustls")]
use crate::transport::network::tls::Tls;
use crate::{
    error::ConnectError,
    protocol::endpoint::Destination,
    transport::{
        Io,
        network::{Environment, Network, Proxy, Route},
    },
};

/// # How connections are made
///
/// One way leads to the server: straight (the default), [`proxy`](Self::proxy),
/// [`proxy_from_env`](Self::proxy_from_env), [`unix_socket`](Self::unix_socket) or [`connector`](Self::connector). Of
/// these, the last one that is called counts. TLS runs on top of all of them when the URL is `https` or `wss`.
impl EngineIoClientBuilder {
    /// Reaches servers through a proxy: `http://user:password@host:3128` (asked for a tunnel by CONNECT, for plain URLs
    /// too), `socks5://user:password@host:1080` (hosts are looked up here) or `socks5h://..` (the proxy looks them up).
    /// SOCKS needs the feature `socks`, which is on by default. Default: none.
    ///
    /// ```
    /// use actix_engineio::EngineIoClient;
    ///
    /// let builder = EngineIoClient::builder().proxy("http://proxy.example.org:3128");
    /// ```
    pub fn proxy(mut self, url: impl AsRef<str>) -> Self {
        match Proxy::parse(url.as_ref()) {
            Ok(proxy) => self.network().route = Route::Proxy(proxy),
            Err(reason) => self.refuse("proxy", reason),
        }
        self
    }

    /// Reaches servers through the proxies that the environment names now: `http_proxy`, `https_proxy` and `all_proxy`,
    /// save for the hosts of `no_proxy` (domains, which include what is below them, addresses, networks such as
    /// `10.0.0.0/8`, and `*`), in small letters or in capitals. `ws` and `wss` count as `http` and `https`. `false`
    /// takes back an earlier `true` and nothing else. A variable that names no proxy of these kinds fails the connects that
    /// would go by it. Default: `false`, as with python-engineio's own session.
    pub fn proxy_from_env(mut self, read: bool) -> Self {
        if !read {
            // What leads elsewhere was asked for by another call, and stays.
            if let Route::Environment(_) = self.config.transport.network.route {
                self.network().route = Route::Direct;
            }
            return self;
        }
        self.network().route = Route::Environment(Environment::read(|name| env::var(name).ok()));
        self
    }

    /// Reaches the server through a unix socket; the URL still gives the `host` header, the query and TLS. Default: none.
    ///
    /// ```
    /// use actix_engineio::EngineIoClient;
    ///
    /// // And then: Connect::new("http://localhost/").
    /// let builder = EngineIoClient::builder().unix_socket("/run/events.sock");
    /// ```
    #[cfg(unix)]
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.network().route = Route::Unix(path.into());
        self
    }

    /// The local address of TCP connections, for machines with several. Only addresses of the same family are then
    /// connected to. Default: the system's choice.
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.network().local_address = Some(address);
        self
    }

    /// Looks hosts up, the proxy's too. It is not asked about hosts that are IP addresses, and has to give one address at
    /// least. The addresses are tried in this order, both families by turns, the next one when the one before has failed
    /// or has not answered within 250 ms (RFC 8305). Its future need not be `Send`. Default: the system's resolver.
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    ///
    /// use actix_engineio::EngineIoClient;
    ///
    /// let builder = EngineIoClient::builder().resolver(async |host: String| match host.as_str() {
    ///     "events.internal" => Ok(vec![IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7))]),
    ///     _ => Err(std::io::Error::other("only events.internal is known here")),
    /// });
    /// ```
    pub fn resolver<F>(mut self, resolve: F) -> Self
    where
        F: AsyncFn(String) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    {
        let resolve = Arc::new(resolve);
        self.network().resolver = Some(Arc::new(move |host| {
            let resolve = resolve.clone();
            caught(async move { resolve(host).await })
        }));
        self
    }

    /// Makes byte streams to servers, for both transports: whatever a [`Destination`] means to you. TLS is still put on
    /// top for `https` and `wss`; with a URL of `http` the stream may do TLS of its own, by another library. It is called
    /// for every connection (polling holds up to two, an upgrade adds one) and bounded as the request is that needs it (a poll:
    /// by the session's heartbeat, any other: by `request_timeout`); an error becomes
    /// [`TransportError::Connect`](crate::TransportError::Connect). Its future need not be `Send`. Default: TCP.
    ///
    /// ```
    /// use actix_engineio::{Destination, EngineIoClient};
    /// use tokio::net::TcpStream;
    ///
    /// // Whatever the URL says, the server is at the end of this tunnel.
    /// let builder = EngineIoClient::builder().connector(async |to: Destination| {
    ///     log::info!("connecting to {}:{}", to.host(), to.port());
    ///     let stream = TcpStream::connect("127.0.0.1:9000").await?;
    ///     stream.set_nodelay(true)?;
    ///     Ok(stream)
    /// });
    /// ```
    pub fn connector<F, S>(mut self, connect: F) -> Self
    where
        F: AsyncFn(Destination) -> io::Result<S> + Send + Sync + 'static,
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let connect = Arc::new(connect);
        self.network().route = Route::Connector(Arc::new(move |destination| {
            let connect = connect.clone();
            caught(async move {
                let stream: Box<dyn Io> = Box::new(connect(destination).await?);
                Ok(stream)
            })
        }));
        self
    }

    fn network(&mut self) -> &mut Network {
        Arc::make_mut(&mut self.config.transport.network)
    }

    fn refuse(&mut self, what: &'static str, reason: String) {
        self.config.invalid.get_or_insert(ConnectError::Invalid { what, reason });
    }
}

/// What the user's own code does. A panic of it fails its connect, not the client.
fn caught<T: 'static>(
    outcome: impl Future<Output = io::Result<T>> + 'static,
) -> LocalBoxFuture<'static, io::Result<T>> {
    let outcome = AssertUnwindSafe(outcome).catch_unwind();
    Box::pin(outcome.map(|outcome| outcome.unwrap_or_else(|_| Err(io::Error::other("it panicked")))))
}

/// # TLS
///
/// By rustls. Which authorities are trusted is a matter of features: `rustls-webpki-roots` (the default) brings those of
/// Mozilla, `rustls-native-roots` loads those of the system; with `rustls` alone there are none, and
/// [`root_certificates`](Self::root_certificates) or [`tls_config`](Self::tls_config) has to be given. TLS uses the
/// process-wide provider of cryptography if the application has installed one, and ring otherwise; this crate installs
/// none. Without any of these features `https` and `wss` are refused.
#[cfg(feature = "rustls")]
#[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
impl EngineIoClientBuilder {
    /// Whether the server's certificate has to be valid and for its name. With `false` the connection is open to whoever
    /// sits on the way, and the log warns of it. Default: `true`.
    pub fn ssl_verify(mut self, verify: bool) -> Self {
        self.tls().set_verify(verify);
        self
    }

    /// Trusts the authorities of this PEM file, beside those that the features bring. May be called several times.
    ///
    /// A server's own certificate may be given unless it is marked as an authority (CA:TRUE), as `openssl req -x509` does by
    /// default; `-addext basicConstraints=CA:FALSE` makes one that may.
    ///
    /// ```no_run
    /// use actix_engineio::EngineIoClient;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let builder = EngineIoClient::builder().root_certificates(std::fs::read("internal-ca.pem")?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn root_certificates(mut self, pem: impl AsRef<[u8]>) -> Self {
        let outcome = self.tls().add_roots(pem.as_ref());
        self.keep("root certificate", outcome)
    }

    /// Identifies the client to servers that ask for a certificate: the PEM files of its chain, own certificate first,
    /// and of its private key (PKCS #8, PKCS #1 or SEC 1). Default: none.
    ///
    /// ```no_run
    /// use actix_engineio::EngineIoClient;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let builder = EngineIoClient::builder()
    ///     .client_certificate(std::fs::read("client.pem")?, std::fs::read("client-key.pem")?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn client_certificate(mut self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        let outcome = self.tls().set_identity(chain.as_ref(), key.as_ref());
        self.keep("client certificate", outcome)
    }

    /// The name that the server's certificate has to be for, and that the server is told (SNI). Default: the host of the
    /// URL.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        let outcome = self.tls().set_server_name(name.into());
        self.keep("server name", outcome)
    }

    /// Takes the application's own configuration of rustls, for everything the other options do not reach. It is used as it is,
    /// save that ALPN is set to `http/1.1`, which WebSocket needs; `ssl_verify`, `root_certificates` and
    /// `client_certificate` then count for nothing. Default: none.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use actix_engineio::{EngineIoClient, rustls};
    ///
    /// # fn run() -> Result<(), rustls::Error> {
    /// let provider = Arc::new(rustls::crypto::ring::default_provider());
    /// let config = rustls::ClientConfig::builder_with_provider(provider)
    ///     .with_protocol_versions(&[&rustls::version::TLS13])?
    ///     .with_root_certificates(rustls::RootCertStore::empty())
    ///     .with_no_client_auth();
    /// let builder = EngineIoClient::builder().tls_config(Arc::new(config));
    /// # Ok(())
    /// # }
    /// ```
    pub fn tls_config(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls().use_config(config);
        self
    }

    fn tls(&mut self) -> &mut Tls {
        let tls = &mut self.network().tls;
        tls.forget_config();
        tls
    }

    fn keep(mut self, what: &'static str, outcome: Result<(), String>) -> Self {
        if let Err(reason) = outcome {
            self.refuse(what, reason);
        }
        self
    }
}
