//! What the targets share.

use rws_model::{Digester, FileName, Format, Inspected, MetadataOffer, MetadataOrigin, Reading, Refusal, SLOT, UploadFormat};
use rws_rpm::Rpm;

/// Reads a file as it arrives: in pieces, whose length depends on the input so that cuts fall everywhere.
pub fn inspect(format: &dyn Format, name: &str, bytes: &[u8]) -> Result<Inspected, Refusal> {
    let name = FileName::parse(name)?;
    let mut inspector = format.inspector(&name, Reading::Contents);
    let mut digester = Digester::new();
    let piece_bytes = [1 + bytes.len() % 97, 4096, usize::MAX][bytes.len() % 3];
    for piece in bytes.chunks(piece_bytes) {
        digester.update(piece);
        inspector.push(piece)?;
    }
    let (size_bytes, digests) = digester.finish();
    inspector.finish(size_bytes, &digests)
}

/// Reads a file whose refusal is checked.
pub fn inspect_named(format: &dyn Format, name: &str, bytes: &[u8]) -> Option<Inspected> {
    match inspect(format, name, bytes) {
        Ok(inspected) => Some(inspected),
        Err(refusal) => {
            assert!(!refusal.reason.is_empty() && !refusal.reason.contains('\n'), "{refusal}");
            None
        }
    }
}

/// An rpm whose digests are those of its bytes, where its headers can be found: without that, every changed byte is noticed
/// before it is read. Every eighth input stays as it is.
pub fn restated(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() % 8 != 0 {
        rws_lab::rpm::restate(&mut bytes);
    }
    bytes
}

/// How often the place of the directory stands in an entry.
pub fn slots(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == SLOT).count()
}

/// Reads metadata as it is sent, and says whether it is accepted.
pub fn read_metadata(kind: &str, content: &[u8]) -> bool {
    let offer = MetadataOffer { kind, name: kind, content, origin: MetadataOrigin::Sent };
    let read = Rpm.metadata(&offer);
    if let Err(refusal) = &read {
        assert!(!refusal.reason.is_empty() && !refusal.reason.contains('\n'), "{refusal}");
    }
    read.is_ok()
}
