//! Damaged packages are refused, real ones and made ones, however they are damaged, and nothing ever panics.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use crate::support::{inspect_bytes, inspect_whole, packages};
use rws_lab::rpm::{Package, Value, header, hex, restate, text};
use rws_model::{Inspected, SLOT, fill_slot};
use sha2::{Digest, Sha256};

const NAME: &str = "hello-2.0-1.x86_64.rpm";

fn reason(bytes: &[u8]) -> String {
    inspect_whole(NAME, bytes).unwrap_err().reason
}

mod of_shared {
    use super::{mutate, packages};

    #[test]
    fn every_damaged_real_package_is_refused_in_one_line() {
        let packages = packages("rpm-bad");
        for package in &packages {
            let refusal = crate::support::inspect(package).expect_err(&package.display().to_string());
            println!("{refusal}");
            assert!(!refusal.reason.is_empty() && !refusal.reason.contains('\n'));
        }
        println!("{} damaged packages refused", packages.len());
    }

    #[test]
    fn no_mutant_of_a_real_package_panics() {
        let real = packages("rpm").into_iter().step_by(6).map(|package| std::fs::read(package).unwrap());
        mutate(&real.filter(|bytes| bytes.len() < 40_000).collect::<Vec<_>>());
    }
}

#[test]
fn a_file_that_is_no_package_is_refused_at_its_first_bytes() {
    for bytes in [&b"PK\x03\x04 and so on"[..], b"!<arch>\n", b"\xed\xab\xee\xda", b"", b"\xed\xab"] {
        assert!(reason(bytes).contains("not an RPM package"), "{bytes:?}");
    }
    assert!(reason(b"drpmDLT3").contains("delta"));
    assert!(reason(&Package::hello().with(1124, text("drpm")).build()).contains("delta"));
    assert!(reason(&Package::hello().with(1133, text("hello")).build()).contains("patch"));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = Package::hello().build();
    assert!(inspect_whole(NAME, &whole).is_ok());
    for end in 0..whole.len() {
        assert!(inspect_whole(NAME, &whole[..end]).is_err(), "cut at {end}");
    }
    assert!(reason(&whole[..whole.len() - 1]).contains("cut"));
    assert!(reason(&whole[..150]).contains("signature header"));
}

#[test]
fn a_byte_behind_the_end_is_refused_before_the_end() {
    let mut long = Package::hello().build();
    long.push(b'\n');
    assert!(reason(&long).contains("bytes follow"));
}

#[test]
fn a_changed_byte_is_noticed_in_the_main_header_and_in_the_payload() {
    let package = Package::hello();
    let whole = package.build();
    let main_start = whole.len() - package.payload.len() - header(package.region, &package.main).len();
    for place in main_start..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        assert!(inspect_whole(NAME, &changed).is_err(), "byte {place}");
    }
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert!(reason(&changed).contains("MD5"), "{}", reason(&changed));
}

#[test]
fn a_package_must_state_something_of_its_payload() {
    let package = Package::hello();
    let nothing = package.assemble(header(Some(62), &[(1007, Value::Numbers(vec![5]))]));
    assert!(reason(&nothing).contains("cannot be told"));
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let mut stated = package.clone().with(5092, rws_lab::rpm::texts(&[digest]));
    stated.payload = b"test".to_vec();
    let signature = |package: &Package| {
        let sha256 = hex(&Sha256::digest(header(package.region, &package.main)));
        header(Some(62), &[(273, text(&sha256)), (1007, Value::Numbers(vec![5]))])
    };
    assert!(inspect_whole(NAME, &stated.assemble(signature(&stated))).is_ok());
    stated.payload = b"tess".to_vec();
    assert!(reason(&stated.assemble(signature(&stated))).contains("digest of the payload"));
}

#[test]
fn digests_must_cover_the_header_and_the_payload() {
    let package = Package::hello();
    let size = header(package.region, &package.main).len() + package.payload.len();
    let size = (1000, Value::Numbers(vec![size as u32]));
    let sizes_only = package.assemble(header(Some(62), std::slice::from_ref(&size)));
    assert!(reason(&sizes_only).contains("no digest covers the main header"));
    let sha256 = (273, text(&hex(&Sha256::digest(header(package.region, &package.main)))));
    assert!(reason(&package.assemble(header(Some(62), &[sha256, size]))).contains("no digest covers the payload"));
}

#[test]
fn statements_of_a_wrong_form_are_refused() {
    for tags in [
        vec![(1004, Value::Bytes(vec![0; 15]))],
        vec![(269, text("xyz")), (1000, Value::Numbers(vec![9]))],
        vec![(273, text(&"g".repeat(64))), (1000, Value::Numbers(vec![9]))],
    ] {
        let file = Package::hello().assemble(header(Some(62), &tags));
        assert!(reason(&file).contains("states no valid"), "{tags:?}");
    }
}

/// The same numbers in every run (a linear congruential generator, Knuth's MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

/// Changes some bytes, cuts, or repeats a part.
fn mutant(original: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = original.to_vec();
    // headers are what is read: most changes go there
    let reach = if numbers.below(4) == 0 { bytes.len() } else { bytes.len().min(4096) };
    for _ in 0..=numbers.below(4) {
        let place = numbers.below(reach);
        match numbers.below(4) {
            0 => bytes[place] ^= 1 << numbers.below(8),
            1 => bytes[place] = [0, 1, 0x7f, 0x80, 0xff][numbers.below(5)],
            2 => bytes.iter_mut().skip(place).take(4).for_each(|byte| *byte = numbers.below(256) as u8),
            _ => bytes.iter_mut().skip(place).take(4).for_each(|byte| *byte = 0xff),
        }
    }
    if numbers.below(16) == 0 {
        bytes.truncate(numbers.below(bytes.len()));
    }
    bytes
}

/// Whatever a package says, its entries are XML, and the place of the directory stands in primary once.
fn check_entries(inspected: &Inspected) {
    for entry in &inspected.entries {
        let slots = entry.text.iter().filter(|byte| **byte == SLOT).count();
        assert_eq!(slots, usize::from(entry.partition == "primary"));
        let text = String::from_utf8(fill_slot(&entry.text, b"Packages")).unwrap();
        let declared = text.replacen("<package", "<package xmlns:rpm=\"rpm\"", 1);
        roxmltree::Document::parse(&declared).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    }
}

#[test]
fn no_mutant_panics() {
    mutate(&[Package::hello().build()]);
}

fn mutate(originals: &[Vec<u8>]) {
    let mut numbers = Numbers(5);
    let (mut mutants, mut accepted) = (0, 0);
    for original in originals {
        for _ in 0..6_000 / originals.len() {
            let mut bytes = mutant(original, &mut numbers);
            // otherwise most changes are noticed before they are read
            if numbers.below(8) != 0 {
                restate(&mut bytes);
            }
            if let Ok(inspected) = inspect_bytes("x.rpm", &bytes, 4096) {
                accepted += 1;
                if accepted % 8 == 0 {
                    check_entries(&inspected);
                }
            }
            mutants += 1;
        }
    }
    println!("{mutants} mutants of {} packages, {accepted} accepted, no panic", originals.len());
}
