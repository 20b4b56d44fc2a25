use super::*;

#[test]
fn posts_are_halved_until_one_message_is_by_itself() {
    let mut posts = SmallerPosts::default();
    assert_eq!(posts.max_packets(0), usize::MAX);
    let mut sizes = Vec::new();
    let mut messages = 16;
    while messages > 1 {
        posts.end_session(Interrupted { messages, is_first: true }, 0);
        messages = posts.max_packets(0);
        sizes.push(messages);
    }
    assert_eq!(sizes, [8, 4, 2, 1]);
}

#[test]
fn the_limit_ends_with_the_last_message_of_the_interrupted_post() {
    let mut posts = SmallerPosts::default();
    posts.end_session(Interrupted { messages: 5, is_first: false }, 7);
    assert_eq!([7, 8, 11, 12].map(|settled| posts.max_packets(settled)), [3, 3, 3, usize::MAX]);
    assert_eq!([7, 8].map(|settled| posts.is_first(settled)), [true, false]);
}

#[test]
fn the_limit_stays_for_a_session_that_has_written_nothing() {
    for (is_first, expected) in [(true, 3), (false, usize::MAX)] {
        let mut posts = SmallerPosts::default();
        posts.end_session(Interrupted { messages: 5, is_first: true }, 0);
        // The messages were accepted, and given back.
        posts.end_session(Interrupted { messages: 0, is_first }, 5);
        assert_eq!(posts.max_packets(5), expected);
    }
}
