//! Which repositories of a target a package goes to.

use std::collections::BTreeSet;

use rws_model::{Assembled, Inspected, Placement, Record, Refusal, RepositoryId, Role, Target};

use crate::identity;

/// The directory of packages in every repository.
const DIRECTORY: &str = "Packages";

/// The repository of sources, beside those of the architectures.
const SOURCES: &str = "SRPMS";

/// The repositories of a target: one for each architecture, and one for sources.
pub fn repositories(target: &Target, architectures: &[String]) -> Vec<RepositoryId> {
    let names = architectures.iter().map(String::as_str).chain([SOURCES]);
    let mut repositories = Vec::with_capacity(architectures.len() + 1);
    for repository in names.filter_map(|name| repository(target, name)) {
        if !repositories.contains(&repository) {
            repositories.push(repository);
        }
    }
    repositories
}

/// Makes records of the files of an upload: each package stands for itself.
pub fn assemble(files: &[Inspected], placement: &Placement<'_>) -> Result<Vec<Assembled>, Refusal> {
    let mut identities = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut assembled = Vec::with_capacity(files.len());
    for file in files {
        let refuse = |reason: String| Err(Refusal::new(file.file.name.as_str(), reason));
        if !matches!(file.role, Role::Binary | Role::Source) || !identity::is_rpm(&file.identity) {
            return refuse("this is not an RPM package".to_owned());
        }
        if !identities.insert(&file.identity) || !names.insert(&file.file.name) {
            return refuse("the upload has this package twice".to_owned());
        }
        if let Some(reason) = file.misnamed.as_ref().filter(|_| placement.strict_names) {
            return refuse(reason.clone());
        }
        let repositories = destinations(file, placement);
        if repositories.is_empty() {
            return Err(Refusal::architecture(file.file.name.as_str(), &file.architecture));
        }
        assembled.push(Assembled { record: record(file), repositories });
    }
    Ok(assembled)
}

/// noarch goes to every architecture, a source to the sources, anything else to its own architecture.
fn destinations(file: &Inspected, placement: &Placement<'_>) -> Vec<RepositoryId> {
    let configured = placement.architectures.iter().map(String::as_str);
    let names: BTreeSet<&str> = match (file.role, file.architecture.as_str()) {
        (Role::Source, _) => [SOURCES].into(),
        (_, "noarch") => configured.collect(),
        (_, own) => configured.filter(|name| *name == own).collect(),
    };
    names.into_iter().filter_map(|name| repository(placement.target, name)).collect()
}

fn repository(target: &Target, name: &str) -> Option<RepositoryId> {
    RepositoryId::parse(&format!("{target}/{name}"))
}

fn record(file: &Inspected) -> Record {
    Record {
        identity: file.identity.clone(),
        directory: DIRECTORY.to_owned(),
        files: vec![file.file.clone()],
        entries: file.entries.clone(),
        renderer: file.renderer,
        signature: None,
    }
}

#[cfg(test)]
mod tests;
