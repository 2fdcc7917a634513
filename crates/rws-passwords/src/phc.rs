//! The PHC string format of argon2: `$argon2id$v=19$m=19456,t=2,p=1$SALT$DIGEST`, both in base64 without padding.

use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64Unpadded, Encoding};

use super::{HashError, PasswordHash, Scheme, cost};

/// The longest salt and digest; the format recommends at most 64 bytes.
const LONGEST_BYTES: usize = 64;

/// The shortest digest that is worth comparing.
const SHORTEST_DIGEST_BYTES: usize = 12;

pub(super) fn parse(text: &str) -> Result<PasswordHash, HashError> {
    let mut parts = text.split('$');
    // nothing stands before the first dollar sign
    parts.next();
    let algorithm = match parts.next() {
        Some("argon2id") => Algorithm::Argon2id,
        Some("argon2i") => Algorithm::Argon2i,
        Some("argon2d") => Algorithm::Argon2d,
        _ => return Err(HashError::UnknownMethod),
    };
    let damaged = |reason| HashError::Damaged { method: "argon2", reason };
    let rest: Vec<&str> = parts.collect();
    // without a version it is the first one (argon2 1.0)
    let (version, costs, salt, digest) = match *rest.as_slice() {
        ["v=19", costs, salt, digest] => (Version::V0x13, costs, salt, digest),
        ["v=16", costs, salt, digest] | [costs, salt, digest] => (Version::V0x10, costs, salt, digest),
        [_, _, _, _] => return Err(damaged("its version is neither 16 nor 19")),
        _ => return Err(damaged("parts of it are missing")),
    };
    let parameters = parameters(costs).ok_or_else(|| damaged("its parameters are not m=…,t=…,p=…"))?;
    let [memory_kib, passes, lanes] = parameters;
    cost::check_argon2(memory_kib, passes, lanes)?;
    let salt = decode(salt).ok_or_else(|| damaged("its salt is not base64 of 8 to 64 bytes"))?;
    let digest = decode(digest).ok_or_else(|| damaged("its digest is not base64 of 12 to 64 bytes"))?;
    if salt.len() < argon2::MIN_SALT_LEN {
        return Err(damaged("its salt is shorter than 8 bytes"));
    }
    if digest.len() < SHORTEST_DIGEST_BYTES {
        return Err(damaged("its digest is shorter than 12 bytes"));
    }
    let parameters = Params::new(memory_kib, passes, lanes, Some(digest.len()))
        .map_err(|_| damaged("its parameters are out of range"))?;
    Ok(PasswordHash { scheme: Scheme::Argon2 { algorithm, version, parameters }, salt, digest })
}

/// An argon2id hash with the default parameters of the crate, which are the least that OWASP recommends.
pub(super) fn create(password: &[u8], salt: &[u8; 16]) -> Result<String, HashError> {
    let parameters = Params::default();
    let mut digest = vec![0; Params::DEFAULT_OUTPUT_LEN];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters.clone());
    let done = argon2.hash_password_into(password, salt, &mut digest);
    done.map_err(|error| HashError::NotHashed(error.to_string()))?;
    Ok(render(&parameters, salt, &digest))
}

fn render(parameters: &Params, salt: &[u8], digest: &[u8]) -> String {
    format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        parameters.m_cost(),
        parameters.t_cost(),
        parameters.p_cost(),
        Base64Unpadded::encode_string(salt),
        Base64Unpadded::encode_string(digest)
    )
}

/// Memory in KiB, passes, lanes: always in this order. Key identifiers and associated data are not supported.
fn parameters(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split(',');
    let mut value = |name: &str| -> Option<u32> {
        let digits = parts.next()?.strip_prefix(name)?.strip_prefix('=')?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let parameters = [value("m")?, value("t")?, value("p")?];
    parts.next().is_none().then_some(parameters)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    Base64Unpadded::decode_vec(text).ok().filter(|bytes| bytes.len() <= LONGEST_BYTES)
}
