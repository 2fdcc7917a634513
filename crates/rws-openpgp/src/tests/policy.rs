use super::gnupg::Home;
use super::*;

const DAY: i64 = 24 * 3600;

fn error(text: &str, now: i64) -> KeyError {
    let error = SigningKey::import(text, None, now).unwrap_err();
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

/// The fingerprints of the subkeys, in the order of the key.
fn subkeys(home: &Home) -> Vec<String> {
    let list = home.run(&["--with-colons", "--with-subkey-fingerprint", "--list-secret-keys"]);
    let fingerprints = list.lines().filter(|line| line.starts_with("fpr:"));
    fingerprints.skip(1).map(|line| line.split(':').nth(9).unwrap().to_owned()).collect()
}

#[test]
fn a_public_key_is_refused_and_a_secret_one_after_it_is_taken() {
    let home = Home::new();
    let key = home.key("ed25519", "sign", "0");
    let public = home.run(&["--armor", "--export"]);
    assert_eq!(error(&public, now()), KeyError::PublicOnly);
    let several = format!("# keys\n{public}\n  {}", home.secret().replace('\n', "\r\n  "));
    assert_eq!(SigningKey::import(&several, None, now()).unwrap().public_key().fingerprint(), key);
}

#[test]
fn a_cert_only_key_is_refused() {
    let home = Home::new();
    let key = home.key("ed25519", "cert", "0");
    assert_eq!(error(&home.secret(), now()), KeyError::NotForSigning { key: key.clone() });
    home.run(&["--quick-add-key", &key, "cv25519", "encr", "0"]);
    assert_eq!(error(&home.secret(), now()), KeyError::NotForSigning { key });
}

#[test]
fn a_primary_whose_secret_part_is_elsewhere_is_refused() {
    let home = Home::new();
    let key = home.key("rsa3072", "sign", "0");
    home.run(&["--quick-add-key", &key, "rsa3072", "encrypt", "0"]);
    let without = home.run(&["--armor", "--export-secret-subkeys"]);
    assert_eq!(error(&without, now()), KeyError::NoSecret { key });
}

#[test]
fn an_expired_key_is_refused_until_it_is_extended() {
    let home = Home::new();
    let key = home.key_at("", "20200101T000000", ["ed25519", "sign", "20200201T000000"]);
    let (january, february) = (1_578_960_000, 1_580_515_200);
    let old = home.secret();
    let date = "2020-02-01".to_owned();
    assert_eq!(error(&old, now()), KeyError::Expired { key: key.clone(), date: date.clone() });
    assert_eq!(error(&old, february), KeyError::Expired { key: key.clone(), date });
    let imported = SigningKey::import(&old, None, january).unwrap();
    assert_eq!(imported.expires_at(), Some(february));
    assert!(imported.warnings()[0].contains("expires on 2020-02-01"), "{:?}", imported.warnings());
    // and it stops signing when its time has come
    let imported = alone(imported);
    assert!(detach_sign(&imported, b"x", february - 1).is_ok());
    assert!(detach_sign(&imported, b"x", february).unwrap_err().to_string().contains("expired on 2020-02-01"));
    assert_eq!(error(&old, january - 60 * DAY), KeyError::NotYetValid { key: key.clone(), date: "2020-01-01".into() });
    // the newest self-signature counts
    home.run(&["--quick-set-expire", &key, "0"]);
    assert_eq!(SigningKey::import(&home.secret(), None, now()).unwrap().expires_at(), None);
}

#[test]
fn a_revoked_key_is_refused_with_its_subkeys() {
    let home = Home::new();
    let key = home.key("ed25519", "sign", "0");
    home.run(&["--quick-add-key", &key, "ed25519", "sign", "0"]);
    home.revoke(&key);
    assert_eq!(error(&home.secret(), now()), KeyError::Revoked { key });
}

#[test]
fn a_key_whose_only_user_id_is_revoked_is_refused() {
    let home = Home::new();
    let key = home.key_at("", "20240101T000000", ["ed25519", "sign", "0"]);
    home.run(&["--quick-add-uid", &key, "Other <other@example.org>"]);
    home.run(&["--quick-revoke-uid", &key, "Größe Signer <signer@example.org>"]);
    assert!(SigningKey::import(&home.secret(), None, now()).is_ok());
    // on 2024-01-02, before the second user id was made, there is only the first one
    assert_eq!(error(&home.secret(), 1_704_153_600), KeyError::NoSelfSignature { key });
}

#[test]
fn an_expired_subkey_yields_to_another_or_to_the_primary_with_a_warning() {
    let home = Home::new();
    let key = home.key_at("", "20200101T000000", ["ed25519", "cert", "0"]);
    home.run_at("20200101T000000", &["--quick-add-key", &key, "ed25519", "sign", "20200201T000000"]);
    let first = subkeys(&home).remove(0);
    let expired = KeyError::Expired { key: first.clone(), date: "2020-02-01".into() };
    assert_eq!(error(&home.secret(), now()), expired);
    home.run(&["--quick-add-key", &key, "ed25519", "sign", "0"]);
    let second = subkeys(&home).remove(1);
    assert_eq!(SigningKey::import(&home.secret(), None, now()).unwrap().signing_fingerprint(), second);

    let home = Home::new();
    let key = home.key_at("", "20200101T000000", ["ed25519", "sign", "0"]);
    home.run_at("20200101T000000", &["--quick-add-key", &key, "ed25519", "sign", "20200201T000000"]);
    let imported = SigningKey::import(&home.secret(), None, now()).unwrap();
    assert_eq!(imported.signing_fingerprint(), key);
    assert!(imported.warnings()[0].contains("expired on 2020-02-01"), "{:?}", imported.warnings());
}

#[test]
fn a_revoked_subkey_does_not_sign() {
    let home = Home::new();
    let key = home.key("ed25519", "cert", "0");
    home.run(&["--quick-add-key", &key, "ed25519", "sign", "0"]);
    home.run_with_input(&["--command-fd", "0", "--edit-key", &key], "key 1\nrevkey\ny\n0\n\ny\nsave\n");
    let subkey = subkeys_with_revoked(&home).remove(0);
    assert_eq!(error(&home.secret(), now()), KeyError::Revoked { key: subkey });
}

/// As [`subkeys`], from the public key, which lists the revoked ones too.
fn subkeys_with_revoked(home: &Home) -> Vec<String> {
    let list = home.run(&["--with-colons", "--with-subkey-fingerprint", "--list-keys"]);
    let fingerprints = list.lines().filter(|line| line.starts_with("fpr:"));
    fingerprints.skip(1).map(|line| line.split(':').nth(9).unwrap().to_owned()).collect()
}

#[test]
fn weak_keys_are_refused_or_warned_of() {
    let home = Home::new();
    let key = home.key("rsa1024", "sign", "0");
    let refused = error(&home.secret(), now());
    assert_eq!(refused, KeyError::Weak { key, reason: "RSA-1024".into() });

    let home = Home::new();
    home.key("rsa2048", "sign", "0");
    let warnings = SigningKey::import(&home.secret(), None, now()).unwrap().warnings().to_vec();
    assert!(warnings.len() == 1 && warnings[0].contains("3072"), "{warnings:?}");

    let home = Home::new();
    let key = home.key("dsa2048", "sign", "0");
    assert_eq!(error(&home.secret(), now()), KeyError::Weak { key, reason: "DSA".into() });

    let home = Home::new();
    std::fs::write(home.path().join("gpg.conf"), "cert-digest-algo SHA1\n").unwrap();
    home.key("rsa3072", "sign", "0");
    let warnings = SigningKey::import(&home.secret(), None, now()).unwrap().warnings().to_vec();
    assert!(warnings.len() == 1 && warnings[0].contains("SHA-1"), "{warnings:?}");
}

#[test]
fn changed_keys_are_refused_or_are_the_same_key() {
    let home = Home::new();
    let key = home.key("ed25519", "cert", "0");
    home.run(&["--quick-add-key", &key, "ed25519", "sign", "0"]);
    let secret = home.run(&["--export-options", "export-minimal", "--armor", "--export-secret-keys"]);
    let good = SigningKey::import(&secret, None, now()).unwrap();
    // the binary key, without the checksum of the armour, one bit changed at a time
    let binary = dearmor(&secret);
    let mut refused = 0;
    for position in 0..binary.len() {
        let mut changed = binary.clone();
        changed[position] ^= 1 << (position % 8);
        match SigningKey::import(&armored(&changed), None, now()) {
            Err(_) => refused += 1,
            Ok(key) => assert_eq!(key.signing_fingerprint(), good.signing_fingerprint(), "{position}"),
        }
    }
    // what may change: the user id's length of text, unhashed subpackets, secret parts that are not used
    assert!(refused > binary.len() / 2, "{refused} of {}", binary.len());
}

fn dearmor(text: &str) -> Vec<u8> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    pgp::armor::Dearmor::new(text.as_bytes()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn armored(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (number, group) in bytes.chunks(3).enumerate() {
        let word = group.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            let used = digit <= group.len();
            text.push(if used { char::from(DIGITS[word >> (18 - 6 * digit) & 63]) } else { '=' });
        }
        if number % 16 == 15 {
            text.push('\n');
        }
    }
    format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{text}\n-----END PGP PRIVATE KEY BLOCK-----\n")
}
