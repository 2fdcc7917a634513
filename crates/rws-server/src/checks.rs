//! Checks of passwords: each takes a tenth of a second of a processor and tens of megabytes.
//!
//! They run on a few threads, within a budget of memory. Two kinds wait apart: passwords that were right before, with a
//! thread of their own, and all others. Of those the next is the one from where the fewest wrong ones came lately: first
//! from the wider network (16 bits of IPv4, 48 of IPv6), which one owner may have as a whole, then from the address itself.
//! Whoever guesses thereby waits for those who do not, even if each guess comes from another address.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rws_store::low_priority;
use tokio::sync::oneshot;

use crate::budgets::Network;
use rws_passwords::{PasswordHash, Workspace};

/// How many checks of a kind wait; for a further one the one from where most guesses come is given up.
const MOST_WAITING: usize = 1024;

/// Wrong passwords are forgotten after this time without a further one.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// How many networks are remembered.
const MOST_NETWORKS: usize = 10_000;

/// How many threads check passwords that were never right, at most.
const MOST_THREADS: usize = 4;

/// How much less of a processor a thread gets that checks passwords which were never right: four fifths of what others get.
const NICENESS: i32 = 1;

/// All checks of this process.
pub struct Checks {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    memory_bytes: u64,
}

#[derive(Default)]
struct Queue {
    known: Vec<Check>,
    others: Vec<Check>,
    next_number: u64,
    used_bytes: u64,
    wrong: HashMap<Network, Wrong>,
    closed: bool,
}

#[derive(Clone, Copy)]
struct Wrong {
    count: u32,
    last: Instant,
}

/// A password that is to be checked.
struct Check {
    number: u64,
    from: Network,
    hash: PasswordHash,
    password: Vec<u8>,
    answer: oneshot::Sender<bool>,
}

/// Which checks a thread takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Those of passwords that were right before.
    Known,
    /// All others.
    Other,
}

impl Checks {
    /// Starts the threads. All checks together take at most `memory_bytes`, but for one that needs more alone.
    pub fn start(memory_bytes: u64) -> Self {
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new(), memory_bytes });
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let others = std::iter::repeat_n(Kind::Other, cores.clamp(2, MOST_THREADS));
        for kind in std::iter::once(Kind::Known).chain(others) {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.work(kind));
        }
        Self { shared }
    }

    /// Whether a password is right; `None` when it was given up for others.
    pub async fn check(&self, from: Network, is_known: bool, hash: PasswordHash, password: Vec<u8>) -> Option<bool> {
        let (answer, right) = oneshot::channel();
        {
            let mut queue = self.shared.queue();
            let number = queue.next_number;
            queue.next_number += 1;
            let check = Check { number, from, hash, password, answer };
            if is_known {
                queue.known.push(check)
            } else {
                queue.others.push(check)
            }
            queue.make_room();
        }
        self.shared.changed.notify_all();
        right.await.ok()
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, kind: Kind) {
        if kind == Kind::Other {
            low_priority::lower(NICENESS);
        }
        let mut workspace = Workspace::default();
        while let Some(check) = self.next(kind) {
            let bytes = check.hash.memory_bytes();
            let right = check.hash.verify_in(&mut workspace, &check.password);
            let mut queue = self.queue();
            queue.used_bytes -= bytes;
            if !right {
                queue.note_wrong(check.from);
            }
            drop(queue);
            self.changed.notify_all();
            _ = check.answer.send(right);
        }
    }

    /// The next check of a kind, once there is memory for it.
    fn next(&self, kind: Kind) -> Option<Check> {
        let mut queue = self.queue();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(check) = queue.take(kind, self.memory_bytes) {
                return Some(check);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Queue {
    fn take(&mut self, kind: Kind, memory_bytes: u64) -> Option<Check> {
        // a client that went away needs no answer
        self.known.retain(|check| !check.answer.is_closed());
        self.others.retain(|check| !check.answer.is_closed());
        let at = match kind {
            Kind::Known => self.known.iter().enumerate().min_by_key(|(_, check)| check.number),
            Kind::Other => self.others.iter().enumerate().min_by_key(|(_, check)| self.place(check)),
        };
        let (at, bytes) = at.map(|(at, check)| (at, check.hash.memory_bytes()))?;
        if self.used_bytes > 0 && self.used_bytes + bytes > memory_bytes {
            return None;
        }
        self.used_bytes += bytes;
        Some(if kind == Kind::Known { self.known.swap_remove(at) } else { self.others.swap_remove(at) })
    }

    /// What decides who is next: the lowest.
    fn place(&self, check: &Check) -> (u32, u32, u64) {
        (self.wrong_of(check.from.wide()), self.wrong_of(check.from), check.number)
    }

    fn wrong_of(&self, network: Network) -> u32 {
        self.wrong.get(&network).filter(|wrong| wrong.last.elapsed() < FORGOTTEN).map_or(0, |wrong| wrong.count)
    }

    fn make_room(&mut self) {
        if self.known.len() > MOST_WAITING {
            self.known.pop();
        }
        if self.others.len() > MOST_WAITING {
            let last = self.others.iter().enumerate().max_by_key(|(_, check)| self.place(check));
            if let Some(at) = last.map(|(at, _)| at) {
                self.others.swap_remove(at);
            }
        }
    }

    fn note_wrong(&mut self, from: Network) {
        if self.wrong.len() >= MOST_NETWORKS {
            self.wrong.retain(|_, wrong| wrong.last.elapsed() < FORGOTTEN);
            // those with the fewest have least to lose
            if self.wrong.len() >= MOST_NETWORKS {
                self.wrong.retain(|_, wrong| wrong.count > 1);
            }
            if self.wrong.len() >= MOST_NETWORKS {
                self.wrong.clear();
            }
        }
        // an IPv4 address could be its own wide network, and count twice: nobody else is in it
        for network in [from, from.wide()] {
            let count = self.wrong_of(network).saturating_add(1);
            self.wrong.insert(network, Wrong { count, last: Instant::now() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rws_passwords::Method;

    fn hash(password: &str) -> PasswordHash {
        PasswordHash::parse(&PasswordHash::create(Method::Argon2id, password.as_bytes(), &[7; 16]).unwrap()).unwrap()
    }

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    fn waiting(number: u64, from: &str) -> (Check, oneshot::Receiver<bool>) {
        static HASH: std::sync::LazyLock<PasswordHash> = std::sync::LazyLock::new(|| hash("right"));
        let (answer, right) = oneshot::channel();
        (Check { number, from: network(from), hash: HASH.clone(), password: Vec::new(), answer }, right)
    }

    #[tokio::test]
    async fn passwords_are_checked_whatever_the_budget() {
        for memory_bytes in [1, 1 << 30] {
            let checks = Checks::start(memory_bytes);
            for is_known in [false, true] {
                let of = |password: &str| {
                    checks.check(network("192.0.2.1"), is_known, hash("right"), password.as_bytes().to_vec())
                };
                assert_eq!(tokio::join!(of("right"), of("wrong"), of("right")), (Some(true), Some(false), Some(true)));
            }
        }
    }

    #[test]
    fn who_failed_least_is_next() {
        let mut queue = Queue::default();
        for address in ["198.51.0.1", "198.51.0.2", "198.51.1.3", "203.0.113.1"] {
            queue.note_wrong(network(address));
        }
        queue.note_wrong(network("203.0.113.2"));
        let from = ["198.51.0.1", "198.51.77.77", "203.0.113.2", "203.0.113.3", "192.0.2.1"];
        let checks: Vec<_> = (0..).zip(from).map(|(number, from)| waiting(number, from)).collect();
        let (checks, _answers): (Vec<_>, Vec<_>) = checks.into_iter().unzip();
        queue.others = checks;
        let order: Vec<u64> =
            std::iter::from_fn(|| queue.take(Kind::Other, u64::MAX)).map(|check| check.number).collect();
        assert_eq!(order, [4, 3, 2, 1, 0]);
    }

    #[test]
    fn no_more_memory_is_used_than_there_is() {
        let mut queue = Queue::default();
        let (checks, _answers): (Vec<_>, Vec<_>) = (0..4).map(|number| waiting(number, "192.0.2.1")).unzip();
        let one = checks[0].hash.memory_bytes();
        assert_eq!(one, 19 << 20);
        queue.others = checks;
        let at_once = std::iter::from_fn(|| queue.take(Kind::Other, 3 * one)).count();
        assert_eq!(at_once, 3);
    }

    #[test]
    fn the_worst_guesser_gives_way() {
        let mut queue = Queue::default();
        queue.note_wrong(network("198.51.100.1"));
        let (checks, _answers): (Vec<_>, Vec<_>) = (0..MOST_WAITING as u64 + 1)
            .map(|number| waiting(number, if number == 5 { "198.51.100.1" } else { "192.0.2.1" }))
            .unzip();
        queue.others = checks;
        queue.make_room();
        assert_eq!(queue.others.len(), MOST_WAITING);
        assert!(queue.others.iter().all(|check| check.number != 5));
    }
}
