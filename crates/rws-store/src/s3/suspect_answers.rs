//! How often something other than the store has answered lately.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Request;

/// For how long an answer that was not the store's is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);

/// How often that is logged at most.
const LOGGED: Duration = Duration::from_secs(10);

/// Answers that were not the store's.
#[derive(Debug, Default)]
pub struct SuspectAnswers {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    count: usize,
    last: Option<(Instant, String)>,
    logged: Option<Instant>,
}

impl SuspectAnswers {
    /// Takes note of one.
    pub fn note(&self, request: &Request, message: &str) {
        let object = request.object.as_deref().unwrap_or("the bucket");
        let sentence = format!("{} {object}: {message}", request.method.to_str());
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.last.as_ref().is_some_and(|(at, _)| at.elapsed() > REMEMBERED) {
            recent.count = 0;
        }
        recent.count += 1;
        if recent.logged.is_none_or(|at| at.elapsed() > LOGGED) {
            tracing::warn!(
                answers = recent.count,
                last = sentence,
                "some answers do not come from S3; RWS repeats the requests"
            );
            recent.logged = Some(Instant::now());
        }
        recent.last = Some((Instant::now(), sentence));
    }

    /// What is to be said of the last minute; nothing where all answers were the store's.
    pub fn sentence(&self) -> Option<String> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, last) = recent.last.as_ref()?;
        let lately = at.elapsed() <= REMEMBERED;
        lately.then(|| {
            format!("some answers do not come from S3 ({} in the last minute, the last one to {last})", recent.count)
        })
    }
}
