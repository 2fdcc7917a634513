//! One way through the protocol: observe, compare, plan and place, decide, commit, expose, clean.

use std::collections::BTreeSet;
use std::io;

use rws_store::Key;

use super::commit::{Commit, Committer, HeadUpdate};
use super::comparison::{Comparer, StoreComparison};
use super::decide::{Decision, Facts, decide};
use super::expose::Exposer;
use super::stored_repository::{CurrentState, StoredRepository};
use super::{Malformed, Outcome, Publisher, Trigger, Triggers};
use crate::generation::{Generation, Head, Heads, path_order, rendered_before};
use crate::pending::{self, Pending};
use crate::plan::{
    ChangeWriter, Changes, Origin, PartSize, Plan, PlannedChange, Present, StoreObservations, join, plan,
};
use crate::{RepositoryError, UploadId, private};

/// Batches of larger uploads are published one at a time, of all repositories.
const LARGE_BYTES: u64 = 2 << 20;

/// A replica that started later, with other settings or keys, has so long to publish an upload that another one accepted: two
/// of its sweeps, and more.
const LATER_REPLICA_SECONDS: i64 = 75;

/// What is left to another replica is looked at again after this time.
const LOOK_AGAIN_SECONDS: i64 = 5;

/// How often a plan is made anew because a public path holds something else.
const MAX_PLANS: usize = 4;

/// One way through the protocol.
pub(super) struct Attempt<'a> {
    pub(super) publisher: &'a Publisher,
    pub(super) at: &'a StoredRepository<'a>,
    pub(super) triggers: Triggers,
    /// Whether the turn of what takes much memory was waited for.
    pub(super) has_turn: bool,
    /// Whether packages are not read again for what the settings want of them now: it was tried in vain.
    pub(super) keeps_entries: bool,
    /// Whether another tool wrote the root that stands there: what it did is taken in, but for malformed packages.
    pub(super) takes_over: bool,
    /// What earlier attempts wrote for commits that they lost.
    pub(super) unused: &'a BTreeSet<Key>,
}

/// How an attempt ended.
pub(super) enum Ended {
    /// What it did.
    Done(Box<Outcome>),
    /// Another publisher was faster. Nothing refers to what was written.
    Lost(BTreeSet<Key>),
    /// What is pending takes much memory until it is published; nothing was done.
    NeedsTurn,
}

/// The repository before anything is done.
struct Observed {
    /// The store's time before the head was read, in seconds since 1970.
    now: i64,
    state: CurrentState,
    /// The generation of which all packages are read again.
    read_again: Option<Generation>,
    /// Why, with what was found out.
    triggers: Triggers,
    pending: Pending,
}

/// The store compared with the index.
struct Compared {
    comparison: StoreComparison,
    /// How the comparison ended, where there was one.
    synchronised: Result<(), RepositoryError>,
}

impl Compared {
    /// Whether there was one.
    fn looked(&self) -> bool {
        self.comparison.looked || self.synchronised.is_err()
    }
}

impl Attempt<'_> {
    /// Goes through the protocol.
    pub(super) async fn run(&self) -> Result<Ended, RepositoryError> {
        let Some(mut observed) = self.observe().await? else { return Ok(Ended::NeedsTurn) };
        if let Some(outcome) = self.left_to_a_later_replica(&observed) {
            return Ok(Ended::Done(Box::new(outcome)));
        }
        // before anything else: their pointers are there as long as nobody has done so
        let (events, catalogue) = (self.publisher.events(), self.publisher.catalogue());
        events.note_uploads(self.at.store(), catalogue, (self.at.repository, &observed.pending.uploads)).await?;
        let mut compared = self.compare(&observed).await?;
        self.note_malformed(&observed, &mut compared.comparison).await?;

        let rendered = self.publisher.ready.of(self.at.repository);
        let changes = self.changes(&mut compared.comparison, &mut observed, rendered.as_deref());
        let changes = changes.map_err(RepositoryError::generation(self.at.repository))?;
        let noticed = std::mem::take(&mut compared.comparison.noticed);
        let Some(plan) = self.plan_and_place(&observed, changes, &noticed).await? else {
            return Ok(Ended::Lost(BTreeSet::new()));
        };
        let failed = plan.failed.clone();
        let stale = rendered_before(&plan.renderers, self.at.target.format.renderer());

        let Observed { now, state, triggers, pending, .. } = observed;
        let applied: Vec<UploadId> = pending.uploads.iter().map(|upload| upload.id.clone()).collect();
        let committer = Committer::new(self.at, &state).await?;
        let due = state.head().map(|head| head.due(now)).unwrap_or_default();
        if !due.is_empty() {
            let elsewhere: Vec<Key> = due.iter().filter_map(|key| self.at.key_elsewhere(key)).collect();
            self.at.store().delete(&[due.as_slice(), &elsewhere].concat()).await?;
        }
        let clean_up = triggers.has(Trigger::CleanUp);
        let unused = committer.all_unused(&state, self.unused.clone(), clean_up, now).await?;
        let settings_changed = |head: &Head| !self.at.target.matches_fingerprint(&head.configuration_fingerprint);
        let expires = |head: &Head| self.at.target.renew_at(head.published_at).is_some_and(|at| at <= now);
        let decision = decide(&Facts {
            has_head: state.head.is_some(),
            changes: !plan.is_empty(),
            settings_changed: triggers.has(Trigger::Start) && state.head().is_some_and(settings_changed),
            foreign_root: compared.comparison.looked && self.at.is_foreign(&state).await?,
            is_rebuilt: triggers.has(Trigger::Rebuild) || state.former.is_some(),
            wants_empty: triggers.has(Trigger::Create) && state.head.is_none(),
            expires: state.head().is_some_and(expires),
            has_uploads: !applied.is_empty(),
            can_trim: !due.is_empty()
                || !unused.is_empty()
                || state.head().is_some_and(|head| committer.can_trim(head, now)),
        });

        let take_over = compared.comparison.looked;
        let deleted = due.into_iter().collect();
        let update = HeadUpdate { pending: &pending, applied: &applied, take_over, now, deleted, unused };
        let commit = match (decision, &state.head) {
            (Decision::Publish, _) => committer.publish(&state, plan, &update).await?,
            (Decision::UpdateHead, Some((head, version))) => committer.update(head, version, &update).await?,
            (_, Some((head, _))) => Commit::Won(Box::new(head.clone())),
            (_, None) => return self.nothing_to_publish(&pending, failed, compared).await,
        };
        let head = match commit {
            Commit::Won(head) => head,
            Commit::Lost(written) => return Ok(Ended::Lost(written)),
        };
        if let Some(rendered) = rendered {
            self.publisher.ready.taken(self.at.repository, &rendered);
        }

        let remembered = head.applied.iter().filter(|id| pending.pointers.contains(id) && !applied.contains(id));
        let contained: Vec<UploadId> = applied.iter().chain(remembered).cloned().collect();
        let look = triggers.has(Trigger::Start) || compared.comparison.looked;
        // a pointer of an upload that the head contains: whoever published it did not come to an end
        if decision == Decision::Publish || look || !contained.is_empty() {
            let exposer = Exposer { at: self.at, foreign: &self.publisher.foreign };
            exposer.expose(&head, look).await?;
            if let Some(former) = state.head().and_then(|before| self.former_directory(before)) {
                exposer.withdraw(&head, &former).await;
            }
        }
        self.at.clean(&pending, &contained, &failed).await?;
        Ok(Ended::Done(Box::new(Outcome {
            published_at: Some(head.published_at).filter(|_| decision == Decision::Publish),
            look_again_seconds: head.look_again_in(now, self.at.target.keep()),
            generation: Some(head.generation),
            applied: contained.into_iter().filter(|id| !failed.iter().any(|(failed, _)| failed == id)).collect(),
            failed,
            looked: compared.looked(),
            synchronised: compared.synchronised,
            stale,
            lost_commits: 0,
            has_more: pending.has_more,
        })))
    }

    /// What is pending where a replica that started later has other settings or keys: that one publishes it. Who has waited for it
    /// in vain publishes with what this one has.
    fn left_to_a_later_replica(&self, observed: &Observed) -> Option<Outcome> {
        let head = observed.state.head().filter(|head| self.publisher.is_superseded(self.at.target, head))?;
        let asked = [Trigger::Synchronise, Trigger::Rebuild, Trigger::Create, Trigger::CleanUp];
        let oldest = observed.pending.uploads.iter().map(|upload| upload.id.seconds()).min()?;
        let is_recent = observed.now - oldest < LATER_REPLICA_SECONDS;
        let is_left = is_recent && !self.takes_over && !asked.iter().any(|trigger| observed.triggers.has(*trigger));
        is_left.then(|| Outcome {
            generation: Some(head.generation.clone()),
            published_at: None,
            look_again_seconds: Some(LOOK_AGAIN_SECONDS),
            applied: Vec::new(),
            failed: Vec::new(),
            looked: false,
            synchronised: Ok(()),
            stale: 0,
            lost_commits: 0,
            has_more: false,
        })
    }

    fn comparer(&self) -> Comparer<'_> {
        Comparer { at: self.at, policy: self.publisher.malformed, progress: &self.publisher.progress }
    }

    /// Step 1: the head, its generation, and what is pending; `None` where that is large and waits for its turn.
    async fn observe(&self) -> Result<Option<Observed>, RepositoryError> {
        let (mut triggers, mut read_again) = (self.triggers, None);
        let now = self.at.store().clock_milliseconds().await? / 1000;
        let mut state = self.at.state(triggers.has(Trigger::Rebuild)).await?;
        if triggers.has(Trigger::Start) && !self.keeps_entries && self.needs_reading(&state) {
            triggers = triggers.and(Trigger::Rebuild);
            read_again = state.generation.take();
            state = self.at.state(true).await?;
        }
        let stops = self.publisher.malformed == Malformed::Stop;
        if triggers.has(Trigger::Start) && stops && self.comparer().has_malformed(&state).await? {
            // who starts says what lies there still
            triggers = triggers.and(Trigger::Synchronise);
        }
        if triggers.has(Trigger::Synchronise) {
            self.at.set_aside_what_is_broken(&mut state).await?;
        }
        let applied = state.head().map(|head| head.applied.clone()).unwrap_or_default();
        let (store, repository) = (self.at.store(), self.at.repository);
        let pending = match pending::read_small(store, repository, &applied, LARGE_BYTES).await? {
            Some(pending) => pending,
            // what is large takes memory several times over until it is published
            None if !self.has_turn => return Ok(None),
            None => pending::read(store, repository, &applied).await?,
        };
        Ok(Some(Observed { now, state, read_again, triggers, pending }))
    }

    /// Compares the store with the index where that is asked for, or where the repository has no head yet. What is
    /// wrong there never keeps uploads from being published.
    async fn compare(&self, observed: &Observed) -> Result<Compared, RepositoryError> {
        let Observed { state, pending, triggers, .. } = observed;
        let comparer = self.comparer();
        if self.takes_over || (state.head.is_none() && !pending.uploads.is_empty()) {
            let comparison = comparer.synchronise(state, Malformed::Skip).await?;
            let synchronised = comparer.stopped(&comparison);
            return Ok(Compared { comparison, synchronised });
        }
        // what other tools put there is never taken for nothing
        let create = triggers.has(Trigger::Create) && state.head.is_none();
        if !triggers.has(Trigger::Synchronise) && !triggers.has(Trigger::Rebuild) && !create {
            return Ok(Compared { comparison: StoreComparison::default(), synchronised: Ok(()) });
        }
        match comparer.synchronise(state, self.publisher.malformed).await {
            Ok(comparison) => Ok(Compared { comparison, synchronised: Ok(()) }),
            // without a generation nothing else says what was there
            Err(error) if state.generation.is_none() => Err(error),
            Err(error) => {
                if let RepositoryError::Malformed { path, .. } = &error {
                    // whoever starts next looks whether it lies there still
                    let list = private::malformed(self.at.repository);
                    comparer.list_malformed(list, vec![path.clone()]).await?;
                }
                Ok(Compared { comparison: StoreComparison::default(), synchronised: Err(error) })
            }
        }
    }

    /// Lists what a comparison left out.
    async fn note_malformed(
        &self,
        observed: &Observed,
        comparison: &mut StoreComparison,
    ) -> Result<(), RepositoryError> {
        let malformed = std::mem::take(&mut comparison.malformed).into_iter();
        let malformed: Vec<String> = malformed.map(|(path, _)| path).collect();
        if let Some(generation) = &observed.read_again {
            self.check_read_again(generation, &malformed)?;
        }
        if comparison.looked {
            let comparer = self.comparer();
            comparer.list_malformed(comparer.public_list()?, malformed).await?;
            comparer.list_malformed(private::malformed(self.at.repository), Vec::new()).await?;
        }
        Ok(())
    }

    /// All that is to be planned, in this order.
    fn changes(
        &self,
        comparison: &mut StoreComparison,
        observed: &mut Observed,
        rendered: Option<&Vec<PlannedChange>>,
    ) -> io::Result<Changes> {
        let compared = comparison.changes.take();
        let mut changes = compared.unwrap_or_else(|| ChangeWriter::new(self.at.scratch));
        changes.extend(observed.take_changes(self.at))?;
        changes.extend(rendered.into_iter().flatten().cloned())?;
        changes.finish()
    }

    /// The plan, with the files of its packages in their places (step 2). A public path that turns out to hold something else is
    /// avoided, and the plan made again. `None` when another publisher was faster.
    async fn plan_and_place(
        &self,
        observed: &Observed,
        mut changes: Changes,
        noticed: &StoreObservations,
    ) -> Result<Option<Plan>, RepositoryError> {
        let Observed { state, read_again, .. } = observed;
        let mut taken = self.at.condemned_paths(state);
        let package_keys = self.at.target.package_keys();
        let mut failed = Vec::new();
        for _ in 0..MAX_PLANS {
            let present = Present {
                format: &*self.at.target.format,
                generation: state.generation.as_ref(),
                former: read_again.as_ref().or(state.former.as_ref()),
                retired: state.head().map(|head| head.retired.as_slice()).unwrap_or_default(),
                taken: &taken,
                package_keys: package_keys.as_ref(),
                scratch: self.at.scratch,
                part: PartSize::default(),
            };
            let plan = plan(&present, &changes, noticed);
            let mut plan = plan.map_err(RepositoryError::generation(self.at.repository))?;
            let placed = self.at.place(&plan).await?;
            for (path, version) in placed.versions {
                plan.set_version(&path, version).map_err(RepositoryError::generation(self.at.repository))?;
            }
            if placed.taken.is_empty() && placed.missing.is_empty() {
                plan.failed.extend(failed);
                return Ok(Some(plan));
            }
            // a faster publisher deletes the files of uploads that it has published
            if !placed.missing.is_empty() {
                let counter = self.at.current().await?.map(|(counter, _)| counter);
                if counter != state.head().map(|head| head.counter) {
                    return Ok(None);
                }
            }
            let gone: BTreeSet<&UploadId> = placed.missing.iter().map(|(upload, _)| upload).collect();
            let is_kept = |change: &PlannedChange| match &change.origin {
                Origin::Upload(upload) => !gone.contains(upload),
                Origin::Tree(_) | Origin::Rendered(_) => true,
            };
            let kept = changes.retained(self.at.scratch, is_kept);
            changes = kept.map_err(RepositoryError::generation(self.at.repository))?;
            failed.extend(placed.missing);
            taken.extend(placed.taken);
        }
        let paths: Vec<&str> = taken.iter().map(String::as_str).collect();
        Err(RepositoryError::damaged(&self.at.tree, format!("other files are at {}", paths.join(", "))))
    }

    /// Whether the entries of packages are not those that the settings ask for now.
    fn needs_reading(&self, state: &CurrentState) -> bool {
        let Some(generation) = &state.generation else { return false };
        self.at.target.format.needs_reading(&generation.partitions, &self.at.target.settings)
    }

    /// Fails where a file of a package could not be read again: nobody asked for its package to be left out.
    fn check_read_again(&self, generation: &Generation, malformed: &[String]) -> Result<(), RepositoryError> {
        for path in malformed {
            let row = generation.files.get(path, &path_order);
            let row = row.map_err(RepositoryError::generation(self.at.repository))?;
            if row.is_some_and(|row| row.users > 0) {
                return Err(RepositoryError::Malformed {
                    repository: self.at.repository.clone(),
                    path: join(&self.at.tree, path),
                    reason: "its package is in the index, and RWS would remove it".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The directory that had the metadata once more before the configuration was changed, and that nobody has now.
    fn former_directory(&self, before: &Head) -> Option<String> {
        let StoredRepository { target, repository, other_metadata, tree, .. } = self.at;
        let is_contested =
            other_metadata.is_none() && target.format.other_metadata(repository, &target.settings).is_some();
        if target.matches_fingerprint(&before.configuration_fingerprint) && !is_contested {
            return None;
        }
        let stated = target.format.stated_metadata(repository, &before.root)?;
        let is_of_somebody = self.publisher.catalogue().has_metadata_at(&join(tree, &stated));
        (other_metadata.as_ref() != Some(&stated) && !is_of_somebody).then_some(stated)
    }

    /// A repository without a head, and nothing that would make one.
    async fn nothing_to_publish(
        &self,
        pending: &Pending,
        failed: Vec<(UploadId, String)>,
        compared: Compared,
    ) -> Result<Ended, RepositoryError> {
        let ids: Vec<UploadId> = pending.uploads.iter().map(|upload| upload.id.clone()).collect();
        if !ids.is_empty() && !Heads(self.at.store()).is_absent(self.at.repository).await? {
            return Err(RepositoryError::Contended(self.at.repository.clone()));
        }
        self.at.clean(pending, &ids, &failed).await?;
        Ok(Ended::Done(Box::new(Outcome {
            generation: None,
            published_at: None,
            look_again_seconds: None,
            applied: ids.into_iter().filter(|id| !failed.iter().any(|(failed, _)| failed == id)).collect(),
            failed,
            looked: compared.looked(),
            synchronised: compared.synchronised,
            stale: 0,
            lost_commits: 0,
            has_more: pending.has_more,
        })))
    }
}

impl Observed {
    /// The changes of what is pending.
    fn take_changes(&mut self, at: &StoredRepository<'_>) -> Vec<PlannedChange> {
        let mut changes = Vec::new();
        for upload in &mut self.pending.uploads {
            let origin = Origin::Upload(upload.id.clone());
            let wanted = upload.take_changes_for(at.repository).into_iter();
            changes.extend(wanted.map(|change| PlannedChange { change, origin: origin.clone() }));
        }
        changes
    }
}
