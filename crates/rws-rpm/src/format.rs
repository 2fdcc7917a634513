//! RPM as a package format of RWS.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rws_model::{
    Assembled, BuiltPackage, ClientFormat, ClientSetup, Codec, DebugFormat, DraftFile, Entry, EntryTopic, FileName,
    Format, Frame, Identity, Index, Inspected, Inspector, InstallWay, Layout, ListedFile, ListedPackage, Metadata,
    MetadataOffer, PackageDescription, PackageName, PackageRelations, PackageSigning, Partition, Placement,
    PlainDirectory, Reading, Refusal, ReleasePackage, RepositoryFormat, RepositoryId, RepositorySettings, RootError,
    RootFile, RootInput, Sha256, Signer, Target, UploadFormat,
};

use crate::debug::RpmDebug;
use crate::inspector::{RENDERER, RpmInspector};
use crate::setup_files::Client;
use crate::signing::RpmSigning;
use crate::{
    audit, description, file_name, identity, install_ways, metadata, package_relations, placement, published_names,
    release_package, repomd, setup_files,
};

/// The RPM package format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rpm;

impl Format for Rpm {
    fn name(&self) -> &'static str {
        "rpm"
    }
}

impl UploadFormat for Rpm {
    fn renderer(&self) -> u32 {
        RENDERER
    }

    fn accepts(&self, name: &FileName) -> bool {
        file_name::is_package(name.as_str())
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[file_name::EXTENSION]
    }

    fn signing(&self) -> Option<&dyn PackageSigning> {
        Some(&RpmSigning)
    }

    fn inspector(&self, name: &FileName, _reading: Reading) -> Box<dyn Inspector> {
        Box::new(RpmInspector::new(name))
    }

    fn assemble(&self, files: &[Inspected], placement: &Placement<'_>) -> Result<Vec<Assembled>, Refusal> {
        placement::assemble(files, placement)
    }

    fn takes_metadata(&self) -> bool {
        true
    }

    fn promoted_metadata(
        &self,
        kind: &str,
        content: &[u8],
        packages: &[PackageName],
        present: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        metadata::promoted(kind, content, packages, present)
    }

    fn metadata_kind(&self, name: &str) -> String {
        // clients say comps where the root says group
        if name == "comps" { "group" } else { name }.to_owned()
    }

    fn metadata_bytes(&self, content: &[u8]) -> u64 {
        metadata::unpacked_bytes(content)
    }

    fn metadata(&self, offer: &MetadataOffer<'_>) -> Result<Metadata, Refusal> {
        metadata::read(offer)
    }
}

impl RepositoryFormat for Rpm {
    fn repositories(&self, target: &Target, settings: &RepositorySettings) -> Vec<RepositoryId> {
        placement::repositories(target, settings)
    }

    fn default_architectures(&self) -> &'static [&'static str] {
        &["x86_64", "aarch64"]
    }

    fn no_architectures(&self) -> &'static [&'static str] {
        &["noarch", "src", "nosrc", "SRPMS"]
    }

    fn layout(&self, repository: &RepositoryId) -> Layout {
        Layout { tree: repository.as_str().to_owned(), metadata: repomd::DIRECTORY.to_owned(), packages: String::new() }
    }

    fn plain_directory(&self) -> PlainDirectory {
        PlainDirectory::Whole { root: "repodata/repomd.xml", package: file_name::EXTENSION, description: "any rpm" }
    }

    fn compare(&self, left: &Identity, right: &Identity) -> Ordering {
        identity::compare(left, right)
    }

    fn identity_ranges(&self, name: &str) -> Vec<(Identity, Identity)> {
        identity::ranges(name)
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

    fn keep_seconds(&self) -> i64 {
        // dnf's metadata_expire is two days by default
        3 * 24 * 60 * 60
    }

    fn root_names(&self, _repository: &RepositoryId) -> Vec<String> {
        ["repomd.xml", "repomd.xml.asc", "repomd.xml.key"].map(|name| format!("{}/{name}", repomd::DIRECTORY)).to_vec()
    }

    fn root(&self, input: &RootInput<'_>) -> Result<Vec<DraftFile>, RootError> {
        Ok(repomd::root(input))
    }

    fn read_root(&self, _repository: &RepositoryId, root: &[RootFile]) -> Result<Vec<ListedFile>, String> {
        audit::read_root(root)
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

impl ClientFormat for Rpm {
    fn content_types(&self) -> &'static [(&'static str, &'static str)] {
        published_names::CONTENT_TYPES
    }

    fn is_package(&self, path: &str) -> bool {
        file_name::is_package(path)
    }

    fn is_immutable(&self, path: &str) -> bool {
        published_names::is_immutable(path)
    }

    fn named_digest(&self, path: &str) -> Option<Sha256> {
        published_names::digest(path)
    }

    fn setup_files(&self) -> &'static [&'static str] {
        &["zypper.repo", "yum.repo", "repo", "packages.asc", "asc"]
    }

    fn package_name(&self, identity: &Identity, file: Option<&FileName>) -> Option<PackageName> {
        identity::package_name(identity, file)
    }

    fn source_package<'s>(&self, source: &'s str) -> &'s str {
        package_relations::source_package(source)
    }

    fn is_same_version(&self, one: &str, other: &str) -> bool {
        identity::is_same_version(one, other)
    }

    fn relations(&self, package: &Inspected) -> PackageRelations {
        package_relations::of(package)
    }

    fn source_name(&self, identity: &Identity, file: &FileName) -> Option<String> {
        package_relations::source_name(identity, file)
    }

    fn release_package(&self, package: &ReleasePackage<'_>) -> Option<BuiltPackage> {
        release_package::build(package)
    }

    fn release_package_version(&self, name: &str, identity: &Identity) -> Option<String> {
        identity::version_of(identity, &release_package::package_name(name))
    }

    fn entry_topic(&self, partition: &str) -> Option<EntryTopic> {
        description::topic(partition)
    }

    fn source_of(&self, entry: &[u8]) -> Option<String> {
        package_relations::source_of_entry(entry)
    }

    fn debug(&self) -> Option<&dyn DebugFormat> {
        Some(&RpmDebug)
    }

    fn summary(&self, entry: &[u8]) -> String {
        description::summary(entry)
    }

    fn describe(&self, entries: &[Entry]) -> PackageDescription {
        description::of(entries)
    }

    fn is_installable(&self, package: &PackageName) -> bool {
        description::is_installable(package)
    }

    fn install_ways(&self, setup: &ClientSetup<'_>) -> Vec<InstallWay> {
        install_ways::of(setup)
    }

    fn release_package_name(&self, name: &str) -> Option<String> {
        Some(release_package::package_name(name))
    }

    fn setup_file(&self, end: &str, setup: &ClientSetup<'_>) -> Option<String> {
        let client = match end {
            "asc" => return setup.key.map(|key| key.blocks.to_owned()),
            "packages.asc" => return setup.key?.package_keys.map(|keys| keys.blocks.to_owned()),
            "repo" => Client::Dnf,
            "zypper.repo" => Client::Zypper,
            "yum.repo" => Client::Yum,
            _ => return None,
        };
        Some(setup_files::repo(setup, client))
    }
}
