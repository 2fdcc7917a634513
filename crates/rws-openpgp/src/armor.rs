//! Armored blocks in a text (RFC 9580, section 6.2), and what is written in armour.

use pgp::composed::{ArmorOptions, PublicOrSecret, SignedSecretKey};

use crate::KeyError;

const BEGIN: &str = "-----BEGIN PGP ";
const DASHES: &str = "-----";

/// With the checksum, although RFC 9580 no longer asks for it: rpm 4.18 (Debian 12) refuses
/// armour without (seen).
pub(crate) const OPTIONS: ArmorOptions<'static> = ArmorOptions { headers: None, include_checksum: true };

/// The first secret key in a text of one or several armored blocks. Blanks around lines do not matter, so that a key may be
/// indented in a configuration file.
pub(crate) fn first_secret_key(text: &str) -> Result<SignedSecretKey, KeyError> {
    let (mut public, mut damage) = (false, None);
    for block in blocks(text) {
        let keys = match PublicOrSecret::from_armor_many(block.as_bytes()) {
            Ok((keys, _headers)) => keys,
            Err(error) => {
                damage.get_or_insert(reason(&error));
                continue;
            }
        };
        for key in keys {
            match key {
                Ok(PublicOrSecret::Secret(key)) => return Ok(key),
                Ok(PublicOrSecret::Public(_)) => public = true,
                Err(error) => {
                    damage.get_or_insert(reason(&error));
                    // what follows an error in the same block cannot be told apart
                    break;
                }
            }
        }
    }
    match damage {
        Some(reason) => Err(KeyError::Damaged { reason }),
        None if public => Err(KeyError::PublicOnly),
        None => Err(KeyError::NoArmor),
    }
}

/// One line of what the parser says, without what it adds for its own authors.
pub(crate) fn reason(error: &pgp::errors::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().chars().take(100).collect()
}

/// The armored blocks of a text, each with its first and last line.
pub(crate) fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with(BEGIN) && line.ends_with(DASHES) {
            open = Some(String::new());
        }
        if let Some(block) = &mut open {
            block.push_str(line);
            block.push('\n');
            if line.starts_with("-----END PGP ") && line.ends_with(DASHES) {
                blocks.extend(open.take());
            }
        }
    }
    // a block without its last line is left to the parser, which says what is missing
    blocks.extend(open);
    blocks
}
