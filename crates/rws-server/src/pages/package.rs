//! The page of a package in a target.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use futures::{FutureExt, StreamExt, stream};
use rws_model::{EntryTopic, RelationList, Target};

use super::Visit;
use super::answer::{page_of_address, render};
use super::frame::{Frame, Link, Part};
use super::install::{Wanted, Way};
use super::target::trail;
use super::view::{HomePage, Moment, Paragraph, fingerprint, paragraphs, size};
use crate::answer::{Answer, Problem};
use crate::contents::{Lists, fingerprint_of, lists, package_page, packages, part, target_page};
use crate::gate::{ReadableContents, ReadablePackage};
use crate::path::encoded;
use crate::target_setup::TargetSetup;

/// So many versions are listed; of so many of them it is asked since when they are there.
const MAX_VERSIONS: usize = 100;
const MAX_DATED: usize = 20;

/// So many versions of each other target are named.
const MAX_VERSIONS_ELSEWHERE: usize = 4;

/// So many relations of a kind, installed paths and bytes of a text of the changelog are shown.
const MAX_RELATIONS: usize = 100;
const MAX_PATHS: usize = 2000;
const MAX_CHANGE_BYTES: usize = 4000;

#[derive(Template)]
#[template(path = "pages/package.html")]
struct PackagePage {
    frame: Frame,
    name: String,
    version: String,
    architecture: String,
    target: Target,
    summary: String,
    ways: Vec<Way>,
    versions: Vec<VersionRow>,
    more_versions: usize,
    json: String,
    elsewhere: Vec<Elsewhere>,
    text: Vec<Paragraph>,
    homepage: Option<HomePage>,
    facts: Vec<(&'static str, String)>,
    built: Option<Moment>,
    since: Option<Moment>,
    promoted_from: Option<Link>,
    signed_by: Option<String>,
    unsigned: &'static str,
    files: Vec<FileRow>,
    relations: Vec<Relations>,
    installed: Vec<String>,
    installed_count: usize,
    has_large_list: bool,
    changelog: Vec<Change>,
}

struct VersionRow {
    version: String,
    architecture: String,
    address: String,
    size: String,
    since: Option<Moment>,
    file_name: String,
    file_address: String,
    is_shown: bool,
}

struct Elsewhere {
    target: String,
    address: String,
    versions: String,
    architectures: String,
}

struct FileRow {
    name: String,
    address: String,
    size: String,
    digests: Vec<(&'static str, String)>,
}

struct Relations {
    kind: &'static str,
    relations: Vec<Vec<Relation>>,
    more: usize,
}

struct Relation {
    name: String,
    condition: String,
    address: Option<String>,
}

struct Change {
    author: String,
    moment: Option<Moment>,
    text: String,
}

/// A package and the repository that has it.
type Found<'c> = (&'c ReadableContents, ReadablePackage);

/// The page; `None` where there is no such target.
///
/// # Errors
///
/// When this one may not know of it, and when the store fails.
pub async fn get(visit: &Visit<'_>, path: &str, name: &str) -> Result<Option<Answer>, Problem> {
    let (service, reader) = (visit.service, visit.reader);
    let Some(readable) = service.gate.readable_target(reader, path)? else { return Ok(None) };
    let target = readable.target().clone();
    if name.is_empty() || name.contains('/') || target.to_string() != path {
        return Ok(None);
    }
    let contents = service.gate.contents_of(reader, &readable).await?;
    let all = service.gate.readable_contents(reader).await?;
    let base = (visit.base)().unwrap_or_default();
    let (version, architecture) = (visit.query("version"), visit.query("architecture"));
    let user = reader.user().map(|user| &user.name);
    let key = format!("package {base} {path} {name} {version:?} {architecture:?} {user:?} {}", fingerprint_of(&all));
    if let Some(known) = service.pages.get(&key) {
        return Ok(Some(page_of_address(&visit.parts.headers, known)));
    }
    let mut found: Vec<Found<'_>> = Vec::new();
    for one in &contents {
        for package in packages::named(service, one, name).await? {
            // those for all architectures are in several repositories of a target
            if found.iter().all(|(_, known)| known.identity() != package.identity()) {
                found.push((one, package));
            }
        }
    }
    let format = &readable.configured().format;
    found.sort_by(|(_, left), (_, right)| {
        let is_source = |package: &ReadablePackage| !format.is_installable(&package.name);
        is_source(left).cmp(&is_source(right)).then_with(|| format.compare(&right.identity(), &left.identity()))
    });
    let is_asked_for = |(_, package): &&Found<'_>| {
        version.as_ref().is_none_or(|version| package.name.version == *version)
            && architecture.as_ref().is_none_or(|architecture| package.name.architecture == *architecture)
    };
    let Some((of, shown)) = found.iter().find(is_asked_for) else { return Ok(None) };
    let described = packages::described(service, of, shown).await?;
    let description = described.description;
    let lists = lists(service, &all).await;
    let elsewhere = elsewhere(visit, &target, name, &lists);
    let own = |(other, _): &&(ReadableContents, _)| other.published().repository == of.published().repository;
    let own_list = lists.lists.iter().find(own).map(|(_, list)| list);
    let relation_address = |other: &str| {
        let is_there = own_list.is_some_and(|list| list.named(other).is_some());
        is_there.then(|| package_page(visit.prefix(), &target, other))
    };
    // without a version the clients take the newest one
    let newest = found.first().map(|(_, package)| &package.name.version);
    let older = version.as_deref().filter(|version| newest.is_some_and(|newest| newest != version));
    let setup = TargetSetup::read(&readable, &service.keys, base, true).await?;
    let is_installable = match older {
        Some(_) => format.is_installable(&shown.name),
        None => found.iter().any(|(_, package)| format.is_installable(&package.name)),
    };
    let ways = if is_installable { format.install_ways(&setup.setup()) } else { Vec::new() };
    let mut steps = trail(visit, &target);
    steps.pop();
    steps.push(super::frame::Step::to(
        format!("{} {}", target.distribution, target.version),
        target_page(visit.prefix(), &target),
    ));
    steps.push(super::frame::Step::at(name));
    let dates = dates(visit, &found).await;
    let position = found.iter().position(|(_, package)| std::ptr::eq(package, shown)).unwrap_or_default();
    let since = match dates.get(position) {
        Some(date) => *date,
        None => service.gate.stored_at(shown).await?,
    };
    let title = format!("{name} {} in {target}", shown.name.version);
    let template = PackagePage {
        frame: Frame::new(visit, title, Some(Part::Repositories)).with_trail(steps),
        name: name.to_owned(),
        version: shown.name.version.clone(),
        architecture: shown.name.architecture.clone(),
        summary: description.summary,
        ways: Way::all(ways, visit.prefix(), &target, &Wanted::Package(name, older)),
        versions: found
            .iter()
            .enumerate()
            .take(MAX_VERSIONS)
            .map(|(at, (_, package))| row(visit, &target, package, dates.get(at).copied().flatten(), at == position))
            .collect(),
        more_versions: found.len().saturating_sub(MAX_VERSIONS),
        json: format!("{}/-/packages/{}/{}", visit.prefix(), encoded(of.published().repository.as_str()), part(name)),
        elsewhere,
        text: paragraphs(&description.text),
        homepage: description.homepage.map(HomePage::of),
        facts: description.facts,
        built: description.built_at.and_then(Moment::of),
        since: since.and_then(Moment::of),
        promoted_from: promoted_from(visit, of, shown).await?,
        signed_by: shown.signed_by().map(fingerprint),
        unsigned: match format.signing() {
            Some(_) => "none that RWS knows the key of; the index with its digest is signed",
            None => "the index with its digest is signed",
        },
        files: shown.files.iter().map(|(path, file)| file_row(visit, path, file)).collect(),
        relations: description.relations.into_iter().map(|list| relations(list, &relation_address)).collect(),
        installed_count: description.files.len(),
        installed: description.files.into_iter().take(MAX_PATHS).collect(),
        has_large_list: described.left_out.contains(&EntryTopic::Files),
        changelog: description.changelog.into_iter().map(change).collect(),
        target,
    };
    let body = render(&template)?;
    if lists.are_settled {
        service.pages.put(&key, &body);
    }
    Ok(Some(page_of_address(&visit.parts.headers, body)))
}

/// Since when the first of some packages are there, in seconds since 1970.
async fn dates(visit: &Visit<'_>, found: &[Found<'_>]) -> Vec<Option<i64>> {
    let asked = found.iter().take(MAX_DATED).map(|(_, package)| visit.service.gate.stored_at(package).boxed());
    // a date that is not known is left out
    let dates = stream::iter(asked.collect::<Vec<_>>()).buffered(8).map(|date| date.ok().flatten());
    dates.collect().await
}

fn row(
    visit: &Visit<'_>,
    target: &Target,
    package: &ReadablePackage,
    since: Option<i64>,
    is_shown: bool,
) -> VersionRow {
    let (path, file) = package.files.first().map_or(("", None), |(path, file)| (path.as_str(), Some(file)));
    let name = &package.name;
    let page = package_page(visit.prefix(), target, &name.name);
    VersionRow {
        address: format!("{page}?version={}&architecture={}#about", part(&name.version), part(&name.architecture)),
        version: name.version.clone(),
        architecture: name.architecture.clone(),
        size: file.map(|file| size(file.size_bytes)).unwrap_or_default(),
        since: since.and_then(Moment::of),
        file_name: file.map(|file| file.name.to_string()).unwrap_or_default(),
        file_address: format!("{}/{}", visit.prefix(), encoded(path)),
        is_shown,
    }
}

/// The other targets that have packages of the name.
fn elsewhere(visit: &Visit<'_>, target: &Target, name: &str, lists: &Lists) -> Vec<Elsewhere> {
    let mut found: BTreeMap<&Target, (Vec<&str>, BTreeSet<&str>)> = BTreeMap::new();
    let others = lists.lists.iter().map(|(other, list)| (&other.target().target, list));
    for (other, list) in others.filter(|(other, _)| *other != target) {
        let Some(listed) = list.named(name) else { continue };
        let (versions, architectures) = found.entry(other).or_default();
        let known = listed.versions.iter().take(MAX_VERSIONS).map(|version| &**version);
        let new: Vec<&str> = known.filter(|version| !versions.contains(version)).collect();
        versions.extend(new);
        architectures.extend(list.architectures_of(listed));
    }
    let one = |(other, (versions, architectures)): (&Target, (Vec<&str>, BTreeSet<&str>))| {
        let shown: Vec<&str> = versions.iter().copied().take(MAX_VERSIONS_ELSEWHERE).collect();
        let more = versions.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Elsewhere {
            target: other.to_string(),
            address: package_page(visit.prefix(), other, name),
            versions: format!("{}{more}", shown.join(", ")),
            architectures: architectures.into_iter().collect::<Vec<_>>().join(", "),
        }
    };
    found.into_iter().map(one).collect()
}

/// Where it was promoted from, for those who may read that.
async fn promoted_from(
    visit: &Visit<'_>,
    of: &ReadableContents,
    package: &ReadablePackage,
) -> Result<Option<Link>, Problem> {
    let source = {
        let _turn = visit.service.budgets.listing_parts.acquire().await.ok();
        visit.service.gate.promoted_from(visit.reader, of, package).await?
    };
    Ok(source.map(|target| Link {
        address: package_page(visit.prefix(), &target, &package.name.name),
        name: target.to_string(),
    }))
}

fn file_row(visit: &Visit<'_>, path: &str, file: &rws_model::RecordFile) -> FileRow {
    let digests = &file.digests;
    let optional = [("SHA-512", &digests.sha512), ("SHA-1", &digests.sha1), ("MD5", &digests.md5)];
    let optional = optional.into_iter().filter_map(|(name, digest)| Some((name, digest.clone()?)));
    FileRow {
        name: file.name.to_string(),
        address: format!("{}/{}", visit.prefix(), encoded(path)),
        size: size(file.size_bytes),
        digests: [("SHA-256", digests.sha256.hex())].into_iter().chain(optional).collect(),
    }
}

fn relations(list: RelationList, address: &impl Fn(&str) -> Option<String>) -> Relations {
    let more = list.relations.len().saturating_sub(MAX_RELATIONS);
    let relation = |one: rws_model::NamedRelation| Relation {
        address: address(&one.name),
        name: one.name,
        condition: one.condition,
    };
    let shown = list.relations.into_iter().take(MAX_RELATIONS);
    Relations { kind: list.kind, relations: shown.map(|one| one.into_iter().map(relation).collect()).collect(), more }
}

fn change(item: rws_model::ChangelogItem) -> Change {
    let end = item.text.floor_char_boundary(MAX_CHANGE_BYTES);
    let cut = if end < item.text.len() { " …" } else { "" };
    Change { text: format!("{}{cut}", &item.text[..end]), author: item.author, moment: Moment::of(item.time) }
}
