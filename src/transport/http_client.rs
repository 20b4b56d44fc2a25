//! One connection to one origin, opened anew whenever that is needed.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix_http::Method;
use actix_rt::time::Instant;

use super::{
    Progress,
    http::{CodecConfig, Http1Connection, Request, Response, Upgraded},
    network::Network,
};
use crate::{error::TransportError, protocol::endpoint::Destination};

/// A connection idle for longer is not used again: servers close theirs after a few seconds (Node's after five), and a
/// request that meets the close on its way is lost.
const MAX_IDLE: Duration = Duration::from_secs(4);

/// A server that closed a connection before it saw the request is heard of within a round trip, for which TCP itself allows
/// this long at first (RFC 6298, section 2). What ends later may have been answered.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// Sends requests to one origin, one at a time, and keeps the connection between them.
///
/// Dropping the future of an exchange closes the connection it runs on.
pub(crate) struct HttpClient {
    network: Arc<Network>,
    destination: Destination,
    codec_config: Rc<CodecConfig>,
    progress: Progress,
    /// The connection between two exchanges, and when the last one ended.
    idle: Option<(Http1Connection, Instant)>,
}

impl HttpClient {
    pub(crate) fn new(network: Arc<Network>, destination: Destination) -> Self {
        let codec_config = CodecConfig::shared();
        Self { network, destination, codec_config, progress: Progress::new(), idle: None }
    }

    /// How far the exchanges have come.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Sends `request` and reads the answer, whose body may have `limit` bytes once inflated.
    ///
    /// After an error, [`Progress::sent`] tells whether the request had left: if not, the server cannot have acted
    /// on it.
    pub(crate) async fn send(&mut self, request: &Request, limit: usize) -> Result<Response, TransportError> {
        if let Some(connection) = self.take_idle() {
            let (read, asked) = (self.progress.read(), Instant::now());
            match self.exchange(connection, request, limit).await {
                // The server closed the connection as the request was on its way. RFC 9110, section 9.2.2: "A client
                // SHOULD NOT automatically retry a request with a non-idempotent method". A poll is idempotent only if
                // it was not answered: what went into a lost answer does not come again.
                Err(TransportError::Io { .. })
                    if request.method == Method::GET
                        && self.progress.read() == read
                        && asked.elapsed() < ROUND_TRIP => {}
                outcome => return outcome,
            }
        }
        let connection = self.connect().await?;
        self.exchange(connection, request, limit).await
    }

    /// Sends `request`, a WebSocket handshake, on a connection of its own.
    pub(crate) async fn upgrade(&self, request: &Request, limit: usize) -> Result<Upgraded, TransportError> {
        self.connect().await?.upgrade(request, limit).await
    }

    async fn connect(&self) -> Result<Http1Connection, TransportError> {
        let io = self.network.connect(&self.destination, &self.progress).await?;
        Ok(Http1Connection::new(io, &self.codec_config, self.progress.clone()))
    }

    /// Takes the connection for as long as the exchange lasts, so that it goes if the exchange does.
    fn take_idle(&mut self) -> Option<Http1Connection> {
        let (mut connection, since) = self.idle.take()?;
        (since.elapsed() < MAX_IDLE && !connection.is_closed()).then_some(connection)
    }

    async fn exchange(
        &mut self,
        mut connection: Http1Connection,
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
