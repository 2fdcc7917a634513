//! Which earlier generations are kept for their readers, and how what only they need goes.
//!
//! A name goes in three steps, each a commit of the head: it is *condemned* (from then on no head refers to it again, so
//! that a slow publisher on an older head loses its race), some minutes later it is deleted, and some minutes after that
//! it is forgotten and may be used again.

use std::collections::BTreeSet;

use rws_store::Key;
use serde::{Deserialize, Serialize};

use super::head::{Head, Past};
use crate::GenerationId;

/// At least so many earlier generations are kept.
const MIN_GENERATIONS: usize = 3;

/// Every generation is kept for this time after it was replaced, in seconds.
const EVERYTHING: i64 = 60 * 60;

/// A generation that was current for so many seconds has readers who come back: it is kept for the format's time.
const NOTABLE: i64 = 60;

/// How long a condemned name waits before it is deleted, and a deleted one before it is forgotten, in seconds. Longer
/// than any publish, and than any pause of a process between reading a head and acting on it.
const GRACE: i64 = 10 * 60;

/// Which earlier generations are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// At least so many.
    least: usize,
    /// Each for so many seconds after it was replaced.
    everything: i64,
    /// Each that was current for a while for so many seconds.
    notable: i64,
}

impl Keep {
    /// Those that readers come back to for so many seconds, and all for an hour.
    pub fn notable(least: usize, seconds: i64) -> Self {
        Self { least: least.max(MIN_GENERATIONS), everything: EVERYTHING, notable: seconds }
    }

    /// All for so many seconds.
    pub fn all(least: usize, seconds: i64) -> Self {
        Self { least: least.max(MIN_GENERATIONS), everything: seconds, notable: seconds }
    }

    fn is_read(&self, past: &Past, now: i64) -> bool {
        let age = now - past.replaced_at;
        age <= self.everything || (age <= self.notable && past.replaced_at - past.published_at >= NOTABLE)
    }
}

/// A name that no head refers to again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemned {
    /// The object.
    pub key: Key,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// When it was deleted, in seconds since 1970.
    pub deleted: Option<i64>,
}

/// What is known when a head drops what nobody reads any more.
pub struct Trimmed<'a> {
    /// Condemned names that were deleted just now.
    pub deleted: &'a BTreeSet<Key>,
    /// What no generation refers to.
    pub unused: Vec<Key>,
    /// Whether a pinned generation needs the file at a path below the tree.
    pub is_pinned: &'a dyn Fn(&str) -> bool,
    /// The object at a path below the tree.
    pub file: &'a dyn Fn(&str) -> Option<Key>,
    /// The manifest of a generation.
    pub manifest: &'a dyn Fn(&GenerationId) -> Key,
}

impl Head {
    /// Whether it has a generation, as the current one or as an earlier one.
    pub fn keeps(&self, id: &GenerationId) -> bool {
        self.generation == *id || self.history.iter().any(|past| past.generation == *id)
    }

    /// The names whose time has come. `now` must have been asked of the store before the head was read.
    pub fn due(&self, now: i64) -> Vec<Key> {
        let due = self.condemned.iter().filter(|one| one.deleted.is_none() && one.since + GRACE <= now);
        due.map(|one| one.key.clone()).collect()
    }

    /// In how many seconds there may be something to clear away, where there is anything at all.
    pub fn look_again_in(&self, now: i64, keep: Keep) -> Option<i64> {
        let due = self.condemned.iter().map(|one| (one.deleted.unwrap_or(one.since) + GRACE - now).max(1)).min();
        due.or((self.history.len() > keep.least).then_some(EVERYTHING))
    }

    /// The names that must not be used now.
    pub fn untouchable(&self) -> BTreeSet<&Key> {
        self.condemned.iter().map(|one| &one.key).collect()
    }

    /// Drops generations that nobody reads any more, condemns what only they need and what was never used, and forgets what
    /// was `deleted`.
    /// Pinned generations stay, with the files that they need (`is_pinned`, by their paths). `file` and `manifest` name objects.
    pub fn trim(&mut self, now: i64, keep: Keep, trimmed: Trimmed<'_>) {
        let Trimmed { deleted, unused, is_pinned, file, manifest } = trimmed;
        let history = std::mem::take(&mut self.history);
        let mut gone: Vec<Key> = unused;
        // names of generations grow with their time
        let mut oldest = self.generation.clone();
        for (position, past) in history.into_iter().enumerate() {
            if position < keep.least || keep.is_read(&past, now) {
                oldest = past.generation.clone();
                self.history.push(past);
            } else if self.pinned.contains_key(&past.generation) {
                self.history.push(past);
            } else {
                gone.push(manifest(&past.generation));
            }
        }
        self.own.retain(|_, last| *last >= oldest);
        let retired = std::mem::take(&mut self.retired);
        let (needed, unneeded) = retired.into_iter().partition(|file| file.last >= oldest || is_pinned(&file.path));
        self.retired = needed;
        gone.extend(unneeded.iter().filter_map(|retired| file(&retired.path)));
        for one in &mut self.condemned {
            if deleted.contains(&one.key) {
                one.deleted.get_or_insert(now);
            }
        }
        self.condemned.retain(|one| one.deleted.is_none_or(|deleted| now < deleted + GRACE));
        self.condemned.extend(gone.into_iter().map(|key| Condemned { key, since: now, deleted: None }));
    }
}
