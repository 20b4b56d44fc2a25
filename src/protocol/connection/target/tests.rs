use super::*;

fn endpoint(path: &str) -> Arc<Endpoint> {
    Endpoint::new("http://localhost", path, true, "t".into()).unwrap().into()
}

#[test]
fn a_redirect_moves_one_transport() {
    let mut target = Target::new(endpoint("home"), true);
    assert!(!target.is_moved());
    target.move_to(endpoint("there"));
    assert!(target.is_moved());
    assert_eq!(target.endpoint().display_url(), "http://localhost/there/");
    assert_eq!(target.reset().display_url(), "http://localhost/home/");
    assert_eq!(target.endpoint().display_url(), "http://localhost/home/");
}

#[test]
fn the_url_that_the_user_named_is_remembered() {
    let mut remembered = Remembered::default();
    let mut target = Target::new(endpoint("home"), true);
    target.move_to(endpoint("there"));
    remembered.add(&target);
    assert!(remembered.contains(&endpoint("home")));
    assert!(!remembered.contains(&endpoint("there")));
    remembered.remove(&target);
    assert!(!remembered.contains(&endpoint("home")));
}

#[test]
fn nothing_is_remembered_unless_the_user_wants_it() {
    let mut remembered = Remembered::default();
    remembered.add(&Target::new(endpoint("home"), false));
    assert!(!remembered.contains(&endpoint("home")));
}

#[test]
fn the_oldest_url_is_forgotten_when_there_are_too_many() {
    let mut remembered = Remembered::default();
    let number = |at: usize| endpoint(&at.to_string());
    for at in 0..MAX_REMEMBERED {
        remembered.add(&Target::new(number(at), true));
    }
    // The first one is used again, so the second one is the oldest.
    remembered.add(&Target::new(number(0), true));
    remembered.add(&Target::new(number(MAX_REMEMBERED), true));
    let forgotten: Vec<_> = (0..=MAX_REMEMBERED).filter(|at| !remembered.contains(&number(*at))).collect();
    assert_eq!(forgotten, [1]);
}
