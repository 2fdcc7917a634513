//! Metadata of other kinds (comps, updateinfo …) that another tool put beside the indexes: it stays.

use std::collections::BTreeMap;

use rws_model::{Change, ListedFile, MetadataOffer, MetadataOrigin, sha256};
use rws_store::{Condition, Key, ObjectClass, StoreError, Write};

use super::Comparer;
use super::assembly::Assembly;
use super::known_digests::KnownDigests;
use crate::RepositoryError;
use crate::plan::{Origin, PlannedChange, join};

/// A larger file is not carried: it would have to be in memory.
const MOST_BYTES: u64 = 64 << 20;

impl Comparer<'_> {
    /// Takes in what an older root lists beside the indexes. Each file gets a name that holds its digest, so that nobody writes
    /// over what a generation refers to.
    pub(super) async fn carry(
        &self,
        recorded: &KnownDigests,
        assembly: &mut Assembly<'_>,
    ) -> Result<(), RepositoryError> {
        for file in &recorded.carried {
            match self.carry_one(file).await? {
                Ok(change) => assembly.push(change)?,
                Err(reason) => tracing::warn!(
                    repository = %self.at.repository, kind = file.index, file = ?file.names, reason, "not carried"
                ),
            }
        }
        Ok(())
    }

    /// What the root says of a file, under the first of its names that has it.
    async fn content(&self, file: &ListedFile) -> Result<Result<(Key, Vec<u8>), &'static str>, RepositoryError> {
        let mut reason = "it does not exist";
        for name in &file.names {
            let Ok(key) = self.at.key(name) else { return Ok(Err("its name is not valid")) };
            let Some(content) = self.at.public_bytes(name).await? else { continue };
            if (content.len() as u64, sha256(&content)) == (file.size_bytes, file.sha256) {
                return Ok(Ok((key, content)));
            }
            reason = "its content does not match the root file";
        }
        Ok(Err(reason))
    }

    async fn carry_one(&self, file: &ListedFile) -> Result<Result<PlannedChange, String>, RepositoryError> {
        if file.size_bytes > MOST_BYTES {
            return Ok(Err("it is too large".to_owned()));
        }
        let (from, content) = match self.content(file).await? {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason.to_owned())),
        };
        let timestamp =
            self.at.store().stat(&from).await?.map_or(0, |stat| stat.modified_milliseconds.div_euclid(1000));
        let offer = MetadataOffer {
            kind: &file.index,
            // one that is a digest says nothing
            name: file.names.last().map_or("", |name| name.rsplit('/').next().unwrap_or(name)),
            content: &content,
            origin: MetadataOrigin::Carried { timestamp },
        };
        let record = match self.at.target.format.metadata(&offer) {
            Ok(metadata) => metadata.record_for(&*self.at.target.format, self.at.repository),
            Err(refusal) => return Ok(Err(refusal.reason)),
        };
        let mut versions = BTreeMap::new();
        for file in &record.files {
            let to = self.at.key(&join(&record.directory, file.name.as_str()))?;
            if to != from {
                let write = Write { condition: Condition::Absent, kind: ObjectClass::Immutable };
                match self.at.store().copy(&from, &to, write).await {
                    // its name holds its digest
                    Ok(_) | Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if let Some(stat) = self.at.store().stat(&to).await? {
                versions.insert(file.name.to_string(), stat.version);
            }
        }
        let change =
            Change { repository: self.at.repository.clone(), identity: record.identity.clone(), record: Some(record) };
        Ok(Ok(PlannedChange { change, origin: Origin::Tree(versions) }))
    }
}
