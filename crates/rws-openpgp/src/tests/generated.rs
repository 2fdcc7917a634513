use super::gnupg::{Home, gpgv};
use super::*;

const TIME: i64 = 1_700_000_000;

#[test]
fn a_generated_key_is_read_by_gpg_and_verifies() {
    let mut seed = [42; 32];
    let key = SigningKey::generate("RWS repositories (größe) <rws@example.org>", TIME, &mut seed).unwrap();
    assert_eq!(seed, [0; 32]);
    assert_eq!(key.warnings(), [""; 0]);
    assert_eq!(key.expires_at(), None);
    let secret = key.export_secret_armored().unwrap().to_owned();
    let fingerprint = key.public_key().fingerprint().to_owned();
    let key = alone(key);
    let message = clear_sign(&key, "a\n- b\n", now()).unwrap();
    assert!(message.contains("\nHash: SHA512\n\n"));
    assert_eq!(gpgv(key.public_key_armored(), message.as_bytes(), None).unwrap(), b"a\n- b\n");

    let home = Home::new();
    let file = home.path().join("secret.asc");
    std::fs::write(&file, secret).unwrap();
    home.run(&["--import", file.to_str().unwrap()]);
    let list = home.run(&["--with-colons", "--fingerprint", "--list-secret-keys"]);
    assert!(list.contains(&format!("fpr:::::::::{fingerprint}:")), "{list}");
    assert!(list.contains(":RWS repositories (größe) <rws@example.org>:"), "{list}");
    // `!` stands for a self-signature that verifies
    assert!(home.run(&["--with-colons", "--check-signatures"]).contains("sig:!:"));
    let packets = home.run(&["--list-packets", file.to_str().unwrap()]);
    assert!(packets.contains("digest algo 10") && packets.contains("algo 22"), "{packets}");
    // what gpg writes of it is the same key
    let again = SigningKey::import(&home.secret(), None, now()).unwrap();
    assert_eq!(again.public_key().fingerprint(), fingerprint);
}

#[test]
fn a_generated_key_is_a_function_of_its_arguments_and_comes_back_from_its_text() {
    let make = |seed: u8, now: i64| SigningKey::generate("RWS", now, &mut [seed; 32]).unwrap();
    let key = make(1, TIME);
    assert_eq!(key.export_secret_armored(), make(1, TIME).export_secret_armored());
    let fingerprint = |key: &SigningKey| key.public_key().fingerprint().to_owned();
    assert_ne!(fingerprint(&key), fingerprint(&make(2, TIME)));
    assert_ne!(fingerprint(&key), fingerprint(&make(1, TIME + 1)));
    let again = SigningKey::import(key.export_secret_armored().unwrap(), None, TIME).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    let (again, key) = (alone(again), alone(key));
    assert_eq!(clear_sign(&again, "x\n", TIME).unwrap(), clear_sign(&key, "x\n", TIME).unwrap());
    assert!(!key.public_key_armored().contains("PRIVATE"));
}

#[test]
fn gpg_takes_a_revocation_certificate() {
    let key = SigningKey::generate("RWS", TIME, &mut [9; 32]).unwrap();
    let certificate = key.revocation_certificate(TIME + 1).unwrap();
    let home = Home::new();
    let file = |name: &str, text: &str| {
        let file = home.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    home.run(&["--import", &file("secret.asc", key.export_secret_armored().unwrap())]);
    let list = || home.run(&["--with-colons", "--list-keys"]);
    assert!(!list().contains("pub:r:"), "{}", list());
    home.run(&["--import", &file("revocation.asc", &certificate)]);
    assert!(list().contains("pub:r:"), "{}", list());
    // and RWS does not sign with it any more
    let error = SigningKey::import(&home.secret(), None, now()).unwrap_err();
    assert!(matches!(error, KeyError::Revoked { .. }), "{error}");
    let public = PublicKey::read(&home.run(&["--armor", "--export"])).unwrap();
    assert!(matches!(public.check(now()), Err(KeyError::Revoked { .. })));
}

#[test]
fn bad_arguments_make_no_key() {
    for (user_id, now) in [("", TIME), (" ", TIME), ("a\nb", TIME), ("RWS", -1), ("RWS", 1 << 33)] {
        let error = SigningKey::generate(user_id, now, &mut [1; 32]).unwrap_err();
        assert!(matches!(error, KeyError::NotGenerated { .. }), "{error}");
    }
}

#[test]
fn a_clock_that_is_behind_makes_no_signature_older_than_the_key() {
    let key = SigningKey::generate("RWS", now() - 100, &mut [3; 32]).unwrap();
    let text = key.export_secret_armored().unwrap().to_owned();
    let key = alone(key);
    let signature = detach_sign(&key, b"x", TIME).unwrap();
    gpgv(key.public_key_armored(), b"x", Some(&signature)).unwrap();
    // a replica whose clock is some minutes behind reads the key all the same; one that is days behind does not
    assert!(SigningKey::import(&text, None, now() - 1000).is_ok());
    let error = SigningKey::import(&text, None, now() - 100_000).unwrap_err();
    assert!(matches!(error, KeyError::NotYetValid { .. }), "{error}");
}
