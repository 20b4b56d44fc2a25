//! The requests of the web service.

use std::time::Duration;

use actix::prelude::*;
use actix_engineio::{self as engineio, SendErrorKind};
use actix_rt::time::timeout;
use actix_web::{
    Error, HttpResponse,
    error::{
        ErrorBadGateway, ErrorGatewayTimeout, ErrorInternalServerError, ErrorPayloadTooLarge,
        ErrorServiceUnavailable,
    },
    web,
};
use serde_json::Value;

use crate::{
    requests::{Ask, AskError, Requests},
    telemetry::Telemetry,
};

/// How long a message may wait for room in the send queue.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Service {
    pub(crate) server: Recipient<engineio::Send>,
    pub(crate) requests: Addr<Requests>,
    pub(crate) telemetry: Telemetry,
}

pub(crate) fn configure(service: &mut web::ServiceConfig) {
    service
        .app_data(web::PayloadConfig::new(1 << 20))
        .route("/publish", web::post().to(publish))
        .route("/ask", web::post().to(ask))
        .route("/health", web::get().to(health))
        .route("/metrics", web::get().to(metrics));
}

/// 202 after the client has accepted the message. 503 if the client refuses it, or does not accept it within `PATIENCE` because
/// the queue is full or the first connect is in progress. 413 for a message that is too large for the server.
async fn publish(service: web::Data<Service>, text: String) -> Result<HttpResponse, Error> {
    // After the limit the reply is dropped, which withdraws the message.
    timeout(PATIENCE, service.server.send(engineio::Send::text(text)))
        .await
        .map_err(|_| ErrorServiceUnavailable("the send queue is full"))?
        .map_err(ErrorInternalServerError)?
        .map_err(|err| match err.kind {
            SendErrorKind::TooLarge { .. } => ErrorPayloadTooLarge(err),
            _ => ErrorServiceUnavailable(err),
        })?;
    Ok(HttpResponse::Accepted().finish())
}

async fn ask(service: web::Data<Service>, question: web::Json<Value>) -> Result<HttpResponse, Error> {
    let outcome =
        service.requests.send(Ask(question.into_inner())).await.map_err(ErrorInternalServerError)?;
    let answer = outcome.map_err(|err| match err {
        AskError::TimedOut => ErrorGatewayTimeout(err),
        AskError::Disconnected(_) => ErrorBadGateway(err),
        AskError::NotAccepted(_) | AskError::Stopped => ErrorServiceUnavailable(err),
    })?;
    Ok(HttpResponse::Ok().json(answer))
}

async fn health(service: web::Data<Service>) -> HttpResponse {
    let health = service.telemetry.health();
    let mut response = if health.connected { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(health)
}

async fn metrics(service: web::Data<Service>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(service.telemetry.prometheus())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, clippy::unwrap_used)]

    use std::sync::Arc;

    use actix::actors::mocker::Mocker;
    use actix_engineio::{EngineIoClient, Event, SendError, SendErrorKind, Session, TransportKind};
    use actix_web::{
        App,
        http::StatusCode,
        test::{TestRequest, call_service, init_service, read_body},
    };

    use super::*;

    /// A client that accepts texts except an empty one, and one that is too large for the server.
    fn client() -> Recipient<engineio::Send> {
        let client = Mocker::<EngineIoClient>::mock(Box::new(|message, _| {
            let message = message.downcast::<engineio::Send>().expect("nothing else is sent");
            let data = message.data().clone();
            let reply = match data.len() {
                0 => Err(SendError::new(SendErrorKind::NotConnected, data)),
                len @ 100.. => Err(SendError::new(SendErrorKind::too_large(len, 99), data)),
                _ => Ok(()),
            };
            Box::new(Some(reply))
        }));
        client.start().recipient()
    }

    #[actix::test]
    async fn the_routes_answer_without_a_server() {
        let telemetry = Telemetry::default();
        let requests = Requests::new(client(), Duration::from_millis(10)).start();
        let service = web::Data::new(Service { server: client(), requests, telemetry: telemetry.clone() });
        let app = init_service(App::new().app_data(service).configure(configure)).await;

        let get = |path| call_service(&app, TestRequest::get().uri(path).to_request());
        let post = |text: &str| {
            let request = TestRequest::post().uri("/publish").set_payload(text.to_owned());
            call_service(&app, request.to_request())
        };
        assert_eq!(get("/health").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(post("hello").await.status(), StatusCode::ACCEPTED);
        assert_eq!(post("").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(post(&"x".repeat(100)).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let ask = TestRequest::post().uri("/ask").set_json("?").to_request();
        assert_eq!(call_service(&app, ask).await.status(), StatusCode::GATEWAY_TIMEOUT);

        let session = Session::new("sid", TransportKind::WebSocket);
        telemetry.record(&Event::Connected(Arc::new(session)));
        let health = get("/health").await;
        assert_eq!(health.status(), StatusCode::OK);
        assert_eq!(
            read_body(health).await,
            r#"{"connected":true,"transport":"websocket","last_error":null}"#
        );
        let metrics = read_body(get("/metrics").await).await;
        assert!(metrics.starts_with(b"# HELP engineio_client_connected "), "{metrics:?}");
    }
}
