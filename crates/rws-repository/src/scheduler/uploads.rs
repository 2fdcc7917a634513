//! Uploads of this process: which repositories have them already.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rws_model::RepositoryId;

use crate::{GenerationId, UploadId};

/// How many ended uploads are remembered for those who wait.
const REMEMBERED: usize = 10_000;

/// What happened to an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not all of its repositories have it yet.
    Pending,
    /// All of its repositories have it, in these generations, where they are known (any more).
    Published(BTreeMap<RepositoryId, Option<GenerationId>>),
    /// It cannot be carried out: why.
    Failed(String),
}

/// Uploads of this process that are on their way, and the last ones that ended.
#[derive(Default)]
pub struct Uploads {
    open: HashMap<UploadId, Open>,
    ended: BTreeMap<UploadId, Progress>,
}

#[derive(Default)]
struct Open {
    missing: BTreeSet<RepositoryId>,
    published: BTreeMap<RepositoryId, Option<GenerationId>>,
}

impl Uploads {
    /// Takes note of an accepted upload.
    pub fn take(&mut self, upload: &UploadId, repositories: &[RepositoryId]) {
        let missing: BTreeSet<_> = repositories.iter().cloned().collect();
        let is_empty = missing.is_empty();
        self.open.insert(upload.clone(), Open { missing, ..Open::default() });
        if is_empty {
            self.end(upload, Progress::Published(BTreeMap::new()));
        }
    }

    /// What became of an upload; `None` for one that this process has not taken, or has forgotten.
    pub fn progress(&self, upload: &UploadId) -> Option<Progress> {
        let open = self.open.contains_key(upload).then_some(Progress::Pending);
        open.or_else(|| self.ended.get(upload).cloned())
    }

    /// How many are on their way, and since when the oldest is, in seconds since 1970.
    pub fn pending(&self) -> (usize, Option<i64>) {
        (self.open.len(), self.open.keys().map(UploadId::seconds).min())
    }

    /// The uploads that are not known to be in a repository yet.
    pub fn expected(&self, repository: &RepositoryId) -> Vec<UploadId> {
        let open = self.open.iter().filter(|(_, open)| open.missing.contains(repository));
        open.map(|(id, _)| id.clone()).collect()
    }

    /// A repository has an upload, in this generation where it is known.
    pub fn published(&mut self, upload: &UploadId, repository: &RepositoryId, generation: Option<&GenerationId>) {
        let Some(open) = self.open.get_mut(upload) else { return };
        open.missing.remove(repository);
        open.published.insert(repository.clone(), generation.cloned());
        if open.missing.is_empty() {
            let published = std::mem::take(&mut open.published);
            self.end(upload, Progress::Published(published));
        }
    }

    /// An upload has come to its end.
    pub fn end(&mut self, upload: &UploadId, progress: Progress) {
        if self.open.remove(upload).is_none() {
            return;
        }
        self.ended.insert(upload.clone(), progress);
        while self.ended.len() > REMEMBERED {
            // names start with the time: the first is the oldest
            self.ended.pop_first();
        }
    }
}
