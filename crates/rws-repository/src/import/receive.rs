//! A package and the files that it names, brought to the local disk and inspected on their way.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::sync::atomic::Ordering;

use futures::StreamExt;
use rws_model::{FileName, Inspected, PackagePlace, Reading, Role, Sha256};
use rws_store::LocalFile;
use tempfile::TempPath;

use super::{ImportError, Importer, PlannedFile};
use crate::error::IntakeError;
use crate::inspection::Inspection;
use crate::intake::{FileLocation, ReceivedFile};
use crate::package_signing::SPOOL_PREFIX;
use crate::plan::join;

/// A file that was received. It goes with the value.
pub(super) struct Received {
    /// Its path in the source.
    pub(super) path: String,
    pub(super) received: ReceivedFile,
    _file: TempPath,
}

/// What a file of the source is.
pub(super) enum Group {
    /// A package, with the files that it names behind it.
    Package(Vec<Received>),
    /// The target has it.
    Present(Sha256),
    /// It is a package only with another one that names it.
    Part,
    /// It is none.
    LeftOut,
    /// It cannot be taken: why.
    Refused(String),
}

impl Importer<'_> {
    /// Receives a file, and what it names.
    pub(super) async fn group(
        &self,
        by_path: &HashMap<&str, &PlannedFile>,
        file: &PlannedFile,
        present: &HashSet<Sha256>,
    ) -> Result<Group, ImportError> {
        let first = match self.receive(file).await? {
            Ok(first) => first,
            Err(reason) => return Ok(Group::Refused(reason)),
        };
        let inspected = first.received.inspected.clone();
        match inspected.role {
            Role::Part => return Ok(Group::Part),
            Role::Listing => return Ok(Group::LeftOut),
            Role::Binary | Role::Source if present.contains(&inspected.file.digests.sha256) => {
                return Ok(Group::Present(inspected.file.digests.sha256));
            }
            Role::Binary | Role::Source => {}
        }
        let mut group = vec![first];
        let directory = file.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        for named in &inspected.names {
            let path = join(directory, named.name.as_str());
            let planned = by_path.get(path.as_str()).map(|planned| (*planned).clone());
            let planned = planned.unwrap_or(PlannedFile { path, size_bytes: named.size_bytes, sha256: None });
            match self.receive(&planned).await? {
                Ok(part) => group.push(part),
                Err(reason) => return Ok(Group::Refused(reason)),
            }
        }
        let product = match self.product(&inspected) {
            Ok(product) => product,
            Err(reason) => return Ok(Group::Refused(reason)),
        };
        let place = PackagePlace { product, component: self.component.map(str::to_owned) };
        group.iter_mut().for_each(|one| one.received.place.clone_from(&place));
        Ok(Group::Package(group))
    }

    /// The product that was given, or the name of the source package; `None` where the format asks for none.
    fn product(&self, inspected: &Inspected) -> Result<Option<String>, String> {
        let Some(rule) = self.format.product_rule() else { return Ok(None) };
        let of_source = || match inspected.role {
            Role::Source => Some(self.format.package_name(&inspected.identity, Some(&inspected.file.name))?.name),
            _ => {
                let source = self.format.relations(inspected).source?;
                Some(self.format.source_package(&source).to_owned())
            }
        };
        let product = self.product.map(str::to_owned).or_else(of_source);
        let Some(product) = product else {
            return Err("it does not say which source it is of: say --product NAME".to_owned());
        };
        (rule.check)(&product).map_err(|reason| format!("{product:?} is no name of a product: {reason}"))?;
        Ok(Some(product))
    }

    /// Brings one file to the local disk. The inner error is why it cannot be taken.
    async fn receive(&self, file: &PlannedFile) -> Result<Result<Received, String>, ImportError> {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        let name = match FileName::parse(name) {
            Ok(name) => self.format.published_name(name),
            Err(refusal) => return Ok(Err(refusal.to_string())),
        };
        let failed = |error: std::io::Error| ImportError::Source(format!("{}: {error}", file.path));
        let disk = |error| ImportError::Intake(IntakeError::Disk(error));
        let Some(mut pieces) = self.source.open(&file.path).await.map_err(failed)? else {
            return Ok(Err("it is not there".to_owned()));
        };
        let contents = self.targets.iter().any(|target| target.settings.contents);
        let reading = if contents { Reading::Contents } else { Reading::Whole };
        let mut inspection = Inspection::new(self.format, &name, reading);
        let mut spooled = tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(self.scratch).map_err(disk)?;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(failed)?;
            self.progress.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
            if let Err(refusal) = inspection.push(&piece) {
                return Ok(Err(refusal.to_string()));
            }
            spooled.write_all(&piece).map_err(disk)?;
        }
        spooled.flush().map_err(disk)?;
        self.progress.done.fetch_add(1, Ordering::Relaxed);
        let inspected = match inspection.finish() {
            Ok(inspected) => inspected,
            Err(refusal) => return Ok(Err(refusal.to_string())),
        };
        if file.sha256.is_some_and(|stated| stated != inspected.file.digests.sha256) {
            return Ok(Err("it has other bytes than the index of the source says".to_owned()));
        }
        let path = spooled.into_temp_path();
        let location = FileLocation::Disk(LocalFile::whole(&*path));
        let received = ReceivedFile { file: location, inspected, place: PackagePlace::default() };
        Ok(Ok(Received { path: file.path.clone(), received, _file: path }))
    }
}
