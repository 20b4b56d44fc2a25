//! The data of messages.

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::DeserializeOwned;

/// Bytes that every queued message or event counts in addition to its data. They account for the memory of its entry in
/// a queue; without them a queue of empty messages would have no limit.
pub(crate) const OVERHEAD: usize = 64;

/// The data of a message: text or bytes.
///
/// A clone shares the buffer, so it is cheap. Messages that were received together can share one buffer as well: up to 64
/// KiB over WebSocket, the whole body of a poll over polling. A small message that is stored for long keeps all of it
/// alive; copy its data instead.
///
/// ```
/// use actix_engineio::Data;
///
/// let text = Data::from("[1,2]");
/// assert_eq!(text.as_text(), Some("[1,2]"));
/// assert_eq!(text.json::<Vec<u8>>()?, [1, 2]);
///
/// let binary = Data::from(vec![1, 2]);
/// assert_eq!(binary.as_text(), None);
/// assert_eq!(binary.len(), 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Data {
    /// A text message.
    Text(ByteString),
    /// A binary message.
    Binary(Bytes),
}

impl Data {
    /// The length in bytes; for text, of its UTF-8.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// The bytes that the message counts in a queue with a limit: its data and [`OVERHEAD`].
    pub(crate) fn weight(&self) -> usize {
        self.len() + OVERHEAD
    }

    /// Whether the message is empty. Engine.IO delivers empty messages like all others.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The text of a text message, or `None` for a binary message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The bytes of a binary message, or `None` for a text message.
    pub fn as_binary(&self) -> Option<&Bytes> {
        match self {
            Self::Text(_) => None,
            Self::Binary(bytes) => Some(bytes),
        }
    }

    /// The bytes of a message of either kind; for text, its UTF-8.
    pub fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Reads the message as JSON. A binary message is read if it is UTF-8.
    ///
    /// ```
    /// use actix_engineio::Data;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Move {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// let to: Move = Data::from(r#"{"x":1,"y":-1}"#).json()?;
    /// assert_eq!((to.x, to.y), (1, -1));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    /// The message is not JSON, or not the JSON of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match self {
            Self::Text(text) => serde_json::from_str(text),
            Self::Binary(bytes) => serde_json::from_slice(bytes),
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Binary(bytes) => f.debug_tuple("Binary").field(bytes).finish(),
        }
    }
}

/// Text as it is, and of bytes only their number, such as `12 bytes`.
///
/// ```
/// use actix_engineio::Data;
///
/// assert_eq!(Data::from("hello").to_string(), "hello");
/// assert_eq!(Data::from(vec![0; 12]).to_string(), "12 bytes");
/// ```
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.pad(text),
            Self::Binary(bytes) if bytes.len() == 1 => f.pad("1 byte"),
            Self::Binary(bytes) => f.pad(&format!("{} bytes", bytes.len())),
        }
    }
}

impl From<ByteString> for Data {
    fn from(text: ByteString) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Data {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Data {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

#[cfg(test)]
mod tests;
