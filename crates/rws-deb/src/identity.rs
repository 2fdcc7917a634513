//! Identities of packages in an apt repository, and their order in an index.

use std::cmp::Ordering;

use rws_model::{FileName, Identity, PackageName};

use crate::{package_file_name, version};

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

/// What a package or a source is to people: the version as the file's name has it, if that is of the standard form.
pub(crate) fn package_name(identity: &Identity, file: Option<&FileName>) -> Option<PackageName> {
    let (kind, name, version, architecture) = split(&identity.0);
    let in_name = file.and_then(|file| package_file_name::version(file.as_str()));
    let written = in_name.map(|written| match (version.split_once(':'), written.contains(':')) {
        (Some((epoch, _)), false) => format!("{epoch}:{written}"),
        _ => written,
    });
    let written = written.filter(|written| version::compare(written, version).is_eq());
    let version = written.as_deref().unwrap_or(version);
    let architecture = match kind {
        "deb" | "udeb" => architecture,
        "source" => "source",
        _ => return None,
    };
    let [name, version, architecture] = [name, version, architecture].map(str::to_owned);
    Some(PackageName { name, version, architecture })
}

/// Where packages of a name stand, one range for each kind. No version comes before a tilde, and no name between a name and the
/// same with a character behind it that no name has.
pub(crate) fn ranges(name: &str) -> Vec<(Identity, Identity)> {
    let range = |kind: &str| (Identity(format!("{kind} {name} ~~~~ ")), Identity(format!("{kind} {name}\0 ~~~~ ")));
    ["deb", "udeb", "source"].map(range).to_vec()
}

/// Whether a package has debug symbols that were split from another one (debhelper, dh_strip(1)).
pub(crate) fn is_of_debug_symbols(identity: &Identity) -> bool {
    let (kind, name, ..) = split(&identity.0);
    kind == "deb" && name.ends_with("-dbgsym")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_packages_of_a_name_are_in_its_ranges() {
        let in_ranges = |identity: &Identity, name: &str| {
            let is_in = |(start, end): &(Identity, Identity)| {
                compare(identity, start).is_ge() && compare(identity, end).is_lt()
            };
            ranges(name).iter().any(is_in)
        };
        for version in ["0", "1:2~rc1-3", "0~~1", "0~", "99999:1"] {
            for identity in [
                of_package("deb", "a", version, "amd64"),
                of_package("udeb", "a", version, "all"),
                of_source("a", version),
            ] {
                assert!(in_ranges(&identity, "a"), "{identity:?}");
                assert!(!in_ranges(&identity, "a+") && !in_ranges(&identity, "A"), "{identity:?}");
            }
        }
        for other in ["a-b", "aa", "a+", "a.", "b", "a0"] {
            assert!(!in_ranges(&of_package("deb", other, "1", "amd64"), "a"), "{other}");
        }
    }

    #[test]
    fn versions_are_written_as_in_the_name_of_the_file() {
        let deb = |version: &str| of_package("deb", "a", version, "amd64");
        for (identity, file, version) in [
            (deb("1.00-1ubuntu"), "a_1.00-1ubuntu_amd64.deb", "1.00-1ubuntu"),
            (deb("1:2.0~rc"), "a_2.0~rc_amd64.deb", "1:2.0~rc"),
            (deb("1:2.0~rc"), "a_1%3a2.0~rc_amd64.deb", "1:2.0~rc"),
            (deb("0:2.0-0"), "a_2.0-0_amd64.deb", "2.0-0"),
            (of_source("a", "1.2~rc-1"), "a_1.2~rc-1.dsc", "1.2~rc-1"),
            // names that say nothing, or something else
            (deb("1.0~rc"), "x.deb", "1.0~rc0"),
            (deb("1.0~rc"), "a_1.1_amd64.deb", "1.0~rc0"),
        ] {
            let file = FileName::parse(file).unwrap();
            assert_eq!(package_name(&identity, Some(&file)).unwrap().version, version, "{identity:?}");
        }
    }
}
