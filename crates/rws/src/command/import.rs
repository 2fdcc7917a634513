//! `rws import`: packages of a repository that another tool made, or of a plain directory.

mod source;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rws_repository::import::{ImportPlan, ImportProgress, ImportSource, Imported, Importer};
use serde_json::json;

use super::output::{complain, say};
use super::progress::{draw, is_drawn};
use crate::configuration::Configuration;
use crate::installation::Installation;
use source::{Directory, Remote};

/// How often the line on the terminal is drawn.
const DRAWN: Duration = Duration::from_millis(200);

/// Without a terminal a line is written so often.
const SAID: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub struct ImportArguments {
    /// Directory or http(s) URL of a repository (with dists/ or repodata/), or a directory with packages
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Where the packages go: kind/series/distribution/version, or an anchor
    #[arg(value_name = "PATH")]
    target: String,
    /// Name of the repository in an archive that has several: the directory below dists/ [default: the version of the target]
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
    /// Directory in the pool of an apt repository for all packages [default: the name of the source package of each]
    #[arg(long, value_name = "NAME")]
    product: Option<String>,
    /// Component of an apt repository for all packages [default: the first one of the repository]
    #[arg(long, value_name = "NAME")]
    component: Option<String>,
    /// PEM file of certificate authorities to trust for https beside those of the system
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Say what there is to import; nothing is
    #[arg(long)]
    dry_run: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
    /// Directory of the repositories, instead of RWS_DATA_DIR [default: ./rws-data]
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
}

/// Imports. Safe beside running servers.
///
/// # Errors
///
/// When the source or the store cannot be used, or a package did not come.
pub async fn run(arguments: &ImportArguments, configuration: &Configuration) -> anyhow::Result<()> {
    let source: Box<dyn ImportSource> = match source::is_url(&arguments.source) {
        true => Box::new(Remote::new(&arguments.source, arguments.ca_file.as_deref())?),
        false => Box::new(Directory::new(&arguments.source)?),
    };
    let installation = Installation::open(configuration)?;
    let path = arguments.target.trim_matches('/');
    let targets = installation.catalogue.resolve(path).with_context(|| format!("{path:?} names no repository"))?;
    let [first, others @ ..] = targets.as_slice() else { bail!("{path:?} names no repository") };
    if let Some(other) = others.iter().find(|other| other.format.name() != first.format.name()) {
        bail!("{path:?} names repositories of two formats: {} and {}", first.target, other.target);
    }
    let suite = arguments.suite.as_ref().unwrap_or(&first.target.version);
    let (publisher, progress) = (installation.publisher(), ImportProgress::default());
    let importer = Importer {
        source: &*source,
        publisher: &publisher,
        store: &installation.place.store,
        targets: &targets,
        format: &*first.format,
        product: arguments.product.as_deref(),
        component: arguments.component.as_deref(),
        scratch: &installation.place.spool,
        progress: &progress,
    };
    let plan = importer.plan(suite).await?;
    if arguments.dry_run {
        return tell_plan(arguments, &plan);
    }
    installation.place.connect_to_write().await?;
    let imported = shown(plan.files.len(), &progress, importer.run(&plan)).await;
    installation.place.release().await;
    let imported = imported?;
    tell(arguments, &imported)?;
    let failed = imported.refused.len() + imported.missing.len();
    ensure!(failed == 0, "{failed} of {} files are not in {path}", imported.files);
    Ok(())
}

fn tell_plan(arguments: &ImportArguments, plan: &ImportPlan) -> anyhow::Result<()> {
    let bytes: u64 = plan.files.iter().map(|file| file.size_bytes).sum();
    if arguments.json {
        let paths: Vec<&str> = plan.files.iter().map(|file| file.path.as_str()).collect();
        let said = json!({ "files": paths, "bytes": bytes, "indexed": plan.is_indexed, "metadata": plan.metadata });
        return say(said);
    }
    for file in &plan.files {
        say(format_args!("{} ({} bytes)", file.path, file.size_bytes))?;
    }
    let by = if plan.is_indexed { "the index lists" } else { "there is no index; there are" };
    say(format_args!("{by} {} files with {bytes} bytes", plan.files.len()))
}

fn tell(arguments: &ImportArguments, imported: &Imported) -> anyhow::Result<()> {
    for (path, reason) in &imported.refused {
        complain(format_args!("{path}: {reason}"));
    }
    for path in &imported.missing {
        complain(format_args!("{path}: the target does not have it, and nothing says why: import again"));
    }
    for path in &imported.left_out {
        complain(format_args!("note: {path} is no package, and no source names it"));
    }
    if !imported.metadata.is_empty() {
        let kinds = imported.metadata.join(", ");
        complain(format_args!("note: metadata is not imported: {kinds}; upload it with PUT /-/metadata/…"));
    }
    if arguments.json {
        return say(json!(imported));
    }
    let Imported { files, present, imported, refused, missing, .. } = imported;
    let noun = if *imported == 1 { "package" } else { "packages" };
    let counts = format!("{imported} {noun} imported, {present} of {files} files were there");
    say(format_args!("{counts}, {} refused, {} missing", refused.len(), missing.len()))
}

/// Says how far it is: draws it on a terminal, else writes a line once in a while.
async fn shown<T>(files: usize, progress: &ImportProgress, work: impl Future<Output = T>) -> T {
    let (is_drawn, mut work) = (is_drawn(), std::pin::pin!(work));
    let every = if is_drawn { DRAWN } else { SAID };
    loop {
        match tokio::time::timeout(every, &mut work).await {
            Ok(done) => {
                if is_drawn {
                    draw("");
                }
                return done;
            }
            Err(_) => {
                let [done, bytes] = [&progress.done, &progress.bytes].map(|count| count.load(Ordering::Relaxed));
                let line = format!("{done} of {files} files, {} MiB read", bytes >> 20);
                match is_drawn {
                    true => draw(&line),
                    false => complain(line),
                }
            }
        }
    }
}
