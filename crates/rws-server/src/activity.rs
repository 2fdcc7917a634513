//! What goes on on a connection: whether it is of use to anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What goes on on a connection.
#[derive(Debug)]
pub struct Activity {
    opened: Instant,
    /// Requests that have not ended: neither their answers nor what is still read of their bodies.
    live: AtomicUsize,
    /// Those of them whose answers are being sent.
    sending: AtomicUsize,
    /// Requests so far.
    begun: AtomicUsize,
    /// When a request began or ended, or a piece of a body came or was taken, in milliseconds after it was opened.
    last: AtomicU64,
}

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No request is under way.
    Idle {
        /// Whether there was one.
        has_asked: bool,
        /// For how long.
        quiet: Duration,
    },
    /// Some request is worked on, which takes the time that it takes.
    Working,
    /// All that is left is the client's: to take what is being sent, and to send what is read behind a refusal.
    Sending {
        /// For how long it has done neither.
        quiet: Duration,
    },
}

impl Activity {
    /// A connection that was just opened.
    pub fn new() -> Self {
        let none = AtomicUsize::default;
        Self { opened: Instant::now(), live: none(), sending: none(), begun: none(), last: AtomicU64::new(0) }
    }

    /// A request begins.
    pub fn begin(self: &Arc<Self>) -> Begun {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.live.fetch_add(1, Ordering::Relaxed);
        self.touch();
        Begun { of: Arc::clone(self), is_sending: AtomicBool::new(false) }
    }

    /// How the connection is.
    pub fn state(&self) -> State {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        let quiet = self.opened.elapsed().saturating_sub(last);
        let (live, sending) = (self.live.load(Ordering::Relaxed), self.sending.load(Ordering::Relaxed));
        match live {
            0 => State::Idle { has_asked: self.begun.load(Ordering::Relaxed) > 0, quiet },
            _ if live == sending => State::Sending { quiet },
            _ => State::Working,
        }
    }

    fn touch(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }
}

/// A request, until it has ended.
#[derive(Debug)]
pub struct Begun {
    of: Arc<Activity>,
    is_sending: AtomicBool,
}

impl Begun {
    /// The client takes the answer, or a piece of it.
    pub fn sends(&self) {
        if !self.is_sending.swap(true, Ordering::Relaxed) {
            self.of.sending.fetch_add(1, Ordering::Relaxed);
        }
        self.of.touch();
    }

    /// The client has sent a piece of the body.
    pub fn receives(&self) {
        self.of.touch();
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if *self.is_sending.get_mut() {
            self.of.sending.fetch_sub(1, Ordering::Relaxed);
        }
        self.of.live.fetch_sub(1, Ordering::Relaxed);
        self.of.touch();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_idle_working_or_sending() {
        let activity = Arc::new(Activity::new());
        assert!(matches!(activity.state(), State::Idle { has_asked: false, .. }));
        let first = activity.begin();
        assert_eq!(activity.state(), State::Working);
        first.sends();
        first.sends();
        assert!(matches!(activity.state(), State::Sending { .. }));
        let second = activity.begin();
        assert_eq!(activity.state(), State::Working);
        drop(second);
        drop(first);
        assert!(matches!(activity.state(), State::Idle { has_asked: true, .. }));
    }

    #[test]
    fn what_is_read_behind_a_refusal_is_progress() {
        let opened = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        let activity = Arc::new(Activity { opened, ..Activity::new() });
        let answer = Arc::new(activity.begin());
        let body = Arc::clone(&answer);
        answer.sends();
        drop(answer);
        activity.last.store(0, Ordering::Relaxed);
        let State::Sending { quiet } = activity.state() else { panic!("{:?}", activity.state()) };
        assert!(quiet >= Duration::from_secs(100), "{quiet:?}");
        body.receives();
        assert!(matches!(activity.state(), State::Sending { quiet: after } if after < quiet));
        drop(body);
        assert!(matches!(activity.state(), State::Idle { has_asked: true, .. }));
    }
}
