//! The whole service, with servers that behave as the tests want.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix::prelude::*;
use actix_engineio::{Connect, Disconnect};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http::header::AUTHORIZATION, web};

use crate::{client, config::Config, telemetry::Telemetry, unsent::Unsent};

/// The answers to the handshakes, in this order: an outage, and a token that is no longer accepted.
const HANDSHAKES: [u16; 5] = [503, 503, 503, 401, 200];

const OPEN: &str =
    r#"0{"sid":"sid","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

#[derive(Default)]
struct Counts {
    tokens: AtomicUsize,
    handshakes: AtomicUsize,
}

async fn token(counts: web::Data<Counts>) -> String {
    (counts.tokens.fetch_add(1, SeqCst) + 1).to_string()
}

async fn get(counts: web::Data<Counts>, request: HttpRequest) -> HttpResponse {
    if request.query_string().contains("sid=") {
        // A poll without news.
        std::future::pending::<()>().await;
    }
    let number = counts.handshakes.fetch_add(1, SeqCst);
    let expected = if number < 4 { "Bearer 1" } else { "Bearer 2" };
    assert_eq!(request.headers().get(AUTHORIZATION).unwrap(), expected);
    match HANDSHAKES.get(number) {
        Some(200) => HttpResponse::Ok().body(OPEN),
        Some(401) => HttpResponse::Unauthorized().finish(),
        _ => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn post() -> &'static str {
    "ok"
}

#[actix::test]
async fn an_outage_costs_one_token_and_a_refused_token_another() {
    let counts = web::Data::new(Counts::default());
    let shared = counts.clone();
    let server = HttpServer::new(move || {
        let app = App::new().app_data(shared.clone()).route("/token", web::get().to(token));
        app.route("/engine.io/", web::get().to(get)).route("/engine.io/", web::post().to(post))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.addrs().first().unwrap());
    let server = server.run();
    let handle = server.handle();
    let server = actix_rt::spawn(server);

    let token_url = format!("{url}/token");
    let config = Config::read(|name| (name == "SERVICE_TOKEN_URL").then(|| token_url.clone())).unwrap();
    let (telemetry, arbiter) = (Telemetry::default(), Arbiter::new());
    let client = client::start(&config, &telemetry, &Unsent::default().start(), &arbiter.handle());
    client.send(Connect::new(url)).await.unwrap().unwrap();
    assert_eq!(counts.handshakes.load(SeqCst), HANDSHAKES.len());
    assert_eq!(counts.tokens.load(SeqCst), 2);

    client.send(Disconnect::new()).await.unwrap();
    arbiter.stop();
    handle.stop(false).await;
    server.await.unwrap().unwrap();
}

#[cfg(unix)]
mod stopping {
    use std::{
        env,
        io::{BufRead as _, BufReader},
        process::{Child, Command, Stdio},
        sync::{Mutex, mpsc},
    };

    use actix_engineio::awc::Client;
    use actix_rt::{task::spawn_blocking, time::sleep};
    use bytes::Bytes;
    use engineioxide::{DisconnectReason, Socket, Str, handler::EngineIoHandler};
    use serde_json::Value;

    use super::*;
    use crate::{embedded, embedded::EmbeddedServer, run};

    const MESSAGES: usize = 84;
    const BYTES: usize = 60_000;

    /// A server that does not read after the message "stop", until the test lets it go on.
    #[derive(Debug)]
    struct Stopping {
        stopped: mpsc::Sender<()>,
        go_on: Mutex<mpsc::Receiver<()>>,
        received: Arc<Mutex<Vec<String>>>,
    }

    impl EngineIoHandler for Stopping {
        type Data = ();

        fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

        fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

        fn on_message(self: &Arc<Self>, text: Str, _: Arc<Socket<()>>) {
            if &*text == "stop" {
                self.stopped.send(()).unwrap();
                // This is the only thread of the server. A test that has failed does not wait for it for long.
                let _ = self.go_on.lock().unwrap().recv_timeout(Duration::from_secs(20));
            } else {
                self.received.lock().unwrap().push(text.to_string());
            }
        }

        fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
    }

    /// The service as another process. It does nothing in a run of the tests themselves.
    #[actix::test]
    async fn child() {
        let Ok(url) = env::var("SERVICE_TEST_URL") else { return };
        let config = Config::read(|name| env::var(name).ok()).unwrap();
        run(config, url).await.unwrap();
    }

    /// Starts the service and returns its URL.
    fn start(server: &EmbeddedServer) -> (Child, String) {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "tests::stopping::child", "--nocapture"])
            .env("SERVICE_TEST_URL", server.url())
            .env("SERVICE_LISTEN", "127.0.0.1:0")
            // Everything is accepted at once.
            .env("SERVICE_SEND_QUEUE", "8000000")
            .env("SERVICE_CLOSE_TIMEOUT", "60")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = lines.find_map(|line| Some(line.split_once("listening on ")?.1.to_owned())).unwrap();
        // The child must not fail at what it prints.
        std::thread::spawn(move || lines.for_each(drop));
        (child, url)
    }

    async fn publish(service: &str, text: String) {
        let response = Client::default().post(format!("{service}/publish")).send_body(text).await.unwrap();
        assert_eq!(response.status(), 202);
    }

    async fn until_upgraded(service: &str) {
        loop {
            let mut response = Client::default().get(format!("{service}/health")).send().await.unwrap();
            let health: Value = serde_json::from_slice(&response.body().await.unwrap()).unwrap();
            if health["transport"] == "websocket" {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    #[actix::test]
    async fn sigterm_while_the_server_does_not_read_loses_no_accepted_message() {
        let (stopped, is_stopped) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let received = Arc::new(Mutex::new(Vec::new()));
        let handler = Stopping { stopped, go_on: Mutex::new(goes_on), received: received.clone() };
        let server = EmbeddedServer::start(handler, embedded::config()).unwrap();
        let (mut child, service) = start(&server);
        until_upgraded(&service).await;

        publish(&service, "stop".to_owned()).await;
        spawn_blocking(move || is_stopped.recv().unwrap()).await.unwrap();
        let messages = |at| format!("{at:0>BYTES$}");
        for at in 0..MESSAGES {
            publish(&service, messages(at)).await;
        }
        let term = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(term.success());
        // The service waits for the server, not the other way round.
        sleep(Duration::from_secs(2)).await;
        assert_eq!(child.try_wait().unwrap(), None);
        assert_eq!(received.lock().unwrap().len(), 0);
        go_on.send(()).unwrap();
        assert!(spawn_blocking(move || child.wait().unwrap()).await.unwrap().success());

        // The server closed the session after it had read everything; dropping it waits for its thread.
        drop(server);
        let received = received.lock().unwrap();
        assert_eq!(received.len(), MESSAGES);
        assert!((0..MESSAGES).zip(&*received).all(|(at, text)| *text == messages(at)));
    }
}
