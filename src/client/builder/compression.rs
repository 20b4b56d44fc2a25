//! The option that compresses messages.

use super::EngineIoClientBuilder;
use crate::protocol::websocket::Compression;

/// # Compression
impl EngineIoClientBuilder {
    /// Offers servers to compress messages over WebSocket, with the extension permessage-deflate (RFC 7692). Default: nothing
    /// is offered, because compression costs memory and time.
    ///
    /// See [`Compression`] for the three choices, and for what each costs a client in bytes.
    /// [`Session::websocket_compression`](crate::Session::websocket_compression) says what the server has agreed to. Servers
    /// of python-engineio agree; engine.io agrees if it has the option `perMessageDeflate`; engineioxide never agrees.
    ///
    /// - [`max_message_size`](Self::max_message_size) and [`receive_buffer`](Self::receive_buffer) count messages as they are
    ///   after they were inflated. A message that becomes too large ends the session before the rest of it is inflated.
    /// - The `maxPayload` of the server counts a message as it is before it is compressed.
    /// - Large messages, and many small ones, are compressed and inflated in turns of 256 KiB, so that other actors of the
    ///   arbiter have their turn in between.
    /// - If a server answers the offer with what was not offered, the WebSocket is refused. A session that has begun over polling
    ///   goes on over polling.
    /// - While a large message is compressed, both forms of it are in memory.
    /// - Do not compress secrets together with text that an attacker can choose: the size of what is sent shows whether the
    ///   two have parts in common (as the attacks CRIME and BREACH on TLS did). With a context this is so also if the two are
    ///   in different messages.
    /// - Over polling the option has no effect. There the client accepts responses with gzip and deflate anyway.
    ///
    /// The option cannot be switched off again on the same builder.
    ///
    /// ```
    /// use actix_engineio::{Compression, EngineIoClient};
    ///
    /// let builder = EngineIoClient::builder().compression(Compression::stateless().threshold(4096));
    /// ```
    pub fn compression(mut self, compression: Compression) -> Self {
        self.transport().compression = Some(compression);
        self
    }
}
