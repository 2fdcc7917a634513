//! `DELETE /<path>/<file name>`: one package out of all repositories that the path stands for. `DELETE` of the address at which
//! its file is downloaded: that one out of all repositories of its target.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::FileName;
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::removal::{self, Address, Removal};

use crate::access::User;
use crate::answer::{Answer, Problem};
use crate::gate::{Writable, WritableFile};
use crate::service::Service;
use crate::upload::answer;
use crate::{path, wait};

/// Where something goes, and what.
type Wanted = (Writable, Removal);

/// Removes a package: the index forgets it first, its file goes when no reader needs it any more.
pub async fn delete(service: &Arc<Service>, user: &User, path: &str, parts: &Parts) -> Result<Answer, Problem> {
    let Some((directory, name)) = path.rsplit_once('/') else {
        return Err(Problem::bad_request("path", "Invalid URL."));
    };
    let (targets, removal) = match at_address(service, user, path)? {
        Some(found) => found,
        None => {
            let targets = service.gate.writable(user, directory, "Can't delete the package")?;
            let name = file_name(name, targets.targets())?;
            (targets, Removal::Named(name))
        }
    };
    let removing = Arc::clone(service);
    // also when the client goes away meanwhile
    let work = tokio::spawn(async move {
        let accepted = removal::remove(&**removing.gate.store(), targets.targets(), &removal).await?;
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

/// What stands at the address of a file; `None` for a path that is none.
fn at_address(service: &Service, user: &User, path: &str) -> Result<Option<Wanted>, Problem> {
    let Some(path) = path::normalized(path) else { return Ok(None) };
    let Some(WritableFile { target, repository, path }) = service.gate.writable_file(user, &path)? else {
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
