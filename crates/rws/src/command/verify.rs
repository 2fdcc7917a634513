//! `rws verify`: checks repositories as their clients see them, and mends what can be derived.

use std::time::Duration;

use anyhow::bail;
use rws_model::RepositoryId;
use rws_repository::existing;
use rws_repository::object_access;
use rws_repository::publish::{Trigger, Triggers};
use rws_repository::verify::{Checked, Depth, Remedy, Verifier};
use rws_store::Key;

use super::output::say;
use super::sync::{nothing_found, reconcile};
use crate::configuration::Configuration;
use crate::installation::Installation;

/// What is asked for.
pub struct Wish {
    /// Read all bytes of all packages.
    pub deep: bool,
    /// Mend what is wrong.
    pub repair: bool,
}

/// Checks the repositories of some paths, or all that exist, and says what is wrong with each.
///
/// # Errors
///
/// When a path stands for nothing, the store cannot be used, or something is wrong (still, after a repair).
pub async fn run(configuration: &Configuration, paths: &[String], wish: &Wish) -> anyhow::Result<()> {
    let installation = Installation::open(configuration)?;
    let repositories = installation.repositories(paths)?;
    if wish.repair {
        installation.place.connect_to_write().await?;
    }
    let depth = if wish.deep { Depth::Bytes } else { Depth::Presence };
    let (store, catalogue, public) = (&*installation.place.store, &installation.catalogue, &installation.public);
    let verifier = Verifier { store, catalogue, depth, public };
    let publisher = installation.publisher();
    let (mut count, mut bad) = (0, 0);
    for repository in &existing(&*installation.place.store, &installation.catalogue, &repositories).await? {
        let Some(mut checked) = verifier.check(repository).await? else { continue };
        count += 1;
        report(repository, &checked)?;
        if wish.repair && !checked.faults.is_empty() {
            let wants = |remedy| checked.faults.iter().any(|fault| fault.remedy == remedy);
            let exposed = checked.faults.iter().filter(|fault| fault.remedy == Remedy::Withdraw);
            let exposed: Vec<Key> = exposed.filter_map(|fault| Key::parse(&fault.name)).collect();
            object_access::withdraw(store, exposed).await?;
            let (rebuild, synchronise) = (wants(Remedy::Rebuild), wants(Remedy::Synchronise));
            reconcile(
                &publisher,
                repository,
                Triggers::of(&[Trigger::Start, Trigger::CleanUp])
                    .and_if(rebuild, Trigger::Rebuild)
                    .and_if(synchronise, Trigger::Synchronise),
            )
            .await?;
            // a root has a second of its own
            tokio::time::sleep(Duration::from_secs(1)).await;
            if let Some(again) = verifier.check(repository).await? {
                report(repository, &again)?;
                checked = again;
            }
        }
        bad += usize::from(!checked.faults.is_empty());
    }
    installation.place.release().await;
    match (count, bad) {
        (0, _) => bail!("{}", nothing_found(paths)),
        (count, 0) => say(format_args!("{count} repositories are consistent"))?,
        (count, bad) if wish.repair => bail!("{bad} of {count} repositories are not consistent, even after the repair"),
        (count, bad) => {
            bail!("{bad} of {count} repositories are not consistent; `rws verify --repair` repairs what it can")
        }
    }
    Ok(())
}

fn report(repository: &RepositoryId, checked: &Checked) -> anyhow::Result<()> {
    let Checked { index_files, packages, stale, faults } = checked;
    let faulty = if faults.is_empty() { "consistent".to_owned() } else { format!("{} faults", faults.len()) };
    say(format_args!("{repository}: {index_files} index files, {packages} package files: {faulty}"))?;
    if *stale > 0 {
        say(format_args!(
            "  the entries of {stale} packages have an earlier renderer version; a running server makes them again"
        ))?;
    }
    for fault in faults {
        let remedy = match fault.remedy {
            Remedy::Expose => "RWS writes it again",
            Remedy::Rebuild => "RWS makes the indexes again from the packages",
            Remedy::Synchronise => "RWS removes it from the index; upload the package again",
            Remedy::Publish => "RWS publishes it, or says why it cannot",
            Remedy::Withdraw => "RWS sets its ACL to private",
        };
        say(format_args!("  {}: {}; with --repair {remedy}", fault.name, fault.problem))?;
    }
    Ok(())
}
