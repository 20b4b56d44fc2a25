//! The options of how a session is opened, and of what follows when it ends.

use std::{error::Error, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt as _;

use super::EngineIoClientBuilder;
use crate::{
    client::{
        Connect,
        reconnect::{Attempt, Reconnect},
    },
    error::Cause,
    protocol::{handshake::TransportKind, version::Protocol},
};

/// # Sessions
impl EngineIoClientBuilder {
    /// The transports. The first one opens the session. The others are those that the session can be upgraded to and,
    /// with [`try_all_transports`](Self::try_all_transports), those that are tried if the first one cannot open it.
    ///
    /// With an empty list every [`Connect`] that brings no list of its own fails with
    /// [`ConnectError::NoTransports`](crate::ConnectError::NoTransports). Default: polling, then WebSocket.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.config.attempts.transports = transports.into_iter().collect();
        self
    }

    /// The version of the Engine.IO protocol to speak: 4, 3, or whichever of them the server speaks. Default: 4. A
    /// [`Connect`] can bring its own: [`Connect::protocol`].
    ///
    /// [`Session::protocol`](crate::Session::protocol) shows the version. A server of the other version is
    /// [`ConnectError::UnsupportedProtocol`](crate::ConnectError::UnsupportedProtocol).
    ///
    /// With [`Protocol::Any`] the client asks in version 4. It remembers the version that it finds for its next connects to the
    /// same URL; at most 64 URLs are remembered.
    ///
    /// - **Over polling** the first answer shows the version. If the server answers in version 3, or refuses version 4, the
    ///   same `Connect` goes on in version 3.
    /// - **Over WebSocket only**, as with `transports([TransportKind::WebSocket])`, the first answers look alike. If you know
    ///   the version, set it. Otherwise this happens:
    ///
    ///   1. The client begins in version 4. If the server names a `maxPayload`, or pings once, it speaks version 4.
    ///   2. If neither happens, one side ends the session after a while. If the client ends it because of the silence, the
    ///      reason is [`DisconnectReason::NoPing`](crate::DisconnectReason::NoPing).
    ///   3. Then, and also if the server ends the session at about that time without a reason, the next attempt speaks version
    ///      3. The client remembers the version if its first ping is answered.
    ///
    ///   If the server speaks version 3, binary messages are misread until then. A binary message of the server reaches the
    ///   application with an extra byte 4 at its beginning. In a binary message of this client, the server takes the first
    ///   byte as the type of a packet.
    ///
    /// In version 3 the client pings, every `ping_interval`, and the server has `ping_timeout` to answer. The times of the
    /// answers are [`Status::round_trip`](crate::Status::round_trip). A few limits differ too: their options say so.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.config.attempts.protocol = protocol;
        self
    }

    /// Whether a session over polling moves to WebSocket if the server offers it. Default: `true`.
    pub fn upgrade(mut self, upgrade: bool) -> Self {
        self.config.attempts.upgrade = upgrade;
        self
    }

    /// Whether the next transport is tried if one cannot open the session, for whatever reason: an error status, an
    /// answer that is not Engine.IO's, a time limit.
    ///
    /// All transports share the `connect_timeout` of one attempt. If all fail, the error is that of the last one. But if that
    /// is not [retryable](crate::ConnectError::is_retryable), the first error that is retryable is reported instead, if there
    /// is one. The other errors are logged at `debug`. A session is not upgraded to a transport that has failed before in the
    /// same connect, unless that was the remembered one of [`remember_upgrade`](Self::remember_upgrade). Default: `false`,
    /// which means that only the first transport is tried.
    pub fn try_all_transports(mut self, try_all: bool) -> Self {
        self.config.attempts.try_all_transports = try_all;
        self
    }

    /// Whether the client remembers that a session moved to WebSocket, or was opened over it. Its next connect to the
    /// same URL then begins with WebSocket and needs no [`upgrade`](Self::upgrade). This helps most when a client
    /// reconnects.
    ///
    /// WebSocket must be one of the transports, and upgrades must be on. URLs are the same if their scheme, host, port and
    /// path are; it is the URL of the [`Connect`] that counts, and not one to which a server redirected. At most 64 URLs are
    /// remembered. If the WebSocket fails, the same connect goes on with the listed transports, and the client forgets the
    /// WebSocket. It still remembers the WebSocket if the host was not found or no connection could be made, for example while
    /// the server restarts. This does not apply behind a proxy, or after a redirect. Default: `false`.
    pub fn remember_upgrade(mut self, remember: bool) -> Self {
        self.config.attempts.remember_upgrade = remember;
        self
    }

    /// The policy by which the client connects again on its own after it lost a session, until the application says
    /// stop. Default: none.
    pub fn reconnect(mut self, policy: Reconnect) -> Self {
        self.config.reconnect = Some(policy);
        self
    }

    /// Whether messages are carried over from one session to the next. Needs a [`reconnect`](Self::reconnect) policy.
    ///
    /// With `true`, the messages that were accepted and not written, and those that are sent between two sessions, are sent
    /// first on the next session, in order. A message that may have been written is never sent twice: it is not carried over,
    /// but comes back in [`in_doubt`](crate::Disconnected::in_doubt). If the application sends it again, the server may get it
    /// twice. To detect that, number the messages, or let the application of the server acknowledge them. If no attempt
    /// follows when a session ends, for example because a [`Disconnect`](crate::Disconnect) ended it, its messages are in
    /// [`unsent`](crate::Disconnected::unsent). If the client gives up later, or a `Disconnect` comes between two sessions,
    /// they come back as [`Event::Rejected`](crate::Event::Rejected), and so does a message that the next session cannot
    /// carry: it is too large, or, over polling in protocol 4, a text with U+001E.
    ///
    /// Default: `false`. The messages come back with [`Event::Disconnected`](crate::Event::Disconnected), and between two
    /// sessions a [`Send`](crate::Send) fails.
    ///
    /// # Messages that would end each session
    ///
    /// Some servers and proxies end a session because a message is too large for them, before they have read all of it. Such a
    /// message is unsent. If it were carried over each time, no session could ever send it, nor the messages behind it. So it
    /// comes back in [`unsent`](crate::Disconnected::unsent), and the others are carried over, in these cases:
    ///
    /// - The server says that it is too large: status 413 while its POST is being written, or close code 1009 while its frame
    ///   is being written, and no earlier message of this session can be the one that the code is about.
    /// - Three sessions in a row, not counting those that have written nothing, have ended while it was being written, for
    ///   whatever reason. Over a poor line that can happen once or twice to a large message, which is then sent by the third
    ///   session.
    ///
    /// If the POST had several messages, nobody knows which of them is the reason. Then all of them are carried over, and the
    /// next session puts half as many of them into each POST, until they are sent, or one of them is in a POST by itself. A
    /// [`SendAll`](crate::SendAll) comes back as a whole. If the application sends it again, all of this is repeated.
    ///
    /// # When it does not apply
    ///
    /// Before the first session nothing is stored: the reply of a [`Send`](crate::Send) waits for the outcome of the `Connect`.
    ///
    /// The messages are sent before a subscriber can react to [`Event::Connected`](crate::Event::Connected). A protocol that
    /// begins each session with messages of its own, such as Socket.IO, must therefore not use this option.
    pub fn keep_unsent(mut self, keep: bool) -> Self {
        self.config.keep_unsent = keep;
        self
    }

    /// Runs `hook` before every attempt to connect, also before those of the [`reconnect`](Self::reconnect) policy. It
    /// can give the [`Connect`] a fresh token, other headers or another URL, or fail the attempt. Default: none.
    ///
    /// Each time it gets the `Connect` that the application sent, without what an earlier call has changed, and an [`Attempt`]
    /// that says which attempt this is and which failure came before. It is part of the connect and must finish within
    /// `connect_timeout`. A `Connect` that cannot be used, such as one with an invalid URL, is refused before the hook runs.
    /// The future of the hook does not have to be `Send`.
    ///
    /// The error of the hook becomes [`ConnectError::Hook`](crate::ConnectError::Hook), which is
    /// [retryable](crate::ConnectError::is_retryable). It can be a text or any error that is `Send` and `Sync`;
    /// [`ConnectError::get_ref`](crate::ConnectError::get_ref) gives it back. Turn an error that is not `Send` into a text
    /// with `.map_err(|err| err.to_string())`. A panic of the hook fails its attempt and nothing else.
    ///
    /// ```
    /// use std::{io, sync::Mutex};
    ///
    /// use actix_engineio::{Attempt, Connect, EngineIoClient, ReconnectCause};
    ///
    /// async fn fetch_token() -> Result<String, io::Error> {
    ///     Ok("secret".to_owned())
    /// }
    ///
    /// fn is_unauthorized(attempt: &Attempt) -> bool {
    ///     let status = match &attempt.cause {
    ///         Some(ReconnectCause::Failed(err)) => err.http_status(),
    ///         _ => None,
    ///     };
    ///     status.is_some_and(|status| matches!(status.status, 401 | 403))
    /// }
    ///
    /// // The token is fetched at the first attempt, and again when the server no longer accepts it.
    /// let token = Mutex::new(None);
    /// let builder = EngineIoClient::builder().before_connect(async move |connect: Connect, attempt: Attempt| {
    ///     let known = token.lock().unwrap().clone().filter(|_| !is_unauthorized(&attempt));
    ///     let current = match known {
    ///         Some(known) => known,
    ///         None => fetch_token().await?,
    ///     };
    ///     *token.lock().unwrap() = Some(current.clone());
    ///     Ok::<_, io::Error>(connect.header("authorization", format!("Bearer {current}")))
    /// });
    /// ```
    pub fn before_connect<F, E>(mut self, hook: F) -> Self
    where
        F: AsyncFn(Connect, Attempt) -> Result<Connect, E> + std::marker::Send + Sync + 'static,
        E: Into<Box<dyn Error + std::marker::Send + Sync>>,
    {
        let hook = Arc::new(hook);
        self.config.attempts.before_connect = Some(Arc::new(move |connect, attempt| {
            let hook = hook.clone();
            let outcome = async move { hook(connect, attempt).await.map_err(Cause::new) };
            let outcome = AssertUnwindSafe(outcome).catch_unwind();
            Box::pin(outcome.map(|outcome| outcome.unwrap_or_else(|_| Err(Cause::text("it panicked")))))
        }));
        self
    }
}
