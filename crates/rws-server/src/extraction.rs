//! Packages read from the store on threads of low priority: to unpack a large one takes seconds.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::unfold;
use rws_model::{FileOutput, FileReader, FoundFile, Refusal, RefusalKind};
use rws_repository::RepositoryError;
use rws_store::{StoreError, low_priority};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::answer::{Problem, busy};
use crate::service::Service;

/// So many bytes are unpacked, and sent, at once.
const PIECE_BYTES: usize = 16 << 10;

/// A client has so long for what it reads, and a second more for so many bytes: who reads slower holds up others.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const SLOWEST_BYTES_PER_SECOND: u64 = 16 << 10;

/// So many pieces of a file wait for the one who reads it.
const PIECES: usize = 2;

/// Gives the bytes of a package, at a public path, to somebody who takes them until there are enough, and last nothing: it says whether it has all that
/// it wants. `None` where the package is not there any more.
///
/// # Errors
///
/// When the store fails.
pub async fn read<T: Send + 'static>(
    service: &Service,
    path: &str,
    mut taker: T,
    mut take: impl FnMut(&mut T, Option<&[u8]>) -> ControlFlow<bool> + Send + 'static,
) -> Result<Option<(T, bool)>, Problem> {
    let runtime = Handle::current();
    let Some(mut content) = service.gate.package_content(path).await? else { return Ok(None) };
    let work = move || {
        while let Some(piece) = runtime.block_on(content.bytes.next()) {
            if let ControlFlow::Break(has_all) = take(&mut taker, Some(&piece?)) {
                return Ok((taker, has_all));
            }
        }
        let has_all = matches!(take(&mut taker, None), ControlFlow::Break(true));
        Ok::<_, StoreError>((taker, has_all))
    };
    let failed = |error: std::io::Error| RepositoryError::damaged(path, error);
    Ok(Some(low_priority::run(work).await.map_err(failed)?.map_err(RepositoryError::from)?))
}

/// A file of a package that is on its way.
pub struct ExtractedFile {
    /// What it is.
    pub found: FoundFile,
    /// Its bytes. It fails where the package cannot be read to the end of the file.
    pub body: Body,
}

/// What goes on while a file is looked for and sent.
struct Sending<H> {
    reader: Box<dyn FileReader>,
    /// What is held as long as a package is unpacked.
    _held: H,
    /// Whether there is no memory to read the package.
    lacks_memory: Arc<AtomicBool>,
    /// Where the bytes go: whether somebody waits for them.
    bytes: mpsc::Sender<io::Result<Bytes>>,
}

/// Where the bytes go.
struct Output {
    found: Option<oneshot::Sender<FoundFile>>,
    bytes: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
    began: Instant,
    sent_bytes: u64,
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads the file any more")
}

impl FileOutput for Output {
    fn found(&mut self, file: FoundFile) -> io::Result<()> {
        self.found.take().ok_or_else(gone)?.send(file).map_err(|_| gone())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.sent_bytes += piece.len() as u64;
            let until = self.began + LONGEST_PAUSE + Duration::from_secs(self.sent_bytes / SLOWEST_BYTES_PER_SECOND);
            let sent = self.bytes.send(Ok(Bytes::copy_from_slice(piece)));
            let sent = self.runtime.block_on(async { timeout_at(until, sent).await });
            sent.map_err(|_| gone())?.map_err(|_| gone())?;
        }
        Ok(())
    }
}

/// Looks for a file in a package at a public path, and sends it while it is unpacked; `None` where it is not there. `held` is dropped
/// when all is unpacked.
///
/// # Errors
///
/// When the store fails before the file is found, or there is no memory to look for it.
pub async fn file<H: Send + 'static>(
    service: &Arc<Service>,
    path: &str,
    reader: impl FnOnce(Box<dyn FileOutput>) -> Box<dyn FileReader>,
    held: H,
) -> Result<Option<ExtractedFile>, Problem> {
    let (to_found, found) = oneshot::channel();
    let (to_bytes, bytes) = mpsc::channel(PIECES);
    let (runtime, began) = (Handle::current(), Instant::now());
    let output = Output { found: Some(to_found), bytes: to_bytes.clone(), runtime, began, sent_bytes: 0 };
    let lacks_memory: Arc<AtomicBool> = Arc::default();
    let sending = Sending {
        reader: reader(Box::new(output)),
        _held: held,
        lacks_memory: Arc::clone(&lacks_memory),
        bytes: to_bytes.clone(),
    };
    let (service, path) = (Arc::clone(service), path.to_owned());
    let reading = tokio::spawn(async move {
        // what is held is given back here, however long the client takes for the rest
        let has_all = read(&service, &path, sending, Sending::take).await?.map(|(_, has_all)| has_all);
        if has_all == Some(false) {
            // after the last bytes: those who have begun must not take it for whole
            _ = to_bytes.send(Err(io::Error::other("the package cannot be read to the end of the file"))).await;
        }
        Ok::<(), Problem>(())
    });
    // without an answer it was not found, or the package cannot be read
    let Ok(found) = found.await else {
        reading.await??;
        return if lacks_memory.load(Ordering::Relaxed) { Err(busy("debuginfod")) } else { Ok(None) };
    };
    let pieces = unfold(bytes, |mut bytes| async { bytes.recv().await.map(|piece| (piece, bytes)) });
    Ok(Some(ExtractedFile { found, body: Body::from_stream(pieces) }))
}

impl<H> Sending<H> {
    fn take(&mut self, bytes: Option<&[u8]>) -> ControlFlow<bool> {
        let Some(bytes) = bytes else {
            let ended = self.reader.end();
            return ControlFlow::Break(ended.is_ok() && self.reader.is_done());
        };
        bytes.chunks(PIECE_BYTES).try_for_each(|piece| {
            let pushed = self.reader.push(piece);
            self.went_on(pushed)
        })
    }

    fn went_on(&self, result: Result<(), Refusal>) -> ControlFlow<bool> {
        if let Err(refusal) = result {
            tracing::debug!(%refusal, "RWS cannot read a file of a package");
            self.lacks_memory.store(refusal.kind == RefusalKind::Memory, Ordering::Relaxed);
            return ControlFlow::Break(false);
        }
        if self.reader.is_done() {
            return ControlFlow::Break(true);
        }
        if self.bytes.is_closed() { ControlFlow::Break(false) } else { ControlFlow::Continue(()) }
    }
}
