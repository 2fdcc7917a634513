//! Tokens: what somebody may log in with besides a password. An administrator makes one, with a part of what that one may do.
//!
//! A token is shown once. The store has its SHA-256: whoever can read the bucket cannot log in with it. It is an object that never
//! changes; one that is revoked is deleted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rws_model::{Grant, Sha256, sha256};
use rws_store::{Body, Condition, ObjectClass, Span, Store, Write};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::upload::Upload;
use crate::{RepositoryError, UploadId, disk_format, intake, private, reading};

/// What tokens begin with, so that those who look for leaked secrets find them.
const PREFIX: &str = "rws_";

/// The random bytes of a token: 160 bits.
const RANDOM_BYTES: usize = 20;

/// The hexadecimal digits of a token: the random bytes and their CRC-32.
const DIGITS: usize = 2 * (RANDOM_BYTES + 4);

/// The digits of the digest that make the id of a token.
const ID_DIGITS: usize = 16;

/// A token as it is sent: well-formed, with the right checksum. Whether there is one of this name the store knows.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(String);

impl TokenText {
    /// A token of these random bytes.
    pub fn of(random: [u8; RANDOM_BYTES]) -> Self {
        let mut text = PREFIX.to_owned();
        for byte in random.iter().chain(&crc32fast::hash(&random).to_be_bytes()) {
            text.push_str(&format!("{byte:02x}"));
        }
        Self(text)
    }

    /// Reads a token; `None` for all that cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() == DIGITS)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let (random, checksum) = digits.bytes().all(is_digit).then(|| digits.split_at(2 * RANDOM_BYTES))?;
        let pairs = (0..RANDOM_BYTES).map(|at| u8::from_str_radix(random.get(2 * at..2 * at + 2)?, 16).ok());
        let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
        (format!("{:08x}", crc32fast::hash(&bytes)) == checksum).then(|| Self(text.to_owned()))
    }

    /// Its text: whoever has it can log in.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its digest.
    pub fn digest(&self) -> Sha256 {
        sha256(self.0.as_bytes())
    }

    /// The id of the token, which is no secret.
    pub fn id(&self) -> String {
        self.digest().hex().chars().take(ID_DIGITS).collect()
    }
}

/// What the store has of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    format: u32,
    /// A part of its digest.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Its digest.
    pub sha256: Sha256,
    /// What it allows, as far as its maker may do that.
    pub allow: Vec<Grant>,
    /// Whether it may stand in a path.
    pub path: bool,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// From when on it is not good any more, in seconds since 1970; `None`: it is good until it is revoked.
    pub expires_at: Option<i64>,
    /// The administrator who made it.
    pub created_by: String,
}

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub allow: Vec<Grant>,
    /// Whether it may stand in a path.
    pub path: bool,
    /// From when on it is not good any more, in seconds since 1970.
    pub expires_at: Option<i64>,
}

/// Makes a token: when this returns, it is good.
///
/// # Errors
///
/// When the store fails.
pub async fn create(
    store: &dyn Store,
    text: &TokenText,
    new: NewToken,
    actor: &Actor,
) -> Result<Token, RepositoryError> {
    let NewToken { name, allow, path, expires_at } = new;
    let token = Token {
        format: disk_format::TOKEN,
        id: text.id(),
        name,
        sha256: text.digest(),
        allow,
        path,
        created_at: store.clock_milliseconds().await? / 1000,
        expires_at,
        created_by: actor.user.clone().unwrap_or_default(),
    };
    // a token of which nobody knows who made it would be worse than one that nobody has
    record(store, &token, actor).await?;
    let bytes = serde_json::to_vec(&token).map_err(|error| RepositoryError::damaged(&token.id, error))?;
    let write = Write { condition: Condition::Always, kind: ObjectClass::PrivateImmutable };
    store.write(&private::token(&token.id), bytes.into(), write).await?;
    Ok(token)
}

/// Revokes a token; `false` where there is none of this id.
///
/// # Errors
///
/// When the store fails.
pub async fn revoke(store: &dyn Store, id: &str, actor: &Actor) -> Result<bool, RepositoryError> {
    let Some(token) = read(store, id).await? else { return Ok(false) };
    record(store, &token, actor).await?;
    store.delete(&[private::token(id), private::token_use(id)]).await?;
    Ok(true)
}

/// Keeps who asked for it: as an upload without packages.
async fn record(store: &dyn Store, token: &Token, actor: &Actor) -> Result<(), RepositoryError> {
    let actor = Actor { subject: Some(format!("{} ({})", token.name, token.id)), ..actor.clone() };
    let upload = Upload::new(UploadId::next(store.clock_milliseconds().await?), &actor);
    intake::promise(store, upload).await.map(|_| ())
}

/// Whether a text can be the id of a token.
pub fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
}

/// A token; `None` where there is none of this id.
///
/// # Errors
///
/// When the store fails, or the token is damaged.
pub async fn read(store: &dyn Store, id: &str) -> Result<Option<Token>, RepositoryError> {
    if !is_id(id) {
        return Ok(None);
    }
    let key = private::token(id);
    let Some((token, _)) = reading::json::<Token>(store, &key).await? else { return Ok(None) };
    if token.format > disk_format::TOKEN {
        return Err(RepositoryError::later(&key));
    }
    Ok(Some(token))
}

/// The ids of all tokens.
///
/// # Errors
///
/// When the store fails.
pub async fn ids(store: &dyn Store) -> Result<BTreeSet<String>, RepositoryError> {
    let listed = store.list(private::TOKENS).await?;
    Ok(listed.iter().filter_map(|listed| private::token_id(&listed.key)).map(str::to_owned).collect())
}

/// All tokens, each with the day on which it was used last, `2026-11-28`.
///
/// # Errors
///
/// When the store fails.
pub async fn all(store: &dyn Store) -> Result<Vec<(Token, Option<String>)>, RepositoryError> {
    let mut tokens = Vec::new();
    for id in ids(store).await? {
        // one that is revoked now
        let Some(token) = read(store, &id).await? else { continue };
        let used = match store.read(&private::token_use(&id), Span::Whole).await? {
            Some(content) => String::from_utf8(content.collect().await?.to_vec()).ok(),
            None => None,
        };
        tokens.push((token, used));
    }
    tokens.sort_by(|(left, _), (right, _)| (left.created_at, &left.id).cmp(&(right.created_at, &right.id)));
    Ok(tokens)
}

/// The day of a time, as uses are noted.
pub fn day(seconds: i64) -> Option<String> {
    let time = Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

/// Notes that a token was used on a day.
///
/// # Errors
///
/// When the store fails.
pub async fn note_use(store: &dyn Store, id: &str, day: &str) -> Result<(), RepositoryError> {
    let write = Write { condition: Condition::Always, kind: ObjectClass::Private };
    store.write(&private::token_use(id), Body::from(day.as_bytes().to_vec()), write).await?;
    Ok(())
}

/// Removes notes of tokens that are not there any more: a use and a revocation may have crossed.
///
/// # Errors
///
/// When the store fails.
pub async fn forget_uses(store: &dyn Store) -> Result<(), RepositoryError> {
    let uses = store.list(private::TOKEN_USES).await?;
    let uses: BTreeMap<String, _> = uses
        .into_iter()
        .filter_map(|listed| Some((listed.key.as_str().strip_prefix(private::TOKEN_USES)?.to_owned(), listed.key)))
        .collect();
    if uses.is_empty() {
        return Ok(());
    }
    let known = ids(store).await?;
    let gone: Vec<_> = uses.into_iter().filter(|(id, _)| !known.contains(id)).map(|(_, key)| key).collect();
    if !gone.is_empty() {
        store.delete(&gone).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_its_checksum_is_a_token() {
        let text = TokenText::of([7; RANDOM_BYTES]);
        let written = text.expose();
        assert_eq!(written.len(), PREFIX.len() + DIGITS);
        assert!(TokenText::parse(written) == Some(text.clone()));
        for at in 0..written.len() {
            let mut other = written.as_bytes().to_vec();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            assert!(TokenText::parse(&String::from_utf8(other).unwrap()).is_none(), "{at}");
        }
        for bad in ["", "rws_", &written.to_uppercase(), &written[1..], &format!("{written}0"), "rws_ä"] {
            assert!(TokenText::parse(bad).is_none(), "{bad}");
        }
        assert!(is_id(&text.id()) && !written.contains(&text.id()));
    }
}
