//! What runs in front of a server: it passes connections on, and fails now and then in one of the ways that go over.

use std::{collections::BTreeMap, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use actix_engineio::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A connection from the client, with or without TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Makes the end of the connection a reset.
    fn resets(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn resets(&self) -> io::Result<()> {
        socket2::SockRef::from(self).set_linger(Some(Duration::ZERO))
    }
}

impl Stream for TlsStream<TcpStream> {
    fn resets(&self) -> io::Result<()> {
        self.get_ref().0.resets()
    }
}

/// A failure that goes over, of a server or of whatever answers in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nobody listens.
    Refused,
    /// The connection is reset.
    Reset,
    /// The connection is closed without an answer.
    Closed,
    /// The connection stays open, and nothing is answered.
    Silent,
    /// The bytes are not HTTP.
    NotHttp,
    /// The answer is a page of HTML with status 200.
    Html,
    /// The answer has status 200 and no body.
    NoBody,
    /// The answer has this status.
    Status(u16),
    /// The answer has this status, and says when to come back.
    RetryAfter(u16),
    /// The certificate is one that the client does not trust.
    ForeignCertificate,
    /// The bytes are not TLS.
    NotTls,
}

/// The faults that answer a request, which begin the list, and the others.
const FAULTS: [Fault; 16] = [
    Fault::NotHttp,
    Fault::Html,
    Fault::NoBody,
    Fault::Status(400),
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(404),
    Fault::Status(502),
    Fault::RetryAfter(429),
    Fault::RetryAfter(503),
    Fault::Refused,
    Fault::Reset,
    Fault::Closed,
    Fault::Silent,
    Fault::ForeignCertificate,
    Fault::NotTls,
];
const ANSWERS: usize = 10;

/// The longest time that a silent connection stays open.
const SILENCE: Duration = Duration::from_secs(2);
/// The longest wait for a client that does not come back. It only bounds hangs.
const PATIENCE: Duration = Duration::from_secs(60);

const PAGE: &str = "<!DOCTYPE html><html><body>We will be back soon.</body></html>";

impl Fault {
    /// The bytes that answer a request. `takes_place`: they take the place of an answer that matters.
    fn answer(self, takes_place: bool) -> String {
        let (head, body) = match self {
            Self::NotHttp => return "SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(),
            Self::Html => ("200 OK\r\ncontent-type: text/html".to_owned(), PAGE),
            // To a POST this would be an acknowledgement. To a poll that the server has answered it would be an empty answer,
            // which a client accepts, and the server does not repeat its own. Nobody could find out that it is a lie.
            Self::NoBody if takes_place => ("200 OK".to_owned(), PAGE),
            Self::NoBody => ("200 OK".to_owned(), ""),
            Self::Status(401) => ("401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"".to_owned(), ""),
            Self::Status(status) => (format!("{status} Not Now"), PAGE),
            Self::RetryAfter(status) => (format!("{status} Later\r\nretry-after: 1"), "later"),
            _ => return String::new(),
        };
        format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    /// The connection shows this fault.
    async fn show(self, stream: TcpStream, tls: Option<Tls>) -> io::Result<()> {
        match (self, tls) {
            (Self::Reset, _) => stream.resets(),
            (Self::Silent, _) => {
                sleep(SILENCE).await;
                Ok(())
            }
            (Self::NotTls, _) => Self::NotHttp.answers(stream).await,
            (Self::ForeignCertificate, Some(tls)) => tls.foreign.accept(stream).await.map(|_| ()),
            (_, Some(tls)) => self.answers(tls.own.accept(stream).await?).await,
            (_, None) => self.answers(stream).await,
        }
    }

    /// Reads something, answers it and closes.
    async fn answers(self, mut stream: impl Stream) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        let read = stream.read(&mut buffer).await?;
        stream.write_all(self.answer(is_post(&buffer[..read])).as_bytes()).await?;
        stream.shutdown().await?;
        // To close with unread bytes would be a reset, and that could overtake the answer.
        let rest = async { while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
        let _ = timeout(SILENCE, rest).await;
        Ok(())
    }
}

fn is_post(request: &[u8]) -> bool {
    request.starts_with(b"POST ")
}

/// TLS with the server's own certificate, and with that of somebody else.
#[derive(Clone)]
pub(crate) struct Tls {
    own: TlsAcceptor,
    foreign: TlsAcceptor,
    /// The authority of the server's own certificate, in PEM.
    pub(crate) authority: Arc<str>,
}

impl Tls {
    pub(crate) fn new() -> Self {
        let (own, authority) = acceptor("authority");
        let (foreign, _) = acceptor("captive portal");
        Self { own, foreign, authority: authority.into() }
    }
}

/// TLS with a certificate of a new authority, and the authority's own.
fn acceptor(name: &str) -> (TlsAcceptor, String) {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

/// Listens, and passes connections on or fails, as its methods say.
pub(crate) struct Front {
    addr: SocketAddr,
    listener: TcpListener,
    upstream: SocketAddr,
    tls: Option<Tls>,
    random: StdRng,
    /// The faults that come next. Each one comes before any comes again.
    deck: Vec<Fault>,
    /// The number of connections that showed each fault.
    pub(crate) shown: BTreeMap<Fault, usize>,
}

impl Front {
    pub(crate) async fn start(upstream: SocketAddr, tls: Option<Tls>, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let random = StdRng::seed_from_u64(seed);
        let (deck, shown) = (Vec::new(), BTreeMap::new());
        Ok(Self { addr: listener.local_addr()?, listener, upstream, tls, random, deck, shown })
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.addr)
    }

    /// Passes connections on until `end`; then they end, each in a way of its own.
    pub(crate) async fn serves(&mut self, end: impl Future<Output = ()>) -> io::Result<()> {
        // Every relay ends when the sender is dropped.
        let (_ends, ended) = watch::channel(());
        tokio::pin!(end);
        loop {
            let (stream, _) = tokio::select! {
                accepted = self.listener.accept() => accepted?,
                () = &mut end => return Ok(()),
            };
            stream.set_nodelay(true)?;
            let ending = self.ending();
            let (tls, upstream, ended) = (self.tls.clone(), self.upstream, ended.clone());
            tokio::spawn(async move {
                let upstream = TcpStream::connect(upstream).await?;
                upstream.set_nodelay(true)?;
                match tls {
                    Some(tls) => relay(tls.own.accept(stream).await?, upstream, ended, ending).await,
                    None => relay(stream, upstream, ended, ending).await,
                }
            });
        }
    }

    /// The way in which a connection ends that was passed on.
    fn ending(&mut self) -> Fault {
        match self.random.random_range(0..6) {
            0 => Fault::Reset,
            1 => Fault::Silent,
            2 => Fault::Closed,
            _ => FAULTS[self.random.random_range(0..ANSWERS)],
        }
    }

    /// Shows the next fault for some time, and at least once.
    pub(crate) async fn fails(&mut self) -> io::Result<()> {
        let fault = self.next_fault();
        let time = Duration::from_millis(self.random.random_range(20..500));
        if fault == Fault::Refused {
            return self.refuses(time).await;
        }
        let (end, give_up) = (Instant::now() + time, Instant::now() + PATIENCE);
        let mut at_least = give_up;
        while let Ok(accepted) = timeout_at(at_least, self.listener.accept()).await {
            let (stream, _) = accepted?;
            let another = self.random.random_range(0..4) == 0;
            let fault = if another { FAULTS[self.random.random_range(0..ANSWERS)] } else { fault };
            *self.shown.entry(fault).or_default() += 1;
            tokio::spawn(fault.show(stream, self.tls.clone()));
            at_least = end;
        }
        assert!(at_least == end, "nobody connects to see {fault:?}");
        Ok(())
    }

    /// Does not listen for some time.
    async fn refuses(&mut self, time: Duration) -> io::Result<()> {
        *self.shown.entry(Fault::Refused).or_default() += 1;
        // The old listener ends when it is replaced, so this one has a port of its own.
        self.listener = TcpListener::bind("127.0.0.1:0").await?;
        sleep(time).await;
        let give_up = Instant::now() + PATIENCE;
        self.listener = loop {
            match TcpListener::bind(self.addr).await {
                Ok(listener) => break listener,
                Err(err) if Instant::now() > give_up => return Err(err),
                // For a moment the port may be that of somebody's outgoing connection.
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        };
        Ok(())
    }

    fn next_fault(&mut self) -> Fault {
        if self.deck.is_empty() {
            let is_tls = self.tls.is_some();
            self.deck.extend(FAULTS);
            self.deck.retain(|fault| is_tls || !matches!(fault, Fault::ForeignCertificate | Fault::NotTls));
        }
        let at = usize::try_from(self.random.next_u64()).unwrap() % self.deck.len();
        self.deck.swap_remove(at)
    }
}

/// Passes bytes on until `ended` has no sender any more, then ends as `ending` says. An answer in the name of the server
/// is given only where the client waits for one; everywhere else it would become a part of another.
async fn relay(
    mut client: impl Stream,
    mut server: TcpStream,
    mut ended: watch::Receiver<()>,
    ending: Fault,
) -> io::Result<()> {
    let (mut up, mut down) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let (mut awaits_answer, mut is_websocket) = (false, false);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let bytes = &up[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                awaits_answer = true;
                let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
                is_websocket |= text.contains("upgrade: websocket");
                server.write_all(bytes).await?;
            }
            read = server.read(&mut down) => {
                let bytes = &down[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                awaits_answer = false;
                client.write_all(bytes).await?;
            }
            _ = ended.changed() => break,
        }
    }
    match ending {
        Fault::Silent => sleep_until(Instant::now() + SILENCE).await,
        _ if awaits_answer && !is_websocket => {
            // A byte of an answer arrives in any case, and no reset overtakes it: a poll that gets none on a connection that was
            // used before is sent again, and the server does not repeat what its answer contained.
            let answer = ending.answer(true);
            client.write_all(if answer.is_empty() { b"H" } else { answer.as_bytes() }).await?;
            client.shutdown().await?;
        }
        Fault::Reset => client.resets()?,
        _ => {}
    }
    Ok(())
}
