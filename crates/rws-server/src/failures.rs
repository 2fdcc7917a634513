//! Failed logins, each slower than the one before.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::budgets::Network;

/// The pause after a first failure; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// After so long without a further one, failures are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// How many pairs are remembered.
const MAX_PAIRS: usize = 10_000;

/// Who tries: a client, and the name that it gives, whether somebody has it or not: from how long an answer takes nobody
/// learns which names there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoginKey {
    client: Network,
    name: u64,
}

impl LoginKey {
    /// The pair. Names are kept as hashes, as they may be long.
    pub fn new(client: Network, name: &[u8]) -> Self {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self { client, name: KEY.hash_one(name) }
    }
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    count: u32,
    last: Instant,
}

/// The failures of all pairs. A pair waits for its own failures alone, so that nobody can lock out anybody who comes from
/// elsewhere.
#[derive(Debug, Default)]
pub struct LoginThrottle {
    pairs: HashMap<LoginKey, Failed>,
    turns: HashMap<LoginKey, Weak<Mutex<()>>>,
}

impl LoginThrottle {
    /// What a pair holds while one of its passwords is checked: one at a time, so that guesses at the same time are no more
    /// than guesses one after the other.
    pub fn turn(&mut self, pair: &LoginKey) -> Arc<Mutex<()>> {
        if let Some(turn) = self.turns.get(pair).and_then(Weak::upgrade) {
            return turn;
        }
        self.turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        self.turns.insert(pair.clone(), Arc::downgrade(&turn));
        turn
    }

    /// When the next password of the pair may be checked.
    pub fn next(&self, pair: &LoginKey, now: Instant) -> Instant {
        match self.pairs.get(pair).filter(|failed| failed.last + FORGOTTEN > now) {
            Some(failed) => (failed.last + pause(failed.count)).max(now),
            None => now,
        }
    }

    /// Notes a wrong password.
    pub fn failed(&mut self, pair: LoginKey, now: Instant) {
        if self.pairs.len() >= MAX_PAIRS && !self.pairs.contains_key(&pair) {
            self.pairs.retain(|_, failed| failed.last + FORGOTTEN > now);
            // the one that waited longest has least to fear
            let oldest = self.pairs.iter().min_by_key(|(_, failed)| failed.last).map(|(pair, _)| pair.clone());
            if let Some(oldest) = oldest.filter(|_| self.pairs.len() >= MAX_PAIRS) {
                self.pairs.remove(&oldest);
            }
        }
        let failed = self.pairs.entry(pair).or_insert(Failed { count: 0, last: now });
        failed.count = if failed.last + FORGOTTEN > now { failed.count + 1 } else { 1 };
        failed.last = now;
    }

    /// Notes a right password.
    pub fn succeeded(&mut self, pair: &LoginKey) {
        self.pairs.remove(pair);
    }
}

fn pause(count: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << count.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(address: &str, user: &str) -> LoginKey {
        LoginKey::new(Network::of(address.parse().unwrap()), user.as_bytes())
    }

    #[test]
    fn each_failure_makes_the_same_pair_wait_longer() {
        let (mut failures, start) = (LoginThrottle::default(), Instant::now());
        let guesser = pair("192.0.2.1", "ci");
        let (mut now, mut waits) = (start, Vec::new());
        for _ in 0..8 {
            failures.failed(guesser.clone(), now);
            let next = failures.next(&guesser, now);
            waits.push(next.duration_since(now).as_millis());
            now = next;
        }
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        let others = [pair("192.0.2.2", "ci"), pair("192.0.2.1", "other")];
        for other in others {
            assert_eq!(failures.next(&other, start), start, "{other:?}");
        }
        assert_eq!(failures.next(&guesser, now + FORGOTTEN), now + FORGOTTEN);
        failures.succeeded(&guesser);
        assert_eq!(failures.next(&guesser, start), start);
    }

    #[test]
    fn guesses_of_one_machine_wait_for_each_other() {
        let mut failures = LoginThrottle::default();
        let (guesser, same_machine) = (pair("2001:db8::1", "ci"), pair("2001:db8::2:0:0:9", "ci"));
        let turn = failures.turn(&guesser);
        let held = turn.try_lock().unwrap();
        assert!(failures.turn(&same_machine).try_lock().is_err());
        assert!(failures.turn(&pair("2001:db8:0:1::1", "ci")).try_lock().is_ok());
        drop(held);
        drop(turn);
        assert!(failures.turn(&guesser).try_lock().is_ok());
        assert_eq!(failures.turns.len(), 1, "what nobody holds is forgotten");
    }

    #[test]
    fn no_number_of_addresses_fills_the_memory() {
        let (mut failures, start) = (LoginThrottle::default(), Instant::now());
        for number in 0..MAX_PAIRS as u32 + 50 {
            failures.failed(
                LoginKey::new(Network::of(number.to_be_bytes().into()), b""),
                start + Duration::from_micros(number.into()),
            );
        }
        assert_eq!(failures.pairs.len(), MAX_PAIRS);
    }
}
