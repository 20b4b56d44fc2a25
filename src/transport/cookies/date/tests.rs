use std::time::SystemTime;

use super::parse;

/// Seconds since 1970.
fn seconds(text: &str) -> Option<u64> {
    parse(text).map(|date| date.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
}

#[test]
fn a_date_is_read_however_it_is_written() {
    const DATE: u64 = 1_445_412_480;
    for text in [
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Wednesday, 21-Oct-15 07:28:00 GMT",
        "Wed Oct 21 07:28:00 2015",
        "Wed, 21 Oct 2015 7:28:0 UTC",
        "2015 october 21 07:28:00",
        "21-oct-2015\t07:28:00.123",
        "21th of Oct 2015; 07:28:00 +0200",
    ] {
        assert_eq!(seconds(text), Some(DATE), "{text}");
    }
}

#[test]
fn the_calendar_is_that_of_the_world() {
    assert_eq!(seconds("1 Jan 1970 00:00:00"), Some(0));
    assert_eq!(seconds("29 Feb 2000 12:00:00"), Some(951_825_600));
    assert_eq!(seconds("1 Mar 2100 00:00:00"), Some(4_107_542_400));
    assert_eq!(seconds("31 Dec 9999 23:59:59"), Some(253_402_300_799));
    assert_eq!(seconds("31 Dec 1969 23:59:59"), Some(0), "a date before 1970 is in the past all the same");
    assert_eq!(seconds("1 Jan 69 00:00:00"), seconds("1 Jan 2069 00:00:00"));
    assert_eq!(seconds("1 Jan 70 00:00:00"), Some(0));
}

#[test]
fn anything_else_is_no_date() {
    for text in [
        "",
        "Wed",
        "0",
        "21 Oct 2015",
        "Oct 2015 07:28:00",
        "21 2015 07:28:00",
        "21 Oct 07:28:00",
        "0 Oct 2015 07:28:00",
        "31 Sep 2015 07:28:00",
        "29 Feb 2015 07:28:00",
        "21 Oct 1600 07:28:00",
        "21 Oct 20150 07:28:00",
        "21 Oct 2015 24:00:00",
        "21 Oct 2015 07:60:00",
        "21 Oct 2015 07:28:60",
        "21 Oct 2015 07:28",
        "21 Oct 2015 07:28:000",
        "21 Öct 2015 07:28:00",
    ] {
        assert_eq!(seconds(text), None, "{text}");
    }
}
