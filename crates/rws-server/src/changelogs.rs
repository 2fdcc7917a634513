//! `GET /-/changelogs/…`: the changelog of a source, as `apt changelog` asks for it. It is read from a package that was built from
//! the source, so that packages have one however they came: uploaded, promoted, or published before RWS.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use rws_model::{ChangelogReader, EntryTopic, FileName, Sha256};
use rws_repository::RepositoryError;

use crate::access::Reader;
use crate::answer::{Answer, Problem, busy, text};
use crate::connection::Client;
use crate::contents::packages::named;
use crate::extraction;
use crate::gate::{ReadableContents, ReadablePackage};
use crate::path::behind_target;
use crate::schema::{StoreProblems, TargetPath};
use crate::service::Service;
use crate::spool::MemoryOfUser;

/// How long a request waits for its turn.
const LONGEST_QUEUE: Duration = Duration::from_secs(20);

/// In so many packages of a source it is looked.
const MAX_PACKAGES: usize = 20;

/// So many bytes of changelogs stay in memory.
const KEPT_BYTES: usize = 4 << 20;

const PLAIN: &str = "text/plain; charset=utf-8";

/// The changelogs that were asked for last, by the content of the packages that have them.
#[derive(Default)]
pub struct ReadChangelogs(Mutex<VecDeque<(Sha256, Option<Bytes>)>>);

impl ReadChangelogs {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(Sha256, Option<Bytes>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a package; within it `None` for one that has none.
    fn of(&self, package: &Sha256) -> Option<Option<Bytes>> {
        self.lock().iter().find(|(known, _)| known == package).map(|(_, text)| text.clone())
    }

    fn keep(&self, package: Sha256, text: Option<Bytes>) {
        let size = |text: &Option<Bytes>| 64 + text.as_ref().map_or(0, Bytes::len);
        let mut kept = self.lock();
        kept.push_back((package, text));
        let mut bytes: usize = kept.iter().map(|(_, text)| size(text)).sum();
        while bytes > KEPT_BYTES {
            let Some((_, text)) = kept.pop_front() else { break };
            bytes -= size(&text);
        }
    }
}

/// The changelog of a source in an apt repository with `changelogs`.
#[utoipa::path(get, path = "/-/changelogs/{kind}/{series}/{distribution}/{version}/{path}", tag = "clients",
    params(
        TargetPath,
        ("path" = String, Path, description = "`COMPONENT/LETTER/SOURCE/SOURCE_VERSION_changelog`, the version without its epoch."),
    ),
    responses(
        (status = 200, description = "The changelog.", body = String, content_type = "text/plain"),
        (status = 404, description = "The repository has no package of this source with a changelog, or no changelogs.", body = Problem),
        StoreProblems,
    ))]
pub async fn get(
    service: &Arc<Service>,
    reader: &Reader,
    client: &Client,
    rest: &str,
) -> Result<Option<Answer>, Problem> {
    let Some((target, path)) = behind_target(rest) else { return Ok(None) };
    let Some(readable) = service.gate.readable_target(reader, target)? else { return Ok(None) };
    let configured = readable.configured();
    let asked = configured.format.changelog_source(path).filter(|_| configured.settings.changelogs.is_some());
    let Some((source, version)) = asked else { return Ok(None) };
    let turn = service.budgets.changelogs.take(&client.network(), 1, LONGEST_QUEUE).await;
    let _turn = turn.ok_or_else(|| busy("changelogs"))?;
    for contents in service.gate.contents_of(reader, &readable).await? {
        for name in names(service, &contents, &source).await? {
            for package in named(service, &contents, &name).await?.iter().rev() {
                if is_of(service, &contents, package, (&source, &version)).await?
                    && let Some(found) = changelog(service, &contents, package).await?
                {
                    return Ok(Some(text(StatusCode::OK, PLAIN, found)));
                }
            }
        }
    }
    let message = format!("{target} has no package of {source} {version} with a changelog.");
    Err(Problem::new(StatusCode::NOT_FOUND, "no-changelog", message))
}

/// The packages that may be of a source.
async fn names(service: &Service, contents: &ReadableContents, source: &str) -> Result<Vec<String>, Problem> {
    let mut names = vec![source.to_owned()];
    if let Ok(list) = service.gate.package_list(contents).await? {
        let others = list.names.iter().filter(|one| one.source.as_deref() == Some(source));
        names.extend(others.take(MAX_PACKAGES).map(|one| one.name.to_string()));
    }
    Ok(names)
}

/// Whether a package says that it was built from this version of the source.
async fn is_of(
    service: &Service,
    contents: &ReadableContents,
    package: &ReadablePackage,
    source: (&str, &str),
) -> Result<bool, RepositoryError> {
    let format = &contents.target().format;
    let entries = service.gate.entries_of(contents, package).await?.entries;
    let descriptions =
        entries.iter().filter(|entry| format.entry_topic(&entry.partition) == Some(EntryTopic::Description));
    let mut called = descriptions.filter_map(|entry| format.source_of(&entry.text));
    Ok(called.any(|called| format.is_changelog_of(&called, source)))
}

/// The changelog in a package.
async fn changelog(
    service: &Arc<Service>,
    contents: &ReadableContents,
    package: &ReadablePackage,
) -> Result<Option<Bytes>, Problem> {
    let Some((path, file)) = package.files.first() else { return Ok(None) };
    let sha256 = file.digests.sha256;
    if let Some(known) = service.changelogs.of(&sha256) {
        return Ok(known);
    }
    let memory = Arc::new(MemoryOfUser::new(&service.budgets, "changelogs"));
    let looking = contents.target().format.changelog_reader(&file.name, &package.name, memory);
    let Some(looking) = looking else { return Ok(None) };
    let name: FileName = file.name.clone();
    let take = move |looking: &mut Box<dyn ChangelogReader>, piece: Option<&[u8]>| match piece
        .map(|piece| looking.push(piece))
    {
        None | Some(Ok(())) => ControlFlow::Continue(()),
        Some(Err(refusal)) => {
            tracing::debug!(file = %name, %refusal, "RWS cannot read the changelog of a package");
            ControlFlow::Break(true)
        }
    };
    let Some((looking, _)) = extraction::read(service, path, looking, take).await? else { return Ok(None) };
    let found = looking.finish().map(Bytes::from);
    service.changelogs.keep(sha256, found.clone());
    Ok(found)
}
