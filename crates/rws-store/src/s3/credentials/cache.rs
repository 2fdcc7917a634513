//! The keys in use. They are fetched again before they end, by one task at a time, while the old ones serve.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::chain::{Chain, ChainError};
use super::{S3Credentials, SessionKeys};
use crate::s3::failure::Failure;

/// Between two fetches.
const PAUSE: Duration = Duration::from_secs(1);

/// Between two fetches when the last one has failed and there are good keys.
const LONG_PAUSE: Duration = Duration::from_secs(10);

/// How long a request waits for keys: longer than all sources together.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The keys of a store. A clone shares them.
#[derive(Clone)]
pub struct CredentialCache(Arc<Shared>);

struct Shared {
    /// Where they come from; `None`: they are fixed.
    chain: Option<Chain>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<SessionKeys>>,
    /// In milliseconds since 1970.
    refresh_at: Option<i64>,
    /// Why the last fetch had none.
    error: Option<ChainError>,
    /// When the last fetch began.
    tried_at: Option<Instant>,
    /// Its other end is dropped when the fetch is over.
    fetch: Option<watch::Receiver<()>>,
}

impl fmt::Debug for CredentialCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CredentialCache").field("chain", &self.0.chain.is_some()).finish_non_exhaustive()
    }
}

impl CredentialCache {
    /// Nobody is asked yet.
    pub fn new(credentials: &S3Credentials, region: &str, ca_file: Option<&Path>) -> Result<Self, rws_http::HttpError> {
        let (chain, keys) = match credentials {
            S3Credentials::Keys(keys) => (None, Some(Arc::new(SessionKeys::new(keys.clone(), None)))),
            S3Credentials::Aws(variables) => (Some(Chain::new(variables, region, ca_file)?), None),
        };
        Ok(Self(Arc::new(Shared { chain, state: Mutex::new(State { keys, ..State::default() }) })))
    }

    /// Keys that are good at a time in milliseconds since 1970. Waits for them where there are none.
    pub async fn current(&self, now: i64) -> Result<Arc<SessionKeys>, Failure> {
        if let Some(keys) = self.at_hand(now) {
            return Ok(keys);
        }
        self.fetch(now).await;
        self.at_hand(now).ok_or_else(|| match &self.state().error {
            Some(error) if error.may_pass => Failure::without_keys(&error.message, true),
            Some(error) => Failure::without_keys(&error.message, false),
            None => Failure::without_keys("RWS has no keys for the store: their source does not answer", true),
        })
    }

    /// Keys that are good, without waiting. They are fetched again in the background when that is due.
    pub fn at_hand(&self, now: i64) -> Option<Arc<SessionKeys>> {
        let (keys, is_due) = {
            let state = self.state();
            let keys = state.keys.clone().filter(|keys| keys.are_good(now))?;
            (keys, state.refresh_at.is_some_and(|time| now >= time))
        };
        if is_due {
            self.begin(now);
        }
        Some(keys)
    }

    /// Fetches other keys in place of some that the store has refused as ended. Says whether there are others now; where there
    /// are none, the old ones stay.
    pub async fn renew(&self, refused: &SessionKeys, now: i64) -> bool {
        let are_others = || self.state().keys.as_ref().is_some_and(|keys| keys.credentials != refused.credentials);
        if !are_others() {
            self.fetch(now).await;
        }
        are_others()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the fetch under way, or for a new one.
    async fn fetch(&self, now: i64) {
        if let Some(mut fetch) = self.begin(now) {
            // an error says that it is over
            _ = tokio::time::timeout(MAX_WAIT, fetch.changed()).await;
        }
    }

    /// The fetch under way; a new one where there is none and the last one began long enough ago.
    fn begin(&self, now: i64) -> Option<watch::Receiver<()>> {
        self.0.chain.as_ref()?;
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let mut state = self.state();
        if let Some(fetch) = state.fetch.as_ref().filter(|fetch| fetch.has_changed().is_ok()) {
            return Some(fetch.clone());
        }
        let has_good = state.keys.as_ref().is_some_and(|keys| keys.are_good(now));
        let pause = if has_good && state.error.is_some() { LONG_PAUSE } else { PAUSE };
        if state.tried_at.is_some_and(|tried_at| tried_at.elapsed() < pause) {
            return None;
        }
        let (end, fetch) = watch::channel(());
        (state.tried_at, state.fetch) = (Some(Instant::now()), Some(fetch.clone()));
        let this = self.clone();
        // it goes on when the request that needs it is gone: others wait for it
        runtime.spawn(async move {
            if let Some(chain) = &this.0.chain {
                this.finish(chain.keys().await, now);
            }
            drop(end);
        });
        Some(fetch)
    }

    fn finish(&self, fetched: Result<SessionKeys, ChainError>, began: i64) {
        let mut state = self.state();
        match fetched {
            Ok(keys) => {
                state.refresh_at = keys.refresh_at(began);
                (state.keys, state.error) = (Some(Arc::new(keys)), None);
            }
            Err(error) => {
                if state.error.as_ref() != Some(&error) {
                    let has_others = state.keys.is_some();
                    tracing::warn!(%error, has_others, "RWS cannot fetch keys for the store");
                }
                state.error = Some(error);
            }
        }
    }
}
