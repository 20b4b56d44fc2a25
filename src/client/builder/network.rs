//! The options of connections: the way to the server, awc's connector, and TLS.

#[cfg(unix)]
use std::path::PathBuf;
use std::{env, fmt, io, net::IpAddr, panic::AssertUnwindSafe, sync::Arc};

use actix_codec::{AsyncRead, AsyncWrite};
use actix_rt::net::ActixStream;
use actix_service::Service;
use actix_tls::connect::{ConnectError as DialError, ConnectInfo, Connection};
use awc::http::Uri;
use futures::{FutureExt as _, future::LocalBoxFuture};

use super::EngineIoClientBuilder;
#[cfg(feature = "rustls")]
use crate::transport::network::tls::Tls;
use crate::{
    error::ConnectError,
    protocol::endpoint::Destination,
    transport::{
        Io,
        network::{Configure, Dialer, Environment, Network, Proxy, Route},
    },
};

/// # How connections are made
///
/// The `Connector` of [awc](https://docs.rs/awc/3) opens every connection of the client, for polling and for WebSocket.
/// The client itself sends HTTP requests and WebSocket frames on it. Inside the connector a [`Dialer`] makes the byte
/// stream to the server. On top of the byte stream the connector does TLS, if the URL is `https` or `wss`.
///
/// The dialer has one way to the server: directly (the default), [`proxy`](Self::proxy),
/// [`proxy_from_env`](Self::proxy_from_env), [`unix_socket`](Self::unix_socket) or [`connector`](Self::connector). If
/// several of these are called, the last call counts. [`awc_connector`](Self::awc_connector) changes awc's connector: the
/// library that does TLS, and the service that makes the byte stream.
impl EngineIoClientBuilder {
    /// A proxy through which the client reaches the server. Default: none.
    ///
    /// - `http://user:password@host:3128`: an HTTP proxy. It forwards the polling of `http` and `ws` URLs. For WebSocket and
    ///   for `https` and `wss` URLs it is asked for a tunnel with CONNECT. Many proxies make tunnels to port 443 only; then
    ///   a session with a plain URL stays on polling.
    /// - `socks5://user:password@host:1080`: a SOCKS5 proxy. The client looks up the host of the server.
    /// - `socks5h://user:password@host:1080`: a SOCKS5 proxy, which looks up the host by itself.
    ///
    /// For SOCKS, the user name and the password have 1 to 255 bytes each. The default port is 80, or 1080 for SOCKS;
    /// `host:3128` without a scheme is an HTTP proxy. A proxy that is reached over TLS (`https`) is not supported. SOCKS needs
    /// the feature `socks`, which is on by default.
    ///
    /// ```
    /// use actix_engineio::EngineIoClient;
    ///
    /// let builder = EngineIoClient::builder().proxy("http://proxy.example.org:3128");
    /// ```
    pub fn proxy(mut self, url: impl AsRef<str>) -> Self {
        match Proxy::parse(url.as_ref()) {
            Ok(proxy) => self.network().route = Route::Proxy(proxy),
            Err(reason) => self.reject_option("proxy", reason),
        }
        self
    }

    /// Whether to use the proxies that the environment names: `http_proxy`, `https_proxy` and `all_proxy`, in small or in
    /// capital letters (the small ones come first; `HTTP_PROXY` is ignored in a CGI program, which has `REQUEST_METHOD`).
    /// `all_proxy` is used for a scheme whose own variable is missing. The environment is read when this is called. Default:
    /// `false`, as in the `AsyncClient` of python-engineio.
    ///
    /// `no_proxy` lists the exceptions, separated by commas or blanks: domains, which include their subdomains; addresses;
    /// networks such as `10.0.0.0/8`; and `*`. A domain or an address may have a port. An item that cannot be understood is
    /// ignored, with a warning. `ws` and `wss` URLs use the proxies of `http` and `https`. If a variable contains an invalid
    /// or unsupported URL, connects that would use it fail with
    /// [`TransportError::Unsupported`](crate::TransportError::Unsupported), which also ends a policy. `false` cancels an
    /// earlier `proxy_from_env(true)`, and changes nothing else.
    pub fn proxy_from_env(mut self, read: bool) -> Self {
        if !read {
            // Another call may have set another way since then, which counts.
            if let Route::Environment(_) = self.config.attempts.transport.network.route {
                self.network().route = Route::Direct;
            }
            return self;
        }
        self.network().route = Route::Environment(Environment::read(|name| env::var(name).ok()));
        self
    }

    /// A unix socket through which the client reaches the server. Default: none.
    ///
    /// The URL still determines the `host` header, the query and TLS. An error is
    /// [`TransportError::Connect`](crate::TransportError::Connect). Exists on Unix only.
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

    /// The local address of TCP connections, for machines that have several. Default: the system chooses.
    ///
    /// The client then connects only to addresses of the same family, IPv4 or IPv6. If the host has none, the connect fails
    /// with [`TransportError::Connect`](crate::TransportError::Connect), or with
    /// [`TransportError::Proxy`](crate::TransportError::Proxy) for the host of a proxy. The option has no effect with
    /// `unix_socket` and `connector`.
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.network().local_address = Some(address);
        self
    }

    /// A function that looks up hosts: that of the server, and that of a proxy. Default: the resolver of the system.
    ///
    /// It is not called for IP addresses, and it has to return at least one address. An empty list, an error and a panic
    /// become [`TransportError::Resolve`](crate::TransportError::Resolve), or
    /// [`TransportError::Proxy`](crate::TransportError::Proxy) for the host of a proxy. It may take as long as the request for
    /// which it is called. The client tries the addresses in the returned order, but alternates between IPv6 and IPv4. It
    /// tries the next address when the one before has failed, or has not answered within 250 ms (RFC 8305). The future does
    /// not have to be `Send`.
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

    /// A function that makes the byte streams to the server, for both transports. Default: TCP.
    ///
    /// The client calls it for every connection: polling uses up to two, and an upgrade adds one. For `https` and `wss`
    /// the client does TLS on top of the stream. With an `http` URL the stream may do TLS by itself. A call may take as
    /// long as the request for which it is made: a poll as long as the session's heartbeat allows, any other request
    /// [`request_timeout`](Self::request_timeout). An error becomes
    /// [`TransportError::Connect`](crate::TransportError::Connect). The future does not have to be `Send`.
    ///
    /// The client sets no options of the stream. For TCP set `TCP_NODELAY`, and for slow lines `TCP_NOTSENT_LOWAT` (128 KiB,
    /// for example): otherwise the system may accept megabytes before it has sent them, and a pong waits behind them.
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

    /// A function that configures awc's [`Connector`](https://docs.rs/awc/3/awc/struct.Connector.html), which opens
    /// every connection of this client. Default: the connector stays as it is.
    ///
    /// The function receives a connector that contains our [`Dialer`] and our TLS. Everything that it does not change stays as
    /// it is. The crate [`crate::awc`] is re-exported.
    ///
    /// It is for **TLS by another library** than rustls: OpenSSL with a company's certificates, a FIPS module or an
    /// engine, or another version of rustls. Everything else works as before: proxies, parallel attempts (RFC 8305),
    /// options of TCP, time limits, and the stages in their errors.
    ///
    /// ```ignore
    /// // awc = { version = "3.11", default-features = false, features = ["openssl"] }
    /// // openssl = "0.10"
    /// use actix_engineio::EngineIoClient;
    /// use openssl::ssl::{SslConnector, SslMethod};
    ///
    /// let mut tls = SslConnector::builder(SslMethod::tls())?;
    /// tls.set_alpn_protos(b"\x08http/1.1")?;
    /// let tls = tls.build();
    /// let builder = EngineIoClient::builder().awc_connector(move |connector| connector.openssl(tls.clone()));
    /// ```
    ///
    /// It is also for **a service around the dialer**, which then sees every connection. Such a service needs the
    /// crates `actix-service` (version 2) and `actix-tls` (version 3):
    ///
    /// ```
    /// use actix_engineio::{Dialer, EngineIoClient, awc::http::Uri};
    /// use actix_service::{Service as _, fn_service};
    /// use actix_tls::connect::ConnectInfo;
    ///
    /// let builder = EngineIoClient::builder().awc_connector(|connector| {
    ///     connector.connector(fn_service(|server: ConnectInfo<Uri>| {
    ///         log::info!("connecting to {server}");
    ///         Dialer::default().call(server)
    ///     }))
    /// });
    /// ```
    ///
    /// # Which options count
    ///
    /// - TLS that the function sets replaces `tls_config`, `root_certificates`, `client_certificate` and `ssl_verify`.
    ///   `server_name` still counts. The crate's features for TLS are not necessary then, except for IPv6 addresses: see
    ///   below.
    /// - [`proxy`](Self::proxy), [`unix_socket`](Self::unix_socket), [`connector`](Self::connector),
    ///   [`resolver`](Self::resolver) and [`local_address`](Self::local_address) count if the dialer is used. The
    ///   connector's own `local_address` does not.
    /// - If a service connects by itself and does not call the dialer, none of these options has an effect, nor has
    ///   `server_name`. There are no parallel attempts, and the service should set `TCP_NODELAY` and, for slow lines,
    ///   `TCP_NOTSENT_LOWAT` itself. If a time limit expires during its work, the stage is
    ///   [`Stage::Connect`](crate::Stage::Connect), also during the lookup of the host and TLS.
    /// - The connector's time limits count if they are shorter than the client's. Its pool of connections is not used.
    ///
    /// # What TLS of your own has to observe
    ///
    /// - Its ALPN may offer only `http/1.1`. If the server chooses HTTP/2, the connect fails with
    ///   [`TransportError::Tls`](crate::TransportError::Tls). In that case awc panics. The client catches the panic, but its
    ///   message is printed. With `panic = "abort"` the process ends.
    /// - For an IPv6 address in the URL it needs a `server_name`, which exists only with the feature `rustls`, because awc
    ///   passes the address to TLS in brackets, and no library takes that as a name. (Our own TLS to an IPv6 address is done
    ///   by the dialer.)
    ///
    /// # When the function is called
    ///
    /// The connector is not `Send`. So the function is called on the client's arbiter, before the first connection there: once
    /// per arbiter and configuration of TLS, and not once per connection. All clients on an arbiter that were built with this
    /// function, from clones of one builder, share the connector. Make what is expensive outside of the function, as the
    /// example with OpenSSL does. If the function panics, the connect fails with
    /// [`TransportError::Connect`](crate::TransportError::Connect), and the next connect calls it again. If a service of yours
    /// panics, the connect fails in the same way.
    pub fn awc_connector<F, S, I>(mut self, configure: F) -> Self
    where
        F: Fn(awc::Connector<Dialer>) -> awc::Connector<S> + Send + Sync + 'static,
        S: Service<ConnectInfo<Uri>, Response = Connection<Uri, I>, Error = DialError> + Clone + 'static,
        I: ActixStream + fmt::Debug + 'static,
    {
        self.network().configure = Some(Configure::new(configure));
        self
    }

    fn network(&mut self) -> &mut Network {
        Arc::make_mut(&mut self.transport().network)
    }

    fn reject_option(&mut self, what: &'static str, reason: String) {
        self.reject(ConnectError::Invalid { what, reason });
    }
}

/// A panic of the user's own code fails its connect, and not the client.
fn caught<T: 'static>(
    outcome: impl Future<Output = io::Result<T>> + 'static,
) -> LocalBoxFuture<'static, io::Result<T>> {
    let outcome = AssertUnwindSafe(outcome).catch_unwind();
    Box::pin(outcome.map(|outcome| outcome.unwrap_or_else(|_| Err(io::Error::other("it panicked")))))
}

/// # TLS
///
/// rustls does TLS. The features decide which certificate authorities it trusts: `rustls-webpki-roots` (the default)
/// brings those that Mozilla trusts, and `rustls-native-roots` loads those that the system trusts. With only `rustls`
/// there are none, and [`root_certificates`](Self::root_certificates) or [`tls_config`](Self::tls_config) is necessary.
/// Without any of these features `https` and `wss` fail, unless [`awc_connector`](Self::awc_connector) brings TLS of
/// its own.
///
/// rustls uses the cryptography provider that the application has installed for the process, or ring if there is none.
///
/// This crate installs none, with one exception. If another crate in the build enables `rustls-0_23-webpki-roots` or
/// `rustls-0_23-native-roots` of awc, and rustls has several providers to choose from, awc cannot make a connector
/// until one is installed: it panics. The client catches the panic, installs ring, logs a warning and tries once more.
/// With `panic = "abort"` it cannot do that. Such an application has to install a provider itself, before its first
/// connect.
#[cfg(feature = "rustls")]
#[cfg_attr(docsrs, doc(cfg(feature = "rustls")))]
impl EngineIoClientBuilder {
    /// Whether the server's certificate must be valid and must match the server's name. Default: `true`.
    ///
    /// With `false` anybody between the client and the server can read and change everything. The log warns about it.
    pub fn ssl_verify(mut self, verify: bool) -> Self {
        self.tls().set_verify(verify);
        self
    }

    /// Certificate authorities to trust, as the contents of a PEM file (not its path), in addition to those of the features.
    /// May be called several times.
    ///
    /// The server's own certificate can be given as well, unless it is marked as an authority (CA:TRUE), as `openssl req
    /// -x509` does by default. Add `-addext basicConstraints=CA:FALSE` to make one that can be given here.
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
        self.check("root certificate", outcome)
    }

    /// The certificate of the client, for servers that ask for one: the PEM file of its chain, which begins with the
    /// client's own certificate, and the PEM file of its private key (PKCS #8, PKCS #1 or SEC 1). Default: none.
    ///
    /// If the server redirects to another origin, the certificate is not shown there: see
    /// [`max_redirects`](Self::max_redirects).
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
        self.check("client certificate", outcome)
    }

    /// The name that the server's certificate must match, and that is sent to the server (SNI). Default: the host of the URL.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        let outcome = self.tls().set_server_name(name.into());
        self.check("server name", outcome)
    }

    /// The application's own configuration of rustls, for everything that has no option. Default: none.
    ///
    /// It is used as it is, with two exceptions. Its ALPN is set to `http/1.1`, which WebSocket needs. At another origin,
    /// to which the server [redirects](Self::max_redirects), no client certificate is shown and no TLS session resumed.
    ///
    /// `ssl_verify`, `root_certificates` and `client_certificate` do not count then.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use actix_engineio::{EngineIoClient, rustls};
    ///
    /// # fn run() -> Result<(), rustls::Error> {
    /// let provider = Arc::new(rustls::crypto::ring::default_provider());
    /// // Add your authorities to it: an empty store trusts no server.
    /// let roots = rustls::RootCertStore::empty();
    /// let config = rustls::ClientConfig::builder_with_provider(provider)
    ///     .with_protocol_versions(&[&rustls::version::TLS13])?
    ///     .with_root_certificates(roots)
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

    fn check(mut self, what: &'static str, outcome: Result<(), String>) -> Self {
        if let Err(reason) = outcome {
            self.reject_option(what, reason);
        }
        self
    }
}
