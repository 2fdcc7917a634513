//! What a package states of its own sizes and digests, checked while it streams past.
//!
//! Signatures are not checked: which keys may sign packages is not known here. Digests of the uncompressed payload
//! (tags 5097, 5122, 5124) neither: they cover nothing that the digests of the compressed one do not.

use crate::checksum::{Algorithm, Checksum};
use crate::fault::{Fault, Section};
use crate::header::Header;
use crate::tag;

/// A number of bytes that is stated.
#[derive(Clone, Copy, Debug)]
struct StatedSize {
    what: &'static str,
    stated: u64,
    seen: u64,
}

impl StatedSize {
    fn update(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.seen += bytes.len() as u64;
        if self.seen > self.stated {
            return Err(Fault::Trailing(self.what, self.stated, self.seen));
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Fault> {
        if self.seen < self.stated {
            return Err(Fault::Short(self.what, self.stated, self.seen));
        }
        Ok(())
    }
}

/// Whether digests cover both the main header and the payload: rpm installs nothing else (`rpm -i`: does not verify: no
/// digest). rpm 6 wants SHA-256 of the header besides, which packages of EL 7 do not have.
pub fn check_covered(signature: &Header, main: &Header) -> Result<(), Fault> {
    let both = signature.has(tag::SIGNATURE_MD5);
    let header = [tag::SIGNATURE_SHA1, tag::SIGNATURE_SHA256, tag::SIGNATURE_SHA3_256];
    let payload = [tag::PAYLOAD_DIGEST, tag::PAYLOAD_SHA512, tag::PAYLOAD_SHA3_256];
    if !both && !header.iter().any(|number| signature.has(*number)) {
        return Err(Fault::Uncovered("main header"));
    }
    if both || payload.iter().any(|number| main.has(*number)) { Ok(()) } else { Err(Fault::Uncovered("payload")) }
}

/// The checks that go on while the payload streams past.
#[derive(Default)]
pub struct Integrity {
    sizes: Vec<StatedSize>,
    checksums: Vec<Checksum>,
}

impl Integrity {
    /// Checks what is stated of the main header, and prepares the checks of the payload.
    ///
    /// At least one size or digest of the payload must be stated: all tools since RPM 3 do.
    pub fn start(signature: &Header, main: &Header) -> Result<Self, Fault> {
        check_main_header(signature, main)?;
        let mut integrity = Self::default();
        integrity.expect_header_and_payload(signature, main)?;
        integrity.expect_payload(main)?;
        if integrity.sizes.is_empty() && integrity.checksums.is_empty() {
            return Err(Fault::Unverifiable);
        }
        Ok(integrity)
    }

    /// Takes the next bytes of the payload.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        for size in &mut self.sizes {
            size.update(bytes)?;
        }
        for checksum in &mut self.checksums {
            checksum.update(bytes);
        }
        Ok(())
    }

    /// Compares at the end of the file.
    pub fn finish(self) -> Result<(), Fault> {
        for size in self.sizes {
            size.finish()?;
        }
        for checksum in self.checksums {
            checksum.finish()?;
        }
        Ok(())
    }

    /// Size (1000, 270) and MD5 (1004) of main header and payload together.
    fn expect_header_and_payload(&mut self, signature: &Header, main: &Header) -> Result<(), Fault> {
        for number in [tag::SIGNATURE_LONG_SIZE, tag::SIGNATURE_SIZE] {
            if signature.has(number) {
                let invalid = Fault::Statement(Section::Signature, "size");
                let stated = signature.number(number).ok_or(invalid)?;
                let mut size = StatedSize { what: "main header and payload", stated, seen: 0 };
                size.update(main.bytes())?;
                self.sizes.push(size);
            }
        }
        if signature.has(tag::SIGNATURE_MD5) {
            let checksum = signature
                .binary(tag::SIGNATURE_MD5)
                .and_then(|stated| Checksum::new("MD5 of main header and payload", Algorithm::Md5, stated));
            let mut checksum = checksum.ok_or(Fault::Statement(Section::Signature, "MD5"))?;
            checksum.update(main.bytes());
            self.checksums.push(checksum);
        }
        Ok(())
    }

    /// Size (5112) and digests (5092, 5121, 5123) of the payload as it is in the file.
    fn expect_payload(&mut self, main: &Header) -> Result<(), Fault> {
        if let Some(stated) = main.number(tag::PAYLOAD_SIZE) {
            self.sizes.push(StatedSize { what: "payload", stated, seen: 0 });
        }
        // rpm 4.14 to 4.20 state the algorithm (5093), always SHA-256; later ones do not
        let stated_algorithm = main.number(tag::PAYLOAD_DIGEST_ALGORITHM);
        let first = stated_algorithm.map_or(Some(Algorithm::Sha256), Algorithm::from_number);
        let digests = [
            (tag::PAYLOAD_DIGEST, first),
            (tag::PAYLOAD_SHA512, Some(Algorithm::Sha512)),
            (tag::PAYLOAD_SHA3_256, Some(Algorithm::Sha3_256)),
        ];
        for (number, algorithm) in digests {
            let (true, Some(algorithm)) = (main.has(number), algorithm) else { continue };
            let stated = main.strings(number).next().unwrap_or_default();
            let checksum = Checksum::from_hex("digest of the payload", algorithm, stated);
            self.checksums.push(checksum.ok_or(Fault::Statement(Section::Main, "digest of the payload"))?);
        }
        Ok(())
    }
}

/// SHA-1 (269), SHA-256 (273) and SHA3-256 (279) of the main header.
fn check_main_header(signature: &Header, main: &Header) -> Result<(), Fault> {
    let digests = [
        (tag::SIGNATURE_SHA1, Algorithm::Sha1, "SHA-1 of the main header"),
        (tag::SIGNATURE_SHA256, Algorithm::Sha256, "SHA-256 of the main header"),
        (tag::SIGNATURE_SHA3_256, Algorithm::Sha3_256, "SHA3-256 of the main header"),
    ];
    for (number, algorithm, what) in digests {
        if signature.has(number) {
            let stated = signature.text(number).unwrap_or_default();
            let invalid = Fault::Statement(Section::Signature, what);
            let mut checksum = Checksum::from_hex(what, algorithm, stated).ok_or(invalid)?;
            checksum.update(main.bytes());
            checksum.finish()?;
        }
    }
    Ok(())
}
