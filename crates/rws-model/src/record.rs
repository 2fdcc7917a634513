//! What one package says to the indexes, and what is to happen to a repository.

use serde::{Deserialize, Serialize};

use crate::{Digests, FileName, RepositoryId, Sha256};

/// What makes a package one thing in a repository. The format chooses the text and orders it
/// ([`crate::RepositoryFormat::compare`]); everybody else only compares it for equality.
///
/// deb: `deb NAME VERSION ARCHITECTURE`, `source NAME VERSION`, `file NAME` (a file of no source yet).
/// rpm: `rpm NAME EPOCH VERSION RELEASE ARCHITECTURE`, parts separated by one blank. The parts themselves have none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity(pub String);

/// A class of entries, for example `binary-amd64` or `primary`. An index takes entries of one or more partitions.
pub type Partition = String;

/// The class of entries that stand in the root itself, and in no index.
pub const ROOT: &str = "(root)";

/// One rendered entry of one package: opaque to everybody but the format that wrote it.
///
/// A byte [`SLOT`] in the text stands for the directory of the package's files, which is chosen when the package is
/// published; it is stated as it is in [`Record::directory`], without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The class of the entry.
    pub partition: Partition,
    /// The bytes of the entry, its trailing separator included.
    #[serde(with = "serde_bytes_text")]
    pub text: Vec<u8>,
}

/// The byte that stands for the directory in [`Entry::text`]. It can stand in no entry otherwise.
pub const SLOT: u8 = 0;

/// Puts `directory`, already escaped for the entry's language, where `text` has [`SLOT`]. With an empty directory the
/// slash behind the slot goes too.
pub fn fill_slot(text: &[u8], directory: &[u8]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(text.len() + directory.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != SLOT {
            filled.push(byte);
        } else if directory.is_empty() {
            bytes.next_if_eq(&b'/');
        } else {
            filled.extend_from_slice(directory);
        }
    }
    filled
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFile {
    /// Its name, without a directory.
    pub name: FileName,
    /// Its size.
    pub size_bytes: u64,
    /// Its digests.
    pub digests: Digests,
}

/// The signature that a package carries, verified when it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSignature {
    /// The fingerprint of the primary key, upper-case hexadecimal digits.
    pub key: String,
    /// The digest of the file that was uploaded: that of another file where RWS signed it. Who sends the same file again
    /// changes nothing.
    pub uploaded: Sha256,
}

/// One package as the indexes see it, made once, while its files arrive.
///
/// Most have one file; a source has its `.dsc` and all that the `.dsc` names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What the package is.
    pub identity: Identity,
    /// Where its files go, relative to [`crate::Layout::tree`], without slashes at the ends: `Packages`,
    /// `pool/focal/main/t/tarantool`.
    pub directory: String,
    /// Its files.
    pub files: Vec<RecordFile>,
    /// What it says to the indexes.
    pub entries: Vec<Entry>,
    /// The version of the code that rendered the entries.
    pub renderer: u32,
    /// The signature that it carries, where that is known. Not written where it is not: then a record is the same to the byte
    /// as in earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<PackageSignature>,
}

impl Record {
    /// The digest of what was uploaded as the package's own file, whether or not that was signed afterwards.
    pub fn uploaded(&self) -> Option<Sha256> {
        let own = || self.files.first().map(|file| file.digests.sha256);
        self.signature.as_ref().map(|signature| signature.uploaded).or_else(own)
    }

    /// Whether RWS signed its own file: its bytes are others than those that were uploaded.
    pub fn is_signed_here(&self) -> bool {
        self.files.first().is_some_and(|file| Some(file.digests.sha256) != self.uploaded())
    }
}

/// "This identity is to become this record, or absent", for one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The repository that changes.
    pub repository: RepositoryId,
    /// The identity that changes.
    pub identity: Identity,
    /// What it becomes; absent: it goes.
    pub record: Option<Record>,
}

/// Bytes that are nearly always text: stored as text where they are UTF-8, as a list of numbers where not.
mod serde_bytes_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form<'a> {
        Text(std::borrow::Cow<'a, str>),
        Bytes(Vec<u8>),
    }

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Form::Text(text.into()).serialize(serializer),
            Err(_) => Form::Bytes(bytes.to_vec()).serialize(serializer),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        Ok(match Form::deserialize(deserializer)? {
            Form::Text(text) => text.into_owned().into_bytes(),
            Form::Bytes(bytes) => bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_takes_the_directory_and_an_empty_one_takes_its_slash_along() {
        assert_eq!(fill_slot(b"a \0/x b", b"pool/p"), b"a pool/p/x b");
        assert_eq!(fill_slot(b"a \0/x b", b""), b"a x b");
        assert_eq!(fill_slot(b"Directory: \0\n", b"pool"), b"Directory: pool\n");
    }
}
