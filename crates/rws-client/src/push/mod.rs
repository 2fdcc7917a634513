//! `rws push`: checks packages, uploads them, waits until they are published, and says how to install them.

mod check;
mod form;
mod outcome;
mod plan;
mod report;
mod send;

use std::path::PathBuf;
use std::time::Duration;

use http::Method;
use rws_model::{Formats, RepositorySettings};
use serde_json::{Value, json};

use self::check::Checked;
use self::plan::Plan;
use self::report::{Report, size};
use self::send::Outcome;
use crate::address::Destination;
use crate::environment::Environment;
use crate::error::ClientError;
use crate::output::say;
use crate::remote::Remote;
use crate::retry;

/// What is pushed, and where to.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct PushArguments {
    /// Address of the repository, such as https://rws.example.org/live/2.11/ubuntu/focal; with RWS_SERVER its path alone
    #[arg(value_name = "URL")]
    to: String,
    /// Packages: .deb, .rpm, .dsc or .changes; what a .dsc or a .changes names comes along
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Directory in the pool of an apt repository [default: the name of the source package]
    #[arg(long, value_name = "NAME")]
    product: Option<String>,
    /// Component of an apt repository, such as contrib [default: the first that is configured]
    #[arg(long, value_name = "NAME")]
    component: Option<String>,
    /// Send packages of debug symbols (.ddeb), for a repository that publishes them
    #[arg(long)]
    debug_packages: bool,
    /// Check the files and say what would be sent; nothing is
    #[arg(long)]
    dry_run: bool,
    /// End when the service has the packages, without waiting until they are published
    #[arg(long)]
    no_wait: bool,
    /// How long to wait until they are published
    #[arg(long, value_name = "SECONDS", default_value = "300", conflicts_with = "no_wait")]
    timeout: u64,
    /// How many uploads are sent at the same time
    #[arg(long, value_name = "NUMBER", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// How often a request is repeated when the service is busy or the network fails
    #[arg(long, value_name = "NUMBER", default_value_t = retry::RETRIES)]
    retries: u32,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  RWS_USER=ci RWS_PASSWORD=… rws push https://rws.example.org/live/2.11/ubuntu/focal build/*
  rws push --dry-run https://rws.example.org/live/2.11/el/9 build/*.rpm

The login is never on the command line. It is the first of these that there is:
  1. RWS_TOKEN
  2. RWS_USER and RWS_PASSWORD
  3. ~/.config/rws/client.json (mode 600), or the file in RWS_CLIENT_CONFIG:
     {\"services\": {\"https://rws.example.org\": {\"token\": \"rws_…\"}}}, or \"user\" and \"password\"
  4. ~/.netrc, or the file in NETRC: machine rws.example.org login ci password …
  5. RWS_ID_TOKEN: the token of a CI job; in GitLab an id_token of this name
  6. In GitHub Actions the token of the job, with the permission id-token: write

Exit codes: 0 done; 2 wrong use; 3 a package or the request is refused; 4 not logged in or not allowed; 5 accepted but not
published in time; 6 conflict with what is published; 7 the service or the network failed, after repetitions.
To push the same files again is always safe: it changes nothing.";

/// Pushes.
///
/// # Errors
///
/// What stops it, or the first of the uploads that failed.
pub async fn run(arguments: PushArguments, environment: &Environment, formats: &Formats) -> Result<(), ClientError> {
    let report = Report::new(environment);
    let to = Destination::parse(&arguments.to, environment.text("RWS_SERVER")?)?;
    // a login that cannot be used is said before files are read for a long time
    let says = report.clone();
    let remote = Remote::at(to.service.clone(), environment)?;
    let remote = remote.repeating(arguments.retries, move |line| says.warning(line));
    report.step("Check the packages");
    let checked = checked(&arguments, formats).await?;
    let plan = plan::plan(&checked, arguments.product.as_deref(), to.target().as_ref());
    let told = plan.and_then(|plan| tell(&checked, plan, &report));
    report.end_step();
    let plan = told?;
    let outcomes = match arguments.dry_run {
        true => None,
        false => Some(transfer(&remote, &to, &plan, (&arguments, &report)).await),
    };
    // some clients are told of keys by a command of their own
    let is_published = |outcomes: &Vec<Outcome>| outcomes.iter().any(|one| matches!(one, Outcome::Published(..)));
    let is_signed = match outcome::keys(&to).filter(|_| outcomes.as_ref().is_some_and(is_published)) {
        Some(keys) => remote.ask_text(Method::GET, &keys, None).await.is_ok(),
        None => true,
    };
    let install = outcome::install(&to, &*checked.format, &plan, is_signed);
    finish(&arguments, &to, (&plan, install), outcomes)
}

async fn checked(arguments: &PushArguments, formats: &Formats) -> Result<Checked, ClientError> {
    let (paths, formats) = (arguments.files.clone(), formats.clone());
    let settings = RepositorySettings { debug_packages: arguments.debug_packages, ..RepositorySettings::default() };
    let checked = tokio::task::spawn_blocking(move || check::check(&paths, &formats, &settings)).await;
    checked.unwrap_or_else(|error| Err(ClientError::Failed(format!("the packages could not be checked: {error}"))))
}

/// Says what was found; ends a push with a package that would be refused.
fn tell<'a>(checked: &Checked, plan: Plan<'a>, report: &Report) -> Result<Plan<'a>, ClientError> {
    for note in checked.notes.iter().chain(&plan.notes) {
        report.line(note);
    }
    for upload in &plan.uploads {
        let product = upload.product.as_ref().map(|product| format!(", product {product}")).unwrap_or_default();
        report.line(format_args!("{}: good, {}{product}", upload.title(), size(upload.size_bytes())));
    }
    let refusals: Vec<_> = checked.refusals.iter().chain(&plan.refusals).collect();
    for refusal in &refusals {
        let hint = refusal.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        report.error(format_args!("{refusal}{hint}"));
    }
    match refusals.first() {
        None if plan.uploads.is_empty() => Err(ClientError::Usage("there is nothing to upload".to_owned())),
        None => Ok(plan),
        Some(_) => {
            let count = refusals.len();
            Err(ClientError::Refused(format!("nothing was sent: the service would refuse {count} of the files")))
        }
    }
}

async fn transfer(
    remote: &Remote,
    to: &Destination,
    plan: &Plan<'_>,
    (arguments, report): (&PushArguments, &Report),
) -> Vec<Outcome> {
    let login = match remote.credentials() {
        somebody if somebody.is_somebody() => format!("with {}", somebody.description()),
        _ => "without a login".to_owned(),
    };
    report.step(&format!("Upload to {}/{} {login}", to.service, to.path));
    report.begin_bytes(plan.uploads.iter().map(plan::PlannedUpload::size_bytes).sum());
    let outcomes =
        send::send(remote, to, (&plan.uploads, arguments.component.as_deref()), (arguments.jobs.into(), report)).await;
    report.end_bytes();
    report.end_step();
    let has_some = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Accepted(_)));
    if arguments.no_wait || !has_some {
        return outcomes;
    }
    report.step("Wait until they are published");
    let outcomes = send::wait(remote, outcomes, Duration::from_secs(arguments.timeout)).await;
    for (outcome, upload) in outcomes.iter().zip(&plan.uploads) {
        match outcome {
            Outcome::Published(_, repositories) => {
                let names: Vec<&str> = repositories.keys().map(String::as_str).collect();
                report.line(format_args!("published {} in {}", upload.name(), names.join(", ")));
            }
            Outcome::Accepted(_) => {
                report.line(format_args!("{}: the service does not say when it is published", upload.name()));
            }
            Outcome::Failed(ClientError::Unpublished(error) | ClientError::Conflict(error)) => {
                report.failed(format_args!("{}: {error}", upload.name()), plan.uploads.len());
            }
            Outcome::Failed(_) | Outcome::NotSent => {}
        }
    }
    report.end_step();
    outcomes
}

/// Says what was done on standard output.
fn finish(
    arguments: &PushArguments,
    to: &Destination,
    (plan, install): (&Plan<'_>, Option<String>),
    outcomes: Option<Vec<Outcome>>,
) -> Result<(), ClientError> {
    let all: Vec<Option<&Outcome>> = match &outcomes {
        Some(outcomes) => outcomes.iter().map(Some).collect(),
        None => plan.uploads.iter().map(|_| None).collect(),
    };
    let uploads: Vec<Value> =
        plan.uploads.iter().zip(all).map(|(upload, outcome)| outcome::upload_json(upload, outcome)).collect();
    let failure = outcomes.and_then(outcome::failure);
    if arguments.json {
        say(json!({
            "service": to.service,
            "target": to.path,
            "dry_run": arguments.dry_run,
            "uploads": uploads,
            "install": install,
            "exit_code": failure.as_ref().map_or(0, ClientError::exit_code),
        }))?;
    } else if let Some(install) = install.filter(|_| failure.is_none() && !arguments.dry_run) {
        say("Install it:")?;
        for line in install.lines() {
            say(format_args!("  {line}"))?;
        }
    }
    failure.map_or(Ok(()), Err)
}
