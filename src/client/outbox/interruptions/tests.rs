use super::*;
use crate::error::HttpStatus;

fn interrupted(messages: usize, is_first: bool) -> Interrupted {
    Interrupted { messages, is_first }
}

fn status(status: u16) -> DisconnectReason {
    TransportError::Status(Box::new(HttpStatus::new(status))).into()
}

#[test]
fn a_message_comes_back_in_the_third_session_in_a_row_that_ends_while_it_is_written() {
    let (first, later) = (interrupted(1, true), interrupted(1, false));
    for (sessions, expected) in [
        (&[first, first, first, first][..], &[false, false, true, false][..]),
        (&[later, first, first], &[false, false, true]),
        // Another message.
        (&[first, first, later, first, first], &[false, false, false, false, true]),
        (&[first, first, interrupted(0, false), first], &[false; 4]),
        // Nothing was written, so the first message is still the same.
        (&[first, first, interrupted(0, true), first], &[false, false, false, true]),
        // A POST of several messages.
        (&[interrupted(2, true), interrupted(2, true), interrupted(2, true)], &[false; 3]),
        (&[first, interrupted(2, true), first, first], &[false, false, false, true]),
    ] {
        let mut interruptions = Interruptions::default();
        let outcomes = sessions
            .iter()
            .map(|interrupted| interruptions.end_session(*interrupted, &DisconnectReason::PingTimeout))
            .collect::<Vec<_>>();
        assert_eq!(outcomes, expected, "{sessions:?}");
    }
}

#[test]
fn a_message_that_the_server_calls_too_large_comes_back_at_once() {
    let too_large = DisconnectReason::transport_close(1009, "");
    for (reason, interrupted, expected) in [
        (status(413), interrupted(1, true), true),
        (status(413), interrupted(1, false), true),
        (status(413), interrupted(2, true), false),
        (status(413), interrupted(0, true), false),
        (status(503), interrupted(1, true), false),
        (too_large.clone(), interrupted(1, true), true),
        (too_large.clone(), interrupted(1, false), false),
        (too_large, interrupted(0, true), false),
        (DisconnectReason::transport_close(1001, ""), interrupted(1, true), false),
    ] {
        let outcome = Interruptions::default().end_session(interrupted, &reason);
        assert_eq!(outcome, expected, "{reason} {interrupted:?}");
    }
}
