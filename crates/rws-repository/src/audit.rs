//! The audit: every accepted change, as its upload object says it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use futures::{Stream, TryStreamExt, stream};
use jiff::Timestamp;
use rws_model::{FileName, Identity, PackageName, RepositoryId, Sha256, glob_matches};
use rws_store::{Depth, DirectoryEntry, Span, Store};
use serde::Serialize;

use crate::actor::Actor;
use crate::catalogue::Catalogue;
use crate::upload::{Upload, UploadChange};
use crate::{RepositoryError, UploadId, private, reading};

/// How many names the store is asked for at once.
const PAGE: usize = 1000;

/// Which changes are wanted. What is not said stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those from this time on, in seconds since 1970.
    pub since: Option<i64>,
    /// Those before this time.
    pub until: Option<i64>,
    /// Those of this user.
    pub user: Option<String>,
    /// Those of targets of this pattern.
    pub target: Option<String>,
    /// Those of this verb.
    pub verb: Option<String>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// When it was asked for (RFC 3339).
    pub time: Option<String>,
    /// The name of the upload.
    pub upload: String,
    /// What was asked for; `None` for an upload of an earlier version.
    pub verb: Option<String>,
    /// What it is about, where that is no package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The user; `None`: RWS itself.
    pub user: Option<String>,
    /// What else is known of how the user logged in.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// The address of the client.
    pub address: Option<IpAddr>,
    /// The name of the request.
    pub request: Option<String>,
    /// The targets that change.
    pub targets: Vec<String>,
    /// What comes and goes.
    pub packages: Vec<AuditedPackage>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The repositories of an upload; none where it is not there any more.
///
/// # Errors
///
/// When the store fails.
pub async fn repositories(store: &dyn Store, id: &UploadId) -> Result<BTreeSet<RepositoryId>, RepositoryError> {
    let upload = reading::upload(store, id).await?;
    Ok(upload.iter().flat_map(Upload::repositories).cloned().collect())
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// A repository does not have it yet.
    Pending,
    /// All repositories have, or had it.
    Published,
    /// It could not be carried out.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A package of a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AuditedPackage {
    /// `put`, or `remove`.
    pub action: &'static str,
    /// Its name; of what is no package: what the repository calls it.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its architecture.
    pub architecture: Option<String>,
    /// The name of its file.
    pub file: Option<FileName>,
    /// The content of that, as it was uploaded.
    pub sha256: Option<Sha256>,
}

/// The changes that are wanted, oldest first. Each upload is read when its record is asked for, and nothing of it stays in memory.
///
/// # Errors
///
/// When the store fails. An upload that cannot be read is left out.
pub async fn records(
    store: Arc<dyn Store>,
    catalogue: Arc<Catalogue>,
    filter: AuditFilter,
) -> Result<impl Stream<Item = Result<AuditRecord, RepositoryError>> + Send + 'static, RepositoryError> {
    let uploads = uploads(&*store, &filter).await?;
    // behind the uploads: one that has no pointer now has been taken by all of its repositories
    let pointers = store.list(private::PENDING).await?;
    let pending: BTreeSet<UploadId> =
        pointers.iter().filter_map(|one| private::pointer_parts(&one.key)).map(|(_, id)| id).collect();
    let mut failed: BTreeMap<UploadId, rws_store::Key> = BTreeMap::new();
    for listed in store.list(private::FAILED).await? {
        failed.extend(private::failed_upload(&listed.key).map(|id| (id, listed.key)));
    }
    let reading = Arc::new((store, catalogue, filter, pending, failed));
    let records = stream::iter(uploads.into_iter().map(Ok)).try_filter_map(move |id| {
        let reading = Arc::clone(&reading);
        async move {
            let (store, catalogue, filter, pending, failed) = &*reading;
            let Some(upload) = reading::upload(&**store, &id).await? else { return Ok(None) };
            let outcome = match failed.get(&id) {
                Some(note) => Outcome::Failed { reason: text(&**store, note).await? },
                None if pending.contains(&id) => Outcome::Pending,
                None => Outcome::Published,
            };
            Ok(Some(record(catalogue, upload, outcome)).filter(|record| filter.takes(record)))
        }
    });
    Ok(records)
}

impl AuditFilter {
    fn takes(&self, record: &AuditRecord) -> bool {
        let fits = |wanted: &Option<String>, text: &Option<String>| wanted.is_none() || wanted == text;
        let of_target = |pattern: &String| record.targets.iter().any(|target| glob_matches(pattern, target));
        fits(&self.user, &record.user) && fits(&self.verb, &record.verb) && self.target.iter().all(of_target)
    }
}

/// The names of uploads of a time, in their order.
async fn uploads(store: &dyn Store, filter: &AuditFilter) -> Result<Vec<UploadId>, RepositoryError> {
    let (mut uploads, mut next) = (Vec::new(), None);
    loop {
        let page = store.page(private::UPLOADS, Depth::Directory, next.as_deref(), PAGE).await?;
        for entry in page.entries {
            let DirectoryEntry::File(name, _) = entry else { continue };
            let Some(id) = name.strip_suffix(".json").and_then(UploadId::parse) else { continue };
            let seconds = id.seconds();
            if filter.since.is_none_or(|since| seconds >= since) && filter.until.is_none_or(|until| seconds < until) {
                uploads.push(id);
            }
        }
        next = page.next;
        if next.is_none() {
            uploads.sort();
            return Ok(uploads);
        }
    }
}

async fn text(store: &dyn Store, key: &rws_store::Key) -> Result<String, RepositoryError> {
    let Some(content) = store.read(key, Span::Whole).await? else { return Ok(String::new()) };
    Ok(String::from_utf8_lossy(&content.collect().await?).into_owned())
}

fn record(catalogue: &Catalogue, upload: Upload, outcome: Outcome) -> AuditRecord {
    let (mut targets, mut packages) = (BTreeSet::new(), BTreeSet::new());
    for change in &upload.changes {
        targets.insert(target(catalogue, &change.repository));
        packages.insert(package(catalogue, &upload, change));
    }
    let (id, actor) = (upload.id, upload.actor);
    let Actor { verb, subject, repositories, user, claims, address, request } =
        actor.clone().unwrap_or_else(|| Actor::itself(""));
    targets.extend(repositories.iter().map(|repository| target(catalogue, repository)));
    AuditRecord {
        time: Timestamp::from_second(id.seconds()).ok().map(|time| time.to_string()),
        upload: id.to_string(),
        verb: actor.map(|_| verb.into_owned()),
        subject,
        user,
        claims,
        address,
        request,
        targets: targets.into_iter().collect(),
        packages: packages.into_iter().collect(),
        outcome,
    }
}

/// The target of a repository; the repository itself where it is not configured any more.
fn target(catalogue: &Catalogue, repository: &RepositoryId) -> String {
    catalogue.repository(repository).map_or_else(|| repository.to_string(), |target| target.target.to_string())
}

/// What a change of an upload is about.
pub(crate) fn package(catalogue: &Catalogue, upload: &Upload, change: &UploadChange) -> AuditedPackage {
    let record = change.record.and_then(|position| upload.records.get(position));
    let first = record.and_then(|record| record.files.first()).map(|file| &file.name);
    let file = first.or_else(|| change.was.as_ref().map(|was| &was.name));
    let format = catalogue.repository(&change.repository).map(|target| &target.format);
    let named = format.and_then(|format| format.package_name(&change.identity, file));
    let Identity(identity) = &change.identity;
    let (name, version, architecture) = match named {
        Some(PackageName { name, version, architecture }) => (name, Some(version), Some(architecture)),
        None => (identity.clone(), None, None),
    };
    AuditedPackage {
        action: if change.record.is_some() { "put" } else { "remove" },
        name,
        version,
        architecture,
        file: file.cloned(),
        sha256: record.and_then(rws_model::Record::uploaded).or_else(|| change.was.as_ref().map(|was| was.sha256)),
    }
}
