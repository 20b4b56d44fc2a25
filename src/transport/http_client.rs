//! A client of one origin. It has at most one connection, and opens another one when it needs to.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix_http::Method;
use actix_rt::time::Instant;

use super::{
    Progress, ProgressReader,
    http::{CodecConfig, Http1Connection, Request, Response, UpgradeResponse},
    network::{Connected, Network, Purpose},
};
use crate::{
    error::{Stage, TransportError},
    protocol::endpoint::Destination,
};

/// The longest time for which an idle connection stays usable. Servers close theirs after a few seconds (Node after five),
/// and a request that crosses the close is lost.
const MAX_IDLE: Duration = Duration::from_secs(4);

/// The time within which the client learns that a server closed the connection before it saw the request: a round trip, for
/// which TCP initially allows this long (RFC 6298, section 2). If the connection ends later, the server may have answered.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// Sends requests to one origin, one at a time, over one connection while the server keeps it open.
///
/// Dropping the future of an exchange closes its connection.
pub(crate) struct HttpClient {
    network: Arc<Network>,
    destination: Destination,
    codec_config: Rc<CodecConfig>,
    progress: Progress,
    /// The connection between two exchanges, and the time when the last one ended. It is boxed, since otherwise the future
    /// of each poll that waits would contain room for several connections.
    idle: Option<(Box<Http1Connection>, Instant)>,
}

impl HttpClient {
    pub(crate) fn new(network: Arc<Network>, destination: Destination) -> Self {
        let codec_config = CodecConfig::shared();
        Self { network, destination, codec_config, progress: Progress::new(), idle: None }
    }

    /// The progress of the current request.
    pub(super) fn progress(&self) -> ProgressReader {
        self.progress.reader()
    }

    /// Prepares for the next request: from here on, [`progress`](Self::progress) says nothing about the last one.
    pub(super) fn prepare(&self) {
        self.progress.begin(Stage::Connect);
    }

    /// Sends `request` and reads the response. `limit`: the largest size of its inflated body.
    ///
    /// After an error, [`ProgressReader::sent`] says whether the request was sent completely. If not, the server cannot
    /// have acted on it.
    pub(crate) async fn send(&mut self, request: &Request, limit: usize) -> Result<Response, TransportError> {
        if let Some(connection) = self.take_idle() {
            let (progress, started) = (self.progress.reader(), Instant::now());
            let read = progress.read();
            match self.exchange(connection, request, limit).await {
                // The server closed the connection before it saw the request, so the request is sent again. RFC 9110,
                // section 9.2.2: "A client SHOULD NOT automatically retry a request with a non-idempotent method". A
                // poll is idempotent only if it was not answered: the server does not repeat a lost answer.
                Err(TransportError::Io { .. })
                    if request.method == Method::GET
                        && progress.read() == read
                        && started.elapsed() < ROUND_TRIP => {}
                outcome => return outcome,
            }
        }
        let connection = self.connect(Purpose::Requests).await?;
        self.exchange(connection, request, limit).await
    }

    /// Sends `request`, a WebSocket handshake, on a connection of its own.
    pub(crate) async fn upgrade(
        &self,
        request: &Request,
        limit: usize,
    ) -> Result<UpgradeResponse, TransportError> {
        self.connect(Purpose::Stream).await?.upgrade(request, limit).await
    }

    async fn connect(&self, purpose: Purpose) -> Result<Box<Http1Connection>, TransportError> {
        let Connected { io, forwarding } =
            self.network.connect(&self.destination, purpose, &self.progress).await?;
        let connection = Http1Connection::new(io, &self.codec_config, self.progress.clone());
        Ok(Box::new(connection.forwarded_by(forwarding)))
    }

    /// Takes the idle connection, if it is usable. An exchange owns its connection, so that both are dropped together.
    fn take_idle(&mut self) -> Option<Box<Http1Connection>> {
        let (mut connection, since) = self.idle.take()?;
        (since.elapsed() < MAX_IDLE && !connection.is_closed()).then_some(connection)
    }

    async fn exchange(
        &mut self,
        mut connection: Box<Http1Connection>,
        request: &Request,
        limit: usize,
    ) -> Result<Response, TransportError> {
        let response = connection.exchange(request, limit).await?;
        self.idle = connection.is_reusable().then(|| (connection, Instant::now()));
        Ok(response)
    }
}

#[cfg(test)]
mod tests;
