//! Identities of packages in an apt repository, and their order in an index.

use std::cmp::Ordering;

use rws_model::{FileName, Identity};

use crate::version;

/// `file NAME`: a file that is no package by itself.
pub(crate) fn of_file(name: &FileName) -> Identity {
    Identity(format!("file {name}"))
}

/// By kind (`deb`, `file`, `source`), name, version in dpkg's order, architecture; versions that dpkg holds for equal
/// (`1.0` and `1.00`) by their bytes. Total for any text, and equal only for equal identities.
pub(crate) fn compare(left: &Identity, right: &Identity) -> Ordering {
    let (left_kind, left_name, left_version, left_rest) = split(&left.0);
    let (right_kind, right_name, right_version, right_rest) = split(&right.0);
    (left_kind, left_name)
        .cmp(&(right_kind, right_name))
        .then_with(|| version::compare(left_version, right_version))
        .then_with(|| left_version.cmp(right_version))
        .then_with(|| left_rest.cmp(right_rest))
        .then_with(|| left.0.cmp(&right.0))
}

fn split(text: &str) -> (&str, &str, &str, &str) {
    let mut parts = text.splitn(4, ' ');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next(), next())
}
