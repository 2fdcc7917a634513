//! How much may lie in the store for each user that no reader sees yet: uploads that are not published, files that wait for
//! their list. Counted since this process began; what an earlier one or another replica took is not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use rws_repository::scheduler::{Progress, Scheduler};
use rws_repository::{UploadId, aside};

use crate::answer::Problem;
use crate::settings::Limits;
use crate::shares::{BudgetShare, FairBudget};

/// How long an upload is waited for at once.
const WAITED: Duration = Duration::from_secs(600);

/// How much lies in the store, by user.
#[derive(Debug)]
pub struct Quotas {
    pending: Arc<FairBudget<String>>,
    aside: Arc<FairBudget<String>>,
    waiting: Mutex<HashMap<AsideFile, Waiting>>,
}

/// A file that waits for its list: who sent it, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AsideFile {
    /// The name of the user.
    pub user: String,
    /// The rest of the address.
    pub address: String,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    _share: BudgetShare<String>,
}

impl Quotas {
    /// Within these limits.
    pub fn new(limits: &Limits) -> Self {
        Self {
            pending: FairBudget::new("pending", limits.pending_bytes),
            aside: FairBudget::new("aside", limits.aside_bytes),
            waiting: Mutex::default(),
        }
    }

    /// Takes room for an upload.
    ///
    /// # Errors
    ///
    /// When the user has too much that is not published yet.
    pub fn upload(&self, user: &str, bytes: u64) -> Result<BudgetShare<String>, Problem> {
        take(&self.pending, user, bytes, "server.limits.pending_bytes", "pending uploads")
    }

    /// Takes room for a file that waits for its list, until that comes or a day has passed.
    ///
    /// # Errors
    ///
    /// When the user has too many that wait.
    pub fn wait(&self, file: AsideFile, bytes: u64) -> Result<(), Problem> {
        let mut waiting = self.waiting();
        waiting.retain(|_, one| one.since.elapsed() < aside::KEPT);
        // sent again, it takes the place of the earlier one
        waiting.remove(&file);
        let share =
            take(&self.aside, &file.user, bytes, "server.limits.aside_bytes", "files that wait for their .changes")?;
        waiting.insert(file, Waiting { since: Instant::now(), _share: share });
        Ok(())
    }

    /// Gives the room of a file back that was taken, or that was not good.
    pub fn forget(&self, file: &AsideFile) {
        self.waiting().remove(file);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<AsideFile, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the room of an upload back once it is published, or was given up.
pub fn give_back(share: BudgetShare<String>, scheduler: Arc<Scheduler>, upload: UploadId) {
    tokio::spawn(async move {
        while scheduler.wait(&upload, WAITED).await == Progress::Pending {}
        drop(share);
    });
}

fn take(
    shares: &Arc<FairBudget<String>>,
    user: &str,
    bytes: u64,
    limit: &str,
    why: &str,
) -> Result<BudgetShare<String>, Problem> {
    if bytes > shares.total() {
        let message = format!("The upload has {bytes} bytes; {limit} allows {}.", shares.total());
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "quota", message));
    }
    shares.try_take(&user.to_owned(), bytes).map_err(|_| {
        let message = format!(
            "You have too many {why}: with these {bytes} bytes they exceed your share of {limit} ({} bytes for all users).",
            shares.total()
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "quota", message)
            .with_hint("Wait until RWS has published your earlier uploads, then send this again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(address: &str) -> AsideFile {
        AsideFile { user: "ci".to_owned(), address: address.to_owned() }
    }

    #[test]
    fn files_that_wait_have_a_quota() {
        let quotas = Quotas::new(&Limits { aside_bytes: 100, pending_bytes: 100, ..Limits::default() });
        quotas.wait(file("a"), 40).unwrap();
        quotas.wait(file("a"), 40).unwrap();
        assert_eq!(quotas.aside.in_use(), 40, "sent again");
        assert!(quotas.wait(file("b"), 30).is_err(), "more than is left for others");
        assert!(quotas.wait(file("c"), 101).is_err());
        quotas.forget(&file("a"));
        assert_eq!(quotas.aside.in_use(), 0);
        let held = quotas.upload("ci", 60).unwrap();
        assert!(quotas.upload("ci", 10).is_err());
        assert!(quotas.upload("other", 10).is_ok());
        drop(held);
        assert!(quotas.upload("ci", 10).is_ok());
    }
}
