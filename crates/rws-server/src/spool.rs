//! One file of a request on its way to the local disk: written, digested and inspected in one pass, off the
//! asynchronous threads, with a bounded number of pieces under way. Two threads share the work: one writes and computes
//! MD5, the other inspects and computes the other digests.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use rws_model::{FileName, Inspected, Md5Pieces, Memory, PackagePlace, Refusal, Sha256};
use rws_repository::inspection::{Inspection, InspectionButMd5};
use rws_repository::intake::{FileLocation, ReceivedFile};
use rws_store::{Grower, LocalFile};
use tempfile::{NamedTempFile, TempPath};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::answer::{Problem, busy};
use crate::budgets::Budgets;
use crate::settings::Limits;
use crate::shares::{BudgetShare, FairBudget};

/// What the names of files in the spool directory start with.
pub use rws_repository::package_signing::SPOOL_PREFIX;

/// How many pieces of the body wait for the disk.
const PIECES: usize = 8;

/// A file could not be received.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file is bad.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The file is larger than a file may be.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// Others are served first.
    #[error("too much is under way")]
    Busy,
    /// The local disk failed: full, or not writable.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

impl SpoolError {
    /// What the sender of the file is told.
    pub fn problem(self, name: &FileName) -> Problem {
        match self {
            Self::Refused(refusal) => refusal.into(),
            Self::TooLarge(most_bytes) => {
                let message = format!("{name} has more than {most_bytes} bytes. RWS kept nothing of the request.");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
                    .of_file(name.as_str())
                    .with_hint("Raise server.limits.file_bytes to allow such files")
            }
            Self::Busy => busy("rendering"),
            Self::Disk(error) if is_full(&error) => {
                tracing::error!(%error, "the spool directory is full");
                let message = format!("RWS could not store {name}: the disk of the spool directory is full.");
                Problem::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", message)
                    .of_file(name.as_str())
                    .with_hint("Try again when there is space; RWS_SPOOL_DIR selects another disk")
            }
            Self::Disk(error) => {
                tracing::error!(%error, "the spool directory cannot be written");
                let message = format!("RWS could not write {name} to the spool directory. Try again later.");
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "spool", message).of_file(name.as_str())
            }
        }
    }
}

/// Whether there is no room, or none for this user of the system.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// A file that is being received.
pub struct Spool {
    directory: PathBuf,
    turns: Arc<FairBudget<String>>,
    user: String,
    file: LocalFile,
    most_bytes: u64,
    left_bytes: u64,
    pieces: Option<[mpsc::Sender<Bytes>; 2]>,
    workers: Option<Workers>,
}

/// The two threads.
struct Workers {
    written: JoinHandle<io::Result<Written>>,
    inspected: JoinHandle<Result<InspectionButMd5, Refusal>>,
}

/// What came to the disk.
struct Written {
    disk: NamedTempFile,
    grower: Grower,
    md5: [u8; 16],
}

/// A file on the local disk; it goes when this is dropped.
pub struct Spooled {
    path: TempPath,
    inspected: Inspected,
    /// How much its entries take.
    entries_bytes: u64,
    /// Where its entries are, when they are large: the other files of the request may be a long time in coming.
    entries: Option<TempPath>,
}

/// Larger entries are kept on the disk until their request is complete.
const LARGE_ENTRIES_BYTES: u64 = 64 << 10;

/// How long reading a file waits for memory or for its turn, while others have them.
const LONGEST_QUEUE: Duration = Duration::from_secs(60);

/// Where a file is received, for whom, and with what.
#[derive(Clone, Copy)]
pub struct SpoolContext<'a> {
    /// The directory for files that are being received.
    pub directory: &'a Path,
    /// What is too much.
    pub limits: &'a Limits,
    /// What all requests share.
    pub budgets: &'a Budgets,
    /// Whose file it is.
    pub user: &'a str,
}

/// The memory that a user takes for reading one file.
pub struct MemoryOfUser {
    of: Arc<FairBudget<String>>,
    user: String,
    taken: Mutex<Vec<BudgetShare<String>>>,
    runtime: Handle,
}

impl MemoryOfUser {
    /// Nothing is taken yet.
    pub fn new(budgets: &Budgets, user: &str) -> Self {
        let (of, user) = (Arc::clone(&budgets.reading), user.to_owned());
        Self { of, user, taken: Mutex::default(), runtime: Handle::current() }
    }
}

impl Memory for MemoryOfUser {
    fn take(&self, bytes: u64) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // a file that was begun comes to its end: what it takes further is not held against it
        let share = self.runtime.block_on(async {
            match taken.is_empty() {
                true => self.of.take(&self.user, bytes, LONGEST_QUEUE).await,
                false => self.of.take_given_up(&self.user, bytes, LONGEST_QUEUE).await,
            }
        });
        let is_there = share.is_some();
        taken.extend(share);
        is_there
    }
}

impl Spooled {
    /// The name of the file.
    pub fn name(&self) -> &FileName {
        &self.inspected.file.name
    }

    /// Its content.
    pub fn sha256(&self) -> Sha256 {
        self.inspected.file.digests.sha256
    }

    /// Its size.
    pub fn size_bytes(&self) -> u64 {
        self.inspected.file.size_bytes
    }

    /// What its sender should know, a sentence each.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let all = self.inspected.warnings.iter().chain(&self.inspected.misnamed);
        all.map(|warning| format!("{}: {warning}", self.inspected.file.name))
    }

    /// The files that this one names.
    pub fn names(&self) -> impl Iterator<Item = &FileName> {
        self.inspected.names.iter().map(|named| &named.name)
    }

    /// How much its entries take in memory.
    pub fn entries_bytes(&self) -> u64 {
        self.entries_bytes
    }

    /// What the intake needs, and what keeps the file on the disk.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn into_received(mut self, place: PackagePlace) -> io::Result<(TempPath, ReceivedFile)> {
        if let Some(path) = self.entries.take() {
            self.inspected.entries = serde_json::from_reader(BufReader::new(File::open(&path)?))?;
        }
        let file = FileLocation::Disk(LocalFile::whole(&*self.path));
        let received = ReceivedFile { file, inspected: self.inspected, place };
        Ok((self.path, received))
    }

    /// One whose entries are on the disk where they are large.
    fn new(path: TempPath, mut inspected: Inspected, directory: &Path) -> io::Result<Self> {
        let entries_bytes = inspected.entries.iter().map(|entry| entry.text.len() as u64).sum();
        let mut entries = None;
        if entries_bytes > LARGE_ENTRIES_BYTES {
            let file = temporary(directory)?;
            let mut writer = BufWriter::new(file.as_file());
            serde_json::to_writer(&mut writer, &std::mem::take(&mut inspected.entries))?;
            writer.flush()?;
            drop(writer);
            entries = Some(file.into_temp_path());
        }
        Ok(Self { path, inspected, entries_bytes, entries })
    }
}

fn temporary(directory: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(directory)
}

impl Spool {
    /// Starts a file of at most `expected_bytes`, where that is known.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub async fn start(
        place: SpoolContext<'_>,
        inspection: Inspection,
        expected_bytes: Option<u64>,
    ) -> Result<Self, SpoolError> {
        let SpoolContext { directory, limits, budgets, user } = place;
        let most_bytes = limits.file_bytes;
        let memory = MemoryOfUser::new(budgets, user);
        let (md5, inspection) = inspection.asking(Arc::new(memory)).halves();
        let directory = directory.to_owned();
        let make_in = directory.clone();
        let disk = spawn_blocking(move || temporary(&make_in)).await.map_err(io::Error::other)??;
        let (file, grower) = LocalFile::growing(disk.path(), expected_bytes);
        let (to_disk, for_disk) = mpsc::channel(PIECES);
        let (to_inspection, for_inspection) = mpsc::channel(PIECES);
        let workers = Workers {
            written: spawn_blocking(|| write(disk, grower, md5, for_disk)),
            inspected: spawn_blocking(|| inspect(inspection, for_inspection)),
        };
        Ok(Self {
            directory,
            turns: Arc::clone(&budgets.rendering),
            user: user.to_owned(),
            file,
            most_bytes,
            left_bytes: most_bytes,
            pieces: Some([to_inspection, to_disk]),
            workers: Some(workers),
        })
    }

    /// The file on the disk, which grows.
    pub fn file(&self) -> LocalFile {
        self.file.clone()
    }

    /// Takes the next bytes; waits while the disk is slow.
    ///
    /// # Errors
    ///
    /// As soon as the file is seen to be bad, or the disk fails.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), SpoolError> {
        let left = self.left_bytes.checked_sub(bytes.len() as u64).ok_or(SpoolError::TooLarge(self.most_bytes))?;
        self.left_bytes = left;
        let Some(pieces) = &self.pieces else { return self.join().await.map(drop) };
        for to in pieces {
            if to.send(bytes.clone()).await.is_err() {
                // a worker has ended early: it says why
                return self.join().await.map(drop);
            }
        }
        Ok(())
    }

    /// Takes all that there is of the file, and ends it.
    ///
    /// # Errors
    ///
    /// When the file is bad, or the disk fails; the first error of its pieces.
    pub async fn take(
        mut self,
        name: &FileName,
        mut pieces: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    ) -> Result<Spooled, Problem> {
        while let Some(bytes) = pieces.next().await {
            self.push(bytes?).await.map_err(|error| error.problem(name))?;
        }
        self.finish().await.map_err(|error| error.problem(name))
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// When the file is bad, or the disk fails.
    pub async fn finish(mut self) -> Result<Spooled, SpoolError> {
        self.join().await
    }

    async fn join(&mut self) -> Result<Spooled, SpoolError> {
        self.pieces = None;
        let Some(Workers { written, inspected }) = self.workers.take() else {
            return Err(io::Error::other("the file has ended already").into());
        };
        let inspection = inspected.await.map_err(io::Error::other)??;
        let Written { disk, grower, md5 } = written.await.map_err(io::Error::other)??;
        // entries are made of a few packages at a time: of one they may be large, whatever its size
        let turn = self.turns.take(&self.user, 1, LONGEST_QUEUE).await.ok_or(SpoolError::Busy)?;
        let directory = self.directory.clone();
        let finish = move || {
            let _turn = turn;
            let inspected = inspection.finish(md5)?;
            grower.finish();
            Ok(Spooled::new(disk.into_temp_path(), inspected, &directory)?)
        };
        spawn_blocking(finish).await.map_err(io::Error::other)?
    }
}

fn write(
    disk: NamedTempFile,
    grower: Grower,
    mut md5: Md5Pieces,
    mut pieces: mpsc::Receiver<Bytes>,
) -> io::Result<Written> {
    let mut file: &File = disk.as_file();
    while let Some(piece) = pieces.blocking_recv() {
        md5.update(&piece);
        if let Err(error) = file.write_all(&piece) {
            // whoever reads it already has it open, and its room is needed
            _ = file.set_len(0);
            return Err(error);
        }
        grower.add(piece.len() as u64, md5.take_pieces());
    }
    Ok(Written { disk, grower, md5: md5.finish() })
}

fn inspect(mut inspection: InspectionButMd5, mut pieces: mpsc::Receiver<Bytes>) -> Result<InspectionButMd5, Refusal> {
    while let Some(piece) = pieces.blocking_recv() {
        inspection.push(&piece)?;
    }
    Ok(inspection)
}
