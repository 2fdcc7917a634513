//! The files of one upload, checked against each other and made into records.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{
    Assembled, Entry, FileName, Identity, Inspected, Listed, NamedFile, Placement, Record, RecordFile, Refusal,
    RepositoryId, Role,
};

use crate::file_kind::{FileKind, is_ddeb};
use crate::layout::{pool_directory, repository};
use crate::{architecture, component, identity, layout, phasing, sources, translation};

/// The records of an upload, in the order of its files; parts that no `.dsc` names come last.
pub(crate) fn assemble(files: &[Inspected], placement: &Placement<'_>) -> Result<Vec<Assembled>, Refusal> {
    let Some(first) = files.first() else { return Ok(Vec::new()) };
    let upload = Upload::new(files, placement, &first.file.name)?;
    upload.check_listings()?;
    let mut records = BTreeMap::<Identity, Record>::new();
    let mut order = Vec::new();
    let mut named = BTreeSet::new();
    let (parts, packages): (Vec<_>, Vec<_>) = files.iter().partition(|inspected| inspected.role == Role::Part);
    for inspected in packages.into_iter().filter(|inspected| inspected.role != Role::Listing) {
        let record = if inspected.role == Role::Source {
            named.extend(inspected.names.iter().map(|file| &file.name));
            upload.source(inspected)?
        } else {
            upload.binary(inspected)?
        };
        match records.get(&record.identity) {
            None => {
                order.push(record.identity.clone());
                records.insert(record.identity.clone(), record);
            }
            Some(earlier) => check_same(earlier, &record)?,
        }
    }
    for part in parts.into_iter().filter(|part| !named.contains(&part.file.name)) {
        let record = upload.lone_part(part)?;
        order.push(record.identity.clone());
        records.insert(record.identity.clone(), record);
    }
    let repositories = vec![upload.repository];
    let records = order.into_iter().filter_map(|identity| records.remove(&identity));
    Ok(records.map(|record| Assembled { record, repositories: repositories.clone() }).collect())
}

/// One upload on its way to its place.
struct Upload<'a> {
    files: BTreeMap<&'a FileName, &'a Inspected>,
    placement: &'a Placement<'a>,
    component: &'a str,
    directory: String,
    repository: RepositoryId,
}

impl<'a> Upload<'a> {
    fn new(files: &'a [Inspected], placement: &'a Placement<'a>, first: &FileName) -> Result<Self, Refusal> {
        let refuse = |reason: String| Refusal::new(first.as_str(), reason);
        let product = placement.place.product.as_deref().ok_or_else(|| {
            refuse("the form field \"product\" is missing".to_owned())
                .with_hint("the product names the directory of the files: pool/<codename>/main/<letter>/<product>")
        })?;
        FileName::parse(product)
            .map_err(|refusal| refuse(format!("the form field \"product\" is no plain name: {}", refusal.reason)))?;
        let repository = repository(placement.target)
            .ok_or_else(|| refuse(format!("{} is not a legal name of a repository", placement.target)))?;
        let component = placement.place.component.as_deref();
        let component = match component {
            Some(component) if placement.is_present => component,
            component => component::chosen(component, placement.settings).map_err(|known| {
                refuse(format!("{} is no component of {}: {known}", component.unwrap_or_default(), placement.target))
            })?,
        };
        Ok(Self {
            files: files.iter().map(|inspected| (&inspected.file.name, inspected)).collect(),
            placement,
            directory: pool_directory(&placement.target.version, component, product),
            component,
            repository,
        })
    }

    /// Debian Policy 5.5: a `.changes` lists all files of its upload, itself aside.
    fn check_listings(&self) -> Result<(), Refusal> {
        let listings = || self.files.values().filter(|file| file.role == Role::Listing && !file.names.is_empty());
        let mut listed = BTreeSet::new();
        for listing in listings() {
            self.check_listing(listing)?;
            listed.insert(&listing.file.name);
            listed.extend(listing.names.iter().map(|named| &named.name));
        }
        match self.files.keys().find(|name| !listed.is_empty() && !listed.contains(*name)) {
            Some(other) => Err(Refusal::new(other.as_str(), "the .changes of the upload does not list it")),
            None => Ok(()),
        }
    }

    /// Names all files that are missing or differ. Debug packages of Ubuntu (`.ddeb`) are skipped before they get here,
    /// so they may be absent.
    fn check_listing(&self, listing: &Inspected) -> Result<(), Refusal> {
        let lister = &listing.file.name;
        let (mut refusals, mut missing) = (Vec::new(), Vec::new());
        for named in &listing.names {
            match self.files.get(&named.name) {
                Some(found) => refusals.extend(check_stated(named, &found.file, lister).err()),
                None if is_ddeb(named.name.as_str()) => {}
                // another upload brought it, and took it along
                None if self.placement.listed == Listed::InUploadOrPool && self.is_pooled(named, lister) => {}
                None => missing.push(named.name.as_str()),
            }
        }
        if !missing.is_empty() && !self.is_repetition(listing) {
            let hint = match self.placement.listed {
                Listed::InUpload => "send every file that the .changes lists in the same request",
                Listed::InUploadOrPool => "send every file that the .changes lists before it",
            };
            let reason = format!("it lists files that are not in the upload: {}", missing.join(", "));
            refusals.push(Refusal::new(lister.as_str(), reason).with_hint(hint));
        }
        let mut refusals = refusals.into_iter();
        let Some(first) = refusals.next() else { return Ok(()) };
        let others: String = refusals.map(|other| format!("; {other}")).collect();
        Err(Refusal { reason: format!("{}{others}", first.reason), ..first })
    }

    /// Whether a list comes alone that was carried out before: what it lists is in the repository. What is not published
    /// need not be there any more.
    fn is_repetition(&self, listing: &Inspected) -> bool {
        let is_pooled = |named: &NamedFile| self.is_pooled(named, &listing.file.name);
        let mut published = listing.names.iter().filter(|named| is_published(named.name.as_str())).peekable();
        self.placement.listed == Listed::InUploadOrPool
            && !listing.names.iter().any(|named| self.files.contains_key(&named.name))
            && published.peek().is_some()
            && published.all(is_pooled)
    }

    /// Whether a file that a list names is in the repository as it states it.
    fn is_pooled(&self, named: &NamedFile, lister: &FileName) -> bool {
        let found = (self.placement.pool)(&format!("{}/{}", self.directory, named.name));
        found.is_some_and(|found| check_stated(named, &found, lister).is_ok())
    }

    fn binary(&self, inspected: &Inspected) -> Result<Record, Refusal> {
        let architecture = &inspected.architecture;
        let listed = self.placement.architectures;
        let is_taken =
            if listed.is_empty() { architecture::is_known(architecture) } else { listed.contains(architecture) };
        if architecture != architecture::ALL && !is_taken {
            return Err(Refusal::architecture(inspected.file.name.as_str(), architecture));
        }
        self.check_name(inspected)?;
        // one file may be read for several repositories, of which some want it
        let is_wanted = |entry: &&Entry| self.placement.settings.contents || !layout::is_contents(&entry.partition);
        let debug = self.is_debug(inspected).then(|| component::of_debug(self.component));
        let component = debug.as_deref().unwrap_or(self.component);
        let entries = inspected.entries.iter().filter(is_wanted).map(|entry| self.entry(component, entry.clone()));
        let entries: Vec<Entry> = entries.collect();
        let entries = match self.placement.settings.translations {
            true => entries.into_iter().flat_map(|entry| split_description(component, entry)).collect(),
            false => entries,
        };
        Ok(phasing::completed(self.record(inspected, vec![inspected.file.clone()], entries)))
    }

    /// A source package: its `.dsc` and all that it names, from the upload or from the pool, where an orig tarball
    /// may be since an earlier revision.
    fn source(&self, dsc: &Inspected) -> Result<Record, Refusal> {
        self.check_name(dsc)?;
        let mut files = vec![dsc.file.clone()];
        let mut missing = Vec::new();
        for named in &dsc.names {
            if let Some(part) = self.files.get(&named.name) {
                check_stated(named, &part.file, &dsc.file.name)?;
                files.push(part.file.clone());
            } else if let Some(found) = (self.placement.pool)(&format!("{}/{}", self.directory, named.name)) {
                check_stated(named, &found, &dsc.file.name).map_err(|refusal| {
                    refusal.with_hint(
                        "the file that is in the repository already has this name; a changed one needs another name",
                    )
                })?;
                files.push(found);
            } else {
                missing.push(named.name.as_str());
            }
        }
        if !missing.is_empty() {
            let reason =
                format!("it names files that are neither in the upload nor in the repository: {}", missing.join(", "));
            return Err(Refusal::new(dsc.file.name.as_str(), reason)
                .with_hint("send the .dsc and the files that it names in one request"));
        }
        let mut entries = Vec::with_capacity(dsc.entries.len());
        for entry in &dsc.entries {
            let text = sources::complete(&entry.text, &files).map_err(|fault| fault.refuse(&dsc.file.name))?;
            entries.push(self.entry(self.component, Entry { partition: entry.partition.clone(), text }));
        }
        Ok(self.record(dsc, files, entries))
    }

    /// An entry in its component.
    fn entry(&self, component: &str, entry: Entry) -> Entry {
        if phasing::is_mark(&entry.partition) {
            return entry;
        }
        Entry { partition: component::partition(component, &entry.partition), ..entry }
    }

    /// Whether a package of debug symbols goes apart from the others.
    fn is_debug(&self, inspected: &Inspected) -> bool {
        let is_dbgsym = self.placement.settings.debug_packages && identity::is_of_debug_symbols(&inspected.identity);
        is_dbgsym || is_ddeb(inspected.file.name.as_str())
    }

    /// A name that says other things than the package is refused where the configuration asks for that.
    fn check_name(&self, inspected: &Inspected) -> Result<(), Refusal> {
        match &inspected.misnamed {
            Some(reason) if self.placement.strict_names => {
                Err(Refusal::new(inspected.file.name.as_str(), reason.clone()))
            }
            _ => Ok(()),
        }
    }

    /// A part that waits for a `.dsc` of a later upload. A lone signature is a mistake, unless it is in the pool.
    fn lone_part(&self, part: &Inspected) -> Result<Record, Refusal> {
        let name = part.file.name.as_str();
        if name.ends_with(".asc") {
            let pooled = (self.placement.pool)(&format!("{}/{name}", self.directory));
            if pooled.is_none_or(|pooled| pooled.digests.sha256 != part.file.digests.sha256) {
                let reason = "no .dsc of the upload names it: only a .dsc can bring a signature along";
                return Err(Refusal::new(name, reason));
            }
        }
        Ok(self.record(part, vec![part.file.clone()], Vec::new()))
    }

    fn record(&self, inspected: &Inspected, files: Vec<RecordFile>, entries: Vec<Entry>) -> Record {
        Record {
            identity: inspected.identity.clone(),
            directory: self.directory.clone(),
            files,
            entries,
            renderer: inspected.renderer,
            signature: None,
        }
    }
}

/// An entry with its description apart, if it has one.
fn split_description(component: &str, entry: Entry) -> Vec<Entry> {
    let apart = if layout::is_contents(&entry.partition) { None } else { translation::split(&entry.text) };
    match apart {
        Some((text, translation)) => {
            let partition = component::partition(component, translation::PARTITION);
            vec![Entry { text, ..entry }, Entry { partition, text: translation }]
        }
        None => vec![entry],
    }
}

/// Whether a file of this name, once in an upload, gets into the repository.
fn is_published(name: &str) -> bool {
    !is_ddeb(name) && !matches!(FileKind::of(name), Some(FileKind::Buildinfo | FileKind::Changes))
}

/// Compares a file with what `namer` says of it: the size and every digest that is stated.
fn check_stated(named: &NamedFile, file: &RecordFile, namer: &FileName) -> Result<(), Refusal> {
    let sha256 = Some(file.digests.sha256.hex());
    let digests = [
        ("MD5", &named.md5, &file.digests.md5),
        ("SHA-1", &named.sha1, &file.digests.sha1),
        ("SHA-256", &named.sha256, &sha256),
    ];
    let refuse = |reason: String| Err(Refusal::new(named.name.as_str(), reason));
    if named.size_bytes != file.size_bytes {
        return refuse(format!("it has {} bytes, but {namer} states {}", file.size_bytes, named.size_bytes));
    }
    for (kind, stated, found) in digests {
        if let (Some(stated), Some(found)) = (stated, found)
            && stated != found
        {
            return refuse(format!("its {kind} is {found}, but {namer} states {stated}"));
        }
    }
    Ok(())
}

/// Two files of one identity in one upload must be the same bytes under two names; the first one is taken.
fn check_same(earlier: &Record, later: &Record) -> Result<(), Refusal> {
    let first = |record: &Record| record.files.first().map(|file| (file.name.clone(), file.digests.sha256));
    match (first(earlier), first(later)) {
        (Some((_, left)), Some((_, right))) if left == right => Ok(()),
        (Some((name, _)), Some((other, _))) => {
            let reason = format!("it is the same package as {name}, with other content");
            Err(Refusal::new(other.as_str(), reason))
        }
        // records are made with at least one file
        _ => Ok(()),
    }
}
