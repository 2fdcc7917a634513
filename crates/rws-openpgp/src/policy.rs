//! Which part of a key signs: a signing subkey first, else the primary key if it may.

use jiff::Timestamp;
use pgp::crypto::hash::HashAlgorithm;

use crate::KeyError;
use crate::certificate::{Certificate, Part};
use crate::strength;

const EXPIRY_WARNING_SECONDS: i64 = 30 * 24 * 3600;

/// The part that signs, and how.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) part: Chosen,
    /// The hash of signatures.
    pub(crate) hash: HashAlgorithm,
    /// A signature that is older than this would be older than the key.
    pub(crate) valid_from: i64,
    /// From then on the signatures are worthless.
    pub(crate) expires_at: Option<i64>,
    pub(crate) warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    Primary,
    /// With this position among the secret subkeys.
    Subkey(usize),
}

/// Chooses what signs at `now`.
pub(crate) fn choose(certificate: &Certificate<'_>, now: i64) -> Result<Choice, KeyError> {
    let Certificate { primary, subkeys } = certificate;
    // an unusable primary key takes its subkeys along
    let primary_warnings = check(primary, now)?;
    let mut signing: Vec<_> = subkeys.iter().filter(|(_, part)| part.claims_to_sign).collect();
    signing.sort_by_key(|(_, part)| std::cmp::Reverse(part.created_at));
    let mut excuse = None;
    for (position, part) in signing {
        match check_subkey(*position, part, now) {
            Ok((position, warnings)) => {
                let chosen = Chosen::Subkey(position);
                return choice(chosen, primary, part, [primary_warnings, warnings].concat());
            }
            Err(error) => drop(excuse.get_or_insert(error)),
        }
    }
    // without flags the algorithm decides, and every primary key's algorithm signs
    let may_sign = primary.statement.as_ref().is_some_and(|statement| statement.may_sign.unwrap_or(true));
    let key = primary.fingerprint.clone();
    match (may_sign, primary.has_secret, excuse) {
        (true, true, excuse) => {
            let mut warnings = primary_warnings;
            warnings.extend(excuse.map(|excuse| format!("the primary key {key} signs, because: {excuse}")));
            choice(Chosen::Primary, primary, primary, warnings)
        }
        (_, _, Some(excuse)) => Err(excuse),
        (true, false, None) => Err(KeyError::NoSecret { key }),
        (false, _, None) => Err(KeyError::NotForSigning { key }),
    }
}

/// The parts whose signatures clients take at `now`.
pub(crate) fn signing_parts(certificate: &Certificate<'_>, now: i64) -> Vec<Chosen> {
    let Certificate { primary, subkeys } = certificate;
    if check(primary, now).is_err() {
        return Vec::new();
    }
    let may_sign = primary.statement.as_ref().is_some_and(|statement| statement.may_sign.unwrap_or(true));
    let good = subkeys.iter().filter_map(|(position, part)| check_subkey(*position, part, now).ok());
    may_sign.then_some(Chosen::Primary).into_iter().chain(good.map(|(position, _)| Chosen::Subkey(position))).collect()
}

fn choice(part: Chosen, primary: &Part<'_>, signs: &Part<'_>, warnings: Vec<String>) -> Result<Choice, KeyError> {
    let statements = [primary.statement.as_ref(), signs.statement.as_ref()];
    let statements = || statements.into_iter().flatten();
    Ok(Choice {
        part,
        hash: strength::judge(signs.parameters, &signs.fingerprint)?.hash,
        valid_from: primary.created_at.max(signs.created_at),
        expires_at: statements().filter_map(|statement| statement.expires_at).min(),
        warnings,
    })
}

fn check_subkey(position: Option<usize>, part: &Part<'_>, now: i64) -> Result<(usize, Vec<String>), KeyError> {
    let key = || part.fingerprint.clone();
    if part.statement.is_none() && !part.revoked {
        return Err(KeyError::NotBound { key: key() });
    }
    let warnings = check(part, now)?;
    let Some(statement) = &part.statement else { return Err(KeyError::NotBound { key: key() }) };
    if statement.may_sign != Some(true) {
        return Err(KeyError::NotForSigning { key: key() });
    }
    if !statement.bound_back {
        return Err(KeyError::NotBound { key: key() });
    }
    match position {
        Some(position) if part.has_secret => Ok((position, warnings)),
        _ => Err(KeyError::NoSecret { key: key() }),
    }
}

/// Whether a part is in force at `now`. Gives what is to be said about it.
fn check(part: &Part<'_>, now: i64) -> Result<Vec<String>, KeyError> {
    let key = part.fingerprint.clone();
    // whatever its reason and date: who revokes a key wants no more signatures by it
    if part.revoked {
        return Err(KeyError::Revoked { key });
    }
    let Some(statement) = &part.statement else {
        if part.created_at > now {
            return Err(KeyError::NotYetValid { key, date: day(part.created_at) });
        }
        return Err(KeyError::NoSelfSignature { key });
    };
    let mut warnings = Vec::new();
    if let Some(expires_at) = statement.expires_at {
        let date = day(expires_at);
        if expires_at <= now {
            return Err(KeyError::Expired { key, date });
        }
        if expires_at - now <= EXPIRY_WARNING_SECONDS {
            warnings.push(format!(
                "key {key} expires on {date}: extend it with `gpg --quick-set-expire` and export it again"
            ));
        }
    }
    if let Some(warning) = strength::judge(part.parameters, &key)?.warning {
        warnings.push(format!("key {key} {warning}"));
    }
    if statement.hash == HashAlgorithm::Sha1 {
        warnings.push(format!(
            "the self-signature of key {key} uses SHA-1, which apt refuses since February 2026: renew it, for example \
             with `gpg --quick-set-expire`, and export the key again"
        ));
    }
    Ok(warnings)
}

/// The day of a time, UTC.
pub(crate) fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.strftime("%Y-%m-%d").to_string())
}
