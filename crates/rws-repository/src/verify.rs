//! A repository checked as its clients see it, and against what RWS itself remembers.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use rws_model::{Codec, ContentDigester, ListedFile, ListedPackage, RepositoryId, RootFile, Sha256, sha256};
use rws_store::{Key, Span, Store};
use tokio::time::Instant;

use crate::blocks::codec;
use crate::catalogue::Catalogue;
use crate::gather::gather;
use crate::generation::{Head, Heads};
use crate::lost::lost;
use crate::plan::join;
use crate::read_rules::PublicPaths;
use crate::{RepositoryError, UploadId, object_access, pending, private, reading};

/// How many files are read or looked at at once.
const READS_AT_ONCE: usize = 8;

/// An upload that waits for less is on its way: it is looked at again until it is published or waits for longer.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// The pause between two looks at uploads that are on their way.
const LOOK: Duration = Duration::from_millis(200);

/// How much is read of each package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// That it is there with its size.
    Presence,
    /// All of its bytes.
    Bytes,
}

/// Something that a client would stumble over, or RWS itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The object or file.
    pub name: String,
    /// What is wrong with it.
    pub problem: String,
    /// What mends it.
    pub remedy: Remedy,
}

/// What mends a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The public file is written again from the head.
    Expose,
    /// The indexes are made anew from the packages.
    Rebuild,
    /// The store is compared with the index.
    Synchronise,
    /// What waits is published.
    Publish,
    /// The right to read the object from the bucket is taken away.
    Withdraw,
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many files of indexes.
    pub index_files: usize,
    /// How many package files.
    pub packages: usize,
    /// How many packages have entries that an earlier version of the code rendered.
    pub stale: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// Checks repositories.
pub struct Verifier<'a> {
    /// Where they are.
    pub store: &'a dyn Store,
    /// What is configured.
    pub catalogue: &'a Catalogue,
    /// How much is read.
    pub depth: Depth,
    /// What everybody may read.
    pub public: &'a PublicPaths,
}

impl Verifier<'_> {
    /// Checks a repository: the head, the root and its signatures, all files that the root lists, all packages that those
    /// list, the plain-named files beside them, and what waits to be published. `None` where there is nothing of that.
    ///
    /// # Errors
    ///
    /// When the store fails, or the repository is not configured. What is wrong with the repository is no error.
    pub async fn check(&self, repository: &RepositoryId) -> Result<Option<Checked>, RepositoryError> {
        let target =
            self.catalogue.repository(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))?;
        let tree = target.format.layout(repository).tree;
        // first: what is published meanwhile is checked with all else
        let mut checked = Checked { faults: self.unpublished(repository).await?, ..Checked::default() };
        let head = match Heads(self.store).read(repository).await {
            Ok(Some((head, _))) => head,
            Ok(None) if checked.faults.is_empty() => return Ok(None),
            Ok(None) => return Ok(Some(checked)),
            Err(RepositoryError::Damaged { object, reason }) => {
                checked.faults.push(Fault { name: object, problem: reason, remedy: Remedy::Rebuild });
                return Ok(Some(checked));
            }
            Err(error) => return Err(error),
        };
        match reading::generation(self.store, repository, &head.generation).await {
            Ok(generation) => {
                checked.stale = generation.rendered_before(target.format.renderer());
                for id in lost(self.store, target, repository, &head, &generation).await? {
                    let problem = "RWS accepted it, but it is neither pending nor in the index".to_owned();
                    let name = private::upload(&id).to_string();
                    checked.faults.push(Fault { name, problem, remedy: Remedy::Synchronise });
                }
            }
            Err(RepositoryError::Damaged { object, reason }) => {
                checked.faults.push(Fault { name: object, problem: reason, remedy: Remedy::Rebuild });
            }
            Err(error) => return Err(error),
        }
        if !self.public.has_target(&target.target) {
            let exposed = object_access::exposed(self.store, target, repository).await?.into_iter();
            checked.faults.extend(exposed.map(|key| Fault {
                name: key.to_string(),
                problem: "the repository is private, and everybody may read this object from the bucket".to_owned(),
                remedy: Remedy::Withdraw,
            }));
        }
        let place = Place { store: self.store, tree, depth: self.depth };
        let root_fault =
            |problem| Fault { name: private::head(repository).to_string(), problem, remedy: Remedy::Rebuild };
        if let Some(signer) = &target.signer
            && let Err(problem) = target.format.check_signatures(repository, &head.root, &**signer)
        {
            checked.faults.push(root_fault(problem));
        }
        let listed = match target.format.read_root(repository, &head.root) {
            Ok(listed) => listed,
            Err(problem) => {
                checked.faults.push(root_fault(problem));
                Vec::new()
            }
        };
        // of what only compressed forms stand for the digest is checked with these
        let is_stored = |file: &ListedFile| {
            file.codec != Codec::Plain
                || file.names.iter().any(|name| head.plain.contains_key(name))
                || !listed.iter().any(|other| other.index == file.index && other.codec != Codec::Plain)
        };
        let (listed, uncompressed): (Vec<_>, Vec<_>) = listed.iter().partition(|file| is_stored(file));
        let mut reads = Vec::new();
        for file in &listed {
            reads.push(place.index_file(file).boxed());
        }
        let mut packages: BTreeSet<ListedPackage> = BTreeSet::new();
        for (file, content) in listed.iter().zip(gather(READS_AT_ONCE, reads).await?) {
            checked.index_files += 1;
            match content {
                Err(fault) => checked.faults.push(fault),
                Ok(content) => match packages_of(&*target.format, file, &content, &uncompressed) {
                    Ok(found) => packages.extend(found),
                    Err(problem) => {
                        let name = file.names.first().cloned().unwrap_or_default();
                        checked.faults.push(Fault { name, problem, remedy: Remedy::Rebuild });
                    }
                },
            }
        }
        let mut looks = Vec::new();
        for package in &packages {
            looks.push(place.package(package).boxed());
        }
        checked.packages = packages.len();
        checked.faults.extend(gather(READS_AT_ONCE, looks).await?.into_iter().flatten());
        checked.faults.extend(place.exposed(&head, &target.format.root_names(repository)).await?);
        Ok(Some(checked))
    }

    /// The uploads that were accepted and are not published. One that is on its way is waited for, until all of its publish is
    /// done.
    async fn unpublished(&self, repository: &RepositoryId) -> Result<Vec<Fault>, RepositoryError> {
        let mut waiting = pending::names(self.store, repository).await?;
        // what is accepted from now on is not waited for: the next may always be on its way
        let found: BTreeSet<UploadId> = waiting.iter().map(|(id, _)| id.clone()).collect();
        // whatever the clock of the store does, nothing is looked at for longer
        let started = Instant::now();
        let on_its_way = i64::try_from(ON_ITS_WAY.as_millis()).unwrap_or(i64::MAX);
        loop {
            waiting.retain(|(id, _)| found.contains(id));
            let now = self.store.clock_milliseconds().await?;
            if waiting.iter().all(|(_, since)| now - since >= on_its_way) || started.elapsed() >= ON_ITS_WAY {
                break;
            }
            tokio::time::sleep(LOOK).await;
            waiting = pending::names(self.store, repository).await?;
        }
        if !waiting.is_empty() {
            // a publisher may have died between its commit and its end
            let head = match Heads(self.store).read(repository).await {
                Ok(head) => head,
                // it is named beside this
                Err(RepositoryError::Damaged { .. }) => None,
                Err(error) => return Err(error),
            };
            waiting.retain(|(id, _)| head.as_ref().is_none_or(|(head, _)| !head.applied.contains(id)));
        }
        Ok(waiting.into_iter().map(unpublished).collect())
    }
}

fn unpublished((id, since_milliseconds): (UploadId, i64)) -> Fault {
    let since = Timestamp::from_second(since_milliseconds.div_euclid(1000)).unwrap_or_default();
    Fault {
        name: format!("upload {id}"),
        problem: format!("RWS accepted it at {since} and has not published it"),
        remedy: Remedy::Publish,
    }
}

fn packages_of(
    format: &dyn rws_model::Format,
    file: &ListedFile,
    content: &[u8],
    uncompressed: &[&ListedFile],
) -> Result<Vec<ListedPackage>, String> {
    let plain = codec::decompress_whole(file.codec, content).map_err(|error| error.to_string())?;
    let wanted = uncompressed.iter().find(|other| other.index == file.index);
    if wanted.is_some_and(|wanted| (wanted.size_bytes, wanted.sha256) != (plain.len() as u64, sha256(&plain))) {
        return Err("uncompressed it does not match the root file".to_owned());
    }
    format.read_index(&file.index, &plain)
}

/// Where the files of a repository are.
struct Place<'a> {
    store: &'a dyn Store,
    tree: String,
    depth: Depth,
}

impl Place<'_> {
    fn key(&self, name: &str) -> Option<Key> {
        Key::parse(&join(&self.tree, name))
    }

    /// The content of a file that a root lists, under the first of its names.
    async fn index_file(&self, file: &ListedFile) -> Result<Result<Vec<u8>, Fault>, RepositoryError> {
        let name = file.names.first().cloned().unwrap_or_default();
        let fault = |problem: &str| Fault { name: name.clone(), problem: problem.to_owned(), remedy: Remedy::Rebuild };
        let Some(key) = self.key(&name) else { return Ok(Err(fault("it is not a file name"))) };
        let Some(content) = self.store.read(&key, Span::Whole).await? else {
            return Ok(Err(fault("the root lists it, and it does not exist")));
        };
        let bytes = content.collect().await?;
        Ok(match (bytes.len() as u64, sha256(&bytes)) == (file.size_bytes, file.sha256) {
            true => Ok(bytes.to_vec()),
            false => Err(fault("its content does not match the root file")),
        })
    }

    /// What is wrong with a package file.
    async fn package(&self, package: &ListedPackage) -> Result<Option<Fault>, RepositoryError> {
        let fault = |problem: &str| {
            let (name, problem) = (package.path.clone(), problem.to_owned());
            Some(Fault { name, problem, remedy: Remedy::Synchronise })
        };
        if let Some(reason) = &package.unreadable {
            return Ok(fault(&format!("clients cannot read its entry in the index: {reason}")));
        }
        let Some(key) = self.key(&package.path) else { return Ok(fault("it is not a file name")) };
        let Some(stat) = self.store.stat(&key).await? else {
            return Ok(fault("the index lists it, and it does not exist"));
        };
        if stat.size_bytes != package.size_bytes {
            return Ok(fault("its size differs from the index"));
        }
        if self.depth == Depth::Bytes && self.digest(&key).await? != Some(package.digests.sha256) {
            return Ok(fault("its digest differs from the index"));
        }
        Ok(None)
    }

    async fn digest(&self, key: &Key) -> Result<Option<Sha256>, RepositoryError> {
        let Some(mut content) = self.store.read(key, Span::Whole).await? else { return Ok(None) };
        let mut digester = ContentDigester::new();
        while let Some(piece) = content.bytes.next().await {
            digester.update(&piece?);
        }
        Ok(Some(digester.finish().1))
    }

    /// The plain-named files that readers of the store itself get.
    async fn exposed(&self, head: &Head, root_names: &[String]) -> Result<Vec<Fault>, RepositoryError> {
        let mut faults = Vec::new();
        let mut wanted: Vec<(&String, Option<Sha256>)> = Vec::new();
        for name in root_names {
            let file: Option<&RootFile> = head.root.iter().find(|file| file.name == *name);
            wanted.push((name, file.map(|file| sha256(&file.content))));
        }
        for (name, stored) in &head.plain {
            let digest = stored.rsplit('/').next().and_then(|name| Sha256::from_hex(name.get(..64)?));
            if digest.is_some() {
                wanted.push((name, digest));
            }
        }
        for (name, wanted) in wanted {
            let Some(key) = self.key(name) else { continue };
            let present = self.digest(&key).await?;
            if present != wanted {
                let problem = match (present, wanted) {
                    (None, _) => "direct readers of the store do not find it",
                    (_, None) => "direct readers of the store find it, but RWS does not serve it",
                    _ => "direct readers of the store get other content than readers through RWS",
                };
                faults.push(Fault { name: name.clone(), problem: problem.to_owned(), remedy: Remedy::Expose });
            }
        }
        Ok(faults)
    }
}
