use pgp::composed::{Deserializable, DetachedSignature};

use super::gnupg::{Home, gpgv};
use super::*;

/// Texts that survive clear-signing to the byte.
const TEXTS: &[&str] = &[
    "Origin: RWS\nSHA256:\n abc 1 main/binary-amd64/Packages\n",
    "- dash\n-----BEGIN PGP SIGNATURE-----\n--\n-\n",
    "\n\nempty lines\n\n\n",
    " leading\n\tblanks\n",
    "Hash: SHA256\n\nFrom me\n=abcd\nGrüße 🔑\n",
    "\n",
];

fn imported(home: &Home) -> SigningKey {
    let key = SigningKey::import(&home.secret(), None, now()).unwrap();
    assert_eq!(key.warnings(), [""; 0]);
    key
}

fn verifies(key: SigningKey) {
    let key = alone(key);
    let public = key.public_key_armored();
    assert!(public.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"));
    for text in TEXTS {
        let message = clear_sign(&key, text, now()).unwrap();
        let output = gpgv(public, message.as_bytes(), None).unwrap();
        assert_eq!(String::from_utf8_lossy(&output), *text);
    }
    for bytes in [&b""[..], b"\r\n \n\0\xff", "a \r\n".repeat(10_000).as_bytes()] {
        let signature = detach_sign(&key, bytes, now()).unwrap();
        assert!(signature.starts_with("-----BEGIN PGP SIGNATURE-----\n") && signature.ends_with("-----\n"));
        gpgv(public, bytes, Some(&signature)).unwrap();
        assert!(gpgv(public, b"other", Some(&signature)).is_err());
    }
}

#[test]
fn an_rsa_3072_key_signs() {
    let home = Home::new();
    let fingerprint = home.key("rsa3072", "sign", "0");
    let key = imported(&home);
    assert_eq!(key.public_key().fingerprint(), fingerprint);
    assert_eq!(key.signing_fingerprint(), fingerprint);
    assert_eq!(format!("{key:?}"), format!("SigningKey {{ fingerprint: \"{fingerprint}\", .. }}"));
    assert_eq!(key.export_secret_armored(), None);
    verifies(key);
}

#[test]
fn an_rsa_4096_key_with_a_signing_subkey_signs_with_the_subkey() {
    let home = Home::new();
    let fingerprint = home.key("rsa4096", "sign", "0");
    home.run(&["--quick-add-key", &fingerprint, "rsa4096", "sign", "0"]);
    home.run(&["--quick-add-key", &fingerprint, "rsa3072", "encrypt", "0"]);
    let key = imported(&home);
    assert_eq!(key.public_key().fingerprint(), fingerprint);
    assert_ne!(key.signing_fingerprint(), fingerprint);
    verifies(key);
}

#[test]
fn an_ed25519_key_signs() {
    let home = Home::new();
    home.key("ed25519", "sign", "1y");
    let key = imported(&home);
    assert!(key.expires_at().unwrap() > now());
    verifies(key);
}

#[test]
fn a_cert_only_primary_with_a_signing_subkey_signs_with_or_without_its_secret_part() {
    let home = Home::new();
    let fingerprint = home.key("ed25519", "cert", "0");
    home.run(&["--quick-add-key", &fingerprint, "cv25519", "encr", "0"]);
    home.run(&["--quick-add-key", &fingerprint, "ed25519", "sign", "0"]);
    let key = imported(&home);
    assert_ne!(key.signing_fingerprint(), fingerprint);
    verifies(key);
    let without = home.run(&["--armor", "--export-secret-subkeys"]);
    let key = SigningKey::import(&without, None, now()).unwrap();
    assert_eq!(key.public_key().fingerprint(), fingerprint);
    verifies(key);
}

#[test]
fn ecdsa_keys_sign_with_the_hash_of_their_size_and_a_warning() {
    for (algorithm, hash) in [("nistp256", "SHA256"), ("nistp384", "SHA384"), ("nistp521", "SHA512")] {
        let home = Home::new();
        home.key(algorithm, "sign", "0");
        let key = SigningKey::import(&home.secret(), None, now()).unwrap();
        assert_eq!(key.warnings().len(), 1);
        let again = alone(SigningKey::import(&home.secret(), None, now()).unwrap());
        assert!(clear_sign(&again, "x\n", now()).unwrap().contains(&format!("\nHash: {hash}\n\n")));
        verifies(key);
    }
}

#[test]
fn a_locked_key_needs_its_passphrase() {
    let home = Home::new();
    let fingerprint = home.key_at("schlüssel wort ", "", ["rsa3072", "sign", "0"]);
    let locked = home.locked_secret("schlüssel wort ");
    let import =
        |passphrase: Option<&str>| SigningKey::import(&locked, passphrase.map(Passphrase::new).as_ref(), now());
    let key = fingerprint.clone();
    assert_eq!(import(None).unwrap_err(), KeyError::PassphraseMissing { key });
    for wrong in ["", "schlüssel wort"] {
        let key = fingerprint.clone();
        assert_eq!(import(Some(wrong)).unwrap_err(), KeyError::PassphraseWrong { key });
    }
    verifies(import(Some("schlüssel wort ")).unwrap());
}

#[test]
fn what_clear_signed_text_cannot_hold_is_changed_knowingly() {
    let mut seed = [7; 32];
    let key = alone(SigningKey::generate("RWS", now() - 10, &mut seed).unwrap());
    for (text, verified) in [
        ("trailing \nblanks\t \n \nhere ", "trailing\nblanks\n\nhere\n"),
        ("no final newline", "no final newline\n"),
        ("two\r\nlines\r\n", "two\nlines\n"),
        ("- \n", "-\n"),
        ("", "\n"),
    ] {
        let message = clear_sign(&key, text, now()).unwrap();
        let output = gpgv(key.public_key_armored(), message.as_bytes(), None).unwrap();
        assert_eq!(String::from_utf8_lossy(&output), verified);
        assert!(!message.contains(" \n") || text == "- \n");
    }
    let longest = format!("{}\n", "-x".repeat(9_500));
    let message = clear_sign(&key, &longest, now()).unwrap();
    assert_eq!(gpgv(key.public_key_armored(), message.as_bytes(), None).unwrap(), longest.as_bytes());
    for text in ["a\rb\n", "a\0b\n", &format!("{longest}{}", "x".repeat(19_001))] {
        assert!(clear_sign(&key, text, now()).is_err());
    }
}

#[test]
fn a_signer_is_told_the_purpose() {
    let home = Home::new();
    home.key("ed25519", "sign", "0");
    let key = alone(imported(&home));
    let public = key.public_key_armored();
    let text = b"Origin: RWS\n";
    let message = signed(&key, SigningPurpose::ClearText, text, now()).unwrap();
    assert_eq!(gpgv(public, &message, None).unwrap(), text);
    let detached = String::from_utf8(signed(&key, SigningPurpose::Detached, text, now()).unwrap()).unwrap();
    gpgv(public, text, Some(&detached)).unwrap();
    // the same packet, without armour
    let header = signed(&key, SigningPurpose::Package, text, now()).unwrap();
    let packet = DetachedSignature::from_bytes(&header[..]).unwrap();
    gpgv(public, text, Some(&packet.to_armored_string(crate::armor::OPTIONS).unwrap())).unwrap();
    assert!(signed(&key, SigningPurpose::ClearText, b"\xff", now()).is_err());
}
