//! Names of generations and uploads.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The name of one published state: `20261122T133000Z-1a2b3c4d`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GenerationId(String);

/// The name of one accepted request: `20261122T133000Z-` and 16 hexadecimal digits, of which the first three are the
/// milliseconds: names of one process grow in the order in which they are given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadId(String);

impl GenerationId {
    /// A name of this time (seconds since 1970) and 32 random bits.
    pub fn new(seconds: i64, random: Uuid) -> Self {
        Self(stamp(seconds, &random.simple().to_string()[..8]))
    }

    /// Checks the text of a name.
    pub fn parse(text: &str) -> Option<Self> {
        is_stamp(text, 8).then(|| Self(text.to_owned()))
    }

    /// The time in the name, in seconds since 1970.
    pub fn seconds(&self) -> i64 {
        seconds(&self.0)
    }
}

impl UploadId {
    /// A name of this time (milliseconds since 1970) and 52 random bits.
    pub fn new(milliseconds: i64, random: Uuid) -> Self {
        let fraction = milliseconds.rem_euclid(1000);
        let random = random.simple().to_string();
        Self(stamp(milliseconds.div_euclid(1000), &format!("{fraction:03x}{}", &random[..13])))
    }

    /// A name that is later than all that this process has given, and not before `now` (milliseconds since 1970).
    pub fn next(now: i64) -> Self {
        static LAST: AtomicI64 = AtomicI64::new(i64::MIN);
        let later = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later).unwrap_or(now);
        Self::new(now.max(last.saturating_add(1)), Uuid::new_v4())
    }

    /// Checks the text of a name.
    pub fn parse(text: &str) -> Option<Self> {
        is_stamp(text, 16).then(|| Self(text.to_owned()))
    }

    /// The time in the name, in seconds since 1970.
    pub fn seconds(&self) -> i64 {
        seconds(&self.0)
    }
}

fn seconds(stamp: &str) -> i64 {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &stamp[..16]);
    time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC)).map_or(0, |time| time.timestamp().as_second())
}

fn stamp(seconds: i64, random: &str) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    format!("{}-{random}", time.strftime("%Y%m%dT%H%M%SZ"))
}

fn is_stamp(text: &str, digits: usize) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 17 + digits
        && bytes.iter().enumerate().all(|(position, byte)| match position {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            16 => *byte == b'-',
            0..15 => byte.is_ascii_digit(),
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
        })
}

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text).ok_or_else(|| format!("{text:?} is no {}", stringify!($name)))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

text!(GenerationId);
text!(UploadId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_uploads_grow() {
        let mut last = UploadId::next(1_795_354_200_999);
        assert!(last.to_string().starts_with("20261122T133000Z-3e7"), "{last}");
        for _ in 0..1000 {
            let next = UploadId::next(1_795_354_200_000);
            assert!(next > last);
            assert_eq!(UploadId::parse(&next.to_string()), Some(next.clone()));
            last = next;
        }
    }

    #[test]
    fn names_say_when_and_are_checked() {
        let id = GenerationId::new(1_795_354_200, Uuid::from_u128(0x1a2b_3c4d << 96));
        assert_eq!(id.to_string(), "20261122T133000Z-1a2b3c4d");
        assert_eq!(id.seconds(), 1_795_354_200);
        assert_eq!(GenerationId::parse("20261122T133000Z-1a2b3c4d"), Some(id));
        for bad in ["", "20261122T133000Z-1A2B3C4D", "20261122T133000Z-1a2b3c4/", "20261122T133000Z-1a2b3c4d5"] {
            assert_eq!(GenerationId::parse(bad), None, "{bad}");
        }
    }
}
