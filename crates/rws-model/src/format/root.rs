//! The root of a repository: what it is made of, and its files before and after they are signed.

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::repository::{Index, IndexFile};
use crate::{RepositoryId, RepositorySettings, SigningPurpose};

/// What a root is made of.
pub struct RootInput<'a> {
    /// The repository.
    pub repository: &'a RepositoryId,
    /// What the configuration says of it.
    pub settings: &'a RepositorySettings,
    /// Its indexes, in the order of [`crate::RepositoryFormat::indexes`].
    pub indexes: &'a [Index],
    /// The files of these indexes: each index in each of its [`Index::codecs`], in this order.
    pub files: &'a [IndexFile],
    /// The bytes of one of these files, as it is stored. Most formats do without: what a root states of a file is in
    /// `files`.
    pub read: &'a dyn Fn(&IndexFile) -> Result<Vec<u8>, RootError>,
    /// What packages say to the root itself, sorted by their identities.
    pub entries: &'a [Vec<u8>],
    /// Seconds since 1970, larger than in any earlier root of this repository.
    pub published_at: i64,
    /// The root that it replaces, of whatever tool; empty where there is none.
    pub former: &'a [RootFile],
    /// The public keys of the signer in ASCII armour, a block for each; `None` for a root that is not signed.
    pub public_key: Option<&'a str>,
    /// The fingerprints of these keys, where the root is to say that only they sign the next one; otherwise none.
    pub signed_by: &'a [String],
}

/// Why there is no root yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// An index file was not read yet ([`IndexFile::stored_name`]). Once it is, trying again helps.
    #[error("{0} was not read yet")]
    Unread(String),
    /// An index file is not what it should be: a sentence. Trying again does not help.
    #[error("{0}")]
    Unfit(String),
}

/// One file of a root that is not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftFile {
    /// [`RootFile::name`].
    pub name: String,
    /// What it has, or will have.
    pub content: DraftContent,
}

/// What a file of a root that is not signed yet has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DraftContent {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the signer makes of these bytes.
    Signed {
        /// What it makes of them.
        purpose: SigningPurpose,
        /// What is signed.
        bytes: Vec<u8>,
    },
}

impl DraftFile {
    /// A file with these bytes.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), content: DraftContent::Bytes(bytes.into()) }
    }

    /// A file that the signer makes.
    pub fn signed(name: impl Into<String>, purpose: SigningPurpose, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), content: DraftContent::Signed { purpose, bytes: bytes.into() } }
    }
}

/// One file of a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootFile {
    /// Its name relative to [`crate::Layout::tree`]: `dists/focal/InRelease`, `repodata/repomd.xml`.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

impl RootFile {
    /// A file with this content.
    pub fn new(name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), content: content.into() }
    }

    /// Its content, where that is text in UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.content).ok()
    }
}

/// The form in JSON: text as text, as all versions write and read it, and other bytes under a key of their own.
#[derive(Serialize, Deserialize)]
struct Readable {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// The form in manifests. In postcard bytes look as a text of the same bytes does, which versions before 0.2 wrote here.
#[derive(Serialize, Deserialize)]
struct Binary {
    name: String,
    #[serde(with = "as_bytes")]
    content: Vec<u8>,
}

mod as_bytes {
    use std::fmt;

    use serde::de::Visitor;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_byte_buf(Bytes)
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("bytes")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
            Ok(bytes)
        }
    }
}

impl Serialize for RootFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { name, content } = self;
        if !serializer.is_human_readable() {
            return Binary { name: name.clone(), content: content.clone() }.serialize(serializer);
        }
        let text = self.text().map(str::to_owned);
        let base64 = text.is_none().then(|| Base64::encode_string(content));
        Readable { name: name.clone(), text, base64 }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RootFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let Binary { name, content } = Binary::deserialize(deserializer)?;
            return Ok(Self { name, content });
        }
        let Readable { name, text, base64 } = Readable::deserialize(deserializer)?;
        let content = match (text, base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(base64)) => Base64::decode_vec(&base64).map_err(serde::de::Error::custom)?,
            _ => return Err(serde::de::Error::custom("a file of a root has either text or base64")),
        };
        Ok(Self { name, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Former {
        name: String,
        text: String,
    }

    /// Heads and manifests of other versions are read, and those of texts are the same to the byte.
    #[test]
    fn texts_keep_their_form() {
        let (name, text) = ("dists/focal/Release".to_owned(), "Codename: focal\nLabel: \"ä\"\n".to_owned());
        let file = RootFile::new(name.clone(), text.clone());
        let former = Former { name, text };
        let json = serde_json::to_string(&file).unwrap();
        assert_eq!(json, serde_json::to_string(&former).unwrap());
        assert_eq!(serde_json::from_str::<RootFile>(&json).unwrap(), file);
        let binary = postcard::to_stdvec(&file).unwrap();
        assert_eq!(binary, postcard::to_stdvec(&former).unwrap());
        assert_eq!(postcard::from_bytes::<RootFile>(&binary).unwrap(), file);
    }

    #[test]
    fn other_bytes_have_a_key_of_their_own() {
        let file = RootFile::new("index", [0x1f, 0x8b, 0xff]);
        let json = serde_json::to_string(&file).unwrap();
        assert_eq!(json, r#"{"name":"index","base64":"H4v/"}"#);
        assert_eq!(serde_json::from_str::<RootFile>(&json).unwrap(), file);
        assert_eq!(postcard::from_bytes::<RootFile>(&postcard::to_stdvec(&file).unwrap()).unwrap(), file);
        for wrong in [r#"{"name":"a"}"#, r#"{"name":"a","text":"","base64":""}"#, r#"{"name":"a","base64":"?"}"#] {
            assert!(serde_json::from_str::<RootFile>(wrong).is_err(), "{wrong}");
        }
    }
}
