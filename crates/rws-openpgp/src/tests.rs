mod generated;
mod gnupg;
mod keyring;
mod policy;
mod signatures;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use rws_model::{SignError, Signer, SigningPurpose, SigningRequest};

use crate::*;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// The keys are in this process: what they make is there at once.
fn signed(keys: &Keyring, purpose: SigningPurpose, bytes: &[u8], signed_at: i64) -> Result<Vec<u8>, SignError> {
    let mut signing = keys.sign(SigningRequest { purpose, bytes, signed_at });
    match signing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(signed) => signed,
        Poll::Pending => panic!("it waits"),
    }
}

fn text(keys: &Keyring, purpose: SigningPurpose, bytes: &[u8], signed_at: i64) -> Result<String, SignError> {
    signed(keys, purpose, bytes, signed_at).map(|made| String::from_utf8(made).unwrap())
}

fn clear_sign(keys: &Keyring, signed: &str, signed_at: i64) -> Result<String, SignError> {
    text(keys, SigningPurpose::ClearText, signed.as_bytes(), signed_at)
}

fn detach_sign(keys: &Keyring, bytes: &[u8], signed_at: i64) -> Result<String, SignError> {
    text(keys, SigningPurpose::Detached, bytes, signed_at)
}

/// A key that signs alone.
fn alone(key: SigningKey) -> Keyring {
    Keyring::of(Arc::new(key)).unwrap()
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
