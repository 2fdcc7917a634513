//! `rws release-package`: makes the packages that bring clients keys and client files.

use std::sync::Arc;

use anyhow::{anyhow, bail, ensure};
use rws_repository::publish::Triggers;
use rws_repository::release::Released;
use rws_repository::tree::Tree;
use rws_server::{Gate, Keys, Reader, Releases};

use super::output::{complain, say};
use crate::configuration::Configuration;
use crate::configuration::process::URL;
use crate::configuration::repositories::{RELEASE_NAME, is_release_name};
use crate::configuration::store::is_url;
use crate::installation::Installation;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct ReleaseArguments {
    /// Paths as in uploads: kind/series/distribution/version, or an anchor
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,
    /// What the names of the packages are made of, instead of release_package in the configuration
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// URL at which clients reach the service, instead of server.public_url in the configuration
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Directory of the repositories, instead of RWS_DATA_DIR [default: ./rws-data]
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<std::path::PathBuf>,
}

/// Makes the release package of each target, unless its repositories have it. Safe beside running servers.
///
/// # Errors
///
/// When a path stands for nothing, a name or address is missing, the store cannot be used, or a package could not be made.
pub async fn run(configuration: &Configuration, arguments: &ReleaseArguments) -> anyhow::Result<()> {
    if let Some(name) = arguments.name.as_ref().filter(|name| !is_release_name(name)) {
        bail!("--name is {name:?}; allowed {RELEASE_NAME}");
    }
    if let Some(url) = arguments.url.as_ref().filter(|url| !is_url(url)) {
        bail!("--url is {url:?}; allowed {URL}");
    }
    let installation = Installation::open(configuration)?;
    let url = arguments.url.clone().or_else(|| configuration.server.service.public_url.clone());
    let base = url.ok_or_else(|| anyhow!("give the address of the service with --url, or set server.public_url"))?;
    let mut targets = Vec::new();
    for path in &arguments.paths {
        targets.extend(installation.catalogue.resolve(path.trim_matches('/'))?);
    }
    installation.place.connect_to_write().await?;
    let tree = Tree::new(Arc::clone(&installation.place.store), Arc::clone(&installation.catalogue));
    let gate = Arc::new(Gate::new(Arc::clone(&installation.catalogue), tree));
    let releases = Releases {
        gate: Arc::clone(&gate),
        keys: Keys::new(installation.keys.addresses(configuration)),
        base: base.trim_end_matches('/').to_owned(),
        spool: installation.place.spool.clone(),
    };
    let publisher = installation.publisher();
    let mut failed = 0;
    for target in &targets {
        let path = target.target.to_string();
        let name = arguments.name.as_ref().or(target.release_package.as_ref());
        let Some(name) = name else { bail!("{path} has no release_package in the configuration: give a --name") };
        let Ok(Some(readable)) = gate.readable_target(&Reader::itself(), &path) else { bail!("{path} is no target") };
        match releases.release(&readable, name).await {
            Ok(Released::Unchanged { version }) => say(format_args!("{path}: unchanged {version}"))?,
            Ok(Released::None) => {
                complain(format_args!("{path}: it is not signed, so there is nothing to bring to clients"));
                failed += 1;
            }
            Ok(Released::Made { file, accepted }) => {
                for repository in &accepted.repositories {
                    publisher.reconcile(repository, Triggers::NONE).await?;
                }
                say(format_args!("{path}: {file}"))?;
            }
            Err(error) => {
                complain(format_args!("{path}: {error}"));
                failed += 1;
            }
        }
    }
    installation.place.release().await;
    ensure!(failed == 0, "{failed} of {} targets have no release package", targets.len());
    Ok(())
}
