//! The options of how a session is opened, and what follows it.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt as _;

use super::EngineIoClientBuilder;
use crate::{
    client::{Connect, reconnect::Reconnect},
    protocol::handshake::TransportKind,
};

/// # Sessions
impl EngineIoClientBuilder {
    /// The transports: the first opens the session, the others are what it may be upgraded to and, with
    /// [`try_all_transports`](Self::try_all_transports), what is tried when it cannot. Default: polling, then WebSocket.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.config.transports = transports.into_iter().collect();
        self
    }

    /// Whether a session over polling moves to WebSocket when the server offers it. Default: `true`.
    pub fn upgrade(mut self, upgrade: bool) -> Self {
        self.config.upgrade = upgrade;
        self
    }

    /// Whether the next transport is tried when one cannot open the session, whatever the reason: a refusal, an answer
    /// that is not Engine.IO's, a limit of time. All of it is one [`Connect`], within its `connect_timeout`, and its error
    /// is that of the last, or the first that [is retryable](crate::ConnectError::is_retryable) if that of the last is not;
    /// the others are logged at `debug`. A transport that failed is not upgraded to.
    /// Default: `false`: the first transport alone decides.
    pub fn try_all_transports(mut self, try_all: bool) -> Self {
        self.config.try_all_transports = try_all;
        self
    }

    /// Once a session at a URL has been on a WebSocket, this client's next one there begins with WebSocket, if that is among
    /// the transports, and spares the [`upgrade`](Self::upgrade). It helps most on reconnects, and has no effect without
    /// upgrades. The URL's scheme, host, port and path count. If the WebSocket cannot be had after all, it is forgotten and
    /// the same connect goes on as if it had never been. Default: `false`.
    pub fn remember_upgrade(mut self, remember: bool) -> Self {
        self.config.remember_upgrade = remember;
        self
    }

    /// Connects again by itself when a session is lost. Default: off.
    pub fn reconnect(mut self, policy: Reconnect) -> Self {
        self.config.reconnect = Some(policy);
        self
    }

    /// Whether messages outlive their session: with [`reconnect`](Self::reconnect), those that were accepted and not
    /// written, and those that come between two sessions, go out on the next session, first and in order. What may have
    /// been written is never sent twice. When the client gives up they come back as
    /// [`Event::Rejected`](crate::Event::Rejected).
    ///
    /// Default: `false`: they come back with [`Event::Disconnected`](crate::Event::Disconnected), and between two sessions
    /// a [`Send`](crate::Send) fails.
    pub fn keep_unsent(mut self, keep: bool) -> Self {
        self.config.keep_unsent = keep;
        self
    }

    /// Runs `hook` before every attempt to connect, those of the [`reconnect`](Self::reconnect) policy too: it may put
    /// a fresh token, other headers or another URL into the [`Connect`], or fail it. It counts as part of the connect,
    /// within `connect_timeout`; its future need not be `Send`. It is always given the `Connect` that the user sent.
    ///
    /// ```
    /// use actix_engineio::{Connect, EngineIoClient};
    ///
    /// async fn fetch_token() -> Result<String, std::io::Error> {
    ///     Ok("secret".to_owned())
    /// }
    ///
    /// let builder = EngineIoClient::builder().before_connect(async |connect: Connect| {
    ///     let token = fetch_token().await?;
    ///     Ok::<_, std::io::Error>(connect.header("authorization", format!("Bearer {token}")))
    /// });
    /// ```
    pub fn before_connect<F, E>(mut self, hook: F) -> Self
    where
        F: AsyncFn(Connect) -> Result<Connect, E> + std::marker::Send + Sync + 'static,
        E: fmt::Display,
    {
        let hook = Arc::new(hook);
        self.config.before_connect = Some(Arc::new(move |connect| {
            let hook = hook.clone();
            let outcome = async move { hook(connect).await.map_err(|err| err.to_string()) };
            // A hook that panics fails its connect, not the client.
            let outcome = AssertUnwindSafe(outcome).catch_unwind();
            Box::pin(outcome.map(|outcome| outcome.unwrap_or_else(|_| Err("it panicked".to_owned()))))
        }));
        self
    }
}
