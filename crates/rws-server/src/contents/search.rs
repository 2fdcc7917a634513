//! Search over the names and summaries of all packages that somebody may read.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::Target;
use rws_repository::package_list::{ListedName, PackageList};
use tokio::task::spawn_blocking;

use super::{Lists, lists, package_page, part};
use crate::access::Reader;
use crate::answer::{Answer, Problem, json};
use crate::gate::ReadableContents;
use crate::path::{self, encoded};
use crate::schema::{FoundPackage, FoundPackages, SearchQuery, StoreProblems};
use crate::service::Service;

/// So many packages are on one page.
const MAX_ON_A_PAGE: usize = 100;
const USUAL_ON_A_PAGE: usize = 50;

/// So many bytes of a query are searched for, in so many words.
const MAX_QUERY_BYTES: usize = 200;
const MAX_WORDS: usize = 8;

/// So many versions of a package are named.
const MAX_VERSIONS: usize = 50;

/// What is searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The text.
    pub text: String,
    /// Only targets of this kind.
    pub kind: Option<String>,
    /// At most so many packages.
    pub limit: usize,
    /// Those behind this one.
    after: Option<Place>,
}

/// Where a package stands: the better its name fits, the smaller the number.
type Place = (u8, String);

impl Search {
    /// What a query says.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn of(query: Option<&str>) -> Result<Self, Problem> {
        let value = |key: &str| path::query(query, key).filter(|value| !value.is_empty());
        let limit = match value("limit").map(|text| text.parse::<i64>()) {
            None => USUAL_ON_A_PAGE,
            Some(Ok(limit @ 1..)) => usize::try_from(limit).unwrap_or(MAX_ON_A_PAGE),
            Some(_) => return Err(Problem::bad_request("query", "limit is not a whole number from 1.")),
        };
        let text = value("q").unwrap_or_default().trim().to_owned();
        if text.len() > MAX_QUERY_BYTES {
            let message = format!("q has more than {MAX_QUERY_BYTES} bytes.");
            return Err(Problem::bad_request("query", message));
        }
        let after = value("after").map(|after| {
            let (rank, name) = after.split_once(':')?;
            Some((rank.parse().ok()?, name.to_owned()))
        });
        let wrong = || Problem::bad_request("query", "after is not that of a next address.");
        let after = after.map(|after| after.ok_or_else(wrong)).transpose()?;
        Ok(Self { text, kind: value("kind"), limit: limit.min(MAX_ON_A_PAGE), after })
    }

    /// The query of the next page.
    fn next(&self, last: &Place) -> String {
        let (rank, name) = last;
        let kind = self.kind.as_ref().map(|kind| format!("&kind={}", part(kind))).unwrap_or_default();
        format!("q={}{kind}&limit={}&after={rank}:{}", part(&self.text), self.limit, part(name))
    }
}

/// Packages by their names and summaries, in all repositories at once.
#[utoipa::path(get, path = "/-/search", tag = "packages",
    params(SearchQuery),
    responses(
        (status = 200, description = "The packages.", body = FoundPackages),
        (status = 400, description = "The query is wrong.", body = Problem),
        StoreProblems,
    ))]
pub async fn get(service: &Arc<Service>, reader: &Reader, parts: &Parts) -> Result<Answer, Problem> {
    let search = Search::of(parts.uri.query())?;
    let found = find(service, reader, &search, "/-/search").await?;
    Ok(json(StatusCode::OK, &found))
}

/// Finds packages; `address` is that of the page, for the next one.
///
/// # Errors
///
/// When the store fails.
pub async fn find(
    service: &Arc<Service>,
    reader: &Reader,
    search: &Search,
    address: &str,
) -> Result<FoundPackages, Problem> {
    let contents = service.gate.readable_contents(reader).await?;
    let is_wanted = |one: &ReadableContents| search.kind.as_ref().is_none_or(|kind| one.target().target.kind == *kind);
    let contents: Vec<ReadableContents> = contents.into_iter().filter(is_wanted).collect();
    let Lists { lists, missing, .. } = lists(service, &contents).await;
    let lists = Arc::new(lists);
    let (places, has_more) = {
        // few look through all names at a time, and none of them where others are answered
        let _turn = service.budgets.listing_parts.acquire().await.ok();
        let (lists, search) = (Arc::clone(&lists), search.clone());
        spawn_blocking(move || best(&lists, &search)).await?
    };
    let next =
        places.last().filter(|_| has_more).map(|last| format!("{}{address}?{}", reader.prefix(), search.next(last)));
    let packages = places.iter().filter_map(|(_, name)| found(service, reader, &lists, name)).collect();
    Ok(FoundPackages { packages, next, not_searched: missing })
}

/// The places of the names that fit, the best first, and whether there are more.
fn best(lists: &[(ReadableContents, Arc<PackageList>)], search: &Search) -> (BTreeSet<Place>, bool) {
    let words: Vec<String> = search.text.split_whitespace().take(MAX_WORDS).map(str::to_lowercase).collect();
    let mut places: BTreeSet<Place> = BTreeSet::new();
    for name in lists.iter().flat_map(|(_, list)| &list.names) {
        let Some(rank) = rank(&words, name) else { continue };
        let is_behind = search.after.as_ref().is_none_or(|(after, behind)| (rank, &*name.name) > (*after, behind));
        // one more than is shown says whether there is another page
        let is_before = places.len() <= search.limit
            || places.last().is_some_and(|(last, last_name)| (rank, &*name.name) < (*last, last_name));
        if is_behind && is_before {
            places.insert((rank, name.name.to_string()));
            if places.len() > search.limit + 1 {
                places.pop_last();
            }
        }
    }
    let has_more = places.len() > search.limit;
    if has_more {
        places.pop_last();
    }
    (places, has_more)
}

/// How well a package fits; `None`: not at all.
fn rank(words: &[String], name: &ListedName) -> Option<u8> {
    let in_name = |word: &String| contains(&name.name, word);
    match words {
        [] => return Some(0),
        [word] if name.name.eq_ignore_ascii_case(word) => return Some(0),
        [word] if starts_with(&name.name, word) => return Some(1),
        words if words.iter().all(in_name) => return Some(2),
        _ => {}
    }
    words.iter().all(|word| in_name(word) || contains(&name.summary, word)).then_some(3)
}

fn starts_with(text: &str, word: &str) -> bool {
    text.as_bytes().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a text has a word in lower case. Upper and lower case are one for ASCII; for other letters where nothing else helps.
fn contains(text: &str, word: &str) -> bool {
    let Some(first) = word.as_bytes().first() else { return true };
    if !text.is_ascii() && !word.is_ascii() {
        return text.to_lowercase().contains(word);
    }
    let (text, upper) = (text.as_bytes(), first.to_ascii_uppercase());
    memchr::memchr2_iter(*first, upper, text)
        .any(|at| text.get(at..at + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes())))
}

/// What all lists together say of a name.
fn found(
    service: &Service,
    reader: &Reader,
    lists: &[(ReadableContents, Arc<PackageList>)],
    name: &str,
) -> Option<FoundPackage> {
    let having: Vec<(&ReadableContents, &ListedName)> =
        lists.iter().filter_map(|(contents, list)| Some((contents, list.named(name)?))).collect();
    let mut targets: BTreeSet<&Target> = BTreeSet::new();
    let (mut versions, mut summary): (Vec<String>, &str) = (Vec::new(), "");
    for (contents, listed) in &having {
        targets.insert(&contents.target().target);
        if summary.is_empty() {
            summary = &listed.summary;
        }
        let new: Vec<&str> = listed
            .versions
            .iter()
            .map(|version| &**version)
            .filter(|version| !versions.iter().any(|known| known == version))
            .collect();
        versions.extend(new.into_iter().take(MAX_VERSIONS.saturating_sub(versions.len())).map(str::to_owned));
    }
    let (first, _) = having.first()?;
    let url = match service.settings.pages.enabled {
        true => package_page(reader.prefix(), &first.target().target, name),
        false => {
            format!("{}/-/packages/{}/{}", reader.prefix(), encoded(first.published().repository.as_str()), part(name))
        }
    };
    Some(FoundPackage {
        name: name.to_owned(),
        summary: summary.to_owned(),
        versions,
        targets: targets.into_iter().map(ToString::to_string).collect(),
        url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_their_case() {
        for (text, word, is_there) in [
            ("libFoo", "foo", true),
            ("libFoo", "ibf", true),
            ("libfoo", "fooo", false),
            ("", "a", false),
            ("Größe ÄRGER", "ärger", true),
            ("Größe", "gr", true),
            ("x", "", true),
        ] {
            assert_eq!(contains(text, word), is_there, "{text} {word}");
        }
    }

    #[test]
    fn queries() {
        assert_eq!(Search::of(None).unwrap().limit, USUAL_ON_A_PAGE);
        let search = Search::of(Some("q=a+%26b&kind=live&limit=1000&after=2:lib%3Ax")).unwrap();
        assert_eq!((search.text.as_str(), search.limit), ("a &b", MAX_ON_A_PAGE));
        assert_eq!(search.after, Some((2, "lib:x".to_owned())));
        assert_eq!(search.next(&(1, "c++".to_owned())), "q=a%20%26b&kind=live&limit=100&after=1:c%2B%2B");
        for wrong in ["limit=0", "limit=x", "after=x", "after=x:y"] {
            assert!(Search::of(Some(wrong)).is_err(), "{wrong}");
        }
        assert!(Search::of(Some(&format!("q={}", "x".repeat(MAX_QUERY_BYTES + 1)))).is_err());
    }
}
