//! Places and bytes that many take, and of which nobody may take all.
//!
//! Whoever takes may hold no more than a seventh of what is left free afterwards: one taker gets an eighth of all, and eight that
//! take what they can leave a third to others (after the threshold of Choudhury and Hahne, "Dynamic queue length thresholds in
//! a shared memory packet switch", 1998). What one takes first is not measured so: it may be as much as there is. There is
//! no table of who is important, and nothing to configure but the total.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::histogram;
use tokio::sync::oneshot;

/// What somebody holds has to be left for others so many times.
const OTHERS: u64 = 7;

/// So many of those who have more are named.
const MOST_LARGER: usize = 16;

/// What is shared: places, or bytes of memory.
#[derive(Debug)]
pub struct FairBudget<K: Eq + Hash + Clone> {
    /// What metrics call it.
    name: &'static str,
    total: u64,
    taken: Mutex<Taken<K>>,
}

#[derive(Debug)]
struct Taken<K: Eq + Hash + Clone> {
    all: u64,
    by: HashMap<K, u64>,
    waiting: HashMap<K, VecDeque<Waiting<K>>>,
    next_number: u64,
}

/// Somebody who waits for a part of what is given back.
#[derive(Debug)]
struct Waiting<K: Eq + Hash + Clone> {
    number: u64,
    amount: u64,
    rule: Rule,
    answer: oneshot::Sender<BudgetShare<K>>,
}

/// What one may take.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// As much as leaves enough for others.
    Fair,
    /// Whatever is left.
    Free,
}

/// What somebody has taken; it is given back when this is dropped.
#[derive(Debug)]
pub struct BudgetShare<K: Eq + Hash + Clone> {
    of: Arc<FairBudget<K>>,
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

impl<K: Eq + Hash + Clone> FairBudget<K> {
    /// So many of what is called so.
    pub fn new(name: &'static str, total: u64) -> Arc<Self> {
        let taken = Taken { all: 0, by: HashMap::new(), waiting: HashMap::new(), next_number: 0 };
        Arc::new(Self { name, total, taken: Mutex::new(taken) })
    }

    /// Takes some now.
    ///
    /// # Errors
    ///
    /// Why there is nothing for this one now.
    pub fn try_take(self: &Arc<Self>, by: &K, amount: u64) -> Result<BudgetShare<K>, Refusal> {
        self.try_take_by(Rule::Fair, by, amount)
    }

    /// Takes some now, whatever this one holds already.
    ///
    /// # Errors
    ///
    /// [`Refusal::Empty`].
    pub fn try_take_freely(self: &Arc<Self>, by: &K, amount: u64) -> Result<BudgetShare<K>, Refusal> {
        self.try_take_by(Rule::Free, by, amount)
    }

    fn try_take_by(self: &Arc<Self>, rule: Rule, by: &K, amount: u64) -> Result<BudgetShare<K>, Refusal> {
        let mut taken = self.taken();
        taken.allows(self.total, rule, by, amount)?;
        taken.add(by, amount);
        Ok(BudgetShare { of: Arc::clone(self), by: by.clone(), amount })
    }

    /// Takes what this one has given up, or is about to, whatever it holds.
    pub async fn take_given_up(self: &Arc<Self>, by: &K, amount: u64, within: Duration) -> Option<BudgetShare<K>> {
        self.wait(Rule::Free, by, amount, within).await
    }

    /// Takes some as soon as there is enough; `None` when that takes too long. Of all that wait, those who hold least come first.
    pub async fn take(self: &Arc<Self>, by: &K, amount: u64, within: Duration) -> Option<BudgetShare<K>> {
        self.wait(Rule::Fair, by, amount.min(self.total), within).await
    }

    async fn wait(self: &Arc<Self>, rule: Rule, by: &K, amount: u64, within: Duration) -> Option<BudgetShare<K>> {
        let (waits, mut answer) = {
            let mut taken = self.taken();
            if taken.allows(self.total, rule, by, amount).is_ok() {
                taken.add(by, amount);
                return Some(BudgetShare { of: Arc::clone(self), by: by.clone(), amount });
            }
            let (answer, share) = oneshot::channel();
            let number = taken.next_number;
            taken.next_number += 1;
            taken.waiting.entry(by.clone()).or_default().push_back(Waiting { number, amount, rule, answer });
            (Waits { of: self, by, number }, share)
        };
        let began = Instant::now();
        let share = tokio::time::timeout(within, &mut answer).await;
        histogram!("rws_http_waited_seconds", "limit" => self.name).record(began.elapsed().as_secs_f64());
        drop(waits);
        share.ok()?.ok()
    }

    /// Gives to those who wait what they may take now.
    fn grant(self: &Arc<Self>) {
        loop {
            let Some((by, Waiting { amount, answer, .. })) = self.taken().next_to_take(self.total) else { return };
            // who waits no longer gives it back at once
            _ = answer.send(BudgetShare { of: Arc::clone(self), by, amount });
        }
    }

    /// Who has taken more than twice what this one would have with so much more: those who have most, first.
    pub fn larger_than(&self, by: &K, amount: u64) -> Vec<K> {
        let taken = self.taken();
        let limit = taken.held(by).saturating_add(amount).saturating_mul(2);
        let mut larger: Vec<(&K, u64)> =
            taken.by.iter().map(|(by, held)| (by, *held)).filter(|(_, held)| *held > limit).collect();
        larger.sort_unstable_by_key(|(_, held)| Reverse(*held));
        larger.into_iter().take(MOST_LARGER).map(|(by, _)| by.clone()).collect()
    }

    /// How often this one waits for some.
    pub fn waiting(&self, by: &K) -> usize {
        self.taken().waiting.get(by).map_or(0, VecDeque::len)
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

impl<K: Eq + Hash + Clone> FairBudget<K> {
    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone> Taken<K> {
    fn held(&self, by: &K) -> u64 {
        self.by.get(by).copied().unwrap_or_default()
    }

    fn allows(&self, total: u64, rule: Rule, by: &K, amount: u64) -> Result<(), Refusal> {
        let left = total.saturating_sub(self.all).checked_sub(amount).ok_or(Refusal::Empty)?;
        match rule {
            Rule::Fair if self.held(by).saturating_mul(OTHERS) > left => Err(Refusal::ForOthers),
            Rule::Fair | Rule::Free => Ok(()),
        }
    }

    fn add(&mut self, by: &K, amount: u64) {
        self.all += amount;
        *self.by.entry(by.clone()).or_default() += amount;
    }

    /// Takes for the one of those who wait that holds least, of equals for the one that has waited longest.
    fn next_to_take(&mut self, total: u64) -> Option<(K, Waiting<K>)> {
        let first = self.waiting.iter().filter_map(|(by, waiting)| Some((by, waiting.front()?)));
        let allowed = first.filter(|(by, first)| self.allows(total, first.rule, by, first.amount).is_ok());
        let by = allowed.min_by_key(|(by, first)| (self.held(by), first.number))?.0.clone();
        let waiting = self.waiting.get_mut(&by)?;
        let first = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&by);
        }
        self.add(&by, first.amount);
        Some((by, first))
    }
}

/// Somebody waits, until this is dropped.
struct Waits<'a, K: Eq + Hash + Clone> {
    of: &'a Arc<FairBudget<K>>,
    by: &'a K,
    number: u64,
}

impl<K: Eq + Hash + Clone> Drop for Waits<'_, K> {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        if let Some(waiting) = taken.waiting.get_mut(self.by) {
            waiting.retain(|one| one.number != self.number);
            if waiting.is_empty() {
                taken.waiting.remove(self.by);
            }
        }
    }
}

impl<K: Eq + Hash + Clone> Drop for BudgetShare<K> {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        taken.all = taken.all.saturating_sub(self.amount);
        if let Some(held) = taken.by.get_mut(&self.by) {
            *held = held.saturating_sub(self.amount);
            if *held == 0 {
                taken.by.remove(&self.by);
            }
        }
        let somebody_waits = !taken.waiting.is_empty();
        drop(taken);
        if somebody_waits {
            self.of.grant();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    /// Takes single places until nothing is given.
    fn greedy(shares: &Arc<FairBudget<&'static str>>, by: &'static str) -> Vec<BudgetShare<&'static str>> {
        std::iter::from_fn(|| shares.try_take(&by, 1).ok()).collect()
    }

    #[test]
    fn nobody_gets_more_than_is_left_for_others() {
        let shares = FairBudget::new("test", 64);
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
        let shares = FairBudget::new("test", 64);
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
    fn who_has_most_is_known() {
        let shares = FairBudget::new("test", 64);
        let held = ["first", "second", "third"].map(|by| greedy(&shares, by));
        assert_eq!(held.each_ref().map(Vec::len), [8, 7, 7]);
        assert_eq!(shares.larger_than(&"new", 3)[0], "first");
        assert_eq!(shares.larger_than(&"new", 3).len(), 3);
        assert_eq!(shares.larger_than(&"new", 4).len(), 0, "half of the most is a fair part");
        assert_eq!(shares.larger_than(&"second", 1).len(), 0);
    }

    #[test]
    fn one_place_is_given_to_one() {
        let shares = FairBudget::new("test", 1);
        let held = shares.try_take(&"first", 1).unwrap();
        assert_eq!(shares.try_take(&"second", 1).unwrap_err(), Refusal::Empty);
        drop(held);
        assert!(shares.try_take(&"second", 1).is_ok());
    }

    #[tokio::test]
    async fn who_waits_gets_what_is_given_back() {
        let shares = FairBudget::new("test", 2);
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
    async fn of_all_that_wait_who_holds_least_comes_first() {
        let shares = FairBudget::new("test", 10);
        let (_much, _little) = (shares.try_take(&"much", 5).unwrap(), shares.try_take(&"little", 2).unwrap());
        let rest = shares.try_take(&"rest", 3).unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiting = ["much", "little", "none", "given up"].map(|by| {
            let (shares, order) = (Arc::clone(&shares), Arc::clone(&order));
            tokio::spawn(async move {
                let within = if by == "given up" { Duration::ZERO } else { SOON };
                let share = shares.take_given_up(&by, 3, within).await;
                share.inspect(|_| order.lock().unwrap().push(by)).is_some()
            })
        });
        while shares.taken().waiting.len() < 3 || !waiting[3].is_finished() {
            tokio::task::yield_now().await;
        }
        drop(rest);
        let mut granted = Vec::new();
        for one in waiting {
            granted.push(one.await.unwrap());
        }
        assert_eq!(granted, [true, true, true, false]);
        assert_eq!(*order.lock().unwrap(), ["none", "little", "much"]);
        assert!(shares.taken().waiting.is_empty());
    }

    #[tokio::test]
    async fn more_than_all_is_all() {
        let shares = FairBudget::new("test", 10);
        assert!(shares.take(&"first", 1000, SOON).await.is_some());
    }
}
