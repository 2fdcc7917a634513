//! Which repositories of a target a package goes to.

use std::collections::BTreeSet;

use rws_model::{Assembled, Inspected, Placement, Record, Refusal, RepositoryId, RepositorySettings, Role, Target};

use crate::identity;

/// The directory of packages in every repository.
const DIRECTORY: &str = "Packages";

/// The repository of sources, beside those of the architectures.
const SOURCES: &str = "SRPMS";

/// What the name of a repository of debug symbols adds to that of the architecture. dnf's plugin debuginfo-install looks for
/// identifiers of repositories that end so.
pub const DEBUG: &str = "-debuginfo";

/// The repositories of a target: one for each architecture, one for sources, and, where packages of debug symbols are published
/// apart, one more for those of each architecture.
pub fn repositories(target: &Target, settings: &RepositorySettings) -> Vec<RepositoryId> {
    let of_debug =
        settings.architectures.iter().filter(|_| settings.debug_packages).map(|name| format!("{name}{DEBUG}"));
    let names: Vec<String> =
        settings.architectures.iter().cloned().chain([SOURCES.to_owned()]).chain(of_debug).collect();
    let mut repositories = Vec::with_capacity(names.len());
    for repository in names.iter().filter_map(|name| repository(target, name)) {
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
    let is_debug = placement.settings.debug_packages && file.role == Role::Binary && identity::is_debug(&file.identity);
    let end = if is_debug { DEBUG } else { "" };
    names.into_iter().filter_map(|name| repository(placement.target, &format!("{name}{end}"))).collect()
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
