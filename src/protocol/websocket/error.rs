//! Why the codec fails.

use std::io;

use thiserror::Error;

use crate::error::{ProtocolError, TransportError};

/// The error of the codec: always a [`ProtocolError`]. It exists because the traits of actix-codec require an error that
/// an [`io::Error`] converts into, and the public errors shall not have that conversion.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(transparent)]
pub(crate) struct CodecError(TransportError);

impl From<ProtocolError> for CodecError {
    fn from(err: ProtocolError) -> Self {
        Self(err.into())
    }
}

impl From<io::Error> for CodecError {
    fn from(err: io::Error) -> Self {
        Self(TransportError::io(err))
    }
}

impl From<CodecError> for TransportError {
    fn from(CodecError(err): CodecError) -> Self {
        err
    }
}
