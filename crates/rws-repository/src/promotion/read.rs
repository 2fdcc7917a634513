//! The chosen packages, read from where they lie: as if somebody sent them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use rws_model::{FileName, PackagePlace, PackageRelations, Reading, Role};
use rws_store::{Key, LocalFile, Span, Store};
use tempfile::TempPath;

use super::choice::{Chosen, Source};
use super::{Promotion, PromotionError, RefusedPackage};
use crate::error::{IntakeError, RepositoryError};
use crate::intake::{FileLocation, ReceivedFile};
use crate::package_signing::SPOOL_PREFIX;
use crate::plan::join;
use crate::selection::PlannedPackage;
use crate::stored_files::ReadFile;
use crate::stored_packages::StoredPackages;

/// How many packages are read at once.
const READS_AT_ONCE: usize = 8;

/// A package with all its files.
pub(super) struct Candidate {
    /// What it is.
    pub(super) planned: PlannedPackage,
    /// Its files.
    pub(super) files: Vec<ReceivedFile>,
    /// What it says of others.
    pub(super) relations: PackageRelations,
}

/// The packages of a promotion, each once, by the names of their own files.
pub(super) struct Candidates {
    packages: BTreeMap<FileName, Candidate>,
    /// The files on the local disk go when this is dropped.
    spooled: Vec<TempPath>,
}

/// A package, or the reason why it cannot be read.
type Outcome = (Chosen, Result<(Candidate, Vec<TempPath>), String>);

impl Candidates {
    /// Reads the chosen packages, and the sources that they were built from. What cannot be read is refused.
    pub(super) async fn read(
        store: &Arc<dyn Store>,
        promotion: &Promotion<'_>,
        source: &Source<'_>,
        chosen: Vec<Chosen>,
        refused: &mut Vec<RefusedPackage>,
    ) -> Result<Self, PromotionError> {
        let mut candidates = Self { packages: BTreeMap::new(), spooled: Vec::new() };
        let mut entries_bytes = 0;
        let mut wanted = chosen;
        // the second time the sources
        for _ in 0..2 {
            let mut reading = stream::iter(unique(wanted))
                .map(|one| read(store, promotion, source, one))
                .buffer_unordered(READS_AT_ONCE);
            let mut built_from = BTreeSet::new();
            while let Some((chosen, outcome)) = reading.try_next().await? {
                let (candidate, spooled) = match outcome {
                    Ok(read) => read,
                    Err(reason) => {
                        refused.push(refusal(&chosen, reason));
                        continue;
                    }
                };
                let entries = candidate.files.iter().flat_map(|file| &file.inspected.entries);
                entries_bytes += entries.map(|entry| entry.text.len() as u64).sum::<u64>();
                if entries_bytes > promotion.max_entries_bytes {
                    return Err(PromotionError::TooLarge { max_bytes: promotion.max_entries_bytes });
                }
                built_from.extend(candidate.relations.source.clone());
                candidates.spooled.extend(spooled);
                candidates.add(chosen, candidate, refused);
            }
            wanted = if promotion.sources { source.sources(&built_from) } else { Vec::new() };
        }
        Ok(candidates)
    }

    /// Adds a package, unless it is there: packages for all architectures lie in several repositories.
    fn add(&mut self, chosen: Chosen, candidate: Candidate, refused: &mut Vec<RefusedPackage>) {
        let name = candidate.planned.file.clone();
        match self.packages.get(&name) {
            Some(same) if same.planned.sha256 == candidate.planned.sha256 => {}
            Some(other) => {
                let reason = format!(
                    "{} {} has the same file name, {name}, and other content: promote one after the other",
                    other.planned.package.name, other.planned.package.version
                );
                refused.push(refusal(&chosen, reason));
            }
            None => _ = self.packages.insert(name, candidate),
        }
    }

    /// All packages.
    pub(super) fn packages(&self) -> impl Iterator<Item = &Candidate> {
        self.packages.values()
    }

    /// Drops the packages that do not fit.
    pub(super) fn keep(&mut self, fits: impl Fn(&Candidate) -> bool) {
        self.packages.retain(|_, package| fits(package));
    }

    /// The files of all packages, each once: sources may share a tarball. The local ones go when the second part is dropped.
    pub(super) fn into_files(self) -> (Vec<ReceivedFile>, Vec<TempPath>) {
        let mut names = BTreeSet::new();
        let files = self.packages.into_values().flat_map(|package| package.files);
        let files = files.filter(|file| names.insert(file.inspected.file.name.clone())).collect();
        (files, self.spooled)
    }
}

/// The same file lies in the repositories of several architectures: it is read once.
fn unique(chosen: Vec<Chosen>) -> Vec<Chosen> {
    let mut seen = BTreeSet::new();
    chosen.into_iter().filter(|one| seen.insert((one.row.identity.clone(), one.row.record))).collect()
}

fn refusal(chosen: &Chosen, reason: String) -> RefusedPackage {
    let (repository, package) = (chosen.repository.to_string(), chosen.package.clone());
    RefusedPackage { repository, package, file: chosen.file.clone(), reason }
}

async fn read(
    store: &Arc<dyn Store>,
    promotion: &Promotion<'_>,
    source: &Source<'_>,
    chosen: Chosen,
) -> Result<Outcome, PromotionError> {
    let unknown = || RepositoryError::Unknown(chosen.repository.clone());
    let generation = source.generation(&chosen.repository).ok_or_else(unknown)?;
    let format = &promotion.from.format;
    let contents = promotion.to.iter().any(|target| target.settings.contents);
    let packages = StoredPackages {
        store,
        target: promotion.from,
        repository: &chosen.repository,
        generation,
        depth: if contents { Reading::Contents } else { Reading::Entries },
    };
    let of_source = format.place_of(&chosen.row.directory);
    let component = promotion.component.map(str::to_owned).or(of_source.component);
    let place = PackagePlace { component, ..of_source };
    let is_signed = promotion.to.iter().any(|target| target.signs_packages());
    let (mut files, mut spooled, mut own) = (Vec::new(), Vec::new(), None);
    for name in &chosen.row.files {
        let path = join(&chosen.row.directory, name.as_str());
        let ReadFile { version, mut inspected, .. } = match packages.read(&path).await? {
            Ok(read) => read,
            Err(reason) => return Ok((chosen.clone(), Err(format!("/{}: {reason}", packages.public(&path))))),
        };
        let Some(key) = Key::parse(&packages.public(&path)) else { continue };
        let is_package = matches!(inspected.role, Role::Binary | Role::Source);
        if is_package && own.is_none() {
            own = Some((inspected.file.clone(), format.relations(&inspected)));
            inspected.entries.extend(format.brought(&chosen.row.entries));
        }
        let file = match is_signed && is_package {
            true => {
                let (file, path) = fetch(&**store, promotion, &key).await?;
                spooled.push(path);
                file
            }
            false => FileLocation::Store(key, version),
        };
        files.push(ReceivedFile { file, inspected, place: place.clone() });
    }
    let Some((file, relations)) = own else { return Ok((chosen, Err("it has no file of a package".to_owned()))) };
    let planned = PlannedPackage { package: chosen.package.clone(), file: file.name, sha256: file.digests.sha256 };
    Ok((chosen, Ok((Candidate { planned, files, relations }, spooled))))
}

/// A file on the local disk: its front changes when it is signed.
async fn fetch(
    store: &dyn Store,
    promotion: &Promotion<'_>,
    key: &Key,
) -> Result<(FileLocation, TempPath), PromotionError> {
    let moved = || PromotionError::Moved { path: key.to_string() };
    let spool = tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(promotion.spool);
    let mut file = spool.map_err(IntakeError::Disk)?;
    let mut content = store.read(key, Span::Whole).await.map_err(IntakeError::from)?.ok_or_else(moved)?;
    while let Some(piece) = content.bytes.next().await {
        file.write_all(&piece.map_err(IntakeError::from)?).map_err(IntakeError::Disk)?;
    }
    let path = file.into_temp_path();
    Ok((FileLocation::Disk(LocalFile::whole(&*path)), path))
}
