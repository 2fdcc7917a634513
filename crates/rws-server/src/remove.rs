//! `DELETE /<path>/<file name>`: one package file out of all repositories that the path stands for.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use rws_model::FileName;
use rws_repository::intake;

use crate::access::User;
use crate::answer::{Answer, Problem};
use crate::service::Service;
use crate::upload::{answer, resolve, wait};

/// Removes a package: the index forgets it first, its file goes when no reader needs it any more.
pub async fn delete(
    service: &Arc<Service>,
    user: &User,
    path: &str,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Answer, Problem> {
    let Some((path, name)) = path.rsplit_once('/') else { return Err(Problem::bad_request("path", "Invalid URL.")) };
    let targets = resolve(service, user, path, "Can't delete the package")?;
    let name = FileName::parse(name).map_err(|refusal| {
        let message = format!("Invalid filename: {}.", refusal.reason);
        Problem::bad_request("file-name", message).of_file(refusal.file)
    })?;
    let removing = Arc::clone(service);
    let of = name.clone();
    // also when the client goes away meanwhile
    let work = tokio::spawn(async move {
        let accepted = intake::remove(&**removing.tree.store(), &targets, &of).await?;
        accepted.iter().for_each(|accepted| removing.scheduler.take(accepted));
        Ok::<_, Problem>(accepted)
    });
    match work.await?? {
        Some(accepted) => Ok(answer(service, &accepted, StatusCode::OK, wait(headers, query)).await),
        None => {
            let message = format!("There is no package file {name} at {path}.");
            Err(Problem::new(StatusCode::NOT_FOUND, "no-file", message).of_file(name.as_str()))
        }
    }
}
