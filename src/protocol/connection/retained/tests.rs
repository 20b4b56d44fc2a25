use super::*;

#[test]
fn the_memory_of_a_burst_is_given_back_when_all_of_it_is_confirmed() {
    let burst = vec![Data::from("a"); 5_000];
    let mut retained = Retained::new(true);
    retained.wrote(burst.iter(), burst.len(), false);
    retained.confirm(4_999);
    let messages = retained.messages.as_ref().unwrap();
    assert!(messages.len() == 1 && messages.capacity() >= 5_000);
    retained.confirm(5_000);
    assert_eq!((retained.weight(), retained.messages), (0, None));
}
