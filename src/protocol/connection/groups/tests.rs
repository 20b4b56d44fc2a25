use super::*;

fn groups(list: &[Range<u64>]) -> Groups {
    let mut groups = Groups::default();
    list.iter().cloned().for_each(|group| groups.push(group));
    groups
}

fn one(text: &str) -> Outgoing {
    Outgoing::One(text.into())
}

fn group(texts: &[&str]) -> Outgoing {
    Outgoing::Group(texts.iter().map(|text| Data::from(*text)).collect())
}

#[test]
fn a_group_is_around_the_positions_between_its_messages() {
    let groups = groups(&[2..4, 4..5, 6..9]);
    for (position, expected) in [
        (0, None),
        (2, None),
        (3, Some(2..4)),
        (4, None),
        (5, None),
        (6, None),
        (7, Some(6..9)),
        (8, Some(6..9)),
        (9, None),
        (100, None),
    ] {
        assert_eq!(groups.around(position), expected, "{position}");
    }
}

#[test]
fn only_groups_that_have_ended_are_settled() {
    for (position, left) in [(0, 3), (3, 3), (4, 2), (5, 1), (8, 1), (9, 0)] {
        let mut groups = groups(&[2..4, 4..5, 6..9]);
        groups.settle(position);
        assert_eq!(groups.list.map_or(0, |list| list.len()), left, "{position}");
    }
}

#[test]
fn messages_are_joined_to_what_they_were() {
    let texts = ["a", "b", "c", "d", "e"];
    for (first, list, expected, left) in [
        (0, vec![], texts.map(one).to_vec(), 0),
        (7, vec![2..3, 7..12], vec![group(&texts)], 1),
        (7, vec![8..10, 10..11], vec![one("a"), group(&["b", "c"]), group(&["d"]), one("e")], 0),
        (7, vec![7..8, 8..10, 11..12], vec![group(&["a"]), group(&["b", "c"]), one("d"), group(&["e"])], 0),
        // A group of which a part was taken before.
        (7, vec![5..9, 10..12], vec![one("a"), one("b"), one("c"), group(&["d", "e"])], 1),
    ] {
        let mut groups = groups(&list);
        assert_eq!(groups.assemble(first, texts.map(Data::from)), expected, "{list:?}");
        assert_eq!(groups.list.map_or(0, |list| list.len()), left, "{list:?}");
    }
}
