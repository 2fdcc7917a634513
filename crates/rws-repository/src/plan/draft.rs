//! The plan while it is made: one change after the other.

use std::collections::BTreeMap;
use std::io;

use rws_model::{Partition, ROOT, Record, RecordFile, Sha256, fill_slot, sha256};
use rws_store::Version;

use super::{
    FileEdits, NewEntries, Origin, PackageEdit, PartSize, PlacedFile, Plan, PlannedChange, Present, StoreObservations,
    join,
};
use crate::blocks::table::{Order, TableReader};
use crate::generation::{FileRow, Generation, PackageRow, Retired, Tables, path_order};
use crate::spill::{Spill, SpillReader};
use crate::{UploadId, private};

/// The plan while it is made.
pub(super) struct Draft<'a> {
    present: &'a Present<'a>,
    order: Order<'a>,
    /// The tables before the changes below.
    packages_before: TableReader<PackageRow>,
    files_before: TableReader<FileRow>,
    /// Those of [`Present::former`].
    former: Option<(TableReader<PackageRow>, TableReader<FileRow>)>,
    packages: BTreeMap<String, Edit>,
    files: FileEdits,
    entries_bytes: usize,
    /// What stands in the plan already.
    plan: Plan,
    placed: BTreeMap<String, PlacedFile>,
    retired: BTreeMap<String, Retired>,
}

/// One changed package: its new row, and its new entries.
struct Edit {
    row: Option<PackageRow>,
    texts: Vec<(Partition, Vec<u8>)>,
}

impl<'a> Draft<'a> {
    /// Nothing is planned yet.
    pub(super) fn new(present: &'a Present<'a>, order: Order<'a>) -> Self {
        let tables = present.generation.map(Generation::tables).unwrap_or_default();
        let now = |now: &Generation| (now.partitions.clone(), now.renderers.clone(), now.signatures.clone());
        let (partitions, renderers, signatures) = present.generation.map(now).unwrap_or_default();
        let root_entries = present.generation.map(|now| now.root_entries.clone()).unwrap_or_default();
        let readers = |former: &Generation| {
            let tables = former.tables();
            (TableReader::new(tables.packages), TableReader::new(tables.files))
        };
        Self {
            present,
            order,
            former: present.former.map(readers),
            packages_before: TableReader::new(tables.packages),
            files_before: TableReader::new(tables.files),
            packages: BTreeMap::new(),
            files: BTreeMap::new(),
            entries_bytes: 0,
            plan: Plan { partitions, renderers, signatures, root_entries, ..Plan::default() },
            placed: BTreeMap::new(),
            retired: present.retired.iter().map(|file| (file.path.clone(), file.clone())).collect(),
        }
    }

    /// Plans one change.
    pub(super) fn apply(&mut self, planned: &PlannedChange) -> io::Result<()> {
        self.change(planned)?;
        self.lay_down_many()
    }

    fn change(&mut self, planned: &PlannedChange) -> io::Result<()> {
        let identity = &self.present_writing(&planned.change.identity.0)?;
        let old = self.package(identity)?;
        let Some(record) = &planned.change.record else {
            if let Some(old) = old {
                // what a synchronisation misses is gone already; what RWS removes stays for those who read the old root
                let keep = matches!(planned.origin, Origin::Upload(_));
                self.release(&old, keep)?;
                self.packages.insert(identity.clone(), Edit { row: None, texts: Vec::new() });
            }
            return Ok(());
        };
        if old.is_none() && matches!(planned.origin, Origin::Upload(_)) && self.present.format.is_of_present(record) {
            return Ok(());
        }
        let carried = self.carried(old.as_ref(), record)?;
        let record = carried.as_ref().unwrap_or(record);
        let digest = record_digest(record)?;
        if let Origin::Rendered(of) = planned.origin {
            if let Some(old) = old.filter(|old| old.record == of)
                && self.has_files_of(&old, record)?
            {
                self.set_entries(old, record, &digest);
            }
            return Ok(());
        }
        if let (Some(old), Origin::Upload(_)) = (&old, &planned.origin)
            && self.was_signed_before(old, record)?
        {
            return Ok(());
        }
        if let (Some(old), Origin::Upload(upload)) = (&old, &planned.origin)
            && old.renderer > record.renderer
            && self.is_in_place(old)
            && self.has_files_of(old, record)?
        {
            // a replica of an earlier version took it once more: the entries of the later one stay
            return self.confirm(record, old, upload);
        }
        if let Some(old) = old.as_ref().filter(|old| old.record == *digest.bytes()) {
            match &planned.origin {
                // somebody may have deleted the files since
                Origin::Upload(upload) if self.is_in_place(old) => return self.confirm(record, old, upload),
                Origin::Upload(_) => {}
                Origin::Tree(_) | Origin::Rendered(_) => return Ok(()),
            }
        }
        if let Origin::Tree(_) = planned.origin {
            self.give_way(record, old.as_ref())?;
        }
        let directory = self.directory(record, &digest, &planned.origin)?;
        if let Err(reason) = self.acquire(record, &directory, &planned.origin)? {
            if let Origin::Upload(upload) = &planned.origin {
                self.plan.failed.push((upload.clone(), reason));
            }
            return Ok(());
        }
        if let (Some(old), Origin::Upload(_)) = (old, &planned.origin) {
            // what somebody else wrote over a file is theirs
            let keep = self.is_in_place(&old);
            self.release(&old, keep)?;
        }
        let row = PackageRow {
            identity: identity.clone(),
            record: *digest.bytes(),
            directory,
            files: record.files.iter().map(|file| file.name.clone()).collect(),
            entries: Vec::new(),
            renderer: record.renderer,
            signature: record.signature.clone(),
        };
        self.set_entries(row, record, &digest);
        Ok(())
    }

    /// The same package with what was said of it since it was uploaded.
    fn carried(&self, old: Option<&PackageRow>, record: &Record) -> io::Result<Option<Record>> {
        if let Some(old) = old {
            let carried = self.present.format.carried(record, &old.entries);
            return Ok(if carried.is_some() && self.has_files_of(old, record)? { carried } else { None });
        }
        let Some((packages, files)) = &self.former else { return Ok(None) };
        let Some(former) = packages.get(&record.identity.0, self.order)? else { return Ok(None) };
        let Some(carried) = self.present.format.carried(record, &former.entries) else { return Ok(None) };
        for (name, file) in former.files.iter().zip(&record.files) {
            let known = files.get(&join(&former.directory, name.as_str()), &path_order)?;
            if known.is_none_or(|known| known.digests.sha256 != file.digests.sha256) {
                return Ok(None);
            }
        }
        Ok(Some(carried))
    }

    /// Gives a package, which stays where it is, the entries of a record.
    fn set_entries(&mut self, mut row: PackageRow, record: &Record, digest: &Sha256) {
        let escaped = self.present.format.escape_directory(&row.directory);
        let texts: Vec<(Partition, Vec<u8>)> =
            record.entries.iter().map(|entry| (entry.partition.clone(), fill_slot(&entry.text, &escaped))).collect();
        row.record = *digest.bytes();
        row.entries = texts.iter().map(|(partition, text)| (partition.clone(), text.len() as u64)).collect();
        row.renderer = record.renderer;
        self.entries_bytes += texts.iter().map(|(_, text)| text.len()).sum::<usize>();
        self.packages.insert(row.identity.clone(), Edit { row: Some(row), texts });
    }

    /// Whether a package is there, signed with a key that clients know, that the file of a record was uploaded as before: it is
    /// never signed again.
    fn was_signed_before(&self, row: &PackageRow, record: &Record) -> io::Result<bool> {
        let Some(signature) = &row.signature else { return Ok(false) };
        if self.present.package_keys.is_some_and(|known| !known.contains(&signature.key)) {
            return Ok(false);
        }
        let is_same_upload = record.uploaded() == Some(signature.uploaded) && self.is_in_place(row);
        Ok(is_same_upload && !self.has_files_of(row, record)?)
    }

    /// Whether a package has exactly the files of a record, with the same bytes.
    fn has_files_of(&self, row: &PackageRow, record: &Record) -> io::Result<bool> {
        if row.files.len() != record.files.len() {
            return Ok(false);
        }
        for (name, file) in row.files.iter().zip(&record.files) {
            let present = self.file(&join(&row.directory, name.as_str()))?;
            if *name != file.name || present.is_none_or(|present| present.digests.sha256 != file.digests.sha256) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether no path of a package is known to hold something else.
    fn is_in_place(&self, row: &PackageRow) -> bool {
        row.files.iter().all(|name| !self.present.taken.contains(&join(&row.directory, name.as_str())))
    }

    /// Sees to it that the files of a package, which comes once more, are there.
    fn confirm(&mut self, record: &Record, row: &PackageRow, upload: &UploadId) -> io::Result<()> {
        for file in &record.files {
            let path = join(&row.directory, file.name.as_str());
            if !self.placed.contains_key(&path) {
                let version = self.file(&path)?.and_then(|row| row.version);
                let placed = self.place(record, file, path.clone(), upload, version)?;
                self.placed.insert(path, placed);
            }
        }
        Ok(())
    }

    fn place(
        &self,
        record: &Record,
        file: &RecordFile,
        path: String,
        upload: &UploadId,
        version: Option<Version>,
    ) -> io::Result<PlacedFile> {
        let pool = self.in_pool(record, file)?;
        let incoming = private::record_file(upload, record, file);
        let (digests, size_bytes, upload) = (file.digests.clone(), file.size_bytes, upload.clone());
        Ok(PlacedFile { path, incoming, digests, size_bytes, upload, pool, version })
    }

    /// The identity as the present generation writes it, where it has the package.
    fn present_writing(&self, identity: &str) -> io::Result<String> {
        let row = self.packages_before.get(identity, self.order)?;
        Ok(row.map_or_else(|| identity.to_owned(), |row| row.identity))
    }

    fn package(&self, identity: &str) -> io::Result<Option<PackageRow>> {
        match self.packages.get(identity) {
            Some(edit) => Ok(edit.row.clone()),
            None => self.packages_before.get(identity, self.order),
        }
    }

    fn file(&self, path: &str) -> io::Result<Option<FileRow>> {
        match self.files.get(path) {
            Some(edit) => Ok(edit.clone()),
            None => self.files_before.get(path, &path_order),
        }
    }

    /// The directory for the files of a record: its own, or, where a file of another content has or had one of the
    /// names there, one below it that is named by the record's digest. A public path is written once.
    fn directory(&self, record: &Record, digest: &Sha256, origin: &Origin) -> io::Result<String> {
        if let Origin::Tree(_) = origin {
            return Ok(record.directory.clone());
        }
        if self.is_free(record, &record.directory)? {
            return Ok(record.directory.clone());
        }
        // where even that is taken, longer digests are others
        for digits in [16, 24, 32, 40, 48, 56] {
            let directory = join(&record.directory, &digest.hex()[..digits]);
            if self.is_free(record, &directory)? {
                return Ok(directory);
            }
        }
        Ok(join(&record.directory, &digest.hex()))
    }

    /// Whether no other content has, or had, one of the record's names in a directory.
    fn is_free(&self, record: &Record, directory: &str) -> io::Result<bool> {
        for file in &record.files {
            let path = join(directory, file.name.as_str());
            let content = &file.digests.sha256;
            let known = self.file(&path)?.is_some_and(|row| row.digests.sha256 != *content);
            let retired = self.retired.get(&path).is_some_and(|retired| retired.sha256 != *content);
            if known || retired || self.present.taken.contains(&path) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Forgets what is known of the paths of a record whose files somebody put there by other means: the bytes that
    /// were there are gone.
    fn give_way(&mut self, record: &Record, old: Option<&PackageRow>) -> io::Result<()> {
        if let Some(old) = old {
            self.release(old, false)?;
        }
        for file in &record.files {
            let path = join(&record.directory, file.name.as_str());
            self.retired.remove(&path);
            if self.file(&path)?.is_some_and(|row| row.digests.sha256 != file.digests.sha256) {
                self.files.insert(path, None);
            }
        }
        Ok(())
    }

    /// Counts a user more for each file, or says what is missing.
    fn acquire(&mut self, record: &Record, directory: &str, origin: &Origin) -> io::Result<Result<(), String>> {
        let mut rows = Vec::new();
        for file in &record.files {
            let path = join(directory, file.name.as_str());
            // a file without users was seen once, and may have changed or gone since
            let row = match self.file(&path)?.filter(|row| row.users > 0) {
                Some(mut row) => {
                    row.users += 1;
                    if row.digests.sha256 == file.digests.sha256 {
                        // an older index may have stated less of it than an upload knows
                        row.digests.complete(&file.digests);
                    }
                    row
                }
                None => {
                    let version = match origin {
                        Origin::Upload(upload) => {
                            let placed = self.place(record, file, path.clone(), upload, None)?;
                            self.placed.insert(path.clone(), placed);
                            None
                        }
                        Origin::Tree(versions) => versions.get(file.name.as_str()).cloned(),
                        Origin::Rendered(_) => None,
                    };
                    FileRow { path, size_bytes: file.size_bytes, digests: file.digests.clone(), version, users: 1 }
                }
            };
            if row.digests.sha256 != file.digests.sha256 {
                return Ok(Err(format!("{} is in the repository with other bytes", row.path)));
            }
            rows.push(row);
        }
        for row in rows {
            self.retired.remove(&row.path);
            self.files.insert(row.path.clone(), Some(row));
        }
        Ok(Ok(()))
    }

    /// A public path of a file that a source names, at its usual place or in a directory below that one.
    fn in_pool(&self, record: &Record, file: &RecordFile) -> io::Result<Option<String>> {
        if self.present.generation.is_none() || record.files.len() < 2 {
            return Ok(None);
        }
        let (start, end) = (format!("{}/", record.directory), format!("{}0", record.directory));
        let rows = self.files_before.table().between(Some(&start), Some(&end), &path_order)?;
        let same = |row: &FileRow| {
            row.digests.sha256 == file.digests.sha256 && row.path.rsplit('/').next() == Some(file.name.as_str())
        };
        Ok(rows.into_iter().find(same).map(|row| row.path))
    }

    /// Counts a user less for each file of a package that goes or changes; those that have none are kept for readers
    /// of the old root, or are gone already.
    fn release(&mut self, old: &PackageRow, keep: bool) -> io::Result<()> {
        for name in &old.files {
            let path = join(&old.directory, name.as_str());
            let Some(mut row) = self.file(&path)? else { continue };
            row.users = row.users.saturating_sub(1);
            if row.users > 0 {
                self.files.insert(path, Some(row));
                continue;
            }
            self.placed.remove(&path);
            if let (Some(generation), true) = (self.present.generation, keep) {
                let retired = Retired { path: path.clone(), sha256: row.digests.sha256, last: generation.id.clone() };
                self.retired.insert(path.clone(), retired);
            }
            self.files.insert(path, None);
        }
        Ok(())
    }

    /// Plans what a look at the store brought to light.
    pub(super) fn notice(&mut self, noticed: &StoreObservations) -> io::Result<()> {
        let mut known = noticed.known.as_ref().map(Spill::read);
        while let Some(row) = known.as_mut().map_or(Ok(None), SpillReader::next_value)? {
            let now = self.file(&row.path)?;
            let users = now.as_ref().filter(|now| now.digests.sha256 == row.digests.sha256).map_or(0, |now| now.users);
            let row = FileRow { users, ..row };
            // a path that a package has with other bytes was dealt with by the changes
            if now.as_ref() != Some(&row) && (users > 0 || now.is_none_or(|now| now.users == 0)) {
                self.files.insert(row.path.clone(), Some(row));
                self.lay_down_many()?;
            }
        }
        for path in &noticed.gone {
            if self.file(path)?.is_some_and(|row| row.users == 0) {
                self.files.insert(path.clone(), None);
            }
        }
        Ok(())
    }

    /// The plan.
    pub(super) fn finish(mut self) -> io::Result<Plan> {
        let (packages, files) = self.take_changes()?;
        self.plan.partitions.retain(|partition, count| *count > 0 && partition != ROOT);
        self.plan.renderers.retain(|_, count| *count > 0);
        self.plan.signatures.retain(|_, count| *count > 0);
        self.plan.touched.remove(ROOT);
        let (placed, retired) = (self.placed.into_values().collect(), self.retired.into_values().collect());
        Ok(Plan { packages, files, placed, retired, ..self.plan })
    }

    /// Lays the changes down in the tables when they are many.
    fn lay_down_many(&mut self) -> io::Result<()> {
        let PartSize { changes, entries_bytes } = self.present.part;
        if self.packages.len().max(self.files.len()) < changes && self.entries_bytes < entries_bytes {
            return Ok(());
        }
        let (packages, files) = self.take_changes()?;
        let before =
            Tables { packages: self.packages_before.table().clone(), files: self.files_before.table().clone() };
        let tables = before.edited(&packages, &files, self.order)?;
        self.packages_before = TableReader::new(tables.packages.clone());
        self.files_before = TableReader::new(tables.files.clone());
        self.plan.tables = Some(tables);
        Ok(())
    }

    /// Takes the changes that really are some, and counts and lays aside what they bring.
    fn take_changes(&mut self) -> io::Result<(Vec<PackageEdit>, FileEdits)> {
        let mut packages: Vec<PackageEdit> = Vec::new();
        let mut entries: Vec<NewEntries> = Vec::new();
        let mut edits: Vec<(String, Edit)> = std::mem::take(&mut self.packages).into_iter().collect();
        edits.sort_by(|(left, _), (right, _)| (self.order)(left, right));
        for (identity, edit) in edits {
            let old = self.packages_before.get(&identity, self.order)?;
            if old == edit.row {
                continue;
            }
            self.count(old.as_ref(), &edit);
            self.plan.root_entries.remove(&identity);
            if let Some((_, text)) = edit.texts.iter().find(|(partition, _)| partition == ROOT) {
                self.plan.root_entries.insert(identity.clone(), text.clone());
            }
            if !edit.texts.is_empty() {
                entries.push(NewEntries { identity: identity.clone(), texts: edit.texts });
            }
            packages.push(PackageEdit { identity, row: edit.row });
        }
        if !entries.is_empty() {
            self.plan.texts.add(self.present.scratch, &entries)?;
        }
        self.entries_bytes = 0;
        let mut files = std::mem::take(&mut self.files);
        let mut unchanged = Vec::new();
        for (path, edit) in &files {
            if self.files_before.get(path, &path_order)? == *edit {
                unchanged.push(path.clone());
            }
        }
        unchanged.iter().for_each(|path| _ = files.remove(path));
        Ok((packages, files))
    }

    /// Counts one changed package.
    fn count(&mut self, old: Option<&PackageRow>, edit: &Edit) {
        let plan = &mut self.plan;
        for (partition, _) in old.iter().flat_map(|row| &row.entries) {
            plan.touched.insert(partition.clone());
            if let Some(count) = plan.partitions.get_mut(partition) {
                *count = count.saturating_sub(1);
            }
        }
        for (partition, _) in &edit.texts {
            plan.touched.insert(partition.clone());
            *plan.partitions.entry(partition.clone()).or_default() += 1;
        }
        if let Some(count) = old.and_then(|old| plan.renderers.get_mut(&old.indexed_by()?)) {
            *count = count.saturating_sub(1);
        }
        if let Some(renderer) = edit.row.as_ref().and_then(PackageRow::indexed_by) {
            *plan.renderers.entry(renderer).or_default() += 1;
        }
        if let Some(count) = old.and_then(|old| plan.signatures.get_mut(old.signed_by()?)) {
            *count = count.saturating_sub(1);
        }
        if let Some(key) = edit.row.as_ref().and_then(PackageRow::signed_by) {
            *plan.signatures.entry(key.to_owned()).or_default() += 1;
        }
    }
}

fn record_digest(record: &Record) -> io::Result<Sha256> {
    Ok(sha256(&postcard::to_stdvec(record).map_err(io::Error::other)?))
}
