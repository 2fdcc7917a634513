//! `rws backup` and `rws restore`: a consistent copy of the configured store in another one, and back.

mod other;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rws_model::{Formats, RepositoryId};
use rws_repository::backup::{BackupError, CopiedRepository, Copier, ListedUploads, Progress, Strictness};
use rws_repository::catalogue::Catalogue;
use rws_repository::{Heads, private};
use rws_store::{Body, Condition, Depth, Key, ObjectClass, Store, Write};
use serde_json::{Map, Value, json};

use super::output::{complain, say};
use super::progress::{draw, is_drawn};
use crate::configuration::{Configuration, Environment, StoreConfiguration};
use crate::installation::{StoreAccess, layout};

/// How often the line on the terminal is drawn.
const DRAWN: Duration = Duration::from_millis(200);

/// So many entries of the destination say whether it is empty.
const LOOKED_AT: usize = 20;

#[derive(Debug, clap::Args)]
pub struct BackupArguments {
    /// The backup: a directory, or s3://BUCKET/PREFIX (RWS_BACKUP_S3_URL, …_REGION, …_ACCESS_KEY and …_SECRET_KEY, or else S3_…)
    #[arg(value_name = "BACKUP")]
    place: String,
    /// Directory of the repositories, instead of RWS_DATA_DIR [default: ./rws-data]
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<std::path::PathBuf>,
    /// Replace what has another history, and write to a place that is not empty
    #[arg(long)]
    force: bool,
    /// Read again what is there already, and copy it again where it is damaged
    #[arg(long)]
    deep: bool,
    /// Print one JSON object at the end instead of lines
    #[arg(long)]
    json: bool,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the configured store.
    Backup,
    /// To the configured store.
    Restore,
}

/// Copies everything.
///
/// # Errors
///
/// When a store cannot be used, or a repository could not be copied.
pub async fn run(
    direction: Direction,
    arguments: &BackupArguments,
    configuration: &Configuration,
    (environment, formats): (&Environment, &Formats),
) -> anyhow::Result<()> {
    let other = other::configuration(&arguments.place, configuration, (environment, formats))?;
    other::check_apart(configuration, &other)?;
    let own = StoreAccess::open(configuration).context("the configured store")?;
    let other = StoreAccess::open(&other).with_context(|| arguments.place.clone())?;
    let (source, destination) = match direction {
        Direction::Backup => (&own, &other),
        Direction::Restore => (&other, &own),
    };
    if let Some(above) = other.installation_above().await? {
        bail!("{} is part of the installation at {above:?} in this bucket", arguments.place);
    }
    let (catalogue, public) = layout(configuration);
    if direction == Direction::Restore {
        own.limit_public(std::sync::Arc::new(move |path| public.has(path)));
    }
    destination.connect_to_write().await?;
    let copied = copy(direction, arguments, (source, destination), &catalogue).await;
    destination.release().await;
    copied?;
    if let (Direction::Backup, StoreConfiguration::Local { directory, .. }) = (direction, &configuration.store)
        && directory.join(rws_store::private::SECRETS).is_dir()
    {
        let place = directory.join(rws_store::private::SECRETS);
        complain(format_args!("note: the keys and the user in {} are not in the backup; keep a copy", place.display()));
    }
    Ok(())
}

async fn copy(
    direction: Direction,
    arguments: &BackupArguments,
    (source, destination): (&StoreAccess, &StoreAccess),
    catalogue: &Catalogue,
) -> anyhow::Result<()> {
    let progress = Progress::default();
    let copier = Copier {
        source: &*source.store,
        destination: &*destination.store,
        scratch: &destination.spool,
        strictness: Strictness { force: arguments.force, deep: arguments.deep },
        progress: &progress,
    };
    let repositories = repositories(copier.source).await?;
    ensure!(!repositories.is_empty(), "there is no repository at the source: check the store and the configuration");
    check_place(direction, arguments, copier.destination).await?;
    let uploads = ListedUploads::list(copier.source).await?;
    for repository in &repositories {
        copier.check(repository).await?;
    }
    mark(copier.destination, true).await?;

    let (mut failed, mut all) = (0, Map::new());
    for repository in &repositories {
        let Some(target) = catalogue.repository(repository) else {
            complain(format_args!("{repository}: it is not in the configuration, and not copied"));
            failed += 1;
            continue;
        };
        let tree = target.format.layout(repository).tree;
        match shown(repository, &progress, copier.repository(repository, &tree)).await {
            Ok(copied) => {
                if !arguments.json {
                    say(format_args!("{repository}: {}", sentence(&copied)))?;
                }
                all.insert(repository.to_string(), serde_json::to_value(copied)?);
            }
            Err(error) => {
                complain(format_args!("{repository}: {error}"));
                all.insert(repository.to_string(), json!({ "error": error.to_string() }));
                failed += 1;
            }
        }
    }
    let only_there: Vec<RepositoryId> = self::repositories(copier.destination).await?;
    for repository in only_there.iter().filter(|one| !repositories.contains(*one)) {
        complain(format_args!("{repository}: it is at the destination only, and stays there"));
    }
    let records = copier.records(&uploads).await?;
    if direction == Direction::Restore && failed == 0 {
        mark(copier.destination, false).await?;
    }
    match arguments.json {
        true => say(format_args!("{}", json!({ "repositories": Value::Object(all), "records": records })))?,
        false => say(format_args!("uploads, pins, tokens and purges: {}", sentence(&records)))?,
    }
    let count = repositories.len();
    ensure!(failed == 0, "RWS could not copy {failed} of {count} repositories");
    Ok(())
}

fn sentence(copied: &CopiedRepository) -> String {
    let CopiedRepository { generation, copied, copied_bytes, unchanged, deleted, pending } = copied;
    let generation = generation.as_ref().map(|id| format!("{id}, ")).unwrap_or_default();
    let pending = if *pending > 0 { format!(", {pending} uploads pending") } else { String::new() };
    format!("{generation}{copied} copied ({copied_bytes} bytes), {unchanged} unchanged, {deleted} deleted{pending}")
}

/// All repositories that have a head, or something that waits for their first one.
async fn repositories(store: &dyn Store) -> anyhow::Result<Vec<RepositoryId>> {
    let heads = Heads(store).list().await?.into_iter().map(|(repository, _)| repository);
    let mut all: BTreeSet<RepositoryId> = heads.collect();
    let pointers = store.list(private::PENDING).await?.into_iter();
    all.extend(pointers.filter_map(|one| private::pointer_parts(&one.key)).map(|(repository, _)| repository));
    Ok(all.into_iter().collect())
}

/// Refuses a destination that has files of somebody else.
async fn check_place(direction: Direction, arguments: &BackupArguments, store: &dyn Store) -> anyhow::Result<()> {
    if arguments.force || store.stat(&marker()?).await?.is_some() {
        return Ok(());
    }
    let has_heads = !Heads(store).list().await?.is_empty();
    let page = store.page("", Depth::Directory, None, LOOKED_AT).await?;
    let is_empty = page.entries.iter().all(|entry| entry.name().starts_with('.'));
    match direction {
        // what is there is compared, repository by repository
        Direction::Restore if has_heads || is_empty => Ok(()),
        Direction::Backup if is_empty && !has_heads => Ok(()),
        _ => bail!("the destination has files and is no backup of RWS; to write to it nevertheless, say --force"),
    }
}

fn marker() -> anyhow::Result<Key> {
    Key::parse(rws_store::private::BACKUP).context("a private name is a key")
}

/// Notes that a store is a copy, or an unfinished one; or that it is not any more.
async fn mark(store: &dyn Store, is_copy: bool) -> anyhow::Result<()> {
    let marker = marker()?;
    match is_copy {
        true => {
            let write = Write { condition: Condition::Always, kind: ObjectClass::Private };
            store.write(&marker, Body::from(json!({ "format": 1 }).to_string().into_bytes()), write).await?;
        }
        false => store.delete(&[marker]).await?,
    }
    Ok(())
}

/// Draws how far it is, on a terminal.
async fn shown(
    repository: &RepositoryId,
    progress: &Progress,
    work: impl Future<Output = Result<CopiedRepository, BackupError>>,
) -> Result<CopiedRepository, BackupError> {
    if !is_drawn() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(DRAWN, &mut work).await {
            Ok(done) => {
                draw("");
                return done;
            }
            Err(_) => {
                let [done, objects, bytes] =
                    [&progress.done, &progress.objects, &progress.bytes].map(|count| count.load(Ordering::Relaxed));
                draw(&format!("{repository}: {done} of {objects} files, {} MiB copied", bytes >> 20));
            }
        }
    }
}
