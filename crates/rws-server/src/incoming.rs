//! `PUT /-/incoming/<target>/<product>/<file>`: what `dput` and `dput-ng` send, one file a request.
//!
//! A file is checked as one of a form is, and kept aside. The `.changes` comes last and is the commit: with the files that
//! it lists it is an upload like any other.

use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use futures::TryStreamExt;
use rws_model::{FileByFile, FileName, Listed, PackagePlace, Refusal, Verb};
use rws_repository::actor::Actor;
use rws_repository::aside::{self, Sender};
use rws_repository::catalogue::{ConfiguredTarget, normal_path};
use rws_repository::inspection::Inspection;
use rws_repository::{IncomingFiles, RepositoryError};

use crate::access::Login;
use crate::answer::{Answer, Problem, message};
use crate::body::{Incoming, pieces};
use crate::exchange::actor;
use crate::form::{Destination, skipped_warning};
use crate::gate::Writable;
use crate::quotas::AsideFile;
use crate::schema::{ChangeProblems, Message, TargetPath, Wait};
use crate::service::Service;
use crate::spool::{Spool, Spooled};
use crate::upload::{
    AcceptedUpload, Batch, expected_bytes, permit, purged_content, reading, unfit, with_notes, with_warnings,
};

/// What the path of a request stands for.
struct IncomingTarget<'a> {
    target: Arc<ConfiguredTarget>,
    writable: Writable,
    user: &'a str,
    /// How uploads come there.
    rules: FileByFile,
    /// Of the targets, normalised.
    path: String,
    product: &'a str,
    name: FileName,
}

impl IncomingTarget<'_> {
    fn sender(&self) -> Sender<'_> {
        Sender { user: self.user, path: &self.path, product: self.product }
    }
}

/// Stores one file of an upload session, as dput sends it. The `.changes` comes last and completes the upload. `path` is what follows
/// `/-/incoming/`.
#[utoipa::path(put, path = "/-/incoming/{kind}/{series}/{distribution}/{version}/{product}/{file}", tag = "uploads",
    security(("password" = [])),
    params(
        TargetPath,
        ("product" = String, Path, description = "The directory in the pool."),
        ("file" = String, Path, description = "The name of the file."),
        Wait,
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file."),
    responses(
        (status = 201, description = "RWS has stored the file. After a `.changes`: RWS has accepted the upload.", body = Message),
        (status = 202, description = "Accepted, and not published within the time of `wait`.", body = Message),
        ChangeProblems,
    ))]
pub async fn put(
    service: &Arc<Service>,
    user: &Login,
    path: &str,
    parts: &Parts,
    body: &mut Incoming,
) -> Result<Answer, Problem> {
    let permit = permit(service, user).await?;
    let place = place(service, user, path)?;
    let name = place.name.as_str();
    if let Some(warning) = skipped_warning(service.gate.formats(), place.writable.targets(), name) {
        // as in a form
        while body.next().await?.is_some() {}
        return Ok(with_notes(message(StatusCode::CREATED, "OK"), &[warning]));
    }
    if !place.target.format.accepts(&place.name) {
        return Err(unfit(name, &*place.target.format));
    }
    if name.ends_with(place.rules.list) {
        let actor = actor(user, parts, "upload");
        let taken = commit(service, place, actor, (&parts.headers, body)).await?;
        drop(permit);
        return Ok(taken.answer(service, parts).await);
    }
    let kept = keep(service, &place, &parts.headers, body).await?;
    service.waiting.changed();
    let answer = with_warnings(message(StatusCode::CREATED, "OK"), &kept.warnings().collect::<Vec<_>>());
    Ok(with_notes(answer, &[waits(&place)]))
}

/// What the sender of a file is told that waits: one who sends a package alone would wait in vain.
fn waits(place: &IncomingTarget<'_>) -> String {
    let IncomingTarget { path, product, name, rules: FileByFile { list, .. }, .. } = place;
    let hours = aside::KEPT.as_secs() / 3600;
    format!(
        "{name}: RWS has not published it yet. It waits {hours} hours for a {list} that lists it, and then deletes it. Upload a \
         package without a {list} as a form: curl --request PUT --form product={product} --form file=@{name} …/{path}"
    )
}

fn place<'a>(service: &Service, user: &'a Login, path: &'a str) -> Result<IncomingTarget<'a>, Problem> {
    let mut parts = path.rsplitn(3, '/');
    let (Some(name), Some(product), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Problem::bad_request("path", "Invalid URL.")
            .with_hint("The address is /-/incoming/KIND/SERIES/DISTRIBUTION/VERSION/PRODUCT/FILE"));
    };
    let writable = service.gate.writable(user, Verb::Upload, path, "Can't upload the package to S3")?;
    let Some(target) = writable.targets().first().cloned() else {
        return Err(Problem::bad_request("path", "Invalid URL."));
    };
    if let Some(other) = writable.targets().iter().find(|target| target.format.file_by_file().is_none()) {
        return Err(no_single_files(service, other));
    }
    let Some(rules) = target.format.file_by_file() else { return Err(no_single_files(service, &target)) };
    let plain = |what: &str, text: &str| {
        FileName::parse(text).map_err(|Refusal { file, reason, .. }| {
            Problem::bad_request("file-name", format!("Invalid {what}: {reason}.")).of_file(file)
        })
    };
    plain("product", product)?;
    let name = target.format.published_name(plain("filename", name)?);
    let path = normal_path(path).map_err(|error| Problem::bad_request("path", error.to_string()))?;
    Ok(IncomingTarget { target, writable, user: &user.name, rules, path, product, name })
}

/// The refusal of a target whose clients send no uploads file by file.
fn no_single_files(service: &Service, target: &ConfiguredTarget) -> Problem {
    let rules = service.gate.formats().iter().filter_map(|format| format.file_by_file());
    let repositories = rules.map(|rules| rules.repositories).collect::<Vec<_>>().join(" or ");
    let message = format!(
        "{} is not an {repositories} repository. Only {repositories} repositories accept uploads file by file.",
        target.target
    );
    Problem::bad_request("path", message)
}

/// Keeps a good file until its `.changes` comes. It goes into the store while it arrives.
async fn keep(
    service: &Service,
    place: &IncomingTarget<'_>,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<Spooled, Problem> {
    let waiting = waiting(&place.sender(), &place.name);
    // who does not say how much it is takes what it may be
    let limits = &service.settings.limits;
    let most_bytes = expected_bytes(headers).unwrap_or(limits.file_bytes.min(limits.aside_bytes / 8));
    service.quotas.wait(waiting.clone(), most_bytes)?;
    let kept = receive_aside(service, place, headers, body).await;
    if kept.is_err() {
        service.quotas.forget(&waiting);
    }
    kept
}

/// How a file that waits is counted.
fn waiting(sender: &Sender<'_>, name: &FileName) -> AsideFile {
    let Sender { user, path, product } = sender;
    AsideFile { user: (*user).to_owned(), address: format!("{path}/{product}/{name}") }
}

async fn receive_aside(
    service: &Service,
    place: &IncomingTarget<'_>,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<Spooled, Problem> {
    let IncomingTarget { target, writable, name, .. } = place;
    let sender = place.sender();
    let inspection = Inspection::new(&*target.format, name, reading(writable.targets()));
    let spool = Spool::start(service.place(sender.user), inspection, expected_bytes(headers)).await;
    let spool = spool.map_err(|error| error.problem(name))?;
    let written = sender.keep(service.gate.store(), name, spool.file());
    // a bad file never becomes whole, so that nothing is written of it
    let received = spool.take(name, pieces(body)).await?;
    if service.scheduler.purged().has_content(&received.sha256()) {
        // it is in the store already, or on its way
        _ = written.await;
        sender.forget(&**service.gate.store(), name).await.map_err(RepositoryError::from)?;
        return Err(purged_content(name.as_str()));
    }
    written.await?.map_err(RepositoryError::from)?;
    Ok(received)
}

/// Takes the `.changes` and all that it lists from what waits aside.
async fn commit(
    service: &Arc<Service>,
    place: IncomingTarget<'_>,
    actor: Actor,
    (headers, body): (&HeaderMap, &mut Incoming),
) -> Result<AcceptedUpload, Problem> {
    let store = service.gate.store();
    let sender = place.sender();
    let IncomingTarget { target, writable, name, .. } = &place;
    let mut reception = IncomingFiles::begin(Arc::clone(store)).await.map_err(Problem::of_intake)?;
    let mut to = Destination {
        place: service.place(sender.user),
        reception: &mut reception,
        targets: writable.targets(),
        format: &target.format,
        formats: service.gate.formats(),
        reading: reading(writable.targets()),
        expected_bytes: expected_bytes(headers),
    };
    let list = to.receive(name, pieces(body)).await?;
    let (mut files, mut aside) = (Vec::new(), Vec::<aside::StagedFile>::new());
    for name in list.names() {
        // what is missing is named when all are compared with the list
        let Some(found) = sender.find(&**store, name).await.map_err(RepositoryError::from)? else { continue };
        to.expected_bytes = Some(found.size_bytes);
        let pieces = found.bytes.map_err(|error| Problem::from(RepositoryError::from(error)));
        files.push(to.receive(name, pieces).await?);
        aside.push(found.place);
    }
    let user = sender.user.to_owned();
    let taken: Vec<AsideFile> = list.names().map(|name| waiting(&sender, name)).collect();
    files.push(list);
    let to_place = PackagePlace::of_product(sender.product);
    let to = writable.clone();
    let batch = Batch { user, actor, reception, to, place: to_place, files, listed: Listed::InUploadOrPool, aside };
    let accepted = batch.take(service).await?;
    taken.iter().for_each(|file| service.quotas.forget(file));
    Ok(accepted)
}
