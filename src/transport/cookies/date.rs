//! The dates of cookies (RFC 6265bis, section 5.1.1). Servers write them in many ways, so the rules read a date from its
//! parts, in any order.

use std::time::{Duration, SystemTime};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// The parts of a date that have been found.
#[derive(Default)]
struct Parts {
    /// Hour, minute and second.
    time: Option<[u64; 3]>,
    day: Option<u64>,
    /// The month counts from 0.
    month: Option<usize>,
    year: Option<u64>,
}

/// Reads a date, `None` if the text is not one. A date before 1970 counts as the beginning of 1970.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let mut parts = Parts::default();
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        parts.add(token);
    }
    let [hour, minute, second] = parts.time?;
    let (year, month, day) = (parts.year?, parts.month?, parts.day?);
    if year < 1601 || !(1..=days_in(year, month)?).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = (1970..year).map(days_of_year).sum::<u64>()
        + (0..month).filter_map(|month| days_in(year, month)).sum::<u64>()
        + (day - 1);
    if year < 1970 {
        return Some(SystemTime::UNIX_EPOCH);
    }
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn is_delimiter(char: char) -> bool {
    matches!(char, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

impl Parts {
    /// Takes the first part that `token` can be and that is still missing.
    fn add(&mut self, token: &str) {
        if let (None, Some(time)) = (self.time, time(token)) {
            self.time = Some(time);
        } else if let (None, Some(day)) = (self.day, number(token, 1, 2)) {
            self.day = Some(day);
        } else if let (None, Some(month)) = (self.month, month(token)) {
            self.month = Some(month);
        } else if let (None, Some(year)) = (self.year, number(token, 2, 4)) {
            self.year = Some(match year {
                70..=99 => year + 1900,
                0..=69 => year + 2000,
                year => year,
            });
        }
    }
}

/// Reads `7:28:00`. Anything may follow that does not begin with a digit.
fn time(token: &str) -> Option<[u64; 3]> {
    let mut parts = token.splitn(3, ':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = |part: &str| number(part, 1, 2).filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
    Some([whole(hour)?, whole(minute)?, number(second, 1, 2)?])
}

/// Reads a number of `min` to `max` digits. Anything may follow that does not begin with a digit.
fn number(token: &str, min: usize, max: usize) -> Option<u64> {
    let end = token.find(|char: char| !char.is_ascii_digit()).unwrap_or(token.len());
    let digits = token.get(..end).filter(|digits| (min..=max).contains(&digits.len()))?;
    digits.parse().ok()
}

fn month(token: &str) -> Option<usize> {
    let name = token.get(..3)?;
    MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// The number of days of a month, which counts from 0.
fn days_in(year: u64, month: usize) -> Option<u64> {
    const DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = DAYS.get(month)?;
    Some(if month == 1 && is_leap(year) { 29 } else { *days })
}

#[cfg(test)]
mod tests;
