//! Places and bytes that many take, and of which nobody may take all.
//!
//! Whoever takes may hold no more than a seventh of what is left free afterwards: one taker gets an eighth of all, and eight that
//! take what they can leave a third to others (after the threshold of Choudhury and Hahne, "Dynamic queue length thresholds in
//! a shared memory packet switch", 1998). What one takes first is not measured so: it may be as much as there is. There is
//! no table of who is important, and nothing to configure but the total.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// What somebody holds has to be left for others so many times.
const OTHERS: u64 = 7;

/// What is shared: places, or bytes of memory.
#[derive(Debug)]
pub struct Shares<K> {
    total: u64,
    taken: Mutex<Taken<K>>,
    given_back: Notify,
}

#[derive(Debug)]
struct Taken<K> {
    all: u64,
    by: HashMap<K, u64>,
}

/// What somebody has taken; it is given back when this is dropped.
#[derive(Debug)]
pub struct Share<K: Eq + Hash> {
    of: Arc<Shares<K>>,
    by: K,
    amount: u64,
}

/// Why nothing is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is not so much left for anybody.
    Empty,
    /// There is, and it is for others.
    ForOthers,
}

impl<K: Eq + Hash + Clone> Shares<K> {
    /// So many.
    pub fn new(total: u64) -> Arc<Self> {
        let taken = Taken { all: 0, by: HashMap::new() };
        Arc::new(Self { total, taken: Mutex::new(taken), given_back: Notify::new() })
    }

    /// Takes some now.
    ///
    /// # Errors
    ///
    /// Why there is nothing for this one now.
    pub fn try_take(self: &Arc<Self>, by: &K, amount: u64) -> Result<Share<K>, Refusal> {
        self.take_when(by, amount, |held, left| held.saturating_mul(OTHERS) <= left)
    }

    /// Takes some now, whatever this one holds already.
    ///
    /// # Errors
    ///
    /// [`Refusal::Empty`].
    pub fn try_take_freely(self: &Arc<Self>, by: &K, amount: u64) -> Result<Share<K>, Refusal> {
        self.take_when(by, amount, |_, _| true)
    }

    /// Takes what this one has given up, or is about to, whatever it holds.
    pub async fn take_given_up(self: &Arc<Self>, by: &K, amount: u64, within: Duration) -> Option<Share<K>> {
        self.wait(within, || self.take_when(by, amount, |_, _| true).ok()).await
    }

    fn take_when(
        self: &Arc<Self>,
        by: &K,
        amount: u64,
        is_fair: impl Fn(u64, u64) -> bool,
    ) -> Result<Share<K>, Refusal> {
        let mut taken = self.taken();
        let left = self.total.saturating_sub(taken.all).checked_sub(amount).ok_or(Refusal::Empty)?;
        let held = taken.by.get(by).copied().unwrap_or_default();
        if !is_fair(held, left) {
            return Err(Refusal::ForOthers);
        }
        taken.all += amount;
        taken.by.insert(by.clone(), held + amount);
        Ok(Share { of: Arc::clone(self), by: by.clone(), amount })
    }

    /// Takes some as soon as there is enough; `None` when that takes too long.
    pub async fn take(self: &Arc<Self>, by: &K, amount: u64, within: Duration) -> Option<Share<K>> {
        let amount = amount.min(self.total);
        self.wait(within, || self.try_take(by, amount).ok()).await
    }

    async fn wait<T>(&self, within: Duration, try_take: impl Fn() -> Option<T>) -> Option<T> {
        let taking = async {
            loop {
                // whoever gives back after the look wakes this
                let given_back = self.given_back.notified();
                if let Some(share) = try_take() {
                    return share;
                }
                given_back.await;
            }
        };
        tokio::time::timeout(within, taking).await.ok()
    }

    /// How much is taken.
    pub fn in_use(&self) -> u64 {
        self.taken().all
    }

    /// How much there is.
    pub fn total(&self) -> u64 {
        self.total
    }
}

impl<K> Shares<K> {
    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        taken.all = taken.all.saturating_sub(self.amount);
        if let Some(held) = taken.by.get_mut(&self.by) {
            *held = held.saturating_sub(self.amount);
            if *held == 0 {
                taken.by.remove(&self.by);
            }
        }
        drop(taken);
        self.of.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    /// Takes single places until nothing is given.
    fn greedy(shares: &Arc<Shares<&'static str>>, by: &'static str) -> Vec<Share<&'static str>> {
        std::iter::from_fn(|| shares.try_take(&by, 1).ok()).collect()
    }

    #[test]
    fn nobody_gets_more_than_is_left_for_others() {
        let shares = Shares::new(64);
        let held = ["first", "second", "third"].map(|by| greedy(&shares, by));
        assert_eq!(held.each_ref().map(Vec::len), [8, 7, 7]);
        assert_eq!(shares.try_take(&"first", 1).unwrap_err(), Refusal::ForOthers);
        assert!(shares.try_take(&"fourth", 42).is_ok(), "what is taken first may be all that is left");
        assert_eq!(shares.try_take(&"fourth", 43).unwrap_err(), Refusal::Empty);
        drop(held);
        assert_eq!(shares.in_use(), 0);
        assert!(shares.taken().by.is_empty(), "who holds nothing is forgotten");
    }

    #[test]
    fn a_newcomer_finds_something_behind_many_that_take_all_they_can() {
        let shares = Shares::new(64);
        let mut held = Vec::new();
        for number in 0..16 {
            while let Ok(share) = shares.try_take(&number, 1) {
                held.push(share);
            }
            assert!(shares.try_take(&1000, 1).is_ok(), "{number}");
        }
        assert!(held.len() < 64);
    }

    #[test]
    fn one_place_is_given_to_one() {
        let shares = Shares::new(1);
        let held = shares.try_take(&"first", 1).unwrap();
        assert_eq!(shares.try_take(&"second", 1).unwrap_err(), Refusal::Empty);
        drop(held);
        assert!(shares.try_take(&"second", 1).is_ok());
    }

    #[tokio::test]
    async fn who_waits_gets_what_is_given_back() {
        let shares = Shares::new(2);
        let held = shares.try_take(&"first", 2).unwrap();
        let waiting = tokio::spawn({
            let shares = Arc::clone(&shares);
            async move { shares.take(&"second", 1, SOON).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(held);
        assert!(waiting.await.unwrap());
        let _held = shares.try_take(&"first", 2).unwrap();
        assert!(shares.take(&"second", 1, Duration::from_millis(10)).await.is_none());
    }

    #[tokio::test]
    async fn more_than_all_is_all() {
        let shares = Shares::new(10);
        assert!(shares.take(&"first", 1000, SOON).await.is_some());
    }
}
