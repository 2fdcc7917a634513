//! One receiver, and what waits for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use jiff::Timestamp;
use metrics::{counter, gauge};
use rws_http::{Client, ClientSettings, HttpError, Request};
use rws_repository::RepositoryError;
use rws_repository::events::{EventId, Lease, Outbox, StoredEvent, WaitingEvent};
use rws_store::{Store, WriteAccess};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::WebhookSettings;

/// How often it is looked what other replicas, or processes that died, left.
const LOOK: Duration = Duration::from_secs(30);

/// From the start of a request to the last byte of its answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// So much of an answer is read, and thrown away.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// A lease that is older than that is renewed before a try, so that it lasts longer than the try.
const RENEWED: Duration = Duration::from_secs(5);

/// The pause after a first failure of an event; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two tries of one event.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The longest pause after failures of whatever events: a receiver that is there again gets what is new soon.
const LONGEST_PAUSE_OF_RECEIVER: Duration = Duration::from_secs(30);

/// After so many failures in a row a success means that the receiver is there again: all is tried at once.
const DOWN_AFTER: u32 = 3;

/// What could not be delivered for so long is given up.
const GIVEN_UP_MILLISECONDS: i64 = 3 * 24 * 60 * 60 * 1000;

/// So many events wait; of more the oldest are given up.
const MAX_WAITING: usize = 10_000;

/// The event of a commit that is not seen to have won is looked at again soon, while its publisher may be about to commit.
const COMMITS_WITHIN_MILLISECONDS: i64 = 60_000;
const LOOKED_AT_SOON: Duration = Duration::from_secs(2);
const LOOKED_AT_LATER: Duration = Duration::from_secs(10 * 60);

/// No publisher commits so late: the event is deleted.
const NEVER_COMMITTED_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;

/// One receiver.
pub(super) struct Receiver {
    settings: WebhookSettings,
    subscriber: String,
    store: Arc<dyn Store>,
    client: Client,
    /// Who this process is to other replicas.
    holder: Uuid,
    /// When the lease was taken, or renewed, where this process has it.
    lease: Option<Instant>,
    tries: HashMap<EventId, Tries>,
    /// Failures in a row.
    failures: u32,
    /// Nothing is tried before.
    not_before: Instant,
}

/// What became of one event so far.
struct Tries {
    failures: u32,
    not_before: Instant,
}

impl Default for Tries {
    fn default() -> Self {
        Self { failures: 0, not_before: Instant::now() }
    }
}

/// How a try ended.
enum Tried {
    Delivered,
    Failed(String),
    /// It is not to be delivered, or not yet.
    Not(Duration),
    /// It means nothing any more.
    Void,
}

impl Receiver {
    pub(super) fn new(settings: &WebhookSettings, store: Arc<dyn Store>) -> Result<Self, HttpError> {
        let ca_file = settings.ca_file.clone();
        let client = Client::new(&ClientSettings { ca_file, timeout: TIMEOUT, max_answer_bytes: MAX_ANSWER_BYTES })?;
        for outcome in ["delivered", "failed"] {
            let name = settings.name.clone();
            counter!("rws_webhook_deliveries_total", "webhook" => name, "outcome" => outcome).increment(0);
        }
        counter!("rws_webhook_given_up_total", "webhook" => settings.name.clone()).increment(0);
        Ok(Self {
            subscriber: settings.subscriber().id,
            settings: settings.clone(),
            store,
            client,
            holder: Uuid::new_v4(),
            lease: None,
            tries: HashMap::new(),
            failures: 0,
            not_before: Instant::now(),
        })
    }

    /// Delivers for ever, while this process may write.
    pub(super) async fn keep(mut self, mut written: watch::Receiver<u64>, mut writing: watch::Receiver<WriteAccess>) {
        loop {
            // a sender that is gone does not change its mind
            _ = writing.wait_for(WriteAccess::is_allowed).await;
            written.mark_unchanged();
            let pause = match self.pass().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(webhook = self.settings.name, %error, "RWS cannot look for events; it tries again");
                    LOOK
                }
            };
            let pause = tokio::time::sleep(pause);
            tokio::select! {
                () = pause => {}
                // the sender lives as long as the publisher
                _ = written.changed() => {}
            }
        }
    }

    /// Delivers what waits. Answers when there is something to do again.
    async fn pass(&mut self) -> Result<Duration, RepositoryError> {
        let store = Arc::clone(&self.store);
        let subscriber = self.subscriber.clone();
        let outbox = Outbox { store: &*store, subscriber: &subscriber };
        let mut waiting = outbox.list().await?;
        let now = store.clock_milliseconds().await?;
        self.measure(&waiting, now);
        if waiting.is_empty() {
            self.tries.clear();
            if self.lease.take().is_some() {
                outbox.release_lease(self.holder).await?;
            }
            return Ok(LOOK);
        }
        let known: HashSet<&EventId> = waiting.iter().map(|one| &one.id).collect();
        self.tries.retain(|id, _| known.contains(id));
        if let Some(pause) = self.lease(&outbox).await? {
            return Ok(pause);
        }
        self.give_up(&outbox, &mut waiting, now).await?;
        for one in &waiting {
            let moment = Instant::now();
            if self.not_before > moment {
                break;
            }
            if self.tries.get(&one.id).is_some_and(|tries| tries.not_before > moment) {
                continue;
            }
            if let Some(pause) = self.lease(&outbox).await? {
                return Ok(pause);
            }
            let tried = self.attempt(&outbox, one, now).await?;
            self.note(&outbox, one, tried).await?;
        }
        let times = waiting.iter().map(|one| self.tries.get(&one.id).map_or(self.not_before, |tries| tries.not_before));
        let next = times.min().unwrap_or(self.not_before).max(self.not_before);
        Ok(next.saturating_duration_since(Instant::now()).min(LOOK))
    }

    fn measure(&self, waiting: &[WaitingEvent], now: i64) {
        let name = || self.settings.name.clone();
        gauge!("rws_webhook_pending", "webhook" => name()).set(waiting.len() as f64);
        let oldest = waiting.first().map_or(0, |one| (now - one.since_milliseconds).max(0));
        gauge!("rws_webhook_oldest_pending_seconds", "webhook" => name()).set(oldest as f64 / 1000.0);
    }

    /// Takes the lease, or renews it where it is old; how long to wait where another replica has it.
    async fn lease(&mut self, outbox: &Outbox<'_>) -> Result<Option<Duration>, RepositoryError> {
        if self.lease.is_some_and(|taken| taken.elapsed() < RENEWED) {
            return Ok(None);
        }
        let before = Instant::now();
        self.lease = None;
        match outbox.take_lease(self.holder).await? {
            Lease::Own(_) => {
                self.lease = Some(before);
                Ok(None)
            }
            Lease::Other(until) => {
                let left = until - outbox.store.clock_milliseconds().await?;
                Ok(Some(Duration::from_millis(left.max(0).unsigned_abs()) + jittered(FIRST_PAUSE)))
            }
        }
    }

    /// Forgets what waits for too long, and what is too much.
    async fn give_up(
        &mut self,
        outbox: &Outbox<'_>,
        waiting: &mut Vec<WaitingEvent>,
        now: i64,
    ) -> Result<(), RepositoryError> {
        let old = waiting.partition_point(|one| now - one.since_milliseconds > GIVEN_UP_MILLISECONDS);
        let lost: Vec<WaitingEvent> = waiting.drain(..old.max(waiting.len().saturating_sub(MAX_WAITING))).collect();
        if lost.is_empty() {
            return Ok(());
        }
        outbox.forget(lost.iter().map(|one| &one.id)).await?;
        counter!("rws_webhook_given_up_total", "webhook" => self.settings.name.clone()).increment(lost.len() as u64);
        tracing::error!(
            webhook = self.settings.name, events = lost.len(), first = %lost[0].id,
            "RWS gave up events that it could not deliver; the receiver has to ask for what it missed (/-/audit)"
        );
        Ok(())
    }

    /// Tries to deliver an event.
    async fn attempt(&self, outbox: &Outbox<'_>, waiting: &WaitingEvent, now: i64) -> Result<Tried, RepositoryError> {
        let Some(event) = outbox.read(&waiting.id).await? else { return Ok(Tried::Not(LOOKED_AT_LATER)) };
        if !outbox.is_final(&event).await? {
            let age = now - waiting.since_milliseconds;
            return Ok(match age {
                _ if age > NEVER_COMMITTED_MILLISECONDS => Tried::Void,
                _ if age > COMMITS_WITHIN_MILLISECONDS => Tried::Not(LOOKED_AT_LATER),
                _ => Tried::Not(LOOKED_AT_SOON),
            });
        }
        let reason = match self.client.send(&self.request(waiting, &event)).await {
            Ok(answer) if answer.status.is_success() => return Ok(Tried::Delivered),
            Ok(answer) if answer.status.is_redirection() => {
                format!("it answers {}, and RWS follows no redirect: configure its real URL", answer.status)
            }
            Ok(answer) => format!("it answers {}", answer.status),
            Err(error) => error.to_string(),
        };
        // the head does not know for ever that the commit won
        outbox.confirm(&waiting.id, &event).await?;
        Ok(Tried::Failed(reason))
    }

    /// Notes how a try ended.
    async fn note(&mut self, outbox: &Outbox<'_>, waiting: &WaitingEvent, tried: Tried) -> Result<(), RepositoryError> {
        let count = |outcome: &'static str| {
            let name = self.settings.name.clone();
            counter!("rws_webhook_deliveries_total", "webhook" => name, "outcome" => outcome).increment(1);
        };
        let name = &self.settings.name;
        match tried {
            Tried::Void => outbox.forget([&waiting.id]).await?,
            Tried::Not(pause) => {
                let tries = self.tries.entry(waiting.id.clone()).or_default();
                tries.not_before = Instant::now() + pause;
            }
            Tried::Delivered => {
                count("delivered");
                tracing::debug!(webhook = name, event = %waiting.id, "delivered");
                if self.failures >= DOWN_AFTER {
                    tracing::info!(webhook = name, "the receiver takes events again");
                    self.tries.values_mut().for_each(|tries| tries.not_before = Instant::now());
                }
                (self.failures, self.not_before) = (0, Instant::now());
                // before anything else: a process that dies now delivers it once more
                outbox.forget([&waiting.id]).await?;
                self.tries.remove(&waiting.id);
            }
            Tried::Failed(reason) => {
                count("failed");
                self.failures = self.failures.saturating_add(1);
                let tries = self.tries.entry(waiting.id.clone()).or_default();
                tries.failures = tries.failures.saturating_add(1);
                tries.not_before = Instant::now() + pause(tries.failures, LONGEST_PAUSE);
                self.not_before = Instant::now() + pause(self.failures, LONGEST_PAUSE_OF_RECEIVER);
                // an outage of hours is said again and again, and does not fill the log
                match self.failures.is_power_of_two() {
                    true => tracing::warn!(
                        webhook = name, event = %waiting.id, failures = self.failures,
                        "RWS could not deliver an event: {reason}; it tries again for three days"
                    ),
                    false => tracing::debug!(webhook = name, event = %waiting.id, reason, "not delivered"),
                }
            }
        }
        Ok(())
    }

    fn request(&self, waiting: &WaitingEvent, event: &StoredEvent) -> Request {
        let written = || Timestamp::from_millisecond(waiting.since_milliseconds).unwrap_or_default().to_string();
        let timestamp = event.timestamp.clone().unwrap_or_else(written);
        let body = json!({ "type": event.kind, "timestamp": timestamp, "data": event.data }).to_string();
        let id = waiting.id.to_string();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let signature = self.settings.secret.sign(&id, seconds, body.as_bytes());
        Request::new(Method::POST, self.settings.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature)
            .body(body.into_bytes())
    }
}

/// How long to wait after so many failures in a row.
fn pause(failures: u32, longest: Duration) -> Duration {
    jittered(FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest))
}

/// Half of a time up to all of it, so that what failed at once is not tried again at once.
fn jittered(time: Duration) -> Duration {
    let random = f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    time.mul_f64(0.5 + random / 2.0)
}
