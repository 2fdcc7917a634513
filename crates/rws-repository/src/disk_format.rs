//! The versions of RWS's own objects below the private prefix. Each object states the one that it is written in; this program
//! reads these and earlier ones. Whoever meets a later one reads on and writes nothing any more: it cannot know what to keep.

use serde::Deserialize;

use crate::generation::Head;

/// The version of heads, in their field `format`.
const HEAD: u32 = 1;

/// The version of heads with pinned generations, which an earlier version would give up.
pub const HEAD_PINNED: u32 = 2;

/// The version of pins, in their field `format`.
pub const PIN: u32 = 1;

/// The version of tokens, in their field `format`.
pub const TOKEN: u32 = 1;

/// The version of records of purges, in their field `format`.
pub const PURGE: u32 = 1;

/// The version of a head.
pub fn head(head: &Head) -> u32 {
    if head.pinned.is_empty() { HEAD } else { HEAD_PINNED }
}

/// The version of uploads, in their field `format`.
pub const UPLOAD: u32 = 1;

/// The version of uploads with packages that RWS signed: their files have other names, which earlier versions would not find.
pub const UPLOAD_SIGNED: u32 = 2;

/// The version of manifests, in their first line.
pub const MANIFEST: u32 = 6;

/// What the first line of a manifest says before its version.
const MANIFEST_MAGIC: &str = "RWS manifest ";

#[derive(Deserialize)]
struct Stated {
    format: u32,
}

/// The version that a head or an upload states, whatever else is in it.
pub fn stated(json: &[u8]) -> Option<u32> {
    serde_json::from_slice(json).ok().map(|Stated { format }| format)
}

/// The first line of a manifest of this program.
pub fn manifest_start() -> Vec<u8> {
    format!("{MANIFEST_MAGIC}{MANIFEST}\n").into_bytes()
}

/// The version that a manifest states, and what follows its first line.
pub fn manifest_parts(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let rest = bytes.strip_prefix(MANIFEST_MAGIC.as_bytes())?;
    let end = rest.iter().take(10).position(|byte| *byte == b'\n')?;
    let (version, rest) = rest.split_at(end);
    Some((std::str::from_utf8(version).ok()?.parse().ok()?, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_states_its_version() {
        assert_eq!(stated(br#"{"a": [1, {}], "format": 7, "b": null}"#), Some(7));
        assert_eq!(stated(b"{}"), None);
        assert_eq!(stated(b"RWS"), None);
        let manifest = [manifest_start().as_slice(), b"rest\n"].concat();
        assert_eq!(manifest_parts(&manifest), Some((MANIFEST, b"rest\n".as_slice())));
        assert_eq!(manifest_parts(b"RWS manifest 17\n"), Some((17, b"".as_slice())));
        for other in ["", "RWS manifest", "RWS manifest 4", "RWS manifest x\n", "RWS manifest 12345678901\n"] {
            assert_eq!(manifest_parts(other.as_bytes()), None, "{other}");
        }
    }
}
