//! The names of the packages of a generation, with what people look for them by. It is small, and stays in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use rws_model::{EntryTopic, Identity, PackageName};
use rws_store::Store;

use crate::catalogue::ConfiguredTarget;
use crate::entries::StoredEntries;
use crate::generation::Generation;
use crate::generation_lists::{GenerationList, TooLarge};
use crate::{GenerationId, RepositoryError};

/// So many characters of a summary are kept.
const SUMMARY_CHARACTERS: usize = 160;

/// What a name and a version take beside their bytes: pointers, lengths and what the allocator adds.
const NAME_OVERHEAD_BYTES: usize = 112;
const VERSION_OVERHEAD_BYTES: usize = 40;

/// The names of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageList {
    /// The generation.
    pub generation: GenerationId,
    /// The names in byte order.
    pub names: Vec<ListedName>,
    /// How many packages there are of each architecture.
    pub architectures: BTreeMap<String, u64>,
    bytes: usize,
}

/// One name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedName {
    /// The name.
    pub name: Box<str>,
    /// What the package is, in a few words.
    pub summary: Box<str>,
    /// The name of the source that it is built from, where that is another one.
    pub source: Option<Box<str>>,
    /// The versions, newest first, each once.
    pub versions: Vec<Box<str>>,
    /// The architectures, as positions in [`PackageList::architectures`] in its order; those behind the 64th are left out.
    architectures: u64,
}

#[derive(Default)]
struct Gathered {
    summary: String,
    source: Option<String>,
    is_of_source: bool,
    versions: Vec<String>,
    architectures: Vec<String>,
}

impl GenerationList for PackageList {
    /// Reads the names from the manifest, and the summaries from the indexes.
    async fn read(
        store: &Arc<dyn Store>,
        target: &ConfiguredTarget,
        generation: &Arc<Generation>,
        max_bytes: usize,
    ) -> Result<Result<Self, TooLarge>, RepositoryError> {
        let format = &target.format;
        let mut names: BTreeMap<String, Gathered> = BTreeMap::new();
        let mut architectures: BTreeMap<String, u64> = BTreeMap::new();
        let mut bytes = 0;
        let mut is_too_large = false;
        let visited = generation.packages.visit(|row| {
            let Some(package) = format.package_name(&Identity(row.identity), row.files.first()) else { return };
            let PackageName { name, version, architecture } = package;
            *architectures.entry(architecture.clone()).or_default() += 1;
            if bytes > max_bytes {
                is_too_large = true;
                return;
            }
            if !names.contains_key(&name) {
                bytes += name.len() + NAME_OVERHEAD_BYTES;
            }
            let gathered = names.entry(name).or_default();
            if !gathered.architectures.contains(&architecture) {
                gathered.architectures.push(architecture);
            }
            // rows of a name have the older versions first; those of another architecture or kind may be among them
            if !gathered.versions.contains(&version) {
                bytes += version.len() + VERSION_OVERHEAD_BYTES;
                gathered.versions.push(version);
            }
        });
        visited.map_err(RepositoryError::generation(&generation.repository))?;
        if is_too_large {
            return Ok(Err(TooLarge));
        }
        let entries = StoredEntries { store, target, generation };
        let mut take = |row: &crate::PackageRow, _: &String, text: &[u8]| {
            let Some(package) = format.package_name(&Identity(row.identity.clone()), row.files.first()) else { return };
            let is_of_source = !format.is_installable(&package);
            let Some(gathered) = names.get_mut(&package.name) else { return };
            let source = format.source_of(text).map(|source| format.source_package(&source).to_owned());
            if let Some(source) = source.filter(|source| *source != package.name && gathered.source.is_none()) {
                bytes += source.len();
                gathered.source = Some(source);
            }
            if bytes <= max_bytes && (gathered.summary.is_empty() || gathered.is_of_source || !is_of_source) {
                let summary: String = format.summary(text).chars().take(SUMMARY_CHARACTERS).collect();
                bytes = (bytes + summary.len()).saturating_sub(gathered.summary.len());
                (gathered.summary, gathered.is_of_source) = (summary, is_of_source);
            }
        };
        entries.of_topic(EntryTopic::Description, &mut take).await?;
        if bytes > max_bytes {
            return Ok(Err(TooLarge));
        }
        let positions: Vec<&String> = architectures.keys().collect();
        let listed = names.into_iter().map(|(name, gathered)| {
            let Gathered { summary, source, versions, architectures, .. } = gathered;
            let has = |(position, known): (usize, &&String)| {
                (position < 64 && architectures.contains(known)).then_some(1 << position)
            };
            let architectures = positions.iter().enumerate().filter_map(has).fold(0_u64, |all, one: u64| all | one);
            let versions = versions.into_iter().rev().map(String::into_boxed_str).collect();
            ListedName {
                name: name.into(),
                summary: summary.into(),
                source: source.map(String::into_boxed_str),
                versions,
                architectures,
            }
        });
        let names = listed.collect();
        Ok(Ok(Self { generation: generation.id.clone(), names, architectures, bytes }))
    }

    fn generation(&self) -> &GenerationId {
        &self.generation
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl PackageList {
    /// What is known of a name.
    pub fn named(&self, name: &str) -> Option<&ListedName> {
        let found = self.names.binary_search_by(|one| (*one.name).cmp(name)).ok()?;
        self.names.get(found)
    }

    /// The architectures of a name.
    pub fn architectures_of<'l>(&'l self, name: &ListedName) -> impl Iterator<Item = &'l str> {
        let positions = name.architectures;
        let known = self.architectures.keys().enumerate();
        known
            .filter(move |(position, _)| *position < 64 && positions >> position & 1 == 1)
            .map(|(_, name)| name.as_str())
    }
}
