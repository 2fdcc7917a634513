//! Packages of rpmbuild, and what rpmsign makes of them.

use rws_lab::Chroot;
use rws_lab::rpm::{self as lab, Value};

use super::judges::{Rpm, System, createrepo_c};
use super::keys::{Key, front, with_signature};
use super::tags_at;
use crate::support::inspect_whole;

const NAME: &str = "thing-1.0-1.noarch.rpm";

/// The signature tags and the room for them, among the tags of rpm's `rpmtag.h`.
const DSA: u32 = 267;
const RSA: u32 = 268;
const OPENPGP: u32 = 278;
/// Every algorithm that a repository's key can have.
const ALL: [&str; 4] = ["rsa3072", "rsa4096", "ed25519", "nistp256"];

const ROOM: [u32; 2] = [999, 1008];

fn spec(files: usize) -> String {
    format!(
        "Name: thing\nVersion: 1.0\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n%description\nd\n\
         %install\nmkdir -p %{{buildroot}}/usr/share/thing\ncd %{{buildroot}}/usr/share/thing\n\
         for n in $(seq {files}); do echo $n > f$n; done\n%files\n/usr/share/thing\n"
    )
}

/// Number, type and count of each tag of the signature header, in its order.
fn tags(bytes: &[u8]) -> Vec<(u32, u32, u32)> {
    tags_at(bytes, 96)
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    tags(bytes).into_iter().map(|(tag, ..)| tag).collect()
}

/// A package in every state before it is signed, and whether its size has to stay.
fn states(system: &System, key: &Key, format: &str) -> Vec<(&'static str, Vec<u8>, bool)> {
    let format = format!("_rpmformat {format}");
    let build = |files, room: &[&str]| system.build(&spec(files), &[&[format.as_str()], room].concat());
    let plain = build(1, &[]);
    let without = without_room(&build(1000, &[]));
    vec![
        ("already signed", system.rpmsign(key, &["--addsign"], &plain), true),
        ("already signed without room", system.rpmsign(key, &["--addsign"], &without), false),
        ("plain", plain, true),
        ("large", build(1000, &[]), true),
        ("large without room", without, false),
        // 32 and 332 bytes
        ("next to no room", build(1, &["__gpg_reserved_space 0"]), false),
        ("little room", build(1, &["__gpg_reserved_space 300"]), false),
    ]
}

/// The package as tools write it that reserve no room.
fn without_room(bytes: &[u8]) -> Vec<u8> {
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let data = 96 + 16 + number(96 + 8) * 16;
    let end = data + number(96 + 12);
    let places = (1..number(96 + 8)).map(|place| 96 + 16 + place * 16);
    let kept: Vec<(u32, Value)> = places
        .filter(|at| !ROOM.contains(&(number(*at) as u32)))
        .map(|at| {
            let (kind, count) = (number(at + 4) as u32, number(at + 12) as u32);
            let start = data + number(at + 8);
            let (alignment, length) = match kind {
                4 => (4, 4 * count as usize),
                7 => (1, count as usize),
                6 => (1, bytes[start..].iter().position(|byte| *byte == 0).unwrap() + 1),
                _ => panic!("rpmbuild writes no type {kind}"),
            };
            let bytes = bytes[start..start + length].to_vec();
            (number(at) as u32, Value::Other { kind, count, alignment, bytes })
        })
        .collect();
    let mut header = lab::header(Some(62), &kept);
    header.resize(header.len().next_multiple_of(8), 0);
    [&bytes[..96], &header, &bytes[end.next_multiple_of(8)..]].concat()
}

/// Signs packages of one system with keys of some algorithms, and has them judged.
fn judged(builder: &System, formats: &[&str], judge: &System, algorithms: &[&str]) {
    let other = Key::new("rsa3072");
    let keys: Vec<Key> = algorithms.iter().map(|algorithm| Key::new(algorithm)).collect();
    let rpm = Rpm::new(judge, &keys.iter().collect::<Vec<_>>());
    for format in formats {
        for (state, bytes, keeps_size) in states(builder, &other, format) {
            let facts = createrepo_c(&[(NAME.to_owned(), bytes.clone())]);
            for (key, algorithm) in keys.iter().zip(algorithms) {
                let what = format!("{algorithm}, format {format}, {state}");
                let signed = key.sign(NAME, &bytes);
                assert!(signed.len() == bytes.len() || !keeps_size, "{what}: {} of {}", signed.len(), bytes.len());
                // a second time with the same key: the same size
                assert_eq!(key.sign(NAME, &signed).len(), signed.len(), "{what}");
                rpm.expect_good(&what, &signed);
                assert_eq!(createrepo_c(&[(NAME.to_owned(), signed.clone())]), facts, "{what}");
                // by nobody, or by a key that is not known
                assert!(!rpm.install("all", &[], &bytes).0, "{what}");
                let (installed, said) = rpm.install("all", &[], &signed);
                assert!(installed, "{what}: {said}");
            }
        }
    }
}

#[test]
fn rpm_verifies_packages_of_rpmbuild() {
    judged(&System::Here, &["4"], &System::Here, &["rsa2048"]);
}

/// `tests/run full`. The parser of keys of this rpm does not take ECDSA.
#[test]
fn rpm_verifies_packages_of_rpmbuild_with_eddsa() {
    judged(&System::Here, &["4"], &System::Here, &["ed25519"]);
}

#[test]
fn rpm_of_sid_verifies_packages_of_rpmbuild() {
    judged(&System::Here, &["4"], &sid(), &ALL);
}

#[test]
fn rpm_of_sid_verifies_packages_of_its_rpmbuild() {
    judged(&sid(), &["4", "6"], &sid(), &ALL);
}

#[test]
fn rpm_verifies_packages_of_rpmbuild_of_sid_in_format_4() {
    judged(&sid(), &["4"], &System::Here, &["rsa3072", "rsa4096", "ed25519"]);
}

fn sid() -> System {
    System::Sid(Chroot::sid())
}

/// rpmsign of 4.18 writes the same tags but OPENPGP, which it does not know.
#[test]
fn the_form_is_that_of_rpmsign() {
    for (algorithm, legacy) in [("rsa4096", RSA), ("ed25519", DSA)] {
        let key = Key::new(algorithm);
        let plain = System::Here.build(&spec(1), &[]);
        let theirs = System::Here.rpmsign(&key, &["--addsign"], &plain);
        let ours = with_signature(NAME, &plain, &front(NAME, &theirs).signatures()[0]);
        assert_eq!(numbers(&theirs), [62, legacy, 269, 273, 1000, 1004, 1007, 1008]);
        let without = |tag: u32| !ROOM.contains(&tag) && tag != OPENPGP && tag != 62;
        let compared = |bytes: &[u8]| tags(bytes).into_iter().filter(|(tag, ..)| without(*tag)).collect::<Vec<_>>();
        assert_eq!(compared(&ours), compared(&theirs));
        let (text, room) = (tags(&ours)[4], |bytes: &[u8]| tags(bytes).last().unwrap().2);
        assert_eq!((text.0, text.1, text.2), (OPENPGP, 8, 1));
        // what the text, its entry and the alignment of numbers take, the room gives
        let packet = front(NAME, &theirs).signatures()[0].len();
        let taken = 16 + u32::try_from(packet.div_ceil(3) * 4 + 1).unwrap();
        assert!((room(&theirs) - room(&ours)).abs_diff(taken) < 4);
        assert_eq!(ours.len(), theirs.len());
    }
}

/// rpmsign of 6.1, when it is asked for both forms of signatures, writes every byte as it is written here. Where there
/// is too little room, it leaves that in the header, which grows by all of the signature; here it goes.
#[test]
fn every_byte_is_that_of_rpmsign_of_sid_with_both_forms() {
    let system = sid();
    let other = Key::new("ed25519");
    let states: Vec<_> = ["4", "6"].into_iter().flat_map(|format| states(&system, &other, format)).collect();
    for algorithm in ALL {
        let key = Key::new(algorithm);
        for (state, bytes, _) in &states {
            let theirs = system.rpmsign(&key, &["--resign", "--rpmv4", "--rpmv6"], bytes);
            let ours = with_signature(NAME, bytes, &front(NAME, &theirs).signatures()[0]);
            let what = format!("{algorithm}, {state}");
            if state.ends_with("room") && !state.ends_with("without room") {
                let mut tags = numbers(&theirs);
                assert!(tags.pop().is_some_and(|last| ROOM.contains(&last)), "{what}");
                assert_eq!(numbers(&ours), tags, "{what}");
                assert!(ours.len() < theirs.len(), "{what}");
            } else {
                assert_eq!((tags(&ours), ours.len()), (tags(&theirs), theirs.len()), "{what}");
                assert!(ours == theirs, "{what}");
            }
        }
    }
}

/// rpm 4 refuses packages that have under its tags what it cannot read.
#[test]
fn a_signature_that_rpm_cannot_read_is_none_to_it() {
    let rpm = Rpm::new(&System::Here, &[]);
    let plain = System::Here.build(&spec(1), &[]);
    let verdict = |bytes: &[u8]| rpm.verdict("digest", bytes);
    // EdDSA as of RFC 9580, and the version of OpenPGP of that time
    for (version, algorithm) in [(4, 27), (6, 1)] {
        let signed = with_signature(NAME, &plain, &[0xc2, 6, version, 0, algorithm, 10, 0, 0]);
        assert_eq!(verdict(&signed), "digests OK");
    }
    let unreadable = with_signature(NAME, &plain, &[0xc2, 6, 4, 0, 22, 10, 0, 0]);
    assert_eq!(verdict(&unreadable), "digests SIGNATURES NOT OK");
}

/// With more, `rpm -K` and `rpm -i` read nothing.
#[test]
fn rpm_reads_32_tags_of_a_signature_header() {
    let rpm = Rpm::new(&System::Here, &[]);
    let package = lab::Package::hello();
    for (number, verdict, accepted) in [(32, "digests OK", true), (33, "", false)] {
        let mut tags = lab::statements(&package);
        tags.extend((tags.len()..number - 1).map(|place| (2000 + place as u32, Value::Bytes(vec![0]))));
        let bytes = package.assemble(lab::header(Some(62), &tags));
        assert_eq!(tags_at(&bytes, 96).len(), number);
        assert_eq!(rpm.install("digest", &["--justdb"], &bytes).0, accepted, "{number}");
        assert_eq!(inspect_whole("hello-2.0-1.x86_64.rpm", &bytes).is_ok(), accepted, "{number}");
        assert_eq!(rpm.verdict("digest", &bytes), verdict, "{number}");
    }
}
