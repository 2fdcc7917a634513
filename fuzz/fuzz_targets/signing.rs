//! An .rpm that is signed: whatever has a front keeps its main header, and has exactly the new signature afterwards.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rws_fuzz::restated;
use rws_model::{FileName, FrontError, PackageFront, UploadFormat as _};
use rws_rpm::Rpm;

/// Signature packets of version 4 without anything to verify: of RSA (in tag 268), of EdDSA (267), and of the EdDSA of
/// RFC 9580 (in neither).
const PACKETS: [[u8; 8]; 3] =
    [[0xc2, 6, 4, 0, 1, 10, 0, 0], [0xc2, 6, 4, 0, 22, 10, 0, 0], [0xc2, 6, 4, 0, 27, 10, 0, 0]];

fn read(mut bytes: &[u8]) -> Option<Box<dyn PackageFront>> {
    let name = FileName::parse("x.rpm").expect("a name");
    match Rpm.signing().expect("packages are signed").read(&name, &mut bytes) {
        Ok(front) => Some(front),
        Err(FrontError::Refused(refusal)) => {
            assert!(!refusal.reason.is_empty() && !refusal.reason.contains('\n'), "{refusal}");
            None
        }
        Err(FrontError::Disk(error)) => panic!("{error}"),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = restated(bytes);
    let Some(front) = read(&bytes) else { return };
    let rest = &bytes[front.length_bytes() as usize..];
    for packet in PACKETS {
        let signed = match front.with_signature(&packet) {
            Ok(signed) => signed,
            Err(refusal) => {
                // of tags, there are too many
                assert!(refusal.reason.ends_with(" entries"), "{refusal}");
                continue;
            }
        };
        assert!(signed.len() % 8 == 0 && signed[..96] == bytes[..96]);
        let again = read(&[&signed, rest].concat()).expect("it is read again");
        assert_eq!(again.length_bytes() as usize, signed.len());
        assert_eq!(again.signed_bytes(), front.signed_bytes());
        assert_eq!((again.signatures(), again.other_signatures()), ([packet.to_vec()].as_slice(), 0));
        // the same signature again changes nothing
        assert_eq!(again.with_signature(&packet).expect("it is signed"), signed);
    }
});
