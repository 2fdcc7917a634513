//! A signature before it is made: what is hashed for it, and what becomes of the raw signature (RFC 9580, section 5.2.4).

use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{Signature, SignatureConfig, Subpacket, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails, Mpi, PublicParams, SignatureBytes, Timestamp};

use crate::KeyError;
use crate::armor::reason;
use crate::policy::Chosen;
use crate::public_key::PublicKey;
use crate::signature::{KeySignature, SignatureKind};

/// A version 4 signature of a key by that key's hash. The time is never before the key's own: after a key was made on
/// another machine, a clock that is behind must not make signatures that are older than the key.
pub(crate) fn config(
    key: &(impl KeyDetails + ?Sized),
    (hash, valid_from): (HashAlgorithm, i64),
    kind: SignatureKind,
    signed_at: i64,
) -> pgp::errors::Result<SignatureConfig> {
    let time = u32::try_from(signed_at.max(valid_from))?;
    let mut config = SignatureConfig::v4(kind.packet_type(), key.algorithm(), hash);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(time)))?,
    ];
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
    Ok(config)
}

/// A signature for which the raw one is still missing.
pub struct SignatureDraft {
    config: SignatureConfig,
    digest: Vec<u8>,
    part: Chosen,
}

impl SignatureDraft {
    /// Hashes bytes, and what is said of their signature, for the part of a key that signs at `signed_at`.
    ///
    /// # Errors
    ///
    /// When nothing in the key may sign then.
    pub fn new(key: &PublicKey, kind: SignatureKind, bytes: &[u8], signed_at: i64) -> Result<Self, KeyError> {
        let choice = key.choose(signed_at)?;
        let draft = || {
            let config = config(key.part(choice.part).details(), (choice.hash, choice.valid_from), kind, signed_at)?;
            let mut hasher = config.hash_alg.new_hasher()?;
            hasher.update(bytes);
            let length = config.hash_signature_data(&mut hasher)?;
            hasher.update(&config.trailer(length)?);
            Ok(Self { config, digest: hasher.finalize().to_vec(), part: choice.part })
        };
        draft().map_err(|error: pgp::errors::Error| KeyError::Damaged { reason: reason(&error) })
    }

    /// The digest that is to be signed.
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Its algorithm: `SHA512`.
    pub fn hash(&self) -> String {
        self.config.hash_alg.to_string()
    }

    /// The numbers that make up the public half of the part of the key that signs, as other programs know it: n and e of
    /// RSA, the point of an elliptic curve.
    pub fn public_numbers(&self, key: &PublicKey) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        let parameters = key.part(self.part).details().public_params().clone();
        if parameters.to_writer(&mut bytes).is_err() {
            return Vec::new();
        }
        let mut rest = match parameters {
            PublicParams::RSA(_) => bytes.as_slice(),
            // the name of the curve comes first, behind its length
            _ => bytes.split_first().and_then(|(length, rest)| rest.get(usize::from(*length)..)).unwrap_or_default(),
        };
        let mut numbers = Vec::new();
        // each number has its length in bits before it (RFC 9580, section 3.2)
        while let Some((bits, after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*bits)).div_ceil(8);
            let Some((number, after)) = after.split_at_checked(length) else { break };
            numbers.push(number.to_vec());
            rest = after;
        }
        numbers
    }

    /// The signature, made of the raw one: of RSA the number of PKCS #1 (RFC 8017, section 8.2), of Ed25519 the 64 bytes
    /// of RFC 8032, of ECDSA the two numbers in DER (RFC 3279, section 2.2.3) or one after the other, each of the
    /// length of the order.
    ///
    /// # Errors
    ///
    /// When it has not the form of the algorithm, as the end of a sentence. Whether it is right is not checked.
    pub fn finish(self, raw: &[u8]) -> Result<KeySignature, String> {
        let Self { config, digest, .. } = self;
        let numbers = match config.pub_alg {
            PublicKeyAlgorithm::RSA | PublicKeyAlgorithm::RSASign => vec![Mpi::from_slice(raw)],
            PublicKeyAlgorithm::EdDSALegacy if raw.len() == 64 => {
                let (r, s) = raw.split_at(32);
                vec![Mpi::from_slice(r), Mpi::from_slice(s)]
            }
            PublicKeyAlgorithm::ECDSA => two_numbers(raw)?,
            algorithm => return Err(format!("{} bytes are no raw signature of {algorithm:?}", raw.len())),
        };
        let start = *digest.first_chunk::<2>().ok_or("the digest is too short")?;
        let signature = Signature::from_config(config, start, SignatureBytes::Mpis(numbers));
        signature.map(KeySignature::new).map_err(|error| reason(&error))
    }
}

/// The numbers r and s of ECDSA, in DER or of equal lengths.
fn two_numbers(raw: &[u8]) -> Result<Vec<Mpi>, String> {
    let der = || {
        let (length, rest) = match raw {
            [0x30, 0x81, length, rest @ ..] => (*length, rest),
            [0x30, length, rest @ ..] if *length < 0x80 => (*length, rest),
            _ => return None,
        };
        let (r, rest) = der_integer(rest.get(..usize::from(length)).filter(|_| rest.len() == usize::from(length))?)?;
        let (s, rest) = der_integer(rest)?;
        rest.is_empty().then(|| vec![Mpi::from_slice(r), Mpi::from_slice(s)])
    };
    if let Some(numbers) = der() {
        return Ok(numbers);
    }
    match raw.len() {
        64 | 96 | 132 => {
            let (r, s) = raw.split_at(raw.len() / 2);
            Ok(vec![Mpi::from_slice(r), Mpi::from_slice(s)])
        }
        length => Err(format!("{length} bytes are no raw signature of ECDSA")),
    }
}

fn der_integer(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x02, length, rest @ ..] = bytes else { return None };
    rest.split_at_checked(usize::from(*length)).filter(|_| *length < 0x80)
}
