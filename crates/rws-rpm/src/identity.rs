//! `rpm NAME EPOCH VERSION RELEASE ARCHITECTURE`: what makes a package one thing in a repository.

use std::cmp::Ordering;

use rws_model::{FileName, Identity, PackageName};

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

/// Whether a package has debug symbols, or sources for them, as rpmbuild splits them from others (find-debuginfo(1)).
pub fn is_debug(identity: &Identity) -> bool {
    let name = parts(identity).map(|parts| parts.name).unwrap_or_default();
    name.ends_with("-debuginfo") || name.ends_with("-debugsource") || name.contains("-debuginfo-common")
}

/// What a package is to people: the version as the file's name has it, if that is `NAME-VERSION-RELEASE.ARCHITECTURE.rpm`.
pub fn package_name(identity: &Identity, file: Option<&FileName>) -> Option<PackageName> {
    let Parts { name, epoch, version, release, architecture } = parts(identity)?;
    let plain = format!("{version}-{release}");
    let in_name = file.and_then(|file| {
        let version = file.as_str().strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".rpm")?;
        version.strip_suffix(architecture)?.strip_suffix('.')
    });
    let written = in_name.filter(|written| is_same_version(written, &plain)).unwrap_or(&plain);
    let version = match epoch {
        0 => written.to_owned(),
        epoch => format!("{epoch}:{written}"),
    };
    Some(PackageName { name: name.to_owned(), version, architecture: architecture.to_owned() })
}

/// Whether two of `EPOCH:VERSION-RELEASE` are equal to rpm; no epoch is 0.
pub fn is_same_version(one: &str, other: &str) -> bool {
    evr(one).is_some_and(|evr_of_one| Some(evr_of_one) == evr(other))
}

fn evr(text: &str) -> Option<(u64, String, String)> {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (version, release) = rest.rsplit_once('-')?;
    Some((epoch.parse().ok()?, version::canonical(version), version::canonical(release)))
}

/// The version of a package of this name; `None` where the identity is of another one.
pub fn version_of(identity: &Identity, name: &str) -> Option<String> {
    parts(identity).filter(|parts| parts.name == name).map(|parts| parts.version.to_owned())
}

/// Where packages of a name stand. No version comes before a tilde, and no name between a name and the same with a character behind
/// it that no name has.
pub fn ranges(name: &str) -> Vec<(Identity, Identity)> {
    let bound = |name: &str| Identity(format!("rpm {name} 0 ~~~~ ~~~~ !"));
    vec![(bound(name), bound(&format!("{name}\0")))]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn nevra(epoch: u32, version: &str, release: &str, architecture: &str) -> Nevra {
        let [name, version, release, architecture] = ["a-b", version, release, architecture].map(str::to_owned);
        Nevra { name, epoch, version, release, architecture }
    }

    #[test]
    fn all_packages_of_a_name_are_in_its_range() {
        let in_range = |identity: &Identity, name: &str| {
            ranges(name).iter().any(|(start, end)| compare(identity, start).is_ge() && compare(identity, end).is_lt())
        };
        for (epoch, version) in [(0, "0"), (0, "1~rc"), (0, "~"), (7, "1"), (u32::MAX, "9")] {
            let identity = of(&nevra(epoch, version, "1", "x86_64"));
            assert!(in_range(&identity, "a-b"), "{identity:?}");
            assert!(!in_range(&identity, "a-b-c") && !in_range(&identity, "a"), "{identity:?}");
        }
    }

    #[test]
    fn versions_are_written_as_in_the_name_of_the_file() {
        for (package, file, version) in [
            (nevra(0, "1.8.0.0", "1.el7", "x86_64"), "a-b-1.8.0.0-1.el7.x86_64.rpm", "1.8.0.0-1.el7"),
            (nevra(2, "1.00", "1.fc42", "noarch"), "a-b-1.00-1.fc42.noarch.rpm", "2:1.00-1.fc42"),
            (nevra(0, "1.0~rc1", "1_2+x", "src"), "a-b-1.0~rc1-1_2+x.src.rpm", "1.0~rc1-1_2+x"),
            // names that say nothing, or something else
            (nevra(0, "1.0", "1.el7", "x86_64"), "x.rpm", "1.0-1.el.7"),
            (nevra(0, "1.0", "1.el7", "x86_64"), "a-b-1.1-1.el7.x86_64.rpm", "1.0-1.el.7"),
            (nevra(0, "1.0", "1.el7", "x86_64"), "a-b-1.0-1.el7.i686.rpm", "1.0-1.el.7"),
        ] {
            let file = FileName::parse(file).unwrap();
            assert_eq!(package_name(&of(&package), Some(&file)).unwrap().version, version);
        }
    }

    #[test]
    fn versions_are_one_as_they_are_to_rpm() {
        for (one, other) in [("1.0-1.el7", "1.00-1el7"), ("0:1-1", "1-1"), ("1:2-3", "1:2.-3")] {
            assert!(is_same_version(one, other), "{one} {other}");
        }
        for (one, other) in
            [("1.0-1", "1.0"), ("1:1-1", "1-1"), ("1", "1"), ("1.0-1.el7", "1.0-1.el8"), ("x:1-1", "x:1-1")]
        {
            assert!(!is_same_version(one, other), "{one} {other}");
        }
    }
}
