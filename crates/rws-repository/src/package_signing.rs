//! Packages that carry their signature: verified, or signed, when they are taken.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use rws_model::{
    FileName, FrontError, Inspected, PackageFront, PackageSignature, Reading, RecordFile, Refusal, Role, Signer,
    SigningPurpose, SigningRequest,
};
use rws_store::LocalFile;
use tempfile::TempPath;
use tokio::task::spawn_blocking;

use crate::catalogue::{ConfiguredTarget, SignPackages};
use crate::error::IntakeError;
use crate::inspection::Inspection;
use crate::intake::FileLocation;

/// How much of a file is read at once.
const PIECE_BYTES: usize = 256 << 10;

/// What the names of files in the spool directory start with.
pub const SPOOL_PREFIX: &str = "rws-upload-";

/// The files of an upload as some targets take them: some of them signed.
pub struct Signed {
    /// What was inspected, in the order of the upload.
    pub inspected: Vec<Inspected>,
    /// The signatures of those that have one.
    pub signatures: BTreeMap<FileName, PackageSignature>,
    /// Those that were signed here.
    pub files: Vec<SignedFile>,
}

/// A file that was signed here; it goes when this is dropped.
pub struct SignedFile {
    /// What a record says of it.
    pub record: RecordFile,
    /// The file.
    pub file: LocalFile,
    _path: TempPath,
}

/// What the files of an upload become in each target: the same for all targets with the same keys.
pub struct SignedUploads<'a> {
    files: &'a [FileLocation],
    inspected: &'a [Inspected],
    made: BTreeMap<String, Arc<Signed>>,
    now: i64,
}

impl<'a> SignedUploads<'a> {
    /// Nothing is signed yet. `now` is in seconds since 1970.
    pub fn new(files: &'a [FileLocation], inspected: &'a [Inspected], now: i64) -> Self {
        Self { files, inspected, made: BTreeMap::new(), now }
    }

    /// The files as a target takes them. `None`: as they are.
    ///
    /// # Errors
    ///
    /// When a file has a signature that clients of the target could not verify, or cannot be signed.
    pub async fn of(&mut self, target: &ConfiguredTarget) -> Result<Option<Arc<Signed>>, IntakeError> {
        if !target.signs_packages() {
            return Ok(None);
        }
        let cannot = |reason: String| IntakeError::CannotSign { target: target.target.to_string(), reason };
        if let Some(reason) = &target.signing_problem {
            return Err(cannot(reason.clone()));
        }
        let Some(signer) = &target.signer else { return Err(cannot("it has no key".to_owned())) };
        let mode = target.policy.sign_packages;
        let name = format!("{mode:?} {} {}", signer.fingerprint(), signer.package_key_fingerprints().join(" "));
        if let Some(made) = self.made.get(&name) {
            return Ok(Some(Arc::clone(made)));
        }
        let mut signed = Signed { inspected: Vec::new(), signatures: BTreeMap::new(), files: Vec::new() };
        for (file, inspected) in self.files.iter().zip(self.inspected) {
            let is_package = matches!(inspected.role, Role::Binary | Role::Source);
            let one = match is_package {
                true => {
                    sign(target, &**signer, (file.on_disk().map_err(IntakeError::Disk)?, inspected), self.now).await?
                }
                false => One::AsItIs(None),
            };
            let file_name = inspected.file.name.clone();
            let (signature, inspected) = match one {
                One::AsItIs(key) => {
                    let uploaded = inspected.file.digests.sha256;
                    (key.map(|key| PackageSignature { key, uploaded }), inspected.clone())
                }
                One::Signed(made) => {
                    let (key, file, again) = *made;
                    let uploaded = inspected.file.digests.sha256;
                    signed.files.push(file);
                    (Some(PackageSignature { key, uploaded }), again)
                }
            };
            signed.signatures.extend(signature.map(|signature| (file_name, signature)));
            signed.inspected.push(inspected);
        }
        let signed = Arc::new(signed);
        self.made.insert(name, Arc::clone(&signed));
        Ok(Some(signed))
    }

    /// All files that were signed here.
    pub fn files(&self) -> impl Iterator<Item = &SignedFile> {
        self.made.values().flat_map(|signed| &signed.files)
    }
}

/// What becomes of one package.
enum One {
    /// It stays as it is, with the signature of this key.
    AsItIs(Option<String>),
    /// It has another front here, with a signature of this key.
    Signed(Box<(String, SignedFile, Inspected)>),
}

async fn sign(
    target: &ConfiguredTarget,
    signer: &dyn Signer,
    (file, inspected): (&LocalFile, &Inspected),
    now: i64,
) -> Result<One, IntakeError> {
    let name = &inspected.file.name;
    let front = front(target, name, file).await?;
    if let Some(reason) = front.unsuited(&target.target) {
        return Err(Refusal::new(name.as_str(), reason)
            .with_hint("build it with rpm 4.14 or later, or send it to a target whose packages are not signed")
            .into());
    }
    let is_signed = !front.signatures().is_empty() || front.other_signatures() > 0;
    let keys: Vec<Option<String>> =
        front.signatures().iter().map(|packet| signer.verify_package(packet, front.signed_bytes(), now)).collect();
    let kept = match (target.policy.sign_packages, keys.as_slice()) {
        (SignPackages::Unsigned, [Some(key)]) => Some(key),
        (SignPackages::Always, [Some(key)]) if key == signer.signing_fingerprint() => Some(key),
        (SignPackages::Unsigned, _) if is_signed => return Err(unknown_signature(name, &keys).into()),
        _ => None,
    };
    let (key, packet) = match (kept, front.signatures()) {
        (Some(key), [packet]) => {
            if let Some(reason) = front.unsuited_signature(packet, &target.target) {
                return Err(Refusal::new(name.as_str(), reason).with_hint("send it without a signature").into());
            }
            if front.other_signatures() == 0 && front.is_found_by_all() {
                return Ok(One::AsItIs(Some(key.clone())));
            }
            // clients want each signature that is there to be of a key that they know, where they look for it: this one stays
            (key.clone(), packet.clone())
        }
        _ => {
            let request =
                SigningRequest { purpose: SigningPurpose::Package, bytes: front.signed_bytes(), signed_at: now };
            let packet = signer.sign(request).await.map_err(IntakeError::Signing)?;
            (signer.signing_fingerprint().to_owned(), packet)
        }
    };
    let bytes = front.with_signature(&packet)?;
    let length = front.length_bytes();
    let (format, name, original) = (Arc::clone(&target.format), name.clone(), file.path().to_owned());
    let work = move || -> Result<One, FrontError> {
        let directory = original.parent().unwrap_or(&original);
        let mut signed = tempfile::Builder::new().prefix(SPOOL_PREFIX).tempfile_in(directory)?;
        signed.write_all(&bytes)?;
        let mut rest = File::open(&original)?;
        rest.seek(SeekFrom::Start(length))?;
        io::copy(&mut rest, signed.as_file_mut())?;
        // read once more from its beginning: its digests, its size and where its main header lies are others now
        signed.seek(SeekFrom::Start(0))?;
        let mut inspection = Inspection::new(&*format, &name, Reading::Entries);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let length = signed.read(&mut piece)?;
            let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            inspection.push(bytes)?;
        }
        let inspected = inspection.finish()?;
        let path = signed.into_temp_path();
        let file = SignedFile { record: inspected.file.clone(), file: LocalFile::whole(&*path), _path: path };
        Ok(One::Signed(Box::new((key, file, inspected))))
    };
    let made = spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error).into()));
    made.map_err(failed)
}

async fn front(
    target: &ConfiguredTarget,
    name: &FileName,
    file: &LocalFile,
) -> Result<Box<dyn PackageFront>, IntakeError> {
    let (format, name, path) = (Arc::clone(&target.format), name.clone(), file.path().to_owned());
    let work = move || {
        let signing = format.signing().ok_or_else(|| io::Error::other("packages of this format are not signed"))?;
        signing.read(&name, &mut File::open(path)?)
    };
    let front = spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error).into()));
    front.map_err(failed)
}

fn failed(error: FrontError) -> IntakeError {
    match error {
        FrontError::Refused(refusal) => refusal.into(),
        FrontError::Disk(error) => IntakeError::Disk(error),
    }
}

/// What is said of a package whose signature clients could not verify.
fn unknown_signature(name: &FileName, keys: &[Option<String>]) -> Refusal {
    let (reason, hint) = match keys {
        [] => (
            "it has no signature of its header alone, and clients verify no other one".to_owned(),
            "send it without a signature",
        ),
        _ if keys.iter().all(Option::is_some) => (
            format!("it has {} signatures of its header, and clients may refuse more than one", keys.len()),
            "send it without a signature",
        ),
        _ => (
            "it is signed with a key that clients of the repository do not know: a former key of RWS belongs into package_keys"
                .to_owned(),
            "send it without a signature, or have its key added to package_keys in the configuration",
        ),
    };
    Refusal::new(name.as_str(), reason).with_hint(hint)
}
