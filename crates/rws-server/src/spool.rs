//! One file of a request on its way to the local disk: written, digested and inspected in one pass, off the
//! asynchronous threads, with a bounded number of pieces under way.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rws_model::{FileName, Format, Inspected, Refusal};
use rws_repository::inspection::Inspection;
use rws_repository::intake::ReceivedFile;
use rws_store::{Grower, LocalFile};
use tempfile::{NamedTempFile, TempPath};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

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
    /// The local disk failed: full, or not writable.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// A file that is being received.
pub struct Spool {
    file: LocalFile,
    pieces: Option<mpsc::Sender<Bytes>>,
    worker: Option<JoinHandle<Result<Spooled, SpoolError>>>,
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

    /// What the intake needs, and what keeps the file on the disk.
    pub fn into_received(self) -> (TempPath, ReceivedFile) {
        let received = ReceivedFile { file: LocalFile::whole(&*self.path), inspected: self.inspected };
        (self.path, received)
    }
}

impl Spool {
    /// Starts a file of at most `expected_bytes`, where that is known.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub async fn start(
        directory: &Path,
        format: &Arc<dyn Format>,
        name: &FileName,
        expected_bytes: Option<u64>,
    ) -> Result<Self, SpoolError> {
        let (pieces, incoming) = mpsc::channel(PIECES);
        let (directory, inspection) =
            (directory.to_owned(), Inspection::new(&**format, name).with_pieces(LocalFile::PIECE_BYTES));
        let make = move || tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(directory);
        let disk = spawn_blocking(make).await.map_err(io::Error::other)??;
        let (file, grower) = LocalFile::growing(disk.path(), expected_bytes);
        let worker = spawn_blocking(move || receive(disk, &grower, inspection, incoming).inspect(|_| grower.finish()));
        Ok(Self { file, pieces: Some(pieces), worker: Some(worker) })
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
        let Some(pieces) = &self.pieces else { return self.join().await.map(drop) };
        if pieces.send(bytes).await.is_err() {
            // the worker has ended early: it says why
            return self.join().await.map(drop);
        }
        Ok(())
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
        match self.worker.take() {
            Some(worker) => worker.await.unwrap_or_else(|error| Err(io::Error::other(error).into())),
            None => Err(io::Error::other("the file has ended already").into()),
        }
    }
}

fn receive(
    disk: NamedTempFile,
    grower: &Grower,
    mut inspection: Inspection,
    mut incoming: mpsc::Receiver<Bytes>,
) -> Result<Spooled, SpoolError> {
    let mut writer: &File = disk.as_file();
    while let Some(piece) = incoming.blocking_recv() {
        inspection.push(&piece)?;
        writer.write_all(&piece)?;
        grower.add(piece.len() as u64, inspection.take_pieces());
    }
    let inspected = inspection.finish()?;
    Ok(Spooled { path: disk.into_temp_path(), inspected })
}
