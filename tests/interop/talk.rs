//! A client that sends and receives what its server understands: socket.io has a protocol of its own inside the messages of
//! Engine.IO.

use std::sync::Arc;

use actix_engineio::{
    self as engineio, Connect, Data, Disconnect, DisconnectReason, Disconnected, EngineIoClientBuilder,
    Event, GetStatus, Session, Status, TransportKind,
};
use serde_json::{Value, json};

use crate::{
    peer::{Peer, Way},
    proxy::Front,
    server::Server,
    support::{Client, soon},
};

/// The text message that announces an event with one buffer.
const BINARY_EVENT: &str = r#"51-["message",{"_placeholder":true,"num":0}]"#;

/// One cell of the matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) peer: Peer,
    pub(crate) way: Way,
    pub(crate) front: Option<Front>,
}

impl Cell {
    /// The name of its row.
    pub(crate) fn server(self) -> String {
        let peer = self.peer.name();
        self.front.map_or_else(|| peer.to_owned(), |front| format!("{peer} behind {}", front.name()))
    }

    /// The program or package that it needs and that is missing.
    pub(crate) fn missing(self) -> Option<String> {
        self.peer.missing().or_else(|| self.front?.missing())
    }

    /// Starts its server; see [`Peer::start`] for the settings.
    pub(crate) fn start(self, settings: Value) -> Server {
        let server = self.peer.start(settings);
        match self.front {
            None => server,
            Some(front) => server.behind(front),
        }
    }

    /// The message that connects to a server of this cell.
    pub(crate) fn connect(self, url: impl Into<String>) -> Connect {
        Connect::new(url)
            .path(self.peer.path())
            .transports(self.way.transports())
            .protocol(self.peer.protocol().into())
    }

    /// Opens a session; its upgrade may still be under way.
    pub(crate) async fn open(self, server: &Server) -> Talk {
        self.open_at(server.url()).await
    }

    /// The same at another URL than that of the server.
    pub(crate) async fn open_at(self, url: String) -> Talk {
        self.open_with(url, |builder| builder, |connect| connect).await
    }

    /// Opens a session, and waits for the end of its upgrade if there is one.
    pub(crate) async fn settle(self, server: &Server) -> Talk {
        let mut talk = self.open(server).await;
        talk.settle().await;
        talk
    }

    pub(crate) async fn open_with(
        self,
        url: String,
        configure: impl FnOnce(EngineIoClientBuilder) -> EngineIoClientBuilder,
        amend: impl FnOnce(Connect) -> Connect,
    ) -> Talk {
        let mut client = Client::to(url.clone(), configure);
        let session = client.open(amend(self.connect(url))).await;
        let mut talk = Talk { client, cell: self, session, is_upgraded: false };
        if self.peer.is_socket_io() {
            talk.begin().await;
        }
        talk
    }
}

pub(crate) struct Talk {
    pub(crate) client: Client,
    pub(crate) cell: Cell,
    pub(crate) session: Arc<Session>,
    pub(crate) is_upgraded: bool,
}

impl Talk {
    /// Begins the session of socket.io's own protocol. In version 2 the server does so by itself.
    async fn begin(&mut self) {
        let is_new = self.cell.peer == Peer::SocketIo;
        if is_new {
            self.client.send("0").await;
        }
        let answer = match self.packet().await {
            None => self.packet().await,
            answer => answer,
        };
        let text = answer.as_ref().and_then(Data::as_text);
        let is_begun = |text: &str| if is_new { text.starts_with("0{\"sid\":\"") } else { text == "0" };
        assert!(text.is_some_and(is_begun), "{answer:?}");
    }

    /// Waits for the end of the upgrade if there is one.
    pub(crate) async fn settle(&mut self) {
        if self.cell.way == Way::Upgrade && !self.is_upgraded {
            self.client.upgraded().await;
            self.is_upgraded = true;
        }
        assert_eq!(self.transport().await, Some(self.cell.way.last()));
    }

    pub(crate) async fn transport(&self) -> Option<TransportKind> {
        self.status().await.transport
    }

    pub(crate) async fn status(&self) -> Status {
        soon("GetStatus", self.client.addr.send(GetStatus)).await.expect("the client lives")
    }

    pub(crate) async fn send(&self, data: impl Into<Data>) {
        for packet in self.packets(data) {
            self.client.send(packet).await;
        }
    }

    /// Sends data without waiting for room in the queue.
    pub(crate) fn do_send(&self, data: impl Into<Data>) {
        for packet in self.packets(data) {
            self.client.addr.do_send(engineio::Send::new(packet));
        }
    }

    /// The messages of Engine.IO that carry this data.
    pub(crate) fn packets(&self, data: impl Into<Data>) -> Vec<Data> {
        match data.into() {
            data if !self.cell.peer.is_socket_io() => vec![data],
            Data::Text(text) => vec![format!("2{}", json!(["message", *text])).into()],
            data => vec![BINARY_EVENT.into(), data],
        }
    }

    /// The next message. The upgrade may end before it.
    pub(crate) async fn message(&mut self) -> Data {
        loop {
            if let Some(data) = self.next().await {
                return data;
            }
        }
    }

    /// The next message, or `None` for the end of the upgrade.
    pub(crate) async fn next(&mut self) -> Option<Data> {
        let data = self.packet().await?;
        if !self.cell.peer.is_socket_io() {
            return Some(data);
        }
        let text = data.as_text().unwrap_or_else(|| panic!("{data:?} is no event"));
        if text == BINARY_EVENT {
            // The bytes follow.
            return match self.packet().await {
                None => self.packet().await,
                bytes => bytes,
            };
        }
        let event = text.strip_prefix('2').unwrap_or_else(|| panic!("{text} is no event"));
        let (name, data): (String, String) = serde_json::from_str(event).expect("an event");
        assert_eq!(name, "message");
        Some(data.into())
    }

    async fn packet(&mut self) -> Option<Data> {
        match self.client.next().await {
            Event::Message(data) => Some(data),
            Event::Upgraded(TransportKind::WebSocket) if !self.is_upgraded => {
                self.is_upgraded = true;
                None
            }
            event => panic!("{event:?} instead of a message"),
        }
    }

    /// Sends data, which the server sends back.
    pub(crate) async fn echoes(&mut self, data: impl Into<Data>) {
        let data = data.into();
        self.send(data.clone()).await;
        let echo = self.message().await;
        assert!(echo == data, "{} bytes came back as {} others", data.len(), echo.len());
    }

    /// Disconnects, without any error.
    pub(crate) async fn disconnect(&mut self) {
        soon("a disconnect", self.client.addr.send(Disconnect::new())).await.expect("the client lives");
        let end = self.ended().await;
        assert_eq!(*end, Disconnected::new(DisconnectReason::Client(None)));
    }

    /// The end of the session. The upgrade may end before it.
    pub(crate) async fn ended(&mut self) -> Arc<Disconnected> {
        loop {
            match self.client.next().await {
                Event::Upgraded(_) if !self.is_upgraded => self.is_upgraded = true,
                Event::UpgradeFailed(_) if self.cell.way == Way::Upgrade && !self.is_upgraded => {}
                // socket.io first closes the session of its own protocol.
                Event::Message(Data::Text(text)) if self.cell.peer.is_socket_io() && text == "1" => {}
                event => return self.client.ended_with(event).await,
            }
        }
    }
}
