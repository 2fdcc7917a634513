//! `rws sync`: compares repositories with what is stored, without a server.

use anyhow::bail;
use rws_model::RepositoryId;
use rws_repository::RepositoryError;
use rws_repository::publish::{Outcome, Publisher, Trigger, Triggers};
use rws_repository::scheduler::Scheduler;

use super::output::{complain, say};
use super::progress::shown;
use crate::configuration::Configuration;
use crate::installation::Installation;

/// Synchronises the repositories of some paths, or all that exist. Safe beside running servers.
///
/// # Errors
///
/// When a path stands for nothing, the store cannot be used, or a repository could not be synchronised.
pub async fn run(configuration: &Configuration, paths: &[String]) -> anyhow::Result<()> {
    let installation = Installation::open(configuration)?;
    let repositories = installation.repositories(paths)?;
    installation.place.connect_to_write().await?;
    let scheduler = Scheduler::new(installation.publisher());
    let triggers = Triggers::of(&[Trigger::Synchronise]);
    let (mut count, mut failed) = (0, 0);
    for repository in &scheduler.existing(&repositories).await? {
        count += 1;
        failed += usize::from(!reconcile(scheduler.publisher(), repository, triggers).await?);
    }
    installation.place.release().await;
    match (count, failed) {
        (0, _) => bail!("{}", nothing_found(paths)),
        (count, 0) => say(format_args!("{count} repositories are in sync with the store"))?,
        (count, failed) => bail!("RWS could not synchronise {failed} of {count} repositories"),
    }
    Ok(())
}

/// What is said where there is no repository at some paths, or, without any, none at all.
pub fn nothing_found(paths: &[String]) -> String {
    match paths {
        [] => "there is no repository in this store: check the data directory (--data-dir, RWS_DATA_DIR) or the bucket (S3_BUCKET, \
               S3_BASE_PATH), and check that the configuration contains the paths in it"
            .to_owned(),
        paths => format!("there is no repository at {}", paths.join(", ")),
    }
}

/// Reconciles a repository and says what became of it; whether that was good.
///
/// # Errors
///
/// When nothing can be said.
pub async fn reconcile(publisher: &Publisher, repository: &RepositoryId, triggers: Triggers) -> anyhow::Result<bool> {
    report(repository.as_str(), shown(publisher, publisher.reconcile(repository, triggers)).await)
}

/// Says what became of a repository; whether that was good.
///
/// # Errors
///
/// When nothing can be said.
pub fn report(name: &str, outcome: Result<Outcome, RepositoryError>) -> anyhow::Result<bool> {
    Ok(match outcome.and_then(synchronised) {
        Ok(Outcome { generation: Some(generation), published_at: Some(_), .. }) => {
            say(format_args!("{name}: published {generation}"))?;
            true
        }
        Ok(_) => {
            say(format_args!("{name}: unchanged"))?;
            true
        }
        Err(error) => {
            complain(format_args!("{name}: {error}"));
            false
        }
    })
}

fn synchronised(outcome: Outcome) -> Result<Outcome, RepositoryError> {
    match outcome.synchronised {
        Ok(()) => Ok(Outcome { synchronised: Ok(()), ..outcome }),
        Err(error) => Err(error),
    }
}
