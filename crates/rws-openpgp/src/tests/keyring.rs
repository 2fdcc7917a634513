//! Several keys beside each other.

use std::sync::Arc;

use super::gnupg::{Home, gpgv};
use super::*;

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::generate(name, 1_700_000_000, &mut [seed; 32]).unwrap()
}

fn public(seed: u8) -> PublicKey {
    key("RWS", seed).public_key().clone()
}

/// `active` signs, `also` signs beside it, `announced` does not.
fn ring(active: u8, also: &[u8], announced: &[u8]) -> Keyring {
    let signer = |seed: &u8| Arc::new(key("RWS", *seed)) as Arc<dyn KeySigner>;
    Keyring::new(
        signer(&active),
        also.iter().map(signer).collect(),
        announced.iter().map(|seed| public(*seed)).collect(),
    )
    .unwrap()
}

#[test]
fn gpgv_takes_each_of_two_signatures_alone_and_both() {
    let keys = ring(1, &[2], &[]);
    let text = "Origin: RWS\n- a\n";
    let message = clear_sign(&keys, text, now()).unwrap();
    assert_eq!(message.matches("BEGIN PGP SIGNATURE").count(), 1, "one block");
    let detached = detach_sign(&keys, text.as_bytes(), now()).unwrap();
    assert_eq!(detached.matches("BEGIN PGP SIGNATURE").count(), 1, "one block");
    // both keys are known
    assert_eq!(gpgv(keys.public_key_armored(), message.as_bytes(), None).unwrap(), text.as_bytes());
    gpgv(keys.public_key_armored(), text.as_bytes(), Some(&detached)).unwrap();
    // gpgv ends with an error where it does not know one of the keys, and says that the other signature is good: apt
    // looks for that
    for seed in [1, 2] {
        for error in [
            gpgv(public(seed).armored(), message.as_bytes(), None).unwrap_err(),
            gpgv(public(seed).armored(), text.as_bytes(), Some(&detached)).unwrap_err(),
        ] {
            assert!(error.contains("Good signature") && !error.contains("BAD"), "{error}");
        }
    }
    assert_eq!(keys.verify_clear(&message).as_deref(), Some(text));
    assert!(keys.verify_detached(text.as_bytes(), &detached));
}

#[test]
fn blocks_stand_one_after_the_other_and_the_first_one_at_the_end_too() {
    let blocks = |keys: &Keyring| {
        let made = text(keys, SigningPurpose::DetachedBlocks, b"x", now()).unwrap();
        assert!(keys.verify_detached(b"x", &made) && !keys.verify_detached(b"y", &made));
        crate::armor::blocks(&made)
    };
    let one = blocks(&ring(1, &[], &[]));
    assert_eq!(one.len(), 1);
    let three = blocks(&ring(1, &[2], &[3]));
    assert_eq!(three.len(), 3);
    assert_eq!(three[0], three[2]);
    for (block, seed) in three.iter().zip([1, 2, 1]) {
        gpgv(public(seed).armored(), b"x", Some(block)).unwrap();
        assert!(public(seed).verifies_armored(block, b"x"));
        assert!(!public(3 - seed).verifies_armored(block, b"x"));
    }
}

#[test]
fn an_rpm_gets_the_signature_of_the_active_key_alone() {
    let packet = signed(&ring(1, &[2], &[]), SigningPurpose::Package, b"header", now()).unwrap();
    let signature = KeySignature::from_packet(&packet).unwrap();
    assert!(public(1).vouches(&signature, SignatureKind::Binary, b"header", now()));
    assert!(!public(2).vouches(&signature, SignatureKind::Binary, b"header", now()));
    assert!(!public(1).vouches(&signature, SignatureKind::Binary, b"other", now()));
    assert!(KeySignature::from_packet(&[packet.clone(), packet].concat()).is_err(), "two packets");
    assert!(KeySignature::from_packet(b"").is_err() && KeySignature::from_packet(b"garbage").is_err());
}

#[test]
fn clients_learn_all_keys_each_once() {
    let keys = ring(1, &[2], &[2, 3]);
    let home = Home::new();
    let (one, several) = (home.path().join("one.asc"), home.path().join("several.asc"));
    std::fs::write(&one, keys.public_key_armored()).unwrap();
    std::fs::write(&several, keys.public_key_blocks()).unwrap();
    for file in [one, several] {
        let home = Home::new();
        home.run(&["--import", file.to_str().unwrap()]);
        let list = home.run(&["--with-colons", "--list-keys"]);
        assert_eq!(list.lines().filter(|line| line.starts_with("pub:")).count(), 3, "{list}");
    }
    assert_eq!(keys.public_key_armored().matches("BEGIN PGP PUBLIC").count(), 1);
    assert_eq!(keys.public_key_blocks().matches("BEGIN PGP PUBLIC").count(), 3);
    assert_eq!(PublicKey::read_all(keys.public_key_blocks()).unwrap(), [public(1), public(2), public(3)]);
    assert_eq!(PublicKey::read_all(keys.public_key_armored()).unwrap(), [public(1), public(2), public(3)]);
    assert_eq!(PublicKey::read(keys.public_key_blocks()).unwrap_err(), KeyError::SeveralKeys);
}

#[test]
fn what_identifies_the_keys_changes_with_each_of_them() {
    let (one, two) = (public(1), public(2));
    let named = |key: &PublicKey| {
        let digest = rws_model::sha256(&key.to_bytes().unwrap()).hex();
        format!("{}:{}", key.fingerprint(), &digest[..16])
    };
    assert_eq!(ring(1, &[], &[]).fingerprint(), named(&one));
    assert_eq!(ring(1, &[2], &[]).fingerprint(), format!("{}+{}", named(&one), named(&two)));
    assert_eq!(ring(1, &[], &[2]).fingerprint(), format!("{} {}", named(&one), named(&two)));
}

/// A signer that says it has one key, and signs with another.
struct Wrong(SigningKey, SigningKey);

#[async_trait::async_trait]
impl KeySigner for Wrong {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    async fn signature(&self, kind: SignatureKind, request: SigningRequest<'_>) -> Result<KeySignature, SignError> {
        self.1.sign(kind, request.bytes, request.signed_at)
    }
}

#[test]
fn a_signature_that_does_not_verify_is_given_to_nobody() {
    let wrong = || Arc::new(Wrong(key("RWS", 1), key("RWS", 2))) as Arc<dyn KeySigner>;
    let right = || Arc::new(key("RWS", 1)) as Arc<dyn KeySigner>;
    let rings = [Keyring::of(wrong()).unwrap(), Keyring::new(right(), vec![wrong()], Vec::new()).unwrap()];
    for purpose in [SigningPurpose::ClearText, SigningPurpose::Detached, SigningPurpose::DetachedBlocks] {
        for keys in &rings {
            let error = signed(keys, purpose, b"x\n", now()).unwrap_err();
            assert!(error.to_string().contains("does not verify"), "{error}");
        }
    }
    assert!(signed(&rings[0], SigningPurpose::Package, b"x", now()).is_err());
}

#[test]
fn a_raw_signature_becomes_a_packet() {
    for algorithm in ["rsa3072", "ed25519", "nistp256", "nistp384"] {
        let home = Home::new();
        home.key(algorithm, "sign", "0");
        let key = SigningKey::import(&home.secret(), None, now()).unwrap();
        let public = key.public_key().clone();
        for (kind, bytes) in [(SignatureKind::Binary, &b"\0x"[..]), (SignatureKind::Text, b"a\r\nb")] {
            let time = now();
            let made = key.sign(kind, bytes, time).unwrap();
            let raw = raw_of(&made, algorithm);
            for raw in raw {
                let draft = SignatureDraft::new(&public, kind, bytes, time).unwrap();
                let drafted = draft.finish(&raw).unwrap();
                assert!(public.verifies(&drafted, kind, bytes), "{algorithm}");
                assert!(!public.verifies(&drafted, kind, b"other"));
            }
        }
        let draft = || SignatureDraft::new(&public, SignatureKind::Binary, b"x", now()).unwrap();
        assert_eq!(draft().digest().len(), if draft().hash() == "SHA512" { 64 } else { draft().digest().len() });
        for bad in [&b""[..], b"short", &[0x30, 0x82, 1, 2], &[0x30, 4, 2, 9, 1, 1]] {
            let finished = draft().finish(bad);
            assert!(finished.is_err() || !public.verifies(&finished.unwrap(), SignatureKind::Binary, b"x"));
        }
    }
}

/// What a device would have answered, in each form that there is.
fn raw_of(made: &KeySignature, algorithm: &str) -> Vec<Vec<u8>> {
    let pgp::types::SignatureBytes::Mpis(numbers) = made.packet().signature().unwrap() else { panic!("numbers") };
    let padded = |number: &[u8], length: usize| [vec![0; length - number.len()], number.to_vec()].concat();
    let numbers: Vec<&[u8]> = numbers.iter().map(AsRef::as_ref).collect();
    match algorithm {
        "rsa3072" => vec![padded(numbers[0], 384)],
        _ => {
            let length = if algorithm == "nistp384" { 48 } else { 32 };
            let plain = [padded(numbers[0], length), padded(numbers[1], length)].concat();
            if algorithm == "ed25519" {
                return vec![plain];
            }
            let integer = |number: &[u8]| {
                let sign = if number[0] > 0x7f { vec![0] } else { Vec::new() };
                let body = [sign, number.to_vec()].concat();
                [vec![2, body.len() as u8], body].concat()
            };
            let body = [integer(numbers[0]), integer(numbers[1])].concat();
            vec![plain, [vec![0x30, body.len() as u8], body].concat()]
        }
    }
}
