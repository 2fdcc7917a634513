//! Deterministic mutants of packages and lists: each gets a refusal or a sound record, never a panic.

use crate::support::{CONTROL, gzip, inspect, inspect_in_pieces, package_of, tar, xz};
use rws_model::{Inspected, SLOT};

/// A small generator (splitmix64): the same mutants in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[place] ^= 1 << self.below(8),
                1 => bytes[place] = self.below(256) as u8,
                2 => bytes[place] = b" \n:0-~"[self.below(6)],
                3 => bytes.truncate(place.max(1)),
                4 => bytes.insert(place, self.below(256) as u8),
                _ => {
                    let piece = bytes[place..(place + self.below(40)).min(bytes.len())].to_vec();
                    let target = self.below(bytes.len());
                    bytes.splice(target..target, piece);
                }
            }
        }
    }
}

/// What must hold for every record, whatever the bytes were.
fn check(inspected: &Inspected) {
    assert!(!inspected.identity.0.contains(['\n', '\0', '/']), "{:?}", inspected.identity);
    for entry in &inspected.entries {
        assert_eq!(entry.text.iter().filter(|byte| **byte == SLOT).count(), 1);
        assert!(entry.text.ends_with(b"\n\n") && !entry.text.trim_ascii_end().windows(2).any(|pair| pair == b"\n\n"));
        assert!(!entry.partition.contains(['/', ' ', '.']));
    }
}

#[test]
fn mutants_never_panic() {
    let control = tar(&[("./control", CONTROL.as_bytes()), ("./md5sums", b"0123  usr/x\n")]);
    let digest = "0123456789abcdef0123456789abcdef";
    let dsc = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nFormat: 1.0\nSource: hello\nVersion: 1.0-1\nArchitecture: any\n\
         Checksums-Sha256:\n {digest}{digest} 12 hello_1.0.orig.tar.gz\nFiles:\n {digest} 12 hello_1.0.orig.tar.gz\n\n\
         -----BEGIN PGP SIGNATURE-----\n\nabc=\n-----END PGP SIGNATURE-----\n"
    );
    let changes = format!("Format: 1.8\nFiles:\n {digest} 12 utils optional hello_1.0-1_amd64.deb\n");
    let inputs = [
        ("hello.deb", package_of("control.tar", &control)),
        ("hello.deb", package_of("control.tar.gz", &gzip(&control))),
        ("hello.deb", package_of("control.tar.xz", &xz(&control))),
        ("hello.deb", package_of("control.tar.zst", &zstd::stream::encode_all(&control[..], 3).unwrap())),
        ("hello.dsc", dsc.into_bytes()),
        ("hello.changes", changes.into_bytes()),
    ];
    let rounds = std::env::var("RWS_TEST_MUTANTS").map_or(4000, |number| number.parse().unwrap());
    let mut random = Random(rounds);
    let mut taken = 0;
    for (name, good) in &inputs {
        assert!(inspect(name, good).is_ok(), "{name}");
        for _ in 0..rounds {
            let mut mutant = good.clone();
            random.mutate(&mut mutant);
            if let Ok(inspected) = inspect_in_pieces(name, &mutant, 1 + random.below(5000)) {
                check(&inspected);
                taken += 1;
            }
        }
    }
    assert!(taken > 100, "some mutants are good: {taken}");
    // the control file alone, so that mutants get past the checksums
    for _ in 0..rounds * 2 {
        let mut mutant = CONTROL.as_bytes().to_vec();
        random.mutate(&mut mutant);
        if let Ok(inspected) = inspect("hello.deb", &package_of("control.tar", &tar(&[("control", &mutant)]))) {
            check(&inspected);
        }
    }
}
