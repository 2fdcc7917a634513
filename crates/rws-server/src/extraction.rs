//! Packages read from the store on threads of low priority: to unpack a large one takes seconds.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::unfold;
use rws_model::{FileReader, FoundFile, Refusal};
use rws_repository::RepositoryError;
use rws_store::{StoreError, low_priority};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::answer::Problem;
use crate::service::Service;

/// So many packed bytes are unpacked at once: a few bytes may become very many.
const PIECE_BYTES: usize = 16 << 10;

/// So many pieces of a file wait for the one who reads it.
const PIECES: usize = 2;

/// Gives the bytes of a package, at a public path, to somebody who takes them until there are enough, and last nothing; `None` where the package is not
/// there any more.
///
/// # Errors
///
/// When the store fails.
pub async fn read<T: Send + 'static>(
    service: &Service,
    path: &str,
    mut taker: T,
    mut take: impl FnMut(&mut T, Option<&[u8]>) -> ControlFlow<()> + Send + 'static,
) -> Result<Option<T>, Problem> {
    let runtime = Handle::current();
    let Some(mut content) = service.gate.package_content(path).await? else { return Ok(None) };
    let work = move || {
        while let Some(piece) = runtime.block_on(content.bytes.next()) {
            if take(&mut taker, Some(&piece?)).is_break() {
                return Ok(taker);
            }
        }
        _ = take(&mut taker, None);
        Ok::<_, StoreError>(taker)
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
    found: Option<oneshot::Sender<FoundFile>>,
    bytes: mpsc::Sender<Result<Bytes, Refusal>>,
    /// What is held until all of it is sent.
    _held: H,
}

/// Looks for a file in a package at a public path, and sends it while it is unpacked; `None` where it is not there. `held` is dropped
/// at the end.
///
/// # Errors
///
/// When the store fails before the file is found.
pub async fn file<H: Send + 'static>(
    service: &Arc<Service>,
    path: &str,
    reader: Box<dyn FileReader>,
    held: H,
) -> Result<Option<ExtractedFile>, Problem> {
    let (to_found, found) = oneshot::channel();
    let (to_bytes, bytes) = mpsc::channel(PIECES);
    let sending = Sending { reader, found: Some(to_found), bytes: to_bytes, _held: held };
    let (service, path) = (Arc::clone(service), path.to_owned());
    let reading = tokio::spawn(async move { read(&service, &path, sending, Sending::take).await.map(drop) });
    // without an answer it was not found, or the package cannot be read
    let Ok(found) = found.await else { return reading.await?.map(|()| None) };
    let pieces = unfold(bytes, |mut bytes| async { bytes.recv().await.map(|piece| (piece, bytes)) });
    Ok(Some(ExtractedFile { found, body: Body::from_stream(pieces) }))
}

impl<H> Sending<H> {
    fn take(&mut self, bytes: Option<&[u8]>) -> ControlFlow<()> {
        let Some(bytes) = bytes else {
            let ended = self.reader.end();
            return self.went_on(ended);
        };
        bytes.chunks(PIECE_BYTES).try_for_each(|piece| {
            let pushed = self.reader.push(piece);
            self.went_on(pushed)
        })
    }

    fn went_on(&mut self, result: Result<(), Refusal>) -> ControlFlow<()> {
        if let Err(refusal) = result {
            tracing::debug!(%refusal, "RWS cannot read a file of a package");
            if self.found.is_none() {
                _ = self.bytes.blocking_send(Err(refusal));
            }
            return ControlFlow::Break(());
        }
        if self.found.is_some()
            && let Some(found) = self.reader.found()
            && let Some(answer) = self.found.take()
        {
            _ = answer.send(found);
        }
        let unpacked = self.reader.take();
        let is_gone = !unpacked.is_empty() && self.bytes.blocking_send(Ok(unpacked.into())).is_err();
        if is_gone || self.reader.is_done() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
