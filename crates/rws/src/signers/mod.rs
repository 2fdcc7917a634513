//! Keys that are not in this process: another program signs with them, or a gpg-agent.

mod agent;
mod command;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rws_model::{SignError, SigningRequest};
use rws_openpgp::{KeySignature, KeySigner, PublicKey, SignatureDraft, SignatureKind};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::configuration::keys::{Output, Place};

/// So many signatures are asked for at once; others wait for their turn.
const AT_ONCE: usize = 4;

/// What does not answer is asked again after this time at the latest.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Whether the last signature was made.
#[derive(Debug, Default)]
struct Health {
    failures: u32,
    /// What went wrong last, and when it may be asked again.
    problem: Option<(String, Instant)>,
    /// What the program or agent said of it.
    detail: Option<String>,
}

/// A key that signs elsewhere.
#[derive(Debug)]
pub struct ExternalSigner {
    place: Place,
    public: PublicKey,
    timeout: Duration,
    permits: Semaphore,
    health: Mutex<Health>,
}

impl ExternalSigner {
    /// A key whose secret half is at a place. Nothing is asked of it yet.
    pub fn new(place: Place, public: PublicKey, timeout: Duration) -> Self {
        Self { place, public, timeout, permits: Semaphore::new(AT_ONCE), health: Mutex::default() }
    }

    /// What went wrong with the last signature; `None` when it was made.
    pub fn problem(&self) -> Option<String> {
        self.health().problem.as_ref().map(|(reason, _)| reason.clone())
    }

    /// The same with what the program or agent said, for operators.
    pub fn detailed_problem(&self) -> Option<String> {
        let detail = self.health().detail.clone();
        self.problem().map(|problem| detail.unwrap_or(problem))
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What does not answer is left in peace for a while, longer each time: nobody waits for a time-out meanwhile.
    fn pause(&self) -> Option<String> {
        let health = self.health();
        let (reason, until) = health.problem.as_ref()?;
        (*until > Instant::now()).then(|| reason.clone())
    }

    fn note(&self, outcome: Result<(), &str>) {
        let mut health = self.health();
        match outcome {
            Ok(()) => *health = Health::default(),
            Err(reason) => {
                health.failures = health.failures.saturating_add(1);
                let pause = Duration::from_millis(500 << health.failures.min(6)).min(LONGEST_PAUSE);
                health.problem = Some((reason.to_owned(), Instant::now() + pause));
            }
        }
    }

    /// A signature, or what the program or agent says instead.
    async fn ask(&self, kind: SignatureKind, request: SigningRequest<'_>) -> Result<KeySignature, String> {
        let draft = || SignatureDraft::new(&self.public, kind, request.bytes, request.signed_at);
        match &self.place {
            Place::Command { command, output: Output::OpenPgp } => {
                let asked = command::Asked { purpose: request.purpose, hash: None, bytes: request.bytes };
                let answer = command::run(command, &asked).await?;
                KeySignature::from_packet(&answer).map_err(|error| {
                    let hint = if answer.starts_with(b"-----BEGIN") { "; it has ASCII armour" } else { "" };
                    let name = command::name(command);
                    format!("{name} did not answer with one binary OpenPGP signature: {error}{hint}")
                })
            }
            Place::Command { command, output: Output::Raw } => {
                let draft = draft().map_err(|error| error.to_string())?;
                let hash = draft.hash();
                let asked = command::Asked { purpose: request.purpose, hash: Some(&hash), bytes: draft.digest() };
                let answer = command::run(command, &asked).await?;
                draft.finish(&answer).map_err(|error| format!("{}: {error}", command::name(command)))
            }
            Place::Agent { socket } => {
                let draft = draft().map_err(|error| error.to_string())?;
                let raw = agent::sign(socket, &self.public, &draft).await;
                let raw = raw.map_err(|error| format!("the gpg-agent at {}: {error}", socket.display()))?;
                draft.finish(&raw)
            }
        }
    }
}

#[async_trait]
impl KeySigner for ExternalSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    async fn signature(&self, kind: SignatureKind, request: SigningRequest<'_>) -> Result<KeySignature, SignError> {
        let failed = |reason: String| SignError { key: self.public.fingerprint().to_owned(), reason };
        if let Some(reason) = self.pause() {
            return Err(failed(reason));
        }
        // the semaphore is never closed
        let _permit = self.permits.acquire().await;
        // those that waited wait for no further time-out
        if let Some(reason) = self.pause() {
            return Err(failed(reason));
        }
        self.health().detail = None;
        let made = match timeout(self.timeout, self.ask(kind, request)).await {
            Ok(Ok(signature)) => match self.public.objection(&signature, kind, request) {
                None => Ok(signature),
                Some(objection) => Err(objection),
            },
            Ok(Err(detail)) => {
                // what a program says may be for nobody else: reasons are shown to readers
                tracing::error!(key = self.public.fingerprint(), reason = detail, "a key could not sign");
                self.health().detail = Some(detail);
                Err("the last signature failed; the log of RWS says why".to_owned())
            }
            Err(_) => Err(format!("it did not answer within {} s", self.timeout.as_secs())),
        };
        self.note(made.as_ref().map(|_| ()).map_err(String::as_str));
        made.map_err(failed)
    }
}
