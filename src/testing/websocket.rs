//! A WebSocket, from the server's side.

use std::{pin::pin, sync::Arc, time::Duration};

use actix_codec::{Decoder as _, Encoder as _};
use actix_http::ws::{Codec, Frame, Message};
use actix_rt::time::timeout;
use bytes::BytesMut;
use futures::future::{Either, select};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, split};

use super::{
    request::fill,
    session::{Outgoing, Session},
    state::{SessionId, Shared},
    stream::ServerStream,
};

/// The longest wait for the other end of the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How the reading end of a WebSocket ended.
#[derive(Debug, PartialEq, Eq)]
enum ReadEnd {
    /// A close frame has arrived, and is answered.
    Closed,
    /// The connection has ended, or what arrived is no WebSocket.
    Lost,
}

/// Carries the frames of a session until the connection ends.
pub(super) async fn serve(shared: &Arc<Shared>, id: SessionId, stream: ServerStream, buffer: BytesMut) {
    let (from, to) = split(stream);
    let read = pin!(read(shared, id, from, buffer));
    let write = pin!(write(shared, id, to));
    match select(read, write).await {
        Either::Left((ReadEnd::Closed, write)) => drop(timeout(CLOSE_TIMEOUT, write).await),
        Either::Left((ReadEnd::Lost, _)) => {}
        Either::Right((true, read)) => drop(timeout(CLOSE_TIMEOUT, read).await),
        Either::Right((false, _)) => {}
    }
    update(shared, id, Session::websocket_lost);
}

fn update(shared: &Shared, id: SessionId, change: impl FnOnce(&mut Session)) {
    shared.update(|state| state.session(id).map(change));
}

async fn read(
    shared: &Shared,
    id: SessionId,
    mut from: impl AsyncRead + Unpin,
    mut buffer: BytesMut,
) -> ReadEnd {
    let mut codec = Codec::new().max_size(usize::MAX >> 1);
    loop {
        let outcome = match codec.decode(&mut buffer) {
            Ok(Some(Frame::Close(reason))) => {
                update(shared, id, |session| session.closed_by_frame(reason));
                return ReadEnd::Closed;
            }
            Ok(Some(frame)) => {
                shared.update(|state| state.session(id).map(|session| receive(session, frame)))
            }
            Ok(None) if fill(&mut from, &mut buffer).await => continue,
            Ok(None) => return ReadEnd::Lost,
            Err(err) => Some(Err(format!("the client sent a bad frame: {err}"))),
        };
        if let Some(Err(words)) = outcome {
            shared.update(|state| state.failures.push(words));
            return ReadEnd::Lost;
        }
    }
}

fn receive(session: &mut Session, frame: Frame) -> Result<(), String> {
    match frame {
        Frame::Text(text) => session.receive_message(text, true),
        Frame::Binary(bytes) => session.receive_message(bytes, false),
        Frame::Ping(data) => {
            session.pong_frame(data);
            Ok(())
        }
        Frame::Pong(_) | Frame::Close(_) => Ok(()),
        Frame::Continuation(_) => Err("the client sent a fragmented message".to_owned()),
    }
}

/// Writes frames up to the last one. Returns whether a close frame was written.
async fn write(shared: &Shared, id: SessionId, mut to: impl AsyncWrite + Unpin) -> bool {
    let mut codec = Codec::new();
    loop {
        let (message, is_last) = match shared.until(|state| state.session(id)?.take_frame()).await {
            Outgoing::Frame(message) => (message, false),
            Outgoing::Close(reason) => (Message::Close(reason), true),
            Outgoing::Drop => return false,
        };
        let mut bytes = BytesMut::new();
        if codec.encode(message, &mut bytes).is_err() || to.write_all(&bytes).await.is_err() {
            return false;
        }
        if is_last {
            return to.shutdown().await.is_ok();
        }
    }
}
