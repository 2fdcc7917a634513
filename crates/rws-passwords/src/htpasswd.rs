//! The hashes of htpasswd files: bcrypt (`htpasswd -B`), SHA-crypt (`htpasswd -2` and `-5`), and Apache's MD5 (`htpasswd -m`).

use bcrypt::HashParts;
use md5::{Digest, Md5};
use sha_crypt::{PasswordVerifier, ShaCrypt};
use subtle::ConstantTimeEq;

use super::{HashError, PasswordHash, Scheme, cost};

/// How often the MD5 of Apache is computed.
const APR1_ROUNDS: usize = 1000;

/// The digits of crypt(3).
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How the whole text of a hash says whether a password is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crypt {
    /// bcrypt.
    Bcrypt,
    /// SHA-crypt, with SHA-256 or SHA-512.
    Sha,
    /// The MD5 of Apache.
    Apr1,
}

/// Reads `$2y$…`, `$5$…`, `$6$…` and `$apr1$…`; `None` for all else.
pub(super) fn parse(text: &str) -> Option<Result<PasswordHash, HashError>> {
    let method = text.strip_prefix('$')?.split('$').next()?;
    let (crypt, checked) = match method {
        "2a" | "2b" | "2x" | "2y" => (Crypt::Bcrypt, check_bcrypt(text)),
        "5" | "6" => (Crypt::Sha, check_sha(text)),
        "apr1" => (Crypt::Apr1, apr1_parts(text).map(drop)),
        _ => return None,
    };
    let hash = PasswordHash { scheme: Scheme::Crypt(crypt), salt: Vec::new(), digest: text.as_bytes().to_vec() };
    Some(checked.map(|()| hash))
}

/// Whether a password is the one of a hash that [`parse`] took.
pub(super) fn verify(crypt: Crypt, password: &[u8], hash: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(hash) else { return false };
    match crypt {
        Crypt::Bcrypt => bcrypt::verify(password, text).unwrap_or_default(),
        Crypt::Sha => ShaCrypt::default().verify_password(password, text).is_ok(),
        Crypt::Apr1 => apr1_parts(text).is_ok_and(|(salt, digest)| {
            bool::from(apr1(password, salt.as_bytes()).as_slice().ct_eq(digest.as_bytes()))
        }),
    }
}

fn check_bcrypt(text: &str) -> Result<(), HashError> {
    let damaged = |_| HashError::Damaged { method: "bcrypt", reason: "its parts are not $2y$COST$ and 53 characters" };
    let parts: HashParts = text.parse().map_err(damaged)?;
    Ok(cost::check_bcrypt(parts.get_cost())?)
}

fn check_sha(text: &str) -> Result<(), HashError> {
    let damaged = |reason| HashError::Damaged { method: "SHA-crypt", reason };
    let parts: Vec<&str> = text.split('$').collect();
    let (rounds, salt, digest) = match *parts.as_slice() {
        [_, _, salt, digest] => (None, salt, digest),
        [_, _, rounds, salt, digest] => (Some(rounds), salt, digest),
        _ => return Err(damaged("parts of it are missing")),
    };
    let rounds = match rounds.map(|rounds| rounds.strip_prefix("rounds=").and_then(|number| number.parse().ok())) {
        Some(None) => return Err(damaged("its parameters are not rounds=…")),
        Some(Some(rounds)) => rounds,
        None => 0,
    };
    let length = if text.starts_with("$5$") { 43 } else { 86 };
    if salt.is_empty() || digest.len() != length || !digest.bytes().all(|byte| DIGITS.contains(&byte)) {
        return Err(damaged("the digest has the wrong length"));
    }
    Ok(cost::check_sha_crypt(rounds)?)
}

/// The salt and the digest of `$apr1$SALT$DIGEST`.
fn apr1_parts(text: &str) -> Result<(&str, &str), HashError> {
    let damaged = HashError::Damaged { method: "MD5", reason: "its parts are not $apr1$SALT$ and 22 characters" };
    let parts = text.strip_prefix("$apr1$").and_then(|rest| rest.split_once('$'));
    let parts = parts.filter(|(salt, digest)| (1..=8).contains(&salt.len()) && digest.len() == 22);
    parts.ok_or(damaged)
}

/// The digest as Apache's `apr_md5_encode` makes it: a thousand times MD5, over the password and the salt in turns.
fn apr1(password: &[u8], salt: &[u8]) -> Vec<u8> {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut first = Md5::new().chain_update(password).chain_update(b"$apr1$").chain_update(salt);
    for piece in password.chunks(inner.len()) {
        first.update(inner.get(..piece.len()).unwrap_or_default());
    }
    let mut bits = password.len();
    while bits > 0 {
        let head = password.get(..1).unwrap_or_default();
        first.update(if bits & 1 == 1 { b"\0" } else { head });
        bits >>= 1;
    }
    let mut digest = first.finalize();
    for round in 0..APR1_ROUNDS {
        let mut next = Md5::new();
        let is_odd = round & 1 == 1;
        next.update(if is_odd { password } else { &digest });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if is_odd { &digest[..] } else { password });
        digest = next.finalize();
    }
    let mut text = Vec::with_capacity(22);
    for [high, middle, low] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        let byte = |at: usize| u32::from(digest.get(at).copied().unwrap_or_default());
        push_digits(&mut text, byte(high) << 16 | byte(middle) << 8 | byte(low), 4);
    }
    push_digits(&mut text, u32::from(digest.get(11).copied().unwrap_or_default()), 2);
    text
}

/// Writes a number from its low end on, six bits a digit.
fn push_digits(text: &mut Vec<u8>, mut number: u32, count: usize) {
    for _ in 0..count {
        text.extend(DIGITS.get((number & 63) as usize));
        number >>= 6;
    }
}
