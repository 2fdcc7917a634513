//! Which files go together: what a list or a source names is one upload with it, every other package one of its own.

use std::collections::BTreeSet;

use rws_model::{Digests, Sha256};
use rws_model::{
    FileName, Format, Inspected, Listed, NamedFile, PackagePlace, Placement, RecordFile, Refusal, RefusalKind,
    RepositorySettings, Role, Target,
};

use super::check::{Checked, CheckedFile};
use crate::error::ClientError;

/// The files of one request.
#[derive(Debug)]
pub struct PlannedUpload<'a> {
    /// The file that stands for all: the list, the source, or the package.
    pub first: &'a CheckedFile,
    /// The others.
    pub others: Vec<&'a CheckedFile>,
    /// The product, where the format asks for one.
    pub product: Option<String>,
}

impl<'a> PlannedUpload<'a> {
    /// All files.
    pub fn files(&self) -> impl Iterator<Item = &'a CheckedFile> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// The name of the first file.
    pub fn name(&self) -> &'a FileName {
        &self.first.inspected.file.name
    }

    /// What it is, for people.
    pub fn title(&self) -> String {
        match self.others.len() {
            0 => self.name().to_string(),
            1 => format!("{} and 1 file that it names", self.name()),
            count => format!("{} and {count} files that it names", self.name()),
        }
    }

    /// Its size without what a form adds.
    pub fn size_bytes(&self) -> u64 {
        self.files().map(|file| file.inspected.file.size_bytes).sum()
    }
}

/// All uploads, and what is said of the files that belong to none.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The uploads.
    pub uploads: Vec<PlannedUpload<'a>>,
    /// What is left out or missing, a sentence each.
    pub notes: Vec<String>,
    /// What the server would refuse.
    pub refusals: Vec<Refusal>,
}

/// Groups the files. `product` is the one that was given; else each upload has that of its source.
///
/// # Errors
///
/// When a product is needed and can be neither found nor used.
pub fn plan<'a>(checked: &'a Checked, product: Option<&str>, target: Option<&Target>) -> Result<Plan<'a>, ClientError> {
    let mut plan = Plan { uploads: Vec::new(), notes: Vec::new(), refusals: Vec::new() };
    let mut taken = BTreeSet::new();
    let lists = checked.of(Role::Listing).filter(|list| !list.inspected.names.is_empty());
    let sources = checked.of(Role::Source);
    for first in lists.chain(sources).chain(checked.of(Role::Binary)) {
        let name = &first.inspected.file.name;
        let is_list = first.inspected.role == Role::Listing;
        if !is_list && taken.contains(name) {
            continue;
        }
        let (present, absent): (Vec<_>, Vec<_>) =
            first.inspected.names.iter().partition(|named| checked.files.contains_key(&named.name));
        let others: Vec<_> = present.iter().filter_map(|named| checked.files.get(&named.name)).collect();
        taken.insert(name.clone());
        taken.extend(present.iter().map(|named| named.name.clone()));
        if !is_list && !absent.is_empty() {
            let names: Vec<&str> = absent.iter().map(|named| named.name.as_str()).collect();
            plan.notes.push(format!("{name} names {}, which the repository must have already", names.join(", ")));
        }
        let mut upload = PlannedUpload { first, others, product: None };
        upload.product = product_of(&*checked.format, &upload, product)?;
        let absent = if is_list { Vec::new() } else { absent };
        plan.refusals.extend(refusal(&*checked.format, &upload, &absent, target));
        plan.uploads.push(upload);
    }
    for (name, file) in checked.files.iter().filter(|(name, _)| !taken.contains(*name)) {
        plan.notes.push(match file.inspected.role {
            Role::Listing => format!("{name} is not sent: it lists nothing that is published"),
            _ => format!("{name} is not sent: no source and no list that is sent names it"),
        });
    }
    Ok(plan)
}

fn product_of(
    format: &dyn Format,
    upload: &PlannedUpload<'_>,
    given: Option<&str>,
) -> Result<Option<String>, ClientError> {
    let Some(rule) = format.product_rule() else { return Ok(None) };
    let found = given.map(str::to_owned).or_else(|| source_name(format, upload));
    let Some(product) = found else {
        let message = format!("{}: it does not say which source it is of: give --product NAME", upload.name());
        return Err(ClientError::Usage(message));
    };
    match (rule.check)(&product) {
        Ok(()) => Ok(Some(product)),
        Err(reason) => Err(ClientError::Usage(format!("{product:?} is no name of a product: {reason}"))),
    }
}

/// The name of the source of an upload: of the source itself, or that its first package says.
fn source_name(format: &dyn Format, upload: &PlannedUpload<'_>) -> Option<String> {
    let source = upload.files().find(|file| file.inspected.role == Role::Source);
    if let Some(CheckedFile { inspected, .. }) = source {
        return Some(format.package_name(&inspected.identity, Some(&inspected.file.name))?.name);
    }
    let binary = upload.files().find(|file| file.inspected.role == Role::Binary)?;
    let source = format.relations(&binary.inspected).source?;
    Some(format.source_package(&source).to_owned())
}

/// What the server would say of the files together. It knows more: its architectures, and what it has.
fn refusal(
    format: &dyn Format,
    upload: &PlannedUpload<'_>,
    absent: &[&NamedFile],
    target: Option<&Target>,
) -> Option<Refusal> {
    let some = || "x".to_owned();
    let any = Target { kind: some(), series: some(), distribution: some(), version: some() };
    let pool = |path: &str| {
        let name = path.rsplit('/').next()?;
        absent.iter().find(|named| named.name.as_str() == name).and_then(|named| stated(named))
    };
    let placement = Placement {
        target: target.unwrap_or(&any),
        place: &PackagePlace { product: upload.product.clone(), component: None },
        architectures: &[],
        settings: &RepositorySettings::default(),
        pool: &pool,
        listed: Listed::InUpload,
        strict_names: false,
        is_present: false,
    };
    let files: Vec<Inspected> = upload.files().map(|file| file.inspected.clone()).collect();
    format.assemble(&files, &placement).err().filter(|refusal| refusal.kind != RefusalKind::Architecture)
}

/// A file as a source states it: as it has to be, if the repository has it.
fn stated(named: &NamedFile) -> Option<RecordFile> {
    let sha256 = Sha256::from_hex(named.sha256.as_deref()?)?;
    let digests = Digests { md5: named.md5.clone(), sha1: named.sha1.clone(), sha256, sha512: None };
    Some(RecordFile { name: named.name.clone(), size_bytes: named.size_bytes, digests })
}
