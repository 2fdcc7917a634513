//! All connections that are open, and which of them gives way when there is no room for another one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::activity::{Activity, ConnectionState};
use crate::budgets::Network;

/// A connection that is so new is not ended for not having asked yet.
const NEW: Duration = Duration::from_secs(1);

/// Whoever takes nothing for so long of what is being sent gives way.
const SLOW: Duration = Duration::from_secs(1);

/// All connections that are open.
#[derive(Debug, Default)]
pub struct OpenConnections {
    listed: Mutex<Listed>,
}

#[derive(Debug, Default)]
struct Listed {
    next_number: u64,
    by_number: HashMap<u64, OpenConnection>,
}

#[derive(Debug)]
struct OpenConnection {
    client: Network,
    activity: Arc<Activity>,
    gives_way: Arc<Notify>,
    /// Whether it was told already.
    is_ending: bool,
}

/// One of them, until this is dropped.
#[derive(Debug)]
pub struct ListedConnection {
    number: u64,
    of: Arc<OpenConnections>,
    /// What goes on on it.
    pub activity: Arc<Activity>,
    /// Told when it is to end at once.
    pub gives_way: Arc<Notify>,
}

impl OpenConnections {
    /// Lists another one.
    pub fn add(self: &Arc<Self>, client: Network) -> ListedConnection {
        let (activity, gives_way) = (Arc::new(Activity::new()), Arc::new(Notify::new()));
        let mut listed = self.listed();
        let number = listed.next_number;
        listed.next_number += 1;
        let open = OpenConnection {
            client,
            activity: Arc::clone(&activity),
            gives_way: Arc::clone(&gives_way),
            is_ending: false,
        };
        listed.by_number.insert(number, open);
        ListedConnection { number, of: Arc::clone(self), activity, gives_way }
    }

    /// Ends the one that is of least use: that has not asked for the longest time; else that waits for a further request;
    /// else that takes nothing of its answer. None is ended that is worked for. Says whether there was one, of this client
    /// where one is named.
    pub fn end_one(&self, of: Option<Network>) -> bool {
        self.end_worst(of, |state| match state {
            ConnectionState::Idle { has_asked: false, quiet } if quiet > NEW => Some((2, quiet)),
            ConnectionState::Idle { has_asked: true, quiet } => Some((1, quiet)),
            ConnectionState::Sending { quiet } | ConnectionState::Waiting { quiet } if quiet > SLOW => Some((0, quiet)),
            _ => None,
        })
    }

    /// Ends the one that takes nothing of its answer for the longest time: it holds memory. Of a client that has more of that than
    /// its part, what it takes does not save it.
    pub fn end_one_sending(&self, of: Option<Network>) -> bool {
        self.end_worst(of, |state| match state {
            ConnectionState::Sending { quiet } if quiet > SLOW || of.is_some() => Some((0, quiet)),
            _ => None,
        })
    }

    /// Ends the one that ranks highest.
    fn end_worst(&self, of: Option<Network>, rank: impl Fn(ConnectionState) -> Option<(u8, Duration)>) -> bool {
        let mut listed = self.listed();
        let all = listed.by_number.values_mut();
        let candidates = all.filter(|open| !open.is_ending && of.is_none_or(|of| of == open.client));
        let worst = candidates.filter_map(|open| Some((rank(open.activity.state())?, open)));
        let Some((_, worst)) = worst.max_by_key(|(rank, _)| *rank) else { return false };
        worst.is_ending = true;
        worst.gives_way.notify_one();
        true
    }

    fn listed(&self) -> MutexGuard<'_, Listed> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ListedConnection {
    fn drop(&mut self) {
        self.of.listed().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn who_is_worked_for_stays() {
        let open = Arc::new(OpenConnections::default());
        let [client, other] = ["192.0.2.1", "192.0.2.2"].map(|text| Network::of(text.parse().unwrap()));
        let (working, waiting, new) = (open.add(client), open.add(client), open.add(client));
        let request = working.activity.begin(0);
        request.is_admitted();
        drop(waiting.activity.begin(0));
        let is_ended = |one: &ListedConnection| one.gives_way.notified().now_or_never().is_some();
        assert!(!open.end_one(Some(other)));
        assert!(open.end_one(Some(client)));
        assert_eq!([&working, &waiting, &new].map(is_ended), [false, true, false]);
        assert!(!open.end_one(None), "it was told already");
        drop((waiting, request));
        assert!(open.end_one(None));
        assert_eq!([&working, &new].map(is_ended), [true, false]);
    }

    #[test]
    fn who_takes_more_than_its_part_gives_way_while_it_takes() {
        let open = Arc::new(OpenConnections::default());
        let client = Network::of("192.0.2.1".parse().unwrap());
        let taking = open.add(client);
        let request = taking.activity.begin(0);
        request.is_admitted();
        assert!(!open.end_one_sending(Some(client)), "it is worked for");
        request.sends(1);
        assert!(!open.end_one(None) && !open.end_one_sending(None));
        assert!(open.end_one_sending(Some(client)));
    }
}
