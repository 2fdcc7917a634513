//! A certificate that revokes a key (RFC 9580, sections 5.2.1.11 and 10.1.2).

use pgp::armor as armoring;
use pgp::composed::DetachedSignature;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{RevocationCode, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{KeyDetails, Password, Timestamp};

use crate::armor::{self, reason};
use crate::key::SecretPart;
use crate::{KeyError, KeySigner, SigningKey};

impl SigningKey {
    /// Revokes the key, for whoever imports this: the armored form that gpg writes and imports. To be kept where the key is
    /// not. `now` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// When the primary key is not here, or `now` is not in the years 1970 to 2106.
    pub fn revocation_certificate(&self, now: i64) -> Result<String, KeyError> {
        let key = || self.public_key().fingerprint().to_owned();
        let SecretPart::Primary(primary) = self.part() else { return Err(KeyError::NoSecret { key: key() }) };
        let made = || {
            let time = Timestamp::from_secs(u32::try_from(now)?);
            let mut config =
                SignatureConfig::v4(SignatureType::KeyRevocation, primary.algorithm(), HashAlgorithm::Sha512);
            config.hashed_subpackets = vec![
                Subpacket::regular(SubpacketData::IssuerFingerprint(primary.fingerprint()))?,
                Subpacket::regular(SubpacketData::SignatureCreationTime(time))?,
                Subpacket::regular(SubpacketData::RevocationReason(RevocationCode::NoReason, Default::default()))?,
            ];
            config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(primary.legacy_key_id()))?];
            config.sign_key(&**primary, &Password::empty(), primary.public_key())
        };
        let damaged = |error: pgp::errors::Error| KeyError::Damaged { reason: reason(&error) };
        let signature = DetachedSignature::new(made().map_err(damaged)?);
        let mut text = Vec::new();
        let options = armor::OPTIONS;
        let block = armoring::BlockType::PublicKey;
        armoring::write(&signature, block, &mut text, options.headers, options.include_checksum).map_err(damaged)?;
        String::from_utf8(text).map_err(|error| KeyError::Damaged { reason: error.to_string() })
    }
}
