//! `DELETE /<path>/<file name>`: one package out of all repositories that the path stands for. `DELETE` of the address at which
//! its file is downloaded: that one out of all repositories of its target.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::{FileName, Verb};
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::removal::{self, Address, Removal};
use rws_repository::selection::{self, Selector};

use crate::access::Login;
use crate::answer::{Answer, Problem, json};
use crate::exchange::actor;
use crate::gate::{Writable, WritableFile};
use crate::schema::Plan;
use crate::service::Service;
use crate::upload::answer;
use crate::{path, wait};

/// Where something goes, and what.
type Wanted = (Writable, Removal);

/// The keys that say which packages are meant.
const SELECTING: [&str; 3] = ["name", "version", "architecture"];

/// Removes a package: the index forgets it first, its file goes when no reader needs it any more.
pub async fn delete(service: &Arc<Service>, user: &Login, path: &str, parts: &Parts) -> Result<Answer, Problem> {
    if SELECTING.iter().any(|key| path::query(parts.uri.query(), key).is_some()) {
        return delete_selected(service, user, path, parts).await;
    }
    if path::query(parts.uri.query(), "dry_run").is_some() {
        let message = "A dry run is possible for packages by name, version and architecture only.";
        let hint = format!("DELETE /TARGET?{}=PATTERN&dry_run=1", SELECTING.join("=PATTERN&"));
        return Err(Problem::bad_request("query", message).with_hint(hint));
    }
    let Some((directory, name)) = path.rsplit_once('/') else {
        return Err(Problem::bad_request("path", "Invalid URL."));
    };
    let (targets, removal) = match at_address(service, user, path)? {
        Some(found) => found,
        None => {
            let targets = service.gate.writable(user, Verb::Delete, directory, "Can't delete the package")?;
            let name = file_name(name, targets.targets())?;
            (targets, Removal::Named(name))
        }
    };
    let (removing, actor) = (Arc::clone(service), actor(user, parts, "delete"));
    // also when the client goes away meanwhile
    let work = tokio::spawn(async move {
        let store = &**removing.gate.store();
        let removed = removal::remove(store, targets.targets(), &removal, targets.requester(&actor)).await;
        let accepted = match removed {
            // for who may not read the target only what goes is there
            Err(error) if !targets.is_visible() && error.is_refusal() => None,
            removed => removed.map_err(|error| targets.problem(error))?,
        };
        accepted.iter().for_each(|accepted| removing.scheduler.take(accepted));
        Ok::<_, Problem>(accepted)
    });
    match work.await?? {
        Some(accepted) => Ok(answer(service, &accepted, StatusCode::OK, wait::left(parts)).await),
        None => {
            let message = format!("There is no package file {name} at {directory}.");
            Err(Problem::new(StatusCode::NOT_FOUND, "no-file", message).of_file(name))
        }
    }
}

/// Removes all packages that name, version and architecture stand for, each a pattern.
async fn delete_selected(service: &Arc<Service>, user: &Login, path: &str, parts: &Parts) -> Result<Answer, Problem> {
    let query = parts.uri.query();
    let known = [&SELECTING[..], &["dry_run", "wait"]].concat();
    let mut seen = BTreeSet::new();
    if let Some(twice) = path::query_keys(query).find(|key| !seen.insert(key.clone())) {
        return Err(Problem::bad_request("query", format!("The key {twice:?} of the query stands there twice.")));
    }
    if let Some(unknown) = path::query_keys(query).find(|key| !known.contains(&key.as_str())) {
        let message = format!("The key {unknown:?} of the query is unknown; known are {}.", known.join(", "));
        return Err(Problem::bad_request("query", message));
    }
    // a plus sign, as it stands in names and versions; neither has a space
    let [name, version, architecture] = SELECTING.map(|key| Some(path::query(query, key)?.replace(' ', "+")));
    let selector = Selector { name, version, architecture };
    let dry_run = path::query(query, "dry_run").is_some_and(|value| !["0", "false"].contains(&value.as_str()));
    let targets = service.gate.writable(user, Verb::Delete, path, "Can't delete the packages")?;
    let visible = targets.visible();
    if dry_run {
        visible.as_ref().map_err(Problem::clone)?;
    }
    let (removing, actor) = (Arc::clone(service), actor(user, parts, "delete"));
    // also when the client goes away meanwhile
    let work = tokio::spawn(async move {
        let (store, by) = (&**removing.gate.store(), targets.requester(&actor));
        let done = match selection::remove(store, targets.targets(), &selector, dry_run, by).await {
            Err(error) if !targets.is_visible() && error.is_refusal() => Default::default(),
            done => done.map_err(|error| targets.problem(error))?,
        };
        done.1.iter().for_each(|accepted| removing.scheduler.take(accepted));
        Ok::<_, Problem>(done)
    });
    match work.await?? {
        (plan, None) if dry_run => Ok(json(StatusCode::OK, &Plan::of(&visible?, plan))),
        (_, None) => {
            let message = format!("There is no such package at {path}.");
            Err(Problem::new(StatusCode::NOT_FOUND, "no-package", message)
                .with_hint("Patterns have * and ?; a version is all of it: 2.8.1-1, for rpm with its release"))
        }
        (_, Some(accepted)) => Ok(answer(service, &accepted, StatusCode::CREATED, wait::left(parts)).await),
    }
}

/// What stands at the address of a file; `None` for a path that is none.
fn at_address(service: &Service, user: &Login, path: &str) -> Result<Option<Wanted>, Problem> {
    let Some(path) = path::normalized(path) else { return Ok(None) };
    let Some(WritableFile { target, repository, path }) = service.gate.writable_file(user, Verb::Delete, &path)? else {
        return Ok(None);
    };
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let (directory, name) = (directory.to_owned(), file_name(name, target.targets())?);
    Ok(Some((target, Removal::At(Address { repository, directory, name }))))
}

/// The name under which a file is published that is asked for by this one.
fn file_name(name: &str, targets: &[Arc<ConfiguredTarget>]) -> Result<FileName, Problem> {
    let name = FileName::parse(name).map_err(|refusal| {
        let message = format!("Invalid filename: {}.", refusal.reason);
        Problem::bad_request("file-name", message).of_file(refusal.file)
    })?;
    Ok(targets.first().map_or(name.clone(), |target| target.format.published_name(name)))
}
