//! Servers as awc knows them.

use std::{cell::RefCell, rc::Rc};

use awc::http::{Uri, uri::InvalidUri};

use crate::{error::TransportError, protocol::endpoint::Destination};

/// A server, and the URI that awc gets.
pub(super) struct Server {
    destination: Destination,
    uri: Uri,
    scheme: &'static str,
}

impl Server {
    /// Returns the server at `destination`. awc does TLS if `scheme` is `https`.
    ///
    /// Each connection keeps a part of its URI. Most clients of a thread have the same server, so calls for one server
    /// that follow each other share the URI.
    pub(super) fn shared(
        destination: &Destination,
        scheme: &'static str,
    ) -> Result<Rc<Self>, TransportError> {
        thread_local! {
            static LATEST: RefCell<Option<Rc<Server>>> = const { RefCell::new(None) };
        }

        let is_it = |server: &&Rc<Self>| server.destination == *destination && server.scheme == scheme;
        if let Some(server) = LATEST.with_borrow(|latest| latest.as_ref().filter(is_it).cloned()) {
            return Ok(server);
        }
        let uri = uri(scheme, &destination.authority())?;
        let server = Rc::new(Self { destination: destination.clone(), uri, scheme });
        LATEST.set(Some(server.clone()));
        Ok(server)
    }

    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }
}

pub(super) fn uri(scheme: &str, authority: &str) -> Result<Uri, TransportError> {
    [scheme, "://", authority, "/"].concat().try_into().map_err(|err: InvalidUri| {
        TransportError::Unsupported(format!("a host that a URI cannot name: {err}").into())
    })
}

#[cfg(test)]
mod tests;
