//! The store that is not the configured one.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rws_model::Formats;

use crate::configuration::environment::{
    RWS_BACKUP_S3_ACCESS_KEY, RWS_BACKUP_S3_REGION, RWS_BACKUP_S3_SECRET_KEY, RWS_BACKUP_S3_URL, RWS_CFG,
    S3_ACCESS_KEY, S3_BASE_PATH, S3_BUCKET, S3_PUBLIC_READ, S3_REGION, S3_SECRET_KEY, S3_SESSION_TOKEN, S3_URL,
};
use crate::configuration::{Configuration, Environment, Overrides, Source, StoreConfiguration};
use crate::installation::installation_above;

/// Of each variable the one that is used where it is not set.
const INSTEAD: [(crate::configuration::environment::Variable, crate::configuration::environment::Variable); 4] = [
    (RWS_BACKUP_S3_URL, S3_URL),
    (RWS_BACKUP_S3_REGION, S3_REGION),
    (RWS_BACKUP_S3_ACCESS_KEY, S3_ACCESS_KEY),
    (RWS_BACKUP_S3_SECRET_KEY, S3_SECRET_KEY),
];

/// The configuration of a place: a directory, or `s3://BUCKET/PREFIX`.
///
/// # Errors
///
/// When a variable is missing.
pub fn configuration(
    place: &str,
    configured: &Configuration,
    (environment, formats): (&Environment, &Formats),
) -> anyhow::Result<Configuration> {
    let mut overrides = Overrides { without_users: true, ..Overrides::default() };
    let Some(bucket) = place.strip_prefix("s3://") else {
        if place.is_empty() || place.contains("://") {
            bail!("{place:?} is no directory and no s3://BUCKET/PREFIX");
        }
        overrides.data_directory = Some(PathBuf::from(place));
        let none =
            [RWS_CFG, S3_URL, S3_REGION, S3_BUCKET, S3_BASE_PATH, S3_ACCESS_KEY, S3_SECRET_KEY, S3_SESSION_TOKEN];
        let environment = environment.clone().with(none.map(|variable| (variable, None)));
        return Ok(Configuration::load(&overrides, &environment, formats)?);
    };
    let (bucket, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
    if let Source::File(file) = &configured.source {
        overrides.file = Some(file.clone());
    }
    let text = |text: &str| Some(text.to_owned());
    let mut values = vec![
        (S3_BUCKET, text(bucket)),
        (S3_BASE_PATH, text(prefix.trim_matches('/'))),
        // a backup is nobody's to read
        (S3_PUBLIC_READ, text("0")),
    ];
    // a token of the environment belongs to the keys of the environment
    if environment.is_set(RWS_BACKUP_S3_ACCESS_KEY) {
        values.push((S3_SESSION_TOKEN, None));
    }
    for (variable, instead) in INSTEAD {
        if let Some(value) = environment.text(variable)? {
            values.push((instead, text(value)));
        }
    }
    let loaded = Configuration::load(&overrides, &environment.clone().with(values), formats);
    loaded.with_context(|| format!("{place}: RWS_BACKUP_S3_… or S3_… do not say how to reach it"))
}

/// Refuses a copy into itself.
///
/// # Errors
///
/// When both are one place, or one lies in the other.
pub fn check_apart(one: &Configuration, other: &Configuration) -> anyhow::Result<()> {
    let is_below = |above: &Path, below: &Path| below.starts_with(above);
    match (&one.store, &other.store) {
        (StoreConfiguration::Local { directory: one, .. }, StoreConfiguration::Local { directory: other, .. }) => {
            let whole = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
            let (one, other) = (whole(one)?, whole(other)?);
            if is_below(&one, &other) || is_below(&other, &one) {
                bail!("{} and {} are one place, or one lies in the other", one.display(), other.display());
            }
        }
        (
            StoreConfiguration::S3 { url: one_url, bucket: one_bucket, base_path: one, .. },
            StoreConfiguration::S3 { url, bucket, base_path: other, .. },
        ) if one_url == url && one_bucket == bucket => {
            let path = |text: &str| PathBuf::from(format!("/{}", text.trim_matches('/')));
            if is_below(&path(one), &path(other)) || is_below(&path(other), &path(one)) {
                bail!("s3://{bucket}/{one} and s3://{bucket}/{other} are one place, or one lies in the other");
            }
        }
        _ => {}
    }
    if let StoreConfiguration::Local { directory, .. } = &other.store
        && let Some(above) = installation_above(directory)
    {
        bail!("{} is part of the installation at {}", directory.display(), above.display());
    }
    Ok(())
}
