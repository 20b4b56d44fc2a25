//! The URLs at which a session has used a WebSocket, so that the next connect starts with one.

/// The largest number of URLs. A server chooses them by redirects, so their number must not grow with each session.
const MAX_URLS: usize = 16;

/// The latest of these URLs, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Remembered(Vec<Box<str>>);

impl Remembered {
    pub(super) fn contains(&self, url: &str) -> bool {
        self.0.iter().any(|known| **known == *url)
    }

    /// Adds a URL as the latest one. The first one is forgotten if there are too many.
    pub(super) fn add(&mut self, url: &str) {
        self.remove(url);
        if self.0.len() >= MAX_URLS {
            self.0.remove(0);
        }
        self.0.push(url.into());
    }

    pub(super) fn remove(&mut self, url: &str) {
        self.0.retain(|known| **known != *url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_urls_are_remembered() {
        let mut urls = Remembered::default();
        for number in 0..100 {
            urls.add("home");
            urls.add(&number.to_string());
        }
        assert_eq!(urls.0.len(), MAX_URLS);
        assert!(urls.contains("home") && urls.contains("99") && !urls.contains("1"));
        urls.remove("home");
        assert!(!urls.contains("home"));
        assert_eq!(urls.0.len(), MAX_URLS - 1);
    }
}
