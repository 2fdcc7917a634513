//! Where the files of an apt repository live (Debian wiki, "DebianRepository/Format").
//!
//! `K/S/D` is the root of an archive, and each version of the distribution one codename in it.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{
    Codec, Compression, FileName, Index, Layout, PackagePlace, Partition, RepositoryId, RepositorySettings, Sha256,
    Target,
};

use crate::architecture::{self, ALL};
use crate::component::{self, INSTALLER};
use crate::{phasing, translation};

/// Where the packages of all codenames are.
pub(crate) const POOL: &str = "pool";

/// What a repository without packages is for, where nothing is configured.
const USUAL_ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];
/// The partition of source packages.
pub(crate) const SOURCE: &str = "source";

/// What the partitions of the files that packages install begin with.
const CONTENTS: &str = "contents-";
/// What the partitions of binary packages begin with.
const DEBS: &str = "binary-";
/// What those of the installer's packages begin with.
const UDEBS: &str = "udeb-";

/// The partition of a binary package: those of the installer (`.udeb`) have their own.
pub(crate) fn binary_partition(file: &FileName, architecture: &str) -> Partition {
    format!("{}{architecture}", if is_installer_file(file) { UDEBS } else { DEBS })
}

/// Whether a file is a package of the installer.
pub(crate) fn is_installer_file(file: &FileName) -> bool {
    file.as_str().ends_with(".udeb")
}

/// Whether a partition is one of the files that packages install.
pub(crate) fn is_contents(partition: &str) -> bool {
    component::split(partition).1.starts_with(CONTENTS)
}

/// The one repository of a target; none where the target's parts cannot stand in a path.
pub(crate) fn repository(target: &Target) -> Option<RepositoryId> {
    RepositoryId::parse(&target.to_string())
}

/// The root of the archive and the directories of one codename.
pub(crate) fn layout(repository: &RepositoryId) -> Layout {
    let (tree, codename) = repository.split_last();
    Layout { tree: tree.to_owned(), metadata: metadata(repository), packages: format!("{POOL}/{codename}") }
}

/// `dists/<codename>`
pub(crate) fn metadata(repository: &RepositoryId) -> String {
    let (_, codename) = repository.split_last();
    format!("dists/{codename}")
}

/// `dists/<suite>`, where the suite is configured and can be a directory: `dists/stable` answers as `dists/focal` then.
pub(crate) fn suite_directory(repository: &RepositoryId, settings: &RepositorySettings) -> Option<String> {
    directory_of_suite(repository, settings.suite.as_deref()?)
}

/// The directory of a suite, unless it is the codename, or can be none.
pub(crate) fn directory_of_suite(repository: &RepositoryId, suite: &str) -> Option<String> {
    let (_, codename) = repository.split_last();
    (suite != codename && FileName::parse(suite).is_ok()).then(|| format!("dists/{suite}"))
}

/// Where the packages in a directory were sent to: below `pool/CODENAME/COMPONENT/LETTER/PRODUCT`. Of archives with another layout
/// the product is the name of the directory itself.
pub(crate) fn place_of(directory: &str) -> PackagePlace {
    let parts: Vec<&str> = directory.split('/').collect();
    match parts.as_slice() {
        [POOL, _, component, _, product, ..] => {
            PackagePlace { product: Some((*product).to_owned()), component: Some((*component).to_owned()) }
        }
        parts => PackagePlace { product: parts.last().map(|&name| name.to_owned()), component: None },
    }
}

/// The directory of a product's files, below the root of the archive. The letter is the product's first character,
/// `l` for `libfoo` too, as existing buckets have it.
pub(crate) fn pool_directory(codename: &str, component: &str, product: &str) -> String {
    let letter: String = product.chars().take(1).collect();
    format!("{POOL}/{codename}/{component}/{letter}/{product}")
}

/// The indexes of the components and architectures that a repository has, also the empty ones: apt reports nothing when one that it
/// looks for is not listed. `former` are those of the generation before, whose architectures and components stay; a repository
/// that starts without packages has the configured ones. Packages of architecture `all` stand in each binary index and in one of
/// their own.
pub(crate) fn indexes(
    partitions: &BTreeSet<Partition>,
    settings: &RepositorySettings,
    former: &[&Index],
) -> Vec<Index> {
    let names = |start: &'static str| {
        partitions.iter().filter_map(move |partition| component::split(partition).1.strip_prefix(start))
    };
    let mut architectures: BTreeSet<&str> = names(DEBS).chain(names(UDEBS)).collect();
    architectures.extend(former.iter().filter_map(|index| architecture_of(index)));
    // who knows nothing of a variant reads the index of its architecture
    let bases: Vec<&str> = architectures.iter().filter_map(|name| architecture::base_of(name)).collect();
    architectures.extend(bases);
    architectures.remove(ALL);
    if architectures.is_empty() {
        architectures.extend(settings.architectures.iter().map(String::as_str));
    }
    if architectures.is_empty() {
        architectures.extend(USUAL_ARCHITECTURES);
    }
    let (codecs, digests) = (codecs(settings, former), settings.digests.clone());
    let mut indexes = Vec::new();
    for component in components(partitions, settings, former) {
        let of_component = Component { name: component, partitions, settings, former };
        of_component.indexes(&architectures, &codecs, &mut indexes);
    }
    indexes.into_iter().map(|index| Index { digests: digests.clone(), ..index }).collect()
}

/// The configured components, in this order, and all others that there are.
fn components<'a>(
    partitions: &'a BTreeSet<Partition>,
    settings: &'a RepositorySettings,
    former: &'a [&Index],
) -> Vec<String> {
    let mut components: Vec<String> = Vec::new();
    for component in component::configured(settings) {
        components.push(component.to_owned());
        components.extend(settings.debug_packages.then(|| component::of_debug(component)));
    }
    let of_indexes = partitions.iter().filter(|partition| !phasing::is_mark(partition));
    let of_partitions = of_indexes.map(|partition| component::split(partition).0);
    let of_former = former.iter().map(|index| component::of_index(index).0).filter(|component| !component.is_empty());
    let others: BTreeSet<&str> = of_partitions.chain(of_former).collect();
    let others = others.into_iter().filter(|component| !components.iter().any(|known| known == component));
    let others: Vec<String> = others.map(str::to_owned).collect();
    components.extend(others);
    components
}

/// One component on its way to its indexes.
struct Component<'a> {
    name: String,
    partitions: &'a BTreeSet<Partition>,
    settings: &'a RepositorySettings,
    former: &'a [&'a Index],
}

impl Component<'_> {
    /// Whether packages have entries in a partition that begins so.
    fn has(&self, start: &str) -> bool {
        self.partitions.iter().any(|partition| {
            let (component, name) = component::split(partition);
            component == self.name && name.starts_with(start)
        })
    }

    fn indexes(&self, architectures: &BTreeSet<&str>, codecs: &[Codec], indexes: &mut Vec<Index>) {
        let component = &self.name;
        let index = |name: String, takes: &[String], codecs: &[Codec]| Index {
            name: format!("{component}/{name}"),
            takes: takes.iter().map(|name| component::partition(component, name)).collect(),
            codecs: codecs.to_vec(),
            digests: Vec::new(),
        };
        let mut binaries = |part: &str, start: &str| {
            let name = |architecture: &str| format!("{part}binary-{architecture}/Packages");
            let all = || format!("{start}{ALL}");
            // the index of a variant takes the place of that of its architecture: it has all packages
            let of_one = |one: &&str| {
                let own = [Some(*one), architecture::base_of(one)].into_iter().flatten();
                let takes: Vec<String> = own.map(|name| format!("{start}{name}")).chain([all()]).collect();
                index(name(one), &takes, codecs)
            };
            indexes.extend(architectures.iter().map(of_one));
            indexes.push(index(name(ALL), &[all()], codecs));
        };
        binaries("", DEBS);
        let installer = format!("{INSTALLER}/");
        let is_installer = |index: &&&Index| {
            let (component, name) = component::of_index(index);
            component == self.name && name.starts_with(&installer)
        };
        if self.former.iter().any(|index| is_installer(&index)) || self.has(UDEBS) {
            binaries(&installer, UDEBS);
        }
        // apt asks for sources of each component that it is set up for
        indexes.push(index(format!("{SOURCE}/Sources"), &[SOURCE.to_owned()], codecs));
        if self.settings.translations || self.has(translation::PARTITION) {
            indexes.push(index(translation::INDEX.to_owned(), &[translation::PARTITION.to_owned()], codecs));
        }
        // a list that is there stays until the repository is made anew: its entries stand nowhere else
        if self.settings.contents || self.has(CONTENTS) {
            let plain = codecs.iter().copied().filter(|codec| *codec == Codec::Plain);
            let codecs: Vec<Codec> = plain.chain([Codec::Gzip]).collect();
            let of_one = |name: &str| index(format!("Contents-{name}"), &[contents_partition(name)], &codecs);
            indexes.extend(architectures.iter().copied().chain([ALL]).map(of_one));
        }
    }
}

/// Whether packages have, or lack, entries otherwise than the settings want.
pub(crate) fn needs_reading(partitions: &BTreeMap<Partition, u64>, settings: &RepositorySettings) -> bool {
    let mut described: BTreeMap<&str, u64> = BTreeMap::new();
    for (partition, packages) in partitions {
        let (component, name) = component::split(partition);
        if name.starts_with(DEBS) || name.starts_with(UDEBS) {
            *described.entry(component).or_default() += packages;
        }
    }
    let translated = |component: &str| {
        partitions.get(&component::partition(component, translation::PARTITION)).copied().unwrap_or_default()
    };
    // packages without a description are rare
    let is_otherwise = |(component, packages): (&&str, &u64)| match settings.translations {
        true => translated(component) == 0 && *packages > 0,
        false => translated(component) > 0,
    };
    if described.iter().any(is_otherwise) {
        return true;
    }
    partitions.iter().any(|(partition, packages)| {
        let (component, name) = component::split(partition);
        let Some(architecture) = name.strip_prefix(DEBS) else { return false };
        let contents = component::partition(component, &contents_partition(architecture));
        let listed = partitions.get(&contents).copied().unwrap_or_default();
        listed != if settings.contents { *packages } else { 0 }
    })
}

/// `contents-amd64`
pub(crate) fn contents_partition(architecture: &str) -> Partition {
    format!("{CONTENTS}{architecture}")
}

/// The architecture whose packages an index has; none for others.
pub(crate) fn architecture_of(index: &Index) -> Option<&str> {
    component::of_index(index).1.strip_prefix("binary-")?.strip_suffix("/Packages")
}

/// The forms of an index. The uncompressed one only stands in the root, as in Debian's own archive, unless it is configured, was
/// there before, or serves clients that do not know SHA-256: of those no other digest of it is known.
fn codecs(settings: &RepositorySettings, former: &[&Index]) -> Vec<Codec> {
    let chosen = settings.compression.iter().filter_map(|form| match form {
        Compression::None => None,
        Compression::Gz => Some(Codec::Gzip),
        Compression::Xz => Some(Codec::Xz),
        Compression::Zstd => Some(Codec::Zstd),
    });
    let mut chosen: Vec<Codec> = chosen.collect();
    if chosen.is_empty() {
        chosen = vec![Codec::Gzip, Codec::Xz];
    }
    let is_configured = settings.compression.contains(&Compression::None) || !settings.digests.is_empty();
    let was_there = former.iter().any(|index| index.codecs.contains(&Codec::Plain));
    let mut codecs = if is_configured || was_there { vec![Codec::Plain] } else { Vec::new() };
    for codec in chosen {
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
    }
    codecs
}

/// `dists/focal/main/binary-amd64/by-hash/SHA256/<hex>`: apt asks for the strongest listed digest only.
pub(crate) fn stored_name(repository: &RepositoryId, index: &Index, content: &Sha256) -> String {
    let directory = index.name.rsplit_once('/').map_or("", |(directory, _)| directory);
    format!("{}/{directory}/by-hash/SHA256/{}", metadata(repository), content.hex())
}

/// `dists/focal/main/binary-amd64/Packages.gz`
pub(crate) fn plain_name(repository: &RepositoryId, index: &Index, codec: Codec) -> String {
    format!("{}/{}{}", metadata(repository), index.name, codec.extension())
}
