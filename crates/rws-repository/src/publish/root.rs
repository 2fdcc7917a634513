//! Step 4: the root, drafted by the format and signed here.

use std::collections::BTreeMap;
use std::io;

use rws_model::{DraftContent, DraftFile, Index, IndexFile, RootError, RootFile, RootInput, SigningRequest};

use super::commit::Committer;
use crate::RepositoryError;
use crate::content::Content;
use crate::render::Rendered;

/// What a root is made of, beside what the run knows.
struct Parts<'a> {
    indexes: Vec<Index>,
    files: Vec<IndexFile>,
    entries: Vec<Vec<u8>>,
    published_at: i64,
    former: &'a [RootFile],
}

impl Committer<'_> {
    /// The files of the next root, signed where the target has a signer.
    pub(super) async fn root(
        &self,
        rendered: &Rendered,
        entries: &BTreeMap<String, Vec<u8>>,
        published_at: i64,
        former: &[RootFile],
    ) -> Result<Vec<RootFile>, RepositoryError> {
        let parts = Parts {
            indexes: rendered.indexes.iter().map(|state| state.index.clone()).collect(),
            files: rendered.indexes.iter().flat_map(|state| state.files.iter().cloned()).collect(),
            entries: entries.values().cloned().collect(),
            published_at,
            former,
        };
        let mut contents: BTreeMap<String, Content> =
            rendered.files.iter().map(|file| (file.name.clone(), file.content.clone())).collect();
        // a format is pure: what it asks for and is only in the store is read here, and then it is asked again
        let draft = loop {
            match self.draft(&parts, &contents) {
                Ok(draft) => break draft,
                Err(RootError::Unread(name)) if !contents.contains_key(&name) => {
                    let (name, content) = self.at.read_index_file(name).await?;
                    contents.insert(name, content);
                }
                Err(error) => return Err(RepositoryError::generation(self.at.repository)(io::Error::other(error))),
            }
        };
        let mut root = Vec::with_capacity(draft.len());
        for DraftFile { name, content } in draft {
            let content = match (content, &self.at.target.signer) {
                (DraftContent::Bytes(bytes), _) => bytes,
                (DraftContent::Signed { purpose, bytes }, Some(signer)) => {
                    signer.sign(SigningRequest { purpose, bytes: &bytes, signed_at: published_at }).await?
                }
                // an unsigned root has no signatures
                (DraftContent::Signed { .. }, None) => continue,
            };
            root.push(RootFile { name, content });
        }
        Ok(root)
    }

    fn draft(&self, parts: &Parts<'_>, contents: &BTreeMap<String, Content>) -> Result<Vec<DraftFile>, RootError> {
        let read = |file: &IndexFile| {
            let unread = || RootError::Unread(file.stored_name.clone());
            let content = contents.get(&file.stored_name).ok_or_else(unread)?;
            let bytes = content.read(0..content.size_bytes());
            bytes.map(Vec::from).map_err(|error| RootError::Unfit(format!("{}: {error}", file.stored_name)))
        };
        let signer = self.at.target.signer.as_ref().filter(|_| self.at.target.policy.signed_by);
        let signed_by = signer.map(|signer| signer.public_fingerprints()).unwrap_or_default();
        self.at.target.format.root(&RootInput {
            signed_by: &signed_by,
            repository: self.at.repository,
            settings: &self.at.target.settings,
            indexes: &parts.indexes,
            files: &parts.files,
            read: &read,
            entries: &parts.entries,
            published_at: parts.published_at,
            former: parts.former,
            public_key: self.at.target.signer.as_ref().map(|signer| signer.public_key_blocks()),
        })
    }
}
