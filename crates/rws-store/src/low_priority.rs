//! Work that takes long, and that nobody waits for in particular.

use std::io;
use std::thread;

use rustix::process::{getpriority_process, setpriority_process};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tracing::Span;

/// How much less of a processor long work gets: a tenth of what others get, where it is scarce.
const NICENESS: i32 = 10;

/// Lowers the priority of this thread (Linux: niceness is that of a thread; who is not root cannot raise it again).
pub fn lower(niceness: i32) {
    let lowered = getpriority_process(None).and_then(|now| setpriority_process(None, now + niceness));
    if let Err(error) = lowered {
        tracing::debug!(%error, "RWS cannot lower the priority of a thread");
    }
}

/// Runs work on a thread of its own of low priority, to its end, whoever waits for it.
///
/// # Errors
///
/// When there is no thread to be had, or the work panics.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (answer, done) = oneshot::channel();
    let span = Span::current();
    thread::Builder::new().name("rws-low".to_owned()).spawn(move || {
        lower(NICENESS);
        _ = answer.send(span.in_scope(work));
    })?;
    done.await.map_err(|_| io::Error::other("the background work failed"))
}

/// Runs large work so, and other work on a thread of the runtime.
///
/// # Errors
///
/// When there is no thread to be had, or the work panics.
pub async fn run_if<T: Send + 'static>(is_large: bool, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    match is_large {
        true => run(work).await,
        false => spawn_blocking(work).await.map_err(io::Error::other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_has_a_low_priority_and_its_own_end() {
        let own = getpriority_process(None).unwrap();
        assert_eq!(run(|| getpriority_process(None).unwrap()).await.unwrap(), (own + NICENESS).min(19));
        assert_eq!(getpriority_process(None).unwrap(), own);
        assert!(run(|| panic!("as it is to")).await.is_err());
    }
}
