//! Who may write: everybody where the store keeps conditions, one at a time where it does not.
//!
//! A store that ignores conditions is written by the one process that holds a *lease*: a small object that its holder
//! renews. A holder that cannot renew it gives up long before another process takes it; what it had under way by then
//! is cut off. Within the process conditions are kept by locks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, RwLock, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use uuid::Uuid;

use crate::private::LEASE;
use crate::{
    Body, Condition, Conditions, Content, Depth, Key, Listed, ObjectClass, Page, Span, Stat, Store, StoreError,
    Version, Write,
};

/// How many keys may be written at the same time by a single writer.
const LOCKS: usize = 64;

/// The times of a lease.
#[derive(Clone, Copy, Debug)]
pub struct LeaseTimes {
    /// How often it is renewed, and looked at by others.
    pub renewed: Duration,
    /// For how long after a renewal its holder may begin to write.
    pub valid: Duration,
    /// How long after that what is under way is cut off.
    pub cut_off: Duration,
    /// For how long others must have seen it unchanged before they take it: longer than `valid` and `cut_off` together.
    pub expired: Duration,
    /// How long taking it may take, at most.
    pub taking: Duration,
    /// How long it is left alone after it was taken, before it is read again: longer than `taking`.
    pub settled: Duration,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self {
            renewed: Duration::from_secs(5),
            valid: Duration::from_secs(20),
            cut_off: Duration::from_secs(10),
            expired: Duration::from_secs(45),
            taking: Duration::from_secs(5),
            settled: Duration::from_secs(12),
        }
    }
}

/// Whether this process may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteAccess {
    /// Not known yet: the store has not answered, or not as it should.
    Unknown {
        /// Why.
        reason: String,
    },
    /// This process is not to write.
    ReadOnly,
    /// Any number of processes may write.
    MultiWriter,
    /// This process alone may write.
    SoleWriter,
    /// Another process may write, this one only reads.
    Standby {
        /// Who writes.
        holder: String,
    },
}

impl WriteAccess {
    /// Whether writes are let through.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::MultiWriter | Self::SoleWriter)
    }

    /// One sentence for people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Unknown { reason } => format!("the store is not ready: {reason}"),
            Self::ReadOnly => "read-only: the configuration says so".to_owned(),
            Self::MultiWriter => "multi-writer: any number of replicas may write".to_owned(),
            Self::SoleWriter => {
                "sole writer: the store does not honour conditional writes, and this replica holds the lease".to_owned()
            }
            Self::Standby { holder } => format!(
                "standby: the store does not honour conditional writes, so one replica writes at a time; the sole writer is \
                 {holder}"
            ),
        }
    }
}

/// The lease as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    /// Who holds it.
    holder: String,
    /// How often it was renewed.
    turn: u64,
}

/// Lets writes through to another store while this process may write.
pub struct GuardedStore {
    inner: Arc<dyn Store>,
    name: String,
    times: LeaseTimes,
    writing: watch::Sender<WriteAccess>,
    valid_until: Mutex<Option<Instant>>,
    locks: Vec<AsyncMutex<()>>,
    /// Held for reading by every write of a single writer.
    under_way: RwLock<()>,
}

impl GuardedStore {
    /// Nothing may be written before [`GuardedStore::allow`]. `name` says to people which process this is.
    pub fn new(inner: Arc<dyn Store>, name: &str, times: LeaseTimes) -> Arc<Self> {
        let reason = "RWS is still checking it".to_owned();
        Arc::new(Self {
            inner,
            name: format!("{name} {}", Uuid::new_v4()),
            times,
            writing: watch::Sender::new(WriteAccess::Unknown { reason }),
            valid_until: Mutex::default(),
            locks: (0..LOCKS).map(|_| AsyncMutex::new(())).collect(),
            under_way: RwLock::new(()),
        })
    }

    /// Whether this process may write, now and later.
    pub fn writing(&self) -> watch::Receiver<WriteAccess> {
        self.writing.subscribe()
    }

    /// Takes note of why the store cannot be used.
    pub fn failed(&self, reason: String) {
        self.become_(WriteAccess::Unknown { reason });
    }

    /// Lets this process write as the store's conditions allow: at once, or whenever it holds the lease. Then it does not
    /// return. Where there is a lease, another process has seen that conditions do not hold: a service that breaks them only
    /// now and then does not show that to every process.
    pub async fn allow(&self, conditions: Conditions) {
        match conditions {
            Conditions::Kept if !self.is_lease_there().await => self.become_(WriteAccess::MultiWriter),
            Conditions::Kept | Conditions::NotKept => self.hold_lease().await,
        }
    }

    async fn is_lease_there(&self) -> bool {
        loop {
            match self.read_lease().await {
                Ok(lease) => return lease.is_some(),
                Err(error) => self.failed(error.to_string()),
            }
            sleep(self.times.renewed).await;
        }
    }

    /// This process only reads, from now on.
    pub fn only_read(&self) {
        self.become_(WriteAccess::ReadOnly);
    }

    /// Gives the lease back, if this process holds it, so that another one need not wait.
    pub async fn release(&self) {
        if self.valid_until().is_none() {
            return;
        }
        self.set_valid_until(None);
        self.become_(WriteAccess::Standby { holder: "none: this replica is stopping".to_owned() });
        // nothing begins any more; the next writer must not begin before what is under way has ended
        let ended = timeout(self.times.cut_off, self.under_way.write()).await.is_ok();
        if ended && let Err(error) = self.delete_lease().await {
            tracing::warn!(%error, "RWS could not release the lease; the next writer waits until it expires");
        }
    }

    async fn delete_lease(&self) -> Result<(), StoreError> {
        match self.read_lease().await? {
            Some(lease) if lease.holder == self.name => self.inner.delete(&[lease_key()?]).await,
            _ => Ok(()),
        }
    }

    fn become_(&self, writing: WriteAccess) {
        let changed = self.writing.send_if_modified(|current| {
            let changes = *current != writing;
            *current = writing.clone();
            changes
        });
        if changed {
            match &writing {
                WriteAccess::Unknown { .. } => tracing::error!("{}", writing.sentence()),
                WriteAccess::ReadOnly | WriteAccess::MultiWriter => tracing::info!("{}", writing.sentence()),
                WriteAccess::SoleWriter | WriteAccess::Standby { .. } => tracing::warn!("{}", writing.sentence()),
            }
        }
    }

    fn valid_until(&self) -> Option<Instant> {
        *self.valid_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_valid_until(&self, until: Option<Instant>) {
        *self.valid_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    async fn read_lease(&self) -> Result<Option<Lease>, StoreError> {
        let Some(content) = self.inner.read(&lease_key()?, Span::Whole).await? else { return Ok(None) };
        let bytes = content.collect().await?;
        let unreadable = || Lease { holder: "an unknown process".to_owned(), turn: 0 };
        Ok(Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| unreadable())))
    }

    async fn write_lease(&self, turn: u64) -> Result<(), StoreError> {
        let lease = Lease { holder: self.name.clone(), turn };
        let write = Write { condition: Condition::Always, kind: ObjectClass::Private };
        let bytes = serde_json::to_vec(&lease).unwrap_or_default();
        let written = timeout(self.times.taking, self.inner.write(&lease_key()?, Body::from(bytes), write)).await;
        written.unwrap_or_else(|_| Err(not_writable("RWS could not write the lease in time")))?;
        Ok(())
    }

    /// Waits for the lease, holds it, loses it, and so on.
    async fn hold_lease(&self) {
        loop {
            match self.take_lease().await {
                Ok(()) => {
                    self.become_(WriteAccess::SoleWriter);
                    self.renew_lease().await;
                }
                Err(error) => tracing::warn!(%error, "RWS could not take the lease"),
            }
            sleep(self.times.renewed).await;
        }
    }

    /// Returns once this process holds the lease.
    async fn take_lease(&self) -> Result<(), StoreError> {
        let mut seen: Option<(Lease, Instant)> = None;
        loop {
            match self.read_lease().await? {
                None => {}
                Some(lease) => {
                    self.become_(WriteAccess::Standby { holder: lease.holder.clone() });
                    match &seen {
                        Some((known, since)) if *known == lease && since.elapsed() > self.times.expired => {}
                        Some((known, _)) if *known == lease => {
                            sleep(self.times.renewed).await;
                            continue;
                        }
                        _ => {
                            seen = Some((lease, Instant::now()));
                            sleep(self.times.renewed).await;
                            continue;
                        }
                    }
                }
            }
            self.become_(WriteAccess::Standby { holder: "nobody yet".to_owned() });
            self.write_lease(0).await?;
            // whoever read it before this write has written by now as well: the last one counts
            sleep(self.times.settled).await;
            let read = Instant::now();
            if self.read_lease().await?.is_some_and(|lease| lease.holder == self.name && lease.turn == 0) {
                self.set_valid_until(Some(read + self.times.valid));
                return Ok(());
            }
        }
    }

    /// Returns once this process has lost the lease.
    async fn renew_lease(&self) {
        let mut turn = 0;
        loop {
            sleep(self.times.renewed).await;
            let Some(until) = self.valid_until() else { return };
            let started = Instant::now();
            let renewed = async {
                if self.read_lease().await?.is_none_or(|lease| lease.holder != self.name) {
                    return Ok(false);
                }
                self.write_lease(turn + 1).await?;
                Ok::<bool, StoreError>(true)
            };
            match timeout_at(until, renewed).await {
                Ok(Ok(true)) => {
                    turn += 1;
                    // a release meanwhile stays one
                    let mut valid = self.valid_until.lock().unwrap_or_else(PoisonError::into_inner);
                    *valid = valid.map(|_| started + self.times.valid);
                }
                Ok(Err(error)) if Instant::now() < until => tracing::warn!(%error, "the lease is not renewed yet"),
                _ => {
                    self.set_valid_until(None);
                    self.become_(WriteAccess::Standby { holder: "unknown: this replica lost the lease".to_owned() });
                    return;
                }
            }
        }
    }

    /// Carries out a write while this process may write.
    async fn while_allowed<T>(&self, write: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let writing = self.writing.borrow().clone();
        if writing == WriteAccess::MultiWriter {
            return write.await;
        }
        let _under_way = self.under_way.read().await;
        let mut write = std::pin::pin!(write);
        let mut valid = self.valid_until().filter(|until| Instant::now() < *until);
        if valid.is_none() {
            return Err(not_writable(writing.sentence()));
        }
        // a long write goes on as long as the lease is renewed
        while let Some(until) = valid {
            if let Ok(written) = timeout_at(until + self.times.cut_off, &mut write).await {
                return written;
            }
            valid = self.valid_until().filter(|later| *later > until);
        }
        Err(not_writable("this replica lost the lease during the write"))
    }

    fn is_alone(&self) -> bool {
        *self.writing.borrow() != WriteAccess::MultiWriter
    }

    async fn lock(&self, key: &Key) -> Option<AsyncMutexGuard<'_, ()>> {
        let slot = key.as_str().bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        Some(self.locks.get(slot % LOCKS)?.lock().await)
    }

    /// The same write without the condition, which is checked here.
    async fn checked(&self, key: &Key, write: Write) -> Result<Write, StoreError> {
        let holds = match &write.condition {
            Condition::Always => true,
            Condition::Absent => self.inner.stat(key).await?.is_none(),
            Condition::Matches(version) => self.inner.stat(key).await?.is_some_and(|stat| stat.version == *version),
        };
        if !holds {
            return Err(StoreError::Conflict { key: key.to_string() });
        }
        Ok(Write { condition: Condition::Always, ..write })
    }
}

fn lease_key() -> Result<Key, StoreError> {
    Key::parse(LEASE).ok_or_else(|| StoreError::Missing { key: LEASE.to_owned() })
}

fn not_writable(reason: impl Into<String>) -> StoreError {
    StoreError::NotWritable { reason: reason.into() }
}

#[async_trait]
impl Store for GuardedStore {
    async fn stat(&self, key: &Key) -> Result<Option<Stat>, StoreError> {
        self.inner.stat(key).await
    }

    async fn is_gone(&self, key: &Key) -> Result<bool, StoreError> {
        self.inner.is_gone(key).await
    }

    async fn is_own(&self, key: &Key) -> Result<bool, StoreError> {
        self.inner.is_own(key).await
    }

    async fn set_public(&self, key: &Key, is_public: bool) -> Result<(), StoreError> {
        self.while_allowed(self.inner.set_public(key, is_public)).await
    }

    async fn is_public(&self, key: &Key) -> Result<bool, StoreError> {
        self.inner.is_public(key).await
    }

    async fn check_places(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.inner.check_places(keys).await
    }

    async fn read(&self, key: &Key, span: Span) -> Result<Option<Content>, StoreError> {
        self.inner.read(key, span).await
    }

    async fn write(&self, key: &Key, body: Body, write: Write) -> Result<Stat, StoreError> {
        self.while_allowed(async {
            if write.condition == Condition::Always || !self.is_alone() {
                return self.inner.write(key, body, write).await;
            }
            let _lock = self.lock(key).await;
            let write = self.checked(key, write).await?;
            self.inner.write(key, body, write).await
        })
        .await
    }

    async fn copy(&self, from: &Key, to: &Key, write: Write) -> Result<Version, StoreError> {
        self.while_allowed(async {
            if write.condition == Condition::Always || !self.is_alone() {
                return self.inner.copy(from, to, write).await;
            }
            let _lock = self.lock(to).await;
            let write = self.checked(to, write).await?;
            self.inner.copy(from, to, write).await
        })
        .await
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.while_allowed(self.inner.delete(keys)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn page(&self, prefix: &str, depth: Depth, from: Option<&str>, most: usize) -> Result<Page, StoreError> {
        self.inner.page(prefix, depth, from, most).await
    }

    async fn abort_unfinished_uploads(&self, prefix: &str, before_milliseconds: i64) -> Result<usize, StoreError> {
        // whoever may write finishes or gives up what it began: these are older
        self.inner.abort_unfinished_uploads(prefix, before_milliseconds).await
    }

    async fn clock_milliseconds(&self) -> Result<i64, StoreError> {
        self.inner.clock_milliseconds().await
    }

    fn suspect_answers(&self) -> Option<String> {
        self.inner.suspect_answers()
    }

    fn presigned_url(&self, key: &Key, seconds: u64) -> Option<String> {
        self.inner.presigned_url(key, seconds)
    }
}
