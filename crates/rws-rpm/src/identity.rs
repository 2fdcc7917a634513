//! `rpm NAME EPOCH VERSION RELEASE ARCHITECTURE`: what makes a package one thing in a repository.

use std::cmp::Ordering;

use rws_model::{Identity, PackageName};

use crate::package::Nevra;
use crate::version;

/// The identity of a package. Its parts have no blanks ([`Nevra::read`]). Versions that are equal to rpm (`2.0` and `2.00`) are
/// one identity: of two such packages every client installs the one that stands first, and rpm never changes to the other.
pub fn of(nevra: &Nevra) -> Identity {
    let Nevra { name, epoch, version, release, architecture } = nevra;
    let (version, release) = (version::canonical(version), version::canonical(release));
    Identity(format!("rpm {name} {epoch} {version} {release} {architecture}"))
}

/// The parts of an identity.
#[derive(Clone, Copy, Debug)]
struct Parts<'i> {
    name: &'i str,
    epoch: u64,
    version: &'i str,
    release: &'i str,
    architecture: &'i str,
}

fn parts(identity: &Identity) -> Option<Parts<'_>> {
    let mut parts = identity.0.split(' ');
    if parts.next() != Some("rpm") {
        return None;
    }
    let parts = Parts {
        name: parts.next()?,
        epoch: parts.next()?.parse().ok()?,
        version: parts.next()?,
        release: parts.next()?,
        architecture: parts.next()?,
    };
    Some(parts)
}

/// What a package is to people.
pub fn package_name(identity: &Identity) -> Option<PackageName> {
    let Parts { name, epoch, version, release, architecture } = parts(identity)?;
    let version = match epoch {
        0 => format!("{version}-{release}"),
        epoch => format!("{epoch}:{version}-{release}"),
    };
    Some(PackageName { name: name.to_owned(), version, architecture: architecture.to_owned() })
}

/// The version of a package of this name; `None` where the identity is of another one.
pub fn version_of(identity: &Identity, name: &str) -> Option<String> {
    parts(identity).filter(|parts| parts.name == name).map(|parts| parts.version.to_owned())
}

/// Whether it is the identity of an RPM package.
pub fn is_rpm(identity: &Identity) -> bool {
    parts(identity).is_some()
}

/// The order of packages in an index: by name, version from old to new, architecture.
///
/// rpm takes some versions that are written differently for equal: they are one package, also where an earlier build of RWS
/// wrote its identity otherwise. What is no identity of this format comes last.
pub fn compare(left: &Identity, right: &Identity) -> Ordering {
    match (parts(left), parts(right)) {
        (Some(one), Some(two)) => one
            .name
            .cmp(two.name)
            .then_with(|| one.epoch.cmp(&two.epoch))
            .then_with(|| version::compare(one.version.as_bytes(), two.version.as_bytes()))
            .then_with(|| version::compare(one.release.as_bytes(), two.release.as_bytes()))
            .then_with(|| one.architecture.cmp(two.architecture)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}
