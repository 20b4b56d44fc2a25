//! The options of how long things take, and how much is held.

use std::time::Duration;

use super::EngineIoClientBuilder;

/// As good as no limit. More would overflow the clock.
const NO_LIMIT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// # Limits
impl EngineIoClientBuilder {
    /// How long one request may take: the handshake over polling, the WebSocket handshake, the wait for the open
    /// packet behind it, the answer to a POST once it is out (while bytes of it still leave, the limit starts anew
    /// with each). Default: 5 seconds.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        let limit = limit.min(NO_LIMIT);
        self.config.limits.request_timeout = limit;
        self.config.transport.request_timeout = limit;
        self
    }

    /// How long a whole [`Connect`](crate::Connect) may take; then
    /// [`ConnectError::Timeout`](crate::ConnectError::Timeout) says what was being waited for. Default: 20 seconds.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.config.connect_timeout = limit.min(NO_LIMIT);
        self
    }

    /// How long an upgrade may take, from the start of the probe to the end; after that the session goes on over
    /// polling. Default: 10 seconds.
    pub fn upgrade_timeout(mut self, limit: Duration) -> Self {
        self.config.limits.upgrade_timeout = limit.min(NO_LIMIT);
        self
    }

    /// How long a graceful [`Disconnect`](crate::Disconnect) may take. Default: 5 seconds.
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.config.limits.close_timeout = limit.min(NO_LIMIT);
        self
    }

    /// How long reading may be held back without any subscriber taking an event before the session ends with
    /// [`DisconnectReason::Stalled`](crate::DisconnectReason::Stalled). Of an actor, that shows when a run of events is
    /// through: at most 64, and no more than take a second at the pace of the run before. Default: 60 seconds.
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.config.limits.stall_timeout = limit.min(NO_LIMIT);
        self
    }

    /// The largest message, and over polling the largest response body, that is accepted, in bytes. A larger one
    /// ends the session. Default: 64 MiB.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.config.transport.max_message_size = bytes;
        self
    }

    /// Bytes that may wait to be written before the replies of [`Send`](crate::Send) are held back; each message
    /// counts 64 bytes beside its data. Default: 1 MiB.
    pub fn send_queue(mut self, bytes: usize) -> Self {
        self.config.limits.send_queue = bytes;
        self
    }

    /// Bytes of events that subscribers may not have handled before reading is held back; each event counts 64 bytes
    /// beside its data. A single message may exceed it. Default: 1 MiB.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.config.receive_buffer = bytes;
        self
    }

    /// Packets in one POST, at most. Default: 16 until the server has shown by its answer that it takes any number,
    /// since one known server (python-engineio) answers 200 to a larger POST and drops it.
    pub fn max_packets_per_post(mut self, packets: usize) -> Self {
        self.config.limits.max_packets_per_post = Some(packets.max(1));
        self
    }
}
