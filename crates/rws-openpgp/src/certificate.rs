//! What a key says of itself, as far as its signatures verify (RFC 9580, sections 5.2.3.10 and 10.1).

use pgp::composed::{SignedKeyDetails, SignedPublicKey, SignedPublicSubKey, SignedSecretKey, SignedSecretSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, KeyVersion, PublicParams, S2kParams, SecretParams, SignedUser, StringToKey, Tag};

use crate::KeyError;

/// How far the clock of the machine that made a signature may be ahead of ours. Replicas' clocks differ by minutes.
const CLOCK_TOLERANCE_SECONDS: i64 = 3600;

/// A key with what is known of its parts.
pub(crate) struct Certificate<'a> {
    pub(crate) primary: Part<'a>,
    /// The position in `secret_subkeys` where the secret part is in the file.
    pub(crate) subkeys: Vec<(Option<usize>, Part<'a>)>,
}

/// The primary key or a subkey.
pub(crate) struct Part<'a> {
    /// Upper-case hexadecimal digits.
    pub(crate) fingerprint: String,
    pub(crate) parameters: &'a PublicParams,
    /// Seconds since 1970.
    pub(crate) created_at: i64,
    pub(crate) revoked: bool,
    /// Whether the secret part is in the file, locked or not.
    pub(crate) has_secret: bool,
    /// What the newest valid self-signature (of a subkey: binding signature) says.
    pub(crate) statement: Option<Statement>,
    /// Whether any signature, valid or not, says that it may sign.
    pub(crate) claims_to_sign: bool,
}

/// What one self-signature or binding signature says.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) made_at: i64,
    /// Absent: nothing is said, and the algorithm decides.
    pub(crate) may_sign: Option<bool>,
    /// Seconds since 1970; absent when never.
    pub(crate) expires_at: Option<i64>,
    pub(crate) hash: HashAlgorithm,
    /// Whether the subkey in its turn says that it belongs to the primary key (RFC 9580, section 5.2.1.9).
    pub(crate) bound_back: bool,
}

impl<'a> Certificate<'a> {
    /// Verifies the signatures that say something at `now`.
    pub(crate) fn read(key: &'a SignedSecretKey, now: i64) -> Result<Self, KeyError> {
        let primary = key.primary_key.public_key();
        check_version(primary)?;
        let secret = key.secret_subkeys.iter().enumerate().map(|(position, subkey)| {
            let SignedSecretSubKey { key, signatures } = subkey;
            let has_secret = is_present(key.secret_params());
            (Some(position), subkey_part(primary, key.public_key(), signatures, has_secret, now))
        });
        let public = key.public_subkeys.iter().map(|subkey| {
            let SignedPublicSubKey { key, signatures } = subkey;
            (None, subkey_part(primary, key, signatures, false, now))
        });
        let has_secret = is_present(key.primary_key.secret_params());
        let subkeys = secret.chain(public).collect();
        Ok(Self { primary: primary_part(primary, &key.details, has_secret, now), subkeys })
    }

    /// The same for a key whose secret parts are elsewhere: positions are those in `public_subkeys`.
    pub(crate) fn read_public(key: &'a SignedPublicKey, now: i64) -> Result<Self, KeyError> {
        let primary = &key.primary_key;
        check_version(primary)?;
        let subkeys = key.public_subkeys.iter().enumerate().map(|(position, subkey)| {
            let SignedPublicSubKey { key, signatures } = subkey;
            (Some(position), subkey_part(primary, key, signatures, true, now))
        });
        Ok(Self { primary: primary_part(primary, &key.details, true, now), subkeys: subkeys.collect() })
    }
}

fn check_version(primary: &PublicKey) -> Result<(), KeyError> {
    if primary.version() == KeyVersion::V4 {
        return Ok(());
    }
    Err(KeyError::Version { key: fingerprint(primary), version: u8::from(primary.version()) })
}

fn primary_part<'a>(primary: &'a PublicKey, details: &SignedKeyDetails, has_secret: bool, now: i64) -> Part<'a> {
    let direct = details.direct_signatures.iter().filter(|signature| {
        // a direct signature that only names a revoker, for example, says nothing of what is asked here
        (signature.key_expiration_time().is_some() || states_flags(signature)) && signature.verify_key(primary).is_ok()
    });
    let users = details.users.iter().filter_map(|user| user_statement(primary, user, now));
    let statement = direct
        .filter(|signature| signature.typ() == Some(SignatureType::Key) && counts(signature, now))
        .filter_map(|signature| statement(signature, primary))
        .chain(users)
        .max_by_key(|statement| statement.made_at);
    let mut self_signatures = details.users.iter().flat_map(|user| &user.signatures);
    Part {
        fingerprint: fingerprint(primary),
        parameters: primary.public_params(),
        created_at: i64::from(primary.created_at().as_secs()),
        revoked: details.revocation_signatures.iter().any(|signature| signature.verify_key(primary).is_ok()),
        has_secret,
        statement,
        claims_to_sign: self_signatures.any(|signature| signature.key_flags().sign()),
    }
}

/// The newest certification of a user id by its own key, unless the user id was revoked at that time or later.
fn user_statement(primary: &PublicKey, user: &SignedUser, now: i64) -> Option<Statement> {
    let valid = |signature: &&Signature| signature.verify_certification(primary, Tag::UserId, &user.id).is_ok();
    let is_revocation = |signature: &Signature| signature.typ() == Some(SignatureType::CertRevocation);
    let own = user.signatures.iter().filter(valid);
    let revoked_at = own.clone().filter(|signature| is_revocation(signature)).map(made_at).max();
    own.filter(|signature| signature.is_certification() && !is_revocation(signature) && counts(signature, now))
        .filter(|signature| revoked_at.is_none_or(|revoked_at| revoked_at < made_at(signature)))
        .filter_map(|signature| statement(signature, primary))
        .max_by_key(|statement| statement.made_at)
}

fn subkey_part<'a>(
    primary: &PublicKey,
    subkey: &'a PublicSubkey,
    signatures: &[Signature],
    has_secret: bool,
    now: i64,
) -> Part<'a> {
    let valid = |signature: &&Signature| signature.verify_subkey_binding(primary, subkey).is_ok();
    let of = |kind| move |signature: &&Signature| signature.typ() == Some(kind);
    let newest = signatures
        .iter()
        .filter(of(SignatureType::SubkeyBinding))
        .filter(|signature| counts(signature, now))
        .filter(valid)
        .max_by_key(|signature| made_at(signature));
    let statement = newest.and_then(|signature| {
        let back = signature.embedded_signature();
        let bound_back =
            back.is_some_and(|back| is_strong_enough(back) && back.verify_primary_key_binding(subkey, primary).is_ok());
        statement(signature, subkey).map(|statement| Statement { bound_back, ..statement })
    });
    Part {
        fingerprint: fingerprint(subkey),
        parameters: subkey.public_params(),
        created_at: i64::from(subkey.created_at().as_secs()),
        revoked: signatures.iter().filter(of(SignatureType::SubkeyRevocation)).any(|signature| valid(&signature)),
        has_secret,
        statement,
        claims_to_sign: signatures.iter().any(|signature| signature.key_flags().sign()),
    }
}

fn statement(signature: &Signature, key: &impl KeyDetails) -> Option<Statement> {
    let seconds = signature.key_expiration_time().map(|duration| i64::from(duration.as_secs()));
    let created_at = i64::from(key.created_at().as_secs());
    Some(Statement {
        made_at: made_at(signature),
        may_sign: states_flags(signature).then(|| signature.key_flags().sign()),
        // no time at all stands for never
        expires_at: seconds.filter(|seconds| *seconds > 0).map(|seconds| created_at + seconds),
        hash: signature.hash_alg()?,
        bound_back: false,
    })
}

/// Whether a signature is in force at `now`, should it verify.
fn counts(signature: &Signature, now: i64) -> bool {
    let made_at = made_at(signature);
    let lifetime = signature.signature_expiration_time().map_or(0, |duration| i64::from(duration.as_secs()));
    made_at <= now + CLOCK_TOLERANCE_SECONDS
        && (lifetime == 0 || now < made_at + lifetime)
        && is_strong_enough(signature)
}

/// SHA-1 is still taken (with a warning): many old keys have nothing else.
fn is_strong_enough(signature: &Signature) -> bool {
    use HashAlgorithm::{Sha1, Sha3_256, Sha3_512, Sha224, Sha256, Sha384, Sha512};
    matches!(signature.hash_alg(), Some(Sha1 | Sha224 | Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512))
}

fn states_flags(signature: &Signature) -> bool {
    let mut subpackets = signature.config().into_iter().flat_map(|config| config.hashed_subpackets());
    subpackets.any(|subpacket| matches!(subpacket.data, SubpacketData::KeyFlags(_)))
}

/// When a signature was made, in seconds since 1970; one that does not say so is older than all others.
fn made_at(signature: &Signature) -> i64 {
    signature.created().map_or(0, |time| i64::from(time.as_secs()))
}

/// gpg writes a stub where the secret part is on a card or was removed: S2K type 101, which is private to it.
fn is_present(secret: &SecretParams) -> bool {
    let SecretParams::Encrypted(encrypted) = secret else { return true };
    match encrypted.string_to_key_params() {
        S2kParams::Cfb { s2k, .. } | S2kParams::MalleableCfb { s2k, .. } | S2kParams::Aead { s2k, .. } => {
            !matches!(s2k, StringToKey::Private { .. } | StringToKey::Reserved { .. } | StringToKey::Other { .. })
        }
        S2kParams::Unprotected | S2kParams::LegacyCfb { .. } => true,
    }
}

/// Upper-case hexadecimal digits.
pub(crate) fn fingerprint(key: &impl KeyDetails) -> String {
    format!("{:X}", key.fingerprint())
}
