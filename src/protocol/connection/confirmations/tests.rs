use super::*;

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn one_answer_is_for_all_that_waited_for_no_more_messages() {
    let now = Instant::now();
    for (read, answered, first) in [(0, 1, Some(2)), (1, 1, Some(2)), (2, 3, Some(5)), (9, 4, None)] {
        let mut confirmations = Confirmations::default();
        [0, 2, 2, 5].into_iter().for_each(|accepted| confirmations.push(now, accepted));
        assert_eq!((confirmations.confirm(read), confirmations.first()), (answered, first), "{read}");
    }
}

#[test]
fn each_has_its_own_limit() {
    let now = Instant::now();
    let mut confirmations = Confirmations::default();
    assert_eq!(confirmations.deadline(LIMIT), None);
    confirmations.push(now, 0);
    confirmations.push(now + SECOND, 0);
    assert_eq!(confirmations.deadline(LIMIT), Some(now + LIMIT));
    assert_eq!(confirmations.expire(now + LIMIT - Duration::from_millis(1), LIMIT), 0);
    assert_eq!(confirmations.expire(now + LIMIT, LIMIT), 1);
    assert_eq!(confirmations.deadline(LIMIT), Some(now + SECOND + LIMIT));
    assert_eq!(confirmations.expire(now + LIMIT + SECOND, LIMIT), 1);
}

#[test]
fn the_limit_does_not_run_under_backpressure() {
    let now = Instant::now();
    let mut confirmations = Confirmations::default();
    confirmations.push(now, 0);
    confirmations.push(now + 2 * SECOND, 0);
    confirmations.resume(now + 4 * SECOND, now + SECOND);
    assert_eq!(confirmations.deadline(LIMIT), Some(now + 3 * SECOND + LIMIT));
    assert_eq!(confirmations.expire(now + 3 * SECOND + LIMIT, LIMIT), 1);
    assert_eq!(confirmations.deadline(LIMIT), Some(now + 4 * SECOND + LIMIT), "it came under back-pressure");
}
