//! Which process is responsible for a feed: rendezvous hashing.
//!
//! Each process computes a score for each pair of a feed and a shard, and the shard with the highest score has the feed.
//! The processes come to the same result without talking to each other. With one shard more, only the feeds move that the
//! new shard gets.

use std::str::FromStr;

/// One of a number of shards, such as `2/10`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    number: u64,
    count: u64,
}

impl Shard {
    /// The only one.
    pub(crate) const WHOLE: Self = Self { number: 1, count: 1 };

    pub(crate) fn has(self, feed: &str) -> bool {
        (1..=self.count).max_by_key(|number| score(feed, *number)) == Some(self.number)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once('/')
            .and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((number, count)) if (1..=count).contains(&number) => Ok(Self { number, count }),
            _ => Err(format!("{text:?} is no shard: it is written as 2/10, the second of ten")),
        }
    }
}

/// The same in every process and in every version of this program: FNV-1a, and the finisher of SplitMix64, because the bits
/// of FNV-1a are mixed too little to be compared.
fn score(feed: &str, shard: u64) -> u64 {
    let bytes = feed.bytes().chain(shard.to_be_bytes());
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(count: u64) -> Vec<Shard> {
        (1..=count).map(|number| Shard { number, count }).collect()
    }

    fn owner(feed: &str, count: u64) -> u64 {
        let owners: Vec<_> = shards(count).into_iter().filter(|shard| shard.has(feed)).collect();
        let [owner] = owners[..] else { panic!("{feed} has the owners {owners:?}") };
        owner.number
    }

    fn feeds() -> Vec<String> {
        (0..10_000).map(|number| format!("feed-{number}")).collect()
    }

    #[test]
    fn each_feed_has_one_shard_and_the_shards_have_about_the_same_number_of_feeds() {
        for count in [1_u64, 2, 3, 10] {
            let mut sizes = vec![0_usize; usize::try_from(count).unwrap()];
            for feed in feeds() {
                sizes[usize::try_from(owner(&feed, count)).unwrap() - 1] += 1;
            }
            let fair = 10_000 / sizes.len();
            assert!(sizes.iter().all(|size| size.abs_diff(fair) < fair / 8 + 1), "{sizes:?}");
        }
    }

    #[test]
    fn another_shard_takes_its_feeds_from_all_others_and_moves_no_other_feed() {
        let moved: Vec<_> = feeds().into_iter().filter(|feed| owner(feed, 10) != owner(feed, 9)).collect();
        assert!(moved.iter().all(|feed| owner(feed, 10) == 10));
        assert!(moved.len().abs_diff(1_000) < 150, "{}", moved.len());
    }

    #[test]
    fn the_owner_of_a_feed_is_the_same_in_every_version() {
        assert_eq!(["a", "b", "c", "d", "e", "f"].map(|feed| owner(feed, 3)), [2, 3, 2, 1, 3, 3]);
    }

    #[test]
    fn a_shard_is_written_as_its_number_and_their_count() {
        assert_eq!("2/10".parse(), Ok(Shard { number: 2, count: 10 }));
        assert_eq!("1/1".parse(), Ok(Shard::WHOLE));
        for text in ["", "1", "0/1", "3/2", "1/0", "-1/2", "1/2/3", "a/b"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
