use proptest::prelude::*;
use rws_lab::rpm::{Package, Value, header, statements};
use rws_model::{Digester, FileName, FrontError, Inspected, PackageFront as _, Reading, UploadFormat as _};
use rws_openpgp::{SignatureKind, SigningKey};

use base64ct::{Base64, Encoding as _};

use super::front::Front;
use super::packet::SignaturePacket;
use crate::Rpm;

fn name() -> FileName {
    FileName::parse("hello-2.0-1.x86_64.rpm").unwrap()
}

fn read(bytes: &[u8]) -> Front {
    let mut rest = bytes;
    Front::read(&name(), &mut rest).unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::generate("RWS", 1_700_000_000, &mut [seed; 32]).unwrap()
}

fn packet_of(front: &Front, seed: u8) -> Vec<u8> {
    let signature = key(seed).sign(SignatureKind::Binary, front.signed_bytes(), 1_700_000_001).unwrap();
    signature.to_packet().unwrap()
}

/// The file with another front.
fn with_front(bytes: &[u8], front: &Front, packet: &[u8]) -> Vec<u8> {
    [front.with_signature(packet).unwrap(), bytes[front.length_bytes() as usize..].to_vec()].concat()
}

fn inspect(bytes: &[u8]) -> Result<Inspected, String> {
    let mut inspector = Rpm.inspector(&name(), Reading::Whole);
    let mut digester = Digester::new();
    digester.update(bytes);
    inspector.push(bytes).map_err(|refusal| refusal.reason)?;
    let (size_bytes, digests) = digester.finish();
    inspector.finish(size_bytes, &digests).map_err(|refusal| refusal.reason)
}

/// What rpmbuild writes: the statements, and room for signatures.
fn with_room(room: usize) -> Vec<u8> {
    let package = Package::hello();
    let mut tags = statements(&package);
    if room > 0 {
        tags.push((1008, Value::Bytes(vec![0; room])));
    }
    package.assemble(header(Some(62), &tags))
}

/// Signs a file, and checks all that has to hold of it.
#[track_caller]
fn check(bytes: &[u8], seed: u8) -> Vec<u8> {
    let front = read(bytes);
    let packet = packet_of(&front, seed);
    let signed = with_front(bytes, &front, &packet);
    let again = read(&signed);
    assert_eq!(again.signed_bytes(), front.signed_bytes());
    assert_eq!(again.signatures(), [packet], "exactly one");
    assert_eq!(again.other_signatures(), 0);
    assert_eq!(signed[again.length_bytes() as usize..], bytes[front.length_bytes() as usize..]);
    assert_eq!(inspect(&signed).unwrap().identity, inspect(bytes).unwrap().identity);
    signed
}

/// rpm 4 does not look where rpm 6 does, and the other way round rpm 6 does.
#[test]
fn a_signature_that_rpm_4_does_not_find_is_seen_and_moved() {
    let bytes = Package::hello().build();
    let front = read(&bytes);
    let packet = packet_of(&front, 1);
    let signed = with_front(&bytes, &front, &packet);
    assert!(read(&signed).is_found_by_all());
    let mut tags = statements(&Package::hello());
    let text = Base64::encode_string(&packet);
    tags.push((278, rws_lab::rpm::texts(&[&text])));
    let only = Package::hello().assemble(header(Some(62), &tags));
    let front = read(&only);
    assert_eq!(front.signatures(), std::slice::from_ref(&packet));
    assert!(!front.is_found_by_all());
    assert_eq!(with_front(&only, &front, &packet), signed);
    let mut tags = statements(&Package::hello());
    tags.push((267, Value::Bytes(packet)));
    assert!(read(&Package::hello().assemble(header(Some(62), &tags))).is_found_by_all());
}

#[test]
fn room_that_is_reserved_keeps_the_size() {
    for room in [4128, 1000, 400, 399, 401] {
        let bytes = with_room(room);
        let signed = check(&bytes, 1);
        assert_eq!(signed.len(), bytes.len(), "{room}");
        // another key: the room grows or shrinks again
        assert_eq!(check(&signed, 2).len(), bytes.len(), "{room}");
        // whatever was signed before
        let back = check(&check(&signed, 2), 1);
        assert_eq!(back, signed, "{room}");
    }
}

#[test]
fn without_room_the_header_grows() {
    for room in [0, 1, 8] {
        let bytes = with_room(room);
        let signed = check(&bytes, 1);
        assert!(signed.len() > bytes.len());
        assert_eq!(check(&signed, 2).len(), signed.len());
    }
}

#[test]
fn signatures_of_all_kinds_go() {
    let package = Package::hello();
    let bytes = with_room(500);
    let packet = packet_of(&read(&bytes), 3);
    let mut tags = statements(&package);
    for number in [259, 262, 267, 268, 1002, 1005] {
        tags.push((number, Value::Bytes(packet.clone())));
    }
    tags.push((278, Value::Texts(vec![b"AAAA".to_vec(), b"not base64!".to_vec()])));
    tags.sort_by_key(|(number, _)| *number);
    let bytes = package.assemble(header(Some(62), &tags));
    let front = read(&bytes);
    assert_eq!(front.signatures(), [packet], "the same one twice counts once");
    assert_eq!(front.other_signatures(), 2 + 4);
    check(&bytes, 1);
}

#[test]
fn what_is_no_signature_is_not_written() {
    let bytes = with_room(500);
    let front = read(&bytes);
    let packet = packet_of(&front, 1);
    for bad in [&b""[..], b"x", &packet[..10], &[&packet[..], b"x"].concat(), &[&packet[..], &packet[..]].concat()] {
        assert!(front.with_signature(bad).is_err());
        assert_eq!(SignaturePacket::read(bad), None);
    }
    assert_eq!(SignaturePacket::read(&packet), Some(SignaturePacket { version: 4, algorithm: 22 }));
    for (bytes, expected) in [
        (&[0x88, 5, 4, 0, 1, 8, 0][..], Some((4, 1))),
        (&[0x89, 0, 5, 4, 0, 1, 8, 0], Some((4, 1))),
        (&[0x8a, 0, 0, 0, 5, 6, 0, 27, 8, 0], Some((6, 27))),
        (&[0xc2, 5, 4, 0, 17, 8, 0], Some((4, 17))),
        (&[0xc2, 255, 0, 0, 0, 5, 4, 0, 19, 8, 0], Some((4, 19))),
        (&[0x88, 19, 3, 5, 0, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 1, 8, 9, 9], Some((3, 1))),
        (&[0x88, 15, 3, 5, 0, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8], None),
        (&[0xc2, 6, 4, 0, 17, 8, 0], None),
        (&[0xc6, 5, 4, 0, 17, 8, 0], None),
        (&[0x88, 5, 5, 0, 1, 8, 0], None),
        (&[0x8b, 4, 0, 1, 8, 0], None),
        (&[0x08, 5, 4, 0, 1, 8, 0], None),
    ] {
        let read = SignaturePacket::read(bytes).map(|packet| (packet.version, packet.algorithm));
        assert_eq!(read, expected, "{bytes:?}");
    }
}

/// A package whose signature header has as many tags, the region and room of this many bytes among them.
fn with_tags(number: u32, room: usize) -> Vec<u8> {
    let package = Package::hello();
    let mut tags = statements(&package);
    // numbers that nobody uses
    tags.extend((0..number - 7).map(|place| (2000 + place, Value::Bytes(vec![0]))));
    tags.push((1008, Value::Bytes(vec![0; room])));
    tags.sort_by_key(|(tag, _)| *tag);
    package.assemble(header(Some(62), &tags))
}

#[test]
fn a_signature_is_no_tag_too_many() {
    check(&with_tags(30, 500), 1);
    // room that goes makes one more
    check(&with_tags(31, 1), 1);
    for bytes in [with_tags(31, 500), with_tags(32, 500)] {
        let front = read(&bytes);
        let refusal = front.with_signature(&packet_of(&front, 1)).unwrap_err();
        assert!(refusal.reason.starts_with("the signature header claims 3"), "{}", refusal.reason);
        assert_eq!(inspect(&bytes).map(|_| ()), Ok(()));
    }
    assert_eq!(inspect(&with_tags(33, 500)).map(|_| ()), Err("the signature header claims 33 entries".to_owned()));
}

/// A packet of this version and algorithm without anything that could be verified.
fn bare(version: u8, algorithm: u8) -> Vec<u8> {
    vec![0xc2, 6, version, 0, algorithm, 10, 0, 0]
}

#[test]
fn rpm_4_gets_what_it_can_read() {
    let bytes = with_room(500);
    let front = read(&bytes);
    for (packet, legacy) in [
        (bare(4, 1), Some(268)),
        (bare(4, 17), Some(267)),
        (bare(4, 19), Some(267)),
        (bare(4, 22), Some(267)),
        (bare(4, 3), None),
        (bare(4, 27), None),
        (bare(6, 1), None),
        (bare(6, 22), None),
        (bare(6, 30), None),
    ] {
        let signed = with_front(&bytes, &front, &packet);
        let number = |at: usize| u32::from_be_bytes(signed[at..at + 4].try_into().unwrap());
        let tags: Vec<u32> = (0..number(96 + 8) as usize).map(|entry| number(96 + 16 + entry * 16)).collect();
        let legacy_tags: Vec<u32> = tags.iter().copied().filter(|tag| [267, 268].contains(tag)).collect();
        assert_eq!(legacy_tags, legacy.into_iter().collect::<Vec<_>>(), "{packet:?}");
        assert!(tags.contains(&278) && tags.is_sorted(), "{tags:?}");
        assert_eq!(signed.len(), bytes.len());
        assert_eq!(read(&signed).signatures(), [packet]);
    }
}

#[test]
fn no_more_than_the_front_is_read() {
    let bytes = Package { payload: vec![0; 1 << 20], ..Package::hello() }.build();
    let mut rest = &bytes[..];
    Front::read(&name(), &mut rest).unwrap();
    assert!(rest.len() > (1 << 20) - (128 << 10));
}

#[test]
fn what_is_cut_is_refused() {
    let bytes = with_room(100);
    let end = read(&bytes).length_bytes() as usize;
    for length in [0, 3, 95, 96, 100, end - 1, end, end + 20] {
        let mut rest = &bytes[..length];
        assert!(matches!(Front::read(&name(), &mut rest), Err(FrontError::Refused(_))), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is changed: what can be signed is the same package afterwards, with one signature.
    #[test]
    fn changed_packages_are_refused_or_signed(
        changes in prop::collection::vec((0usize..2200, any::<u8>()), 1..4),
        room in 0usize..300,
    ) {
        let mut bytes = with_room(room);
        for (place, byte) in changes {
            // the headers come first
            let length = bytes.len().min(2200);
            bytes[place % length] = byte;
        }
        let mut rest = &bytes[..];
        if let Ok(front) = Front::read(&name(), &mut rest) {
            let packet = packet_of(&front, 1);
            let signed = with_front(&bytes, &front, &packet);
            let again = read(&signed);
            prop_assert_eq!(with_front(&signed, &again, &packet), signed.clone());
            prop_assert_eq!(again.signatures(), [packet]);
            prop_assert_eq!(again.signed_bytes(), front.signed_bytes());
            prop_assert_eq!(inspect(&signed).is_ok(), inspect(&bytes).is_ok());
        }
    }
}
