use super::*;

#[actix::test]
async fn growth_is_reported_at_most_ten_times_a_second() {
    tokio::time::pause();
    let mut limit = RateLimit::default();
    assert!(!limit.is_due(0), "it has not grown");
    assert!(limit.is_due(1));
    assert!(!limit.is_due(1));
    assert!(!limit.is_due(2), "too soon");
    tokio::time::advance(REPORT_EVERY).await;
    assert!(!limit.is_due(2), "it has not grown since");
    assert!(limit.is_due(3));
}
