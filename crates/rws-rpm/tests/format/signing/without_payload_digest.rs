//! Packages without a digest of their payload in the main header: those of rpm before 4.14 (EL 7).
//!
//! No signature of the header covers their payload. What rpm does about it, once it knows the key:
//!
//! * up to 4.16: it takes them, unless `%_pkgverify_level` demands signatures.
//! * 4.17 to 4.20: it refuses what is signed in part, whatever is demanded (`rpmvsVerify` in `lib/rpmvs.c`). Without a
//!   signature, and with a key that is not known, it takes them. Its rpmsign adds a signature of header and payload
//!   (tag 1002 or 1005) to such packages.
//! * 6: it refuses them, signed or not, as its `%_pkgverify_flags` leave out MD5.
//!
//! 4.18 and 6.1 are asked here. 4.11.3, 4.14.3 and 4.16.1.3, built from source, verified 357 real packages with a
//! signature of an RSA key, 140 of them without such a digest. The first two read no signature header of more than 8192
//! bytes, and so none of three packages, signed or not. 4.16.1.3 with OpenSSL verified an Ed25519 key's, too.

use rws_lab::Chroot;
use rws_lab::rpm::Package;

use super::judges::{Rpm, System};
use super::keys::Key;

const NAME: &str = "hello-2.0-1.x86_64.rpm";

/// Its payload is no archive.
const OPTIONS: [&str; 1] = ["--justdb"];

#[test]
fn rpm_refuses_them_signed_and_takes_them_unsigned() {
    let (key, unknown) = (Key::new("rsa2048"), Key::new("rsa2048"));
    let rpm = Rpm::new(&System::Here, &[&key]);
    let bytes = Package::hello().build();
    let install = |bytes: &[u8]| rpm.install("digest", &OPTIONS, bytes);
    assert!(install(&bytes).0);
    assert!(install(&unknown.sign(NAME, &bytes)).0);
    let (installed, said) = install(&key.sign(NAME, &bytes));
    assert!(!installed && said.contains("does not verify"), "{said}");
    // one of header and payload beside it
    let both = System::Here.rpmsign(&key, &["--addsign"], &bytes);
    rpm.expect_good("rpmsign", &both);
    assert!(install(&both).0);
}

#[test]
fn rpm_of_sid_refuses_them_signed_or_not() {
    let sid = System::Sid(Chroot::sid());
    let key = Key::new("rsa2048");
    let rpm = Rpm::new(&sid, &[&key]);
    let bytes = Package::hello().build();
    for bytes in [&bytes, &key.sign(NAME, &bytes), &sid.rpmsign(&key, &["--addsign"], &bytes)] {
        let (installed, said) = rpm.install("digest", &OPTIONS, bytes);
        assert!(!installed && said.contains("does not verify"), "{said}");
    }
}
