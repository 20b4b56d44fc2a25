use super::*;

#[test]
fn a_frame_counts_once_its_last_byte_is_before_the_position() {
    let mut ends = FrameEnds::default();
    ends.begin(1_000, 10, 3);
    // Ten bytes of something else precede the batch in the buffer; the second frame is empty.
    ends.extend([17, 17, 40].into_iter());
    for (position, expected) in
        [(0, 0), (999, 0), (1_016, 0), (1_017, 2), (1_039, 2), (1_040, 3), (u64::MAX, 3)]
    {
        assert_eq!(ends.count_until(position), expected, "{position}");
    }
}

#[test]
fn a_position_is_inside_a_frame_from_its_second_byte_on() {
    let mut ends = FrameEnds::default();
    assert!(!ends.is_inside_frame(1));
    ends.begin(1_000, 10, 3);
    ends.extend([17, 17, 40].into_iter());
    for (position, expected) in [
        (0, false),
        (1_000, false),
        (1_010, false),
        (1_011, true),
        (1_016, true),
        (1_017, false),
        (1_018, true),
        (1_039, true),
        (1_040, false),
        (u64::MAX, false),
    ] {
        assert_eq!(ends.is_inside_frame(position), expected, "{position}");
    }
}

#[test]
fn a_batch_replaces_the_one_before_it() {
    let mut ends = FrameEnds::default();
    ends.begin(0, 0, 2);
    ends.extend([5, 9].into_iter());
    ends.begin(9, 0, 1);
    ends.extend([3].into_iter());
    assert_eq!([11, 12].map(|position| ends.count_until(position)), [0, 1]);
}

#[test]
fn memory_is_reused_until_batches_become_small() {
    let mut ends = FrameEnds::default();
    ends.begin(0, 0, 1_000);
    ends.extend(0..1_000);
    let (memory, capacity) = (ends.ends.as_ptr(), ends.ends.capacity());
    ends.begin(0, 0, 100);
    assert_eq!((ends.ends.as_ptr(), ends.ends.capacity()), (memory, capacity));
    ends.begin(0, 0, 1);
    assert_eq!(ends.ends.capacity(), 2);
}
