use super::*;

/// Passwords and their hashes: werkzeug 3.1.9 and argon2-cffi 25.1.0 wrote them.
const HASHES: &[(&str, &str)] = &[
    (
        "password",
        "pbkdf2:sha256:600000$GsLlCtBuGCTNdhM8$489fb4aa235f885211cd409f2b8024696f087e7d597341c499af4d14acb50dcb",
    ),
    (
        "password",
        "pbkdf2:sha512:1000$Rsite9FSqU5SeaAn$cc75f81a55a1d5a6d06c85ed55986854693f0f137b18e14380287935cb6a146c35c7f83d579591561e3dd93b0a8b99a1c9eafc5c5b5861227099060d94cda59f",
    ),
    ("password", "pbkdf2:sha1:1000$4iFErWTsJ9IpbMcF$038a71c1bb0167009687376d3e0fc7a25ffcad19"),
    (
        "password",
        "scrypt:32768:8:1$f3rN2rhmvC5bJFdh$5d24dd3902a8a043a2c3a24935c80116b041305be4a94206a1648737a45d7eecc1ee36df693604c35157afb83d2a0ee211e46287e2227146e23801022146ab14",
    ),
    (
        "password",
        "scrypt:1024:8:2$vUHpqdE3nLYqUYv4$849917d6342dbff0e25f9b1e8a8f032f1df26113a4ee10854ba0e0c0d7b936672d375c1c5371cd404ed9a0f116dd9e20454c6c0ccba3e727f25816bdb2afb973",
    ),
    ("password", "pbkdf2:sha256:1$JV7YhdF4r3fymAP5$e3fb3b768f67fbc9f5f2e25f806f72169acc8fc09c5eb738ed9192eb4cdcaafb"),
    (
        "Grüße, 你好 🔑",
        "pbkdf2:sha256:1000$P9I5wx2dLDM8IBGY$3029d4751a1f74a1896ab667305e52fbe56d101fe0a2532cbc7d7045fe1f70b7",
    ),
    (
        "Grüße, 你好 🔑",
        "pbkdf2:sha512:1000$HQnA4DvL4hiIkuMG$fa0c4745ed9e1bdb37c9a5a346a156be382fe2aacfbe1bd500a5454ab94204454007d8128f958fcb985250aa681cf529e72f7efd666e3e1c780ba78d6ae91fa8",
    ),
    ("Grüße, 你好 🔑", "pbkdf2:sha1:1000$E9bXplTciaWKc0Fy$c12af7467f3e4b9452d6537592589f36048dd188"),
    (
        "Grüße, 你好 🔑",
        "scrypt:32768:8:1$WDbY6XffRX6X2GP5$479f64be7309dcfaae99b55e1d93106af8aeb2894fa007a19fc52c36dc8493ed16e811f81f1f47199198d556689a063fdd3d614b48f9e1cccdb6fd63d2caf76a",
    ),
    (
        "Grüße, 你好 🔑",
        "scrypt:1024:8:2$iSKfPApYaAhLfviC$43003dffe00e37f2dc0f0e36b421d2c6f05e05efd054c1e0e44dd5ee92c15f600853e9d0d7349b6a9f0d8adb65499d171ed297fd9cd69504993ae88ca2cc4ee2",
    ),
    (LONG, "pbkdf2:sha256:1000$nPNtH2LoB0E4HLie$3ef49940acafadce56b01c88b9dcebe2b846438b951f83e123cb3a4783a85aa3"),
    (
        "",
        "scrypt:1024:1:1$GkqJLvMd3gLJ9mWD$23dcbe709c3337683673e15a44b5a13e0a0f44c12000b7c322a05c009aa85e1da55d89f75a1a60f4540dd2300fd718f77be1934aafb50606d11a379f1480c44a",
    ),
    // openssl 3.0 and crypt(3) of glibc wrote these
    ("password", "$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE1"),
    ("a longer password than sixteen bytes", "$apr1$x$DSxH0urCtYDzHIjorjYbR1"),
    ("password", "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"),
    ("password", "$5$saltsalt$gOjOtoMpVhru2uyjeJSEc/JaLQWOXMNmlOnj6T4AtC."),
    (
        "password",
        "$6$rounds=1000$salty$mH/yhhfGRur6..Bg4bUrohH3uPpMgthQRb2.VPO2nk/pNC7F5tzixcTpexxb62a36UR/oBfQAP9STnzq0sfpz.",
    ),
    ("password", "$2b$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu"),
    ("password", "$2y$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu"),
    ("password", "$argon2id$v=19$m=1024,t=2,p=2$vtqGXIDF2g1rUNE8+oXwlg$xiDqCn9C3u6jpS4ZDAP9DAU/b3ye0jnYkeuv7aAPTa0"),
    (
        "Grüße, 你好 🔑",
        "$argon2id$v=19$m=1024,t=2,p=2$DFe/Uj0KRELCs8YIqmQUAw$+eaUFThmE9Ocjc+AWnCIeEvO/+U36gxCB3QqDgFcS6A",
    ),
    ("password", "$argon2i$v=19$m=1024,t=2,p=2$gTkWNVWsHx8v8VQlMFWD6Q$tXJxwRANeb6I2vasefsA4mOYAZIHzmBBlkxtK5eLi0E"),
    (
        "Grüße, 你好 🔑",
        "$argon2i$v=19$m=1024,t=2,p=2$AwsLqXNIYfgcyt0mMqwwCA$yQcs0/zB6S7jnplbJe4gRg3jytRW2uRS6kn03+uhT68",
    ),
    ("password", "$argon2d$v=19$m=1024,t=2,p=2$FLFoqv9xJCWuOm0va95YIw$D+C9ptIk875srPmUHGEqFQVF1cZnOqGzVg+Tho75WNU"),
    (
        "Grüße, 你好 🔑",
        "$argon2d$v=19$m=1024,t=2,p=2$AGfRRwZcPNKqp8kM0a6F3g$GrN4xBK92gf8pGYOTHp3MIByulcuOwUCLMJ5us8WzGg",
    ),
    ("password", "$argon2id$v=19$m=65536,t=3,p=4$dv5Kkxm8kCs36cd8WXBS2w$W6UwWxvM7HNHCjktMZJqjaqyyKNdP5MQrRQ8E0/EUxI"),
    ("password", "$argon2i$v=16$m=512,t=2,p=1$c2FsdHNhbHRzYWx0$tAMACWr2zpRiyymHyamBClJKJ8pK2l8G"),
];

/// Longer than the block of every hash function.
const LONG: &str = concat!(
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
);

/// 32 bytes that are no digest of anything here.
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn hashes_of_werkzeug_and_argon2_are_verified() {
    for (password, text) in HASHES {
        let hash = PasswordHash::parse(text).unwrap();
        assert!(hash.verify(password.as_bytes()), "{text}");
        assert!(!hash.verify(format!("{password}!").as_bytes()), "{text}");
    }
}

#[test]
fn old_pbkdf2_hashes_do_not_say_their_iterations() {
    // hashlib.pbkdf2_hmac("sha256", b"password", b"abcdefgh", 260000)
    let digest = "c65db7da015d82d5111cf48a7e463d45e6e9eb2a772730a54cc5715920df2395";
    for method in ["pbkdf2:sha256", "pbkdf2"] {
        let hash = PasswordHash::parse(&format!("{method}$abcdefgh${digest}")).unwrap();
        assert!(hash.verify(b"password"), "{method}");
    }
}

#[test]
fn a_new_hash_verifies() {
    for (method, start) in [
        (Method::Argon2id, "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"),
        (Method::Scrypt, "scrypt:32768:8:1$wxyz012345hijklm$"),
        (Method::Pbkdf2, "pbkdf2:sha256:600000$wxyz012345hijklm$"),
    ] {
        let text = PasswordHash::create(method, "pässword".as_bytes(), b"0123456789abcdef").unwrap();
        assert!(text.starts_with(start), "{text}");
        let hash = PasswordHash::parse(&text).unwrap();
        assert!(hash.verify("pässword".as_bytes()));
        assert!(!hash.verify(b"password"));
    }
}

#[test]
fn texts_that_are_no_hash_are_refused_and_not_printed() {
    let werkzeug_digest = ZEROS.repeat(2);
    let damaged = [
        "pbkdf2:sha256:0$salt$".to_owned() + ZEROS,
        "pbkdf2:sha256:-1$salt$".to_owned() + ZEROS,
        "pbkdf2:sha256:1:1$salt$".to_owned() + ZEROS,
        "pbkdf2:sha256:1000$salt$".to_owned() + &ZEROS[1..],
        "pbkdf2:sha256:1000$salt$g".to_owned() + &ZEROS[1..],
        "pbkdf2:sha256:1000$salt$".to_owned() + &"é".repeat(32),
        "scrypt:1000:8:1$salt$".to_owned() + &werkzeug_digest,
        "scrypt:1:8:1$salt$".to_owned() + &werkzeug_digest,
        "scrypt:0:8:1$salt$".to_owned() + &werkzeug_digest,
        "scrypt:1024:0:1$salt$".to_owned() + &werkzeug_digest,
        "scrypt:1024:8:0$salt$".to_owned() + &werkzeug_digest,
        "scrypt:1024:8$salt$".to_owned() + &werkzeug_digest,
        "scrypt:1024:8:+1$salt$".to_owned() + &werkzeug_digest,
        "scrypt:1024:8:1$salt$".to_owned() + ZEROS,
        "$argon2id$".to_owned(),
        "$argon2id$v=19$m=1024,t=2,p=2$c2FsdHNhbHRzYWx0".to_owned(),
        "$argon2id$v=20$m=1024,t=2,p=2$c2FsdHNhbHRzYWx0$tAMACWr2zpRiyymHyamBClJKJ8pK2l8G".to_owned(),
        "$argon2id$v=19$m=1024,t=2$c2FsdHNhbHRzYWx0$tAMACWr2zpRiyymHyamBClJKJ8pK2l8G".to_owned(),
        "$argon2id$v=19$m=1024,t=2,p=2,data=AA$c2FsdHNhbHRzYWx0$tAMACWr2zpRiyymHyamBClJKJ8pK2l8G".to_owned(),
        "$argon2id$v=19$m=1024,t=0,p=2$c2FsdHNhbHRzYWx0$tAMACWr2zpRiyymHyamBClJKJ8pK2l8G".to_owned(),
        "$argon2id$v=19$m=8,t=1,p=2$c2FsdHNhbHRzYWx0$tAMACWr2zpRiyymHyamBClJKJ8pK2l8G".to_owned(),
        "$argon2id$v=19$m=1024,t=2,p=2$c2Fs$tAMACWr2zpRiyymHyamBClJKJ8pK2l8G".to_owned(),
        "$argon2id$v=19$m=1024,t=2,p=2$c2FsdHNhbHRzYWx0$tAMA".to_owned(),
        "$argon2id$v=19$m=1024,t=2,p=2$c2FsdHNhbHRzYWx0$!AMACWr2zpRiyymHyamBClJKJ8pK2l8G".to_owned(),
        "$2b$12$secret-word".to_owned(),
        "$2y$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2aw".to_owned(),
        "$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE".to_owned(),
        "$apr1$$FBwExRW4dCc8aL.OvjpIE1".to_owned(),
        "$5$saltsalt$gOjOtoMpVhru2uyjeJSEc/JaLQWOXMNmlOnj6T4AtC".to_owned(),
        "$6$rounds=many$salty$secret-word".to_owned(),
        "$6$salt".to_owned(),
    ];
    for text in &damaged {
        let error = PasswordHash::parse(text).unwrap_err();
        assert!(matches!(error, HashError::Damaged { .. }), "{text}: {error}");
    }
    for text in ["", "secret-word", "a$b", "sha256"] {
        assert_eq!(PasswordHash::parse(text).unwrap_err(), HashError::NotAHash, "{text}");
    }
    for text in ["plain$$secret-word", "sha256$salt$00", "pbkdf2:md5:1000$salt$00", "$1$a$b", "$", "{SHA}x$y$z"] {
        let error = PasswordHash::parse(text).unwrap_err();
        assert_eq!(error, HashError::UnknownMethod, "{text}");
        assert!(!error.to_string().contains("secret-word"));
    }
}

#[test]
fn costly_hashes_are_refused_before_they_are_computed() {
    let digest = ZEROS.repeat(2);
    for parameters in ["2097152:8:1", "1048576:8:3", "1048576:16:1", "2:8388608:1", "18446744073709551615:8:1"] {
        let error = PasswordHash::parse(&format!("scrypt:{parameters}$salt${digest}")).unwrap_err();
        assert!(matches!(error, HashError::Cost(_)), "{parameters}: {error}");
    }
    for costly in ["$2b$18$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu".to_owned(), {
        let digest = "x".repeat(86);
        format!("$6$rounds=10000001$salty${digest}")
    }] {
        let error = PasswordHash::parse(&costly).unwrap_err();
        assert!(matches!(error, HashError::Cost(_)), "{costly}: {error}");
    }
    let error = PasswordHash::parse(&format!("scrypt:2:1:99999999$salt${digest}")).unwrap_err();
    assert!(matches!(error, HashError::Cost(_)), "{error}");
    for iterations in ["40000001", "4294967296", "99999999999999999999999"] {
        let error = PasswordHash::parse(&format!("pbkdf2:sha256:{iterations}$salt${ZEROS}")).unwrap_err();
        assert_eq!(error, HashError::Cost(CostError::Time("pbkdf2")));
    }
    for (parameters, error) in [
        ("m=1049601,t=1,p=1", CostError::Memory("argon2")),
        ("m=1048576,t=5,p=1", CostError::Time("argon2")),
        ("m=65536,t=4294967295,p=1", CostError::Time("argon2")),
        ("m=1048576,t=1,p=100000", CostError::Time("argon2")),
    ] {
        let text = format!("$argon2id$v=19${parameters}$c2FsdHNhbHRzYWx0$tAMACWr2zpRiyymHyamBClJKJ8pK2l8G");
        assert_eq!(PasswordHash::parse(&text).unwrap_err(), HashError::Cost(error), "{parameters}");
    }
}

#[test]
fn debug_output_has_neither_salt_nor_digest() {
    let hash = PasswordHash::parse(&format!("pbkdf2:sha256:1000$abcdefgh${ZEROS}")).unwrap();
    assert_eq!(format!("{hash:?}"), "PasswordHash { scheme: Pbkdf2 { function: Sha256, iterations: 1000 }, .. }");
}
