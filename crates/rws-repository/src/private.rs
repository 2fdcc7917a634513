//! The objects below the private prefix, by what they belong to. `rws_store::private` lists all their names.

use rws_model::{FileName, Identity, Record, RecordFile, RepositoryId, Sha256, Target, sha256};
use rws_store::Key;
use rws_store::private::MALFORMED;
pub use rws_store::private::{
    ASIDE, CLAIMS, CLOSED, FAILED, GENERATIONS, HEADS, IDENTITIES, INCOMING, PENDING, PINS, PREFIX, PROBES, PURGED,
    TOKEN_USES, TOKENS, UPLOADS, WEBHOOKS,
};

use crate::aside::Sender;
use crate::events::EventId;
use crate::{GenerationId, UploadId};

/// Whether a path is not for the public: no public name of RWS has a part that starts with a dot, so that neither this
/// installation's private prefix, in any spelling, nor that of one inside it can be read.
pub fn is_private(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.'))
}

/// The head of a repository.
pub fn head(repository: &RepositoryId) -> Key {
    key(format!("{HEADS}{repository}.json"))
}

/// The repository whose head this is.
pub fn head_repository(key: &Key) -> Option<RepositoryId> {
    RepositoryId::parse(key.as_str().strip_prefix(HEADS)?.strip_suffix(".json")?)
}

/// The manifest of a generation.
pub fn manifest(repository: &RepositoryId, generation: &GenerationId) -> Key {
    key(format!("{GENERATIONS}{repository}/{generation}"))
}

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

/// A pin.
pub fn pin(name: &str) -> Key {
    key(format!("{PINS}{name}.json"))
}

/// A token.
pub fn token(id: &str) -> Key {
    key(format!("{TOKENS}{id}.json"))
}

/// The note that a target has no objects that everybody may read from the bucket.
pub fn closed(target: &Target) -> Key {
    key(format!("{CLOSED}{target}"))
}

/// The target of such a note.
pub fn closed_target(key: &Key) -> Option<Target> {
    let parts: Vec<&str> = key.as_str().strip_prefix(CLOSED)?.split('/').collect();
    let [kind, series, distribution, version] = parts.as_slice() else { return None };
    let part = |part: &str| part.to_owned();
    Some(Target { kind: part(kind), series: part(series), distribution: part(distribution), version: part(version) })
}

/// The id of a token whose key this is.
pub fn token_id(key: &Key) -> Option<&str> {
    key.as_str().strip_prefix(TOKENS)?.strip_suffix(".json")
}

/// When a token was used last.
pub fn token_use(id: &str) -> Key {
    key(format!("{TOKEN_USES}{id}"))
}

/// Where the events are that wait for a subscriber.
pub fn events(subscriber: &str) -> String {
    format!("{WEBHOOKS}{subscriber}/events/")
}

/// An event that waits for a subscriber.
pub fn event(subscriber: &str, id: &EventId) -> Key {
    key(format!("{}{id}.json", events(subscriber)))
}

/// The event that this object is.
pub fn event_id(key: &Key) -> Option<EventId> {
    EventId::parse(key.as_str().strip_prefix(WEBHOOKS)?.rsplit('/').next()?.strip_suffix(".json")?)
}

/// The note that a subscriber has been told of a warning about a key.
pub fn said(subscriber: &str, id: &EventId) -> Key {
    key(format!("{WEBHOOKS}{subscriber}/said/{id}"))
}

/// Whether this is such a note.
pub fn is_said(key: &Key) -> bool {
    key.as_str().strip_prefix(WEBHOOKS).is_some_and(|rest| rest.split('/').nth(1) == Some("said"))
}

/// Which replica delivers to a subscriber.
pub fn webhook_lease(subscriber: &str) -> Key {
    key(format!("{WEBHOOKS}{subscriber}/lease.json"))
}

/// The record of a purge.
pub fn purged(content: &Sha256) -> Key {
    key(format!("{PURGED}{content}.json"))
}

/// The content that a record of a purge is of.
pub fn purged_content(key: &Key) -> Option<Sha256> {
    Sha256::from_hex(key.as_str().strip_prefix(PURGED)?.strip_suffix(".json")?)
}

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
    key(format!("{MALFORMED}{repository}.txt"))
}

/// An upload.
pub fn upload(upload: &UploadId) -> Key {
    key(format!("{UPLOADS}{upload}.json"))
}

/// The upload that this object is.
pub fn upload_id(key: &Key) -> Option<UploadId> {
    UploadId::parse(key.as_str().strip_prefix(UPLOADS)?.strip_suffix(".json")?)
}

/// The upload that a package file belongs to.
pub fn incoming_upload(key: &Key) -> Option<UploadId> {
    UploadId::parse(key.as_str().strip_prefix(INCOMING)?.split('/').next()?)
}

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

/// The claim of an identity in a repository: what it is about to become.
pub fn identity(repository: &RepositoryId, identity: &Identity) -> Key {
    key(format!("{IDENTITIES}{repository}/{}", sha256(identity.0.as_bytes())))
}

/// A package file of an upload.
pub fn incoming(upload: &UploadId, name: &FileName) -> Key {
    key(format!("{INCOMING}{upload}/{name}"))
}

/// The file of a record of an upload: one that RWS signed has its digest in its name, since other repositories may have the
/// same file with the signature of another key.
pub fn record_file(upload: &UploadId, record: &Record, file: &RecordFile) -> Key {
    match record.is_signed_here() {
        true => signed(upload, file),
        false => incoming(upload, &file.name),
    }
}

/// A file of an upload that RWS signed.
pub fn signed(upload: &UploadId, file: &RecordFile) -> Key {
    key(format!("{INCOMING}{upload}/{}/{}", file.digests.sha256, file.name))
}

/// Makes a key of text that is one by construction: ids are checked when they are made.
fn key(text: String) -> Key {
    #[expect(clippy::expect_used, reason = "repository, generation and upload ids have no empty or dotted parts")]
    Key::parse(&text).expect("a private name is a key")
}
