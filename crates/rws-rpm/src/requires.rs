//! The rules by which createrepo_c shortens the list of what a package needs (`cr_package_from_header`).
//!
//! In the order of the header: (1) `rpmlib(…)` goes. (2) A path of the package's own file list goes if it is a primary
//! file. (3) What the package provides itself goes. (4) `pre` is what scripts need. (5) What equals the last kept
//! entry of its name goes. (6) A version with a bad epoch goes. (7) What may be missing is recommended. (8) Of all
//! `libc.so.6(…)` only the one with the highest version stays, at the end.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::dependency::{Dependency, MISSING_OK, RawDependency, comparison};
use crate::fault::Fault;
use crate::files::{Files, is_primary};
use crate::header::Header;
use crate::version;

/// Flags of what has to be there for a script: PREREQ, PRETRANS, PRE, POST (rpm: `RPMSENSE_…`).
const PRE: u64 = 1 << 6 | 1 << 7 | 1 << 9 | 1 << 10;

/// POSTTRANS (rpm: `RPMSENSE_POSTTRANS`).
const POST_TRANSACTION: u64 = 1 << 5;

/// What the last kept entry of a name says besides: how versions compare, the version, `pre`.
type Kept<'h> = (Option<&'static str>, &'h [u8], bool);

/// What is required, and what is recommended the old way.
pub type Filtered<'h> = (Vec<Dependency<'h>>, Vec<Dependency<'h>>);

/// Applies the rules.
pub fn filter<'h>(
    header: &'h Header,
    provides: &[RawDependency<'h>],
    requires: &[RawDependency<'h>],
) -> Result<Filtered<'h>, Fault> {
    let own_files = own_primary_files(header, requires)?;
    let provided: BTreeSet<_> = provides.iter().filter(|raw| Dependency::new(raw).is_some()).map(key).collect();
    let mut kept: BTreeMap<&[u8], Kept<'_>> = BTreeMap::new();
    let mut required = Vec::new();
    let mut recommended = Vec::new();
    let mut libc: Option<Dependency<'h>> = None;
    for raw in requires {
        if raw.name.starts_with(b"rpmlib(") || own_files.contains(raw.name) || provided.contains(&key(raw)) {
            continue;
        }
        let pre = raw.flags & (PRE | POST_TRANSACTION) != 0;
        let value = (comparison(raw.flags), raw.version, pre);
        if kept.get(raw.name) == Some(&value) {
            continue;
        }
        let Some(mut dependency) = Dependency::new(raw) else { continue };
        if raw.flags & MISSING_OK != 0 {
            recommended.push(dependency);
            continue;
        }
        dependency.pre = pre;
        if raw.name.starts_with(b"libc.so.6") {
            if libc.is_none_or(|highest| libc_order(highest.name, raw.name) == Ordering::Less) {
                libc = Some(dependency);
            }
            continue;
        }
        kept.insert(raw.name, value);
        required.push(dependency);
    }
    required.extend(libc);
    Ok((required, recommended))
}

/// What makes two dependencies one.
fn key<'h>(raw: &RawDependency<'h>) -> (&'h [u8], Option<&'static str>, &'h [u8]) {
    (raw.name, comparison(raw.flags), raw.version)
}

/// The required paths that are primary files of the package itself. Only these are remembered, not the file list.
fn own_primary_files<'h>(header: &'h Header, requires: &[RawDependency<'h>]) -> Result<BTreeSet<&'h [u8]>, Fault> {
    let candidates: BTreeSet<&[u8]> =
        requires.iter().map(|raw| raw.name).filter(|name| name.starts_with(b"/") && is_primary(name)).collect();
    let mut own = BTreeSet::new();
    if candidates.is_empty() {
        return Ok(own);
    }
    let mut files = Files::read(header)?;
    while let Some(file) = files.next_file()? {
        own.extend(candidates.get(file.path));
    }
    Ok(own)
}

/// The order of two `libc.so.6…` by the version inside the first parentheses (createrepo_c:
/// `cr_compare_dependency`). Equal means: the first one stays.
fn libc_order(left: &[u8], right: &[u8]) -> Ordering {
    match (parenthesised(left), parenthesised(right)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(left), Some(right)) => match (left.first_number(), right.first_number()) {
            (None, None) => left.rank.cmp(&right.rank),
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => version::compare(left, right),
        },
    }
}

/// What stands in the first parentheses.
struct Parenthesised<'h> {
    content: &'h [u8],
    /// Not closed, empty, with content.
    rank: u8,
}

impl<'h> Parenthesised<'h> {
    /// From the first digit on.
    fn first_number(&self) -> Option<&'h [u8]> {
        let digit = self.content.iter().position(u8::is_ascii_digit)?;
        self.content.get(digit..)
    }
}

fn parenthesised(name: &[u8]) -> Option<Parenthesised<'_>> {
    let open = name.iter().position(|byte| *byte == b'(')?;
    let content = name.get(open + 1..).unwrap_or_default();
    Some(match content.iter().position(|byte| *byte == b')') {
        None => Parenthesised { content: b"", rank: 0 },
        Some(0) => Parenthesised { content: b"", rank: 1 },
        Some(close) => Parenthesised { content: content.get(..close).unwrap_or_default(), rank: 2 },
    })
}
