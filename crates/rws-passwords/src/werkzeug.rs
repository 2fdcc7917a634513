//! The form that werkzeug's `generate_password_hash` writes: `METHOD[:ARGUMENT…]$SALT$HEX`, the salt being text.

use super::{Function, HashError, PasswordHash, Scheme, cost};

/// What werkzeug took for granted when a PBKDF2 hash did not say so (2.0 to 2.2).
const OLD_PBKDF2_ITERATIONS: u32 = 260_000;

/// N, r and p of `scrypt` without arguments.
const DEFAULT_SCRYPT: [u64; 3] = [32_768, 8, 1];

/// The length of werkzeug's scrypt digests, which it does not let one choose.
const SCRYPT_DIGEST_BYTES: usize = 64;

/// The rounds of new PBKDF2 hashes: what werkzeug 2.3 makes, and OWASP recommends.
const PBKDF2_ITERATIONS: u32 = 600_000;

/// The length of a SHA-256 digest.
const PBKDF2_DIGEST_BYTES: usize = 32;

/// The characters of salts; a byte of randomness gives six bits of one.
const SALT: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./";

/// `scrypt:32768:8:1$SALT$HEX`
pub(super) fn create_scrypt(password: &[u8], random: &[u8; 16]) -> Result<String, HashError> {
    let [blocks, block_factor, lanes] = DEFAULT_SCRYPT;
    let salt = salt(random);
    let mut digest = [0; SCRYPT_DIGEST_BYTES];
    let parameters = scrypt_parameters(blocks, narrow(block_factor), narrow(lanes))
        .ok_or_else(|| HashError::NotHashed("scrypt does not take its parameters".to_owned()))?;
    scrypt::scrypt(password, salt.as_bytes(), &parameters, &mut digest)
        .map_err(|error| HashError::NotHashed(error.to_string()))?;
    Ok(format!("scrypt:{blocks}:{block_factor}:{lanes}${salt}${}", digits(&digest)))
}

/// `pbkdf2:sha256:600000$SALT$HEX`
pub(super) fn create_pbkdf2(password: &[u8], random: &[u8; 16]) -> String {
    let salt = salt(random);
    let mut digest = [0; PBKDF2_DIGEST_BYTES];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, salt.as_bytes(), PBKDF2_ITERATIONS, &mut digest);
    format!("pbkdf2:sha256:{PBKDF2_ITERATIONS}${salt}${}", digits(&digest))
}

/// Text, as werkzeug has it.
fn salt(random: &[u8; 16]) -> String {
    random.iter().filter_map(|byte| SALT.get(usize::from(byte % 64)).copied().map(char::from)).collect()
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn parse(text: &str) -> Result<PasswordHash, HashError> {
    let mut parts = text.splitn(3, '$');
    let (Some(method), Some(salt), Some(digest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(HashError::NotAHash);
    };
    let mut arguments = method.split(':');
    match arguments.next() {
        Some("pbkdf2") => pbkdf2(&arguments.collect::<Vec<_>>(), salt, digest),
        Some("scrypt") => scrypt(&arguments.collect::<Vec<_>>(), salt, digest),
        _ => Err(HashError::UnknownMethod),
    }
}

fn pbkdf2(arguments: &[&str], salt: &str, digest: &str) -> Result<PasswordHash, HashError> {
    let damaged = |reason| HashError::Damaged { method: "pbkdf2", reason };
    let (function, iterations) = match *arguments {
        [] => ("sha256", None),
        [function] => (function, None),
        [function, iterations] => (function, Some(iterations)),
        _ => return Err(damaged("there are more than two arguments")),
    };
    let (function, digest_bytes) = match function {
        "sha1" => (Function::Sha1, 20),
        "sha256" => (Function::Sha256, 32),
        "sha512" => (Function::Sha512, 64),
        _ => return Err(HashError::UnknownMethod),
    };
    let iterations = match iterations.map(number) {
        None => OLD_PBKDF2_ITERATIONS,
        Some(None | Some(0)) => return Err(damaged("the number of iterations is not a positive number")),
        // what does not fit is too much in any case
        Some(Some(number)) => u32::try_from(number).unwrap_or(u32::MAX),
    };
    cost::check_pbkdf2(function, iterations)?;
    let digest = hexadecimal(digest, digest_bytes).ok_or_else(|| damaged("the digest has the wrong length"))?;
    Ok(PasswordHash { scheme: Scheme::Pbkdf2 { function, iterations }, salt: salt.as_bytes().to_vec(), digest })
}

fn scrypt(arguments: &[&str], salt: &str, digest: &str) -> Result<PasswordHash, HashError> {
    let damaged = |reason| HashError::Damaged { method: "scrypt", reason };
    let [blocks, block_factor, lanes] = match *arguments {
        [] => DEFAULT_SCRYPT,
        [blocks, block_factor, lanes] => match (number(blocks), number(block_factor), number(lanes)) {
            (Some(blocks), Some(block_factor), Some(lanes)) => [blocks, block_factor, lanes],
            _ => return Err(damaged("its three arguments are not numbers")),
        },
        _ => return Err(damaged("it does not have three arguments")),
    };
    let (block_factor, lanes) = (narrow(block_factor), narrow(lanes));
    cost::check_scrypt(blocks, block_factor, lanes)?;
    if blocks < 2 || !blocks.is_power_of_two() {
        return Err(damaged("its first argument is not a power of two"));
    }
    let parameters =
        scrypt_parameters(blocks, block_factor, lanes).ok_or_else(|| damaged("its arguments are out of range"))?;
    let digest = hexadecimal(digest, SCRYPT_DIGEST_BYTES).ok_or_else(|| damaged("the digest has the wrong length"))?;
    Ok(PasswordHash { scheme: Scheme::Scrypt { parameters }, salt: salt.as_bytes().to_vec(), digest })
}

/// What does not fit is too much in any case.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// `blocks`, a power of two, `block_factor` and `lanes` are RFC 7914's N, r and p.
fn scrypt_parameters(blocks: u64, block_factor: u32, lanes: u32) -> Option<scrypt::Params> {
    // at most 63: the logarithm of a 64-bit number
    scrypt::Params::new(blocks.trailing_zeros() as u8, block_factor, lanes).ok()
}

/// A number of decimal digits only; one beyond 64 bits is as good as the largest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Exactly `bytes` bytes, written as hexadecimal digits.
fn hexadecimal(text: &str, bytes: usize) -> Option<Vec<u8>> {
    if text.len() != bytes * 2 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            // two digits are less than 256
            &[high, low] => Some((digit(high)? * 16 + digit(low)?) as u8),
            _ => None,
        })
        .collect()
}
