//! Signs packages that a repository has already: each batch is an upload of the same packages, signed. Readers of the old
//! index keep the old bytes; a run that was ended goes on where it was.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use rws_model::{FileName, PackagePlace, Reading, Refusal, RepositoryId};
use rws_store::{Key, LocalFile, Span, Store};
use tempfile::TempPath;

use crate::actor::Actor;
use crate::catalogue::ConfiguredTarget;
use crate::error::{IntakeError, RepositoryError};
use crate::generation::{Generation, Heads, PackageRow};
use crate::inspection::Inspection;
use crate::intake::{self, Accepted, Destination, FileLocation, ReceivedFile};
use crate::limits::Requester;
use crate::package_signing::SPOOL_PREFIX;
use crate::plan::join;
use crate::reading;
use crate::reception::IncomingFiles;

/// An operator asks for it on the command line.
static SIGN: Actor = Actor::itself("sign");

/// One upload has at most so many packages …
const MAX_PACKAGES: usize = 64;

/// … and so many bytes of them; one larger package is an upload of its own.
const MAX_BYTES: u64 = 256 << 20;

/// What one batch did.
#[derive(Debug, Default)]
pub struct SignedBatch {
    /// The upload, where there is one.
    pub accepted: Option<Accepted>,
    /// Its packages, by their identities.
    pub signed: Vec<String>,
    /// Packages that cannot be signed, each with the reason.
    pub refused: Vec<(String, String)>,
}

/// How many packages of a repository have no signature that clients know.
///
/// # Errors
///
/// When the store fails, or the repository is damaged.
pub async fn unsigned(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
) -> Result<u64, RepositoryError> {
    let Some(generation) = current(store, repository).await? else { return Ok(0) };
    let known = known_keys(target);
    let unsigned = generation.signatures.iter().filter(|(key, _)| !known.contains(*key));
    Ok(unsigned.map(|(_, packages)| packages).sum())
}

/// Signs the next packages of a repository that have no signature that clients know, but for those in `skipped`, by
/// identity. `spool` is a local directory.
///
/// # Errors
///
/// When packages of the target cannot be signed, the store fails, or the repository is damaged. A package that cannot be
/// signed is none.
pub async fn sign_batch(
    store: &Arc<dyn Store>,
    target: &Arc<ConfiguredTarget>,
    repository: &RepositoryId,
    spool: &Path,
    skipped: &BTreeSet<String>,
) -> Result<SignedBatch, IntakeError> {
    let mut batch = SignedBatch::default();
    let Some(generation) = current(&**store, repository).await? else { return Ok(batch) };
    let known = known_keys(target);
    let wanted =
        |row: &PackageRow| row.signed_by().is_some_and(|key| !known.contains(key)) && !skipped.contains(&row.identity);
    let rows = generation.packages.first(MAX_PACKAGES, wanted).map_err(RepositoryError::generation(repository))?;
    let tree = target.format.layout(repository).tree;
    let (mut files, mut kept, mut bytes) = (Vec::new(), Vec::new(), 0);
    for row in rows {
        let Some(name) = row.files.first() else { continue };
        if bytes > MAX_BYTES {
            break;
        }
        let path = join(&tree, &join(&row.directory, name.as_str()));
        match fetch(&**store, target, (name, &path), spool).await? {
            Ok((file, path)) => {
                bytes += file.inspected.file.size_bytes;
                batch.signed.push(row.identity);
                files.push(file);
                kept.push(path);
            }
            Err(refusal) => batch.refused.push((row.identity, refusal.reason)),
        }
    }
    while !files.is_empty() {
        let reception = IncomingFiles::begin(Arc::clone(store)).await?;
        let only = BTreeSet::from([repository.clone()]);
        let to = Destination {
            only: Some(&only),
            is_release: true,
            ..Destination::all(std::slice::from_ref(target), Requester::unlimited(&SIGN))
        };
        match intake::accept(reception, to, files.clone()).await {
            Ok(accepted) => {
                batch.accepted = Some(accepted);
                break;
            }
            // one package that is refused keeps none of the others from being signed
            Err(IntakeError::Refused(refusal)) => {
                let at = files.iter().position(|file| file.inspected.file.name.as_str() == refusal.file);
                let Some(at) = at else { return Err(refusal.into()) };
                files.remove(at);
                batch.refused.push((batch.signed.remove(at), refusal.reason));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(batch)
}

/// The fingerprints of keys that clients of a target know.
fn known_keys(target: &ConfiguredTarget) -> BTreeSet<String> {
    target.signer.iter().flat_map(|signer| signer.package_key_fingerprints()).collect()
}

async fn current(store: &dyn Store, repository: &RepositoryId) -> Result<Option<Generation>, RepositoryError> {
    let Some((head, _)) = Heads(store).read(repository).await? else { return Ok(None) };
    reading::generation(store, repository, &head.generation).await.map(Some)
}

/// A package of the store as if somebody sent it.
async fn fetch(
    store: &dyn Store,
    target: &ConfiguredTarget,
    (name, path): (&FileName, &str),
    spool: &Path,
) -> Result<Result<(ReceivedFile, TempPath), Refusal>, IntakeError> {
    let key = Key::parse(path).ok_or_else(|| RepositoryError::damaged(path, "it is not a file name"))?;
    let Some(mut content) = store.read(&key, Span::Whole).await? else {
        return Ok(Err(Refusal::new(name.as_str(), format!("/{path} is not there"))));
    };
    let mut file = tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(spool).map_err(IntakeError::Disk)?;
    let mut inspection = Inspection::new(&*target.format, name, Reading::Entries);
    while let Some(piece) = content.bytes.next().await {
        let piece = piece?;
        file.write_all(&piece).map_err(IntakeError::Disk)?;
        if let Err(refusal) = inspection.push(&piece) {
            return Ok(Err(refusal));
        }
    }
    let path = file.into_temp_path();
    let received = |inspected| {
        let file = FileLocation::Disk(LocalFile::whole(&*path));
        ReceivedFile { file, inspected, place: PackagePlace::default() }
    };
    Ok(inspection.finish().map(received).map(|received| (received, path)))
}
