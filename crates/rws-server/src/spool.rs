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
use tempfile::TempPath;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

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
        let received = ReceivedFile { path: self.path.to_path_buf(), inspected: self.inspected };
        (self.path, received)
    }
}

impl Spool {
    /// Starts a file.
    pub fn start(directory: &Path, format: &Arc<dyn Format>, name: &FileName) -> Self {
        let (pieces, incoming) = mpsc::channel(PIECES);
        let (directory, inspection) = (directory.to_owned(), Inspection::new(&**format, name));
        let worker = tokio::task::spawn_blocking(move || receive(&directory, inspection, incoming));
        Self { pieces: Some(pieces), worker: Some(worker) }
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
    directory: &Path,
    mut inspection: Inspection,
    mut incoming: mpsc::Receiver<Bytes>,
) -> Result<Spooled, SpoolError> {
    let file = tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(directory)?;
    let mut writer: &File = file.as_file();
    while let Some(piece) = incoming.blocking_recv() {
        inspection.push(&piece)?;
        writer.write_all(&piece)?;
    }
    let inspected = inspection.finish()?;
    Ok(Spooled { path: file.into_temp_path(), inspected })
}
