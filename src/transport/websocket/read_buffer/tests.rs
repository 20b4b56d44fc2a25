use std::task::Waker;

use bytes::Bytes;

use super::*;

/// Lines of bytes, each with its end.
struct Lines;

impl Decoder for Lines {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let end = src.iter().position(|&byte| byte == b'\n');
        Ok(end.map(|end| src.split_to(end + 1).freeze()))
    }
}

/// Reads of these sizes, all of `x` and with a line end as the last byte.
struct Reads<'a>(&'a [usize]);

impl AsyncRead for Reads<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Task<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some((&size, rest)) = self.0.split_first() else { return Poll::Pending };
        let read = size.min(buf.remaining());
        buf.initialize_unfilled_to(read).fill(b'x');
        if read == size {
            self.0 = rest;
            buf.initialize_unfilled_to(read)[read - 1] = b'\n';
        } else {
            // The rest comes with the next read.
            self.0 = &[];
        }
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

fn fill(buffer: &mut ReadBuffer, size: usize) -> usize {
    let mut task = Task::from_waker(Waker::noop());
    match buffer.poll_fill(&mut Reads(&[size]), &mut task) {
        Poll::Ready(read) => read.unwrap(),
        Poll::Pending => panic!("pending"),
    }
}

#[test]
fn reads_grow_while_they_fill_the_buffer() {
    let mut buffer = ReadBuffer::default();
    let mut sizes = Vec::new();
    for _ in 0..5 {
        sizes.push(fill(&mut buffer, 1 << 20));
    }
    assert_eq!(sizes[..2], [SHORT_READ, MEDIUM_READ]);
    assert!(sizes[2..].iter().all(|&size| size >= LONG_READ / 4), "{sizes:?}");
    assert_eq!(buffer.total(), sizes.iter().map(|&size| u64::try_from(size).unwrap()).sum::<u64>());
}

#[test]
fn after_a_short_read_nothing_is_reserved_for_the_next() {
    let mut buffer = ReadBuffer::default();
    for _ in 0..3 {
        fill(&mut buffer, 1 << 20);
    }
    fill(&mut buffer, 100);
    while buffer.decode(&mut Lines).unwrap().is_some() {}
    assert_eq!(buffer.undecoded(), b"");
    let mut task = Task::from_waker(Waker::noop());
    assert!(buffer.poll_fill(&mut Reads(&[]), &mut task).is_pending());
    assert_eq!(buffer.buf.capacity(), 0);
}

#[test]
fn a_batch_is_weighed_against_the_whole_memory_that_it_is_in() {
    let mut buffer = ReadBuffer::new(BytesMut::from("a\nb\nrest"));
    assert_eq!(buffer.total(), 8);
    assert_eq!(buffer.decode(&mut Lines).unwrap().unwrap(), "a\n");
    assert!(!buffer.end_batch(3));
    assert_eq!(buffer.decode(&mut Lines).unwrap().unwrap(), "b\n");
    // Twice its weight, and the weight of the batch that was copied.
    assert!(buffer.end_batch(3));
    assert_eq!(buffer.decode(&mut Lines).unwrap(), None);
    assert!(buffer.end_batch(0), "the memory is shared already");
    // The rest moves to other memory.
    fill(&mut buffer, 100);
    let memory = buffer.buf.capacity();
    assert_eq!(buffer.decode(&mut Lines).unwrap().unwrap().len(), 104);
    assert!(!buffer.end_batch((memory - 2) / 2));
    assert!(buffer.end_batch(memory));
}

#[test]
fn memory_of_the_same_size_is_other_memory() {
    let mut buffer = ReadBuffer::default();
    for _ in 0..3 {
        fill(&mut buffer, 100);
        assert_eq!(buffer.decode(&mut Lines).unwrap().unwrap().len(), 100);
        assert!(!buffer.end_batch(0));
    }
}

#[test]
fn bytes_behind_a_large_message_do_not_share_its_buffer() {
    for (size, shares) in [(MAX_REUSED, true), (MAX_REUSED + 1, false)] {
        let mut bytes = vec![b'x'; size - 1];
        bytes.extend(b"\nrest");
        let mut buffer = ReadBuffer::new(BytesMut::from(&bytes[..]));
        let message = buffer.decode(&mut Lines).unwrap().unwrap();
        assert!(buffer.end_batch(size));
        assert_eq!(buffer.undecoded(), b"rest");
        assert_eq!(buffer.undecoded().as_ptr() == message.as_ptr_range().end, shares, "{size}");
    }
}
