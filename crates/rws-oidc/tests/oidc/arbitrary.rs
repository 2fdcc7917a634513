//! Any text, and any change of a good token.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use rws_oidc::{IssuerKind, looks_like_jwt};
use tokio::runtime::Runtime;

use crate::{NOW, Place, github, rule};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// An issuer with its keys known, and a good token of it.
static GOOD: LazyLock<(Place, String)> = LazyLock::new(|| {
    let place = Place::new(IssuerKind::Github, &[rule("tags", &[("repository_id", "74"), ("ref", "refs/tags/*")])]);
    let token = place.key.sign(&github(place.issuer.url()));
    assert!(verified(&place, &token));
    (place, token)
});

fn verified(place: &Place, token: &str) -> bool {
    RUNTIME.block_on(place.issuers.verify(token, NOW)).is_ok()
}

/// Text as an attacker may make it: parts that are nearly those of a token.
fn nearly() -> impl Strategy<Value = String> {
    let object = r#"\{("alg":"(ES256|RS256|EdDSA|none)",?)?("kid":("one"|1|null),?)?("iss":"[a-z:/]{0,9}",?)?("exp":[0-9e.+-]{1,6})?\}"#;
    let json = prop_oneof![proptest::string::string_regex(object).unwrap(), any::<String>()];
    let part = prop_oneof![
        json.prop_map(|json| URL_SAFE_NO_PAD.encode(json)),
        proptest::collection::vec(any::<u8>(), 0..100).prop_map(|bytes| URL_SAFE_NO_PAD.encode(bytes)),
        any::<String>(),
    ];
    proptest::collection::vec(part, 0..5).prop_map(|parts| parts.join("."))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_changed_token_is_good(at in any::<prop::sample::Index>(), byte in 0_u8..128, kind in 0..3) {
        let (place, token) = &*GOOD;
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => _ = bytes.remove(at),
        }
        let changed = String::from_utf8(bytes).unwrap();
        prop_assume!(changed != *token);
        prop_assert!(!verified(place, &changed), "{changed}");
    }

    #[test]
    fn no_text_is_good_or_a_panic(text in any::<String>()) {
        looks_like_jwt(&text);
        prop_assert!(!verified(&GOOD.0, &text));
    }

    #[test]
    fn nothing_that_is_nearly_a_token_is_good_or_a_panic(text in nearly()) {
        looks_like_jwt(&text);
        prop_assert!(!verified(&GOOD.0, &text));
    }
}

/// Each character of a token, one after the other.
#[test]
fn every_character_counts() {
    let (place, token) = &*GOOD;
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(!verified(place, &changed), "at {at}");
    }
}
