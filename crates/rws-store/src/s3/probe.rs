//! What the service can do, found out by doing it.

use std::sync::atomic::Ordering;

use futures::future::join_all;
use rusty_s3::Method;
use uuid::Uuid;

use super::S3Store;
use crate::private::{PREFIX, PROBES};
use crate::{Body, Condition, Key, ObjectClass, Store, StoreError, Write};

/// How many writers race.
const WRITERS: usize = 16;

/// How often they race for a swap.
const RACES: usize = 2;

/// So many tries in a row have to show nothing before conditions count as not kept.
const TRIES: usize = 3;

/// Whether conditional writes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditions {
    /// Of many writers one wins: any number of processes may write.
    Kept,
    /// The service ignores conditions, does not know them, or keeps them only one at a time.
    NotKept,
}

/// What a try shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// Conditions hold.
    Kept,
    /// A write took place although its condition did not hold: whatever was answered, its bytes are there.
    Broken,
    /// No write took place on a condition that holds. A single wrong answer of something other than the store looks the same.
    Nothing,
}

impl S3Store {
    /// Checks that the bucket is there, that objects may be listed, written, read, copied, written in parts and deleted,
    /// whatever their names, and whether conditional writes hold between many writers. Where only ETags without quotes are understood, they are used from then on.
    ///
    /// # Errors
    ///
    /// When the service cannot be reached or refuses; the message says what to do.
    pub async fn probe(&self) -> Result<Conditions, StoreError> {
        let directory = format!("{PROBES}{}", Uuid::new_v4());
        let key = |name: &str| {
            Key::parse(&format!("{directory}/{name}")).ok_or_else(|| StoreError::Missing { key: name.to_owned() })
        };
        let open = key("public")?;
        let numbered = (0..TRIES).map(|number| Ok((key(&format!("create{number}"))?, key(&format!("swap{number}"))?)));
        let tries = numbered.collect::<Result<Vec<_>, StoreError>>()?;
        self.list_directory(&format!("{directory}/")).await?;
        let conditions = async {
            // nothing of value: whether the bucket takes ACLs is seen before a package is refused for one
            if self.inner.public_read {
                self.write(&open, Body::from(b"probe".to_vec()), always(ObjectClass::Mutable)).await?;
            }
            for (created, swapped) in &tries {
                match self.try_conditions(created, swapped).await? {
                    Shown::Kept => return Ok(Conditions::Kept),
                    Shown::Broken => return Ok(Conditions::NotKept),
                    Shown::Nothing => {}
                }
            }
            Ok(Conditions::NotKept)
        };
        let conditions = conditions.await;
        let (mut left, needs) = match &conditions {
            Ok(_) => self.try_needs(&directory).await,
            Err(_) => (Vec::new(), Ok(())),
        };
        left.extend(tries.into_iter().flat_map(|(created, swapped)| [created, swapped]).chain([open]));
        let deleted = self.delete(&left).await;
        let conditions = conditions?;
        needs?;
        deleted?;
        Ok(conditions)
    }

    async fn try_conditions(&self, created: &Key, swapped: &Key) -> Result<Shown, StoreError> {
        let mut shown = self.creates_once(created).await?;
        for _ in 0..RACES {
            if shown == Shown::Kept {
                shown = self.swaps_once(swapped).await?;
            }
        }
        Ok(shown)
    }

    async fn creates_once(&self, key: &Key) -> Result<Shown, StoreError> {
        match self.race(key, &Condition::Absent).await? {
            Shown::Kept if self.holds_when(key, Condition::Absent, b"again").await? => Ok(Shown::Broken),
            shown => Ok(shown),
        }
    }

    async fn swaps_once(&self, key: &Key) -> Result<Shown, StoreError> {
        let first = self.write(key, Body::from(random()), always(ObjectClass::Private)).await?.version;
        let fresh = Condition::Matches(first.clone());
        if !self.holds_when(key, fresh.clone(), &random()).await? && !self.is_bare(key, fresh).await? {
            return Ok(Shown::Nothing);
        }
        if self.holds_when(key, Condition::Matches(first), &random()).await? {
            return Ok(Shown::Broken);
        }
        let Some(current) = self.stat(key).await? else { return Ok(Shown::Nothing) };
        self.race(key, &Condition::Matches(current.version)).await
    }

    /// Whether the service compares conditions with ETags without quotes, as some do: from now on they are sent so. With quotes it
    /// has just refused one.
    async fn is_bare(&self, key: &Key, fresh: Condition) -> Result<bool, StoreError> {
        let sends_bare = |bare| self.inner.bare_tags.store(bare, Ordering::Relaxed);
        sends_bare(true);
        let holds = self.holds_when(key, fresh, &random()).await?;
        sends_bare(false);
        let Some(current) = self.stat(key).await?.filter(|_| holds) else { return Ok(false) };
        // it was no mistake
        let holds_with_quotes = self.holds_when(key, Condition::Matches(current.version), &random()).await?;
        sends_bare(!holds_with_quotes);
        Ok(true)
    }

    /// Whether one of many writers wins.
    async fn race(&self, key: &Key, condition: &Condition) -> Result<Shown, StoreError> {
        let contents: Vec<Vec<u8>> = (0..WRITERS).map(|_| random()).collect();
        let writers = contents.iter().map(|content| self.holds_when(key, condition.clone(), content));
        let mut winners = 0;
        for writer in join_all(writers).await {
            winners += usize::from(writer?);
        }
        Ok(match winners {
            0 => Shown::Nothing,
            1 => Shown::Kept,
            _ => Shown::Broken,
        })
    }

    /// Whether a write on a condition takes place.
    async fn holds_when(&self, key: &Key, condition: Condition, content: &[u8]) -> Result<bool, StoreError> {
        let write = Write { condition, kind: ObjectClass::Private };
        match self.write(key, Body::from(content.to_vec()), write).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            // a service that does not know conditions may say so
            Err(error) if error.is_unsupported() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether another installation of RWS is at a path of the bucket.
    ///
    /// # Errors
    ///
    /// When the service cannot be reached or refuses.
    pub async fn is_installed_at(&self, path: &str) -> Result<bool, StoreError> {
        let path = path.trim_matches('/');
        let name = if path.is_empty() { PREFIX.to_owned() } else { format!("{path}/{PREFIX}") };
        let request = super::Request::bucket("list", Method::Get)
            .query("list-type", "2")
            .query("max-keys", "1")
            .query("prefix", name.clone())
            .expects(super::answer::Expected::Document("ListBucketResult"));
        let reply = self.client().send(&request).await.map_err(|failure| failure.error("list", &name))?;
        Ok(String::from_utf8_lossy(&reply.body).contains("<Contents>"))
    }
}

fn always(kind: ObjectClass) -> Write {
    Write { condition: Condition::Always, kind }
}

fn random() -> Vec<u8> {
    Uuid::new_v4().to_string().into_bytes()
}
