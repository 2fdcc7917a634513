//! `PUT /<path>`: files of one request into all repositories that the path stands for: those of a form, or a single one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rws_model::{Format, Listed, PackagePlace, Reading, RefusalKind, Verb};
use rws_repository::actor::Actor;
use rws_repository::aside;
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::intake::{self, Accepted, Replaced};
use rws_repository::scheduler::Progress;
use rws_repository::{IncomingFiles, IntakeError, RepositoryError};
use rws_store::low_priority;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tracing::Instrument;

use crate::access::Login;
use crate::answer::{Answer, Problem, busy, json, message};
use crate::body::Incoming;
use crate::exchange::actor;
use crate::form::{self, Destination, HOW_TO_SEND, content_type};
use crate::gate::Writable;
use crate::multipart::{self, MultipartParser};
use crate::path::query;
use crate::raw_file::RawFile;
use crate::schema::{ChangeProblems, Component, FilePath, Message, Product, Wait};
use crate::service::Service;
use crate::settings::Limits;
use crate::shares::BudgetShare;
use crate::spool::Spooled;
use crate::{quotas, wait};

/// How long an upload waits for its turn.
const LONGEST_QUEUE: Duration = Duration::from_secs(60);

/// Requests whose packages become more than this are taken one at a time.
const LARGE_BYTES: u64 = 2 << 20;

/// Where the status of an upload is, in every answer.
pub const STATUS_HEADER: HeaderName = HeaderName::from_static("rws-status");

/// What is said of a file that is taken nevertheless.
const WARNING_HEADER: HeaderName = HeaderName::from_static("rws-warning");

/// So many warnings are said.
const MOST_WARNINGS: usize = 20;

/// How the files of a request come.
enum Content {
    Form(Box<MultipartParser>),
    File(RawFile),
}

/// Uploads one package, which is the body. The name at the end of the path is that of the file; a form with any number of files is
/// sent to the path without a name.
#[utoipa::path(put, path = "/{kind}/{series}/{distribution}/{version}/{file}", tag = "uploads",
    security(("password" = [])),
    params(FilePath, Product, Component, Wait),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The package."),
    responses(
        (status = 201, description = "RWS has accepted the upload; with `wait` it has published it.", body = Message),
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
    let answer = take_files(service, user, path, parts, body).await?;
    answer.ok_or_else(|| Problem::bad_request("no-file", "The request has no file.").with_hint(HOW_TO_SEND))
}

/// Takes the files of a request; `None` for a form without any.
///
/// # Errors
///
/// What is wrong with the request, the form or a file. Then nothing of it is kept.
pub async fn take_files(
    service: &Arc<Service>,
    user: &Login,
    path: &str,
    parts: &Parts,
    body: &mut Incoming,
) -> Result<Option<Answer>, Problem> {
    let permit = permit(service, user).await?;
    // before any byte of the body is read: then a client that asks first has nothing to send
    let (to, content) = prepare(service, user, path, parts)?;
    let Some(taken) = receive(service, user, to, parts, content, body).await? else { return Ok(None) };
    drop(permit);
    Ok(Some(taken.answer(service, parts).await))
}

/// One of the uploads that are received at the same time. Who comes while there are too many waits for its turn a while: its
/// bytes wait on its own machine.
pub async fn permit(service: &Service, user: &Login) -> Result<BudgetShare<String>, Problem> {
    service.budgets.uploads.take(&user.name, 1, LONGEST_QUEUE).await.ok_or_else(|| busy("uploads"))
}

fn prepare(service: &Service, user: &Login, path: &str, parts: &Parts) -> Result<(Writable, Content), Problem> {
    let writable = |path: &str| service.gate.writable(user, Verb::Upload, path, "Can't upload the package to S3");
    if let Some((path, name)) = RawFile::in_path(&service.gate, path, &parts.headers) {
        let to = writable(path)?;
        let file = RawFile::new(name, parts, to.targets(), service.gate.formats())?;
        return Ok((to, Content::File(file)));
    }
    let to = writable(path)?;
    let parser = MultipartParser::new(content_type(&parts.headers), of_forms(&service.settings.limits));
    Ok((to, Content::Form(Box::new(parser.map_err(form::broken)?))))
}

/// The limits of a form.
fn of_forms(limits: &Limits) -> multipart::Limits {
    multipart::Limits { parts: limits.parts, header_bytes: limits.part_header_bytes, ..Default::default() }
}

async fn receive(
    service: &Arc<Service>,
    user: &Login,
    writable: Writable,
    parts: &Parts,
    content: Content,
    body: &mut Incoming,
) -> Result<Option<AcceptedUpload>, Problem> {
    let targets = writable.targets();
    let component = component(parts, targets)?;
    let Some(first) = targets.first() else { return Err(Problem::bad_request("path", "Invalid URL.")) };
    let signs = targets.iter().any(|target| target.signs_packages());
    let reception = IncomingFiles::begin(Arc::clone(service.gate.store())).await.map_err(Problem::of_intake)?;
    let mut reception = reception.waiting_if(signs);
    let expected_bytes = expected_bytes(&parts.headers);
    let reading = reading(targets);
    let (place, format) = (service.place(&user.name), &first.format);
    let formats = service.gate.formats();
    let to = Destination { place, reception: &mut reception, targets, format, formats, reading, expected_bytes };
    let mut form = match content {
        Content::Form(parser) => form::read(to, *parser, body).await?,
        Content::File(file) => file.read(to, body).await?,
    };
    let place = PackagePlace { product: form.product.take(), component };
    if !form.has_files() {
        return Ok(None);
    }
    if !form.files.is_empty() || form.unfit.is_some() {
        // the product is missed before a file of another type is
        for format in targets.iter().map(|target| &target.format) {
            check_product(place.product.as_deref(), &**format)?;
        }
        if let Some(name) = &form.unfit {
            return Err(unfit(name.as_str(), &*first.format));
        }
    }
    let batch = Batch {
        user: user.name.clone(),
        actor: actor(user, parts, "upload"),
        reception,
        to: writable,
        place,
        files: form.files,
        listed: Listed::InUpload,
        aside: Vec::new(),
    };
    let mut taken = batch.take(service).await?;
    taken.notes.extend(form.skipped);
    Ok(Some(taken))
}

/// The component that the address names.
///
/// # Errors
///
/// When a target has none of this name.
fn component(parts: &Parts, targets: &[Arc<ConfiguredTarget>]) -> Result<Option<String>, Problem> {
    // as it stands: a name may have a plus sign
    let text = parts.uri.query().map(|text| text.replace('+', "%2B"));
    let Some(component) = query(text.as_deref(), "component") else { return Ok(None) };
    check_component(&component, targets)?;
    Ok(Some(component))
}

/// Checks that all targets have a component.
///
/// # Errors
///
/// The first one that does not.
pub fn check_component(component: &str, targets: &[Arc<ConfiguredTarget>]) -> Result<(), Problem> {
    for target in targets {
        target.format.check_component(Some(component), &target.settings).map_err(|known| {
            let message = format!("{component:?} is no component of {}: {known}.", target.target);
            let hint =
                "Name one of these after component=, or add it to `components` of `repositories` in the configuration";
            Problem::bad_request("component", message).with_hint(hint)
        })?;
    }
    Ok(())
}

/// How much is read of what is uploaded to these targets.
pub fn reading(targets: &[Arc<ConfiguredTarget>]) -> Reading {
    if targets.iter().any(|target| target.settings.contents) { Reading::Contents } else { Reading::Whole }
}

/// The size of a body, where the client says it.
pub fn expected_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The files of one upload, received and good, each for itself.
pub struct Batch {
    /// Who sent them.
    pub user: String,
    /// The same, as the record of the upload says it.
    pub actor: Actor,
    /// Their way into the store.
    pub reception: IncomingFiles,
    /// The targets that they go to.
    pub to: Writable,
    /// Where they are to go there.
    pub place: PackagePlace,
    /// The files.
    pub files: Vec<Spooled>,
    /// Where the files are that a list among them names.
    pub listed: Listed,
    /// What goes once the upload is a promise.
    pub aside: Vec<aside::StagedFile>,
}

/// An upload that is a promise.
pub struct AcceptedUpload {
    accepted: Accepted,
    warnings: Vec<String>,
    /// What else its sender is told: nothing that an operator needs to know.
    notes: Vec<String>,
}

impl Batch {
    /// Checks the files against each other and their targets, and makes them a promise.
    ///
    /// # Errors
    ///
    /// Which file does not fit; what the store fails with. Then nothing of the upload counts.
    pub async fn take(self, service: &Arc<Service>) -> Result<AcceptedUpload, Problem> {
        for target in self.to.targets() {
            if let Some(file) = self.files.iter().find(|file| !target.format.accepts(file.name())) {
                return Err(unfit(file.name().as_str(), &*target.format));
            }
        }
        if let Some(file) = self.files.iter().find(|file| service.scheduler.purged().has_content(&file.sha256())) {
            return Err(purged_content(file.name().as_str()));
        }
        let entries_bytes = self.files.iter().map(Spooled::entries_bytes).sum();
        let most_bytes = service.settings.limits.entries_bytes;
        if entries_bytes > most_bytes {
            let message = format!(
                "The index entries of the packages in this request have {entries_bytes} bytes; the limit is \
                 {most_bytes}. RWS kept nothing of the request."
            );
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
                .with_hint("Send the files in several requests, or raise server.limits.entries_bytes"));
        }
        let bytes: u64 = self.files.iter().map(Spooled::size_bytes).sum();
        let room = service.quotas.upload(&self.user, bytes)?;
        let memory = &service.budgets.accepting;
        let memory = memory.take(&self.user, entries_bytes, LONGEST_QUEUE).await.ok_or_else(|| busy("accepting"))?;
        let warnings: Vec<String> = self.files.iter().flat_map(Spooled::warnings).collect();
        let format = self.to.targets().first().map(|target| Arc::clone(&target.format));
        let to = self.to.clone();
        let accepted = accept(service, self, memory).await;
        if let Ok(accepted) = &accepted {
            quotas::give_back(room, Arc::clone(&service.scheduler), accepted.id.clone());
        }
        let replaced = accepted.iter().flat_map(|accepted| &accepted.replaced).map(|Replaced { file, path }| {
            format!("{file} replaces /{path}, which is the same package in another place or under another file name")
        });
        let warnings: Vec<String> = replaced.filter(|_| to.is_visible()).chain(warnings).collect();
        accepted.map(|accepted| AcceptedUpload { accepted, warnings, notes: Vec::new() }).map_err(|error| {
            match (error, format) {
                // the original knew architectures by file names only, and said this
                (IntakeError::Refused(refusal), Some(format)) if refusal.kind == RefusalKind::Architecture => unfit(
                    &refusal.file,
                    &*format,
                )
                .with_hint(format!("{}: see `architectures` of `repositories` in the configuration", refusal.reason)),
                (other, _) => to.problem(other),
            }
        })
    }
}

impl AcceptedUpload {
    /// The answer to the request that the upload was made with.
    pub async fn answer(self, service: &Service, parts: &Parts) -> Answer {
        let answer = answer(service, &self.accepted, StatusCode::CREATED, wait::left(parts)).await;
        with_notes(with_warnings(answer, &self.warnings), &self.notes)
    }
}

/// Makes the upload a promise and wakes the publisher, also when the client goes away meanwhile.
async fn accept(service: &Arc<Service>, batch: Batch, memory: BudgetShare<String>) -> Result<Accepted, IntakeError> {
    let service = Arc::clone(service);
    let is_large = batch.files.iter().map(Spooled::entries_bytes).sum::<u64>() > LARGE_BYTES;
    let work = async move {
        let _memory = memory;
        let _turn = if is_large { service.scheduler.publisher().turn().await } else { None };
        let Batch { actor, reception, to, place, files, listed, aside, .. } = batch;
        let (count, bytes) = (files.len(), files.iter().map(Spooled::size_bytes).sum::<u64>());
        let to_place = move |file: Spooled| file.into_received(place.clone());
        let received = move || files.into_iter().map(to_place).collect::<io::Result<Vec<_>>>();
        let received = spawn_blocking(received).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        let received = received.map_err(|error| RepositoryError::damaged("what was received", error))?;
        // the files go when this ends
        let (_kept, files): (Vec<_>, Vec<_>) = received.into_iter().unzip();
        let to = intake::Destination { listed, ..intake::Destination::all(to.targets(), to.requester(&actor)) };
        let accepted = intake::accept(reception, to, files).await?;
        let names: Vec<&str> = accepted.repositories.iter().map(|repository| repository.as_str()).collect();
        tracing::info!(upload = %accepted.id, repositories = names.join(" "), files = count, bytes, "accepted");
        service.scheduler.take(&accepted);
        if let Err(error) = aside::forget(&**service.gate.store(), aside).await {
            tracing::warn!(%error, "RWS could not delete staged files of an upload; they stay for a day");
        }
        service.waiting.changed();
        Ok(accepted)
    };
    // records of many packages for many targets take a while to make: not on a thread that answers requests
    let (work, runtime) = (work.in_current_span(), Handle::current());
    let work = move || runtime.block_on(work);
    let accepted = low_priority::run_if(is_large, work).await;
    accepted.unwrap_or_else(|error| Err(RepositoryError::damaged("the upload", error).into()))
}

/// A file whose bytes were purged.
pub fn purged_content(name: &str) -> Problem {
    let message = format!("{name} has content that an administrator has purged. RWS kept nothing of it.");
    Problem::new(StatusCode::FORBIDDEN, "purged", message).of_file(name)
}

/// A file of another format.
pub fn unfit(name: &str, format: &dyn Format) -> Problem {
    let message = format!(
        "Can't upload the package to S3: The \"{name}\" file does not match the type of files used in the {}-based \
         repositories.",
        format.name()
    );
    Problem::bad_request("file-type", message).of_file(name)
}

/// Checks the product of an upload for a format.
///
/// # Errors
///
/// When the format asks for one and there is none, or none that can be one.
pub fn check_product(product: Option<&str>, format: &dyn Format) -> Result<(), Problem> {
    let Some(rule) = format.product_rule() else { return Ok(()) };
    let Some(product) = product.filter(|product| !product.is_empty()) else {
        let message = format!(
            "Can't upload the package to S3: The \"product\" form is absent in request. The \"product\" form is used to \
             place package files in {} repositories. Example: {}",
            format.name(),
            rule.example,
        );
        return Err(Problem::bad_request("product", message));
    };
    (rule.check)(product).map_err(|reason| {
        Problem::bad_request("product", format!("The \"product\" form is not a valid product name: {reason}."))
    })
}

/// The same answer with a header for each warning, which the log has too.
pub fn with_warnings(answer: Answer, warnings: &[String]) -> Answer {
    for warning in warnings.iter().take(MOST_WARNINGS) {
        tracing::warn!(warning, "taken with a warning");
    }
    with_notes(answer, warnings)
}

/// The same answer with a header for each thing to know (RFC 9111 has dropped `Warning`; this one is our own): the body stays
/// what jobs for the original expect.
pub fn with_notes(mut answer: Answer, notes: &[String]) -> Answer {
    for warning in notes.iter().take(MOST_WARNINGS) {
        if let Ok(value) = HeaderValue::from_str(&warning.escape_default().to_string()) {
            answer.headers_mut().append(WARNING_HEADER, value);
        }
    }
    answer
}

/// The answer to an accepted change: `done` at once, or, for a client that waits, once it is published.
pub async fn answer(service: &Service, accepted: &Accepted, done: StatusCode, wait: Option<Duration>) -> Answer {
    let status = format!("/-/status/{}", accepted.id);
    let progress = match wait {
        Some(time) => service.scheduler.wait(&accepted.id, time).await,
        None => Progress::Published(Default::default()),
    };
    let mut answer = match progress {
        Progress::Published(_) => message(done, "OK"),
        Progress::Pending => json(StatusCode::ACCEPTED, &serde_json::json!({ "message": "OK", "status": status })),
        Progress::Failed(reason) => Problem::new(StatusCode::CONFLICT, "not-published", reason).answer(),
    };
    if let Ok(value) = HeaderValue::from_str(&status) {
        answer.headers_mut().insert(STATUS_HEADER, value);
    }
    answer
}
