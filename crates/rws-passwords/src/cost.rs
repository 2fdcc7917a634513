//! Bounds on what one login may cost.
//!
//! The bounds of time stand for about 10 s on one core, by the times measured on a common server; the defaults of the tools
//! that write such hashes are 40 to 200 times below them.

use super::Function;

/// The most memory that one check may take: 1 GiB, and a little for the buffers beside the large one.
const MEMORY_BYTES: u64 = (1 << 30) + (1 << 20);

/// A round with SHA-1 or SHA-256 takes 0.2 µs.
const PBKDF2_ITERATIONS: u32 = 40_000_000;

/// A round with SHA-512 takes 1.4 µs.
const PBKDF2_SHA512_ITERATIONS: u32 = 7_000_000;

/// scrypt's N × r × p; 2¹⁸, werkzeug's default, takes 0.1 s.
const SCRYPT_WORK: u64 = 1 << 24;

/// argon2's memory in KiB × passes; 1 GiB once takes 1 to 3 s.
const ARGON2_WORK_KIB: u64 = 4 << 20;

/// argon2's lanes are computed one after the other here; more of them gain nothing.
const ARGON2_LANES: u32 = 256;

/// bcrypt's cost, the logarithm of its rounds; 10 takes 0.05 s.
const BCRYPT_COST: u32 = 17;

/// A round of SHA-crypt takes 1 µs.
const SHA_CRYPT_ROUNDS: u32 = 10_000_000;

/// A hash asks for more than one login may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// More than 1 GiB.
    #[error("the {0} hash needs more than 1 GiB of memory for each login; make one with lower parameters")]
    Memory(&'static str),
    /// More than about 10 s.
    #[error("the {0} hash needs more than about 10 seconds for each login; make one with lower parameters")]
    Time(&'static str),
}

pub(super) fn check_pbkdf2(function: Function, iterations: u32) -> Result<(), CostError> {
    let limit = match function {
        Function::Sha1 | Function::Sha256 => PBKDF2_ITERATIONS,
        Function::Sha512 => PBKDF2_SHA512_ITERATIONS,
    };
    if iterations > limit { Err(CostError::Time("pbkdf2")) } else { Ok(()) }
}

/// `blocks`, `block_factor` and `lanes` are RFC 7914's N, r and p.
pub(super) fn check_scrypt(blocks: u64, block_factor: u32, lanes: u32) -> Result<(), CostError> {
    let (factor, lanes) = (u64::from(block_factor), u64::from(lanes));
    let memory = blocks.saturating_add(lanes).saturating_mul(factor).saturating_mul(128);
    if memory > MEMORY_BYTES {
        return Err(CostError::Memory("scrypt"));
    }
    if blocks.saturating_mul(factor).saturating_mul(lanes) > SCRYPT_WORK {
        return Err(CostError::Time("scrypt"));
    }
    Ok(())
}

pub(super) fn check_bcrypt(cost: u32) -> Result<(), CostError> {
    if cost > BCRYPT_COST { Err(CostError::Time("bcrypt")) } else { Ok(()) }
}

pub(super) fn check_sha_crypt(rounds: u32) -> Result<(), CostError> {
    if rounds > SHA_CRYPT_ROUNDS { Err(CostError::Time("SHA-crypt")) } else { Ok(()) }
}

pub(super) fn check_argon2(memory_kib: u32, passes: u32, lanes: u32) -> Result<(), CostError> {
    if u64::from(memory_kib) * 1024 > MEMORY_BYTES {
        return Err(CostError::Memory("argon2"));
    }
    if u64::from(memory_kib) * u64::from(passes) > ARGON2_WORK_KIB || lanes > ARGON2_LANES {
        return Err(CostError::Time("argon2"));
    }
    Ok(())
}
