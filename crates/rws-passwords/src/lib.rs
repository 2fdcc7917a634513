//! Password hashes: those that existing configurations hold (werkzeug's PBKDF2 and scrypt), argon2, and those of htpasswd files.
//!
//! A hash is parsed and its cost is checked when the configuration is read, so that no request meets a hash that cannot
//! be computed. Neither the hash nor what was mistaken for one is ever printed: it may be a password in clear.

mod cost;
mod htpasswd;
mod phc;
#[cfg(test)]
mod tests;
mod werkzeug;

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;

pub use self::cost::CostError;

/// The hash of one user's password, of known and bounded cost.
#[derive(Clone)]
pub struct PasswordHash {
    scheme: Scheme,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

/// How the digest is computed.
#[derive(Clone, Debug)]
enum Scheme {
    /// PBKDF2 with HMAC (RFC 8018, section 5.2).
    Pbkdf2 { function: Function, iterations: u32 },
    /// scrypt (RFC 7914).
    Scrypt { parameters: scrypt::Params },
    /// What htpasswd files have; the digest is the whole text.
    Crypt(htpasswd::Crypt),
    /// argon2 (RFC 9106).
    Argon2 { algorithm: Algorithm, version: Version, parameters: Params },
}

/// How a new hash is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// argon2id with 19 MiB, two passes and one lane (the least that OWASP recommends), in the PHC string format.
    Argon2id,
    /// scrypt as werkzeug makes it by default, in werkzeug's form.
    Scrypt,
    /// PBKDF2 with HMAC-SHA-256, in werkzeug's form.
    Pbkdf2,
}

/// The hash function under the HMAC of PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Sha1,
    Sha256,
    Sha512,
}

/// Why a text is no usable password hash. The text itself is in none of the messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Neither of werkzeug's form nor of the PHC form.
    #[error(
        "this is not a password hash (a plain-text password?); use the output of `rws hash-password`, or a hash of the form \
         `scrypt:32768:8:1$salt$hex`, `pbkdf2:sha256:600000$salt$hex` or `$argon2id$v=19$…`"
    )]
    NotAHash,
    /// A hash by a method that is not computed here, or is too weak.
    #[error(
        "the method of the password hash is not supported; supported are pbkdf2 with sha256, sha512 or sha1, scrypt, \
         argon2id, argon2i or argon2d, and bcrypt, SHA-crypt and MD5 of htpasswd files: make a new hash with `rws hash-password`"
    )]
    UnknownMethod,
    /// Cut off, or changed by hand.
    #[error("the {method} hash is damaged: {reason}; make a new one with `rws hash-password`")]
    Damaged {
        /// `pbkdf2`, `scrypt`, `argon2`, `bcrypt` …
        method: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A login would take too much time or memory.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// The system's memory or the algorithm's own limits do not allow a new hash.
    #[error("RWS cannot hash the password: {0}")]
    NotHashed(String),
}

impl PasswordHash {
    /// Reads `pbkdf2:FUNCTION[:ITERATIONS]$SALT$HEX`, `scrypt[:N:R:P]$SALT$HEX`, `$argon2…` (PHC string format), and what htpasswd
    /// files have: `$2y$…`, `$5$…`, `$6$…`, `$apr1$…`.
    ///
    /// # Errors
    ///
    /// When the text is none of these, is damaged, or asks for more than about 1 GiB or 10 s.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        match htpasswd::parse(text) {
            Some(parsed) => parsed,
            None if text.starts_with('$') => phc::parse(text),
            None => werkzeug::parse(text),
        }
    }

    /// Whether `password` is the one that was hashed. Takes from milliseconds to seconds of CPU time: not for an
    /// asynchronous thread. The comparison takes the same time whatever the difference.
    pub fn verify(&self, password: &[u8]) -> bool {
        self.verify_in(&mut Workspace::default(), password)
    }

    /// [`PasswordHash::verify`] in memory that is used again: blocks of this size, allocated and freed for each check,
    /// leave holes in the heap (measured).
    pub fn verify_in(&self, workspace: &mut Workspace, password: &[u8]) -> bool {
        if let Scheme::Crypt(crypt) = &self.scheme {
            return htpasswd::verify(*crypt, password, &self.digest);
        }
        let mut digest = vec![0; self.digest.len()];
        let computed = match &self.scheme {
            Scheme::Pbkdf2 { function, iterations } => {
                match function {
                    Function::Sha1 => {
                        pbkdf2::pbkdf2_hmac::<sha1::Sha1>(password, &self.salt, *iterations, &mut digest);
                    }
                    Function::Sha256 => {
                        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, &self.salt, *iterations, &mut digest);
                    }
                    Function::Sha512 => {
                        pbkdf2::pbkdf2_hmac::<sha2::Sha512>(password, &self.salt, *iterations, &mut digest);
                    }
                }
                true
            }
            Scheme::Crypt(_) => false,
            Scheme::Scrypt { parameters } => scrypt::scrypt(password, &self.salt, parameters, &mut digest).is_ok(),
            Scheme::Argon2 { algorithm, version, parameters } => {
                let argon2 = Argon2::new(*algorithm, *version, parameters.clone());
                let blocks = &mut workspace.0;
                blocks.resize(parameters.block_count(), argon2::Block::default());
                let done = argon2.hash_password_into_with_memory(password, &self.salt, &mut digest, &mut blocks[..]);
                if blocks.len() > KEPT_BLOCKS {
                    *blocks = Vec::new();
                }
                done.is_ok()
            }
        };
        computed && bool::from(digest.ct_eq(&self.digest))
    }

    /// What the right password gives: another one for each hash.
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// How much memory a check takes, about.
    pub fn memory_bytes(&self) -> u64 {
        match &self.scheme {
            Scheme::Pbkdf2 { .. } | Scheme::Crypt(_) => 0,
            // RFC 7914, section 6: V, and a little
            Scheme::Scrypt { parameters } => (128 * u64::from(parameters.r())) << parameters.log_n(),
            Scheme::Argon2 { parameters, .. } => u64::from(parameters.m_cost()) << 10,
        }
    }

    /// The hash of a password. `salt` is 16 fresh random bytes. Takes as long as [`PasswordHash::verify`].
    ///
    /// # Errors
    ///
    /// When the memory for it cannot be had.
    pub fn create(method: Method, password: &[u8], salt: &[u8; 16]) -> Result<String, HashError> {
        match method {
            Method::Argon2id => phc::create(password, salt),
            Method::Scrypt => werkzeug::create_scrypt(password, salt),
            Method::Pbkdf2 => Ok(werkzeug::create_pbkdf2(password, salt)),
        }
    }
}

/// The memory of argon2 between checks.
#[derive(Default)]
pub struct Workspace(Vec<argon2::Block>);

/// The most memory that is kept between checks, in blocks of a KiB.
const KEPT_BLOCKS: usize = 32 << 10;

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PasswordHash").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}
