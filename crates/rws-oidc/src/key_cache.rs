//! The keys of an issuer, kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::watch;

use crate::discovery::KeySource;
use crate::key_set::KeySet;
use crate::{Denied, IssuerSettings};

/// Between two fetches while there are keys: a token may name any key, and anybody can send one. In seconds.
const FETCH_PAUSE: i64 = 30;

/// Between two fetches while there are none, in seconds.
const FIRST_FETCH_PAUSE: i64 = 5;

/// Older keys are fetched again while they are used, in seconds.
const FRESH: i64 = 60 * 60;

/// Older keys are not used any more, in seconds.
const USABLE: i64 = 24 * 60 * 60;

/// How long a request waits for a fetch.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The keys of one issuer.
#[derive(Debug)]
pub struct KeyCache {
    source: KeySource,
    issuer: String,
    state: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: Option<Arc<KeySet>>,
    /// When the fetch of these keys began.
    fetched_at: i64,
    /// When the last fetch began.
    tried_at: Option<i64>,
    has_failed: bool,
    /// Its other end is dropped when the fetch is over.
    fetch: Option<watch::Receiver<()>>,
}

impl KeyCache {
    /// Nothing is fetched before it is needed.
    pub fn new(source: KeySource, settings: &IssuerSettings) -> Self {
        Self { source, issuer: settings.issuer.clone(), state: Mutex::default() }
    }

    /// A key; fetched where it is not known and there was no fetch a moment ago.
    pub async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
        now: i64,
    ) -> Result<DecodingKey, Denied> {
        let known = || self.keys(now).and_then(|keys| keys.find(id, algorithm).cloned());
        if let Some(key) = known() {
            if has_passed(self.kept().fetched_at, FRESH, now) {
                self.fetch(now);
            }
            return Ok(key);
        }
        if let Some(mut fetch) = self.fetch(now) {
            // an error says that it is over
            if tokio::time::timeout(MAX_WAIT, fetch.changed()).await.is_err() {
                return Err(Denied::KeysUnavailable);
            }
        }
        let key = known();
        let is_up_to_date = !self.kept().has_failed;
        key.ok_or(if is_up_to_date { Denied::UnknownKey } else { Denied::KeysUnavailable })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self, now: i64) -> Option<Arc<KeySet>> {
        let kept = self.kept();
        kept.keys.clone().filter(|_| now < kept.fetched_at.saturating_add(USABLE))
    }

    /// The fetch under way; a new one where there is none and the last one began long enough ago.
    fn fetch(self: &Arc<Self>, now: i64) -> Option<watch::Receiver<()>> {
        let has_keys = self.keys(now).is_some();
        let mut kept = self.kept();
        if let Some(fetch) = kept.fetch.as_ref().filter(|fetch| fetch.has_changed().is_ok()) {
            return Some(fetch.clone());
        }
        let pause = if has_keys { FETCH_PAUSE } else { FIRST_FETCH_PAUSE };
        if kept.tried_at.is_some_and(|tried_at| !has_passed(tried_at, pause, now)) {
            return None;
        }
        let (end, fetch) = watch::channel(());
        (kept.tried_at, kept.fetch, kept.has_failed) = (Some(now), Some(fetch.clone()), true);
        let this = Arc::clone(self);
        // it goes on when the request that needs it is gone: others wait for it
        tokio::spawn(async move {
            this.finish(this.source.fetch().await, now);
            drop(end);
        });
        Some(fetch)
    }

    fn finish(&self, fetched: Result<KeySet, crate::discovery::FetchError>, began: i64) {
        match fetched {
            Ok(keys) => {
                let mut kept = self.kept();
                (kept.keys, kept.fetched_at, kept.has_failed) = (Some(Arc::new(keys)), began, false);
            }
            Err(error) => {
                let (issuer, kept_keys) = (&self.issuer, self.kept().keys.is_some());
                tracing::warn!(%issuer, %error, kept_keys, "RWS cannot fetch the keys of an issuer of tokens");
            }
        }
    }
}

/// Whether so many seconds have passed. A clock that was set back counts as a long time.
fn has_passed(since: i64, seconds: i64, now: i64) -> bool {
    now < since || now >= since.saturating_add(seconds)
}
