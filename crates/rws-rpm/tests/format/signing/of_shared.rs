//! All real packages: of every rpm since 4.4, and of other tools.

use std::fs;

use rws_lab::Chroot;
use tempfile::TempDir;

use super::judges::{Rpm, System, createrepo_c};
use super::keys::{Key, front};
use super::tags_at;
use crate::support::packages;

/// Digests of the payload in the main header (rpm: `RPMTAG_PAYLOADSHA256`, its `ALT`, and those of SHA-512 and
/// SHA3-256).
const PAYLOAD_DIGESTS: [u32; 6] = [5092, 5097, 5121, 5122, 5123, 5124];

/// What the packages are, and whether a digest of the payload stands in the header that is signed.
struct Signed {
    before: Vec<(String, Vec<u8>)>,
    after: Vec<(String, Vec<u8>)>,
    covered: Vec<bool>,
}

fn signed(key: &Key) -> Signed {
    let mut signed = Signed { before: Vec::new(), after: Vec::new(), covered: Vec::new() };
    for (number, path) in packages("rpm").iter().enumerate() {
        let bytes = fs::read(path).unwrap();
        let name = format!("{number:03}-{}", path.file_name().unwrap().to_str().unwrap());
        let main = usize::try_from(front(&name, &bytes).length_bytes()).unwrap();
        signed.covered.push(tags_at(&bytes, main).iter().any(|(tag, ..)| PAYLOAD_DIGESTS.contains(tag)));
        signed.after.push((name.clone(), key.sign(&name, &bytes)));
        signed.before.push((name, bytes));
    }
    signed
}

fn verified_by(system: &System, algorithm: &str) {
    let key = Key::new(algorithm);
    let signed = signed(&key);
    let work = TempDir::new().unwrap();
    for (name, bytes) in &signed.after {
        fs::write(work.path().join(name), bytes).unwrap();
    }
    let rpm = Rpm::new(system, &[&key]);
    let names: Vec<String> = signed.after.iter().map(|(name, _)| name.clone()).collect();
    for level in ["all", "digest"] {
        let said = rpm.check(work.path(), level, &names);
        assert_eq!(said.len(), names.len(), "{level}");
        for ((name, covered), said) in names.iter().zip(&signed.covered).zip(said) {
            // a signature of the header alone does not cover the payload of the others: see `without_payload_digest`
            let expected = if *covered { "digests signatures OK" } else { "DIGESTS SIGNATURES NOT OK" };
            assert_eq!(said, format!("{name}: {expected}"), "{level}");
        }
    }
    assert!(signed.covered.iter().filter(|covered| **covered).count() > 200);
}

#[test]
fn rpm_verifies_them_as_far_as_their_header_covers_them() {
    verified_by(&System::Here, "rsa3072");
}

#[test]
fn rpm_of_sid_verifies_them_as_far_as_their_header_covers_them() {
    verified_by(&System::Sid(Chroot::sid()), "ed25519");
}

#[test]
fn createrepo_c_reads_the_same_of_them() {
    let signed = signed(&Key::new("ed25519"));
    let (before, after) = (createrepo_c(&signed.before), createrepo_c(&signed.after));
    assert!(before.matches("<package type=\"rpm\"").count() > 300);
    for (before, after) in before.lines().zip(after.lines()) {
        assert_eq!(before, after);
    }
    assert_eq!(before.len(), after.len());
}
