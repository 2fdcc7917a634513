//! Taking an upload: everything under the private prefix, and one object that makes it a promise.

mod metadata;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use rws_model::{
    Assembled, FileName, Inspected, Listed, PackagePlace, Placement, Record, RecordFile, Refusal, RepositoryId, Role,
};
use rws_store::{Body, Condition, Key, LocalFile, ObjectClass, Span, Stat, Store, StoreError, Version, Write};

use crate::catalogue::ConfiguredTarget;
use crate::conflict;
use crate::error::IntakeError;
use crate::gather::gather;
use crate::limits::Requester;
use crate::package_signing::{SignedFile, SignedUploads};
use crate::plan::join;
use crate::presence::Presences;
use crate::reception::{Early, IncomingFiles, Kept};
use crate::release::is_reserved;
use crate::replacement::Replacements;
use crate::upload::{Upload, UploadBuilder};
use crate::{RepositoryError, UploadId, private};

pub use self::metadata::{describe, undescribe};

/// How many objects of one upload are written at once.
const WRITES_AT_ONCE: usize = 8;

/// How many changes an upload has at most: one for each package and each repository that it goes to. All of them are in one
/// object, which is read for each of the repositories.
pub const MAX_CHANGES: usize = 20_000;

/// How long a request may take: large files are in the store from its beginning, where they are taken for abandoned
/// after twice this time.
const LONGEST_SECONDS: i64 = 12 * 60 * 60;

/// One good file of a request.
#[derive(Clone, Debug)]
pub struct ReceivedFile {
    /// Where its bytes are.
    pub file: FileLocation,
    /// What its inspector saw.
    pub inspected: Inspected,
    /// Where its sender wants it.
    pub place: PackagePlace,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub enum FileLocation {
    /// On the local disk.
    Disk(LocalFile),
    /// In the store, with this version: it is copied there.
    Store(Key, Version),
}

impl FileLocation {
    /// The file on the local disk.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub(crate) fn on_disk(&self) -> io::Result<&LocalFile> {
        match self {
            Self::Disk(file) => Ok(file),
            Self::Store(key, _) => Err(io::Error::other(format!("{key} is not on the local disk"))),
        }
    }
}

/// A file of metadata, checked, with the repositories that it is for.
#[derive(Clone, Debug)]
pub struct MetadataFile {
    /// Its record.
    pub record: Record,
    /// Its bytes.
    pub file: FileLocation,
    /// The repositories.
    pub repositories: Vec<RepositoryId>,
}

/// Where the files of a request go.
#[derive(Clone, Copy)]
pub struct Destination<'a> {
    /// The targets.
    pub targets: &'a [Arc<ConfiguredTarget>],
    /// Where the files have to be that a list of the request names.
    pub listed: Listed,
    /// Of the repositories of the targets only these; `None`: all that a file is for.
    pub only: Option<&'a BTreeSet<RepositoryId>>,
    /// Whether RWS itself sends its release package.
    pub is_release: bool,
    /// Whether other bytes for a package that is there are refused, whatever the configuration says.
    pub refuse_other_bytes: bool,
    /// Who sends them.
    pub by: Requester<'a>,
    /// Metadata that comes with them.
    pub metadata: &'a [MetadataFile],
}

impl<'a> Destination<'a> {
    /// Wherever the files of an upload are for in these targets.
    pub fn all(targets: &'a [Arc<ConfiguredTarget>], by: Requester<'a>) -> Self {
        Self {
            targets,
            listed: Listed::InUpload,
            only: None,
            is_release: false,
            refuse_other_bytes: false,
            by,
            metadata: &[],
        }
    }
}

/// An accepted upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its name.
    pub id: UploadId,
    /// The repositories that will change.
    pub repositories: Vec<RepositoryId>,
    /// The files whose place others take.
    pub replaced: Vec<Replaced>,
}

/// A published file that goes because its package comes under another product or file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replaced {
    /// The new file.
    pub file: FileName,
    /// The public path of the one that goes.
    pub path: String,
}

/// Checks the files of one request against each other and the targets, and stores them. When this returns, the upload
/// is a promise: it will be in a published index whatever happens.
///
/// # Errors
///
/// When a file does not fit; when the store fails. Then nothing of the upload counts.
pub async fn accept(
    mut reception: IncomingFiles,
    to: Destination<'_>,
    files: Vec<ReceivedFile>,
) -> Result<Accepted, IntakeError> {
    let Destination { targets, listed, only, refuse_other_bytes, .. } = to;
    let now = reception.store().clock_milliseconds().await? / 1000;
    if now - reception.id().seconds() > LONGEST_SECONDS {
        return Err(IntakeError::TooSlow);
    }
    let mut upload = UploadBuilder::new(reception.id().clone(), to.by.actor);
    let mut places = Vec::new();
    let parts = files.into_iter().map(|ReceivedFile { file, inspected, place }| {
        places.push(place);
        (file, inspected)
    });
    let (files, inspected): (Vec<FileLocation>, Vec<Inspected>) = parts.unzip();
    let (mut repeated, mut replacements) = (Vec::new(), Replacements::new(&inspected));
    let mut uploads = SignedUploads::new(&files, &inspected, now);
    for target in targets {
        let signed = uploads.of(target).await?;
        let inspected = signed.as_ref().map_or(&inspected, |signed| &signed.inspected);
        to.by.limits.check_upload(target, inspected)?;
        let mut presences = Presences::new(reception.store(), target);
        let pool = Pool::load(&mut presences, target, inspected, listed).await?;
        let mut assembled = assemble(target, listed, (inspected, &places), &pool)?;
        let is_reserved = |one: &&Assembled| is_reserved(target, &one.record.identity);
        if let Some(file) = assembled.iter().find(is_reserved).filter(|_| !to.is_release) {
            let file = file.record.files.first().map(|file| file.name.to_string()).unwrap_or_default();
            return Err(IntakeError::Reserved { file });
        }
        if let Some(only) = only {
            assembled.iter_mut().for_each(|one| one.repositories.retain(|repository| only.contains(repository)));
        }
        if let Some(signed) = &signed {
            for Assembled { record, .. } in &mut assembled {
                let own = record.files.first().and_then(|file| signed.signatures.get(&file.name));
                record.signature = own.cloned();
            }
        }
        to.by.limits.check_replaced(&mut presences, target, &assembled).await?;
        conflict::check(&mut presences, target, &assembled, refuse_other_bytes).await?;
        replacements.take_known(target, &presences, &assembled);
        for Assembled { record, repositories } in assembled {
            upload.add(record, &repositories);
        }
        if upload.changes() > MAX_CHANGES {
            return Err(IntakeError::TooManyChanges { most: MAX_CHANGES });
        }
        if !pool.files.is_empty() {
            repeated.extend(target.repositories());
        }
    }
    let mut upload = upload.finish();
    // other bytes of metadata are no conflict: they are what it is sent for
    let packages = (!to.metadata.is_empty()).then(|| upload.clone());
    to.metadata.iter().for_each(|one| upload.describe(one.record.clone(), &one.repositories));
    if upload.changes.is_empty() {
        // what is repeated may still be on its way: whoever waits for this waits for that
        return Ok(Accepted { id: upload.id, repositories: repeated, replaced: Vec::new() });
    }
    check_places(reception.store(), &upload, targets).await?;
    let store = Arc::clone(reception.shared_store());
    let parts =
        Parts { inspected: &inspected, files: &files, signed: uploads.files().collect(), metadata: to.metadata };
    let of_packages = packages.as_ref().unwrap_or(&upload);
    let written = write_parts(&mut reception, &upload, &parts);
    let (written, replaced) = tokio::join!(written, replacements.find(&*store, &upload, targets));
    let (kept, written) = written?;
    let mut settled = conflict::claim(reception.store(), of_packages, targets).await;
    if refuse_other_bytes && settled.is_ok() {
        // what came while the files were copied
        settled = conflict::check_again(reception.store(), of_packages, targets).await;
    }
    if let Err(error) = settled {
        // what was begun with early goes with `kept`
        _ = reception.store().delete(&written).await;
        return Err(error);
    }
    // what was written early stays now even if the end of the next write is not known
    kept.into_iter().for_each(|kept| _ = kept.send(()));
    Ok(Accepted { replaced, ..promise(reception.store(), upload).await? })
}

/// Checks that what an upload becomes may lie where it has to: nothing is promised that cannot be published.
async fn check_places(store: &dyn Store, upload: &Upload, targets: &[Arc<ConfiguredTarget>]) -> Result<(), StoreError> {
    let changed = upload.repositories();
    let mut places = BTreeSet::new();
    for target in targets {
        for repository in target.repositories().into_iter().filter(|repository| changed.contains(repository)) {
            let layout = target.format.layout(&repository);
            let directories = [join(&layout.tree, &layout.metadata), join(&layout.tree, &layout.packages)];
            places.extend(directories.iter().filter_map(|directory| Key::parse(&join(directory, "any"))));
        }
    }
    store.check_places(&places.into_iter().collect::<Vec<_>>()).await
}

/// Writes the pointers of an upload without files, and then the upload.
pub(crate) async fn announce(store: &dyn Store, upload: Upload) -> Result<Accepted, IntakeError> {
    let pointers = pointers(&upload);
    let writes = pointers.iter().map(|pointer| write_pointer(store, pointer).boxed()).collect();
    if let Err(error) = gather(WRITES_AT_ONCE, writes).await {
        _ = store.delete(&pointers).await;
        return Err(error.into());
    }
    Ok(promise(store, upload).await?)
}

/// The moment of promise 1, for all repositories at once: the upload object.
pub(crate) async fn promise(store: &dyn Store, upload: Upload) -> Result<Accepted, RepositoryError> {
    let bytes = serde_json::to_vec(&upload).map_err(|error| RepositoryError::damaged(&upload.id, error))?;
    let bytes = Bytes::from(bytes);
    let key = private::upload(&upload.id);
    let write = Write { condition: Condition::Absent, kind: ObjectClass::PrivateImmutable };
    if let Err(error) = store.write(&key, Body::Bytes(bytes.clone()), write).await
        && !holds(store, &key, &bytes).await
    {
        return Err(error.into());
    }
    let repositories = upload.repositories().into_iter().cloned().collect();
    Ok(Accepted { id: upload.id, repositories, replaced: Vec::new() })
}

/// Whether an object that this process wrote is there: after a lost answer its bytes prove it. That some object is there
/// proves nothing.
async fn holds(store: &dyn Store, key: &Key, bytes: &Bytes) -> bool {
    match store.read(key, Span::Whole).await {
        Ok(Some(content)) => content.collect().await.is_ok_and(|present| present == *bytes),
        _ => false,
    }
}

/// Their time decides in which order uploads apply: they are written before the upload object.
fn pointers(upload: &Upload) -> Vec<Key> {
    upload.repositories().into_iter().map(|repository| private::pointer(repository, &upload.id)).collect()
}

async fn write_pointer(store: &dyn Store, pointer: &Key) -> Result<Stat, StoreError> {
    // the name of the upload is in it, so that nobody else writes it
    let write = Write { condition: Condition::Always, kind: ObjectClass::PrivateImmutable };
    store.write(pointer, Body::Bytes("".into()), write).await
}

/// The files that an upload may be made of.
struct Parts<'a> {
    inspected: &'a [Inspected],
    /// As they were sent, in the same order.
    files: &'a [FileLocation],
    /// Those that were signed here.
    signed: Vec<&'a SignedFile>,
    metadata: &'a [MetadataFile],
}

/// Writes the files of an upload, each once whatever the number of its repositories, and its pointers. On failure
/// nothing of them stays. What has to be kept, and the names of all that was written.
async fn write_parts(
    reception: &mut IncomingFiles,
    upload: &Upload,
    parts: &Parts<'_>,
) -> Result<(Vec<Kept>, Vec<Key>), IntakeError> {
    let of_record = |record: &Record| {
        record.files.iter().map(|file| private::record_file(&upload.id, record, file)).collect::<Vec<_>>()
    };
    let wanted: BTreeSet<Key> = upload.records.iter().flat_map(of_record).collect();
    let names = parts.inspected.iter().map(|inspected| &inspected.file.name).zip(parts.files);
    let mut files: Vec<(Key, FileLocation, Option<Early>)> = Vec::new();
    for (name, file) in names {
        let key = private::incoming(&upload.id, name);
        if wanted.contains(&key) {
            files.push((key, file.clone(), reception.early(name)));
        }
    }
    for MetadataFile { record, file, .. } in parts.metadata {
        let names = record.files.iter().map(|file| private::incoming(&upload.id, &file.name));
        files.extend(names.map(|key| (key, file.clone(), None)));
    }
    let of_signed = |one: &&SignedFile| private::signed(&upload.id, &one.record);
    let signed = parts.signed.iter().map(|one| (of_signed(one), FileLocation::Disk(one.file.clone()), None));
    files.extend(signed.filter(|(key, ..)| wanted.contains(key)));
    bring_all(&*reception, upload, files).await
}

/// Brings the files of an upload below the private prefix, and writes its pointers.
async fn bring_all(
    reception: &IncomingFiles,
    upload: &Upload,
    files: Vec<(Key, FileLocation, Option<Early>)>,
) -> Result<(Vec<Kept>, Vec<Key>), IntakeError> {
    let pointers = pointers(upload);
    let keys: Vec<Key> = files.iter().map(|(key, ..)| key.clone()).chain(pointers.iter().cloned()).collect();
    let mut writes: Vec<BoxFuture<'_, Result<Option<Kept>, StoreError>>> = Vec::new();
    for (key, file, early) in files {
        writes.push(reception.bring(key, file, early).boxed());
    }
    for pointer in &pointers {
        writes.push(write_pointer(reception.store(), pointer).map_ok(|_| None).boxed());
    }
    match gather(WRITES_AT_ONCE, writes).await {
        Ok(kept) => Ok((kept.into_iter().flatten().collect(), keys)),
        Err(error) => {
            // without its upload object nothing of this counts; what stays because this fails too goes after a day
            _ = reception.store().delete(&keys).await;
            Err(error.into())
        }
    }
}

/// Promises an upload of what is in the store already: its files are copied first, to these places.
///
/// # Errors
///
/// When a file has gone or changed; when the store fails. Then nothing of the upload counts.
pub(crate) async fn restore(
    reception: IncomingFiles,
    upload: Upload,
    files: Vec<(Key, FileLocation)>,
) -> Result<Accepted, IntakeError> {
    if upload.changes.len() > MAX_CHANGES {
        return Err(IntakeError::TooManyChanges { most: MAX_CHANGES });
    }
    if upload.changes.is_empty() {
        return Ok(Accepted { id: upload.id, repositories: Vec::new(), replaced: Vec::new() });
    }
    let files = files.into_iter().map(|(key, location)| (key, location, None)).collect();
    bring_all(&reception, &upload, files).await?;
    Ok(promise(reception.store(), upload).await?)
}

/// The records of an upload for one target: those of each place by themselves, without files that the target does not keep.
pub(crate) fn assemble(
    target: &ConfiguredTarget,
    listed: Listed,
    (inspected, places): (&[Inspected], &[PackagePlace]),
    pool: &Pool,
) -> Result<Vec<Assembled>, Refusal> {
    let of_place = |place: &PackagePlace, files: &[Inspected]| {
        let placement = Placement {
            target: &target.target,
            place,
            architectures: &target.settings.architectures,
            settings: &target.settings,
            pool: &|path| pool.get(path),
            listed,
            strict_names: target.policy.strict_names,
            is_present: false,
        };
        target.format.assemble(files, &placement)
    };
    let is_kept = |file: &Inspected| target.format.skips(file.file.name.as_str(), &target.settings).is_none();
    let different: BTreeSet<&PackagePlace> = places.iter().collect();
    if let (1, Some(place)) = (different.len(), different.first())
        && inspected.iter().all(is_kept)
    {
        return of_place(place, inspected);
    }
    let mut assembled = Vec::new();
    for place in different {
        let files = inspected.iter().zip(places).filter(|(file, of)| *of == place && is_kept(file));
        assembled.extend(of_place(place, &files.map(|(file, _)| file.clone()).collect::<Vec<_>>())?);
    }
    Ok(assembled)
}

/// What is in a target's repositories, or will be: looked up when a source names a file that is not in the request.
#[derive(Default)]
pub(crate) struct Pool {
    files: BTreeMap<String, RecordFile>,
}

impl Pool {
    pub(crate) async fn load(
        presences: &mut Presences<'_>,
        target: &ConfiguredTarget,
        files: &[Inspected],
        listed: Listed,
    ) -> Result<Self, IntakeError> {
        let names: BTreeSet<&str> = files.iter().map(|file| file.file.name.as_str()).collect();
        let of = |role: Role| files.iter().filter(move |file| file.role == role);
        let named_by = |role: Role| -> BTreeSet<&str> {
            of(role).flat_map(|file| &file.names).map(|file| file.name.as_str()).collect()
        };
        let named = named_by(Role::Source);
        // what a source names and the request does not have; and what comes for a source that is there already
        let parts = of(Role::Part).map(|file| file.file.name.as_str());
        let mut missing: BTreeSet<&str> =
            named.difference(&names).copied().chain(parts.filter(|name| !named.contains(name))).collect();
        if listed == Listed::InUploadOrPool {
            missing.extend(named_by(Role::Listing).difference(&names));
        }
        let mut pool = Self::default();
        if missing.is_empty() {
            return Ok(pool);
        }
        for repository in target.repositories() {
            pool.files.extend(presences.of(&repository).await?.files(&missing)?);
        }
        Ok(pool)
    }

    /// The file at a path, or, where it had to give way to another one, in a directory below.
    fn get(&self, path: &str) -> Option<RecordFile> {
        let (directory, name) = path.rsplit_once('/')?;
        let below = |other: &&String| {
            other
                .strip_prefix(directory)
                .is_some_and(|rest| rest.starts_with('/') && rest.ends_with(&format!("/{name}")))
        };
        let path = self.files.get_key_value(path).map(|(path, _)| path).or_else(|| self.files.keys().find(below))?;
        self.files.get(path).cloned()
    }
}
