//! What has to be known of an OpenPGP signature packet (RFC 9580, sections 4.2 and 5.2).

/// The tag of a signature packet.
const SIGNATURE: u8 = 2;

/// What a signature packet says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignaturePacket {
    /// Its version: 3, 4 or 6.
    pub version: u8,
    /// The algorithm of the key that made it (RFC 9580, section 9.1).
    pub algorithm: u8,
}

impl SignaturePacket {
    /// Reads it; `None` for what is not exactly one signature packet of these versions.
    pub fn read(packet: &[u8]) -> Option<Self> {
        let (version, algorithm) = match body(packet)? {
            // five hashed bytes, of which the last four are the time, and the issuer stand before it
            [version @ 3, 5, rest @ ..] => (*version, *rest.get(13)?),
            [version @ (4 | 6), _, algorithm, ..] => (*version, *algorithm),
            _ => return None,
        };
        Some(Self { version, algorithm })
    }
}

/// The body of the one packet that the bytes are.
fn body(packet: &[u8]) -> Option<&[u8]> {
    let (first, rest) = packet.split_first()?;
    let is_new = first & 0xc0 == 0xc0;
    if first & 0x80 == 0 {
        return None;
    }
    let tag = if is_new { first & 0x3f } else { first >> 2 & 0x0f };
    let (length, body) = if is_new {
        match rest {
            [one @ 0..=191, rest @ ..] => (usize::from(*one), rest),
            [one @ 192..=223, two, rest @ ..] => ((usize::from(*one) - 192) * 256 + usize::from(*two) + 192, rest),
            [255, rest @ ..] => long(rest)?,
            _ => return None,
        }
    } else {
        match (first & 3, rest) {
            (0, [one, rest @ ..]) => (usize::from(*one), rest),
            (1, [one, two, rest @ ..]) => (usize::from(*one) << 8 | usize::from(*two), rest),
            (2, rest) => long(rest)?,
            _ => return None,
        }
    };
    (tag == SIGNATURE && body.len() == length).then_some(body)
}

/// A length of four bytes, and what follows.
fn long(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_be_bytes(*length)).ok()?, rest))
}
