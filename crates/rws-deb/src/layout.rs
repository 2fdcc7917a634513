//! Where the files of an apt repository live (Debian wiki, "DebianRepository/Format").
//!
//! `K/S/D` is the root of an archive, and each version of the distribution one codename in it, with one component.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{
    Codec, Compression, FileName, Index, Layout, Partition, RepositoryId, RepositorySettings, Sha256, Target,
};

use crate::architecture::ALL;

/// Where the packages of all codenames are.
pub(crate) const POOL: &str = "pool";

/// The only component.
pub(crate) const COMPONENT: &str = "main";
/// The part of a component that the installer of Debian reads: its packages are no others'.
const INSTALLER: &str = "debian-installer";
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
    Layout { tree: tree.to_owned(), metadata: metadata(repository), packages: format!("{POOL}/{codename}") }
}

/// `dists/<codename>`
pub(crate) fn metadata(repository: &RepositoryId) -> String {
    let (_, codename) = repository.split_last();
    format!("dists/{codename}")
}

/// The product whose files are in a directory, or below one of its directories. Of archives with another layout: the name of the
/// directory itself.
pub(crate) fn product_of(directory: &str) -> Option<&str> {
    let mut parts = directory.split('/');
    let last = parts.clone().next_back();
    if parts.next() == Some(POOL) { parts.nth(3).or(last) } else { last }
}

/// The directory of a product's files, below the root of the archive. The letter is the product's first character,
/// `l` for `libfoo` too, as existing buckets have it.
pub(crate) fn pool_directory(codename: &str, product: &str) -> String {
    let letter: String = product.chars().take(1).collect();
    format!("{POOL}/{codename}/{COMPONENT}/{letter}/{product}")
}

/// The indexes of the architectures that a repository has, also the empty ones: apt reports nothing when one that it looks
/// for is not listed. `former` are those of the generation before, whose architectures stay; a repository that starts without
/// packages has the configured ones. Packages of architecture `all` stand in each binary index and in one of their own.
pub(crate) fn indexes(
    partitions: &BTreeSet<Partition>,
    settings: &RepositorySettings,
    former: &[&Index],
) -> Vec<Index> {
    let of = |start: &'static str| partitions.iter().filter_map(move |partition| partition.strip_prefix(start));
    let mut architectures: BTreeSet<&str> = of(DEBS).chain(of(UDEBS)).collect();
    architectures.extend(former.iter().filter_map(|index| architecture_of(index)));
    architectures.remove(ALL);
    if architectures.is_empty() {
        architectures.extend(settings.architectures.iter().map(String::as_str));
    }
    if architectures.is_empty() {
        architectures.extend(USUAL_ARCHITECTURES);
    }
    let (codecs, digests) = (codecs(settings, former), &settings.digests);
    let contents_codecs = codecs.iter().copied().filter(|codec| *codec == Codec::Plain).chain([Codec::Gzip]);
    let contents_codecs: Vec<Codec> = contents_codecs.collect();
    let index =
        |name: String, takes: Vec<Partition>| Index { name, takes, codecs: codecs.clone(), digests: digests.clone() };
    let mut indexes = Vec::new();
    let mut binaries = |part: &str, start: &str| {
        let all = || format!("{start}{ALL}");
        let of_one = |name: &&str| index(packages_index(part, name), vec![format!("{start}{name}"), all()]);
        indexes.extend(architectures.iter().map(of_one));
        indexes.push(index(packages_index(part, ALL), vec![all()]));
    };
    binaries("", DEBS);
    let installer = format!("{INSTALLER}/");
    let had_installer = former.iter().any(|index| index.name.contains(&installer));
    if had_installer || of(UDEBS).next().is_some() {
        binaries(&installer, UDEBS);
    }
    indexes.push(index(format!("{COMPONENT}/{SOURCE}/Sources"), vec![SOURCE.to_owned()]));
    // a list that is there stays until the repository is made anew: its entries stand nowhere else
    if settings.contents || of(CONTENTS).next().is_some() {
        indexes.extend(architectures.into_iter().chain([ALL]).map(|name| Index {
            name: format!("{COMPONENT}/Contents-{name}"),
            takes: vec![contents_partition(name)],
            codecs: contents_codecs.clone(),
            digests: digests.clone(),
        }));
    }
    indexes
}

/// Whether packages have, or lack, entries otherwise than the settings want.
pub(crate) fn needs_reading(partitions: &BTreeMap<Partition, u64>, settings: &RepositorySettings) -> bool {
    partitions.iter().filter_map(|(partition, packages)| Some((partition.strip_prefix(DEBS)?, *packages))).any(
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

/// `main/binary-amd64/Packages`, `main/debian-installer/binary-amd64/Packages`
fn packages_index(part: &str, architecture: &str) -> String {
    format!("{COMPONENT}/{part}binary-{architecture}/Packages")
}

/// The architecture whose packages an index has; none for others.
pub(crate) fn architecture_of(index: &Index) -> Option<&str> {
    index.name.strip_prefix(COMPONENT)?.strip_prefix("/binary-")?.strip_suffix("/Packages")
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
