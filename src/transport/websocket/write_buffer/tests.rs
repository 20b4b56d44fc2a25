use std::{collections::VecDeque, task::Waker};

use super::*;
use crate::protocol::websocket::{AgreedCompression, Compression, SLICE};

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
    buffer.queue_batch(&mut codec(), ProtocolVersion::V4, Arc::new(batch(lengths)));
}

fn flush(buffer: &mut WriteBuffer, stream: &mut Stream) -> Poll<io::Result<()>> {
    buffer.poll_flush(stream, &mut Task::from_waker(Waker::noop()))
}

fn outcome(sent: usize, uncertain: usize) -> BatchOutcome {
    BatchOutcome { sent, uncertain, begun: 0 }
}

/// The same if a part of the next frame was written.
fn half_of_next(sent: usize, uncertain: usize) -> BatchOutcome {
    BatchOutcome { begun: 1, ..outcome(sent, uncertain) }
}

#[test]
fn everything_is_written_in_order() {
    let mut buffer = WriteBuffer::default();
    assert!(buffer.is_flushed());
    queue(&mut buffer, &[2]);
    buffer.queue(&mut codec(), Frame { opcode: Opcode::Pong, head: b"", body: b"p" });
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
        (vec![write(1, true)], half_of_next(0, 0)),
        (vec![write(6, true)], half_of_next(0, 0)),
        (vec![write(7, true)], outcome(1, 0)),
        (vec![write(7, false)], outcome(0, 1)),
        (vec![write(7, true), write(8, false)], outcome(1, 1)),
        (vec![write(7, true), write(7, false)], half_of_next(1, 0)),
        (vec![write(8, false)], half_of_next(0, 1)),
        (vec![write(23, true)], half_of_next(2, 0)),
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
    let pong = Frame { opcode: Opcode::Pong, head: b"", body: b"pong" };
    buffer.queue(&mut codec(), pong);
    queue(&mut buffer, &[0]);
    for (bytes, expected) in [(10, outcome(0, 0)), (5, half_of_next(0, 0)), (1, outcome(1, 0))] {
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

/// A codec that compresses every message, with a context.
fn deflating() -> WebSocketCodec<impl FnMut() -> [u8; 4]> {
    codec().with_compression(Compression::both_contexts(), AgreedCompression::default())
}

#[test]
fn the_outcome_of_a_compressed_batch_is_that_of_the_bytes_on_the_wire() {
    let lengths = [10, 5_000, 300, 70_000];
    // The lengths of the frames, which nobody can compute.
    let mut codec = deflating();
    let mut ends = vec![0];
    let mut buffer = WriteBuffer::default();
    for length in lengths {
        buffer.queue_batch(&mut codec, ProtocolVersion::V4, Arc::new(batch(&[length])));
        ends.push(buffer.len());
    }
    assert!(ends[4] < 1_000, "{ends:?}");
    for bytes in 0..=ends[4] {
        for flushed in [true, false] {
            let mut buffer = WriteBuffer::default();
            buffer.queue_batch(&mut deflating(), ProtocolVersion::V4, Arc::new(batch(&lengths)));
            let mut stream = Stream::new([Step::Write { bytes, flushed }, Step::Fail]);
            let _ = flush(&mut buffer, &mut stream);
            let whole = ends.iter().filter(|&&end| 0 < end && end <= bytes).count();
            let expected = if flushed { outcome(whole, 0) } else { outcome(0, whole) };
            let begun = usize::from(!ends.contains(&bytes));
            let expected = BatchOutcome { begun, ..expected };
            assert_eq!(buffer.outcome(), expected, "{bytes} bytes of {ends:?}");
        }
    }
}

#[test]
fn a_large_batch_is_compressed_in_turns_and_everything_behind_it_waits() {
    let mut codec = deflating();
    let mut buffer = WriteBuffer::default();
    // The first message fits into a turn, the second takes three.
    buffer.queue_batch(&mut codec, ProtocolVersion::V4, Arc::new(batch(&[SLICE / 2, 2 * SLICE, 1])));
    let first = buffer.len();
    assert!(first > 0 && first < 5_000);
    buffer.ping(&mut codec, 7);
    buffer.ping(&mut codec, 8);
    let mut stream = Stream::default();
    assert!(flush(&mut buffer, &mut stream).is_ready());
    assert_eq!((buffer.outcome(), stream.written.len()), (outcome(1, 0), first));

    assert_eq!(buffer.encode_next(&mut codec, ProtocolVersion::V4), Encoded::Waits, "others have their turn");
    let (mut turns, mut progress) = (1, buffer.progress());
    loop {
        buffer.end_turn();
        match buffer.encode_next(&mut codec, ProtocolVersion::V4) {
            Encoded::Frames if buffer.len() == 0 => {
                turns += 1;
                assert!(buffer.progress() > progress, "nothing is written, and it goes on");
                progress = buffer.progress();
            }
            Encoded::Frames => break,
            encoded => panic!("{encoded:?}"),
        }
    }
    assert_eq!((turns, buffer.encode_next(&mut codec, ProtocolVersion::V4)), (2, Encoded::Nothing));
    assert!(flush(&mut buffer, &mut stream).is_ready());
    assert_eq!(buffer.outcome(), outcome(3, 0));
    // One ping, behind everything.
    assert!(stream.written.ends_with(b"\x89\x88\0\0\0\0\0\0\0\0\0\0\0\x08"));
    assert_eq!(stream.written.iter().filter(|&&byte| byte == 0x89).count(), 1);
}

#[test]
fn many_small_messages_are_compressed_in_turns() {
    let mut codec = deflating();
    let mut buffer = WriteBuffer::default();
    buffer.queue_batch(&mut codec, ProtocolVersion::V4, Arc::new(batch(&[16; 20_000])));
    let mut turns = 1;
    loop {
        buffer.end_turn();
        match buffer.encode_next(&mut codec, ProtocolVersion::V4) {
            Encoded::Frames => turns += 1,
            encoded => break assert_eq!(encoded, Encoded::Nothing),
        }
    }
    assert!((70..100).contains(&turns), "{turns} turns");
    assert!(flush(&mut buffer, &mut Stream::default()).is_ready());
    assert_eq!(buffer.outcome(), outcome(20_000, 0));
}

#[test]
fn a_close_frame_is_the_last_frame_and_the_rest_of_the_batch_is_not_sent() {
    let mut codec = deflating();
    let mut buffer = WriteBuffer::default();
    buffer.queue_batch(&mut codec, ProtocolVersion::V4, Arc::new(batch(&[100, 2 * SLICE, 1])));
    assert!(buffer.has_rest() && !buffer.has_close());
    buffer.queue_close(&mut codec, 1000);
    buffer.queue_close(&mut codec, 1002);
    assert!(!buffer.has_rest() && buffer.has_close());
    let mut stream = Stream::default();
    assert!(flush(&mut buffer, &mut stream).is_ready());
    assert_eq!(
        (buffer.outcome(), buffer.encode_next(&mut codec, ProtocolVersion::V4)),
        (outcome(1, 0), Encoded::Nothing)
    );
    assert!(stream.written.ends_with(b"\x88\x82\0\0\0\0\x03\xe8"));
}
