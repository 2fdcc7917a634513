//! Which algorithms sign, how well, and with which hash.

use pgp::crypto::hash::HashAlgorithm;
use pgp::types::{EcdsaPublicParams, EddsaLegacyPublicParams, PublicParams};

use crate::KeyError;

/// How a key that may be used signs.
pub(crate) struct Strength {
    /// The hash of its signatures.
    pub(crate) hash: HashAlgorithm,
    /// What is to be said about it, without its name.
    pub(crate) warning: Option<&'static str>,
}

/// The shortest RSA modulus that is taken, and the shortest that is taken without a word.
const RSA_BITS: (usize, usize) = (2048, 3072);

/// Judges the algorithm and size of the key `fingerprint`.
pub(crate) fn judge(parameters: &PublicParams, fingerprint: &str) -> Result<Strength, KeyError> {
    let weak = |reason: String| Err(KeyError::Weak { key: fingerprint.to_owned(), reason });
    let unknown = |reason: &str| Err(KeyError::Algorithm { key: fingerprint.to_owned(), reason: reason.to_owned() });
    let good = |hash, warning| Ok(Strength { hash, warning });
    match parameters {
        PublicParams::RSA(rsa) => match rsa_bits(rsa) {
            bits if bits < RSA_BITS.0 => weak(format!("RSA-{bits}")),
            bits if bits < RSA_BITS.1 => good(
                HashAlgorithm::Sha512,
                Some("has fewer than 3072 bits, which apt refuses from 2030 on: plan for a new key"),
            ),
            _ => good(HashAlgorithm::Sha512, None),
        },
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. }) => good(HashAlgorithm::Sha512, None),
        PublicParams::ECDSA(EcdsaPublicParams::P256 { .. }) => good(HashAlgorithm::Sha256, Some(ECDSA)),
        PublicParams::ECDSA(EcdsaPublicParams::P384 { .. }) => good(HashAlgorithm::Sha384, Some(ECDSA)),
        PublicParams::ECDSA(EcdsaPublicParams::P521 { .. }) => good(HashAlgorithm::Sha512, Some(ECDSA)),
        PublicParams::ECDSA(_) => unknown("ECDSA with another curve than NIST's"),
        PublicParams::Ed25519(_) | PublicParams::Ed448(_) => good(
            HashAlgorithm::Sha512,
            Some(
                "is of the form of RFC 9580, which gpg 2.2, and so apt, cannot read: RSA and EdDSA keys are read everywhere",
            ),
        ),
        PublicParams::DSA(_) => weak("DSA".to_owned()),
        PublicParams::EdDSALegacy(_) => unknown("EdDSA with another curve than Ed25519"),
        _ => unknown("it is for encryption or not known"),
    }
}

const ECDSA: &str = "is an ECDSA key, which `rpm --import` of rpm 4.18 refuses (repositories verify all the same)";

fn rsa_bits(rsa: &pgp::types::RsaPublicParams) -> usize {
    use pgp::ser::Serialize as _;
    // the public parameters are two numbers, each with its length in bits before it (RFC 9580, section 3.2)
    let mut bytes = Vec::new();
    match rsa.to_writer(&mut bytes) {
        Ok(()) => bytes.first_chunk::<2>().map_or(0, |length| usize::from(u16::from_be_bytes(*length))),
        Err(_) => 0,
    }
}
