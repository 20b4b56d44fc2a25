//! One lane to one origin, opened anew whenever that is needed.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix_http::Method;
use actix_rt::time::Instant;

use super::{
    Activity, Request, Response,
    codec_config::CodecConfig,
    lane::{Lane, Upgraded},
};
use crate::{error::TransportError, protocol::endpoint::Destination, transport::network::Network};

/// A lane idle for longer is not used again: servers close theirs after a few seconds (Node's after five), and a
/// request that meets the close on its way is lost.
const MAX_IDLE: Duration = Duration::from_secs(4);

/// A server that closed a lane before it saw the request is heard of within a round trip, for which TCP itself allows
/// this long at first (RFC 6298, section 2). What ends later may have been answered.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// Sends requests to one origin, one at a time, and keeps the connection between them.
///
/// Dropping the future of an exchange closes the connection it runs on.
pub(crate) struct Agent {
    network: Arc<Network>,
    destination: Destination,
    codec_config: Rc<CodecConfig>,
    activity: Activity,
    pub(super) lane: Option<Lane>,
}

impl Agent {
    pub(crate) fn new(network: Arc<Network>, destination: Destination) -> Self {
        let codec_config = CodecConfig::shared();
        Self { network, destination, codec_config, activity: Activity::new(), lane: None }
    }

    /// How far the exchanges have come.
    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Sends `request` and reads the answer, whose body may have `limit` bytes once inflated.
    ///
    /// After an error, [`Activity::sent`] tells whether the request had left: if not, the server cannot have acted
    /// on it.
    pub(crate) async fn send(&mut self, request: &Request, limit: usize) -> Result<Response, TransportError> {
        if let Some(lane) = self.take_idle() {
            let (read, asked) = (self.activity.read(), Instant::now());
            match self.exchange(lane, request, limit).await {
                // The server closed the lane as the request was on its way. RFC 9110, section 9.2.2: "A client
                // SHOULD NOT automatically retry a request with a non-idempotent method". A poll is idempotent only if
                // it was not answered: what went into a lost answer does not come again.
                Err(TransportError::Io { .. })
                    if request.method == Method::GET
                        && self.activity.read() == read
                        && asked.elapsed() < ROUND_TRIP => {}
                outcome => return outcome,
            }
        }
        let lane = self.connect().await?;
        self.exchange(lane, request, limit).await
    }

    /// Sends `request`, a WebSocket handshake, on a connection of its own.
    pub(crate) async fn upgrade(&self, request: &Request, limit: usize) -> Result<Upgraded, TransportError> {
        self.connect().await?.upgrade(request, limit).await
    }

    async fn connect(&self) -> Result<Lane, TransportError> {
        let io = self.network.connect(&self.destination, &self.activity).await?;
        Ok(Lane::new(io, &self.codec_config, self.activity.clone()))
    }

    /// Takes the lane for as long as the exchange lasts, so that it goes if the exchange does.
    fn take_idle(&mut self) -> Option<Lane> {
        let mut lane = self.lane.take()?;
        (lane.idle_since.elapsed() < MAX_IDLE && !lane.is_closed()).then_some(lane)
    }

    async fn exchange(
        &mut self,
        mut lane: Lane,
        request: &Request,
        limit: usize,
    ) -> Result<Response, TransportError> {
        let response = lane.exchange(request, limit).await?;
        self.lane = Some(lane).filter(Lane::is_reusable);
        Ok(response)
    }
}
