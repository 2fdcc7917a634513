//! `rws sign`: signs packages that are in repositories already.

use std::collections::BTreeSet;

use anyhow::{anyhow, bail};
use rws_model::RepositoryId;
use rws_repository::publish::{Publisher, Triggers};
use rws_repository::sign_present::{SignedBatch, sign_batch, unsigned};
use rws_repository::{IntakeError, existing};

use super::output::{complain, say};
use super::sync::nothing_found;
use crate::configuration::Configuration;
use crate::installation::Installation;

/// Signs what has no signature that clients know in the repositories of some paths, or in all that exist. Safe beside running
/// servers; a run that was ended goes on where it was.
///
/// # Errors
///
/// When a path stands for nothing, the store cannot be used, or packages could not be signed.
pub async fn run(configuration: &Configuration, paths: &[String]) -> anyhow::Result<()> {
    let installation = Installation::open(configuration)?;
    let repositories = installation.repositories(paths)?;
    installation.place.connect_to_write().await?;
    let publisher = installation.publisher();
    let (mut count, mut bad) = (0, 0);
    for repository in &existing(&*installation.place.store, &installation.catalogue, &repositories).await? {
        count += 1;
        match of_repository(&installation, &publisher, repository).await {
            Ok(refused) => bad += usize::from(refused > 0),
            Err(error) => {
                complain(format_args!("{repository}: {error:#}"));
                bad += 1;
            }
        }
    }
    installation.place.release().await;
    match (count, bad) {
        (0, _) => bail!("{}", nothing_found(paths)),
        (_, 0) => Ok(()),
        (count, bad) => bail!("packages in {bad} of {count} repositories are not signed"),
    }
}

/// Signs one repository; how many packages could not be signed.
async fn of_repository(
    installation: &Installation,
    publisher: &Publisher,
    repository: &RepositoryId,
) -> anyhow::Result<usize> {
    let target = installation.catalogue.repository(repository).ok_or_else(|| anyhow!("it is not configured"))?;
    if !target.signs_packages() {
        say(format_args!("{repository}: its packages are not signed (sign_packages in the configuration)"))?;
        return Ok(0);
    }
    let store = &installation.place.store;
    let all = unsigned(&**store, target, repository).await?;
    let (mut skipped, mut signed, mut refused) = (BTreeSet::new(), 0, 0);
    loop {
        let batch = sign_batch(store, target, repository, &installation.place.spool, &skipped).await;
        let SignedBatch { accepted, signed: now, refused: bad } = batch.map_err(|error| match error {
            IntakeError::CannotSign { reason, .. } => anyhow!("packages cannot be signed: {reason}"),
            error => error.into(),
        })?;
        for (identity, reason) in &bad {
            complain(format_args!("{repository}: {identity}: {reason}"));
        }
        refused += bad.len();
        if accepted.is_none() && bad.is_empty() {
            break;
        }
        skipped.extend(bad.into_iter().map(|(identity, _)| identity));
        if accepted.is_some() {
            signed += now.len();
            publisher.reconcile(repository, Triggers::NONE).await?;
            say(format_args!("{repository}: {signed} of {all} packages signed"))?;
            // what a publish could not take is not tried for ever
            skipped.extend(now);
        }
    }
    if all == 0 {
        say(format_args!("{repository}: all packages are signed"))?;
    }
    Ok(refused)
}
