//! The lead: 96 bytes that were a package's description in the days of RPM 2, and are a magic number today.

use crate::fault::Fault;

/// The size of the lead.
pub const LENGTH_BYTES: usize = 96;

const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// What a delta that stands alone starts with.
const DELTA_MAGIC: [u8; 4] = *b"drpm";

/// A header-style signature follows (rpm: `RPMSIGTYPE_HEADERSIG`).
const SIGNATURE_IN_HEADER: u16 = 5;

/// Checks the first four bytes: all that can be said before the lead is there.
pub fn check_magic(bytes: [u8; 4]) -> Result<(), Fault> {
    match bytes {
        MAGIC => Ok(()),
        DELTA_MAGIC => Err(Fault::Delta("delta of two packages")),
        _ => Err(Fault::NotRpm),
    }
}

/// Checks the lead as librpm does: magic number, major version 3 or 4, and that a signature header follows.
///
/// Name, architecture and kind of package stand in the lead too; nobody reads them there, and newer tools write
/// nothing useful (rpm's `lib/rpmlead`).
pub fn check(bytes: &[u8; LENGTH_BYTES]) -> Result<(), Fault> {
    let [a, b, c, d, major, minor, ..] = *bytes;
    check_magic([a, b, c, d])?;
    if !(3..=4).contains(&major) {
        return Err(Fault::LeadFormat(format!("version {major}.{minor}")));
    }
    let signature = u16::from_be_bytes([bytes[78], bytes[79]]);
    if signature != SIGNATURE_IN_HEADER {
        return Err(Fault::LeadFormat(format!("signature of kind {signature}")));
    }
    Ok(())
}
