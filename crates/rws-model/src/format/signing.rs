//! Packages that carry their signature.

use std::io::{self, Read};

use crate::{FileName, Refusal, Target};

/// How signatures of a key are made, as far as clients differ in what they verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSA (PKCS #1, version 1.5).
    Rsa,
    /// EdDSA with Ed25519.
    EdDsa,
    /// ECDSA with a curve of NIST.
    EcDsa,
    /// What RFC 9580 and later documents brought: Ed25519 and Ed448 with keys of their own form, and what comes after them.
    Later,
}

/// Why the front of a package cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// The file is no good package.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// What signs packages of a format: only the front of their files changes.
pub trait PackageSigning: Send + Sync {
    /// Reads the front of a package, and no more than that.
    ///
    /// # Errors
    ///
    /// When it is no good package, or the disk fails.
    fn read(&self, name: &FileName, file: &mut dyn Read) -> Result<Box<dyn PackageFront>, FrontError>;

    /// Which clients of a target do not verify signatures of an algorithm: the end of a sentence about the key. `None` where
    /// all of them do.
    fn unsuited(&self, target: &Target, algorithm: SignatureAlgorithm) -> Option<String>;
}

/// The front of a package: its signatures, and what they cover.
pub trait PackageFront: Send {
    /// What a signature covers.
    fn signed_bytes(&self) -> &[u8];

    /// The signatures of that, each once: OpenPGP packets.
    fn signatures(&self) -> &[Vec<u8>];

    /// How many signatures there are of other bytes, or in a form that cannot be read.
    fn other_signatures(&self) -> usize;

    /// Whether each signature is in all places where clients look for it.
    fn is_found_by_all(&self) -> bool;

    /// Which clients of a target do not verify a signature: a clause about the package. `None` where all of them do.
    fn unsuited_signature(&self, packet: &[u8], target: &Target) -> Option<String>;

    /// Why clients of a target refuse this package once it is signed, whoever signed it; `None` where they take it.
    fn unsuited(&self, target: &Target) -> Option<&'static str>;

    /// How many bytes of the file a new front replaces.
    fn length_bytes(&self) -> u64;

    /// A front with this signature, one OpenPGP packet, and no other one.
    ///
    /// # Errors
    ///
    /// When the packet is no signature that a package can have.
    fn with_signature(&self, packet: &[u8]) -> Result<Vec<u8>, Refusal>;
}
