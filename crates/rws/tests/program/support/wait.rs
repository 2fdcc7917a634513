//! Waiting for a condition, with a bound.

use std::time::{Duration, Instant};

/// How long a test waits for anything that should happen soon. Generous: it is reached only when something is broken.
pub const BOUND: Duration = Duration::from_secs(30);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Asks until there is an answer, or panics, naming what it waited for.
#[track_caller]
pub fn until<T>(what: &str, bound: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    until_or(bound, &mut ask).unwrap_or_else(|| panic!("waited {} s in vain for {what}", bound.as_secs()))
}

/// Asks until there is an answer; `None` when there was none in time.
pub fn until_or<T>(bound: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() > bound {
            return None;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
