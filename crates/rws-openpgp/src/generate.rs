//! Making a new key.

use pgp::composed::{SignedKeyDetails, SignedSecretKey};
use pgp::crypto::ed25519::{Mode, SecretKey as Ed25519};
use pgp::crypto::eddsa_legacy;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    KeyFlags, PacketTrait, PubKeyInner, PublicKey, SecretKey, SignatureConfig, SignatureType, Subpacket, SubpacketData,
    UserId,
};
use pgp::types::{
    EddsaLegacyPublicParams, KeyDetails, KeyVersion, Password, PlainSecretParams, PublicParams, SecretParams, Timestamp,
};
use zeroize::{Zeroize, Zeroizing};

use crate::armor::{self, reason};
use crate::{KeyError, SigningKey};

impl SigningKey {
    /// Makes an Ed25519 key that never expires, with one user id and a SHA-512 self-signature. `seed` is 32 fresh bytes from
    /// the system's random numbers: the same ones give the same key. It is wiped.
    ///
    /// A version 4 key of the EdDSA form (RFC 9580, section 9.2, "Ed25519Legacy"): Debian 12's gpgv, apt, dnf, `rpm --import` and
    /// sqv take it (seen). Systems with gpg before 2.1 or rpm before 4.14, such as EL 7, need an RSA key made with gpg.
    ///
    /// # Errors
    ///
    /// When the user id is empty, too long or has control characters, or the time is not in the years 1970 to 2106.
    pub fn generate(user_id: &str, now: i64, seed: &mut [u8; 32]) -> Result<Self, KeyError> {
        let refuse = |reason: &str| Err(KeyError::NotGenerated { reason: reason.to_owned() });
        if user_id.trim().is_empty() || user_id.len() > 500 || user_id.contains(char::is_control) {
            return refuse("the user id is empty, longer than 500 bytes or has control characters");
        }
        let Ok(time) = u32::try_from(now) else { return refuse("the time is not in the years 1970 to 2106") };
        let key = ed25519(user_id, Timestamp::from_secs(time), seed);
        seed.zeroize();
        let text = key.and_then(|key| Ok((key.to_armored_string(armor::OPTIONS)?, key)));
        let (text, key) = text.map_err(|error| KeyError::NotGenerated { reason: reason(&error) })?;
        let text = Zeroizing::new(text);
        Ok(Self::from_secret_key(key, None, now)?.with_secret_armored(text))
    }
}

fn ed25519(user_id: &str, now: Timestamp, seed: &[u8; 32]) -> pgp::errors::Result<SignedSecretKey> {
    let secret = Ed25519::try_from_bytes(*seed, Mode::EdDSALegacy)?;
    let public = PublicParams::EdDSALegacy(EddsaLegacyPublicParams::from(&secret));
    let public = PubKeyInner::new(KeyVersion::V4, PublicKeyAlgorithm::EdDSALegacy, now, None, public)?;
    let public = PublicKey::from_inner(public)?;
    let secret = PlainSecretParams::EdDSALegacy(eddsa_legacy::SecretKey::Ed25519(secret));
    let primary = SecretKey::new(public, SecretParams::Plain(secret))?;

    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let mut config = SignatureConfig::v4(SignatureType::CertPositive, primary.algorithm(), HashAlgorithm::Sha512);
    let hashes = [HashAlgorithm::Sha512, HashAlgorithm::Sha256];
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::IssuerFingerprint(primary.fingerprint()))?,
        Subpacket::regular(SubpacketData::SignatureCreationTime(now))?,
        Subpacket::regular(SubpacketData::KeyFlags(flags))?,
        Subpacket::regular(SubpacketData::PreferredHashAlgorithms(hashes.into_iter().collect()))?,
        Subpacket::regular(SubpacketData::IsPrimary(true))?,
    ];
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(primary.legacy_key_id()))?];
    let user_id = UserId::from_str(Default::default(), user_id)?;
    let signature =
        config.sign_certification(&primary, primary.public_key(), &Password::empty(), user_id.tag(), &user_id)?;
    let details = SignedKeyDetails::new(Vec::new(), Vec::new(), vec![user_id.into_signed(signature)], Vec::new());
    Ok(SignedSecretKey::new(primary, details, Vec::new(), Vec::new()))
}
