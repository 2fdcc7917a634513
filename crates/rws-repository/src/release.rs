//! Release packages: they bring clients the keys and the client file of a repository. One is uploaded where there is none, or
//! where what it would say now is something else.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use rws_model::{
    BuiltPackage, ClientSetup, Identity, PackagePlace, Reading, ReleasePackage, RepositoryId, Sha256, release_version,
    released_at, sha256,
};
use rws_store::{LocalFile, Store};

use crate::actor::Actor;
use crate::catalogue::ConfiguredTarget;
use crate::error::{IntakeError, RepositoryError};
use crate::inspection::Inspection;
use crate::intake::{self, Accepted, Destination, FileLocation, ReceivedFile};
use crate::limits::Requester;
use crate::package_signing::SPOOL_PREFIX;
use crate::presence::Presence;
use crate::reception::IncomingFiles;

/// Who is named as the maintainer where the key names nobody.
const MAINTAINER: &str = "RWS <rws@localhost>";

/// What there was to do for a target.
#[derive(Debug)]
pub enum Released {
    /// Its repositories have this version, which says what one would say now.
    Unchanged {
        /// The version.
        version: String,
    },
    /// One was made and taken.
    Made {
        /// Its file.
        file: String,
        /// The upload.
        accepted: Accepted,
    },
    /// There is none: the repository is not signed, or packages of its format bring no keys.
    None,
}

/// Makes the release package of a target, unless its repositories have it. `spool` is a local directory.
///
/// # Errors
///
/// When the package cannot be taken, as that of any uploader, the store fails, or a repository is damaged.
pub async fn release(
    store: &Arc<dyn Store>,
    target: &Arc<ConfiguredTarget>,
    name: &str,
    setup: &ClientSetup<'_>,
    spool: &Path,
) -> Result<Released, IntakeError> {
    let maintainer = maintainer(target);
    let built = |built_at: i64| {
        let version = release_version(built_at);
        let package = ReleasePackage { name, version: &version, built_at, maintainer: &maintainer, setup };
        target.format.release_package(&package)
    };
    let mut newest: Option<(i64, String)> = None;
    let mut contents: BTreeMap<RepositoryId, BTreeMap<String, Sha256>> = BTreeMap::new();
    for repository in target.repositories() {
        let presence = Presence::load(&**store, target, &repository).await?;
        let of_name = |identity: &Identity| target.format.release_package_version(name, identity);
        for identity in presence.identities()? {
            let Some(version) = of_name(&identity) else { continue };
            let (Some(at), Some(content)) = (released_at(&version), presence.content(&identity)?) else { continue };
            if newest.as_ref().is_none_or(|(known, _)| at > *known) {
                newest = Some((at, version.clone()));
            }
            contents.entry(repository.clone()).or_default().insert(version, content);
        }
    }
    if let Some((at, version)) = &newest {
        let Some(BuiltPackage { bytes, .. }) = built(*at) else { return Ok(Released::None) };
        let content = sha256(&bytes);
        // whatever repositories it is for: one that has an earlier version only gets the next one
        let is_newest = |of: &BTreeMap<String, Sha256>| of.get(version) == Some(&content);
        if !contents.is_empty() && contents.values().all(is_newest) {
            return Ok(Released::Unchanged { version: version.clone() });
        }
    }
    let now = store.clock_milliseconds().await? / 1000;
    let built_at = newest.map_or(now, |(at, _)| now.max(at + 1));
    let Some(BuiltPackage { file, bytes }) = built(built_at) else { return Ok(Released::None) };
    let mut inspection = Inspection::new(&*target.format, &file, Reading::Whole);
    inspection.push(&bytes)?;
    let inspected = inspection.finish()?;
    let mut spooled = tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(spool).map_err(IntakeError::Disk)?;
    spooled.write_all(&bytes).map_err(IntakeError::Disk)?;
    let path = spooled.into_temp_path();
    let reception = IncomingFiles::begin(Arc::clone(store)).await?;
    let to = Destination {
        is_release: true,
        ..Destination::all(std::slice::from_ref(target), Requester::unlimited(&RELEASE))
    };
    let location = FileLocation::Disk(LocalFile::whole(&*path));
    let files = vec![ReceivedFile { file: location, inspected, place: PackagePlace::of_product(name) }];
    let accepted = intake::accept(reception, to, files).await?;
    Ok(Released::Made { file: file.to_string(), accepted })
}

/// RWS makes these packages itself.
static RELEASE: Actor = Actor::itself("release-package");

/// Whoever the key names, in one line.
fn maintainer(target: &ConfiguredTarget) -> String {
    let of_key = target.signer.as_ref().and_then(|signer| signer.user_id());
    let fits = |user: &String| user.contains('<') && user.ends_with('>') && !user.contains(char::is_control);
    of_key.filter(fits).unwrap_or_else(|| MAINTAINER.to_owned())
}

/// Whether a package has the name of the release package of a target, which nobody may upload.
pub fn is_reserved(target: &ConfiguredTarget, identity: &Identity) -> bool {
    let name = target.release_package.as_deref();
    name.is_some_and(|name| target.format.release_package_version(name, identity).is_some())
}

/// The repositories of a target that have a generation: a release package makes none.
///
/// # Errors
///
/// When the store fails.
pub async fn is_published(store: &dyn Store, target: &ConfiguredTarget) -> Result<bool, RepositoryError> {
    for repository in target.repositories() {
        if crate::generation::Heads(store).stat(&repository).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
