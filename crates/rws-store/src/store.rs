//! The trait that every backend implements.

use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};

use crate::{Key, LocalFile, Reserved, StoreError};

/// Bytes that arrive piece by piece.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// What the store says of one state of an object: equal only while the object has the same content (an ETag on S3; inode,
/// time and size in a directory, where no version ever comes back). What is swapped must therefore have content that
/// never repeats. Its text is safe inside an HTTP ETag.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub String);

/// An object without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its size.
    pub size_bytes: u64,
    /// Its version.
    pub version: Version,
    /// When it was last written by the clock of the store, in milliseconds since 1970.
    pub modified_milliseconds: i64,
}

/// Which bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// All.
    Whole,
    /// `length` bytes from `start`; cut at the end of the object.
    Part {
        /// The first byte.
        start: u64,
        /// How many.
        length: u64,
    },
    /// The last `length` bytes; all when there are not so many.
    Last {
        /// How many.
        length: u64,
    },
}

impl Span {
    /// The first byte and the number of bytes in an object of this size.
    pub fn within(self, size_bytes: u64) -> (u64, u64) {
        match self {
            Self::Whole => (0, size_bytes),
            Self::Part { start, length } => {
                let start = start.min(size_bytes);
                (start, length.min(size_bytes - start))
            }
            Self::Last { length } => {
                let length = length.min(size_bytes);
                (size_bytes - length, length)
            }
        }
    }
}

/// An object with its content.
pub struct Content {
    /// The object; its size is that of the whole.
    pub stat: Stat,
    /// The bytes that were asked for.
    pub bytes: ByteStream,
    /// All of it as a local file, where it is one. A file that never changes may be read from it later, whatever becomes of its
    /// name.
    pub file: Option<Arc<File>>,
}

impl Content {
    /// Reads all of it into memory.
    ///
    /// # Errors
    ///
    /// The first error of the stream.
    pub async fn collect(self) -> Result<Bytes, StoreError> {
        collect_into(self.bytes, usize::try_from(self.stat.size_bytes).unwrap_or(0).min(LARGEST_ROOM_BYTES)).await
    }
}

/// Room for so much is made at once for an object that is said to be larger.
const LARGEST_ROOM_BYTES: usize = 64 << 20;

/// What is written.
#[derive(Clone, Debug)]
pub enum Body {
    /// Bytes at hand.
    Bytes(Bytes),
    /// A local file, which nobody changes once it is whole: a store on the same file system may link it instead of
    /// copying. A store may begin with it while it grows; nothing is written when it does not become whole.
    File(LocalFile),
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// Under which condition a write takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    Always,
    /// Only when the object does not exist.
    Absent,
    /// Only when the object has this version.
    Matches(Version),
}

/// What kind of object it is: decides content type, caching and who may read it where the store can say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectClass {
    /// RWS's own state that is written over: nobody else's to read.
    Private,
    /// RWS's own state that is written once and never changes.
    PrivateImmutable,
    /// A package, or a file whose name holds its digest: never changes.
    Immutable,
    /// A root or a plain-named index: must be revalidated.
    Mutable,
}

/// How to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Under which condition.
    pub condition: Condition,
    /// What kind of object.
    pub kind: ObjectClass,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub key: Key,
    /// The object.
    pub stat: Stat,
}

/// How deep a listing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What is directly below a prefix.
    Directory,
    /// All objects below it.
    All,
}

/// A part of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries, in the order of their keys where the store has one; a directory's name counts with its slash. There may
    /// be none, and more to follow nevertheless.
    pub entries: Vec<DirectoryEntry>,
    /// Where the next page begins, in the words of the store; none: this was the last.
    pub next: Option<String>,
}

/// One entry of a directory; in a listing of all objects the names go on with the parts below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryEntry {
    /// Names that continue with this part and a slash.
    Directory(String),
    /// An object whose last part this is.
    File(String, Stat),
}

impl DirectoryEntry {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Directory(name) | Self::File(name, _) => name,
        }
    }

    /// A file and a directory may have one name.
    fn order(&self) -> (&str, bool) {
        (self.name(), matches!(self, Self::Directory(_)))
    }
}

/// The most entries of one page: as many as S3 answers at once. Many readers hold one at the same time.
pub const MAX_PAGE_ENTRIES: usize = 1000;

/// Where bytes live. All writes are atomic (a reader sees the old or the new object, never a part) and durable when
/// the call returns.
#[async_trait]
pub trait Store: Send + Sync {
    /// The object without its content; `None` where there is none.
    async fn stat(&self, key: &Key) -> Result<Option<Stat>, StoreError>;

    /// Whether an object is gone for certain, by more than one answer of the store: asked before anything is given up for it.
    async fn is_gone(&self, key: &Key) -> Result<bool, StoreError> {
        Ok(self.stat(key).await?.is_none())
    }

    /// Keeps room free for copies of some objects and for so many bytes more, where the store can do that.
    ///
    /// # Errors
    ///
    /// When there is not so much room.
    async fn reserve(&self, _copies: &[Key], _bytes: u64) -> Result<Reserved, StoreError> {
        Ok(Reserved::default())
    }

    /// Whether an object says of itself that RWS wrote it, under this name. What other tools write never does; neither does
    /// anything in a store that keeps no such thing.
    async fn is_own(&self, _key: &Key) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Says whether everybody may read an object from the store itself, where it is a bucket that keeps such a thing.
    ///
    /// # Errors
    ///
    /// When the store fails. An object that does not exist is no error.
    async fn set_public(&self, _key: &Key, _is_public: bool) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether everybody may read an object from the store itself.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn is_public(&self, _key: &Key) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Checks that files may lie at these places: symbolic links of a directory may lead where nothing is written.
    ///
    /// # Errors
    ///
    /// The first place where none may, and why.
    async fn check_places(&self, _keys: &[Key]) -> Result<(), StoreError> {
        Ok(())
    }

    /// The object with the bytes of `span`; `None` where there is none.
    async fn read(&self, key: &Key, span: Span) -> Result<Option<Content>, StoreError>;

    /// Writes an object.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when the condition does not hold. After any other error whether it was written is not
    /// known: read again before deciding.
    async fn write(&self, key: &Key, body: Body, write: Write) -> Result<Stat, StoreError>;

    /// Copies an object inside the store. [`Condition::Absent`] holds against all other copies of this kind; the version
    /// is that of the copy.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] when there is no source, and what [`Store::write`] fails with.
    async fn copy(&self, from: &Key, to: &Key, write: Write) -> Result<Version, StoreError>;

    /// Deletes objects; those that do not exist are no error.
    async fn delete(&self, keys: &[Key]) -> Result<(), StoreError>;

    /// All objects whose name starts with `prefix`, a path that ends in a slash or is empty, in byte order.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError>;

    /// At most `most` entries (a store may give fewer at once) below `prefix`, a path that ends in a slash or is empty: from the
    /// beginning, or from where another page ended.
    async fn page(&self, prefix: &str, depth: Depth, from: Option<&str>, most: usize) -> Result<Page, StoreError>;

    /// The entries directly below `prefix`, a path that ends in a slash or is empty, in byte order of their names.
    async fn list_directory(&self, prefix: &str) -> Result<Vec<DirectoryEntry>, StoreError> {
        let mut page = self.page(prefix, Depth::Directory, None, MAX_PAGE_ENTRIES).await?;
        let mut entries = page.entries;
        while let Some(next) = page.next.take() {
            page = self.page(prefix, Depth::Directory, Some(&next), MAX_PAGE_ENTRIES).await?;
            entries.append(&mut page.entries);
        }
        entries.sort_by(|left, right| left.order().cmp(&right.order()));
        Ok(entries)
    }

    /// The store's clock, in milliseconds since 1970. It may be up to a second behind, never ahead.
    async fn clock_milliseconds(&self) -> Result<i64, StoreError>;

    /// Gives up what was begun with below `prefix` before a time (milliseconds since 1970) and never finished: parts of
    /// files whose process died. How many files; none where the store keeps no such parts.
    async fn abort_unfinished_uploads(&self, _prefix: &str, _before_milliseconds: i64) -> Result<usize, StoreError> {
        Ok(0)
    }

    /// What is to be said of a store that is answered for by something else at times; `None` where all is well.
    fn suspect_answers(&self) -> Option<String> {
        None
    }

    /// A URL at which anybody can read the object for so many seconds; `None` where the store has no such thing.
    fn presigned_url(&self, _key: &Key, _seconds: u64) -> Option<String> {
        None
    }
}

/// Reads a stream to its end, into memory.
///
/// # Errors
///
/// The first error of the stream.
pub async fn collect(stream: ByteStream) -> Result<Bytes, StoreError> {
    collect_into(stream, 0).await
}

/// The same, with room for so many bytes where there is more than one piece.
async fn collect_into(mut stream: ByteStream, room_bytes: usize) -> Result<Bytes, StoreError> {
    let Some(first) = stream.next().await else { return Ok(Bytes::new()) };
    let first = first?;
    let Some(second) = stream.next().await else { return Ok(first) };
    let mut all = BytesMut::with_capacity(room_bytes);
    all.extend_from_slice(&first);
    all.extend_from_slice(&second?);
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all.freeze())
}
