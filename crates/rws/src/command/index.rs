//! `rws index`: publishes a plain directory or bucket prefix, as the tool did that RWS replaces.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use rws_model::{Format, Formats, RepositoryId, RepositorySettings, Signer, Target};
use rws_openpgp::Keyring;
use rws_repository::catalogue::{Catalogue, ConfiguredTarget, Policy};
use rws_repository::publish::{Malformed, Publisher, Trigger, Triggers};
use rws_store::MountedStore;

use super::output::complain;
use super::plain_directory;
use super::progress::shown;
use super::sync::report;
use crate::configuration::environment::{
    RWS_SPOOL_DIR, S3_ACCESS_KEY, S3_BASE_PATH, S3_BUCKET, S3_PUBLIC_READ, S3_REGION, S3_SECRET_KEY, S3_SESSION_TOKEN,
    S3_URL,
};
use crate::configuration::{Configuration, Environment, Overrides, repositories};
use crate::installation::{self, StoreAccess, installation_above, signing};

/// The name under which a repository at the root of its store is known.
pub const MOUNT: &str = "repository";

/// What RWS says of a bucket where nothing else is said.
const REGION: &str = "us-east-1";

#[derive(Debug, clap::Args)]
pub struct IndexArguments {
    /// Directories, or s3://BUCKET/PREFIX: deb with pool/CODENAME/…, otherwise rpm. RWS keeps its own files there in .rws
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
    /// Sign with the key in GPG_SIGN_KEY_ARMORED
    #[arg(long)]
    sign: bool,
    /// Skip malformed packages and list them in malformed_list.txt instead of stopping
    #[arg(long)]
    force: bool,
    /// Local directory for temporary files
    #[arg(long, value_name = "DIRECTORY")]
    temp_dir: Option<PathBuf>,
    /// URL of the S3 service, instead of S3_URL
    #[arg(long, value_name = "URL")]
    s3_endpoint: Option<String>,
    /// Region of the bucket, instead of S3_REGION [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    s3_region: Option<String>,
    /// Access key id, instead of S3_ACCESS_KEY
    #[arg(long, value_name = "KEY")]
    s3_access_key_id: Option<String>,
    /// Secret access key. All users of this machine can see it on the command line: use S3_SECRET_KEY instead
    #[arg(long, value_name = "SECRET")]
    s3_secret_access_key: Option<String>,
    /// Let anonymous users read the public files
    #[arg(long)]
    s3_public_read: bool,
}

/// Publishes each repository.
///
/// # Errors
///
/// When a path cannot be used, or a repository could not be published.
pub async fn run(arguments: &IndexArguments, environment: &Environment, formats: &Formats) -> anyhow::Result<()> {
    let mut failed = 0;
    for path in &arguments.paths {
        match index(arguments, path, (environment, formats)).await.with_context(|| path.clone()) {
            Ok(true) => {}
            Ok(false) => failed += 1,
            // a wrong setting is wrong for all of them
            Err(error) if error.is::<crate::configuration::Mistake>() => return Err(error),
            Err(error) => {
                complain(format_args!("{error:#}"));
                failed += 1;
            }
        }
    }
    let count = arguments.paths.len();
    ensure!(failed == 0, "RWS could not publish {failed} of {count} repositories");
    Ok(())
}

/// Publishes what is at one path; whether all of it was good.
async fn index(
    arguments: &IndexArguments,
    path: &str,
    (environment, formats): (&Environment, &Formats),
) -> anyhow::Result<bool> {
    let configuration = configuration(arguments, path, environment, formats)?;
    let signer = signer(arguments, &configuration)?;
    if !path.starts_with("s3://")
        && let Some(above) = installation_above(Path::new(path))
    {
        bail!("it is part of the installation at {0}; use `rws sync --data-dir {0}`", above.display());
    }
    let place = StoreAccess::open(&configuration)?;
    if let Some(above) = place.installation_above().await? {
        bail!(
            "it is part of the installation at {above:?} in this bucket; use `rws sync` with the settings of that installation"
        );
    }
    let found = plain_directory::find(&*place.store, formats).await?;
    if found.is_empty() {
        bail!("it has no packages: {}", plain_directory::missing(formats));
    }
    place.connect_to_write().await?;
    let ids: Vec<RepositoryId> = found.iter().map(|(id, _)| id.clone()).collect();
    let targets = found.into_iter().map(|(repository, format)| (repository, target(format, signer.as_slice())));
    let catalogue = Catalogue::of_repositories(targets).with_formats(formats.clone());
    let store = Arc::new(MountedStore::new(Arc::clone(&place.store), MOUNT));
    let malformed = if arguments.force || configuration.force_sync { Malformed::Skip } else { Malformed::Stop };
    let publisher = Publisher::new(store, Arc::new(catalogue), malformed);
    let publisher = publisher.with_scratch(place.spool.clone());
    let triggers = Triggers::of(&[Trigger::Synchronise, Trigger::Start]);
    let mut good = true;
    for id in &ids {
        let outcome = shown(&publisher, publisher.reconcile(id, triggers)).await;
        let codename = id.as_str().strip_prefix(MOUNT).unwrap_or_default();
        good &= report(&format!("{}{codename}", path.trim_end_matches('/')), outcome)?;
    }
    place.release().await;
    Ok(good)
}

/// The configuration of one path: the environment's, with the bucket or the directory of the path.
fn configuration(
    arguments: &IndexArguments,
    path: &str,
    environment: &Environment,
    formats: &Formats,
) -> anyhow::Result<Configuration> {
    let environment = environment.clone();
    let given = |option: &Option<String>, otherwise: Option<&str>| option.clone().or(otherwise.map(str::to_owned));
    let spool = arguments.temp_dir.as_ref().map(|directory| directory.display().to_string());
    let environment = match spool {
        Some(spool) => environment.with([(RWS_SPOOL_DIR, Some(spool))]),
        None => environment,
    };
    let mut overrides = Overrides { without_users: true, ..Overrides::default() };
    let Some(bucket) = path.strip_prefix("s3://") else {
        overrides.data_directory = Some(PathBuf::from(path));
        ensure!(Path::new(path).is_dir(), "it is not a directory");
        let none = [
            S3_URL,
            S3_REGION,
            S3_BUCKET,
            S3_BASE_PATH,
            S3_ACCESS_KEY,
            S3_SECRET_KEY,
            S3_SESSION_TOKEN,
            S3_PUBLIC_READ,
        ];
        return Ok(Configuration::load(&overrides, &environment.with(none.map(|variable| (variable, None))), formats)?);
    };
    let (bucket, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
    let mut values = vec![(S3_BUCKET, Some(bucket.to_owned())), (S3_BASE_PATH, Some(prefix.to_owned()))];
    // a token of the environment belongs to the keys of the environment
    if arguments.s3_access_key_id.is_some() {
        values.push((S3_SESSION_TOKEN, None));
    }
    let region = (!environment.is_set(S3_REGION)).then_some(REGION);
    for (variable, value) in [
        (S3_URL, given(&arguments.s3_endpoint, None)),
        (S3_REGION, given(&arguments.s3_region, region)),
        (S3_ACCESS_KEY, given(&arguments.s3_access_key_id, None)),
        (S3_SECRET_KEY, given(&arguments.s3_secret_access_key, None)),
        (S3_PUBLIC_READ, arguments.s3_public_read.then(|| "1".to_owned())),
    ] {
        if value.is_some() {
            values.push((variable, value));
        }
    }
    Ok(Configuration::load(&overrides, &environment.with(values), formats)?)
}

fn signer(arguments: &IndexArguments, configuration: &Configuration) -> anyhow::Result<Option<Arc<dyn Signer>>> {
    match (&configuration.main_key, arguments.sign) {
        (_, false) => Ok(None),
        (Some(key), true) => {
            let key = Arc::new(signing::import(key, installation::now())?);
            Ok(Some(Arc::new(Keyring::of(key)?)))
        }
        (None, true) => bail!("--sign needs a key: set GPG_SIGN_KEY_ARMORED"),
    }
}

fn target(format: Arc<dyn Format>, signers: &[Arc<dyn Signer>]) -> ConfiguredTarget {
    let part = || MOUNT.to_owned();
    let target = Target { kind: part(), series: part(), distribution: part(), version: part() };
    // what its packages have, and no more
    let settings = RepositorySettings { architectures: Vec::new(), ..repositories::settings(&[], &target, &*format) };
    let signer = format.signer(signers);
    ConfiguredTarget {
        target,
        format,
        settings,
        policy: Policy::default(),
        signer,
        signing_problem: None,
        release_package: None,
        retention: None,
    }
}
