//! One file of a request on its way to the local disk: written, digested and inspected in one pass, off the
//! asynchronous threads, with a bounded number of pieces under way. Two threads share the work: one writes and computes
//! MD5, the other inspects and computes the other digests.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use axum::http::StatusCode;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use rws_model::{FileName, Inspected, Md5Pieces, Refusal};
use rws_repository::inspection::{Inspection, InspectionButMd5};
use rws_repository::intake::ReceivedFile;
use rws_store::{Grower, LocalFile};
use tempfile::{NamedTempFile, TempPath};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::answer::Problem;

/// What the names of files in the spool directory start with.
pub const SPOOL_PREFIX: &str = "rws-upload-";

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
                let message = format!("{name} has more than {most_bytes} bytes. Nothing of the request was kept.");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
                    .of_file(name.as_str())
                    .with_hint("Raise server.limits.file_bytes if such files are wanted")
            }
            Self::Disk(error) => {
                tracing::error!(%error, "the spool directory cannot be written");
                let message = format!("{name} could not be kept on the local disk. Try again later.");
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "spool", message).of_file(name.as_str())
            }
        }
    }
}

/// A file that is being received.
pub struct Spool {
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
}

impl Spooled {
    /// The name of the file.
    pub fn name(&self) -> &FileName {
        &self.inspected.file.name
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

    /// What the intake needs, and what keeps the file on the disk.
    pub fn into_received(self) -> (TempPath, ReceivedFile) {
        let received = ReceivedFile { file: LocalFile::whole(&*self.path), inspected: self.inspected };
        (self.path, received)
    }
}

impl Spool {
    /// Starts a file of at most `expected_bytes`, where that is known; it may have `most_bytes`.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub async fn start(
        directory: &Path,
        inspection: Inspection,
        expected_bytes: Option<u64>,
        most_bytes: u64,
    ) -> Result<Self, SpoolError> {
        let (md5, inspection) = inspection.halves();
        let directory = directory.to_owned();
        let make = move || tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(directory);
        let disk = spawn_blocking(make).await.map_err(io::Error::other)??;
        let (file, grower) = LocalFile::growing(disk.path(), expected_bytes);
        let (to_disk, for_disk) = mpsc::channel(PIECES);
        let (to_inspection, for_inspection) = mpsc::channel(PIECES);
        let workers = Workers {
            written: spawn_blocking(|| write(disk, grower, md5, for_disk)),
            inspected: spawn_blocking(|| inspect(inspection, for_inspection)),
        };
        Ok(Self {
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
        let inspected = spawn_blocking(move || inspection.finish(md5)).await.map_err(io::Error::other)??;
        grower.finish();
        Ok(Spooled { path: disk.into_temp_path(), inspected })
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
        file.write_all(&piece)?;
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
