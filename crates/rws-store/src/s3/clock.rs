//! The clock of the store, as its answers show it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A better reading is preferred to a newer one for this time: clocks drift.
const TRUSTED: Duration = Duration::from_secs(60);

/// Without a reading for this time the store is asked.
const STALE: Duration = Duration::from_secs(60 * 60);

/// How far the store's clock is from this process's, by the Date of its answers, which has whole seconds: an answer shows
/// a time that has passed already, so the latest of several readings is the nearest one.
#[derive(Debug)]
pub struct StoreClock {
    started: Instant,
    started_milliseconds: i64,
    best: Mutex<Option<Reading>>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    offset_milliseconds: i64,
    at: Instant,
}

impl StoreClock {
    /// A clock without any reading: it shows this machine's time.
    pub fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            started: Instant::now(),
            started_milliseconds: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            best: Mutex::default(),
        }
    }

    /// Takes note of the Date of an answer, in seconds since 1970.
    pub fn observe(&self, date: i64) {
        let at = Instant::now();
        let offset_milliseconds = date * 1000 - self.local(at);
        let mut best = self.best.lock().unwrap_or_else(PoisonError::into_inner);
        let is_better = best
            .is_none_or(|best| offset_milliseconds > best.offset_milliseconds || at.duration_since(best.at) > TRUSTED);
        if is_better {
            *best = Some(Reading { offset_milliseconds, at });
        }
    }

    /// Whether no answer has shown the time for long.
    pub fn is_stale(&self) -> bool {
        self.best().is_none_or(|best| best.at.elapsed() > STALE)
    }

    /// The store's time, in milliseconds since 1970.
    pub fn now_milliseconds(&self) -> i64 {
        self.local(Instant::now()) + self.best().map_or(0, |best| best.offset_milliseconds)
    }

    fn best(&self) -> Option<Reading> {
        *self.best.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This machine's time, undisturbed by whoever sets it.
    fn local(&self, at: Instant) -> i64 {
        let since = at.duration_since(self.started).as_millis();
        self.started_milliseconds.saturating_add(i64::try_from(since).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_several_readings_counts() {
        let clock = StoreClock::new();
        assert!(clock.is_stale());
        let local = clock.now_milliseconds() / 1000;
        clock.observe(local + 500);
        clock.observe(local + 499);
        assert!(!clock.is_stale());
        let ahead = clock.now_milliseconds() / 1000 - local;
        assert!((500..510).contains(&ahead), "{ahead}");
    }
}
