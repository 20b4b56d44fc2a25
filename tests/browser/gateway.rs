//! The gateway's page in a real browser. Needs `chromium` and `chromedriver`.

use std::{env, fs, path::PathBuf, process::Stdio, time::Duration};

use fantoccini::{Client, ClientBuilder, Locator, wd::WebDriverCompatibleCommand};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    time::timeout,
};
use url::{ParseError, Url};

use crate::embedded::EmbeddedServer;

#[allow(dead_code, reason = "the examples use the rest")]
#[path = "../../examples/embedded/mod.rs"]
mod embedded;

const PATIENCE: Duration = Duration::from_secs(60);

/// The rest of the first line that begins with `start`.
async fn line(output: impl AsyncRead + Unpin + Send + 'static, start: &str) -> String {
    let mut lines = BufReader::new(output).lines();
    let found = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, rest)) = line.split_once(start) {
                return rest.trim().to_owned();
            }
        }
        panic!("no line with {start:?}");
    };
    let found = timeout(PATIENCE, found).await.expect(start);
    // The process must be able to write on.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    found
}

async fn start(command: &mut Command, ready: &str) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let found = line(child.stdout.take().unwrap(), ready).await;
    (child, found)
}

#[derive(Clone)]
struct Page(Client);

impl Page {
    async fn open(driver: &str, url: &str) -> Self {
        let options =
            json!({ "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
        let capabilities = [("goog:chromeOptions".to_owned(), options)].into_iter().collect();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{driver}"))
            .await
            .unwrap();
        client.goto(url).await.unwrap();
        Self(client)
    }

    /// Waits until the page has an element like this.
    async fn shows(&self, xpath: &str) {
        let found = self.0.wait().at_most(PATIENCE).for_element(Locator::XPath(xpath)).await;
        if let Err(err) = found {
            panic!("{xpath}: {err}\n{}", self.0.source().await.unwrap());
        }
    }

    async fn has_state(&self, state: &str) {
        self.shows(&format!("//*[@id='state'][@data-state='{state}']")).await;
    }

    async fn has_message(&self, text: &str) {
        self.shows(&format!("//ol/li/span[@class='text'][.='{text}']")).await;
    }

    async fn send(&self, text: &str) {
        let input = self.0.find(Locator::Id("text")).await.unwrap();
        input.send_keys(text).await.unwrap();
        self.0.find(Locator::Css("form button")).await.unwrap().click().await.unwrap();
    }

    /// Saves the page to the directory that `SCREENSHOTS` names, for people to look at.
    async fn screenshot(&self, name: &str) {
        let Some(directory) = env::var_os("SCREENSHOTS") else { return };
        for (device, width, height) in [("desktop", 1200, 800), ("phone", 390, 760)] {
            let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": device == "phone" });
            self.chrome("Emulation.setDeviceMetricsOverride", metrics).await;
            for scheme in ["light", "dark"] {
                let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
                self.chrome("Emulation.setEmulatedMedia", features).await;
                let png = self.0.screenshot().await.unwrap();
                fs::write(PathBuf::from(&directory).join(format!("{name}-{device}-{scheme}.png")), png)
                    .unwrap();
            }
        }
        self.chrome("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }

    async fn chrome(&self, command: &str, parameters: serde_json::Value) {
        self.0.issue_cmd(Chrome { command: command.to_owned(), parameters }).await.unwrap();
    }
}

/// A command of chromium's DevTools protocol.
#[derive(Debug)]
struct Chrome {
    command: String,
    parameters: serde_json::Value,
}

impl WebDriverCompatibleCommand for Chrome {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = json!({ "cmd": self.command, "params": self.parameters });
        (Method::POST, Some(body.to_string()))
    }
}

#[tokio::test]
async fn the_page_sends_and_shows_messages_and_survives_a_restart_of_the_server() {
    let server = EmbeddedServer::echo().unwrap();
    let program = env::var_os("GATEWAY").expect("GATEWAY: the path of the example's program");
    let mut gateway = Command::new(program);
    gateway.args(["--listen", "127.0.0.1:0", &server.url()]);
    let (gateway, url) = start(&mut gateway, "listening").await;
    let mut driver = Command::new("chromedriver");
    let (_driver, port) = start(driver.arg("--port=0"), "started successfully on port").await;

    let page = Page::open(port.trim_end_matches('.'), &url).await;
    let outcome = tokio::spawn(visit(page.clone(), server, gateway)).await;
    // A browser that is not closed outlives its driver.
    page.0.close().await.unwrap();
    outcome.unwrap();
}

async fn visit(page: Page, server: EmbeddedServer, gateway: Child) {
    let addr = server.addr();
    page.has_state("connected").await;
    page.send("hello from the browser").await;
    page.has_message("hello from the browser").await;
    page.screenshot("connected").await;

    drop(server);
    page.has_state("reconnecting").await;
    page.send("sent while the server was away").await;
    page.shows("//ol/li/span[@class='sent'][starts-with(.,'sent while')]/small[@class='queued']").await;
    page.screenshot("disconnected").await;

    let _server = EmbeddedServer::echo_at(addr).unwrap();
    page.has_state("connected").await;
    page.has_message("sent while the server was away").await;
    page.shows("//ol/li/span[@class='sent'][.='sent while the server was away']").await;
    page.screenshot("recovered").await;

    drop(gateway);
    page.has_state("unreachable").await;
    page.send("to nobody").await;
    page.shows("//p[@id='problem'][.='Not sent: the gateway is not reachable']").await;
    page.screenshot("unreachable").await;
}
