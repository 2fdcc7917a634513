//! Identities of packages in an apt repository, and their order in an index.

use std::cmp::Ordering;

use rws_model::{FileName, Identity, PackageName};

use crate::version;

/// `file NAME`: a file that is no package by itself.
pub(crate) fn of_file(name: &FileName) -> Identity {
    Identity(format!("file {name}"))
}

/// `deb NAME VERSION ARCHITECTURE`, or `udeb …`. Versions that are equal to dpkg and apt (`1.0-01` and `0:1.0-1`) are one
/// identity: of two such packages apt installs the one that stands first, and dpkg never changes to the other.
pub(crate) fn of_package(kind: &str, name: &str, version: &str, architecture: &str) -> Identity {
    Identity(format!("{kind} {name} {} {architecture}", version::canonical(version)))
}

/// `source NAME VERSION`, by the same rule.
pub(crate) fn of_source(name: &str, version: &str) -> Identity {
    Identity(format!("source {name} {}", version::canonical(version)))
}

/// By kind (`deb`, `file`, `source`, `udeb`), name, version in dpkg's order, architecture. Total for any text; equal for
/// packages that differ in the writing of their versions only, as identities of earlier builds of RWS may.
pub(crate) fn compare(left: &Identity, right: &Identity) -> Ordering {
    let (left_kind, left_name, left_version, left_rest) = split(&left.0);
    let (right_kind, right_name, right_version, right_rest) = split(&right.0);
    (left_kind, left_name)
        .cmp(&(right_kind, right_name))
        .then_with(|| version::compare(left_version, right_version))
        .then_with(|| left_rest.cmp(right_rest))
}

/// What a package or a source is to people.
pub(crate) fn package_name(identity: &Identity) -> Option<PackageName> {
    let (kind, name, version, architecture) = split(&identity.0);
    let architecture = match kind {
        "deb" | "udeb" => architecture,
        "source" => "source",
        _ => return None,
    };
    let [name, version, architecture] = [name, version, architecture].map(str::to_owned);
    Some(PackageName { name, version, architecture })
}

/// The version of a package of this name; `None` where the identity is of another one.
pub(crate) fn version_of(identity: &Identity, name: &str) -> Option<String> {
    let (kind, of, version, _) = split(&identity.0);
    (kind == "deb" && of == name).then(|| version.to_owned())
}

fn split(text: &str) -> (&str, &str, &str, &str) {
    let mut parts = text.splitn(4, ' ');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next(), next())
}
