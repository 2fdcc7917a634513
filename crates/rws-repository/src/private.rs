//! All names below the private prefix, in one place.
//!
//! ```text
//! .rws/heads/REPOSITORY.json                 the head of a repository
//! .rws/generations/REPOSITORY/GENERATION     a manifest
//! .rws/pending/REPOSITORY/UPLOAD             a pointer: this upload has changes for this repository
//! .rws/uploads/UPLOAD.json                   an upload: all its changes
//! .rws/incoming/UPLOAD/NAME                  a package file of an upload
//! .rws/aside/SHA256/TARGET/PRODUCT/NAME      a file that waits for the `.changes` of its upload
//! .rws/failed/REPOSITORY/UPLOAD              an upload that could not be carried out there, and why
//! .rws/malformed/REPOSITORY.txt              malformed packages that a comparison with the store stopped at
//! .rws/claims/PATH                          what a public path is about to hold (S3 only)
//! .rws/identities/REPOSITORY/SHA256         what a package is about to become (where other bytes are refused)
//! .rws/lease.json                            who may write (only where S3 keeps no conditions)
//! .rws/probe/                                what is tried at start (S3 only)
//! .rws/local/                                temporary and lock files of a local store
//! .rws/secrets/                              what the embedded default made for itself (local directory only)
//! ```

use rws_model::{FileName, Identity, RepositoryId, sha256};
use rws_store::Key;

use crate::aside::Sender;
use crate::{GenerationId, UploadId};

/// The prefix of everything that is not repository content.
pub const PREFIX: &str = ".rws/";

/// Whether a path is not for the public: no public name of RWS has a part that starts with a dot, so that neither this
/// installation's private prefix, in any spelling, nor that of one inside it can be read.
pub fn is_private(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.'))
}

/// The head of a repository.
pub fn head(repository: &RepositoryId) -> Key {
    key(format!("{PREFIX}heads/{repository}.json"))
}

/// Where all heads are.
pub const HEADS: &str = ".rws/heads/";

/// The repository whose head this is.
pub fn head_repository(key: &Key) -> Option<RepositoryId> {
    RepositoryId::parse(key.as_str().strip_prefix(HEADS)?.strip_suffix(".json")?)
}

/// The manifest of a generation.
pub fn manifest(repository: &RepositoryId, generation: &GenerationId) -> Key {
    key(format!("{GENERATIONS}{repository}/{generation}"))
}

/// Where all manifests are.
pub const GENERATIONS: &str = ".rws/generations/";

/// Where the manifests of a repository are.
pub fn generations(repository: &RepositoryId) -> String {
    format!("{GENERATIONS}{repository}/")
}

/// The repository of a manifest.
pub fn manifest_repository(key: &Key) -> Option<RepositoryId> {
    RepositoryId::parse(key.as_str().strip_prefix(GENERATIONS)?.rsplit_once('/')?.0)
}

/// The generation whose manifest this is.
pub fn generation_id(key: &Key) -> Option<GenerationId> {
    GenerationId::parse(key.as_str().strip_prefix(GENERATIONS)?.rsplit('/').next()?)
}

/// Where all pointers are.
pub const PENDING: &str = ".rws/pending/";

/// Where the pointers of a repository are.
pub fn pending(repository: &RepositoryId) -> String {
    format!("{PENDING}{repository}/")
}

/// The pointer of an upload in a repository.
pub fn pointer(repository: &RepositoryId, upload: &UploadId) -> Key {
    key(format!("{PENDING}{repository}/{upload}"))
}

/// The repository and the upload of a pointer.
pub fn pointer_parts(key: &Key) -> Option<(RepositoryId, UploadId)> {
    let (repository, upload) = key.as_str().strip_prefix(PENDING)?.rsplit_once('/')?;
    Some((RepositoryId::parse(repository)?, UploadId::parse(upload)?))
}

/// Where notes of uploads are that could not be carried out.
pub const FAILED: &str = ".rws/failed/";

/// The note that an upload could not be carried out in a repository; its content says why.
pub fn failed(repository: &RepositoryId, upload: &UploadId) -> Key {
    key(format!("{FAILED}{repository}/{upload}"))
}

/// The upload of such a note.
pub fn failed_upload(key: &Key) -> Option<UploadId> {
    UploadId::parse(key.as_str().strip_prefix(FAILED)?.rsplit('/').next()?)
}

/// The list of malformed packages that a comparison with the store stopped at.
pub fn malformed(repository: &RepositoryId) -> Key {
    key(format!("{PREFIX}malformed/{repository}.txt"))
}

/// Where all uploads are.
pub const UPLOADS: &str = ".rws/uploads/";

/// An upload.
pub fn upload(upload: &UploadId) -> Key {
    key(format!("{UPLOADS}{upload}.json"))
}

/// The upload that this object is.
pub fn upload_id(key: &Key) -> Option<UploadId> {
    UploadId::parse(key.as_str().strip_prefix(UPLOADS)?.strip_suffix(".json")?)
}

/// Where all package files of uploads are.
pub const INCOMING: &str = ".rws/incoming/";

/// The upload that a package file belongs to.
pub fn incoming_upload(key: &Key) -> Option<UploadId> {
    UploadId::parse(key.as_str().strip_prefix(INCOMING)?.split('/').next()?)
}

/// Where files are that wait for the list of their upload.
pub const ASIDE: &str = ".rws/aside/";

/// A file that waits for the list of its upload. The digest keeps senders apart; the rest says to people what it is.
pub fn aside(sender: &Sender<'_>, name: &FileName) -> Key {
    let mut text = String::new();
    for part in [sender.user, sender.path, sender.product, name.as_str()] {
        // the lengths keep apart what would be the same text
        text.push_str(&format!("{} {part}\n", part.len()));
    }
    key(format!("{ASIDE}{}/{}/{}/{name}", sha256(text.as_bytes()), sender.path, sender.product))
}

/// What such a file is: the path of its targets, the product and its name.
pub fn aside_parts(key: &Key) -> Option<(&str, &str, &str)> {
    let (_, place) = key.as_str().strip_prefix(ASIDE)?.split_once('/')?;
    let (place, name) = place.rsplit_once('/')?;
    let (path, product) = place.rsplit_once('/')?;
    Some((path, product, name))
}

/// Where claims of public paths are; the store makes and settles them.
pub const CLAIMS: &str = ".rws/claims/";

/// Where claims of identities are.
pub const IDENTITIES: &str = ".rws/identities/";

/// The claim of an identity in a repository: what it is about to become.
pub fn identity(repository: &RepositoryId, identity: &Identity) -> Key {
    key(format!("{IDENTITIES}{repository}/{}", sha256(identity.0.as_bytes())))
}

/// What probes of killed processes left.
pub const PROBES: &str = ".rws/probe/";

/// A package file of an upload.
pub fn incoming(upload: &UploadId, name: &FileName) -> Key {
    key(format!("{PREFIX}incoming/{upload}/{name}"))
}

/// Makes a key of text that is one by construction: ids are checked when they are made.
fn key(text: String) -> Key {
    #[expect(clippy::expect_used, reason = "repository, generation and upload ids have no empty or dotted parts")]
    Key::parse(&text).expect("a private name is a key")
}
