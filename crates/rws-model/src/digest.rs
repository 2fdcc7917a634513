//! The four digests of a file, computed in one pass.

use std::fmt;

use md5::Md5;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::Sha1;
use sha2::{Digest, Sha512};

/// A SHA-256 digest: the name of a file's content everywhere in RWS.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest with these 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the digest.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads 64 hexadecimal digits of either case.
    pub fn from_hex(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }

    /// The digest that a name starts with; `None` where a longer one does.
    pub fn leading(name: &str) -> Option<Self> {
        let is_longer = name.as_bytes().get(64).is_some_and(u8::is_ascii_hexdigit);
        Self::from_hex(name.get(..64)?).filter(|_| !is_longer)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.hex())
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.hex())
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("a SHA-256 digest is 64 hexadecimal digits"))
    }
}

/// A digest that roots may state beside SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// RFC 1321.
    Md5,
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4.
    Sha512,
}

impl Algorithm {
    /// The digest of bytes that are at hand, in lower-case hexadecimal digits.
    pub fn hex_of(self, bytes: &[u8]) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(bytes)),
            Self::Sha1 => hex(&Sha1::digest(bytes)),
            Self::Sha512 => hex(&Sha512::digest(bytes)),
        }
    }
}

/// One of these digests of bytes that stream past.
#[derive(Clone)]
pub enum AlgorithmDigester {
    /// RFC 1321.
    Md5(Md5),
    /// FIPS 180-4.
    Sha1(Sha1),
    /// FIPS 180-4.
    Sha512(Sha512),
}

impl AlgorithmDigester {
    /// One that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(digest) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha512(digest) => digest.update(bytes),
        }
    }

    /// The digest, in lower-case hexadecimal digits.
    pub fn finish(self) -> (Algorithm, String) {
        match self {
            Self::Md5(digest) => (Algorithm::Md5, hex(&digest.finalize())),
            Self::Sha1(digest) => (Algorithm::Sha1, hex(&digest.finalize())),
            Self::Sha512(digest) => (Algorithm::Sha512, hex(&digest.finalize())),
        }
    }
}

/// The SHA-256 digest of bytes that are at hand.
pub fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}

/// Computes the length and the [`Sha256`] of bytes that stream past.
#[derive(Clone, Debug, Default)]
pub struct ContentDigester {
    size_bytes: u64,
    sha256: sha2::Sha256,
}

impl ContentDigester {
    /// A digester that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size_bytes += bytes.len() as u64;
        self.sha256.update(bytes);
    }

    /// The number of bytes seen and their digest.
    pub fn finish(self) -> (u64, Sha256) {
        (self.size_bytes, Sha256(self.sha256.finalize().into()))
    }
}

/// MD5, SHA-1, SHA-256 and SHA-512 of one file, as lower-case hexadecimal digits but for SHA-256.
///
/// An upload has all of them. Of a file that was in the store before RWS, and of which the index that was there states
/// what has to be known, RWS need not read every byte: then those that this index does not state are absent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digests {
    /// 32 hexadecimal digits.
    pub md5: Option<String>,
    /// 40 hexadecimal digits.
    pub sha1: Option<String>,
    /// The content's name.
    pub sha256: Sha256,
    /// 128 hexadecimal digits.
    pub sha512: Option<String>,
}

impl Digests {
    /// Adds what `other` knows of the same bytes.
    pub fn complete(&mut self, other: &Self) {
        for (mine, theirs) in
            [(&mut self.md5, &other.md5), (&mut self.sha1, &other.sha1), (&mut self.sha512, &other.sha512)]
        {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        }
    }
}

impl From<Sha256> for Digests {
    fn from(sha256: Sha256) -> Self {
        Self { md5: None, sha1: None, sha256, sha512: None }
    }
}

/// Computes [`Digests`] of bytes that stream past.
#[derive(Clone, Debug, Default)]
pub struct Digester {
    md5: Md5,
    rest: ShaDigester,
}

impl Digester {
    /// A digester that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.rest.update(bytes);
    }

    /// The number of bytes seen and their digests.
    pub fn finish(self) -> (u64, Digests) {
        self.rest.finish(self.md5.finalize().into())
    }
}

/// The same but for MD5, which is computed elsewhere: that takes as long as the others together.
#[derive(Clone, Default)]
pub struct ShaDigester {
    size_bytes: u64,
    sha1: Sha1,
    sha256: sha2::Sha256,
    sha512: Sha512,
}

impl fmt::Debug for ShaDigester {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ShaDigester").field("size_bytes", &self.size_bytes).finish_non_exhaustive()
    }
}

impl ShaDigester {
    /// Takes the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size_bytes += bytes.len() as u64;
        self.sha1.update(bytes);
        self.sha256.update(bytes);
        self.sha512.update(bytes);
    }

    /// The number of bytes seen and, with their MD5, their digests.
    pub fn finish(self, md5: [u8; 16]) -> (u64, Digests) {
        let digests = Digests {
            md5: Some(hex(&md5)),
            sha1: Some(hex(&self.sha1.finalize())),
            sha256: Sha256(self.sha256.finalize().into()),
            sha512: Some(hex(&self.sha512.finalize())),
        };
        (self.size_bytes, digests)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = (pair[0] as char).to_digit(16)?;
        let low = (pair[1] as char).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_digests_of_abc() {
        let mut digester = Digester::new();
        digester.update(b"a");
        digester.update(b"bc");
        let (size_bytes, digests) = digester.finish();
        assert_eq!(size_bytes, 3);
        assert_eq!(digests.md5.unwrap(), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(digests.sha1.unwrap(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(digests.sha256.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(digests.sha512.unwrap().starts_with("ddaf35a193617aba"));
        assert_eq!(digests.sha256, sha256(b"abc"));
    }

    #[test]
    fn hexadecimal_digits_are_checked() {
        let digest = sha256(b"");
        assert_eq!(Sha256::from_hex(&digest.hex()), Some(digest));
        assert_eq!(Sha256::from_hex(&digest.hex().to_uppercase()), Some(digest));
        assert_eq!(Sha256::from_hex("00"), None);
        assert_eq!(Sha256::from_hex(&"é".repeat(32)), None);
    }
}
