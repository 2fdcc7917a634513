//! The digests that a package states of itself, computed while it streams past.

use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use sha3::Sha3_256;

use crate::fault::Fault;

/// The algorithms of digests, with their OpenPGP numbers (RFC 9580, section 9.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA2-256.
    Sha256,
    /// SHA2-384.
    Sha384,
    /// SHA2-512.
    Sha512,
    /// SHA2-224.
    Sha224,
    /// SHA3-256.
    Sha3_256,
}

impl Algorithm {
    /// The algorithm with this number, where it is known here.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Md5,
            2 => Self::Sha1,
            8 => Self::Sha256,
            9 => Self::Sha384,
            10 => Self::Sha512,
            11 => Self::Sha224,
            12 => Self::Sha3_256,
            _ => return None,
        })
    }

    fn digester(self) -> Box<dyn DynDigest + Send> {
        match self {
            Self::Md5 => Box::new(md5::Md5::default()),
            Self::Sha1 => Box::new(Sha1::default()),
            Self::Sha256 => Box::new(Sha256::default()),
            Self::Sha384 => Box::new(Sha384::default()),
            Self::Sha512 => Box::new(Sha512::default()),
            Self::Sha224 => Box::new(Sha224::default()),
            Self::Sha3_256 => Box::new(Sha3_256::default()),
        }
    }
}

/// A digest that is stated, and the digest of what has come so far.
pub struct Checksum {
    what: &'static str,
    stated: Vec<u8>,
    digester: Box<dyn DynDigest + Send>,
}

impl Checksum {
    /// Expects `stated`; `what` is its name for a person, as `SHA-256 of the main header`. Absent when `stated` does
    /// not have the algorithm's length.
    pub fn new(what: &'static str, algorithm: Algorithm, stated: &[u8]) -> Option<Self> {
        let digester = algorithm.digester();
        (stated.len() == digester.output_size()).then(|| Self { what, stated: stated.to_vec(), digester })
    }

    /// The same from hexadecimal digits of either case.
    pub fn from_hex(what: &'static str, algorithm: Algorithm, stated: &[u8]) -> Option<Self> {
        let mut bytes = Vec::with_capacity(stated.len() / 2);
        for pair in stated.chunks(2) {
            let [high, low] = *pair else { return None };
            let high = char::from(high).to_digit(16)?;
            let low = char::from(low).to_digit(16)?;
            // two hexadecimal digits are a byte
            bytes.push((high * 16 + low) as u8);
        }
        Self::new(what, algorithm, &bytes)
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.digester.update(bytes);
    }

    /// Compares.
    pub fn finish(self) -> Result<(), Fault> {
        if *self.digester.finalize() == *self.stated { Ok(()) } else { Err(Fault::Digest(self.what)) }
    }
}
