//! The formats as a later version of RWS has them: their entries say something else.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rws_deb::Deb;
use rws_model::{
    Assembled, ClientFormat, Codec, Digests, DraftFile, FileName, Format, Frame, Identity, Index, Inspected, Inspector,
    Layout, ListedFile, ListedPackage, Partition, Placement, PlainDirectory, ProductRule, Reading, Refusal,
    RepositoryFormat, RepositoryId, RepositorySettings, RootError, RootFile, RootInput, Sha256, Signer, Target,
    UploadFormat,
};
use rws_repository::catalogue::{Catalogue, Policy};
use rws_rpm::Rpm;

use super::{catalogue_in, settings};

/// What entries say before their summaries.
const LATER: &str = "later ";

/// The usual catalogue, in which both formats have later renderers.
pub fn later_catalogue() -> Arc<Catalogue> {
    let formats: [Arc<dyn Format>; 2] = [Arc::new(Later(Deb)), Arc::new(Later(Rpm))];
    catalogue_in(formats, settings, Policy::default(), None)
}

struct Later<F>(F);

struct LaterInspector {
    inner: Box<dyn Inspector>,
    renderer: u32,
}

fn render(mut inspected: Inspected, renderer: u32) -> Inspected {
    inspected.renderer = renderer;
    for entry in &mut inspected.entries {
        let text = String::from_utf8(entry.text.clone()).unwrap();
        let text = text.replace("\nDescription: ", &format!("\nDescription: {LATER}"));
        entry.text = text.replace("<summary>", &format!("<summary>{LATER}")).into_bytes();
    }
    inspected
}

impl Inspector for LaterInspector {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.inner.push(bytes)
    }

    fn finish(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        self.inner.finish(size_bytes, digests).map(|inspected| render(inspected, self.renderer))
    }

    fn has_enough(&self) -> bool {
        self.inner.has_enough()
    }

    fn finish_early(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        self.inner.finish_early(size_bytes, digests).map(|inspected| render(inspected, self.renderer))
    }
}

impl<F: Format> Format for Later<F> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
}

impl<F: UploadFormat> UploadFormat for Later<F> {
    fn renderer(&self) -> u32 {
        self.0.renderer() + 1
    }

    fn inspector(&self, name: &FileName, reading: Reading) -> Box<dyn Inspector> {
        Box::new(LaterInspector { inner: self.0.inspector(name, reading), renderer: self.renderer() })
    }

    // all else is as it was

    fn accepts(&self, name: &FileName) -> bool {
        self.0.accepts(name)
    }

    fn extensions(&self) -> &'static [&'static str] {
        self.0.extensions()
    }

    fn assemble(&self, files: &[Inspected], placement: &Placement<'_>) -> Result<Vec<Assembled>, Refusal> {
        self.0.assemble(files, placement)
    }

    fn product_rule(&self) -> Option<ProductRule> {
        self.0.product_rule()
    }
}

impl<F: RepositoryFormat> RepositoryFormat for Later<F> {
    fn repositories(&self, target: &Target, settings: &RepositorySettings) -> Vec<RepositoryId> {
        self.0.repositories(target, settings)
    }

    fn layout(&self, repository: &RepositoryId) -> Layout {
        self.0.layout(repository)
    }

    fn plain_directory(&self) -> PlainDirectory {
        self.0.plain_directory()
    }

    fn compare(&self, left: &Identity, right: &Identity) -> Ordering {
        self.0.compare(left, right)
    }

    fn indexes(
        &self,
        partitions: &BTreeSet<Partition>,
        settings: &RepositorySettings,
        former: &[&Index],
    ) -> Vec<Index> {
        self.0.indexes(partitions, settings, former)
    }

    fn escape_directory(&self, directory: &str) -> Vec<u8> {
        self.0.escape_directory(directory)
    }

    fn frame(&self, index: &Index, entries: u64) -> Frame {
        self.0.frame(index, entries)
    }

    fn stored_name(&self, repository: &RepositoryId, index: &Index, codec: Codec, content: &Sha256) -> String {
        self.0.stored_name(repository, index, codec, content)
    }

    fn plain_name(&self, repository: &RepositoryId, index: &Index, codec: Codec) -> Option<String> {
        self.0.plain_name(repository, index, codec)
    }

    fn keep_seconds(&self) -> i64 {
        self.0.keep_seconds()
    }

    fn needs_reading(&self, partitions: &BTreeMap<Partition, u64>, settings: &RepositorySettings) -> bool {
        self.0.needs_reading(partitions, settings)
    }

    fn root_names(&self, repository: &RepositoryId) -> Vec<String> {
        self.0.root_names(repository)
    }

    fn root(&self, input: &RootInput<'_>) -> Result<Vec<DraftFile>, RootError> {
        self.0.root(input)
    }

    fn read_root(&self, repository: &RepositoryId, root: &[RootFile]) -> Result<Vec<ListedFile>, String> {
        self.0.read_root(repository, root)
    }

    fn read_index(&self, index: &str, text: &[u8]) -> Result<Vec<ListedPackage>, String> {
        self.0.read_index(index, text)
    }

    fn check_signatures(
        &self,
        repository: &RepositoryId,
        root: &[RootFile],
        signer: &dyn Signer,
    ) -> Result<(), String> {
        self.0.check_signatures(repository, root, signer)
    }
}

impl<F: ClientFormat> ClientFormat for Later<F> {
    fn content_types(&self) -> &'static [(&'static str, &'static str)] {
        self.0.content_types()
    }

    fn is_package(&self, path: &str) -> bool {
        self.0.is_package(path)
    }
}
