//! Pins: names for states of repositories at one moment. Their generations are kept, with all that they need, until the pin is
//! removed.
//!
//! A pin is an object of its own, and a mark in the head of each repository: what a head marks no publisher gives up. The object is
//! written first and removed first; the sweep completes what was interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rws_model::RepositoryId;
use rws_store::{Condition, ObjectClass, Store, StoreError, Write};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::actor::Actor;
use crate::catalogue::ConfiguredTarget;
use crate::error::RepositoryError;
use crate::generation::{Head, Heads, Swap};
use crate::history::{self, NoState, PastState};
use crate::upload::Upload;
use crate::{GenerationId, UploadId, disk_format, intake, private, reading};

/// How often a head is swapped again that others swapped meanwhile.
const MAX_TRIES: usize = 20;

/// How many characters a name has at most.
const MAX_NAME: usize = 64;

/// A name for states of repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    format: u32,
    /// Its name.
    pub name: String,
    /// What heads mark generations with: another one for each pin, whatever its name.
    pub mark: Uuid,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// Who made it.
    pub user: Option<String>,
    /// How many bytes the files of its packages have, each counted once for each repository.
    pub bytes: u64,
    /// The generation of each repository.
    pub repositories: BTreeMap<RepositoryId, GenerationId>,
}

/// Why there is no pin.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The name cannot be one.
    #[error("{0:?} cannot be the name of a pin.")]
    Name(String),
    /// There is one of this name.
    #[error("There is a pin {0} already.")]
    Exists(String),
    /// None of the repositories was ever published.
    #[error("None of these targets has a repository that was published.")]
    Nothing,
    /// A repository does not have the state.
    #[error(transparent)]
    NoState(#[from] NoState),
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] RepositoryError),
}

impl From<StoreError> for PinError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Whether a text can be the name of a pin: letters, digits and `. _ -`, and nothing that looks like a time or a generation, even
/// one that cannot be.
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    starts && text.len() <= MAX_NAME && text.bytes().all(plain) && !is_like_a_time(text)
}

/// Whether a text begins as `20260301T120000Z` does.
fn is_like_a_time(text: &str) -> bool {
    let form = "dddddddd_dddddd_".bytes().map(|kind| kind == b'd');
    let fits = text.bytes().zip(form).filter(|(byte, is_digit)| byte.is_ascii_digit() == *is_digit);
    text.len() >= 16 && fits.count() == 16
}

/// What is to be pinned.
pub struct NewPin<'a> {
    /// The name.
    pub name: &'a str,
    /// The targets.
    pub targets: &'a [Arc<ConfiguredTarget>],
    /// The state; what is current without one.
    pub state: Option<&'a PastState>,
    /// Who asks for it.
    pub actor: &'a Actor,
}

/// Makes a pin. When this returns, all of its generations are kept.
///
/// # Errors
///
/// When the name is taken, or a repository does not have the state (any more). Then nothing is pinned.
pub async fn create(store: &dyn Store, new: NewPin<'_>) -> Result<Pin, PinError> {
    let NewPin { name, targets, state, actor } = new;
    if !is_name(name) {
        return Err(PinError::Name(name.to_owned()));
    }
    let now = store.clock_milliseconds().await? / 1000;
    let (mut repositories, mut bytes, mut not_yet) = (BTreeMap::new(), 0, None);
    for repository in targets.iter().flat_map(|target| target.repositories()) {
        let Some(head) = history::head(store, &repository).await? else { continue };
        let id = match state.map_or_else(|| Ok(head.generation.clone()), |state| history::resolve(&head, state, now)) {
            // it was not there then
            Err(error @ NoState::NotYet { .. }) => {
                not_yet.get_or_insert(error);
                continue;
            }
            resolved => resolved?,
        };
        let generation = reading::generation(store, &repository, &id).await?;
        let files = generation.files.all().map_err(RepositoryError::generation(&repository))?;
        bytes += files.iter().filter(|file| file.users > 0).map(|file| file.size_bytes).sum::<u64>();
        repositories.insert(repository, id);
    }
    if repositories.is_empty() {
        return Err(not_yet.map_or(PinError::Nothing, PinError::NoState));
    }
    let (format, name, user) = (disk_format::PIN, name.to_owned(), actor.user.clone());
    let pin = Pin { format, name, mark: Uuid::new_v4(), created_at: now, user, bytes, repositories };
    let text = serde_json::to_vec(&pin).map_err(|error| RepositoryError::damaged(&pin.name, error))?;
    let write = Write { condition: Condition::Absent, kind: ObjectClass::Private };
    if let Err(error) = store.write(&private::pin(&pin.name), text.into(), write).await {
        match read(store, &pin.name).await? {
            // the answer was lost
            Some(present) if present.mark == pin.mark => {}
            Some(_) => return Err(PinError::Exists(pin.name)),
            None => return Err(error.into()),
        }
    }
    for (repository, generation) in &pin.repositories {
        if let Err(error) = mark(store, &pin, repository, generation).await {
            remove_pin(store, &pin).await?;
            return Err(error);
        }
    }
    if let Err(error) = record(store, &pin, actor).await {
        remove_pin(store, &pin).await?;
        return Err(error.into());
    }
    Ok(pin)
}

/// Keeps who asked for a change of a pin: as an upload without packages.
async fn record(store: &dyn Store, pin: &Pin, actor: &Actor) -> Result<(), RepositoryError> {
    let repositories = pin.repositories.keys().cloned().collect();
    let actor = Actor { subject: Some(pin.name.clone()), repositories, ..actor.clone() };
    let upload = Upload::new(UploadId::next(store.clock_milliseconds().await?), &actor);
    intake::promise(store, upload).await.map(|_| ())
}

/// Removes a pin; `false` where there is none. What only it needed goes with later publishes.
///
/// # Errors
///
/// When the store fails.
pub async fn remove(store: &dyn Store, name: &str, actor: &Actor) -> Result<bool, RepositoryError> {
    let Some(pin) = read(store, name).await? else { return Ok(false) };
    record(store, &pin, actor).await?;
    remove_pin(store, &pin).await?;
    Ok(true)
}

async fn remove_pin(store: &dyn Store, pin: &Pin) -> Result<(), RepositoryError> {
    store.delete(&[private::pin(&pin.name)]).await?;
    for repository in pin.repositories.keys() {
        unmark(store, repository, &|mark| mark == pin.mark).await?;
    }
    Ok(())
}

/// A pin; `None` where there is none of this name.
///
/// # Errors
///
/// When the store fails, or the pin is damaged.
pub async fn read(store: &dyn Store, name: &str) -> Result<Option<Pin>, RepositoryError> {
    if !is_name(name) {
        return Ok(None);
    }
    Ok(reading::json(store, &private::pin(name)).await?.map(|(pin, _)| pin))
}

/// The state that a text names: a generation, a time, or the name of a pin. `None` where it names nothing.
///
/// # Errors
///
/// When the store fails, or the pin is damaged.
pub async fn state(store: &dyn Store, text: &str) -> Result<Option<PastState>, RepositoryError> {
    if let Some(state) = PastState::parse(text) {
        return Ok(Some(state));
    }
    let pin = read(store, text).await?;
    Ok(pin.map(|pin| PastState::Pinned(pin.name, Arc::new(pin.repositories))))
}

/// All pins, in the order of their names.
///
/// # Errors
///
/// When the store fails, or a pin is damaged.
pub async fn all(store: &dyn Store) -> Result<Vec<Pin>, RepositoryError> {
    let mut pins = Vec::new();
    for listed in store.list(private::PINS).await? {
        pins.extend(reading::json::<Pin>(store, &listed.key).await?.map(|(pin, _)| pin));
    }
    Ok(pins)
}

/// Marks what pins name, and removes marks of pins that are not there any more: of what was interrupted.
///
/// # Errors
///
/// When the store fails.
pub async fn complete(store: &dyn Store) -> Result<(), RepositoryError> {
    let heads = Heads(store).list().await?;
    // pins are read behind the heads: a mark of which no pin is known then has none
    let mut marked = Vec::new();
    for (repository, _) in heads {
        if let Some((head, _)) = Heads(store).read(&repository).await?
            && !head.pinned.is_empty()
        {
            marked.push(head);
        }
    }
    let pins = all(store).await?;
    let known: BTreeSet<Uuid> = pins.iter().map(|pin| pin.mark).collect();
    for head in &marked {
        if head.pinned.values().flatten().any(|mark| !known.contains(mark)) {
            unmark(store, &head.repository, &|mark| !known.contains(&mark)).await?;
        }
    }
    for pin in &pins {
        for (repository, generation) in &pin.repositories {
            let is_marked = marked.iter().any(|head| {
                head.repository == *repository
                    && head.pinned.get(generation).is_some_and(|marks| marks.contains(&pin.mark))
            });
            if is_marked {
                continue;
            }
            match mark(store, pin, repository, generation).await {
                Ok(()) => {}
                Err(PinError::Failed(error)) => return Err(error),
                Err(error) => tracing::error!(pin = pin.name, %repository, %error, "a pinned state is lost"),
            }
        }
    }
    Ok(())
}

/// Marks a generation in the head of its repository, if it is kept.
async fn mark(
    store: &dyn Store,
    pin: &Pin,
    repository: &RepositoryId,
    generation: &GenerationId,
) -> Result<(), PinError> {
    let not_kept = || NoState::NotKept { repository: repository.clone(), generation: generation.to_string() };
    let change = |head: &mut Head| {
        let is_kept = history::states(head).iter().any(|state| state.generation == *generation);
        if is_kept {
            head.pinned.entry(generation.clone()).or_default().insert(pin.mark);
        }
        is_kept
    };
    if change_head(store, repository, change).await? { Ok(()) } else { Err(not_kept().into()) }
}

/// Removes marks from the head of a repository.
async fn unmark(
    store: &dyn Store,
    repository: &RepositoryId,
    goes: &(dyn Fn(Uuid) -> bool + Send + Sync),
) -> Result<(), RepositoryError> {
    let change = |head: &mut Head| {
        head.pinned.values_mut().for_each(|marks| marks.retain(|mark| !goes(*mark)));
        head.pinned.retain(|_, marks| !marks.is_empty());
        true
    };
    change_head(store, repository, change).await.map(|_| ())
}

/// Swaps a head for a changed one; `false` where there is none, or nothing to change in it.
async fn change_head(
    store: &dyn Store,
    repository: &RepositoryId,
    change: impl Fn(&mut Head) -> bool + Send + Sync,
) -> Result<bool, RepositoryError> {
    for _ in 0..MAX_TRIES {
        let Some((head, version)) = Heads(store).read(repository).await? else { return Ok(false) };
        if head.format > disk_format::HEAD_PINNED {
            return Err(RepositoryError::later(private::head(repository)));
        }
        let mut changed = head.clone();
        if !change(&mut changed) {
            return Ok(false);
        }
        if changed == head {
            return Ok(true);
        }
        (changed.counter, changed.nonce) = (head.counter + 1, Uuid::new_v4());
        changed.format = disk_format::head(&changed);
        if let Swap::Won(_) = Heads(store).swap(Some(&version), changed).await? {
            return Ok(true);
        }
    }
    Err(RepositoryError::Contended(repository.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_no_states() {
        for good in ["march", "2.11.0", "v1", "a_b-c", "20260301"] {
            assert!(is_name(good), "{good}");
        }
        let long = "a".repeat(MAX_NAME + 1);
        for bad in [
            "",
            ".",
            "-x",
            "a/b",
            "a b",
            "ä",
            "20260301T120000Z",
            "20260301T120000Z-00000000",
            "20269999T999999Z",
            "20260301-120000.x",
            &long,
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
