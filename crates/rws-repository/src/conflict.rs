//! Other bytes for a package that is there, in repositories whose policy refuses them.
//!
//! Two uploads at the same time are settled before either is answered: the one that creates the claim of the identity first
//! goes on. A claim goes when the upload is published; then the generation has the package. A claim that is left behind is
//! taken over after some minutes.

use std::collections::BTreeSet;
use std::sync::Arc;

use rws_model::{Assembled, Identity, Record, RepositoryId, Sha256};
use rws_store::{Condition, Key, ObjectClass, Store, StoreError, Write};
use serde::{Deserialize, Serialize};

use crate::catalogue::{ConfiguredTarget, OnConflict};
use crate::error::{Conflict, IntakeError, Present};
use crate::presence::{ConflictingFile, NewFile, Presence, Presences};
use crate::upload::Upload;
use crate::{RepositoryError, UploadId, private, reading};

/// From a claim to the upload object it takes seconds; a claim that old is of a process that died.
const ABANDONED_MILLISECONDS: i64 = 10 * 60 * 1000;

/// What an identity is about to become.
#[derive(Serialize, Deserialize)]
struct Claim {
    upload: UploadId,
    content: Sha256,
}

/// Whose claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claimed {
    /// This upload's, written just now.
    New,
    /// One of the same bytes.
    Before,
    /// One of other bytes.
    ByOthers,
}

/// What an upload makes of one identity in one repository that refuses other bytes.
struct Wanted<'a> {
    repository: &'a RepositoryId,
    identity: &'a Identity,
    content: Sha256,
    file: String,
}

/// The repositories that an upload changes, each with its target.
fn repositories<'a>(
    upload: &Upload,
    targets: &'a [Arc<ConfiguredTarget>],
) -> Vec<(&'a ConfiguredTarget, RepositoryId)> {
    let changed = upload.repositories();
    let of_target = |target: &'a Arc<ConfiguredTarget>| {
        let all = target.repositories().into_iter().filter(|repository| changed.contains(repository));
        all.map(|repository| (&**target, repository)).collect::<Vec<_>>()
    };
    targets.iter().flat_map(of_target).collect()
}

/// What an upload makes of its packages in one repository.
fn wanted<'a>(repository: &'a RepositoryId, records: impl Iterator<Item = &'a Record>) -> Vec<Wanted<'a>> {
    let of_record = |record: &'a Record| {
        let file = record.files.first()?;
        let (content, file) = (record.uploaded()?, file.name.to_string());
        Some(Wanted { repository, identity: &record.identity, content, file })
    };
    records.filter_map(of_record).collect()
}

/// Whether a target refuses other bytes for a package that is there.
fn refuses(target: &ConfiguredTarget) -> bool {
    target.policy.on_conflict == OnConflict::Refuse
}

/// Refuses packages of one target that are there with other bytes, where that is not allowed (`refuse_other_bytes`: nowhere), and
/// files that other packages name with other bytes, which is allowed nowhere.
///
/// # Errors
///
/// [`IntakeError::Conflict`], and what the store fails with.
pub async fn check(
    presences: &mut Presences<'_>,
    target: &ConfiguredTarget,
    assembled: &[Assembled],
    refuse_other_bytes: bool,
) -> Result<(), IntakeError> {
    let records_of = |repository: &RepositoryId| {
        let of_repository = assembled.iter().filter(|one| one.repositories.contains(repository));
        of_repository.map(|one| &one.record).collect::<Vec<_>>()
    };
    let changed: BTreeSet<&RepositoryId> = assembled.iter().flat_map(|one| &one.repositories).collect();
    for repository in changed {
        let records = records_of(repository);
        if refuse_other_bytes || refuses(target) {
            for one in wanted(repository, records.iter().copied()) {
                one.compare(presences.of(repository).await?.content(one.identity)?)?;
            }
        }
        check_named(presences, repository, &records).await?;
    }
    Ok(())
}

/// Refuses files that a package of the repository names with other bytes.
async fn check_named(
    presences: &mut Presences<'_>,
    repository: &RepositoryId,
    records: &[&Record],
) -> Result<(), IntakeError> {
    let files: Vec<NewFile<'_>> = records
        .iter()
        .flat_map(|record| {
            // a package's own file is nobody else's; one without entries may be one that some package names
            let own = usize::from(!record.entries.is_empty());
            let (identity, directory) = (&record.identity, record.directory.as_str());
            record.files.iter().skip(own).map(move |file| NewFile { identity, directory, file })
        })
        .collect();
    if files.is_empty() {
        return Ok(());
    }
    if let Some(ConflictingFile { file, by, sha256 }) = presences.of(repository).await?.rival(&files)? {
        let (file, uploaded) = (file.name.to_string(), file.digests.sha256);
        let present = Present::Named { sha256, by };
        return Err(Conflict { file, repository: repository.clone(), present, uploaded }.into());
    }
    Ok(())
}

/// Refuses packages that are there with other bytes, in all repositories of an upload, as they are now.
///
/// # Errors
///
/// [`IntakeError::Conflict`], and what the store fails with.
pub async fn check_again(
    store: &dyn Store,
    upload: &Upload,
    targets: &[Arc<ConfiguredTarget>],
) -> Result<(), IntakeError> {
    for (target, repository) in repositories(upload, targets) {
        let presence = Presence::load(store, target, &repository).await?;
        let records = upload.changes_for(&repository).filter_map(|(_, record)| record);
        for one in wanted(&repository, records) {
            one.compare(presence.content(one.identity)?)?;
        }
    }
    Ok(())
}

/// Claims all identities of an upload, so that no other upload is answered with other bytes for them.
///
/// # Errors
///
/// [`IntakeError::Conflict`] when another upload was first, and what the store fails with.
pub async fn claim(store: &dyn Store, upload: &Upload, targets: &[Arc<ConfiguredTarget>]) -> Result<(), IntakeError> {
    for (target, repository) in repositories(upload, targets).into_iter().filter(|(target, _)| refuses(target)) {
        let records = upload.changes_for(&repository).filter_map(|(_, record)| record);
        let of_repository = wanted(&repository, records);
        if of_repository.is_empty() {
            continue;
        }
        let mut claimed = Vec::new();
        for one in &of_repository {
            let claim = Claim { upload: upload.id.clone(), content: one.content };
            claimed.push(one.claim(store, &claim).await?);
        }
        // what was published meanwhile has no claim any more: looked at behind it
        let presence = Presence::load(store, target, &repository).await?;
        for (one, claimed) in of_repository.iter().zip(claimed) {
            let content = presence.content(one.identity)?;
            if let Err(conflict) = one.compare(content) {
                if claimed == Claimed::New {
                    // nobody can rely on it: the package is there
                    store.delete(&[private::identity(one.repository, one.identity)]).await?;
                }
                return Err(conflict);
            }
            if claimed == Claimed::ByOthers && content.is_none() {
                return Err(one.conflict(Present::UnderWay).into());
            }
        }
    }
    Ok(())
}

/// The claims of an upload in a repository. A removal has none: one that is there is that of a later upload.
pub fn claims(upload: &Upload, repository: &RepositoryId) -> Vec<Key> {
    let of_repository = upload.changes.iter().filter(|change| change.repository == *repository);
    let changes = of_repository.filter(|change| change.record.is_some());
    changes.map(|change| private::identity(repository, &change.identity)).collect()
}

impl Wanted<'_> {
    fn compare(&self, present: Option<Sha256>) -> Result<(), IntakeError> {
        match present {
            Some(present) if present != self.content => Err(self.conflict(Present::Content(present)).into()),
            _ => Ok(()),
        }
    }

    fn conflict(&self, present: Present) -> Conflict {
        let (file, repository) = (self.file.clone(), self.repository.clone());
        Conflict { file, repository, present, uploaded: self.content }
    }

    /// Claims that the identity becomes this content.
    async fn claim(&self, store: &dyn Store, claim: &Claim) -> Result<Claimed, IntakeError> {
        let key = private::identity(self.repository, self.identity);
        let bytes = serde_json::to_vec(claim).map_err(|error| RepositoryError::damaged(&key, error))?;
        let mut condition = Condition::Absent;
        // absent, then there and abandoned: whoever else takes it over has won
        for _ in 0..2 {
            let write = Write { condition, kind: ObjectClass::Private };
            match store.write(&key, bytes.clone().into(), write).await {
                Ok(_) => return Ok(Claimed::New),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let Some((holder, version)) = reading::json::<Claim>(store, &key).await? else {
                return Ok(Claimed::ByOthers);
            };
            if holder.content == claim.content {
                return Ok(Claimed::Before);
            }
            let age = match store.stat(&key).await? {
                Some(stat) => store.clock_milliseconds().await? - stat.modified_milliseconds,
                None => return Ok(Claimed::ByOthers),
            };
            if age < ABANDONED_MILLISECONDS {
                return Ok(Claimed::ByOthers);
            }
            condition = Condition::Matches(version);
        }
        Ok(Claimed::ByOthers)
    }
}
