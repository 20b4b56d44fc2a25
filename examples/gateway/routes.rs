//! What browsers ask for.

use std::time::Duration;

use actix::Addr;
use actix_engineio::{self as engineio, Data, EngineIoClient, GetStatus, SendError, SendErrorKind, State};
use actix_rt::time::timeout;
use actix_web::{
    Error, HttpRequest, HttpResponse,
    error::{
        ErrorBadRequest, ErrorForbidden, ErrorInternalServerError, ErrorPayloadTooLarge,
        ErrorServiceUnavailable, ErrorUnsupportedMediaType,
    },
    http::header::{CACHE_CONTROL, ContentType, ORIGIN},
    web::{self, Header},
};
use futures_util::stream;
use serde_json::{Value, json};

use crate::feed::{Count, Feed, Watch};

/// How long a message may wait for room in the client's queue.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Gateway {
    pub(crate) client: Addr<EngineIoClient>,
    pub(crate) feed: Addr<Feed>,
}

pub(crate) fn configure(service: &mut web::ServiceConfig) {
    service
        .route("/", web::get().to(page))
        .route("/send-message", web::post().to(send_message))
        .route("/events", web::get().to(events))
        .route("/health", web::get().to(health));
}

async fn page() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::html()).body(include_str!("page.html"))
}

/// Responds with 202 once the client has accepted the message. The client then sends it, after a reconnect if need be.
async fn send_message(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    kind: Header<ContentType>,
    body: web::Bytes,
) -> Result<HttpResponse, Error> {
    if is_of_another_site(&request) {
        return Err(ErrorForbidden("this is for the gateway's own page, and for programs"));
    }
    let data = match kind.0.0.essence_str() {
        "application/json" => {
            serde_json::from_slice::<Value>(&body).map_err(ErrorBadRequest)?;
            text(body)?
        }
        "text/plain" => text(body)?,
        "application/octet-stream" => Data::from(body),
        kind => return Err(ErrorUnsupportedMediaType(format!("{kind} is neither JSON nor text nor bytes"))),
    };
    // To drop the reply withdraws a message that still waits for room, or for the first connect.
    let outcome = timeout(PATIENCE, gateway.client.send(engineio::Send::new(data))).await;
    outcome
        .map_err(|_| ErrorServiceUnavailable("the server does not take any more"))?
        .map_err(ErrorInternalServerError)?
        .map_err(refused)?;
    Ok(HttpResponse::Accepted().json(json!({ "accepted": true })))
}

/// The answer for a message that the client refuses. One that the server will never accept is not to be tried again.
fn refused(err: SendError) -> Error {
    match err.kind {
        SendErrorKind::TooLarge { .. } => ErrorPayloadTooLarge(err),
        _ => ErrorServiceUnavailable(err),
    }
}

/// Any page in the same browser can post text here, and its browser names the page's origin. Programs name none.
fn is_of_another_site(request: &HttpRequest) -> bool {
    let origin = request.headers().get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    origin.is_some_and(|origin| {
        origin.split_once("://").is_none_or(|(_, host)| host != request.connection_info().host())
    })
}

fn text(body: web::Bytes) -> Result<Data, Error> {
    let text = String::from_utf8(body.into()).map_err(ErrorBadRequest)?;
    Ok(Data::from(text))
}

async fn events(gateway: web::Data<Gateway>) -> Result<HttpResponse, Error> {
    let watched = gateway.feed.send(Watch).await.map_err(ErrorInternalServerError)?;
    let receiver = watched.ok_or_else(|| ErrorServiceUnavailable("the gateway is stopping"))?;
    let chunks = stream::unfold(receiver, async |mut receiver| {
        let chunk = receiver.recv().await?;
        Some((Ok::<_, Error>(chunk), receiver))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .streaming(Box::pin(chunks)))
}

async fn health(gateway: web::Data<Gateway>) -> Result<HttpResponse, Error> {
    let status = gateway.client.send(GetStatus).await.map_err(ErrorInternalServerError)?;
    let browsers = gateway.feed.send(Count).await.map_err(ErrorInternalServerError)?;
    let mut response = match status.state {
        State::Connected => HttpResponse::Ok(),
        _ => HttpResponse::ServiceUnavailable(),
    };
    Ok(response.json(json!({
        "state": status.state.as_str(),
        "transport": status.transport.map(|transport| transport.as_str()),
        "queued_messages": status.queued_messages,
        "queued_bytes": status.queued_bytes,
        "bytes_sent": status.counters.bytes_sent,
        "bytes_received": status.counters.bytes_received,
        "reconnects": status.reconnects,
        "last_error": status.last_error.map(|err| err.to_string()),
        "browsers": browsers,
    })))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use actix::Actor as _;
    use actix_engineio::{Connect, testing::TestServer};
    use actix_web::{App, test};

    use super::*;

    #[actix::test]
    async fn a_message_that_the_server_never_accepts_is_answered_with_413() {
        let server = TestServer::builder().max_payload(1000).start();
        let client = EngineIoClient::builder().start();
        client.send(Connect::new(server.url())).await.unwrap().unwrap();
        let mut peer = server.accept().await;
        let gateway = Gateway { client, feed: Feed::default().start() };
        let app = test::init_service(App::new().app_data(web::Data::new(gateway)).configure(configure)).await;
        for (size, status) in [(2000, 413), (100, 202)] {
            let request = test::TestRequest::post().uri("/send-message");
            let request = request.insert_header(ContentType::plaintext()).set_payload("x".repeat(size));
            let response = test::call_service(&app, request.to_request()).await;
            assert_eq!(response.status().as_u16(), status, "{size}");
        }
        assert_eq!(peer.receive().await, Data::from("x".repeat(100)));
    }
}
