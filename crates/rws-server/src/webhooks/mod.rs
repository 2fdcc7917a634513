//! Webhooks: what happens is told to the receivers that are configured, as the Standard Webhooks specification says.
//!
//! Events wait in the store ([`rws_repository::events`]), so that any replica delivers them; one at a time does so for each
//! receiver. What fails is tried again with growing pauses for three days.

mod receiver;
mod signature;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rws_http::HttpError;
use rws_model::{TargetPattern, sha256};
use rws_repository::events::{EventKind, Events, Subscriber};
use rws_store::{Store, WriteAccess};
use tokio::sync::watch;

use crate::service::Service;
use receiver::Receiver;
pub use signature::{SecretError, WebhookSecret};

/// How often the keys are looked at.
const KEYS: Duration = Duration::from_secs(60);

/// So many digits of the digest of a URL name its directory in the store.
const ID_DIGITS: usize = 32;

/// One receiver, as it is configured.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// What logs and metrics call it. The URL may hold a secret.
    pub name: String,
    /// Where events are sent.
    pub url: String,
    /// What signs them.
    pub secret: WebhookSecret,
    /// PEM file of certificate authorities to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// Which events.
    pub kinds: BTreeSet<EventKind>,
    /// Of which targets.
    pub pattern: TargetPattern,
}

impl WebhookSettings {
    /// What is written down for it. A receiver is the same one as long as its URL is.
    pub fn subscriber(&self) -> Subscriber {
        let mut id = sha256(self.url.as_bytes()).to_string();
        id.truncate(ID_DIGITS);
        Subscriber { id, kinds: self.kinds.clone(), pattern: self.pattern.clone() }
    }
}

/// Delivers events to all receivers.
pub struct Webhooks {
    receivers: Vec<Receiver>,
    store: Arc<dyn Store>,
    events: Arc<Events>,
}

impl Webhooks {
    /// Delivers to these receivers what `events` wrote down.
    ///
    /// # Errors
    ///
    /// When a file of certificate authorities cannot be used.
    pub fn new(settings: &[WebhookSettings], store: &Arc<dyn Store>, events: &Arc<Events>) -> Result<Self, HttpError> {
        let receivers = settings.iter().map(|one| Receiver::new(one, Arc::clone(store))).collect::<Result<_, _>>()?;
        Ok(Self { receivers, store: Arc::clone(store), events: Arc::clone(events) })
    }

    /// Delivers for ever, while this process may write. Each receiver has a task of its own.
    pub fn keep(self, service: Arc<Service>) {
        if self.receivers.is_empty() {
            return;
        }
        for receiver in self.receivers {
            tokio::spawn(receiver.keep(self.events.written(), service.writing.clone()));
        }
        tokio::spawn(tell_of_keys(service, self.store, self.events));
    }
}

/// Writes down what is to be said of keys, each warning once.
async fn tell_of_keys(service: Arc<Service>, store: Arc<dyn Store>, events: Arc<Events>) {
    let mut writing: watch::Receiver<WriteAccess> = service.writing.clone();
    let mut told: HashSet<(String, String)> = HashSet::new();
    loop {
        // a sender that is gone does not change its mind
        _ = writing.wait_for(WriteAccess::is_allowed).await;
        for key in (service.key_states)() {
            let problem = key.problem.map(|problem| format!("the key cannot sign: {problem}"));
            for warning in key.warnings.into_iter().chain(problem) {
                let one = (key.fingerprint.clone(), warning);
                if told.contains(&one) {
                    continue;
                }
                match events.note_key(&*store, (&key.name, &key.fingerprint), &one.1).await {
                    Ok(()) => _ = told.insert(one),
                    Err(error) => tracing::warn!(key = key.name, %error, "RWS could not write the event of a key"),
                }
            }
        }
        tokio::time::sleep(KEYS).await;
    }
}
