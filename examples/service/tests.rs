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
use actix_engineio::{
    self as engineio, Connect, Disconnect,
    testing::{Refusal, SessionEnd, TestServer},
};
use actix_web::{App, HttpServer, web};

use crate::{
    client,
    config::Config,
    telemetry::Telemetry,
    unsent::{Count, Unsent},
};

async fn token(fetched: web::Data<AtomicUsize>) -> String {
    (fetched.fetch_add(1, SeqCst) + 1).to_string()
}

#[actix::test]
async fn an_outage_costs_one_token_and_a_refused_token_another() {
    let fetched = web::Data::new(AtomicUsize::new(0));
    let shared = fetched.clone();
    let tokens =
        HttpServer::new(move || App::new().app_data(shared.clone()).route("/token", web::get().to(token)));
    let tokens = tokens.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let token_url = format!("http://{}/token", tokens.addrs().first().unwrap());
    let tokens = tokens.run();
    let handle = tokens.handle();
    let tokens = actix_rt::spawn(tokens);

    let server = TestServer::start();
    server.refuse(Refusal::new(503, "not yet").times(3));
    server.refuse(Refusal::new(401, "this token is too old"));
    let config = Config::read(|name| (name == "SERVICE_TOKEN_URL").then(|| token_url.clone())).unwrap();
    let (telemetry, arbiter) = (Telemetry::default(), Arbiter::new());
    let client = client::start(&config, &telemetry, &Unsent::default().start(), &arbiter.handle());
    client.send(Connect::new(server.url())).await.unwrap().unwrap();

    let requests = server.requests();
    let handshakes = requests.iter().filter(|request| request.is_handshake());
    let used: Vec<_> = handshakes.filter_map(|request| request.header("authorization")).collect();
    assert_eq!(used, ["Bearer 1", "Bearer 1", "Bearer 1", "Bearer 1", "Bearer 2"]);
    assert_eq!(fetched.load(SeqCst), 2);

    client.send(Disconnect::new()).await.unwrap();
    arbiter.stop();
    handle.stop(false).await;
    tokens.await.unwrap().unwrap();
}

#[actix::test]
async fn what_is_published_while_the_server_is_down_is_sent_when_it_is_back() {
    let server = TestServer::start();
    let config = Config::read(|_| None).unwrap();
    let (telemetry, arbiter, unsent) = (Telemetry::default(), Arbiter::new(), Unsent::default().start());
    let client = client::start(&config, &telemetry, &unsent, &arbiter.handle());
    client.send(Connect::new(server.url())).await.unwrap().unwrap();
    let first = server.accept().await;
    first.upgraded().await;

    server.stop();
    while telemetry.health().connected {
        actix_rt::time::sleep(Duration::from_millis(5)).await;
    }
    client.send(engineio::Send::text("published")).await.unwrap().unwrap();

    server.restart();
    let mut second = server.accept().await;
    assert_eq!(second.receive().await.as_text(), Some("published"));
    client.send(Disconnect::new()).await.unwrap();
    assert_eq!(second.ended().await, SessionEnd::Client);
    assert_eq!(unsent.send(Count).await.unwrap(), 0);
    arbiter.stop();
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
