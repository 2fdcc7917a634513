//! Where the files of an apt repository live (Debian wiki, "DebianRepository/Format").
//!
//! `K/S/D` is the root of an archive, and each version of the distribution one codename in it, with one component.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{Codec, Compression, Index, Layout, Partition, RepositoryId, RepositorySettings, Sha256, Target};

/// The only component.
pub(crate) const COMPONENT: &str = "main";
/// The architecture of packages that fit every machine.
pub(crate) const ALL: &str = "all";
/// The partition of source packages.
pub(crate) const SOURCE: &str = "source";

/// What the partitions of the files that packages install begin with.
const CONTENTS: &str = "contents-";

/// Whether a partition is one of the files that packages install.
pub(crate) fn is_contents(partition: &Partition) -> bool {
    partition.starts_with(CONTENTS)
}

/// The one repository of a target; none where the target's parts cannot stand in a path.
pub(crate) fn repository(target: &Target) -> Option<RepositoryId> {
    RepositoryId::parse(&target.to_string())
}

/// The root of the archive and the directories of one codename.
pub(crate) fn layout(repository: &RepositoryId) -> Layout {
    let (tree, codename) = repository.split_last();
    Layout { tree: tree.to_owned(), metadata: metadata(repository), packages: format!("pool/{codename}") }
}

/// `dists/<codename>`
pub(crate) fn metadata(repository: &RepositoryId) -> String {
    let (_, codename) = repository.split_last();
    format!("dists/{codename}")
}

/// The directory of a product's files, below the root of the archive. The letter is the product's first character,
/// `l` for `libfoo` too, as existing buckets have it.
pub(crate) fn pool_directory(codename: &str, product: &str) -> String {
    let letter: String = product.chars().take(1).collect();
    format!("pool/{codename}/{COMPONENT}/{letter}/{product}")
}

/// All indexes, also the empty ones: apt reports nothing when one that it looks for is not listed. Packages of
/// architecture `all` stand in each binary index and in one of their own.
pub(crate) fn indexes(partitions: &BTreeSet<Partition>, settings: &RepositorySettings) -> Vec<Index> {
    let present = partitions.iter().filter_map(|partition| partition.strip_prefix("binary-"));
    let configured = settings.architectures.iter().map(String::as_str);
    let architectures: BTreeSet<&str> = configured.chain(present).filter(|name| *name != ALL).collect();
    let (codecs, digests) = (codecs(&settings.compression), &settings.digests);
    let index =
        |name: String, takes: Vec<Partition>| Index { name, takes, codecs: codecs.clone(), digests: digests.clone() };
    let all = || format!("binary-{ALL}");
    let mut indexes: Vec<Index> =
        architectures.iter().map(|name| index(packages_index(name), vec![format!("binary-{name}"), all()])).collect();
    indexes.push(index(packages_index(ALL), vec![all()]));
    indexes.push(index(format!("{COMPONENT}/{SOURCE}/Sources"), vec![SOURCE.to_owned()]));
    // a list that is there stays until the repository is made anew: its entries stand nowhere else
    if settings.contents || partitions.iter().any(|partition| partition.starts_with(CONTENTS)) {
        indexes.extend(architectures.into_iter().chain([ALL]).map(|name| Index {
            name: format!("{COMPONENT}/Contents-{name}"),
            takes: vec![contents_partition(name)],
            codecs: vec![Codec::Plain, Codec::Gzip],
            digests: digests.clone(),
        }));
    }
    indexes
}

/// Whether packages have, or lack, entries otherwise than the settings want.
pub(crate) fn needs_reading(partitions: &BTreeMap<Partition, u64>, settings: &RepositorySettings) -> bool {
    partitions.iter().filter_map(|(partition, packages)| Some((partition.strip_prefix("binary-")?, *packages))).any(
        |(architecture, packages)| {
            let listed = partitions.get(&contents_partition(architecture)).copied().unwrap_or_default();
            listed != if settings.contents { packages } else { 0 }
        },
    )
}

/// `contents-amd64`
pub(crate) fn contents_partition(architecture: &str) -> Partition {
    format!("{CONTENTS}{architecture}")
}

/// `main/binary-amd64/Packages`
fn packages_index(architecture: &str) -> String {
    format!("{COMPONENT}/binary-{architecture}/Packages")
}

/// The architecture whose packages an index has; none for others.
pub(crate) fn architecture_of(index: &Index) -> Option<&str> {
    index.name.strip_prefix(COMPONENT)?.strip_prefix("/binary-")?.strip_suffix("/Packages")
}

fn codecs(compression: &[Compression]) -> Vec<Codec> {
    let chosen = if compression.is_empty() { &[Compression::Gz, Compression::Xz] } else { compression };
    let mut codecs = vec![Codec::Plain];
    for codec in chosen.iter().map(|form| match form {
        Compression::Gz => Codec::Gzip,
        Compression::Xz => Codec::Xz,
        Compression::Zstd => Codec::Zstd,
    }) {
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
