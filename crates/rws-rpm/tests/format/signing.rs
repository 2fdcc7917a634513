//! Signed packages before rpm of this machine and of Debian sid, and before createrepo_c.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails fails its test")]

mod judges;
mod keys;
mod made;
mod of_shared;
mod without_payload_digest;

/// Number, type and count of each tag of the header that begins there, in its order.
fn tags_at(bytes: &[u8], header: usize) -> Vec<(u32, u32, u32)> {
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let entries = (0..number(header + 8) as usize).map(|place| header + 16 + place * 16);
    entries.map(|at| (number(at), number(at + 4), number(at + 12))).collect()
}
