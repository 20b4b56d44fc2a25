//! The versions of the Engine.IO protocol.

use std::fmt;

/// The version of the Engine.IO protocol that a client speaks: see
/// [`EngineIoClientBuilder::protocol`](crate::EngineIoClientBuilder::protocol).
///
/// ```
/// use actix_engineio::{Connect, EngineIoClient, Protocol, TransportKind};
///
/// // A server of either version.
/// let builder = EngineIoClient::builder().protocol(Protocol::Any);
/// // A server of Socket.IO 2, which is known to be one.
/// let connect = Connect::new("https://example.org").path("socket.io").protocol(Protocol::V3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// Protocol 4: engine.io from version 4 on, which is part of Socket.IO 3 and 4, python-engineio 4, and engineioxide.
    #[default]
    V4,
    /// Protocol 3: engine.io up to version 3, which is part of Socket.IO 1 and 2, python-engineio 3, and netty-socketio 1.
    /// Later servers speak it with an option, such as `allowEIO3` of engine.io.
    V3,
    /// Whichever of the two the server speaks. The client asks in version 4, and finds out from the answer:
    /// [`protocol`](crate::EngineIoClientBuilder::protocol) says how.
    Any,
}

impl From<ProtocolVersion> for Protocol {
    fn from(version: ProtocolVersion) -> Self {
        match version {
            ProtocolVersion::V4 => Self::V4,
            ProtocolVersion::V3 => Self::V3,
        }
    }
}

/// The version of the Engine.IO protocol that a session, or a server, speaks: see
/// [`Session::protocol`](crate::Session::protocol). Later versions are greater:
///
/// ```
/// use actix_engineio::ProtocolVersion;
///
/// assert!(ProtocolVersion::V3 < ProtocolVersion::V4);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProtocolVersion {
    /// Protocol 3.
    V3,
    /// Protocol 4.
    V4,
}

impl ProtocolVersion {
    /// The number of the version, as the parameter `EIO` of every request contains it: `3` or `4`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V3 => "3",
            Self::V4 => "4",
        }
    }

    /// The other version.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::V3 => Self::V4,
            Self::V4 => Self::V3,
        }
    }
}

/// The number of the version.
impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
