//! Sends the uploads, several at a time, and waits until they are published.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use http::Method;
use rws_http::{Answer, Request};
use tokio::time::Instant;

use super::form::Form;
use super::plan::PlannedUpload;
use super::report::{Report, size};
use crate::address::{Destination, encoded};
use crate::error::ClientError;
use crate::remote::Remote;
use crate::status;

/// What became of one upload.
#[derive(Debug)]
pub enum Outcome {
    /// The service has it, and will publish it.
    Accepted(Accepted),
    /// It is in these repositories, each with the name of its generation.
    Published(Accepted, BTreeMap<String, Option<String>>),
    /// It was not accepted, or could not be published.
    Failed(ClientError),
    /// It was not sent, since all would fail as another one did.
    NotSent,
}

/// An upload that the service has.
#[derive(Debug)]
pub struct Accepted {
    /// Its name; `None` from a service that names none.
    pub upload: Option<String>,
    /// What the service says of files that it took nevertheless.
    pub warnings: Vec<String>,
}

/// Sends them all.
pub async fn send(
    remote: &Remote,
    to: &Destination,
    (uploads, component): (&[PlannedUpload<'_>], Option<&str>),
    (jobs, report): (usize, &Report),
) -> Vec<Outcome> {
    let stop = AtomicBool::new(false);
    let component = component.map(|name| format!("?component={}", encoded(name))).unwrap_or_default();
    let address = format!("{}/{}{component}", to.service, encoded(&to.path));
    let send = async |upload: &PlannedUpload<'_>| {
        if stop.load(Ordering::Relaxed) {
            return Outcome::NotSent;
        }
        let PlannedUpload { first, .. } = upload;
        match send_one(remote, &address, upload, report).await {
            Ok(accepted) => {
                report.line(format_args!("uploaded {} ({})", upload.title(), size(upload.size_bytes())));
                for warning in &accepted.warnings {
                    report.warning(warning);
                }
                Outcome::Accepted(accepted)
            }
            Err(error) => {
                report.failed(format_args!("{}: {error}", first.path.display()), uploads.len());
                // the others would not get in, or there either
                let concerns_all = matches!(error, ClientError::NotAllowed(_) | ClientError::Failed(_));
                stop.fetch_or(concerns_all, Ordering::Relaxed);
                Outcome::Failed(error)
            }
        }
    };
    let all = uploads.iter().enumerate().map(|(at, upload)| {
        let send = &send;
        async move { (at, send(upload).await) }
    });
    let outcomes: BTreeMap<usize, Outcome> = stream::iter(all).buffer_unordered(jobs.max(1)).collect().await;
    outcomes.into_values().collect()
}

async fn send_one(
    remote: &Remote,
    address: &str,
    upload: &PlannedUpload<'_>,
    report: &Report,
) -> Result<Accepted, ClientError> {
    let form = Form::new(upload).map_err(|error| ClientError::Failed(error.to_string()))?;
    let request = Request::new(Method::PUT, address)
        .header("content-type", form.content_type())
        .header("accept", "application/json");
    let progress = Arc::new(report.progress());
    let answer = remote.upload(upload.name().as_str(), &request, || form.body(&progress)).await?;
    Ok(accepted(&answer))
}

fn accepted(answer: &Answer) -> Accepted {
    let text = |name: &str| {
        let values = answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.map(str::to_owned).collect::<Vec<_>>()
    };
    let status = text("rws-status").into_iter().next();
    let upload = status.and_then(|status| Some(status.rsplit_once('/')?.1.to_owned()));
    Accepted { upload, warnings: text("rws-warning") }
}

/// Waits until they are published, for at most this time.
pub async fn wait(remote: &Remote, outcomes: Vec<Outcome>, time: Duration) -> Vec<Outcome> {
    let until = Instant::now() + time;
    let waits = outcomes.into_iter().map(async |outcome| match outcome {
        Outcome::Accepted(Accepted { upload: Some(upload), warnings }) => {
            match status::published(remote, &upload, (until, time)).await {
                Ok(repositories) => Outcome::Published(Accepted { upload: Some(upload), warnings }, repositories),
                Err(error) => Outcome::Failed(error),
            }
        }
        other => other,
    });
    futures::future::join_all(waits).await
}
