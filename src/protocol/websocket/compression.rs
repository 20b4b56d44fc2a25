//! What the user wants to be compressed, and what client and server have agreed on (RFC 7692).

use std::fmt;

/// The smallest message that is worth compressing by itself.
const THRESHOLD: usize = 1024;

/// The largest size of a window, as a power of two.
const MAX_WINDOW_BITS: u8 = 15;

/// The size of window that this client cannot compress with. Messages are then sent as they are, which is always
/// allowed.
const UNUSABLE_WINDOW_BITS: u8 = 8;

/// How messages over WebSocket are compressed, with the extension permessage-deflate (RFC 7692): see
/// [`compression`](crate::EngineIoClientBuilder::compression). The server may decline, and then nothing is compressed.
///
/// A message compresses better together with the messages before it. For that both sides must keep the data before it in
/// memory: this is the context, and each direction has its own. The three choices differ in the contexts, so in the memory
/// of a client:
///
/// | choice | memory of a client | what becomes smaller |
/// |---|---|---|
/// | [`stateless`](Self::stateless) | none; each thread has one inflater and one deflater, about 430 KiB | messages from about 1 KiB on: JSON documents of 1 to 12 KiB to between a sixth and two fifths of their size |
/// | [`server_context`](Self::server_context) | 47 KiB, from the first compressed message on | also small messages of the server: similar JSON documents of 100 bytes to about a third |
/// | [`both_contexts`](Self::both_contexts) | up to 430 KiB, from the first compressed messages on | also small messages to the server |
///
/// The figures are for JSON, with the usual size of the window.
///
/// ```
/// use actix_engineio::{Compression, EngineIoClient};
///
/// // A feed of many small messages. The client needs 47 KiB more.
/// let builder = EngineIoClient::builder().compression(Compression::server_context());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    contexts: Contexts,
    /// The threshold, if the user has set one.
    threshold: Option<usize>,
    level: u8,
}

/// The contexts that the client offers to remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contexts {
    Neither,
    Server,
    Both,
}

impl Compression {
    /// Every message is compressed by itself. An idle client needs no memory for that: all clients of a thread share one
    /// inflater, and one deflater for each level and window. Only a message that has begun and not ended needs memory of its
    /// own: 47 KiB for one of the server that comes in fragments or has more than 64 KiB, and a deflater for a large one to
    /// the server.
    ///
    /// Offers `permessage-deflate; server_no_context_takeover; client_no_context_takeover`. A server that accepts the
    /// offer and does not promise to forget its context is refused.
    pub const fn stateless() -> Self {
        Self::new(Contexts::Neither)
    }

    /// The server may compress its messages together, and the client compresses each by itself. For feeds: the client
    /// receives much more than it sends.
    ///
    /// A broken server that sends only a part of a compressed message is not always noticed: with a context, the part may look
    /// like a whole message.
    ///
    /// Offers `permessage-deflate; client_no_context_takeover`.
    pub const fn server_context() -> Self {
        Self::new(Contexts::Server)
    }

    /// Both sides may compress their messages together. A server decides how much memory this costs the client: it may
    /// ask for smaller windows, or for no context. What [`server_context`](Self::server_context) says about broken servers is
    /// true here too.
    ///
    /// Offers `permessage-deflate; client_max_window_bits`, as browsers do.
    pub const fn both_contexts() -> Self {
        Self::new(Contexts::Both)
    }

    const fn new(contexts: Contexts) -> Self {
        Self { contexts, threshold: None, level: 1 }
    }

    /// The size in bytes, with the type of the packet, from which a message to the server is compressed. Smaller ones are sent
    /// as they are.
    ///
    /// Default: 1024, and 1 if the server agrees that the client compresses its messages together (`both_contexts`).
    #[must_use]
    pub const fn threshold(self, bytes: usize) -> Self {
        Self { threshold: Some(bytes), ..self }
    }

    /// The effort for messages to the server, from 0 (none) to 9. More than 9 counts as 9. Default: 1.
    ///
    /// Level 6 makes messages of many kilobytes about a third smaller than level 1, and takes about ten times as long.
    #[must_use]
    pub const fn level(self, level: u8) -> Self {
        Self { level: if level > 9 { 9 } else { level }, ..self }
    }

    /// The value of `sec-websocket-extensions` in the request.
    pub(crate) const fn offer(self) -> &'static str {
        match self.contexts {
            Contexts::Neither => "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            Contexts::Server => "permessage-deflate; client_no_context_takeover",
            Contexts::Both => "permessage-deflate; client_max_window_bits",
        }
    }

    /// The server may use its context.
    pub(super) fn allows_server_context(self) -> bool {
        self.contexts != Contexts::Neither
    }

    /// The client may use its context, and lets the server limit its window.
    pub(super) fn offers_client_context(self) -> bool {
        self.contexts == Contexts::Both
    }

    /// The parameters for messages to the server. `None`: they are not compressed.
    pub(super) fn deflate_params(self, agreed: AgreedCompression) -> Option<DeflateParams> {
        let default = if agreed.client_context { 1 } else { THRESHOLD };
        (agreed.client_window_bits != UNUSABLE_WINDOW_BITS).then(|| DeflateParams {
            threshold: self.threshold.unwrap_or(default).max(1),
            level: self.level,
            window_bits: agreed.client_window_bits,
        })
    }
}

/// How messages to the server are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeflateParams {
    /// The size of the smallest message that is compressed.
    pub(super) threshold: usize,
    pub(super) level: u8,
    pub(super) window_bits: u8,
}

/// What client and server have agreed on for compressed messages (RFC 7692, section 7.1).
///
/// `Display` shows it as an answer of a server does, such as `permessage-deflate; client_no_context_takeover`. The
/// default is what an answer without parameters means. Tests start from it:
///
/// ```
/// use actix_engineio::AgreedCompression;
///
/// let mut agreed = AgreedCompression::default();
/// agreed.client_context = false;
/// assert_eq!(agreed.to_string(), "permessage-deflate; client_no_context_takeover");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgreedCompression {
    /// Set if the server may compress its messages together.
    pub server_context: bool,
    /// Set if the client compresses its messages together.
    pub client_context: bool,
    /// The window of the server, as a power of two: 8 to 15.
    pub server_window_bits: u8,
    /// The window of the client, as a power of two: 8 to 15. With 8 the client sends its messages as they are.
    pub client_window_bits: u8,
}

impl Default for AgreedCompression {
    fn default() -> Self {
        Self {
            server_context: true,
            client_context: true,
            server_window_bits: MAX_WINDOW_BITS,
            client_window_bits: MAX_WINDOW_BITS,
        }
    }
}

impl fmt::Display for AgreedCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permessage-deflate")?;
        if !self.server_context {
            f.write_str("; server_no_context_takeover")?;
        }
        if !self.client_context {
            f.write_str("; client_no_context_takeover")?;
        }
        for (name, bits) in [("server", self.server_window_bits), ("client", self.client_window_bits)] {
            if bits != MAX_WINDOW_BITS {
                write!(f, "; {name}_max_window_bits={bits}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_1_unless_another_is_chosen_and_at_most_9() {
        let level = |level| Compression::stateless().level(level);
        assert_eq!(level(1), Compression::stateless());
        assert!((0..9).all(|lower| level(lower) != level(lower + 1)));
        assert_eq!(level(10), level(9));
        assert_eq!(level(255), level(9));
    }
}
