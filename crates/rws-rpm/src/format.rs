//! RPM as a package format of RWS.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rws_model::{
    Assembled, Codec, FileName, Format, Frame, Identity, Index, Inspected, Inspector, Layout, ListedFile,
    ListedPackage, Metadata, MetadataOffer, Partition, Placement, Reading, Refusal, RepositoryId, RepositorySettings,
    RootFile, RootInput, Sha256, SignError, Signer, Target,
};

use crate::inspector::{RENDERER, RpmInspector};
use crate::{audit, file_name, identity, metadata, placement, repomd};

/// The RPM package format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rpm;

impl Format for Rpm {
    fn name(&self) -> &'static str {
        "rpm"
    }

    fn renderer(&self) -> u32 {
        RENDERER
    }

    fn accepts(&self, name: &FileName) -> bool {
        file_name::is_package(name.as_str())
    }

    fn inspector(&self, name: &FileName, _reading: Reading) -> Box<dyn Inspector> {
        Box::new(RpmInspector::new(name))
    }

    fn assemble(&self, files: &[Inspected], placement: &Placement<'_>) -> Result<Vec<Assembled>, Refusal> {
        placement::assemble(files, placement)
    }

    fn repositories(&self, target: &Target, architectures: &[String]) -> Vec<RepositoryId> {
        placement::repositories(target, architectures)
    }

    fn layout(&self, repository: &RepositoryId) -> Layout {
        Layout { tree: repository.as_str().to_owned(), metadata: repomd::DIRECTORY.to_owned(), packages: String::new() }
    }

    fn compare(&self, left: &Identity, right: &Identity) -> Ordering {
        identity::compare(left, right)
    }

    fn indexes(
        &self,
        _partitions: &BTreeSet<Partition>,
        settings: &RepositorySettings,
        _former: &[&Index],
    ) -> Vec<Index> {
        repomd::indexes(settings)
    }

    fn escape_directory(&self, directory: &str) -> Vec<u8> {
        repomd::escape_directory(directory)
    }

    fn frame(&self, index: &Index, entries: u64) -> Frame {
        repomd::frame(&index.name, entries)
    }

    fn stored_name(&self, _repository: &RepositoryId, index: &Index, codec: Codec, content: &Sha256) -> String {
        format!("{}/{content}-{}.xml{}", repomd::DIRECTORY, index.name, codec.extension())
    }

    fn plain_name(&self, _repository: &RepositoryId, _index: &Index, _codec: Codec) -> Option<String> {
        None
    }

    fn keep_seconds(&self) -> i64 {
        // dnf's metadata_expire is two days by default
        3 * 24 * 60 * 60
    }

    fn root_names(&self, _repository: &RepositoryId) -> Vec<String> {
        ["repomd.xml", "repomd.xml.asc", "repomd.xml.key"].map(|name| format!("{}/{name}", repomd::DIRECTORY)).to_vec()
    }

    fn root(&self, input: &RootInput<'_>, signer: Option<&dyn Signer>) -> Result<Vec<RootFile>, SignError> {
        repomd::root(input, signer)
    }

    fn read_root(&self, _repository: &RepositoryId, root: &[RootFile]) -> Result<Vec<ListedFile>, String> {
        audit::read_root(root)
    }

    fn metadata_bytes(&self, content: &[u8]) -> u64 {
        metadata::unpacked_bytes(content)
    }

    fn metadata(&self, offer: &MetadataOffer<'_>) -> Result<Metadata, Refusal> {
        metadata::read(offer)
    }

    fn read_index(&self, index: &str, text: &[u8]) -> Result<Vec<ListedPackage>, String> {
        audit::read_index(index, text)
    }

    fn check_signatures(
        &self,
        _repository: &RepositoryId,
        root: &[RootFile],
        signer: &dyn Signer,
    ) -> Result<(), String> {
        audit::check_signatures(root, signer)
    }
}
