//! What is uploaded: the files that were named and those that they name, each read as the server reads it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rws_model::{Digester, FileName, Format, Formats, Inspected, Reading, Refusal, RepositorySettings, Role};

use crate::error::ClientError;

/// How much of a file is read at once.
const PIECE_BYTES: usize = 256 << 10;

/// A file that the server would take.
#[derive(Debug)]
pub struct CheckedFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub inspected: Inspected,
}

/// All files, and what is said of them.
pub struct Checked {
    /// Their format; all have the same one.
    pub format: Arc<dyn Format>,
    /// The good ones by their names.
    pub files: BTreeMap<FileName, CheckedFile>,
    /// What the server would refuse, each with the reason.
    pub refusals: Vec<Refusal>,
    /// What is not sent, and why: a sentence each.
    pub notes: Vec<String>,
}

/// A file that is to be read.
struct Candidate {
    name: FileName,
    path: PathBuf,
}

/// Reads the files, and those that a source or a list among them names and that lie beside it.
///
/// # Errors
///
/// When a file cannot be read, or the files are no upload: none of them is a package, or they have several formats.
pub fn check(paths: &[PathBuf], formats: &Formats, settings: &RepositorySettings) -> Result<Checked, ClientError> {
    let (mut notes, mut format, mut next) = (Vec::new(), None::<Arc<dyn Format>>, Vec::new());
    for path in paths {
        let text = path.display();
        let metadata = std::fs::metadata(path).map_err(|error| ClientError::Usage(format!("{text}: {error}")))?;
        if metadata.is_dir() {
            notes.push(format!("{text} is a directory: it is not sent; name its files, as in {text}/*"));
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(reason) = formats.skips(name, settings) {
            notes.push(format!("{text} is not sent: {reason}"));
            continue;
        }
        let parsed = FileName::parse(name);
        let of = parsed.iter().find_map(|name| formats.iter().find(|format| format.accepts(name)).cloned());
        match (parsed, of) {
            (Ok(name), Some(of)) => {
                if let Some(other) = format.as_ref().filter(|other| other.name() != of.name()) {
                    let message = format!(
                        "{text} is a file of {}, and others are of {}: push them to their own repositories, one after the other",
                        of.name(),
                        other.name()
                    );
                    return Err(ClientError::Usage(message));
                }
                format = Some(of);
                next.push(Candidate { name, path: path.clone() });
            }
            (Err(refusal), _) if formats.extensions().any(|end| name.ends_with(end)) => {
                return Err(ClientError::Refused(format!("{text}: {}", refusal.reason)));
            }
            _ => notes.push(format!("{text} is not sent: it is no package")),
        }
    }
    let Some(format) = format else {
        let extensions = formats.extensions().collect::<Vec<_>>().join(", ");
        let notes = if notes.is_empty() { String::new() } else { format!(": {}", notes.join("; ")) };
        return Err(ClientError::Usage(format!("there is nothing to upload (packages end in {extensions}){notes}")));
    };
    let mut checked = Checked { format, files: BTreeMap::new(), refusals: Vec::new(), notes };
    while !next.is_empty() {
        let found = read_all(&next, &*checked.format)?;
        next = checked.add(found, settings)?;
    }
    Ok(checked)
}

impl Checked {
    /// Adds files that were read; the candidates are those that they name.
    fn add(
        &mut self,
        found: Vec<Result<CheckedFile, Refusal>>,
        settings: &RepositorySettings,
    ) -> Result<Vec<Candidate>, ClientError> {
        let mut next = BTreeMap::new();
        let mut named_by = Vec::new();
        for file in found {
            let file = match file {
                Ok(file) => file,
                Err(refusal) => {
                    self.refusals.push(refusal);
                    continue;
                }
            };
            let name = file.inspected.file.name.clone();
            let same = |other: &CheckedFile| other.inspected.file.digests.sha256 == file.inspected.file.digests.sha256;
            if let Some(other) = self.files.get(&name).filter(|other| !same(other)) {
                let message =
                    format!("{} and {} have one name and other content", file.path.display(), other.path.display());
                return Err(ClientError::Usage(message));
            }
            let directory = file.path.parent().unwrap_or(Path::new("")).to_owned();
            named_by.extend(
                file.inspected.names.iter().map(|named| (named.name.clone(), directory.join(named.name.as_str()))),
            );
            self.files.insert(name, file);
        }
        for (name, path) in named_by {
            let is_known = self.files.contains_key(&name) || self.refusals.iter().any(|bad| bad.file == name.as_str());
            let is_sent = self.format.skips(name.as_str(), settings).is_none() && self.format.accepts(&name);
            if !is_known && path.is_file() && is_sent {
                next.insert(name, path);
            }
        }
        Ok(next.into_iter().map(|(name, path)| Candidate { name, path }).collect())
    }

    /// The files of a role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &CheckedFile> {
        self.files.values().filter(move |file| file.inspected.role == role)
    }
}

/// Reads files, several at a time.
fn read_all(candidates: &[Candidate], format: &dyn Format) -> Result<Vec<Result<CheckedFile, Refusal>>, ClientError> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(candidates.len());
    let (turn, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, candidate)) = {
                    let at = turn.fetch_add(1, Ordering::Relaxed);
                    candidates.get(at).map(|candidate| (at, candidate))
                } {
                    let read = read(candidate, format);
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(at, read);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unreadable = |path: &Path, error: std::io::Error| ClientError::Usage(format!("{}: {error}", path.display()));
    let read = results.into_iter().zip(candidates).map(|((_, read), candidate)| match read {
        Err(error) => Err(unreadable(&candidate.path, error)),
        Ok(Err(refusal)) => Ok(Err(refusal)),
        Ok(Ok(inspected)) => Ok(Ok(CheckedFile { path: candidate.path.clone(), inspected })),
    });
    read.collect()
}

/// Reads one file as the server does.
fn read(candidate: &Candidate, format: &dyn Format) -> std::io::Result<Result<Inspected, Refusal>> {
    let name = format.published_name(candidate.name.clone());
    let mut file = File::open(&candidate.path)?;
    let (mut inspector, mut digester) = (format.inspector(&name, Reading::Whole), Digester::new());
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let length = file.read(&mut buffer)?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        digester.update(bytes);
        if let Err(refusal) = inspector.push(bytes) {
            return Ok(Err(refusal));
        }
    }
    let (size_bytes, digests) = digester.finish();
    Ok(inspector.finish(size_bytes, &digests))
}
