//! What repositories contain, for pages and the API: both show what these functions find.

pub mod overview;
pub mod packages;
pub mod search;

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rws_model::{Target, sha256};
use rws_repository::package_list::PackageList;
use tokio::time::{Instant, timeout_at};

use crate::gate::ReadableContents;
use crate::path::encoded;
use crate::service::Service;

/// What a part of a path or the value of a query may have as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How long an answer waits for lists that nobody has asked for yet; they are read on behind it.
const LONGEST_READING: Duration = Duration::from_secs(5);

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

/// What tells apart what is published in some repositories from what was, and what one may read from what another one may.
pub fn fingerprint_of(contents: &[ReadableContents]) -> String {
    let one = |one: &ReadableContents| {
        let published = one.published();
        format!("{} {} {}\n", published.repository, published.generation, one.is_private())
    };
    sha256(contents.iter().map(one).collect::<String>().as_bytes()).hex()
}

/// The names of the packages of some repositories.
#[derive(Default)]
pub struct Lists {
    /// The lists, each with its repository.
    pub lists: Vec<(ReadableContents, Arc<PackageList>)>,
    /// The repositories whose list is not here.
    pub missing: Vec<String>,
    /// Whether nothing is missing that may be here in a moment: what else is missing does not fit into memory.
    pub are_settled: bool,
}

/// Reads lists of packages; what takes too long is left out.
pub async fn lists(service: &Service, contents: &[ReadableContents]) -> Lists {
    let deadline = Instant::now() + LONGEST_READING;
    let mut lists = Lists { are_settled: true, ..Lists::default() };
    for one in contents {
        let repository = &one.published().repository;
        match timeout_at(deadline, service.gate.package_list(one)).await {
            Ok(Ok(Ok(list))) => {
                lists.lists.push((one.clone(), list));
                continue;
            }
            Ok(Ok(Err(_))) => {}
            Ok(Err(problem)) => {
                let error = problem.message();
                tracing::warn!(%repository, %error, "RWS cannot read the names of packages; it tries again");
                lists.are_settled = false;
            }
            Err(_) => lists.are_settled = false,
        }
        lists.missing.push(repository.to_string());
    }
    lists
}
