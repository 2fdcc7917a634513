//! The Debian package format behind RWS's traits.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rws_model::{
    Assembled, BuiltPackage, ChangelogReader, ClientFormat, ClientSetup, Codec, DebugFormat, DraftFile, Entry,
    EntryTopic, FileByFile, FileName, Format, Identity, Index, IndexFile, Inspected, Inspector, InstallWay, Layout,
    ListedFile, ListedPackage, Memory, Metadata, MetadataOffer, NameRule, PackageDescription, PackageName,
    PackagePlace, PackageRelations, Partition, Placement, PlainDirectory, ProductRule, Reading, Record, Refusal,
    ReleasePackage, RepositoryFormat, RepositoryId, RepositorySettings, RootError, RootFile, RootInput, Sha256, Signer,
    Target, UploadFormat,
};

use crate::binary_package::BinaryPackage;
use crate::changelog::Changelog;
use crate::changes::{Buildinfo, Changes};
use crate::debug::DebDebug;
use crate::dsc::{Dsc, Text};
use crate::file_kind::{FileKind, is_ddeb};
use crate::part::Part;
use crate::{
    RENDERER, audit, changelog, component, description, identity, install_ways, layout, metadata, package_relations,
    phasing, product, published_names, release, release_package, setup_files, upload,
};

/// The Debian package format: `base` `deb` of the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deb;

impl Format for Deb {
    fn name(&self) -> &'static str {
        "deb"
    }
}

impl UploadFormat for Deb {
    fn renderer(&self) -> u32 {
        RENDERER
    }

    fn accepts(&self, name: &FileName) -> bool {
        FileKind::of(name.as_str()).is_some()
    }

    /// A `.dsc`, the files that it names and lists belong together.
    fn stands_alone(&self, name: &FileName) -> bool {
        FileKind::of(name.as_str()) == Some(FileKind::Binary)
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[".deb", ".dsc", ".xz", ".gz"]
    }

    fn skips(&self, name: &str, settings: &RepositorySettings) -> Option<&'static str> {
        (is_ddeb(name) && !settings.debug_packages).then_some(".ddeb packages of debug symbols are skipped here")
    }

    /// `%3a` is how apt and dpkg write the colon of an epoch in names of files: debootstrap, debmirror and wget ask for such a
    /// name as it stands, which a server reads as a colon, and apt escapes the percent sign. A colon all of them ask for alike.
    fn published_name(&self, sent: FileName) -> FileName {
        let name = sent.as_str().replace("%3a", ":").replace("%3A", ":");
        FileName::parse(&name).unwrap_or(sent)
    }

    fn inspector(&self, name: &FileName, reading: Reading) -> Box<dyn Inspector> {
        let name = name.clone();
        match FileKind::of(name.as_str()) {
            Some(FileKind::Binary) => Box::new(BinaryPackage::new(name, reading)),
            Some(FileKind::Source) => Box::new(Dsc(Text::new(name))),
            Some(FileKind::Changes) => Box::new(Changes(Text::new(name))),
            Some(FileKind::Buildinfo) => Box::new(Buildinfo(name)),
            Some(FileKind::Part) | None => Box::new(Part(name)),
        }
    }

    fn assemble(&self, files: &[Inspected], placement: &Placement<'_>) -> Result<Vec<Assembled>, Refusal> {
        upload::assemble(files, placement)
    }

    fn product_rule(&self) -> Option<ProductRule> {
        Some(product::RULE)
    }

    fn place_of(&self, directory: &str) -> PackagePlace {
        layout::place_of(directory)
    }

    fn component_rule(&self) -> Option<NameRule> {
        Some(NameRule { rule: component::RULE, check: component::is_component })
    }

    fn check_component(&self, component: Option<&str>, settings: &RepositorySettings) -> Result<(), String> {
        component::chosen(component, settings).map(drop)
    }

    fn file_by_file(&self) -> Option<FileByFile> {
        Some(FileByFile { list: ".changes", repositories: "apt" })
    }

    fn takes_metadata(&self) -> bool {
        true
    }

    fn has_metadata_part(&self, _repository: &RepositoryId, part: &str, settings: &RepositorySettings) -> bool {
        component::configured(settings).contains(&part)
    }

    fn metadata_name(&self, part: &str, name: &str) -> String {
        format!("{part}/{name}")
    }

    fn metadata_kind(&self, name: &str) -> String {
        metadata::kind(name)
    }

    fn check_metadata(&self, kind: &str, settings: &RepositorySettings) -> Result<(), String> {
        metadata::check_settings(kind, settings)
    }

    fn metadata_bytes(&self, content: &[u8]) -> u64 {
        metadata::unpacked_bytes(content)
    }

    fn metadata(&self, offer: &MetadataOffer<'_>) -> Result<Metadata, Refusal> {
        metadata::read(offer)
    }

    fn metadata_directory(&self, repository: &RepositoryId, directory: &str) -> String {
        metadata::directory(repository, directory)
    }

    fn shares_metadata(&self, _from: &RepositoryId, _to: &RepositoryId) -> bool {
        true
    }
}

impl RepositoryFormat for Deb {
    fn repositories(&self, target: &Target, _settings: &RepositorySettings) -> Vec<RepositoryId> {
        layout::repository(target).into_iter().collect()
    }

    fn no_architectures(&self) -> &'static [&'static str] {
        &["all", "any", "source"]
    }

    fn layout(&self, repository: &RepositoryId) -> Layout {
        layout::layout(repository)
    }

    fn other_metadata(&self, repository: &RepositoryId, settings: &RepositorySettings) -> Option<String> {
        layout::suite_directory(repository, settings)
    }

    fn stated_metadata(&self, repository: &RepositoryId, root: &[RootFile]) -> Option<String> {
        layout::directory_of_suite(repository, &audit::field(repository, root, "Suite")?)
    }

    fn plain_directory(&self) -> PlainDirectory {
        PlainDirectory::Parts { parent: layout::POOL, description: "pool/CODENAME/… with debs" }
    }

    fn compare(&self, left: &Identity, right: &Identity) -> Ordering {
        identity::compare(left, right)
    }

    fn identity_ranges(&self, name: &str) -> Vec<(Identity, Identity)> {
        identity::ranges(name)
    }

    fn indexes(
        &self,
        partitions: &BTreeSet<Partition>,
        settings: &RepositorySettings,
        former: &[&Index],
    ) -> Vec<Index> {
        layout::indexes(partitions, settings, former)
    }

    fn stored_name(&self, repository: &RepositoryId, index: &Index, _codec: Codec, content: &Sha256) -> String {
        layout::stored_name(repository, index, content)
    }

    fn plain_name(&self, repository: &RepositoryId, index: &Index, codec: Codec) -> Option<String> {
        Some(layout::plain_name(repository, index, codec))
    }

    fn listed_by_entries(&self, repository: &RepositoryId, entries: &[&[u8]]) -> Vec<IndexFile> {
        entries.iter().filter_map(|entry| metadata::listed(repository, entry)).collect()
    }

    fn needs_reading(&self, partitions: &BTreeMap<Partition, u64>, settings: &RepositorySettings) -> bool {
        layout::needs_reading(partitions, settings)
    }

    fn is_phased(&self, entries: &[(Partition, u64)]) -> bool {
        entries.iter().any(|(partition, _)| component::split(partition).1.starts_with("binary-"))
    }

    fn phased(&self, record: &Record, percentage: u8) -> Option<Record> {
        phasing::with(record, percentage)
    }

    fn is_of_present(&self, record: &Record) -> bool {
        phasing::is_of_present(record)
    }

    fn carried(&self, record: &Record, before: &[(Partition, u64)]) -> Option<Record> {
        phasing::carried(record, before)
    }

    fn brought(&self, there: &[(Partition, u64)]) -> Option<Entry> {
        phasing::brought(there)
    }

    fn names_snapshots(&self) -> bool {
        true
    }

    fn valid_seconds(&self, settings: &RepositorySettings) -> Option<u64> {
        settings.valid_until_seconds
    }

    fn keep_seconds(&self) -> i64 {
        24 * 60 * 60
    }

    fn root_names(&self, repository: &RepositoryId) -> Vec<String> {
        ["InRelease", "Release", "Release.gpg"].map(|name| format!("{}/{name}", layout::metadata(repository))).to_vec()
    }

    fn root(&self, input: &RootInput<'_>) -> Result<Vec<DraftFile>, RootError> {
        Ok(release::root(input))
    }

    fn read_root(&self, repository: &RepositoryId, root: &[RootFile]) -> Result<Vec<ListedFile>, String> {
        audit::read_root(repository, root)
    }

    fn root_date(&self, repository: &RepositoryId, root: &[RootFile]) -> Option<i64> {
        audit::date(repository, root)
    }

    fn read_index(&self, index: &str, text: &[u8]) -> Result<Vec<ListedPackage>, String> {
        audit::read_index(index, text)
    }

    fn check_signatures(
        &self,
        repository: &RepositoryId,
        root: &[RootFile],
        signer: &dyn Signer,
    ) -> Result<(), String> {
        audit::check_signatures(repository, root, signer)
    }
}

impl ClientFormat for Deb {
    fn content_types(&self) -> &'static [(&'static str, &'static str)] {
        published_names::CONTENT_TYPES
    }

    fn is_package(&self, path: &str) -> bool {
        published_names::is_package(path)
    }

    fn is_immutable(&self, path: &str) -> bool {
        published_names::is_immutable(path)
    }

    fn named_digest(&self, path: &str) -> Option<Sha256> {
        published_names::digest(path)
    }

    fn other_writing(&self, path: &str) -> Option<String> {
        published_names::other_writing(path)
    }

    fn setup_files(&self) -> &'static [&'static str] {
        &["sources", "list", "asc"]
    }

    fn setup_names_architectures(&self, end: &str) -> bool {
        end != "asc"
    }

    fn setup_file(&self, end: &str, setup: &ClientSetup<'_>) -> Option<String> {
        match end {
            "sources" => Some(setup_files::sources(setup)),
            "list" => Some(setup_files::list(setup)),
            // as one block: apt joins the lines of all blocks of a key file before it decodes them
            "asc" => setup.key.map(|key| key.armored.to_owned()),
            _ => None,
        }
    }

    fn package_name(&self, identity: &Identity, file: Option<&FileName>) -> Option<PackageName> {
        identity::package_name(identity, file)
    }

    fn source_package<'s>(&self, source: &'s str) -> &'s str {
        source.split(' ').next().unwrap_or_default()
    }

    fn is_same_version(&self, one: &str, other: &str) -> bool {
        crate::version::compare(one, other).is_eq()
    }

    fn relations(&self, package: &Inspected) -> PackageRelations {
        package_relations::of(package)
    }

    fn source_name(&self, identity: &Identity, _file: &FileName) -> Option<String> {
        package_relations::source_name(identity)
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

    fn changelog_source(&self, path: &str) -> Option<(String, String)> {
        changelog::source_in(path)
    }

    fn is_changelog_of(&self, called: &str, source: (&str, &str)) -> bool {
        changelog::is_of(called, source)
    }

    fn changelog_reader(
        &self,
        file: &FileName,
        package: &PackageName,
        memory: Arc<dyn Memory>,
    ) -> Option<Box<dyn ChangelogReader>> {
        let is_binary = FileKind::of(file.as_str()) == Some(FileKind::Binary);
        is_binary.then(|| Box::new(Changelog::new(file, package, memory)) as Box<dyn ChangelogReader>)
    }

    fn debug(&self) -> Option<&dyn DebugFormat> {
        Some(&DebDebug)
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

    fn architectures(&self, repository: &RepositoryId, root: &[RootFile]) -> Vec<String> {
        audit::architectures(repository, root)
    }

    fn components(&self, repository: &RepositoryId, root: &[RootFile]) -> Vec<String> {
        audit::components(repository, root)
    }
}
