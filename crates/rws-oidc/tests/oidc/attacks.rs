//! Tokens that are not what they say.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rws_oidc::{Denied, DeniedKind, IssuerKind, Issuers, MAX_TOKEN_BYTES, looks_like_jwt};
use serde_json::{Value, json};

use crate::{LocalIssuer, NOW, Place, RuleSettings, SigningKey, github, rule, settings};
use rws_lab::oidc::claim_sets::{with, without};

fn rules() -> [RuleSettings; 1] {
    [rule("tags", &[("repository_id", "74"), ("ref", "refs/tags/*")])]
}

fn place() -> Place {
    Place::new(IssuerKind::Github, &rules())
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[track_caller]
fn expect_bad(denied: Result<rws_oidc::Verified, Denied>, expected: &Denied) {
    let denied = denied.unwrap_err();
    assert_eq!((&denied, denied.kind()), (expected, DeniedKind::BadToken));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_that_is_taken() {
    for key in [SigningKey::rsa("a", 2048), SigningKey::p256("a"), SigningKey::ed25519("a")] {
        let issuer = LocalIssuer::start(&[&key]);
        let issuers = Issuers::new(&[settings(IssuerKind::Github, issuer.url(), &rules())]).unwrap();
        let token = key.sign(&github(issuer.url()));
        assert!(looks_like_jwt(&token));
        assert_eq!(issuers.verify(&token, NOW).await.map(|verified| verified.rules.len()), Ok(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged() {
    let place = place();
    let claims = github(place.issuer.url());
    // another key under the same id
    let stranger = SigningKey::p256("one");
    expect_bad(place.issuers.verify(&stranger.sign(&claims), NOW).await, &Denied::Signature);
    // other claims below the signature of these
    let token = place.key.sign(&claims);
    let parts: Vec<&str> = token.split('.').collect();
    let changed = with(claims.clone(), json!({ "repository_id": "75" }));
    let token = [parts[0], &encoded(&changed), parts[2]].join(".");
    expect_bad(place.issuers.verify(&token, NOW).await, &Denied::Signature);
    for signature in ["", "AA", &"A".repeat(86)] {
        let token = [parts[0], parts[1], signature].join(".");
        expect_bad(place.issuers.verify(&token, NOW).await, &Denied::Signature);
    }
    // a key in the header is not used
    let mut header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::ES256) };
    header.jwk = Some(serde_json::from_value(stranger.published()).unwrap());
    header.jku = Some("http://127.0.0.1:1/".to_owned());
    expect_bad(place.issuers.verify(&stranger.sign_with(header, &claims), NOW).await, &Denied::Signature);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_and_audiences() {
    let place = place();
    let claims = |changes: Value| with(github(place.issuer.url()), changes);
    for (changes, expected) in [
        (json!({ "exp": NOW - 60 }), Denied::Expired),
        (json!({ "exp": NOW - 60, "nbf": NOW + 600 }), Denied::Expired),
        (json!({ "nbf": NOW + 61 }), Denied::NotYetValid),
        (json!({ "iat": NOW + 61 }), Denied::NotYetValid),
        (json!({ "exp": "never" }), Denied::Malformed("exp, nbf or iat is no number")),
        (json!({ "aud": "https://github.com/octo-org" }), Denied::Audience),
        (json!({ "aud": ["https://github.com/octo-org"] }), Denied::Audience),
        (json!({ "aud": null }), Denied::Audience),
    ] {
        expect_bad(place.verify(&claims(changes)).await, &expected);
    }
    expect_bad(place.verify(&without(claims(json!({})), "exp")).await, &Denied::Malformed("it has no exp"));
    for changes in [
        json!({ "exp": NOW - 59 }),
        json!({ "nbf": NOW + 60, "iat": NOW + 60 }),
        json!({ "aud": ["https://github.com/octo-org", crate::AUDIENCE] }),
    ] {
        assert!(place.verify(&claims(changes.clone())).await.is_ok(), "{changes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_algorithm_or_another_one() {
    let rsa = SigningKey::rsa("one", 2048);
    let issuer = LocalIssuer::start(&[&rsa]);
    let issuers = Issuers::new(&[settings(IssuerKind::Github, issuer.url(), &rules())]).unwrap();
    let claims = github(issuer.url());
    for alg in ["none", "None", "NONE", "HS256", "RS384", "RS512", "PS256", "ES384", "ES512", "rs256", ""] {
        for signature in ["", "AAAA"] {
            let header = json!({ "alg": alg, "typ": "JWT", "kid": "one" });
            let token = format!("{}.{}.{signature}", encoded(&header), encoded(&claims));
            expect_bad(issuers.verify(&token, NOW).await, &Denied::Algorithm);
        }
    }
    // the public key as the secret of HS256: in its parts, and as the text of its JWK
    let published = rsa.published();
    let modulus = URL_SAFE_NO_PAD.decode(published["n"].as_str().unwrap()).unwrap();
    for secret in [modulus, published.to_string().into_bytes(), published["n"].as_str().unwrap().as_bytes().to_vec()] {
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret)).unwrap();
        expect_bad(issuers.verify(&token, NOW).await, &Denied::Algorithm);
    }
    // an algorithm that the key is not for: the issuer has none
    let ec = SigningKey::p256("one");
    expect_bad(issuers.verify(&ec.sign(&claims), NOW).await, &Denied::UnknownKey);
    assert!(issuers.verify(&rsa.sign(&claims), NOW).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_issuer_with_the_same_key_id() {
    let (mine, other) = (SigningKey::p256("same"), SigningKey::p256("same"));
    let (issuer, stranger) = (LocalIssuer::start(&[&mine]), LocalIssuer::start(&[&other]));
    let known = |issuer: &LocalIssuer, name: &str| {
        settings(IssuerKind::Github, issuer.url(), &[RuleSettings { name: name.to_owned(), ..rules()[0].clone() }])
    };
    let issuers = Issuers::new(&[known(&issuer, "a"), known(&stranger, "b")]).unwrap();
    // each for its own
    for (index, (issuer, key)) in [(&issuer, &mine), (&stranger, &other)].into_iter().enumerate() {
        let verified = issuers.verify(&key.sign(&github(issuer.url())), NOW).await.unwrap();
        assert_eq!((verified.issuer.as_str(), verified.rules[0].issuer_index), (issuer.url(), index));
    }
    // the key of one, the name of the other
    expect_bad(issuers.verify(&other.sign(&github(issuer.url())), NOW).await, &Denied::Signature);
    expect_bad(issuers.verify(&mine.sign(&github(stranger.url())), NOW).await, &Denied::Signature);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_issuer_is_never_asked() {
    let place = place();
    let stranger = LocalIssuer::start(&[&place.key]);
    for issuer in [
        json!(stranger.url()),
        json!(format!("{}/", place.issuer.url())),
        json!(place.issuer.url().to_uppercase()),
        json!([place.issuer.url()]),
        json!(null),
        json!(""),
    ] {
        let denied = place.verify(&with(github(""), json!({ "iss": issuer }))).await.unwrap_err();
        assert!(matches!(denied, Denied::UnknownIssuer | Denied::Malformed("it has no iss")), "{denied}");
        assert_eq!(denied.kind(), DeniedKind::BadToken);
    }
    assert!(stranger.server().asked().is_empty() && place.issuer.server().asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_or_odd_is_refused_before_anybody_is_asked() {
    let place = place();
    let claims = github(place.issuer.url());
    let long = place.key.sign(&with(claims.clone(), json!({ "sha": "a".repeat(MAX_TOKEN_BYTES) })));
    expect_bad(place.issuers.verify(&long, NOW).await, &Denied::Malformed("it is too long"));
    let critical = json!({ "alg": "ES256", "kid": "one", "crit": ["exp"] });
    let token = format!("{}.{}.AAAA", encoded(&critical), encoded(&claims));
    expect_bad(place.issuers.verify(&token, NOW).await, &Denied::Malformed("it has crit"));
    let good = json!({ "alg": "ES256", "kid": "one" });
    let deep = "[".repeat(3000) + &"]".repeat(3000);
    for token in [
        String::new(),
        "a".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        "a.b.c.d".to_owned(),
        format!("{}.{}", encoded(&good), encoded(&claims)),
        format!("{}.{}.a.b.c", encoded(&good), encoded(&claims)),
        format!("{}=.{}.AAAA", encoded(&good), encoded(&claims)),
        format!("{}.{}.AAAA", encoded(&json!({ "alg": "ES256", "kid": 1 })), encoded(&claims)),
        format!("{}.{}.AAAA", encoded(&json!({ "kid": "one" })), encoded(&claims)),
        format!("{}.{}.AAAA", encoded(&json!(["ES256"])), encoded(&claims)),
        format!("{}.{}.AAAA", encoded(&good), encoded(&json!([claims]))),
        format!("{}.{}.AAAA", encoded(&good), URL_SAFE_NO_PAD.encode(format!("{{\"a\":{deep}}}"))),
    ] {
        expect_bad(place.issuers.verify(&token, NOW).await, &Denied::Malformed("it is no JWT"));
    }
    assert!(place.issuer.server().asked().is_empty());
}

#[test]
fn a_password_is_no_jwt() {
    let header = encoded(&json!({ "alg": "none" }));
    for jwt in [format!("{header}.e30."), format!("{header}.e30.AA"), format!("{header}.a.b")] {
        assert!(looks_like_jwt(&jwt), "{jwt}");
    }
    for password in [
        "",
        "secret",
        "a.b.c",
        "..",
        "rws_0123456789",
        &header,
        &format!("{header}.e30"),
        &format!("{header}..AA"),
        &format!("{header}.e30.AA.AA"),
        &format!("{header}.e30.A+"),
        &format!("{header}.e 0.AA"),
        &format!("{}.e30.AA", encoded(&json!({ "typ": "JWT" }))),
        &format!("{}.e30.AA", encoded(&json!(["alg"]))),
        &format!("{}.e30.AA", encoded(&json!({ "alg": "a".repeat(5000) }))),
    ] {
        assert!(!looks_like_jwt(password), "{password}");
    }
}
