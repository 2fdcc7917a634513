//! How a request is broken.

use std::sync::Arc;
use std::time::Duration;

use super::{Forged, Seen};

/// Says for each request how it is to be broken, if at all.
pub type FaultRule = Arc<dyn Fn(&Seen) -> Option<Fault> + Send + Sync>;

/// What is done to a request instead of passing it on and its answer back.
///
/// With `effect`, the request is really carried out by the server first, and its answer is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Answers with an error of S3. The request's body is read to its end first.
    Answer {
        /// of HTTP
        status: u16,
        /// the `Code` of S3, such as `SlowDown`
        code: &'static str,
        /// whether the server carries it out
        effect: bool,
    },
    /// Resets the connection (RST): at once, or after the request was carried out.
    Reset {
        /// whether the server carries it out
        effect: bool,
    },
    /// Never answers, and holds the connection until the client gives up.
    Stall {
        /// whether the server carries it out
        effect: bool,
    },
    /// Has it carried out, passes on the head of the answer with its full `Content-Length`, but only the first bytes of
    /// the body, and closes the connection.
    Truncate {
        /// of the answer's body
        bytes: u64,
    },
    /// Waits before anything is passed on, then does everything as usual.
    Slow {
        /// how long
        pause: Duration,
    },
    /// Passes the body of the answer on in small pieces.
    Trickle {
        /// of each piece, at least 1
        bytes: usize,
        /// before each piece
        pause: Duration,
    },
    /// Answers with something else than the server.
    Forge {
        /// with what
        answer: Forged,
        /// whether the server carries the request out
        effect: bool,
    },
    /// Has it carried out and passes on only the first bytes of the answer's body, as if they were all of it.
    Cut {
        /// of the answer's body
        bytes: usize,
    },
    /// Answers as the server did to the first request of this kind (method, path and query, but for the signature), with a
    /// new number. When there was none, this one is it. See [`Proxy::keep_answers`](super::Proxy::keep_answers).
    Earlier,
    /// Has it carried out and passes its answer on with another text in its body.
    Replace {
        /// each time it occurs
        from: &'static str,
        /// what stands there instead
        to: &'static str,
    },
    /// Has it carried out and passes its answer on twice.
    Double,
}
