//! Where packages come from: a directory, or a server.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rws_http::{Client, ClientSettings, Download, Request};
use rws_repository::import::ImportSource;
use tokio::io::AsyncReadExt;
use tokio::task::spawn_blocking;

/// How much of a file is read at once.
const PIECE_BYTES: usize = 256 << 10;

/// How long a server may make no progress.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How often a request is repeated that failed on its way, and the pause before each.
const REPEATED: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15)];

/// What is escaped in a path.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

/// Whether it is the URL of a server.
pub fn is_url(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// A directory.
pub struct Directory(PathBuf);

impl Directory {
    /// Looks whether it is one.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn new(path: &str) -> anyhow::Result<Self> {
        ensure!(Path::new(path).is_dir(), "{path} is no directory, and no http:// or https:// URL");
        Ok(Self(PathBuf::from(path)))
    }
}

/// `None` for what is not there.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

fn too_long(most: u64) -> io::Error {
    io::Error::other(format!("it has more than {most} bytes"))
}

#[async_trait]
impl ImportSource for Directory {
    async fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        let Some(file) = absent(tokio::fs::File::open(self.0.join(path)).await)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 > most { Err(too_long(most)) } else { Ok(Some(bytes.into())) }
    }

    async fn open(&self, path: &str) -> io::Result<Option<BoxStream<'static, io::Result<Bytes>>>> {
        let Some(file) = absent(tokio::fs::File::open(self.0.join(path)).await)? else { return Ok(None) };
        let pieces = stream::try_unfold(file, |mut file| async move {
            let mut piece = vec![0; PIECE_BYTES];
            let length = file.read(&mut piece).await?;
            piece.truncate(length);
            Ok((length > 0).then(|| (Bytes::from(piece), file)))
        });
        Ok(Some(pieces.boxed()))
    }

    async fn list(&self) -> io::Result<Option<Vec<(String, u64)>>> {
        let root = self.0.clone();
        spawn_blocking(move || walk(&root).map(Some)).await.map_err(io::Error::other)?
    }
}

/// All files below a directory but for hidden ones. A directory that links lead to more than once is looked at once.
fn walk(root: &Path) -> io::Result<Vec<(String, u64)>> {
    let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
    let mut next = vec![(root.to_owned(), String::new())];
    while let Some((directory, above)) = next.pop() {
        if !seen.insert(directory.canonicalize()?) {
            continue;
        }
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            // a name that is no text is none of a package
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
            let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
            if name.starts_with('.') {
                continue;
            } else if metadata.is_dir() {
                next.push((entry.path(), path));
            } else if metadata.is_file() {
                files.push((path, metadata.len()));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A server.
pub struct Remote {
    url: String,
    client: Client,
}

impl Remote {
    /// Asks nothing yet.
    ///
    /// # Errors
    ///
    /// When the file of certificate authorities cannot be used.
    pub fn new(url: &str, ca_file: Option<&Path>) -> anyhow::Result<Self> {
        ensure!(!url.contains(['?', '#']), "{url} has a query or a fragment: it is to be the URL of a directory");
        let ca_file = ca_file.map(Path::to_owned);
        let settings = ClientSettings { ca_file, timeout: TIMEOUT, max_answer_bytes: usize::MAX };
        let client = Client::new(&settings).context("the source")?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), client })
    }

    async fn get(&self, path: &str) -> io::Result<Option<Download>> {
        let url = format!("{}/{}", self.url, utf8_percent_encode(path, ESCAPED));
        let mut pauses = REPEATED.into_iter();
        loop {
            let (error, may_pass) = match self.client.download(&Request::get(url.clone())).await {
                Ok(answer) if answer.status == 404 || answer.status == 410 => return Ok(None),
                Ok(answer) if answer.status.is_success() => return Ok(Some(answer)),
                Ok(answer) if answer.status.is_redirection() => {
                    let text =
                        format!("{url} answers {}; RWS follows no redirect: use the URL behind it", answer.status);
                    (text, false)
                }
                Ok(answer) => (format!("{url} answers {}", answer.status), answer.status.is_server_error()),
                Err(error) => (format!("{url}: {error}"), error.may_pass()),
            };
            match pauses.next().filter(|_| may_pass) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(io::Error::other(error)),
            }
        }
    }
}

#[async_trait]
impl ImportSource for Remote {
    async fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        let Some(mut answer) = self.get(path).await? else { return Ok(None) };
        let mut bytes = Vec::new();
        while let Some(piece) = answer.pieces.next().await {
            bytes.extend_from_slice(&piece.map_err(io::Error::other)?);
            if bytes.len() as u64 > most {
                return Err(too_long(most));
            }
        }
        Ok(Some(bytes.into()))
    }

    async fn open(&self, path: &str) -> io::Result<Option<BoxStream<'static, io::Result<Bytes>>>> {
        let answer = self.get(path).await?;
        Ok(answer.map(|answer| answer.pieces.map(|piece| piece.map_err(io::Error::other)).boxed()))
    }

    async fn list(&self) -> io::Result<Option<Vec<(String, u64)>>> {
        Ok(None)
    }
}
