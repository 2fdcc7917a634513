//! The front of a package: lead, signature header and main header.

use std::io::Read;

use base64ct::{Base64, Encoding as _};
use rws_model::{FileName, FrontError, PackageFront, Refusal, SignatureAlgorithm, Target};

use super::clients;
use super::packet::SignaturePacket;
use super::writer::{self, RawTag};
use crate::fault::{Fault, Section};
use crate::header::{self, Header};
use crate::lead;
use crate::stream::{Headers, Stream};

/// Signatures of the main header: RSA, and all other algorithms; as text, for rpm 6 (rpm: `RPMSIGTAG_RSA`, `RPMSIGTAG_DSA`,
/// `RPMSIGTAG_OPENPGP`).
const RSA: u32 = 268;
const DSA: u32 = 267;
const OPENPGP: u32 = 278;

/// Signatures of main header and payload, which rpm wrote before 4.0 and, beside the others, up to 4.14 (rpm:
/// `RPMSIGTAG_PGP`, `RPMSIGTAG_PGP5`, `RPMSIGTAG_GPG`), and the numbers that these have in an installed package.
const OF_PAYLOAD: [u32; 6] = [1002, 1003, 1005, 259, 262, 263];

/// Digests of the payload in a main header: as it is in the file, and uncompressed (rpm: `RPMTAG_PAYLOADSHA256`,
/// `RPMTAG_PAYLOADSHA256ALT`, `RPMTAG_PAYLOADSHA512` to `RPMTAG_PAYLOADSHA3_256ALT`).
const PAYLOAD_DIGESTS: [u32; 6] = [5092, 5097, 5121, 5122, 5123, 5124];

/// How much is read at once.
const PIECE_BYTES: usize = 64 << 10;

/// Signature headers are padded to this.
const ALIGNMENT_BYTES: usize = 8;

const BINARY: u32 = 7;
const STRING_ARRAY: u32 = 8;

/// The algorithms of keys whose signatures stand under [`RSA`] and under [`DSA`] (RFC 9580, section 9.1): RSA; DSA,
/// ECDSA and EdDSA. rpmsign does the same (rpm: `putSignature` in `sign/rpmgensig.cc`).
const RSA_ALGORITHMS: [u8; 1] = [1];
const DSA_ALGORITHMS: [u8; 3] = [17, 19, 22];

/// The newest version of signatures that stand under these tags.
const MAX_LEGACY_VERSION: u8 = 4;

/// The front of a package.
pub struct Front {
    name: FileName,
    lead: Vec<u8>,
    headers: Headers,
    signatures: Vec<Vec<u8>>,
    others: usize,
}

impl Front {
    /// Reads a file up to the end of its main header.
    pub fn read(name: &FileName, file: &mut dyn Read) -> Result<Self, FrontError> {
        let refused = |fault: Fault| FrontError::Refused(fault.refuse(name));
        let (mut stream, mut lead, mut piece) = (Stream::new(), Vec::new(), vec![0; PIECE_BYTES]);
        while stream.headers().is_none() {
            let length = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let bytes = piece.get(..length).unwrap_or_default();
            let missing = lead::LENGTH_BYTES.saturating_sub(lead.len()).min(length);
            lead.extend_from_slice(bytes.get(..missing).unwrap_or_default());
            stream.push(bytes).map_err(refused)?;
        }
        let headers = stream.into_headers().map_err(refused)?;
        let (signatures, others) = found(&headers.signature);
        Ok(Self { name: name.clone(), lead, headers, signatures, others })
    }

    /// A front with this signature in both of the tags that rpm reads it from: in one of those that rpm 4 knows, and in
    /// [`OPENPGP`], which is the one of rpm 6. `rpmsign --resign --rpmv4 --rpmv6` of 6.1 writes the same bytes.
    ///
    /// rpm 4 passes over [`OPENPGP`]. Up to 4.14 it merges no lists of texts into the main header
    /// (`headerMergeLegacySigs` in `lib/package.c`), and later it merges the tags of a table. `rpm -K` of 4.11 looks at
    /// the tags that it knows (`rpmpkgVerifySigs` in `lib/rpmchecksig.c`), of 4.14 and later at those of a table
    /// (`lib/rpmvs.c`). Up to 4.14 a signature header has at most 32 tags and 8192 bytes of data, of which the
    /// signature of an RSA key of 4096 bits takes 1400 in both tags.
    ///
    /// rpm 6 passes over the legacy tags where [`OPENPGP`] is there (`rpmvsAppend` in `lib/rpmvs.cc`).
    ///
    /// No signature of the header alone satisfies rpm 4.17 and later where the header has no digest of the payload, as
    /// in packages of rpm before 4.14: `signing::without_payload_digest` among the tests says who takes these.
    fn signed(&self, packet: &[u8]) -> Result<Vec<u8>, Fault> {
        let no_signature = || Fault::Statement(Section::Signature, "signature");
        let read = SignaturePacket::read(packet).ok_or_else(no_signature)?;
        let former = &self.headers.signature;
        let mut entries: Vec<RawTag> = former.raw_tags().filter(|entry| !is_signature(entry.tag)).collect();
        if let Some(tag) = legacy_tag(read) {
            let count = u32::try_from(packet.len()).map_err(|_| no_signature())?;
            entries.push(RawTag { tag, kind: BINARY, count, alignment: 1, data: packet.to_vec() });
        }
        let mut text = Base64::encode_string(packet).into_bytes();
        text.push(0);
        entries.push(RawTag { tag: OPENPGP, kind: STRING_ARRAY, count: 1, alignment: 1, data: text });
        let written = writer::write(entries, former.bytes().len())?;
        // no longer and with no more tags than a reader takes
        header::length(Section::Signature, written.first_chunk().copied().unwrap_or_default())?;
        let mut front = self.lead.clone();
        front.extend(written);
        front.resize(front.len().next_multiple_of(ALIGNMENT_BYTES), 0);
        Ok(front)
    }
}

impl PackageFront for Front {
    fn signed_bytes(&self) -> &[u8] {
        self.headers.main.bytes()
    }

    fn signatures(&self) -> &[Vec<u8>] {
        &self.signatures
    }

    fn other_signatures(&self) -> usize {
        self.others
    }

    fn unsuited(&self, target: &Target) -> Option<&'static str> {
        let main = &self.headers.main;
        let is_covered = PAYLOAD_DIGESTS.iter().any(|tag| main.has(*tag));
        (!is_covered && clients::want_covered_payload(target)).then_some(
            "its header has no digest of its payload (rpm before 4.14 made none), and newer rpm refuses such packages \
             when they are signed",
        )
    }

    fn is_found_by_all(&self) -> bool {
        let header = &self.headers.signature;
        let is_found = |packet: &Vec<u8>| {
            let legacy = SignaturePacket::read(packet).and_then(legacy_tag);
            legacy.is_none_or(|tag| header.binary(tag) == Some(packet.as_slice()))
        };
        self.signatures.iter().all(is_found)
    }

    fn unsuited_signature(&self, packet: &[u8], target: &Target) -> Option<String> {
        let algorithm = match SignaturePacket::read(packet)?.algorithm {
            1 => SignatureAlgorithm::Rsa,
            19 => SignatureAlgorithm::EcDsa,
            22 => SignatureAlgorithm::EdDsa,
            27 | 28 => SignatureAlgorithm::Later,
            _ => return None,
        };
        clients::unverified(target, algorithm).map(|clients| format!("it has {clients}"))
    }

    fn length_bytes(&self) -> u64 {
        self.headers.main_range.start
    }

    fn with_signature(&self, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.signed(packet).map_err(|fault| fault.refuse(&self.name))
    }
}

/// The tag where rpm 4 looks for a signature of the main header. It has none for other algorithms and versions. It
/// refuses a package that has one there that it cannot read, and takes the same package unsigned.
fn legacy_tag(packet: SignaturePacket) -> Option<u32> {
    let tags = [(RSA, RSA_ALGORITHMS.as_slice()), (DSA, DSA_ALGORITHMS.as_slice())];
    let fitting = tags.into_iter().find(|(_, algorithms)| algorithms.contains(&packet.algorithm));
    fitting.filter(|_| packet.version <= MAX_LEGACY_VERSION).map(|(tag, _)| tag)
}

fn is_signature(tag: u32) -> bool {
    [RSA, DSA, OPENPGP].contains(&tag) || OF_PAYLOAD.contains(&tag)
}

/// The signatures of the main header, each once, and how many others there are.
fn found(header: &Header) -> (Vec<Vec<u8>>, usize) {
    let (mut signatures, mut others): (Vec<Vec<u8>>, usize) = (Vec::new(), 0);
    let texts = header.strings(OPENPGP).map(|text| {
        let text: String =
            text.iter().filter(|byte| !byte.is_ascii_whitespace()).map(|byte| char::from(*byte)).collect();
        Base64::decode_vec(&text).ok()
    });
    let binary =
        [RSA, DSA].into_iter().filter(|tag| header.has(*tag)).map(|tag| header.binary(tag).map(<[u8]>::to_vec));
    for packet in binary.chain(texts) {
        match packet.filter(|packet| SignaturePacket::read(packet).is_some()) {
            Some(packet) if signatures.contains(&packet) => {}
            Some(packet) => signatures.push(packet),
            None => others += 1,
        }
    }
    (signatures, others + OF_PAYLOAD.iter().filter(|tag| header.has(**tag)).count())
}
