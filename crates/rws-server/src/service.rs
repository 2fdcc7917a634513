//! What all handlers share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rws_model::RepositoryId;
use rws_repository::publish::Turn;
use rws_repository::scheduler::Scheduler;
use rws_store::{ContentTypes, WriteAccess};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::access::Logins;
use crate::answer::{Problem, busy};
use crate::budgets::Budgets;
use crate::changelogs::ReadChangelogs;
use crate::gate::Gate;
use crate::metrics::Metrics;
use crate::pages::PageCache;
use crate::quotas::Quotas;
use crate::settings::Settings;
use crate::spool::SpoolContext;
use crate::waiting::WaitingFiles;

/// The public keys that clients need, in ASCII armour, by the last parts of their addresses: `main.asc`.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<String, String>);

impl Keys {
    /// Keys by name.
    pub fn new(keys: BTreeMap<String, String>) -> Self {
        Self(keys)
    }

    /// The key, or the keys, of this name.
    pub fn named(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The state of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// Its name in the configuration.
    pub name: String,
    /// The fingerprint of the primary key, upper-case hexadecimal digits.
    pub fingerprint: String,
    /// When it expires, in seconds since 1970; `None` for never.
    pub expires_at: Option<i64>,
    /// What an operator should know of it, a sentence each.
    pub warnings: Vec<String>,
    /// Why it cannot sign now.
    pub problem: Option<String>,
}

/// The states of all keys, as they are now.
pub type KeyStates = Box<dyn Fn() -> Vec<KeyState> + Send + Sync>;

/// How long a request waits for its turn.
const LONGEST_QUEUE: Duration = Duration::from_secs(60);

/// What was uploaded a moment ago is waited for so long.
const LONGEST_SETTLING: Duration = Duration::from_secs(10);

/// What all handlers share.
pub struct Service {
    /// Publishes and answers what became of an upload.
    pub scheduler: Arc<Scheduler>,
    /// The only way to repositories.
    pub gate: Arc<Gate>,
    /// What files are, by their names.
    pub content_types: ContentTypes,
    /// Who may do what.
    pub logins: Logins,
    /// The public keys.
    pub keys: Keys,
    /// The states of the keys.
    pub key_states: KeyStates,
    /// What the operator has set.
    pub settings: Settings,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether the store lets this process write.
    pub writing: watch::Receiver<WriteAccess>,
    /// What all requests share.
    pub budgets: Budgets,
    /// How much lies in the store for each user that no reader sees yet.
    pub quotas: Quotas,
    /// What waits for its `.changes`.
    pub waiting: WaitingFiles,
    /// A local directory for files that are being received; on the file system of a local store.
    pub spool: PathBuf,
    /// Changelogs that were read lately.
    pub changelogs: ReadChangelogs,
    /// Directories whose disks may become full, by what they are for: `data`, `spool`.
    pub disks: Vec<(&'static str, PathBuf)>,
    /// Pages that were made lately.
    pub pages: PageCache,
    /// The version of the program.
    pub version: &'static str,
}

impl Service {
    /// The turn of what is planned on whole repositories, and takes much memory: one at a time; `what` names it in the plural.
    ///
    /// # Errors
    ///
    /// 503 when it does not come in a while.
    pub async fn turn(&self, what: &'static str) -> Result<Option<Turn>, Problem> {
        timeout(LONGEST_QUEUE, self.scheduler.publisher().turn()).await.map_err(|_| busy(what))
    }

    /// Waits a while until what was uploaded to repositories a moment ago is published.
    pub async fn settle(&self, repositories: &[RepositoryId]) {
        self.scheduler.settle(repositories, LONGEST_SETTLING).await;
    }

    /// Whether the store lets this process write, after the first check of it, which is waited for as long as `time`. A store
    /// that was found to be unfit is not waited for.
    pub async fn writing_once_checked(&self, time: Duration) -> WriteAccess {
        let mut writing = self.writing.clone();
        // the receiver was made when nothing had been asked of the store, and is never marked as seen
        let is_being_checked = |writing: &watch::Receiver<WriteAccess>| {
            matches!(*writing.borrow(), WriteAccess::Unknown { .. }) && !writing.has_changed().unwrap_or(true)
        };
        if is_being_checked(&writing) {
            // whatever comes of it is what there is to know then
            _ = timeout(time, writing.changed()).await;
        }
        writing.borrow().clone()
    }

    /// Where files of a user are received.
    pub fn place<'a>(&'a self, user: &'a str) -> SpoolContext<'a> {
        SpoolContext { directory: &self.spool, limits: &self.settings.limits, budgets: &self.budgets, user }
    }
}
