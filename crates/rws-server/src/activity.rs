//! What goes on on a connection: whether it is of use to anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How much a client may send that is neither a request nor a body: the preface and the settings of HTTP/2, and what is read
/// ahead of a request.
const FREE_BYTES: u64 = 64 << 10;

/// A body comes with so much less than itself: the heads of its frames or chunks.
const FRAMING_OF_BODY: u64 = 4;

/// An answer is taken with so much less than itself: updates of windows.
const FRAMING_OF_ANSWER: u64 = 16;

/// What goes on on a connection.
#[derive(Debug)]
pub struct Activity {
    opened: Instant,
    /// Requests that have not ended: neither their answers nor what is still read of their bodies.
    live: AtomicUsize,
    /// Those of them that were not admitted yet.
    waiting: AtomicUsize,
    /// Those of them whose answers are being sent.
    sending: AtomicUsize,
    /// Requests so far.
    begun: AtomicUsize,
    /// When a request was admitted or ended, or a piece of a body came or was taken, in milliseconds after it was opened.
    last: AtomicU64,
    /// Bytes that came.
    received: AtomicU64,
    /// Bytes that the requests so far, their bodies and their answers explain.
    explained: AtomicU64,
}

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// No request is under way.
    Idle {
        /// Whether there was one.
        has_asked: bool,
        /// For how long.
        quiet: Duration,
    },
    /// Some request is worked on, which takes the time that it takes.
    Working,
    /// All that is left is the client's: to take what is being sent, and to send what is read behind a refusal. Requests that
    /// were not admitted yet may be there besides.
    Sending {
        /// For how long it has done neither.
        quiet: Duration,
    },
    /// No request was admitted yet.
    Waiting {
        /// For how long.
        quiet: Duration,
    },
}

impl Activity {
    /// A connection that was just opened.
    pub fn new() -> Self {
        let (none, zero) = (AtomicUsize::default, AtomicU64::default);
        Self {
            opened: Instant::now(),
            live: none(),
            waiting: none(),
            sending: none(),
            begun: none(),
            last: zero(),
            received: zero(),
            explained: AtomicU64::new(FREE_BYTES),
        }
    }

    /// A request begins, that may have sent so many bytes: its head, and what of its body comes before it is read.
    pub fn begin(self: &Arc<Self>, sent_bytes: u64) -> ActiveRequest {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.live.fetch_add(1, Ordering::Relaxed);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.explain(sent_bytes);
        ActiveRequest { of: Arc::clone(self), phase: AtomicU8::new(ActiveRequest::WAITING) }
    }

    /// Bytes came. Says whether requests, bodies and answers explain all that came so far; frames without any of them cost
    /// work and are of use to nobody.
    pub fn receives(&self, bytes: u64) -> bool {
        let received = self.received.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        received <= self.explained.load(Ordering::Relaxed)
    }

    /// How the connection is.
    pub fn state(&self) -> ConnectionState {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        let quiet = self.opened.elapsed().saturating_sub(last);
        let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
        match (count(&self.live), count(&self.waiting), count(&self.sending)) {
            (0, ..) => ConnectionState::Idle { has_asked: count(&self.begun) > 0, quiet },
            (live, waiting, 0) if live == waiting => ConnectionState::Waiting { quiet },
            (live, waiting, sending) if live == waiting + sending => ConnectionState::Sending { quiet },
            _ => ConnectionState::Working,
        }
    }

    fn explain(&self, bytes: u64) {
        self.explained.fetch_add(bytes, Ordering::Relaxed);
    }

    fn touch(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }
}

/// A request, until it has ended.
#[derive(Debug)]
pub struct ActiveRequest {
    of: Arc<Activity>,
    phase: AtomicU8,
}

impl ActiveRequest {
    const WAITING: u8 = 0;
    const WORKED_ON: u8 = 1;
    const SENDING: u8 = 2;

    /// It is worked on from now.
    pub fn is_admitted(&self) {
        self.enter(Self::WORKED_ON);
        self.of.touch();
    }

    /// The client takes the answer, or a piece of it of so many bytes.
    pub fn sends(&self, bytes: u64) {
        self.enter(Self::SENDING);
        self.of.explain(bytes / FRAMING_OF_ANSWER);
        self.of.touch();
    }

    fn enter(&self, phase: u8) {
        let before = self.phase.swap(phase, Ordering::Relaxed);
        if before == phase {
            return;
        }
        if let Some(count) = self.count(phase) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(count) = self.count(before) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Where the requests in a phase are counted, but for those that are worked on.
    fn count(&self, phase: u8) -> Option<&AtomicUsize> {
        match phase {
            Self::WAITING => Some(&self.of.waiting),
            Self::SENDING => Some(&self.of.sending),
            _ => None,
        }
    }

    /// The client has sent a piece of the body, of so many bytes.
    pub fn receives(&self, bytes: u64) {
        self.of.explain(bytes + bytes / FRAMING_OF_BODY);
        self.of.touch();
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let phase = *self.phase.get_mut();
        if let Some(count) = self.count(phase) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
        self.of.live.fetch_sub(1, Ordering::Relaxed);
        // what was not admitted is no use that is made of the connection
        if phase != Self::WAITING {
            self.of.touch();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_idle_working_or_sending() {
        let activity = Arc::new(Activity::new());
        assert!(matches!(activity.state(), ConnectionState::Idle { has_asked: false, .. }));
        let first = activity.begin(0);
        assert!(matches!(activity.state(), ConnectionState::Waiting { .. }), "it is not worked on yet");
        first.is_admitted();
        assert_eq!(activity.state(), ConnectionState::Working);
        first.sends(0);
        first.sends(0);
        assert!(matches!(activity.state(), ConnectionState::Sending { .. }));
        let second = activity.begin(0);
        assert!(matches!(activity.state(), ConnectionState::Sending { .. }));
        second.is_admitted();
        assert_eq!(activity.state(), ConnectionState::Working);
        drop(second);
        drop(first);
        assert!(matches!(activity.state(), ConnectionState::Idle { has_asked: true, .. }));
        drop(activity.begin(0));
        assert!(matches!(activity.state(), ConnectionState::Idle { has_asked: true, .. }));
    }

    #[test]
    fn what_is_read_behind_a_refusal_is_progress() {
        let opened = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        let activity = Arc::new(Activity { opened, ..Activity::new() });
        let answer = Arc::new(activity.begin(0));
        let body = Arc::clone(&answer);
        answer.sends(0);
        drop(answer);
        activity.last.store(0, Ordering::Relaxed);
        drop(activity.begin(0));
        let ConnectionState::Sending { quiet } = activity.state() else { panic!("{:?}", activity.state()) };
        assert!(quiet >= Duration::from_secs(100), "{quiet:?}");
        body.receives(1);
        assert!(matches!(activity.state(), ConnectionState::Sending { quiet: after } if after < quiet));
        drop(body);
        assert!(matches!(activity.state(), ConnectionState::Idle { has_asked: true, .. }));
    }

    #[test]
    fn what_comes_is_explained_by_requests_bodies_and_answers() {
        let activity = Arc::new(Activity::new());
        assert!(activity.receives(FREE_BYTES));
        assert!(!activity.receives(1));
        let request = activity.begin(1000);
        assert!(activity.receives(999));
        request.receives(1000);
        assert!(activity.receives(1250));
        assert!(!activity.receives(1));
        request.sends(160);
        assert!(activity.receives(9));
        assert!(!activity.receives(1));
    }
}
