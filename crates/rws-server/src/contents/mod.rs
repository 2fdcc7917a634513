//! What repositories contain, for pages and the API: both show what these functions find.

pub mod packages;
pub mod search;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rws_model::Target;

use crate::path::encoded;

/// What a part of a path or the value of a query may have as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one part of a path, or as the value of a query.
pub fn part(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The address of the page of a target; `prefix` is what stands before paths for a reader.
pub fn target_page(prefix: &str, target: &Target) -> String {
    format!("{prefix}/-/browse/{}", encoded(&target.to_string()))
}

/// The address of the page of a package in a target.
pub fn package_page(prefix: &str, target: &Target, name: &str) -> String {
    format!("{}/{}", target_page(prefix, target), part(name))
}
