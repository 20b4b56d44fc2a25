//! The codes of close frames (RFC 6455, section 7.4).

use crate::{
    error::{ProtocolError, TransportError},
    protocol::{connection::CloseReason, websocket::CloseFrame},
};

/// The close code that is reported for a close frame without a code (RFC 6455, section 7.4.1). It is never sent.
const NO_STATUS: u16 = 1005;

/// The reason for which the server has closed the WebSocket.
pub(super) fn closed_by_server(frame: Option<CloseFrame>) -> CloseReason {
    match frame {
        Some(CloseFrame { code, reason }) => CloseReason::CloseFrame { code, reason },
        // RFC 6455, section 7.1.5: without a code, "_The WebSocket Connection Close Code_ is considered to be 1005".
        None => CloseReason::CloseFrame { code: NO_STATUS, reason: "".into() },
    }
}

/// The code of our close frame if a WebSocket ends for this reason. `None`: no close frame is sent.
pub(super) fn close_code(reason: &CloseReason) -> Option<u16> {
    match reason {
        CloseReason::Ordered | CloseReason::CloseFrame { code: NO_STATUS, .. } => Some(1000),
        // RFC 6455, section 5.5.1: "the endpoint typically echos the status code it received".
        CloseReason::CloseFrame { code, .. } => Some(*code),
        CloseReason::Failed(TransportError::Protocol(ProtocolError::TooLarge { .. })) => Some(1009),
        // RFC 6455, section 7.4.1: 1007 is for "data within a message that was not consistent with the type of the message".
        CloseReason::Failed(TransportError::Protocol(
            ProtocolError::Utf8 | ProtocolError::Compression(_),
        )) => Some(1007),
        CloseReason::Failed(TransportError::Protocol(_)) => Some(1002),
        // The connection is broken, or it was never open, so the server would not receive a close frame.
        CloseReason::Failed(_) | CloseReason::Interrupted(_) => None,
    }
}

#[cfg(test)]
mod tests;
