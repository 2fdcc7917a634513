//! Step 6: the plain-named public files in line with the head.
//!
//! RWS itself serves these names from the head; the files are for readers of the store itself. A file is written over
//! only when it is one of our own: anything else was put there by another tool and stays. Roots are looked at before
//! any index is touched, and written after all of them. What this process exposed last it knows without looking; that
//! somebody wrote in between shows when the condition of the next write does not hold.

use std::time::Duration;

use futures::FutureExt;
use rws_model::{Sha256, sha256};
use rws_store::{Body, Condition, Key, ObjectClass, Reserved, Span, StoreError, Version, Write};

use super::TRANSFERS_AT_ONCE;
use super::stored_repository::{Exposed, StoredRepository};
use crate::RepositoryError;
use crate::foreign::ForeignRoots;
use crate::gather::gather;
use crate::generation::Head;

/// How often exposing starts again because somebody wrote in between.
const TRIES: usize = 5;

/// What a plain-named file is to be.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// What this object has.
    CopyOf(&'a str),
    /// Gone: the head has no file of this name.
    Absent,
}

/// One file that is not as it should be.
struct Difference<'a> {
    key: Key,
    wanted: Wanted<'a>,
    content: Sha256,
    condition: Condition,
}

/// How many bytes of its own a file has that is not a copy.
fn text_bytes(one: &Difference<'_>) -> Option<u64> {
    match one.wanted {
        Wanted::Bytes(bytes) => Some(bytes.len() as u64),
        _ => None,
    }
}

/// One file as it is to be, and as it is.
struct Seen<'a> {
    name: String,
    key: Key,
    wanted: Wanted<'a>,
    content: Sha256,
    remembered: Option<Exposed>,
    present: Option<(Version, Sha256)>,
}

/// What comparing the files with the head found.
enum Comparison<'a> {
    Differences(Vec<Difference<'a>>),
    /// Another generation is the current one: it is exposed by whoever made it. A later head with the same generation, as a pin
    /// makes it, is exposed by nobody else.
    Superseded,
}

/// Brings the plain-named files of a repository in line with its head.
pub(super) struct Exposer<'a> {
    pub(super) at: &'a StoredRepository<'a>,
    /// Told when a root is RWS's own.
    pub(super) foreign: &'a ForeignRoots,
}

impl Exposer<'_> {
    /// Brings all plain-named files in line with a head, or leaves that to the publisher of a later one. `look` compares
    /// also those files that this process remembers.
    pub(super) async fn expose(&self, head: &Head, look: bool) -> Result<(), RepositoryError> {
        if self.bring(head, look, self.wanted(head)).await? {
            self.foreign.is_own(self.at.repository);
        }
        if let Some(other) = &self.at.other_metadata {
            // what others have put there is no reason to hold up the repository
            if let Err(error) = self.bring(head, look, self.wanted_below(head, other)).await {
                tracing::warn!(repository = %self.at.repository, directory = other, %error, "RWS could not bring a second path of the metadata up to date");
            }
        }
        Ok(())
    }

    /// Takes away the root below another directory, which clients are told of no longer: it would stay as it is for ever.
    pub(super) async fn withdraw(&self, head: &Head, other: &str) {
        let names = self.at.target.format.root_names(self.at.repository);
        let below = names.iter().filter_map(|name| Some((self.at.name_below(name, other)?, Wanted::Absent)));
        if let Err(error) = self.bring(head, true, below.collect()).await {
            tracing::warn!(repository = %self.at.repository, directory = other, %error, "RWS could not take away a former path of the metadata");
        }
    }

    /// Brings files in line with a head; not when a later one is there.
    async fn bring(&self, head: &Head, look: bool, wanted: Vec<(String, Wanted<'_>)>) -> Result<bool, RepositoryError> {
        for _ in 0..TRIES {
            let Comparison::Differences(differences) = self.compare(head, look, &wanted).await? else {
                return Ok(false);
            };
            if self.write_differences(&differences).await? {
                return Ok(true);
            }
        }
        Err(RepositoryError::Contended(self.at.repository.clone()))
    }

    /// All plain-named files as a head has them.
    fn wanted<'a>(&self, head: &'a Head) -> Vec<(String, Wanted<'a>)> {
        let mut wanted: Vec<(String, Wanted<'a>)> = Vec::new();
        for name in self.at.target.format.root_names(self.at.repository) {
            let file = head.root.iter().find(|file| file.name == name);
            wanted.push((name, file.map_or(Wanted::Absent, |file| Wanted::Bytes(&file.content))));
        }
        wanted.extend(head.plain.iter().map(|(name, stored)| (name.clone(), Wanted::CopyOf(stored))));
        wanted
    }

    /// The same below another directory, with the index files under the names that never change, too.
    fn wanted_below<'a>(&self, head: &'a Head, other: &str) -> Vec<(String, Wanted<'a>)> {
        let stored = head.plain.values().map(|stored| (stored.clone(), Wanted::CopyOf(stored)));
        let all = self.wanted(head).into_iter().chain(stored);
        all.filter_map(|(name, wanted)| Some((self.at.name_below(&name, other)?, wanted))).collect()
    }

    async fn compare<'a>(
        &self,
        head: &Head,
        look: bool,
        wanted: &[(String, Wanted<'a>)],
    ) -> Result<Comparison<'a>, RepositoryError> {
        let mut seen = Vec::new();
        for (name, wanted) in wanted {
            seen.push(self.see(name.clone(), *wanted, look).boxed());
        }
        let mut differences = Vec::new();
        let mut is_current = None;
        for Seen { name, key, wanted, content, remembered, present } in gather(TRANSFERS_AT_ONCE, seen).await? {
            let condition = match (present, wanted) {
                (None, Wanted::Absent) => continue,
                (None, _) => Condition::Absent,
                (Some((_, present)), Wanted::Bytes(_) | Wanted::CopyOf(_)) if present == content => continue,
                (Some((version, present)), _) if !head.own.contains_key(&present) => {
                    let current = self.at.current().await?;
                    let has_it = current.as_ref().is_some_and(|(_, generation)| *generation == head.generation);
                    if !has_it && current.is_some_and(|(counter, _)| counter > head.counter) {
                        return Ok(Comparison::Superseded);
                    }
                    // of a generation that the head has forgotten: it came to stand there late
                    if !self.at.store().is_own(&key).await? {
                        return Err(RepositoryError::Foreign { repository: self.at.repository.clone(), file: name });
                    }
                    is_current = Some(has_it);
                    Condition::Matches(version)
                }
                (Some((version, _)), _) => {
                    // An old content, and with it a version, may have come back with a later head. That of a root never
                    // does: what this process saw there before is older.
                    let own = remembered.is_some_and(|exposed| exposed.version == version);
                    if !(own && matches!(wanted, Wanted::Bytes(_))) && is_current.is_none() {
                        let current = self.at.current().await?;
                        is_current = Some(current.is_some_and(|(_, generation)| generation == head.generation));
                    }
                    Condition::Matches(version)
                }
            };
            if is_current == Some(false) {
                return Ok(Comparison::Superseded);
            }
            differences.push(Difference { key, wanted, content, condition });
        }
        Ok(Comparison::Differences(differences))
    }

    /// One file as it is to be, and as it is.
    async fn see<'a>(&self, name: String, wanted: Wanted<'a>, look: bool) -> Result<Seen<'a>, RepositoryError> {
        let key = self.at.key(&name)?;
        let content = match wanted {
            Wanted::Bytes(bytes) => sha256(bytes),
            Wanted::CopyOf(stored) => self.stored_digest(stored).await?,
            Wanted::Absent => sha256(b""),
        };
        let remembered = self.at.exposed.get(&key);
        let present = match &remembered {
            Some(exposed) if !look => Some((exposed.version.clone(), exposed.content)),
            _ => self.at.present(&key).await?,
        };
        Ok(Seen { name, key, wanted, content, remembered, present })
    }

    /// Whether all were written, indexes before roots; not when somebody wrote in between.
    async fn write_differences(&self, differences: &[Difference<'_>]) -> Result<bool, RepositoryError> {
        let is_index = |one: &&Difference<'_>| matches!(one.wanted, Wanted::CopyOf(_));
        // a root without its signature is worse than an old one
        let mut left_bytes = Reserved::size_of(differences.iter().filter_map(text_bytes));
        let copies = differences.iter().filter_map(|one| match one.wanted {
            Wanted::CopyOf(stored) => Some(self.at.key(stored)),
            _ => None,
        });
        let copies = copies.collect::<Result<Vec<_>, _>>()?;
        let reserved = self.at.store().reserve(&copies, left_bytes).await?;
        reserved.keep(left_bytes);
        let mut indexes = Vec::new();
        for one in differences.iter().filter(is_index) {
            indexes.push(self.write_difference(one).boxed());
        }
        let mut written = gather(TRANSFERS_AT_ONCE, indexes).await?.into_iter().all(|written| written);
        for one in differences.iter().filter(|one| !is_index(one)) {
            left_bytes -= Reserved::size_of(text_bytes(one));
            reserved.keep(left_bytes);
            written = written && self.write_difference(one).await?;
        }
        if !written {
            // whoever wrote one has written the others too
            differences.iter().for_each(|one| self.at.exposed.set(&one.key, None));
        }
        Ok(written)
    }

    /// Whether it was written; not when somebody wrote in between.
    async fn write_difference(&self, difference: &Difference<'_>) -> Result<bool, RepositoryError> {
        let Difference { key, wanted, content, condition } = difference;
        let write = Write { condition: condition.clone(), kind: ObjectClass::Mutable };
        let written = match wanted {
            Wanted::Bytes(bytes) => {
                self.wait_for_another_second(key).await?;
                let written = self.at.store().write(key, Body::from(bytes.to_vec()), write).await;
                written.map(|stat| (stat.version, Some(stat.modified_milliseconds)))
            }
            Wanted::CopyOf(stored) => {
                self.at.store().copy(&self.at.key(stored)?, key, write).await.map(|version| (version, None))
            }
            Wanted::Absent => {
                self.at.store().delete(std::slice::from_ref(key)).await?;
                self.at.exposed.set(key, None);
                return Ok(true);
            }
        };
        match written {
            Ok((version, written_milliseconds)) => {
                self.at.exposed.set(key, Some(Exposed { version, content: *content, written_milliseconds }));
                Ok(true)
            }
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Readers of the store itself compare whole seconds: a root that is written twice in one would be missed.
    async fn wait_for_another_second(&self, key: &Key) -> Result<(), RepositoryError> {
        let Some(written) = self.at.exposed.get(key).and_then(|exposed| exposed.written_milliseconds) else {
            return Ok(());
        };
        let early = (written / 1000 + 1) * 1000 - self.at.store().clock_milliseconds().await?;
        // longer only when somebody has set a clock
        tokio::time::sleep(Duration::from_millis(early.clamp(0, 2000).unsigned_abs())).await;
        Ok(())
    }

    /// The digest of a stored index file: it is known to be what its name says, and its name holds the digest.
    async fn stored_digest(&self, stored: &str) -> Result<Sha256, RepositoryError> {
        let name = stored.rsplit('/').next().unwrap_or(stored);
        if let Some(digest) = Sha256::from_hex(name.get(..64).unwrap_or_default()) {
            return Ok(digest);
        }
        let key = self.at.key(stored)?;
        match self.at.store().read(&key, Span::Whole).await? {
            Some(content) => Ok(sha256(&content.collect().await?)),
            None => Err(RepositoryError::damaged(&key, "the current generation refers to it, and it does not exist")),
        }
    }
}
