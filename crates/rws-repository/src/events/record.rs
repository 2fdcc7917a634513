//! What an event says.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use rws_model::{RepositoryId, TargetPattern, sha256};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::EventKind;
use crate::audit::{self, AuditedPackage};
use crate::catalogue::{Catalogue, ConfiguredTarget};
use crate::generation::Generation;
use crate::upload::Upload;
use crate::{GenerationId, UploadId};

/// The version of the form.
const FORMAT: u32 = 1;

/// An event lists so many packages and uploads; of the rest it says how many they are.
const MAX_LISTED: usize = 1000;

/// So many characters of a reason are told.
const MAX_REASON_CHARACTERS: usize = 2000;

/// So many digits of a digest tell events of the same moment apart.
const DIGITS: usize = 16;

/// The name of an event: what happened, and which kind of event it is. Names of events of uploads and generations begin with
/// their time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(String);

impl EventId {
    fn new(what: &str, kind: EventKind) -> Self {
        Self(format!("{what}-{}", kind.word().replace('.', "-")))
    }

    /// Checks the text of a name.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (!text.is_empty() && text.len() <= 200 && text.bytes().all(is_plain)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An event as it lies in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    format: u32,
    /// The `type` that receivers see.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened (RFC 3339), where what happened says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// The commit that it reports, until it is known that this commit won.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// What there is to know.
    pub data: Value,
}

/// A commit that may have been lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The repository.
    pub repository: RepositoryId,
    /// The generation that becomes current by it.
    pub generation: GenerationId,
}

/// What cannot be published.
pub(super) enum Failed<'a> {
    /// One upload.
    Upload(&'a UploadId),
    /// Anything; this is the current generation, where it is known.
    Repository(Option<&'a GenerationId>),
}

impl StoredEvent {
    fn new(kind: EventKind, seconds: Option<i64>, data: Value) -> Self {
        let timestamp = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).map(|time| time.to_string());
        Self { format: FORMAT, kind: kind.word().to_owned(), timestamp, commit: None, data }
    }

    /// The same without the commit: it won.
    pub(super) fn confirmed(&self) -> Self {
        Self { commit: None, ..self.clone() }
    }

    /// Whether its form is one that this version of RWS reads.
    pub(super) fn is_readable(&self) -> bool {
        self.format == FORMAT
    }
}

/// A digest of some texts, cut to what tells events apart.
fn short(texts: &[&str]) -> String {
    let mut digest = sha256(texts.join("\n").as_bytes()).to_string();
    digest.truncate(DIGITS);
    digest
}

pub(super) fn published(
    target: &ConfiguredTarget,
    generation: &Generation,
    previous: Option<&GenerationId>,
    published_at: i64,
) -> (EventId, StoredEvent) {
    let repository = &generation.repository;
    let uploads: Vec<String> = generation.uploads.iter().take(MAX_LISTED).map(ToString::to_string).collect();
    let data = json!({
        "repository": repository.to_string(),
        "target": target.target.to_string(),
        "generation": generation.id.to_string(),
        "previous_generation": previous.map(ToString::to_string),
        "packages": generation.packages.len(),
        "uploads": uploads,
    });
    let kind = EventKind::RepositoryPublished;
    let commit = Commit { repository: repository.clone(), generation: generation.id.clone() };
    let event = StoredEvent { commit: Some(commit), ..StoredEvent::new(kind, Some(published_at), data) };
    (EventId::new(&format!("{}-{}", generation.id, short(&[&repository.to_string()])), kind), event)
}

/// What a subscriber of some targets is told of an accepted change; `None` where it is about none of them.
pub(super) fn accepted(
    catalogue: &Catalogue,
    upload: &Upload,
    kind: EventKind,
    pattern: &TargetPattern,
) -> Option<(EventId, StoredEvent)> {
    let (mut targets, mut packages) = (BTreeSet::new(), BTreeSet::<AuditedPackage>::new());
    for change in &upload.changes {
        let target = catalogue.repository(&change.repository).filter(|target| pattern.matches(&target.target));
        if let Some(target) = target {
            targets.insert(target.target.to_string());
            packages.insert(audit::package(catalogue, upload, change));
        }
    }
    if targets.is_empty() {
        return None;
    }
    let actor = upload.actor.as_ref();
    let is_covered = |path: &&String| pattern.covers(path.trim_matches('/'));
    let from = actor.filter(|_| kind == EventKind::PackagePromoted).and_then(|actor| actor.subject.as_ref());
    let more = packages.len().saturating_sub(MAX_LISTED);
    let data = json!({
        "upload": upload.id.to_string(),
        "verb": actor.map(|actor| &*actor.verb),
        "user": actor.and_then(|actor| actor.user.as_ref()),
        "from": from.filter(is_covered),
        "targets": targets,
        "packages": packages.into_iter().take(MAX_LISTED).collect::<Vec<_>>(),
        "more_packages": more,
    });
    let event = StoredEvent::new(kind, Some(upload.id.seconds()), data);
    Some((EventId::new(&upload.id.to_string(), kind), event))
}

pub(super) fn failed(
    target: &ConfiguredTarget,
    repository: &RepositoryId,
    what: Failed<'_>,
    reason: &str,
) -> (EventId, StoredEvent) {
    let kind = EventKind::RepositoryFailed;
    let name = repository.to_string();
    let (id, upload, seconds) = match what {
        Failed::Upload(upload) => (format!("{upload}-{}", short(&[&name])), Some(upload), Some(upload.seconds())),
        Failed::Repository(generation) => {
            let generation = generation.map_or_else(|| "none".to_owned(), ToString::to_string);
            (format!("{generation}-{}", short(&[&name, reason])), None, None)
        }
    };
    let data = json!({
        "repository": name,
        "target": target.target.to_string(),
        "upload": upload.map(ToString::to_string),
        "reason": reason.chars().take(MAX_REASON_CHARACTERS).collect::<String>(),
    });
    (EventId::new(&id, kind), StoredEvent::new(kind, seconds, data))
}

pub(super) fn key(name: &str, fingerprint: &str, warning: &str) -> (EventId, StoredEvent) {
    let kind = EventKind::KeyWarning;
    let data = json!({ "key": name, "fingerprint": fingerprint, "warning": warning });
    let id = format!("key-{}", short(&[name, fingerprint, warning]));
    (EventId::new(&id, kind), StoredEvent::new(kind, None, data))
}
