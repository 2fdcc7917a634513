//! A repository in its store: what every step of a publish reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{FutureExt, StreamExt};
use rws_model::{ContentDigester, RepositoryId, RootFile, Sha256};
use rws_store::{Key, Span, Store, StoreError, Version};

use super::TRANSFERS_AT_ONCE;
use crate::catalogue::ConfiguredTarget;
use crate::content::{Content, ContentWriter, DigestedContent};
use crate::events::Events;
use crate::gather::gather;
use crate::generation::{Generation, Head, Heads};
use crate::plan::join;
use crate::render::PresentFiles;
use crate::{GenerationId, RepositoryError, disk_format, private, reading};

/// A repository in its store.
pub(super) struct StoredRepository<'a> {
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) repository: &'a RepositoryId,
    pub(super) target: &'a ConfiguredTarget,
    /// Where the files of the repository are.
    pub(super) tree: String,
    /// Another directory for the metadata, below the tree: [`rws_model::RepositoryFormat::other_metadata`].
    pub(super) other_metadata: Option<String>,
    /// The local directory for index files that are large.
    pub(super) scratch: &'a Path,
    /// When this process started, in milliseconds since 1970.
    pub(super) started_at: i64,
    pub(super) exposed: &'a ExposedFiles,
    /// What others are told.
    pub(super) events: &'a Events,
}

/// A plain-named file as this process saw it last.
#[derive(Clone, Debug)]
pub(super) struct Exposed {
    /// What the store said of it.
    pub(super) version: Version,
    pub(super) content: Sha256,
    /// When it was written, by the store's clock, in milliseconds since 1970, where this process wrote it as a root.
    pub(super) written_milliseconds: Option<i64>,
}

/// The plain-named files that this process wrote or read last.
#[derive(Default)]
pub(super) struct ExposedFiles(Mutex<BTreeMap<Key, Exposed>>);

impl ExposedFiles {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Exposed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this process knows of a file.
    pub(super) fn get(&self, key: &Key) -> Option<Exposed> {
        self.lock().get(key).cloned()
    }

    /// Notes what a file is now; `None`: nothing is known.
    pub(super) fn set(&self, key: &Key, exposed: Option<Exposed>) {
        match exposed {
            Some(exposed) => self.lock().insert(key.clone(), exposed),
            None => self.lock().remove(key),
        };
    }
}

/// The present state of a repository.
pub(super) struct CurrentState {
    pub(super) head: Option<(Head, Version)>,
    pub(super) generation: Option<Generation>,
    /// The generation of the head, where its indexes are to be made anew because files of them are gone.
    pub(super) former: Option<Generation>,
}

impl CurrentState {
    pub(super) fn head(&self) -> Option<&Head> {
        self.head.as_ref().map(|(head, _)| head)
    }
}

impl StoredRepository<'_> {
    /// The store.
    pub(super) fn store(&self) -> &dyn Store {
        &**self.store
    }

    /// The key of a file of this repository.
    pub(super) fn key(&self, name: &str) -> Result<Key, RepositoryError> {
        let path = join(&self.tree, name);
        Key::parse(&path).ok_or_else(|| RepositoryError::damaged(&path, "it is not a file name"))
    }

    /// The name that a file of the metadata has below another directory.
    pub(super) fn name_below(&self, name: &str, other: &str) -> Option<String> {
        let metadata = self.target.format.layout(self.repository).metadata;
        Some(format!("{other}{}", name.strip_prefix(&metadata).filter(|rest| rest.starts_with('/'))?))
    }

    /// The key that a file of the metadata has below [`StoredRepository::other_metadata`].
    pub(super) fn key_elsewhere(&self, key: &Key) -> Option<Key> {
        let name = key.as_str().strip_prefix(&self.tree)?.strip_prefix('/')?;
        self.key(&self.name_below(name, self.other_metadata.as_deref()?)?).ok()
    }

    /// Reads the head and its generation, but for one that is to be made anew.
    pub(super) async fn state(&self, rebuild: bool) -> Result<CurrentState, RepositoryError> {
        let head = Heads(self.store()).read(self.repository).await?;
        let generation = match &head {
            Some((head, _)) if head.format > disk_format::HEAD_PINNED => {
                return Err(RepositoryError::later(private::head(self.repository)));
            }
            Some(_) if rebuild => None,
            Some((head, _)) => Some(reading::generation(self.store(), self.repository, &head.generation).await?),
            None => None,
        };
        Ok(CurrentState { head, generation, former: None })
    }

    /// Sets the generation aside when another tool removed files of its indexes: then they have to be made anew, of packages
    /// that are known.
    pub(super) async fn set_aside_what_is_broken(&self, state: &mut CurrentState) -> Result<(), RepositoryError> {
        let Some(generation) = &state.generation else { return Ok(()) };
        for file in generation.indexes.iter().flat_map(|index| &index.files) {
            let stat = self.store().stat(&self.key(&file.stored_name)?).await?;
            if stat.is_none_or(|stat| stat.size_bytes != file.size_bytes) {
                tracing::warn!(repository = %self.repository, file = file.stored_name, "index files are missing; RWS makes the indexes again");
                state.former = state.generation.take();
                return Ok(());
            }
        }
        Ok(())
    }

    /// The counter and the generation of the head that is current now.
    pub(super) async fn current(&self) -> Result<Option<(u64, GenerationId)>, RepositoryError> {
        Ok(Heads(self.store()).read(self.repository).await?.map(|(head, _)| (head.counter, head.generation)))
    }

    /// Paths below the tree that must not be used now.
    pub(super) fn condemned_paths(&self, state: &CurrentState) -> BTreeSet<String> {
        let prefix = format!("{}/", self.tree);
        let keys = state.head().into_iter().flat_map(|head| head.untouchable());
        keys.filter_map(|key| key.as_str().strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    /// Whether a plain-named file is there that is none of the head's own.
    pub(super) async fn is_foreign(&self, state: &CurrentState) -> Result<bool, RepositoryError> {
        let Some(head) = state.head() else { return Ok(false) };
        let mut names = self.target.format.root_names(self.repository);
        names.extend(head.plain.keys().cloned());
        let digests: Vec<Sha256> = self.digests(&names).await?;
        Ok(digests.iter().any(|digest| !head.own.contains_key(digest)))
    }

    /// The digests of those of these files that exist.
    pub(super) async fn digests(&self, names: &[String]) -> Result<Vec<Sha256>, RepositoryError> {
        let mut digests = Vec::new();
        for name in names {
            digests.extend(self.present(&self.key(name)?).await?.map(|(_, digest)| digest));
        }
        Ok(digests)
    }

    /// The version and content of a public file.
    pub(super) async fn present(&self, key: &Key) -> Result<Option<(Version, Sha256)>, RepositoryError> {
        if let Some(exposed) = self.exposed.get(key) {
            match self.store().stat(key).await? {
                None => return Ok(None),
                Some(stat) if stat.version == exposed.version => return Ok(Some((exposed.version, exposed.content))),
                Some(_) => {}
            }
        }
        let Some(mut read) = self.store().read(key, Span::Whole).await? else { return Ok(None) };
        let version = read.stat.version.clone();
        let mut digester = ContentDigester::new();
        while let Some(piece) = read.bytes.next().await {
            digester.update(&piece?);
        }
        let (_, content) = digester.finish();
        let exposed = Exposed { version: version.clone(), content, written_milliseconds: None };
        self.exposed.set(key, Some(exposed));
        Ok(Some((version, content)))
    }

    /// The public root, whoever wrote it, and when one of its files was written last, in seconds since 1970.
    pub(super) async fn public_root(&self) -> Result<(Vec<RootFile>, Option<i64>), RepositoryError> {
        let (mut root, mut written) = (Vec::new(), None);
        for name in self.target.format.root_names(self.repository) {
            let Some(content) = self.store().read(&self.key(&name)?, Span::Whole).await? else { continue };
            written = written.max(Some(content.stat.modified_milliseconds.div_euclid(1000)));
            root.push(RootFile::new(name, content.collect().await?));
        }
        Ok((root, written))
    }

    pub(super) async fn public_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        match self.store().read(&self.key(name)?, Span::Whole).await? {
            Some(content) => Ok(Some(content.collect().await?.to_vec())),
            None => Ok(None),
        }
    }

    pub(super) async fn read_all(&self, names: BTreeSet<String>) -> Result<PresentFiles, RepositoryError> {
        let mut reads = Vec::new();
        for name in names {
            reads.push(self.read_index_file(name).boxed());
        }
        Ok(gather(TRANSFERS_AT_ONCE, reads).await?.into_iter().collect())
    }

    pub(super) async fn read_index_file(&self, name: String) -> Result<(String, Content), RepositoryError> {
        let key = self.key(&name)?;
        let Some(mut found) = self.store().read(&key, Span::Whole).await? else {
            return Err(RepositoryError::damaged(&key, "the current generation refers to it, and it does not exist"));
        };
        let (content, digest) = match found.file.take() {
            // it stays where it is
            Some(file) => {
                let mut digester = ContentDigester::new();
                while let Some(piece) = found.bytes.next().await {
                    digester.update(&piece?);
                }
                (Content::stored(file, found.stat.size_bytes), digester.finish().1)
            }
            None => {
                let disk = |error| StoreError::from_io("write", key.as_str(), error);
                let mut content = ContentWriter::new(self.scratch, &[]);
                while let Some(piece) = found.bytes.next().await {
                    content.push(&piece?).map_err(disk)?;
                }
                let DigestedContent { content, sha256, .. } = content.finish().map_err(disk)?;
                (content, sha256)
            }
        };
        let named = Sha256::from_hex(key.file_name().get(..64).unwrap_or_default());
        if named.is_some_and(|named| named != digest) {
            return Err(RepositoryError::damaged(&key, "its content does not match the digest in its name"));
        }
        Ok((name, content))
    }
}
