//! One request of a polling session.

use std::{io, net::TcpStream};

use crate::{
    http::{self, Request},
    registry::Registry,
};

pub(crate) fn serve(stream: &TcpStream, request: &Request, registry: &Registry) -> io::Result<()> {
    let counts = &registry.counts;
    if request.parameter("sid").is_none() {
        counts.polling_handshakes.add(1);
        counts.connections.add(1);
        return http::answer(stream, registry.open(request).open_packet().as_bytes());
    }
    let session = registry.find(request);
    if request.is_post() {
        counts.posts.add(1);
        let Some(session) = session else {
            return http::refuse(stream);
        };
        if !session.take_in(&request.body, counts) {
            registry.close(&session);
        }
        // engine.io answers `ok`: a client may then put any number of packets into one POST.
        return http::answer(stream, b"ok");
    }
    counts.gets.add(1);
    match session {
        Some(session) => session.poll(counts, |packets| http::answer(stream, packets)),
        None => http::refuse(stream),
    }
}
