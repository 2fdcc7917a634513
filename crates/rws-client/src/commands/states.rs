//! `rws promote`, `delete`, `retain` and `rollback`: changes of what repositories have.

use http::Method;
use serde_json::{Value, json};

use crate::address::{encoded, quoted};
use crate::change::ChangeArguments;
use crate::environment::Environment;
use crate::error::ClientError;
use crate::remote::Remote;

/// Which packages go where.
#[derive(Clone, Debug, clap::Args)]
pub struct PromoteArguments {
    #[command(flatten)]
    change: ChangeArguments,
    /// Target that has the packages, such as live/1.10/el/8
    #[arg(value_name = "FROM")]
    from: String,
    /// Target that gets them, such as release/1.10/el/8; may be given several times
    #[arg(long, value_name = "TARGET", required = true)]
    to: Vec<String>,
    /// Packages: NAME or NAME=VERSION, with * and ?
    #[arg(value_name = "PACKAGE", required_unless_present = "all", conflicts_with = "all")]
    packages: Vec<String>,
    /// All packages
    #[arg(long)]
    all: bool,
    /// Leave out the sources that the packages were built from
    #[arg(long)]
    no_sources: bool,
    /// Replace packages that are there with other content
    #[arg(long)]
    replace: bool,
    /// Kinds of metadata that come along, such as updateinfo
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    metadata: Vec<String>,
    /// Component of apt repositories that they go to, such as contrib [default: the one that each has]
    #[arg(long, value_name = "NAME")]
    component: Option<String>,
    /// Promote to a target that more people may read
    #[arg(long)]
    disclose: bool,
}

/// What is removed.
#[derive(Clone, Debug, clap::Args)]
pub struct DeleteArguments {
    #[command(flatten)]
    change: ChangeArguments,
    /// Target, such as live/1.10/el/8
    #[arg(value_name = "TARGET")]
    target: String,
    /// Package: NAME or NAME=VERSION, with * and ?
    #[arg(value_name = "PACKAGE")]
    package: String,
    /// Only of this architecture, with * and ?
    #[arg(long, value_name = "ARCHITECTURE")]
    architecture: Option<String>,
}

/// Where the rules of retention are applied.
#[derive(Clone, Debug, clap::Args)]
pub struct RetainArguments {
    #[command(flatten)]
    change: ChangeArguments,
    /// Targets, or patterns of them such as live/*/el/*
    #[arg(value_name = "TARGET", required = true)]
    targets: Vec<String>,
}

/// Who gets which packages.
#[derive(Clone, Debug, clap::Args)]
pub struct PhaseArguments {
    #[command(flatten)]
    change: ChangeArguments,
    /// Target, such as live/1.10/debian/bookworm
    #[arg(value_name = "TARGET")]
    target: String,
    /// Packages: NAME or NAME=VERSION, with * and ?
    #[arg(value_name = "PACKAGE", required = true)]
    packages: Vec<String>,
    /// How many machines out of a hundred get them; at 100 all do
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(0..=100))]
    percentage: u8,
}

/// What is published again.
#[derive(Clone, Debug, clap::Args)]
pub struct RollbackArguments {
    #[command(flatten)]
    change: ChangeArguments,
    /// Target, such as live/1.10/el/8
    #[arg(value_name = "TARGET")]
    target: String,
    /// A generation, a pin, or a time like 20260301T120000Z
    #[arg(value_name = "STATE")]
    to: String,
    /// Only this repository of the target, such as live/1.10/el/8/x86_64
    #[arg(long, value_name = "REPOSITORY")]
    repository: Option<String>,
}

/// Copies packages to other targets.
pub async fn promote(arguments: PromoteArguments, environment: &Environment) -> Result<(), ClientError> {
    let PromoteArguments { change, from, to, packages, all, no_sources, replace, metadata, disclose, component } =
        arguments;
    let packages: Value = if all { json!("all") } else { json!(packages) };
    let body = json!({
        "from": from, "to": to, "packages": packages, "sources": !no_sources, "replace": replace, "metadata": metadata,
        "disclose": disclose, "dry_run": change.dry_run, "component": component,
    });
    post(&change, environment, "/-/promote", &body).await
}

/// Changes who gets packages that are published.
pub async fn phase(arguments: PhaseArguments, environment: &Environment) -> Result<(), ClientError> {
    let PhaseArguments { change, target, packages, percentage } = arguments;
    let body = json!({ "target": target, "packages": packages, "percentage": percentage, "dry_run": change.dry_run });
    post(&change, environment, "/-/phase", &body).await
}

/// Removes packages.
pub async fn delete(arguments: DeleteArguments, environment: &Environment) -> Result<(), ClientError> {
    let DeleteArguments { change, target, package, architecture } = arguments;
    let (name, version) = match package.split_once('=') {
        Some((name, version)) => (name, Some(version)),
        None => (package.as_str(), None),
    };
    let mut path = format!("/{}?name={}", encoded(&target), quoted(name));
    let further =
        [("version", version), ("architecture", architecture.as_deref()), ("dry_run", change.dry_run.then_some("1"))];
    for (key, value) in further.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        path.push_str(&format!("&{key}={}", quoted(value)));
    }
    let remote = Remote::new(&change.remote, environment)?;
    change.ask(&remote, Method::DELETE, &path, None).await
}

/// Applies the rules of retention now.
pub async fn retain(arguments: RetainArguments, environment: &Environment) -> Result<(), ClientError> {
    let RetainArguments { change, targets } = arguments;
    post(&change, environment, "/-/retain", &json!({ "targets": targets, "dry_run": change.dry_run })).await
}

/// Publishes an earlier state again.
pub async fn rollback(arguments: RollbackArguments, environment: &Environment) -> Result<(), ClientError> {
    let RollbackArguments { change, target, to, repository } = arguments;
    let body = json!({ "target": target, "to": to, "repository": repository, "dry_run": change.dry_run });
    post(&change, environment, "/-/rollback", &body).await
}

async fn post(
    change: &ChangeArguments,
    environment: &Environment,
    path: &str,
    body: &Value,
) -> Result<(), ClientError> {
    let remote = Remote::new(&change.remote, environment)?;
    change.ask(&remote, Method::POST, path, Some(body)).await
}
