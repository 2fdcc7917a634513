//! What nobody was woken for: what is there at start, what other replicas left, and what no upload needs any more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rws_model::RepositoryId;
use rws_store::{Key, Listed, Writing};
use tokio::sync::watch;

use super::Scheduler;
use crate::publish::{Occasion, upload_objects};
use crate::upload::Upload;
use crate::{RepositoryError, UploadId, private, reading};

/// How often the sweep runs.
const SWEEP: Duration = Duration::from_secs(30);

/// A pointer or incoming file of no upload is deleted after this time: the request that wrote it has long ended.
const ABANDONED_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;

/// An upload that could not be carried out is kept for this time.
const FAILED_MILLISECONDS: i64 = 7 * ABANDONED_MILLISECONDS;

impl Scheduler {
    /// Looks at everything once, then sweeps for ever, while this process may write. A look at the start that fails is
    /// repeated until it succeeds.
    pub async fn watch(self: Arc<Self>, synchronise: bool, mut writing: watch::Receiver<Writing>) {
        let mut started = false;
        loop {
            // a sender that is gone does not change its mind
            _ = writing.wait_for(Writing::is_allowed).await;
            let result = if started { self.sweep().await } else { self.start(synchronise).await };
            match result {
                Ok(()) => started = true,
                Err(error) => tracing::error!(%error, "the store could not be looked through; it is tried again"),
            }
            tokio::time::sleep(SWEEP).await;
        }
    }

    /// Looks at everything once, at the start of the program: heads against settings and public files, what is
    /// pending, and, when asked for, every repository against the store.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn start(self: &Arc<Self>, synchronise: bool) -> Result<(), RepositoryError> {
        let store = self.publisher.store();
        for Listed { key, .. } in store.list(private::HEADS).await? {
            let repository = private::head_repository(&key);
            if let Some(repository) = repository.filter(|known| self.publisher.catalogue().repository(known).is_some())
            {
                self.wake(&repository, Occasion { start: true, synchronise });
            }
        }
        if synchronise {
            let targets: Vec<_> = self.publisher.catalogue().targets().cloned().collect();
            for target in targets {
                for repository in target.repositories() {
                    if self.exists(&repository).await? {
                        self.wake(&repository, Occasion { start: false, synchronise });
                    }
                }
            }
        }
        self.sweep().await
    }

    /// Wakes repositories with pending uploads, whoever took them, and clears away what no upload needs any more.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn sweep(self: &Arc<Self>) -> Result<(), RepositoryError> {
        let store = self.publisher.store();
        let now = store.clock_milliseconds().await?;
        // uploads before pointers: an upload is written after all of its pointers, so one without any has been
        // taken by all of its repositories
        let uploads = store.list(private::UPLOADS).await?;
        let pointers = store.list(private::PENDING).await?;
        let failed = store.list(private::FAILED).await?;
        let known: BTreeSet<UploadId> = uploads.iter().filter_map(|listed| private::upload_id(&listed.key)).collect();
        let mut wanted: BTreeSet<RepositoryId> = BTreeSet::new();
        let mut needed: BTreeSet<UploadId> = BTreeSet::new();
        let mut abandoned: Vec<Key> = Vec::new();
        for Listed { key, stat } in pointers {
            let Some((repository, upload)) = private::pointer_parts(&key) else { continue };
            if known.contains(&upload) {
                wanted.insert(repository);
            } else if now - stat.modified_milliseconds > ABANDONED_MILLISECONDS {
                abandoned.push(key);
            }
            needed.insert(upload);
        }
        for Listed { key, stat } in failed {
            if now - stat.modified_milliseconds > FAILED_MILLISECONDS {
                abandoned.push(key);
            } else {
                needed.extend(private::failed_upload(&key));
            }
        }
        for repository in wanted {
            if self.publisher.catalogue().repository(&repository).is_some() {
                self.wake(&repository, Occasion::default());
            }
        }
        for id in known.difference(&needed) {
            match reading::json::<Upload>(store, &private::upload(id)).await {
                Ok(Some((upload, _))) => abandoned.extend(upload_objects(&upload)),
                Ok(None) => {}
                // another version of RWS can read it
                Err(error) => tracing::warn!(%error, "an upload stays where it is"),
            }
        }
        for Listed { key, stat } in store.list(private::INCOMING).await? {
            let is_needed = private::incoming_upload(&key).is_some_and(|upload| known.contains(&upload));
            if !is_needed && now - stat.modified_milliseconds > ABANDONED_MILLISECONDS {
                abandoned.push(key);
            }
        }
        for place in [private::CLAIMS, private::PROBES] {
            let listed = store.list(place).await?.into_iter();
            let old = listed.filter(|listed| now - listed.stat.modified_milliseconds > ABANDONED_MILLISECONDS);
            abandoned.extend(old.map(|listed| listed.key));
        }
        if !abandoned.is_empty() {
            store.delete(&abandoned).await?;
        }
        Ok(())
    }
}
