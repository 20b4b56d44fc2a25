//! What an error says about its cause, and the cause itself.

use std::{error::Error, fmt, sync::Arc};

use super::OneLine;

/// The cause of an error: its text, and the error behind the text if another library or the application raised it.
///
/// It is part of [`TransportError`](crate::TransportError) and [`ConnectError`](crate::ConnectError). `Display` shows
/// the text, on one line. Two causes are equal if their texts are equal, so errors can be compared although the errors
/// behind them cannot.
///
/// ```
/// use std::io;
///
/// use actix_engineio::TransportError;
///
/// let err = TransportError::io(io::Error::from(io::ErrorKind::ConnectionReset));
/// if let TransportError::Io { cause, .. } = &err {
///     assert_eq!(cause.to_string(), "connection reset");
/// }
/// assert!(err.get_ref().is_some_and(|cause| cause.is::<io::Error>()));
/// ```
#[derive(Clone)]
pub struct Cause(Arc<Inner>);

struct Inner {
    text: Box<str>,
    error: Option<Box<dyn Error + Send + Sync>>,
}

impl Cause {
    /// The error `error`, with its own text.
    pub(crate) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        Self::with_parts(&error.to_string(), Some(error))
    }

    /// The error `error`, with a `text` that contains everything that the error itself says.
    pub(crate) fn with_text(error: impl Into<Box<dyn Error + Send + Sync>>, text: &str) -> Self {
        Self::with_parts(text, Some(error.into()))
    }

    /// Only a text, for failures that this crate itself has found.
    pub(crate) fn text(text: &str) -> Self {
        Self::with_parts(text, None)
    }

    fn with_parts(text: &str, error: Option<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::new(Inner { text: OneLine(text).to_string().into(), error }))
    }

    /// The error behind the text, for [`downcast_ref`](Error#method.downcast_ref). `None` if this crate itself found
    /// what is wrong.
    pub fn get_ref(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.error.as_deref()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.text)
    }
}

/// The text, in quotes.
impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.text, f)
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Cause {}
