use std::{collections::VecDeque, task::Waker};

use super::*;

/// What a byte stream does when it is next asked for something.
enum Step {
    /// It takes so many bytes, and can flush them or not.
    Write {
        bytes: usize,
        flushed: bool,
    },
    /// It takes no byte now.
    Full,
    Fail,
}

/// A byte stream that takes bytes as its steps say, and everything after them.
#[derive(Default)]
struct Stream {
    steps: VecDeque<Step>,
    is_flushed: bool,
    written: Vec<u8>,
}

impl Stream {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), ..Self::default() }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Task<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let (bytes, flushed) = match self.steps.pop_front() {
            None => (buf.len(), true),
            Some(Step::Write { bytes, flushed }) => (bytes, flushed),
            Some(Step::Full) => return Poll::Pending,
            Some(Step::Fail) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        };
        self.is_flushed = flushed;
        self.written.extend(&buf[..bytes]);
        Poll::Ready(Ok(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        if self.is_flushed { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn codec() -> WebSocketCodec<impl FnMut() -> [u8; 4]> {
    WebSocketCodec::new(usize::MAX, || [0; 4])
}

/// Messages of these lengths. The frame of a short one is 6 bytes longer.
fn batch(lengths: &[usize]) -> Vec<Packet> {
    lengths.iter().map(|&length| Packet::Message(vec![b'x'; length].into())).collect()
}

fn queue(buffer: &mut WriteBuffer, lengths: &[usize]) {
    buffer.queue_batch(&mut codec(), Wire::V4, &batch(lengths));
}

fn flush(buffer: &mut WriteBuffer, stream: &mut Stream) -> Poll<io::Result<()>> {
    buffer.poll_flush(stream, &mut Task::from_waker(Waker::noop()))
}

fn outcome(sent: usize, uncertain: usize) -> BatchOutcome {
    BatchOutcome { sent, uncertain }
}

#[test]
fn everything_is_written_in_order() {
    let mut buffer = WriteBuffer::default();
    assert!(buffer.is_flushed());
    queue(&mut buffer, &[2]);
    buffer.queue(
        &mut codec(),
        Frame { opcode: crate::protocol::websocket::Opcode::Pong, head: b"", body: b"p" },
    );
    assert_eq!((buffer.len(), buffer.is_flushed()), (15, false));
    let mut stream = Stream::new([Step::Write { bytes: 1, flushed: true }, Step::Full]);
    assert!(flush(&mut buffer, &mut stream).is_pending());
    assert_eq!((buffer.len(), buffer.written()), (14, 1));
    assert!(flush(&mut buffer, &mut stream).is_ready());
    assert_eq!((buffer.len(), buffer.written(), buffer.is_flushed()), (0, 15, true));
    assert_eq!(stream.written, b"\x82\x82\0\0\0\0xx\x8a\x81\0\0\0\0p");
}

#[test]
fn a_stream_that_takes_no_bytes_is_an_error() {
    let mut buffer = WriteBuffer::default();
    queue(&mut buffer, &[1]);
    let mut stream = Stream::new([Step::Write { bytes: 0, flushed: true }]);
    let Poll::Ready(Err(err)) = flush(&mut buffer, &mut stream) else { panic!("no error") };
    assert_eq!(err.kind(), io::ErrorKind::WriteZero);
}

#[test]
fn the_outcome_of_a_batch_is_known_after_every_write() {
    let write = |bytes, flushed| Step::Write { bytes, flushed };
    // Frames of 7, 8 and 9 bytes.
    for (steps, expected) in [
        (vec![], outcome(0, 0)),
        (vec![write(6, true)], outcome(0, 0)),
        (vec![write(7, true)], outcome(1, 0)),
        (vec![write(7, false)], outcome(0, 1)),
        (vec![write(7, true), write(8, false)], outcome(1, 1)),
        (vec![write(7, true), write(7, false)], outcome(1, 0)),
        (vec![write(23, true)], outcome(2, 0)),
        (vec![write(24, false)], outcome(0, 3)),
        (vec![write(24, true)], outcome(3, 0)),
    ] {
        // The last batch does not count, whatever it was.
        let mut buffer = WriteBuffer::default();
        queue(&mut buffer, &[100, 0]);
        assert!(flush(&mut buffer, &mut Stream::default()).is_ready());

        queue(&mut buffer, &[1, 2, 3]);
        let mut stream = Stream::new(steps.into_iter().chain([Step::Fail]));
        let _ = flush(&mut buffer, &mut stream);
        assert_eq!(buffer.outcome(), expected, "{} bytes", stream.written.len());
    }
}

#[test]
fn a_pong_before_a_batch_is_not_part_of_it() {
    let mut buffer = WriteBuffer::default();
    let pong = Frame { opcode: crate::protocol::websocket::Opcode::Pong, head: b"", body: b"pong" };
    buffer.queue(&mut codec(), pong);
    queue(&mut buffer, &[0]);
    for (bytes, expected) in [(10, outcome(0, 0)), (5, outcome(0, 0)), (1, outcome(1, 0))] {
        let mut stream = Stream::new([Step::Write { bytes, flushed: true }, Step::Full]);
        let _ = flush(&mut buffer, &mut stream);
        assert_eq!(buffer.outcome(), expected);
    }
}

#[test]
fn a_large_buffer_is_reused_until_batches_become_small() {
    let mut buffer = WriteBuffer::default();
    let mut send = |lengths: &[usize]| {
        queue(&mut buffer, lengths);
        assert!(flush(&mut buffer, &mut Stream::default()).is_ready());
        buffer.buf.capacity()
    };
    assert!(send(&[100_000]) >= 100_000);
    assert!(send(&[100_000; 2]) >= 100_000);
    // The peak shrinks to a quarter with each small batch.
    let capacities: Vec<_> = (0..8).map(|_| send(&[1])).collect();
    assert!(capacities[0] >= 100_000 && capacities[7] <= 4_096, "{capacities:?}");
}

#[test]
fn a_huge_buffer_is_not_reused() {
    let mut buffer = WriteBuffer::default();
    queue(&mut buffer, &[1 << 20]);
    assert!(flush(&mut buffer, &mut Stream::default()).is_ready());
    assert_eq!(buffer.buf.capacity(), 0);
}
