//! One way through the protocol.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use rws_model::Sha256;

use super::commit::HeadUpdate;
use super::run::{CurrentState, Run};
use super::synchronise::StoreComparison;
use super::{Malformed, Outcome, Trigger, Triggers};
use crate::generation::{Generation, Head, Heads, Swap, path_order, rendered_before};
use crate::pending::{self, Pending};
use crate::plan::{Origin, Plan, PlannedChange, Present, StoreObservations, join, plan};
use crate::{RepositoryError, UploadId, private};

/// Batches of larger uploads are published one at a time, of all repositories.
const LARGE_BYTES: u64 = 2 << 20;

/// How often a plan is made anew because a public path holds something else.
const PLANS: usize = 4;

/// Whether the store was compared, and with what end.
struct Compared {
    looked: bool,
    synchronised: Result<(), RepositoryError>,
}

impl Run<'_> {
    /// One way through the protocol; `None` when another publisher was faster, or the run needs its turn.
    pub(super) async fn attempt(
        &self,
        triggers: Triggers,
        lost_commits: usize,
    ) -> Result<Option<Outcome>, RepositoryError> {
        let now = self.store().clock_milliseconds().await? / 1000;
        let mut state = self.state(triggers.has(Trigger::Rebuild)).await?;
        let (mut triggers, mut read_again) = (triggers, None);
        if triggers.has(Trigger::Start) && !self.keeps_entries.load(Ordering::Relaxed) && self.needs_reading(&state) {
            triggers = triggers.and(Trigger::Rebuild);
            read_again = state.generation.take();
            state = self.state(true).await?;
        }
        if triggers.has(Trigger::Start)
            && self.publisher.malformed == Malformed::Stop
            && self.has_malformed(&state).await?
        {
            // who starts says what lies there still
            triggers = triggers.and(Trigger::Synchronise);
        }
        if triggers.has(Trigger::Synchronise) {
            self.set_aside_what_is_broken(&mut state).await?;
        }
        let rebuild = triggers.has(Trigger::Rebuild) || state.former.is_some();
        let applied = state.head().map(|head| head.applied.clone()).unwrap_or_default();
        let small = pending::read_small(self.store(), self.repository, &applied, LARGE_BYTES).await?;
        let mut pending = match small {
            Some(pending) => pending,
            None if self.turn.is_some() => pending::read(self.store(), self.repository, &applied).await?,
            None => {
                // what is large takes memory several times over until it is published
                self.needs_turn.store(true, Ordering::Relaxed);
                return Ok(None);
            }
        };
        let (mut found, synchronised) = self.look(&state, &pending, triggers).await?;
        let looked = found.looked || synchronised.is_err();
        let malformed: Vec<String> = std::mem::take(&mut found.malformed).into_iter().map(|(path, _)| path).collect();
        if let Some(generation) = read_again {
            self.check_read_again(&generation, &malformed)?;
        }
        if found.looked {
            self.list_malformed(self.public_list()?, malformed).await?;
            self.list_malformed(private::malformed(self.repository), Vec::new()).await?;
        }
        let mut changes = found.changes;
        for upload in &mut pending.uploads {
            let origin = Origin::Upload(upload.id.clone());
            let wanted = upload.take_changes_for(self.repository).into_iter();
            changes.extend(wanted.map(|change| PlannedChange { change, origin: origin.clone() }));
        }
        let rendered = self.publisher.ready.of(self.repository);
        changes.extend(rendered.iter().flat_map(|rendered| rendered.iter().cloned()));
        let Some(plan) = self.plan_and_place(&state, &mut changes, &found.noticed).await? else { return Ok(None) };
        let failed = plan.failed.clone();
        let stale = rendered_before(&plan.renderers, self.target.format.renderer());
        let applied: Vec<UploadId> = pending.uploads.iter().map(|upload| upload.id.clone()).collect();

        let anew = triggers.has(Trigger::Start)
            && state.head().is_some_and(|head| !self.target.matches_fingerprint(&head.configuration_fingerprint));
        let take_over = found.looked && self.is_foreign(&state).await?;
        let create = triggers.has(Trigger::Create) && state.head.is_none();
        let renew =
            state.head().is_some_and(|head| self.target.renew_at(head.published_at).is_some_and(|at| at <= now));
        let publish = !plan.is_empty() || anew || take_over || rebuild || create || renew;
        let due = state.head().map(|head| head.due(now)).unwrap_or_default();
        if !due.is_empty() {
            self.store().delete(&due).await?;
        }
        let unused = self.all_unused(&state, triggers.has(Trigger::CleanUp), now).await?;
        let trims = !due.is_empty() || !unused.is_empty() || state.head().is_some_and(|head| self.can_trim(head, now));
        let deleted = due.into_iter().collect();
        let step = HeadUpdate { pending: &pending, applied: &applied, take_over: found.looked, now, deleted, unused };
        let commit = match &state.head {
            _ if publish => self.publish(&state, plan, &step).await?,
            // that nothing changes is true of this head only: it has to be the current one still
            Some((head, version)) if !applied.is_empty() || trims => self.note(head, version, &step).await?,
            Some((head, _)) => Swap::Won(Box::new(head.clone())),
            None => {
                let compared = Compared { looked, synchronised };
                return self.nothing_to_publish(&pending, failed, compared, lost_commits).await.map(Some);
            }
        };
        let Swap::Won(head) = commit else { return Ok(None) };
        if let Some(rendered) = rendered {
            self.publisher.ready.taken(self.repository, &rendered);
        }

        let remembered = head.applied.iter().filter(|id| pending.pointers.contains(id) && !applied.contains(id));
        let contained: Vec<UploadId> = applied.iter().chain(remembered).cloned().collect();
        // a pointer of an upload that the head contains: whoever published it did not come to an end
        if publish || triggers.has(Trigger::Start) || found.looked || !contained.is_empty() {
            self.expose(&head, triggers.has(Trigger::Start) || found.looked).await?;
        }
        self.clean(&pending, &contained, &failed).await?;
        Ok(Some(Outcome {
            published_at: Some(head.published_at).filter(|_| publish),
            look_again_seconds: head.look_again_in(now, self.target.keep()),
            generation: Some(head.generation),
            applied: contained.into_iter().filter(|id| !failed.iter().any(|(failed, _)| failed == id)).collect(),
            failed,
            looked,
            synchronised,
            stale,
            lost_commits,
            has_more: pending.has_more,
        }))
    }

    /// Compares the store with the index where that is asked for, or where the repository has no head yet. What is
    /// wrong there never keeps uploads from being published.
    async fn look(
        &self,
        state: &CurrentState,
        pending: &Pending,
        triggers: Triggers,
    ) -> Result<(StoreComparison, Result<(), RepositoryError>), RepositoryError> {
        let takes_over = self.takes_over.load(Ordering::Relaxed);
        if takes_over || (state.head.is_none() && !pending.uploads.is_empty()) {
            let found = self.synchronise(state, Malformed::Skip).await?;
            let stopped = self.stopped(&found);
            return Ok((found, stopped));
        }
        // what other tools put there is never taken for nothing
        let create = triggers.has(Trigger::Create) && state.head.is_none();
        if !triggers.has(Trigger::Synchronise) && !triggers.has(Trigger::Rebuild) && !create {
            return Ok((StoreComparison::default(), Ok(())));
        }
        match self.synchronise(state, self.publisher.malformed).await {
            Ok(found) => Ok((found, Ok(()))),
            // without a generation nothing else says what was there
            Err(error) if state.generation.is_none() => Err(error),
            Err(error) => {
                if let RepositoryError::Malformed { path, .. } = &error {
                    // whoever starts next looks whether it lies there still
                    self.list_malformed(private::malformed(self.repository), vec![path.clone()]).await?;
                }
                Ok((StoreComparison::default(), Err(error)))
            }
        }
    }

    /// Steps 1 and 2. A public path that turns out to hold something else is avoided, and the plan made again. `None`
    /// when another publisher was faster.
    async fn plan_and_place(
        &self,
        state: &CurrentState,
        changes: &mut Vec<PlannedChange>,
        noticed: &StoreObservations,
    ) -> Result<Option<Plan>, RepositoryError> {
        let mut taken = self.condemned_paths(state);
        let mut failed = Vec::new();
        for _ in 0..PLANS {
            let present = Present {
                format: &*self.target.format,
                generation: state.generation.as_ref(),
                retired: state.head().map(|head| head.retired.as_slice()).unwrap_or_default(),
                taken: &taken,
            };
            let plan = plan(&present, changes, noticed);
            let mut plan = plan.map_err(RepositoryError::generation(self.repository))?;
            let placed = self.place(&plan).await?;
            for (path, version) in placed.versions {
                plan.set_version(&path, version);
            }
            if placed.taken.is_empty() && placed.missing.is_empty() {
                plan.failed.extend(failed);
                return Ok(Some(plan));
            }
            // a faster publisher deletes the files of uploads that it has published
            if !placed.missing.is_empty() && self.current_counter().await? != state.head().map(|head| head.counter) {
                return Ok(None);
            }
            for (upload, reason) in placed.missing {
                changes.retain(|change| change.origin != Origin::Upload(upload.clone()));
                failed.push((upload, reason));
            }
            taken.extend(placed.taken);
        }
        let paths: Vec<&str> = taken.iter().map(String::as_str).collect();
        Err(RepositoryError::damaged(&self.tree, format!("other files stand in the way at {}", paths.join(", "))))
    }

    /// Paths below the tree that must not be used now.
    pub(super) fn condemned_paths(&self, state: &CurrentState) -> BTreeSet<String> {
        let prefix = format!("{}/", self.tree);
        let keys = state.head().into_iter().flat_map(|head| head.untouchable());
        keys.filter_map(|key| key.as_str().strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    /// Whether a head remembers generations that nobody reads any more.
    fn can_trim(&self, head: &Head, now: i64) -> bool {
        let mut trimmed = head.clone();
        self.trim(&mut trimmed, now, &BTreeSet::new(), Vec::new());
        trimmed != *head
    }

    /// Whether the entries of packages are not those that the settings ask for now.
    fn needs_reading(&self, state: &CurrentState) -> bool {
        let Some(generation) = &state.generation else { return false };
        self.target.format.needs_reading(&generation.partitions, &self.target.settings)
    }

    /// Fails where a file of a package could not be read again: nobody asked for its package to be left out.
    fn check_read_again(&self, generation: &Generation, malformed: &[String]) -> Result<(), RepositoryError> {
        for path in malformed {
            let row = generation.files.get(path, &path_order).map_err(RepositoryError::generation(self.repository))?;
            if row.is_some_and(|row| row.users > 0) {
                return Err(RepositoryError::Malformed {
                    repository: self.repository.clone(),
                    path: join(&self.tree, path),
                    reason: "its package is in the index and would be left out".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Whether a plain-named file is there that is none of the head's own.
    pub(super) async fn is_foreign(&self, state: &CurrentState) -> Result<bool, RepositoryError> {
        let Some(head) = state.head() else { return Ok(false) };
        let mut names = self.target.format.root_names(self.repository);
        names.extend(head.plain.keys().cloned());
        let digests: Vec<Sha256> = self.digests(&names).await?;
        Ok(digests.iter().any(|digest| !head.own.contains_key(digest)))
    }

    /// The digests of those of these files that exist.
    pub(super) async fn digests(&self, names: &[String]) -> Result<Vec<Sha256>, RepositoryError> {
        let mut digests = Vec::new();
        for name in names {
            digests.extend(self.present(&self.key(name)?).await?.map(|(_, digest)| digest));
        }
        Ok(digests)
    }

    /// A repository without a head, and nothing that would make one.
    async fn nothing_to_publish(
        &self,
        pending: &Pending,
        failed: Vec<(UploadId, String)>,
        compared: Compared,
        lost_commits: usize,
    ) -> Result<Outcome, RepositoryError> {
        let Compared { looked, synchronised } = compared;
        let ids: Vec<UploadId> = pending.uploads.iter().map(|upload| upload.id.clone()).collect();
        if !ids.is_empty() && !Heads(self.store()).is_absent(self.repository).await? {
            return Err(RepositoryError::Contended(self.repository.clone()));
        }
        self.clean(pending, &ids, &failed).await?;
        let applied = ids.into_iter().filter(|id| !failed.iter().any(|(failed, _)| failed == id)).collect();
        Ok(Outcome {
            generation: None,
            published_at: None,
            look_again_seconds: None,
            applied,
            failed,
            looked,
            synchronised,
            stale: 0,
            lost_commits,
            has_more: pending.has_more,
        })
    }
}
