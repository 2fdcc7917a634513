//! Metadata that goes along with promoted packages.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use rws_model::{MetadataOffer, MetadataOrigin, PackageName, RepositoryId};
use rws_store::{Key, LocalFile, Span, Store};
use tempfile::TempPath;

use super::choice::Source;
use super::{Promotion, PromotionError};
use crate::catalogue::ConfiguredTarget;
use crate::error::{IntakeError, RepositoryError};
use crate::generation::{Generation, Heads, package_order};
use crate::intake::{FileLocation, MetadataFile};
use crate::package_signing::SPOOL_PREFIX;
use crate::plan::join;
use crate::reading;

/// Metadata of a promotion.
pub(super) struct PromotedMetadata {
    pub(super) files: Vec<MetadataFile>,
    /// Their kinds and repositories, for the plan.
    pub(super) changes: Vec<(RepositoryId, String)>,
    /// The files on the local disk go when this is dropped.
    spooled: Vec<TempPath>,
}

impl PromotedMetadata {
    /// Reads what goes along: to the repository of the same architecture in each target.
    pub(super) async fn read(
        store: &Arc<dyn Store>,
        promotion: &Promotion<'_>,
        source: &Source<'_>,
        packages: &[PackageName],
    ) -> Result<Self, PromotionError> {
        let mut read = Self { files: Vec::new(), changes: Vec::new(), spooled: Vec::new() };
        let (from, format) = (promotion.from, &promotion.from.format);
        let kinds: BTreeMap<String, &String> =
            promotion.metadata.iter().map(|name| (format.metadata_kind(name), name)).collect();
        for (kind, name) in &kinds {
            let mut is_there = false;
            for (repository, id) in source.generations() {
                let Some(generation) = source.generation(&repository).filter(|generation| generation.id == id) else {
                    continue;
                };
                let Some(content) = content(&**store, from, generation, kind).await? else { continue };
                is_there = true;
                for target in promotion.to {
                    let same = target.repositories().into_iter().find(|to| format.shares_metadata(&repository, to));
                    let Some(to) = same else { continue };
                    read.add(store, promotion, (target, to), (kind, &content), packages).await?;
                }
            }
            if !is_there {
                let (from, kind) = (from.target.to_string(), (*name).clone());
                return Err(PromotionError::NoMetadata { from, kind });
            }
        }
        Ok(read)
    }

    async fn add(
        &mut self,
        store: &Arc<dyn Store>,
        promotion: &Promotion<'_>,
        (target, repository): (&Arc<ConfiguredTarget>, RepositoryId),
        (kind, offered): (&str, &[u8]),
        packages: &[PackageName],
    ) -> Result<(), PromotionError> {
        let present = match Heads(&**store).read(&repository).await? {
            Some((head, _)) => {
                let generation = reading::generation(&**store, &repository, &head.generation).await?;
                content(&**store, target, &generation, kind).await?
            }
            None => None,
        };
        let format = &target.format;
        let merged =
            format.promoted_metadata(kind, offered, packages, present.as_deref()).map_err(IntakeError::from)?;
        let Some(merged) = merged else { return Ok(()) };
        let offer = MetadataOffer { kind, name: kind, content: &merged, origin: MetadataOrigin::Sent };
        let metadata = format.metadata(&offer).map_err(IntakeError::from)?;
        let (record, content) = (metadata.record_for(&**format, &repository), metadata.content);
        if present.is_some_and(|present| present == content) {
            return Ok(());
        }
        let spool = tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(promotion.spool);
        let mut file = spool.map_err(IntakeError::Disk)?;
        file.write_all(&content).map_err(IntakeError::Disk)?;
        let path = file.into_temp_path();
        let file = FileLocation::Disk(LocalFile::whole(&*path));
        self.spooled.push(path);
        self.changes.push((repository.clone(), kind.to_owned()));
        self.files.push(MetadataFile { record, file, repositories: vec![repository] });
        Ok(())
    }
}

/// The file of a kind of metadata in a generation.
async fn content(
    store: &dyn Store,
    target: &ConfiguredTarget,
    generation: &Generation,
    kind: &str,
) -> Result<Option<Vec<u8>>, RepositoryError> {
    let identity = target.format.metadata_identity(kind);
    let row = generation.packages.get(&identity.0, &package_order(&*target.format));
    let Some(row) = row.map_err(RepositoryError::generation(&generation.repository))? else { return Ok(None) };
    let Some(name) = row.files.first() else { return Ok(None) };
    let path = join(&target.format.layout(&generation.repository).tree, &join(&row.directory, name.as_str()));
    let Some(key) = Key::parse(&path) else { return Ok(None) };
    let missing = || RepositoryError::damaged(&key, "it is in the index, and does not exist");
    let content = store.read(&key, Span::Whole).await?.ok_or_else(missing)?;
    Ok(Some(content.collect().await?.to_vec()))
}
