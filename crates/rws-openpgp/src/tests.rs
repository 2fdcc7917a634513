mod generated;
mod gnupg;
mod policy;
mod signatures;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::*;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

#[test]
fn texts_without_a_secret_key_are_refused() {
    let error = |text: &str| SigningKey::import(text, None, now()).unwrap_err();
    for text in
        ["", "garbage", "/etc/rws/key.asc", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"]
    {
        assert_eq!(error(text), KeyError::NoArmor, "{text}");
    }
    let bodies = ["", "\n", "\nAAAA\n", "\nlQOYBGAAAAABCAC\n", "\n!!!!\n", "Version: x\n\nlQ==\n=AAAA\n"];
    for body in bodies {
        let whole = format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n{body}-----END PGP PRIVATE KEY BLOCK-----\n");
        for text in [&whole, whole.trim_end().trim_end_matches("KEY BLOCK-----"), &whole.replace('\n', " ")] {
            let error = error(text);
            assert!(matches!(error, KeyError::Damaged { .. } | KeyError::NoArmor), "{text:?}: {error}");
        }
    }
}

#[test]
fn passphrases_are_not_printed() {
    assert_eq!(format!("{:?}", Passphrase::new("secret")), "Passphrase(…)");
}
