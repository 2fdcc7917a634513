//! Lists of dependencies: what a package provides, needs, conflicts with …

use crate::evr::Evr;
use crate::fault::Fault;
use crate::header::Header;
use crate::requires;
use crate::rich::{self, List};
use crate::tag::{self, DependencyTags};

/// More dependencies in one list than any package has.
const MOST: usize = 262_144;

/// A missing dependency is not an error (rpm: `RPMSENSE_MISSINGOK`): how old packages recommend.
pub const MISSING_OK: u64 = 1 << 19;

/// The stronger of two weak dependencies in the old tags (`RPMSENSE_STRONG` of rpm before 4.12).
const STRONG: u64 = 1 << 27;

/// How versions compare: the low four bits of a dependency's flags (rpm: `RPMSENSE_SENSEMASK`).
pub fn comparison(flags: u64) -> Option<&'static str> {
    match flags & 15 {
        2 => Some("LT"),
        4 => Some("GT"),
        8 => Some("EQ"),
        10 => Some("LE"),
        12 => Some("GE"),
        _ => None,
    }
}

/// One element of a list as it stands in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RawDependency<'h> {
    /// The name.
    pub name: &'h [u8],
    /// The flags.
    pub flags: u64,
    /// `EPOCH:VERSION-RELEASE`, or nothing.
    pub version: &'h [u8],
}

/// The elements of a list. A list that lacks one of its three tags is empty, as for createrepo_c; the shortest of the
/// three counts.
pub fn raw_list(header: &Header, tags: DependencyTags) -> Result<Vec<RawDependency<'_>>, Fault> {
    let count = header.count(tags.names);
    if count > MOST {
        return Err(Fault::TooMany("dependencies in one list", count));
    }
    let names = header.strings(tags.names);
    let elements = names.zip(header.numbers(tags.flags)).zip(header.strings(tags.versions));
    Ok(elements.map(|((name, flags), version)| RawDependency { name, flags, version }).collect())
}

/// Refuses rich dependencies that rpm does not take.
pub fn check_rich(header: &Header) -> Result<(), Fault> {
    for (field, tags, list) in [
        ("Provides", tag::PROVIDES, List::Plain),
        ("Requires", tag::REQUIRES, List::Requires),
        ("Conflicts", tag::CONFLICTS, List::Conflicts),
        ("Obsoletes", tag::OBSOLETES, List::Plain),
        ("Recommends", tag::RECOMMENDS, List::Requires),
        ("Suggests", tag::SUGGESTS, List::Requires),
        ("Supplements", tag::SUPPLEMENTS, List::Conflicts),
        ("Enhances", tag::ENHANCES, List::Conflicts),
        ("Suggests", tag::OLD_SUGGESTS, List::Requires),
        ("Enhances", tag::OLD_ENHANCES, List::Conflicts),
    ] {
        for name in header.strings(tags.names) {
            rich::check(name, list).map_err(|reason| {
                let text = String::from_utf8_lossy(name.get(..200).unwrap_or(name)).into_owned();
                Fault::Rich { field, text, reason }
            })?;
        }
    }
    Ok(())
}

/// One dependency as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency<'h> {
    /// What is depended on: a capability, a path, or a rich dependency in parentheses.
    pub name: &'h [u8],
    /// How the version compares; nothing of the version is written without it.
    pub comparison: Option<&'static str>,
    /// The version.
    pub evr: Evr<'h>,
    /// Needed before or while scripts run, only in requires.
    pub pre: bool,
}

impl<'h> Dependency<'h> {
    /// The dependency; absent where its version has no good epoch.
    pub fn new(raw: &RawDependency<'h>) -> Option<Self> {
        let evr = Evr::parse(raw.version)?;
        Some(Self { name: raw.name, comparison: comparison(raw.flags), evr, pre: false })
    }
}

/// All lists of a package.
#[derive(Clone, Debug, Default)]
pub struct Dependencies<'h> {
    /// Tags 1047, 1112, 1113.
    pub provides: Vec<Dependency<'h>>,
    /// Tags 1049, 1048, 1050.
    pub requires: Vec<Dependency<'h>>,
    /// Tags 1054, 1053, 1055.
    pub conflicts: Vec<Dependency<'h>>,
    /// Tags 1090, 1114, 1115.
    pub obsoletes: Vec<Dependency<'h>>,
    /// Tags 5049 to 5051.
    pub suggests: Vec<Dependency<'h>>,
    /// Tags 5055 to 5057.
    pub enhances: Vec<Dependency<'h>>,
    /// Tags 5046 to 5048.
    pub recommends: Vec<Dependency<'h>>,
    /// Tags 5052 to 5054.
    pub supplements: Vec<Dependency<'h>>,
}

impl<'h> Dependencies<'h> {
    /// Reads all lists. `provides` are given, since packages of format 3 do not state all of theirs.
    pub fn read(header: &'h Header, provides: &[RawDependency<'h>]) -> Result<Self, Fault> {
        let list = |tags| Ok::<_, Fault>(written(&raw_list(header, tags)?));
        let mut lists = Self {
            provides: written(provides),
            conflicts: list(tag::CONFLICTS)?,
            obsoletes: list(tag::OBSOLETES)?,
            suggests: list(tag::SUGGESTS)?,
            enhances: list(tag::ENHANCES)?,
            supplements: list(tag::SUPPLEMENTS)?,
            ..Self::default()
        };
        let requires = raw_list(header, tag::REQUIRES)?;
        (lists.requires, lists.recommends) = requires::filter(header, provides, &requires)?;
        lists.recommends.extend(list(tag::RECOMMENDS)?);
        for raw in raw_list(header, tag::OLD_SUGGESTS)? {
            let target = if raw.flags & STRONG == 0 { &mut lists.suggests } else { &mut lists.recommends };
            target.extend(Dependency::new(&raw));
        }
        for raw in raw_list(header, tag::OLD_ENHANCES)? {
            let target = if raw.flags & STRONG == 0 { &mut lists.enhances } else { &mut lists.supplements };
            target.extend(Dependency::new(&raw));
        }
        Ok(lists)
    }
}

fn written<'h>(raw: &[RawDependency<'h>]) -> Vec<Dependency<'h>> {
    raw.iter().filter_map(Dependency::new).collect()
}
