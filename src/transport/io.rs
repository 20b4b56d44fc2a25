//! The byte stream that everything else is built on.

use actix_codec::{AsyncRead, AsyncWrite};

/// A byte stream to a server.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}
