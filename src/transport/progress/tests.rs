use super::*;

#[test]
fn a_request_waits_for_its_response_once_it_is_sent() {
    let progress = Progress::new();
    let reader = progress.reader();
    progress.begin(Stage::Request);
    assert_eq!((reader.stage(), reader.is_written()), (Stage::Request, false));
    progress.end_writing();
    assert_eq!((reader.stage(), reader.is_written()), (Stage::Request, true), "it is not flushed");
    progress.end_request();
    assert_eq!((reader.stage(), reader.is_written()), (Stage::Response, true));
    progress.begin(Stage::Connect);
    assert_eq!((reader.stage(), reader.is_written()), (Stage::Connect, false));
}

#[test]
fn a_response_that_arrives_early_stays_the_stage() {
    let progress = Progress::new();
    progress.begin(Stage::Request);
    progress.enter(Stage::Body);
    progress.end_writing();
    progress.end_request();
    assert_eq!((progress.reader().stage(), progress.reader().is_written()), (Stage::Body, true));
}

#[test]
fn bytes_are_counted_over_all_requests() {
    let progress = Progress::new();
    let reader = progress.reader();
    for _ in 0..2 {
        progress.begin(Stage::Request);
        progress.add_written(3);
        progress.add_read(2);
    }
    assert_eq!((reader.written(), reader.read()), (6, 4));
}
