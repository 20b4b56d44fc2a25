//! The opening handshake of a WebSocket (RFC 6455, section 4).

use std::io;

use actix_http::{
    header::{self, HeaderMap, HeaderValue},
    ws,
};
use base64_simd::STANDARD;
use bytestring::ByteString;
use rand::{Rng as _, TryRng as _, rngs::SysRng};

use super::socket::{MaskKeySource, Socket};
use crate::{
    error::TransportError,
    protocol::websocket::{AgreedCompression, Compression, accept_extensions},
    transport::{
        Headers, Requests, Secrets, deadline::within, http::UpgradeResponse, http_client::HttpClient,
    },
};

/// The outcome of a handshake.
pub(super) enum Handshake {
    /// The WebSocket is open.
    Opened(Box<Socket>, Agreed),
    /// The server redirects the handshake. These requests go to the new endpoint.
    Moved(Requests),
}

/// What the server has chosen of what was offered.
pub(super) struct Agreed {
    pub(super) protocol: Option<ByteString>,
    pub(super) compression: Option<AgreedCompression>,
}

/// Opens a connection and asks for a WebSocket on it (RFC 6455, section 4.1).
pub(super) async fn connect(
    http_client: HttpClient,
    requests: Requests,
) -> Result<Handshake, TransportError> {
    let limit = requests.options().request_timeout;
    let handshake = handshake(&http_client, requests);
    match within(limit, handshake).await {
        Some(outcome) => outcome,
        None => Err(TransportError::Timeout { stage: http_client.progress().stage() }),
    }
}

async fn handshake(http_client: &HttpClient, mut requests: Requests) -> Result<Handshake, TransportError> {
    let mut nonce = [0; 16];
    SysRng.try_fill_bytes(&mut nonce).map_err(|err| {
        let text = format!("the operating system gives no random numbers: {err}");
        TransportError::connect(io::Error::other(text))
    })?;
    let key = STANDARD.encode_to_string(nonce);
    let (max_message_size, compression) =
        (requests.options().max_message_size, requests.options().compression);
    let headers = request_headers(&key, compression)?;
    let request = requests.websocket_handshake(&headers)?;
    let response = http_client.upgrade(&request, max_message_size).await?;
    requests.store_cookies(response.headers());
    match response {
        UpgradeResponse::Switched { headers, io, read_buf } => {
            check_accept(&headers, &key)?;
            let offered = request.headers.get_all(&header::SEC_WEBSOCKET_PROTOCOL);
            let protocol = chosen_protocol(&headers, offered)?;
            let agreed = agreed_compression(&headers, compression)?;
            // The thread's generator. One of its own would cost each WebSocket 320 bytes for as long as it is open.
            let mut random = rand::rng();
            let mask_keys: MaskKeySource = Box::new(move || random.next_u32().to_ne_bytes());
            let mut socket = Socket::new(io, mask_keys, max_message_size, read_buf)
                .with_version(requests.version())
                .with_secrets(Secrets::of_request(&request));
            if let (Some(option), Some(agreed)) = (compression, agreed) {
                socket = socket.with_compression(option, agreed);
            }
            Ok(Handshake::Opened(Box::new(socket), Agreed { protocol, compression: agreed }))
        }
        UpgradeResponse::Other(response) if response.status.is_success() => {
            Err(malformed("the server did not switch to WebSocket"))
        }
        UpgradeResponse::Other(response) if response.is_redirect() => {
            // RFC 6455, section 4.1: "the server might redirect the client using a 3xx status code (but clients are not
            // required to follow them)".
            requests.redirect(&response.headers)?;
            Ok(Handshake::Moved(requests))
        }
        UpgradeResponse::Other(response) => Err(requests.http_error(&response)),
    }
}

/// The headers that ask for a WebSocket (RFC 6455, section 4.1), and for compression if it is offered.
fn request_headers(key: &str, compression: Option<Compression>) -> Result<Headers, TransportError> {
    let mut headers = Headers::from([
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        (header::SEC_WEBSOCKET_KEY, HeaderValue::try_from(key).map_err(|_| malformed("the key"))?),
    ]);
    if let Some(compression) = compression {
        headers.append(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(compression.offer()));
    }
    Ok(headers)
}

/// Checks that the response opens the WebSocket that was asked for (RFC 6455, section 4.1).
fn check_accept(headers: &HeaderMap, key: &str) -> Result<(), TransportError> {
    let has_token = |name, token: &str| {
        headers
            .get_all(name)
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(token)))
    };
    if !has_token(header::UPGRADE, "websocket") || !has_token(header::CONNECTION, "upgrade") {
        return Err(malformed("the server switched to another protocol"));
    }
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accept != Some(&ws::hash_key(key.as_bytes())) {
        return Err(malformed("sec-websocket-accept does not match"));
    }
    Ok(())
}

/// The compression that the server has agreed to (RFC 6455, section 4.1; RFC 7692, section 7.1).
fn agreed_compression(
    headers: &HeaderMap,
    offer: Option<Compression>,
) -> Result<Option<AgreedCompression>, TransportError> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).map(HeaderValue::as_bytes);
    accept_extensions(offer, lines).map_err(malformed)
}

/// The subprotocol that the server chose. It must be one of those that were `offered`.
fn chosen_protocol<'a>(
    headers: &HeaderMap,
    mut offered: impl Iterator<Item = &'a HeaderValue>,
) -> Result<Option<ByteString>, TransportError> {
    let mut chosen = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let (chosen, another) = (chosen.next(), chosen.next());
    let Some(chosen) = chosen else { return Ok(None) };
    let is_offered = |chosen: &&str| {
        offered.any(|line| line.to_str().is_ok_and(|line| line.split(',').any(|one| one.trim() == *chosen)))
    };
    match chosen.to_str().ok().filter(is_offered) {
        Some(chosen) if another.is_none() => Ok(Some(chosen.into())),
        // RFC 6455, section 11.3.4: it "MUST NOT appear more than once in an HTTP response".
        Some(_) => Err(malformed("more than one WebSocket subprotocol")),
        None => Err(malformed("a WebSocket subprotocol that was not asked for")),
    }
}

fn malformed(what: &str) -> TransportError {
    TransportError::Malformed(what.into())
}
