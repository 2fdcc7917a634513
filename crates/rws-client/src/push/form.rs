//! The form of an upload (RFC 7578): made of files while it is sent.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use rws_http::StreamedBody;
use tokio::io::AsyncReadExt;

use super::plan::PlannedUpload;
use super::report::Progress;

/// How much of a file is sent at once.
const PIECE_BYTES: u64 = 256 << 10;

/// A form that can be sent as often as needed.
pub struct Form {
    boundary: String,
    parts: Vec<Part>,
}

#[derive(Clone)]
enum Part {
    Text(Bytes),
    File { path: PathBuf, size_bytes: u64 },
}

impl Form {
    /// The form of an upload.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes.
    pub fn new(upload: &PlannedUpload<'_>) -> io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let boundary: String =
            ["rws-".to_owned()].into_iter().chain(random.map(|byte| format!("{byte:02x}"))).collect();
        let mut parts = Vec::new();
        let header = |parameters: &str| format!("--{boundary}\r\nContent-Disposition: form-data; {parameters}\r\n\r\n");
        if let Some(product) = &upload.product {
            parts.push(Part::Text(format!("{}{product}\r\n", header("name=\"product\"")).into()));
        }
        for (number, file) in upload.files().enumerate() {
            // a name has neither \ nor control characters
            let name = file.inspected.file.name.as_str().replace('"', "\\\"");
            parts.push(Part::Text(header(&format!("name=\"file{number}\"; filename=\"{name}\"")).into()));
            parts.push(Part::File { path: file.path.clone(), size_bytes: file.inspected.file.size_bytes });
            parts.push(Part::Text(Bytes::from_static(b"\r\n")));
        }
        parts.push(Part::Text(format!("--{boundary}--\r\n").into()));
        Ok(Self { boundary, parts })
    }

    /// Its Content-Type.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Its bytes, from the beginning. How many bytes of files were sent is told.
    pub fn body(&self, progress: &Arc<Progress>) -> StreamedBody {
        let size = |part: &Part| match part {
            Part::Text(text) => text.len() as u64,
            Part::File { size_bytes, .. } => *size_bytes,
        };
        let size_bytes = self.parts.iter().map(size).sum();
        progress.begin();
        let progress = Arc::clone(progress);
        let pieces = stream::iter(self.parts.clone()).flat_map(move |part| pieces(part, &progress));
        StreamedBody { size_bytes, pieces: Box::pin(pieces) }
    }
}

/// The bytes of a part. Only those of files count for how far an upload is.
fn pieces(part: Part, progress: &Arc<Progress>) -> stream::BoxStream<'static, io::Result<Bytes>> {
    match part {
        Part::Text(text) => stream::once(std::future::ready(Ok(text))).boxed(),
        Part::File { path, size_bytes } => {
            let progress = Arc::clone(progress);
            let sent =
                move |piece: &io::Result<Bytes>| progress.sent(piece.as_ref().map_or(0, |piece| piece.len() as u64));
            file(path, size_bytes).inspect(sent).boxed()
        }
    }
}

/// So many bytes of a file.
fn file(path: PathBuf, size_bytes: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((None::<tokio::fs::File>, size_bytes), move |(file, left)| {
        let path = path.clone();
        async move {
            if left == 0 {
                return Ok(None);
            }
            let mut file = match file {
                Some(file) => file,
                None => tokio::fs::File::open(&path).await?,
            };
            let mut piece = vec![0; usize::try_from(left.min(PIECE_BYTES)).unwrap_or_default()];
            let length = file.read(&mut piece).await?;
            if length == 0 {
                return Err(io::Error::other(format!("{} has become shorter since it was checked", path.display())));
            }
            piece.truncate(length);
            Ok(Some((Bytes::from(piece), (Some(file), left - length as u64))))
        }
    })
}
