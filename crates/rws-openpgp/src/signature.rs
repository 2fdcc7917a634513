//! One signature, and how several of them are written (RFC 9580, sections 5.2, 6.2 and 7).

use pgp::armor as armoring;
use pgp::composed::{Deserializable, DetachedSignature};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::ser::Serialize;

use crate::armor::{self, reason};
use crate::cleartext::Cleartext;

/// What of the signed bytes is hashed (RFC 9580, section 5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// The bytes as they are: type 0x00.
    Binary,
    /// A text whose lines end in CRLF: type 0x01.
    Text,
}

impl SignatureKind {
    pub(crate) fn packet_type(self) -> SignatureType {
        match self {
            Self::Binary => SignatureType::Binary,
            Self::Text => SignatureType::Text,
        }
    }
}

/// One signature packet.
#[derive(Clone, Debug)]
pub struct KeySignature(pub(crate) DetachedSignature);

impl KeySignature {
    pub(crate) fn new(signature: Signature) -> Self {
        Self(DetachedSignature::new(signature))
    }

    /// Reads the binary form of exactly one signature.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence.
    pub fn from_packet(bytes: &[u8]) -> Result<Self, String> {
        let mut packets = DetachedSignature::from_bytes_many(bytes).map_err(|error| reason(&error))?;
        let first = packets.next().ok_or("it is empty")?.map_err(|error| reason(&error))?;
        if packets.next().is_some() {
            return Err("something follows the first signature packet".to_owned());
        }
        Ok(Self(first))
    }

    /// The binary form.
    ///
    /// # Errors
    ///
    /// None that is known: serialising into memory does not fail.
    pub fn to_packet(&self) -> Result<Vec<u8>, String> {
        self.0.to_bytes().map_err(|error| reason(&error))
    }

    pub(crate) fn packet(&self) -> &Signature {
        &self.0.signature
    }

    /// When it says that it was made, in seconds since 1970.
    pub fn made_at(&self) -> Option<i64> {
        self.packet().created().map(|time| i64::from(time.as_secs()))
    }

    pub(crate) fn is_of_kind(&self, kind: SignatureKind) -> bool {
        self.packet().typ() == Some(kind.packet_type())
    }

    /// Why no client of today takes the signature, whoever made it, as the end of a sentence; `None` where they do.
    pub fn weakness(&self) -> Option<String> {
        let hash = self.hash()?;
        let is_weak = matches!(hash, HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160);
        is_weak.then(|| {
            format!("it is made with {hash}, which apt and rpm refuse: make signatures with SHA-256 or better")
        })
    }

    fn hash(&self) -> Option<HashAlgorithm> {
        self.packet().hash_alg()
    }
}

/// One armored block with all of these signatures.
pub(crate) fn armored(signatures: &[KeySignature]) -> Result<String, String> {
    let packets: Vec<&DetachedSignature> = signatures.iter().map(|signature| &signature.0).collect();
    let mut text = Vec::new();
    armoring::write(
        &packets.as_slice(),
        armoring::BlockType::Signature,
        &mut text,
        armor::OPTIONS.headers,
        armor::OPTIONS.include_checksum,
    )
    .map_err(|error| reason(&error))?;
    String::from_utf8(text).map_err(|error| error.to_string())
}

/// One armored block after the other, and the first one once more where there are several.
///
/// librpm, which librepo may use, looks at the first block only, zypper at the last one, GPGME at all of them (seen): the
/// first signature is the one that counts for all.
pub(crate) fn blocks(signatures: &[KeySignature]) -> Result<String, String> {
    let again = if signatures.len() > 1 { signatures.first() } else { None };
    signatures.iter().chain(again).map(|signature| armored(std::slice::from_ref(signature))).collect()
}

/// A clear-signed message with all of these signatures.
pub(crate) fn clear_text(text: &Cleartext<'_>, signatures: &[KeySignature]) -> Result<String, String> {
    let mut hashes: Vec<String> = Vec::new();
    for signature in signatures {
        let hash = signature.hash().ok_or("a signature without a hash algorithm")?.to_string();
        if !hashes.contains(&hash) {
            hashes.push(hash);
        }
    }
    // gpg refuses several names in one line where a comma is missing, and takes one line for each
    Ok(text.message(&hashes.join("\nHash: "), &armored(signatures)?))
}

/// All signatures of all armored blocks of a text; none where a block cannot be read.
pub(crate) fn read(text: &str) -> Vec<KeySignature> {
    let mut found = Vec::new();
    for block in armor::blocks(text) {
        let Ok((signatures, _)) = DetachedSignature::from_armor_many(block.as_bytes()) else { return Vec::new() };
        for signature in signatures {
            let Ok(signature) = signature else { return Vec::new() };
            found.push(KeySignature(signature));
        }
    }
    found
}
