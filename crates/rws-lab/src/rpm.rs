//! Writes rpm packages byte by byte, good and bad ones, so that tests need no file and no rpmbuild.

use md5::Md5;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};
use sha3::Sha3_256;

/// The value of a tag.
#[derive(Clone, Debug)]
pub enum Value {
    /// One text (type 6).
    Text(Vec<u8>),
    /// Several texts (type 8).
    Texts(Vec<Vec<u8>>),
    /// Bytes (type 7).
    Bytes(Vec<u8>),
    /// Numbers of 16 bits (type 3).
    Shorts(Vec<u16>),
    /// Numbers of 32 bits (type 4).
    Numbers(Vec<u32>),
    /// Numbers of 64 bits (type 5).
    Longs(Vec<u64>),
    /// One text in several languages (type 9).
    Translations(Vec<Vec<u8>>),
    /// Whatever these bytes are: type, count, alignment and data as they are to stand there.
    Other {
        /// The type.
        kind: u32,
        /// How many elements are stated.
        count: u32,
        /// What the offset of the data is a multiple of.
        alignment: usize,
        /// The data.
        bytes: Vec<u8>,
    },
}

/// One text.
pub fn text(text: &str) -> Value {
    Value::Text(text.as_bytes().to_vec())
}

/// Several texts.
pub fn texts(texts: &[&str]) -> Value {
    Value::Texts(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
}

impl Value {
    /// How many elements it states.
    pub fn count(&self) -> usize {
        self.kind_count_width().1
    }

    fn kind_count_width(&self) -> (u32, usize, usize) {
        match self {
            Self::Text(_) => (6, 1, 1),
            Self::Texts(texts) => (8, texts.len(), 1),
            Self::Bytes(bytes) => (7, bytes.len(), 1),
            Self::Shorts(numbers) => (3, numbers.len(), 2),
            Self::Numbers(numbers) => (4, numbers.len(), 4),
            Self::Longs(numbers) => (5, numbers.len(), 8),
            Self::Translations(texts) => (9, texts.len(), 1),
            Self::Other { kind, count, alignment, .. } => (*kind, *count as usize, *alignment),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => [text.as_slice(), b"\0"].concat(),
            Self::Texts(texts) | Self::Translations(texts) => {
                texts.iter().flat_map(|text| [text.as_slice(), b"\0"].concat()).collect()
            }
            Self::Bytes(bytes) | Self::Other { bytes, .. } => bytes.clone(),
            Self::Shorts(numbers) => numbers.iter().flat_map(|number| number.to_be_bytes()).collect(),
            Self::Numbers(numbers) => numbers.iter().flat_map(|number| number.to_be_bytes()).collect(),
            Self::Longs(numbers) => numbers.iter().flat_map(|number| number.to_be_bytes()).collect(),
        }
    }
}

/// `TYPE*COUNT DATA`, the data escaped and not longer than a line.
impl std::fmt::Display for Value {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ((kind, count, _), bytes) = (self.kind_count_width(), self.bytes());
        write!(formatter, "{kind}*{count} {}", bytes.get(..200).unwrap_or(&bytes).escape_ascii())
    }
}

/// A header with these tags; with `region`, its first entry is the region of this tag.
pub fn header(region: Option<u32>, tags: &[(u32, Value)]) -> Vec<u8> {
    let mut index = Vec::new();
    let mut data: Vec<u8> = Vec::new();
    let mut entry = |tag: u32, kind: u32, offset: usize, count: usize| {
        for number in [tag, kind, offset as u32, count as u32] {
            index.extend_from_slice(&number.to_be_bytes());
        }
    };
    let values: usize = tags.iter().fold(0, |offset, (_, value)| {
        let (_, _, width) = value.kind_count_width();
        offset.next_multiple_of(width) + value.bytes().len()
    });
    if let Some(region) = region {
        entry(region, 7, values, 16);
    }
    for (tag, value) in tags {
        let (kind, count, width) = value.kind_count_width();
        data.resize(data.len().next_multiple_of(width), 0);
        entry(*tag, kind, data.len(), count);
        data.extend_from_slice(&value.bytes());
    }
    let entries = tags.len() + usize::from(region.is_some());
    if let Some(region) = region {
        for number in [region, 7, (entries as u32 * 16).wrapping_neg(), 16] {
            data.extend_from_slice(&number.to_be_bytes());
        }
    }
    let mut header = vec![0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
    header.extend_from_slice(&(entries as u32).to_be_bytes());
    header.extend_from_slice(&(data.len() as u32).to_be_bytes());
    header.extend_from_slice(&index);
    header.extend_from_slice(&data);
    header
}

/// A package: its tags can be changed before [`Package::build`].
#[derive(Clone, Debug)]
pub struct Package {
    /// Tags of the main header.
    pub main: Vec<(u32, Value)>,
    /// The region of the main header: absent for format 3.
    pub region: Option<u32>,
    /// Payload.
    pub payload: Vec<u8>,
}

impl Package {
    /// `hello 2.0-1.x86_64` with two files.
    pub fn hello() -> Self {
        let main = vec![
            (1000, text("hello")),
            (1001, text("2.0")),
            (1002, text("1")),
            (1004, text("Greets <everybody> & \"you\"")),
            (1006, Value::Numbers(vec![1_600_000_123])),
            (1009, Value::Numbers(vec![7])),
            (1021, text("linux")),
            (1022, text("x86_64")),
            (1028, Value::Numbers(vec![7, 0])),
            (1030, Value::Shorts(vec![0o100_755, 0o040_755])),
            (1035, texts(&["00", ""])),
            (1037, Value::Numbers(vec![0, 0])),
            (1039, texts(&["root", "root"])),
            (1040, texts(&["root", "root"])),
            (1044, text("hello-2.0-1.src.rpm")),
            (1116, Value::Numbers(vec![0, 1])),
            (1117, texts(&["hello", "hello"])),
            (1118, texts(&["/usr/bin/", "/usr/share/"])),
            (1124, text("cpio")),
        ];
        Self { main, region: Some(63), payload: b"not really a compressed archive".to_vec() }
    }

    /// Adds a tag, whether it is there or not.
    pub fn and(mut self, tag: u32, value: Value) -> Self {
        self.main.push((tag, value));
        self
    }

    /// Adds or replaces a tag.
    pub fn with(mut self, tag: u32, value: Value) -> Self {
        self.main.retain(|(number, _)| *number != tag);
        self.main.push((tag, value));
        self.main.sort_by_key(|(number, _)| *number);
        self
    }

    /// Removes a tag.
    pub fn without(mut self, tag: u32) -> Self {
        self.main.retain(|(number, _)| *number != tag);
        self
    }

    /// The digest of the payload in the main header, as rpm 4.14 and later write it.
    pub fn with_payload_digest(self) -> Self {
        let digest = hex(&Sha256::digest(&self.payload));
        self.with(5092, texts(&[&digest])).with(5093, Value::Numbers(vec![8]))
    }

    /// The file, with size, MD5, SHA-1 and SHA-256 in its signature header.
    pub fn build(&self) -> Vec<u8> {
        self.assemble(header(Some(62), &statements(self)))
    }

    /// The file with this signature header.
    pub fn assemble(&self, mut signature: Vec<u8>) -> Vec<u8> {
        let mut file = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0];
        file.resize(78, 0);
        file.extend_from_slice(&[0, 5]);
        file.resize(96, 0);
        signature.resize(signature.len().next_multiple_of(8), 0);
        file.extend_from_slice(&signature);
        file.extend_from_slice(&header(self.region, &self.main));
        file.extend_from_slice(&self.payload);
        file
    }
}

/// The tags of a signature header: what it states of the package.
pub fn statements(package: &Package) -> Vec<(u32, Value)> {
    let main = header(package.region, &package.main);
    vec![
        (269, text(&hex(&Sha1::digest(&main)))),
        (273, text(&hex(&Sha256::digest(&main)))),
        (1000, Value::Numbers(vec![(main.len() + package.payload.len()) as u32])),
        (1004, Value::Bytes(Md5::digest([main.as_slice(), &package.payload].concat()).to_vec())),
        (1007, Value::Numbers(vec![99])),
    ]
}

/// Writes the right digests and sizes into a package that was changed, as far as its headers can be found.
pub fn restate(file: &mut [u8]) -> Option<()> {
    let main = 96 + header_bytes(file, 96)?.next_multiple_of(8);
    let payload = file.get(main.checked_add(header_bytes(file, main)?)?..)?.to_vec();
    // the digests of the main header cover those of the payload, which stand in it
    state(file, main, |tag| match tag {
        5092 => Some(hex(&Sha256::digest(&payload)).into_bytes()),
        5121 => Some(hex(&Sha512::digest(&payload)).into_bytes()),
        5123 => Some(hex(&Sha3_256::digest(&payload)).into_bytes()),
        5112 => Some((payload.len() as u64).to_be_bytes().to_vec()),
        _ => None,
    })?;
    let both = file.get(main..)?.to_vec();
    let header = both.get(..both.len() - payload.len())?;
    state(file, 96, |tag| match tag {
        269 => Some(hex(&Sha1::digest(header)).into_bytes()),
        270 => Some((both.len() as u64).to_be_bytes().to_vec()),
        273 => Some(hex(&Sha256::digest(header)).into_bytes()),
        279 => Some(hex(&Sha3_256::digest(header)).into_bytes()),
        1000 => Some((both.len() as u32).to_be_bytes().to_vec()),
        1004 => Some(Md5::digest(&both).to_vec()),
        _ => None,
    })
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

/// How long the header at `at` says that it is.
fn header_bytes(file: &[u8], at: usize) -> Option<usize> {
    let (entries, data) = (number(file, at + 8)?, number(file, at + 12)?);
    16_usize.checked_add(entries.checked_mul(16)?)?.checked_add(data)
}

/// Writes the values of some tags into the header at `at`.
fn state(file: &mut [u8], at: usize, value: impl Fn(u32) -> Option<Vec<u8>>) -> Option<()> {
    let entries = number(file, at + 8)?;
    for entry in (0..entries.min(4096)).map(|entry| at + 16 + entry * 16) {
        let Some(value) = value(number(file, entry)? as u32) else { continue };
        let start = (at + 16 + entries * 16).checked_add(number(file, entry + 8)?)?;
        file.get_mut(start..start.checked_add(value.len())?)?.copy_from_slice(&value);
    }
    Some(())
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
