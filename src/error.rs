//! The errors of this crate: one type for each operation of a client, and one for the end of a session.
//!
//! They follow [`std::io::Error`]: `Display` says everything on one line, `get_ref` gives the error behind it, and
//! `source` is the source of that error. So a report that prints an error and its sources prints nothing twice.

mod cause;
mod confirm;
mod connect;
mod disconnect;
mod http_status;
mod protocol;
mod send;
mod stage;
#[cfg(test)]
mod tests;
mod transport;

use std::fmt::{self, Write as _};

pub use self::{
    cause::Cause,
    confirm::ConfirmError,
    connect::ConnectError,
    disconnect::DisconnectReason,
    http_status::HttpStatus,
    protocol::ProtocolError,
    send::{FlushError, SendAllError, SendError, SendErrorKind},
    stage::Stage,
    transport::TransportError,
};

/// Text of somebody else, shown on one line: characters that end a line, or show text in another order than it has,
/// become spaces.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

/// Whether a character changes how the text around it is shown: a control character, a separator of lines or
/// paragraphs, or a mark of the writing direction (Unicode Standard Annex 9, section 2).
pub(crate) fn changes_layout(char: char) -> bool {
    let is_mark = |char| matches!(char, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || is_mark(char)
}

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| f.write_char(if changes_layout(char) { ' ' } else { char }))
    }
}

/// The code of a close frame, and its reason if it has one.
pub(crate) struct CloseWords<'a>(pub(crate) u16, pub(crate) &'a str);

impl fmt::Display for CloseWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "code {}", self.0)?;
        if self.1.is_empty() { Ok(()) } else { write!(f, ", {}", OneLine(self.1)) }
    }
}
