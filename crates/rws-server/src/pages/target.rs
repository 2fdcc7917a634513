//! The page of a target: how to install from it, and what it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use rws_model::{PackageName, Target};
use rws_repository::package_list::{ListedName, PackageList};
use rws_repository::publication::{PackageChange, PublishedPackage};

use super::Visit;
use super::answer::{page_of_address, render};
use super::frame::{Frame, Link, Part, Step};
use super::install::{Wanted, Way};
use super::view::{Moment, count, fingerprint, state};
use crate::answer::{Answer, Problem};
use crate::contents::{Lists, fingerprint_of, lists, overview, package_page, part, target_page};
use crate::gate::{ReadableContents, ReadableTarget};
use crate::path::encoded;
use crate::target_setup::TargetSetup;

/// So many names are on one page.
const MAX_NAMES: usize = 200;

/// So many of the latest packages are shown, of so many of the latest states.
const MAX_LATEST: usize = 12;
const LATEST_STATES: usize = 3;

#[derive(Template)]
#[template(path = "pages/target.html")]
struct TargetPage {
    frame: Frame,
    target: Target,
    packages: String,
    architectures: Vec<ArchitectureCount>,
    published: Option<Moment>,
    state: &'static str,
    is_private: bool,
    ways: Vec<Way>,
    release_package: Option<Link>,
    fingerprints: Vec<String>,
    latest: Vec<Latest>,
    names: Vec<Name>,
    is_continued: bool,
    not_listed: Vec<String>,
    are_settled: bool,
    next: Option<String>,
    files: Vec<Link>,
    histories: Vec<Link>,
}

struct ArchitectureCount {
    name: String,
    packages: Option<String>,
}

struct Latest {
    name: String,
    address: String,
    version: String,
    architecture: String,
    moment: Moment,
}

struct Name {
    name: String,
    address: String,
    version: String,
    summary: String,
}

/// The page; `None` where there is no such target.
///
/// # Errors
///
/// When this one may not know of it, and when the store fails.
pub async fn get(visit: &Visit<'_>, path: &str) -> Result<Option<Answer>, Problem> {
    let (service, reader) = (visit.service, visit.reader);
    let Some(readable) = service.gate.readable_target(reader, path)? else { return Ok(None) };
    let target = readable.target().clone();
    // an anchor stands for a target, too, and has no page of its own
    if target.to_string() != path {
        return Ok(None);
    }
    let contents = service.gate.contents_of(reader, &readable).await?;
    let base = (visit.base)().unwrap_or_default();
    let after = visit.query("after");
    let summary = overview::of_target(service, reader, target.clone(), &contents);
    let key = format!(
        "target {base} {after:?} {path} {:?} {} {}",
        reader.user().map(|user| &user.name),
        state(&summary.state),
        fingerprint_of(&contents)
    );
    if let Some(known) = service.pages.get(&key) {
        return Ok(Some(page_of_address(&visit.parts.headers, known)));
    }
    let Lists { lists, missing: not_listed, are_settled } = lists(service, &contents).await;
    let lists: Vec<Arc<PackageList>> = lists.into_iter().map(|(_, list)| list).collect();
    let (packages, architectures) = architectures(&contents, &lists);
    let (names, next) = names(visit, &target, &lists, after.as_deref());
    let latest = latest(visit, &target, &contents).await?;
    let format = &readable.configured().format;
    let example = latest.iter().map(|(package, _)| package).find(|package| format.is_installable(package));
    let example = example.map(|package| package.name.clone()).or_else(|| installable(&readable, &lists));
    let setup = TargetSetup::read(&readable, &service.keys, base, true).await?;
    let ways = format.install_ways(&setup.setup());
    let feed = format!("{}/-/browse/feed/{}", visit.prefix(), encoded(&target.to_string()));
    let frame = Frame::new(
        visit,
        format!("{} {} ({}/{})", target.distribution, target.version, target.kind, target.series),
        Some(Part::Repositories),
    );
    let template = TargetPage {
        frame: Frame { feed: Some(feed), ..frame.with_trail(trail(visit, &target)) },
        packages: packages.map_or_else(|| "not counted".to_owned(), count),
        architectures,
        published: Moment::of(summary.published_at).filter(|_| !contents.is_empty()),
        state: state(&summary.state),
        is_private: summary.is_private,
        ways: Way::all(ways, visit.prefix(), &target, &Wanted::Anything(example.as_deref())),
        release_package: release_package(visit, &readable, &lists),
        fingerprints: fingerprints(&readable),
        latest: latest.into_iter().map(|(package, moment)| shown(visit, &target, package, moment)).collect(),
        names,
        is_continued: after.is_some(),
        not_listed,
        are_settled,
        next,
        files: files(visit, &contents),
        histories: contents.iter().map(|one| history(visit, one)).collect(),
        target,
    };
    let body = render(&template)?;
    if are_settled {
        service.pages.put(&key, &body);
    }
    Ok(Some(page_of_address(&visit.parts.headers, body)))
}

/// The way to the page of a target.
pub fn trail(visit: &Visit<'_>, target: &Target) -> Vec<Step> {
    let directory = format!("{}/{}/{}", visit.prefix(), encoded(&target.kind), encoded(&target.series));
    vec![
        Step::to(format!("{} / {}", target.kind, target.series), directory),
        Step::at(format!("{} {}", target.distribution, target.version)),
    ]
}

/// The names behind one, of all repositories together, and the address of the page with those that follow.
fn names(
    visit: &Visit<'_>,
    target: &Target,
    lists: &[Arc<PackageList>],
    after: Option<&str>,
) -> (Vec<Name>, Option<String>) {
    let mut merged: BTreeMap<&str, &ListedName> = BTreeMap::new();
    for list in lists {
        let start = list.names.partition_point(|one| after.is_some_and(|after| &*one.name <= after));
        for one in list.names.iter().skip(start).take(MAX_NAMES + 1) {
            merged.entry(&one.name).or_insert(one);
        }
    }
    let has_more = merged.len() > MAX_NAMES;
    let name = |one: &ListedName| Name {
        name: one.name.to_string(),
        address: package_page(visit.prefix(), target, &one.name),
        version: one.versions.first().map(ToString::to_string).unwrap_or_default(),
        summary: one.summary.to_string(),
    };
    let names: Vec<Name> = merged.into_values().take(MAX_NAMES).map(name).collect();
    let last = names.last().filter(|_| has_more);
    let next = last.map(|last| format!("{}?after={}#all", target_page(visit.prefix(), target), part(&last.name)));
    (names, next)
}

/// The packages that came last, with their times.
async fn latest(
    visit: &Visit<'_>,
    target: &Target,
    contents: &[ReadableContents],
) -> Result<Vec<(PackageName, Moment)>, Problem> {
    let mut latest: Vec<(i64, PublishedPackage)> = Vec::new();
    for one in contents {
        // each takes the memory of two manifests
        let _turn = visit.service.budgets.listing_parts.acquire().await.ok();
        for (state, publication) in visit.service.gate.publications(one, LATEST_STATES).await? {
            let came = publication.packages.iter().filter(|one| one.change != PackageChange::Removed);
            latest.extend(came.map(|one| (state.published_at, one.clone())));
        }
    }
    latest.sort_by(|(left_time, left), (right_time, right)| {
        right_time.cmp(left_time).then_with(|| left.package.cmp(&right.package))
    });
    latest.dedup_by(|(_, left), (_, right)| left.package == right.package);
    latest.truncate(MAX_LATEST);
    tracing::trace!(%target, packages = latest.len(), "the latest packages");
    Ok(latest.into_iter().filter_map(|(time, one)| Some((one.package, Moment::of(time)?))).collect())
}

fn shown(visit: &Visit<'_>, target: &Target, package: PackageName, moment: Moment) -> Latest {
    let PackageName { name, version, architecture } = package;
    Latest { address: package_page(visit.prefix(), target, &name), name, version, architecture, moment }
}

/// A package that can be installed, as an example.
fn installable(readable: &ReadableTarget<'_>, lists: &[Arc<PackageList>]) -> Option<String> {
    let format = &readable.configured().format;
    lists.iter().find_map(|list| {
        let found = list.names.iter().find(|name| {
            list.architectures_of(name).any(|architecture| {
                let [name, version, architecture] = [&*name.name, "", architecture].map(str::to_owned);
                format.is_installable(&PackageName { name, version, architecture })
            })
        });
        found.map(|name| name.name.to_string())
    })
}

/// How many packages there are, and of each architecture. Those for all architectures are in several repositories of a target, and
/// count once.
fn architectures(contents: &[ReadableContents], lists: &[Arc<PackageList>]) -> (Option<u64>, Vec<ArchitectureCount>) {
    if lists.len() < contents.len() {
        let names = contents.iter().map(|one| one.published().repository.split_last().1.to_owned());
        return (None, names.map(|name| ArchitectureCount { name, packages: None }).collect());
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, packages) in lists.iter().flat_map(|list| &list.architectures) {
        let count = counts.entry(name).or_default();
        *count = (*count).max(*packages);
    }
    let count = |(name, packages): (&&str, &u64)| ArchitectureCount {
        name: (*name).to_owned(),
        packages: Some(count(*packages)),
    };
    (Some(counts.values().sum()), counts.iter().map(count).collect())
}

fn release_package(visit: &Visit<'_>, readable: &ReadableTarget<'_>, lists: &[Arc<PackageList>]) -> Option<Link> {
    let configured = readable.configured();
    let name = configured.format.release_package_name(configured.release_package.as_ref()?)?;
    let is_there = lists.iter().any(|list| list.named(&name).is_some());
    is_there.then(|| Link { address: package_page(visit.prefix(), readable.target(), &name), name })
}

/// The fingerprints of the keys that clients of a target should know.
pub fn fingerprints(readable: &ReadableTarget<'_>) -> Vec<String> {
    let Some(signer) = &readable.configured().signer else { return Vec::new() };
    let all = signer.public_fingerprints();
    let all = if all.is_empty() { vec![signer.signing_fingerprint().to_owned()] } else { all };
    all.iter().map(|one| fingerprint(one)).collect()
}

/// Where the files of its repositories lie.
fn files(visit: &Visit<'_>, contents: &[ReadableContents]) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for one in contents {
        let layout = one.target().format.layout(&one.published().repository);
        for below in [layout.packages, layout.metadata] {
            let path = format!("{}/{below}", layout.tree);
            let path = path.trim_end_matches('/');
            if links.iter().all(|link| link.name != path) {
                links.push(Link { address: encoded(&format!("{}/{path}", visit.prefix())), name: path.to_owned() });
            }
        }
    }
    links
}

fn history(visit: &Visit<'_>, one: &ReadableContents) -> Link {
    let name = one.published().repository.to_string();
    Link { address: format!("{}/-/browse/history/{}", visit.prefix(), encoded(&name)), name }
}
