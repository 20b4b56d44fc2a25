//! The options that limit time and memory.

use std::{num::NonZeroUsize, time::Duration};

use super::EngineIoClientBuilder;
use crate::protocol::connection::WebSocketPing;

/// The longest limit, which is as good as none. A longer one would overflow the clock.
const NO_LIMIT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// # Limits
///
/// A time limit of more than 100 years, such as [`Duration::MAX`], counts as 100 years. A time limit of zero expires as
/// soon as the wait begins, within a few milliseconds; no option reads zero as "no limit".
impl EngineIoClientBuilder {
    /// How long one request may take. Default: 5 seconds.
    ///
    /// It limits each of these: the handshake over polling, the WebSocket handshake, the wait for the open packet over
    /// WebSocket, the response to a POST, and the answer to a [`Confirm`](crate::Confirm). While a POST is being sent, the
    /// limit starts again whenever bytes of it are written. Written bytes may still be on their way for long, on a slow line
    /// or behind a proxy. So the limit of a POST is one second longer for each 8 KiB that were written.
    ///
    /// When the limit has passed, a connect fails with [`ConnectError::Timeout`](crate::ConnectError::Timeout), an upgrade
    /// with [`Event::UpgradeFailed`](crate::Event::UpgradeFailed), and a `Confirm` with
    /// [`ConfirmError::Timeout`](crate::ConfirmError::Timeout); a POST ends the session. A poll is limited by the session's
    /// heartbeat instead. In protocol 4, a poll that brings nothing ends the session after three times the sum of
    /// `ping_interval` and `ping_timeout`, even if POSTs are still answered.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        let limit = limit.min(NO_LIMIT);
        self.config.limits.request_timeout = limit;
        self.transport().request_timeout = limit;
        self
    }

    /// How long one attempt to connect may take, with its `before_connect` hook and every transport that is tried: a
    /// [`Connect`](crate::Connect), or an attempt of the reconnect policy. After that it fails with
    /// [`ConnectError::Timeout`](crate::ConnectError::Timeout), which says what the client was waiting for. Default: 20
    /// seconds.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.config.connect_timeout = limit.min(NO_LIMIT);
        self
    }

    /// How long an upgrade may take, from the moment it begins. After that the session goes on over polling; it ends if the
    /// last packet of the upgrade may already have been sent. Default: 10 seconds.
    ///
    /// During the last steps of an upgrade messages wait. When the last POST has been answered, the client checks every 1.75
    /// seconds whether a message waits. If so, it cancels the upgrade and sends the message over polling. Otherwise the
    /// upgrade goes on, for example while the last poll brings a large message over a slow line. So a message of the
    /// application waits for at most two seconds.
    ///
    /// With zero every upgrade begins and fails, and some servers end the session after an upgrade that failed. Turn
    /// upgrades off with [`upgrade(false)`](Self::upgrade) instead.
    pub fn upgrade_timeout(mut self, limit: Duration) -> Self {
        self.config.limits.upgrade_timeout = limit.min(NO_LIMIT);
        self
    }

    /// How long a graceful [`Disconnect`](crate::Disconnect) may take. After that every socket is closed, and the
    /// messages that were not written come back in [`Event::Disconnected`](crate::Event::Disconnected). Default: 5
    /// seconds.
    ///
    /// A `Disconnect` during a [`Connect`](crate::Connect) waits for the answer to a handshake that was sent over
    /// polling, so that the session can be closed: for this long, but not for more than 2 seconds.
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.config.limits.close_timeout = limit.min(NO_LIMIT);
        self
    }

    /// Whether, and when, the client asks a server that is silent on a WebSocket whether it is still there. Default: it does
    /// not ask, and only the heartbeat of the server decides, after `ping_interval + ping_timeout`, which is 45 seconds with
    /// the usual intervals.
    ///
    /// After the interval without any byte from the server, the client sends a WebSocket ping. If no byte arrives within the
    /// timeout after that, and the server has answered an earlier ping of this session, the session ends with
    /// [`DisconnectReason::PingTimeout`](crate::DisconnectReason::PingTimeout). So a half-open connection, which was lost
    /// without a FIN or a reset, is noticed after interval and timeout.
    ///
    /// - Any byte from the server is a sign of life. While a ping is unanswered, the client sends no second one. The
    ///   exception: if the server has answered an earlier ping of this session, and bytes arrive after the timeout, the pong
    ///   seems to be lost, and the client may ask again.
    /// - If messages are still being written when the ping is sent, its timeout starts again whenever some of their bytes are
    ///   written. It is also one second longer for each 8 KiB that were written since the last byte from the server. So a lost
    ///   connection is noticed later while much is sent, and by the server's own heartbeat at the latest.
    /// - While the client does not read because of a slow subscriber, neither time runs.
    /// - If the server has never answered a ping of this session, a missing answer does not end the session, because a few
    ///   servers never answer WebSocket pings. A warning is logged, once per session, and the server's own heartbeat decides.
    /// - A proxy that terminates the WebSocket answers for the server behind it.
    /// - Over polling the option has no effect. After an upgrade it has.
    ///
    /// [`Status::round_trip`](crate::Status::round_trip) shows how long the last answer took.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actix_engineio::{EngineIoClient, WebSocketPing};
    ///
    /// let builder = EngineIoClient::builder()
    ///     .websocket_ping(WebSocketPing::every(Duration::from_secs(5)).timeout(Duration::from_secs(5)));
    /// ```
    pub fn websocket_ping(mut self, ping: WebSocketPing) -> Self {
        self.config.limits.websocket_ping = Some(ping);
        self
    }

    /// Retains messages that were written to a WebSocket until the other end has confirmed them. `bytes`: how much may be
    /// unconfirmed before the client asks for a confirmation; 64 KiB is a good value. Default: off, and a message that was
    /// written and then lost with the connection is nowhere to be found.
    ///
    /// The client asks for confirmations by itself: it sends a WebSocket ping when `bytes` are unconfirmed (each message
    /// counts its data and 64 bytes), or half of [`send_queue`](Self::send_queue) if that is less. It also sends one when a
    /// message has been unconfirmed for a second, and with zero as soon as anything is unconfirmed. While a ping is
    /// unanswered, no other is sent, with the exception that [`websocket_ping`](Self::websocket_ping) describes. The pong
    /// confirms what was written before its ping. At the end of a session,
    /// [`Disconnected::in_doubt`](crate::Disconnected::in_doubt) has the messages that were written and not confirmed: the
    /// server may have them or not. [`unsent`](crate::Disconnected::unsent) has those that were not written. The server has
    /// every other message, unless a proxy terminates the WebSocket before the server: [`Confirm`](crate::Confirm) says what a
    /// pong proves, and what it does not.
    ///
    /// - Retained messages count in [`send_queue`](Self::send_queue), so the replies of [`Send`](crate::Send) wait
    ///   while too many are unconfirmed. On a line with a long round trip `send_queue` should be at least twice what the
    ///   line carries in that time.
    /// - With a server that never answers WebSocket pings, nothing is confirmed, and once `send_queue` is full no `Send` is
    ///   accepted. A warning is logged, also when a server stops answering later.
    /// - A graceful [`Disconnect`](crate::Disconnect) waits for the last confirmation before it sends the close packet, for
    ///   half of [`close_timeout`](Self::close_timeout) at most.
    /// - Over polling the option has no effect: there the answer to a POST confirms its messages.
    ///
    /// ```
    /// use actix_engineio::{Disconnected, EngineIoClient};
    ///
    /// let builder = EngineIoClient::builder().confirm_sends(64 << 10);
    ///
    /// /// What another session has to send, if the server recognises a message that it gets twice.
    /// fn again(end: &Disconnected) -> impl Iterator<Item = &actix_engineio::Data> {
    ///     end.in_doubt.iter().chain(&end.unsent)
    /// }
    /// ```
    pub fn confirm_sends(mut self, bytes: usize) -> Self {
        self.config.limits.confirm_sends = Some(bytes);
        self
    }

    /// How long the client waits for slow subscribers. If more than [`receive_buffer`](Self::receive_buffer) bytes of events
    /// are waiting and no subscriber handles an event for this long, the session ends with
    /// [`DisconnectReason::Stalled`](crate::DisconnectReason::Stalled). When the client has not read for two seconds without a
    /// break, a warning is logged (about one subscriber at most once a minute), which names the subscriber, and
    /// [`Status::back_pressure`](crate::Status::back_pressure) shows it from the beginning.
    ///
    /// Default: the session's `ping_interval + ping_timeout`, at least 5 seconds and at most 60 seconds. While the client does
    /// not read, it does not answer pings either, so with usual intervals the server ends the session by then anyway. In
    /// protocol 3 the client still pings, and the default is the same.
    ///
    /// Between two sessions a policy waits without a limit for a subscriber that [is
    /// late](crate::Reconnect#subscribers-that-are-late); after this time without progress it logs a warning.
    ///
    /// An actor receives events in batches: usually up to 64 events or 64 KiB of data, and no more than it is expected to
    /// handle in one second. The client notices that it made progress when it has finished a batch.
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.config.limits.stall_timeout = Some(limit.min(NO_LIMIT));
        self
    }

    /// Largest message, in bytes, that the client accepts from the server. A larger one ends the session, with
    /// [`ProtocolError::TooLarge`](crate::ProtocolError::TooLarge) over WebSocket and
    /// [`TransportError::BodyTooLarge`](crate::TransportError::BodyTooLarge) over polling. Default: 64 MiB.
    ///
    /// The data of the message counts, without what carries it: the type of the packet, and base64 over polling. Over polling
    /// the body of a response may have as many bytes as a binary message of this size has in base64, that is about a third
    /// more. A server sends all messages that wait for a poll in one body. So many small messages together can exceed this
    /// limit, for example after a slow subscriber has stopped the client from reading. Over polling, choose a limit that is
    /// larger than everything that the server may collect between two polls.
    ///
    /// The open packet counts, too. It has about a hundred bytes, so with zero every connect fails.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.transport().max_message_size = bytes;
        self
    }

    /// How many bytes may wait to be written before the replies of [`Send`](crate::Send) wait. Each message counts its
    /// data and 64 bytes. Default: 1 MiB. With [`confirm_sends`](Self::confirm_sends), the messages that wait for their
    /// confirmation count as well.
    ///
    /// A message is accepted while at most this many bytes are waiting, so the last one may exceed the limit by its own size.
    /// A message counts as written once the system has accepted its bytes. On Linux and Android the system accepts at most
    /// 128 KiB of a TCP connection before it has sent them, and more (up to 4 MiB) while the line is fast. So on a slow
    /// line most messages wait here, and pongs go before them. On other systems, and with
    /// [`connector`](Self::connector), the system decides.
    ///
    /// A message of `do_send` can be queued behind a `Send` that waits for room. A `Flush` or a `Confirm` then makes the
    /// client accept both, although the limit is exceeded. With zero a message is accepted only after all earlier ones were
    /// written.
    pub fn send_queue(mut self, bytes: usize) -> Self {
        self.config.limits.send_queue = bytes;
        self
    }

    /// How many bytes of unhandled events a subscriber may have before the client stops reading from the server. Each
    /// event counts its data and 64 bytes. Default: 1 MiB.
    ///
    /// What was read at once may exceed the limit. With zero the client reads again only after every subscriber has
    /// handled every event.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.config.receive_buffer = bytes;
        self
    }

    /// Largest number of packets in one POST; zero counts as one.
    ///
    /// Default: 16 until the server has shown by its answer that it accepts any number. One known server,
    /// python-engineio, answers 200 to a larger POST and drops it.
    pub fn max_packets_per_post(mut self, packets: usize) -> Self {
        self.config.limits.max_packets_per_post = NonZeroUsize::new(packets.max(1));
        self
    }

    /// Largest POST in bytes, for proxies that accept less than the server behind them. A message that does not fit into one,
    /// as polling encodes it, is [`TooLarge`](crate::SendErrorKind::TooLarge) while the session is over polling. With zero no
    /// message can be sent over polling. Default: the `maxPayload` of the server; if it names none, POSTs have at most
    /// 1,000,000 bytes, and a larger message goes in a POST of its own.
    ///
    /// Most POSTs are smaller. The first one of a session has at most 128 KiB, unless one message is larger. POSTs grow
    /// as long as they are answered quickly, and shrink when one took longer than 5 seconds, or than half of the
    /// server's `pingTimeout`.
    pub fn max_post_bytes(mut self, bytes: usize) -> Self {
        self.config.limits.max_post_bytes = Some(bytes);
        self
    }
}
