//! How keys are fetched, and what issuers may do.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;

use jsonwebtoken::Header;
use rws_lab::{HttpServer, Reply};
use rws_oidc::{Denied, DeniedKind, IssuerKind, IssuerSettings, Issuers, RuleSettings};
use serde_json::{Value, json};

use crate::{LocalIssuer, NOW, Place, SigningKey, github, rule, settings};
use rws_lab::oidc::{KEYS, discovery};

const HOUR: i64 = 3600;

fn rules() -> [RuleSettings; 1] {
    [rule("tags", &[("repository_id", "74"), ("ref", "refs/tags/*")])]
}

/// A generic issuer, so that the claims of a token can be few; its tokens are valid for two days.
fn place() -> Place {
    Place::new(IssuerKind::Generic, &[rule("a", &[("sub", "a")])])
}

fn claims(issuer: &str) -> Value {
    json!({ "iss": issuer, "aud": crate::AUDIENCE, "sub": "a", "exp": NOW + 48 * HOUR })
}

impl Place {
    /// What becomes of a token of a key at a time.
    async fn at(&self, key: &SigningKey, now: i64) -> Result<(), Denied> {
        self.issuers.verify(&key.sign(&claims(self.issuer.url())), now).await.map(|_| ())
    }

    /// Waits until keys were asked for so often.
    async fn wait_for_fetches(&self, count: usize) {
        while self.issuer.fetches() < count {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_once_for_many_requests() {
    let place = Arc::new(place());
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Mutex::new(receiver);
    let (url, keys) = (place.issuer.url().to_owned(), json!({ "keys": [place.key.published()] }).to_string());
    place.issuer.server().set(move |asked| {
        if asked.target != KEYS {
            return Reply::new(200, discovery(&url, &format!("{url}{KEYS}")));
        }
        _ = receiver.lock().unwrap().recv();
        Reply::new(200, keys.clone())
    });
    let verify = |place: Arc<Place>| async move { place.at(&place.key, NOW).await };
    let waiting: Vec<_> = (0..20).map(|_| tokio::spawn(verify(Arc::clone(&place)))).collect();
    // a request that goes away takes nothing with it
    waiting[0].abort();
    place.wait_for_fetches(1).await;
    sender.send(()).unwrap();
    for request in waiting.into_iter().skip(1) {
        assert_eq!(request.await.unwrap(), Ok(()));
    }
    assert_eq!(place.issuer.fetches(), 1);
    for later in [1, 100, HOUR - 1] {
        assert_eq!(place.at(&place.key, NOW + later).await, Ok(()));
    }
    assert_eq!(place.issuer.fetches(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_found_and_unknown_ones_cost_a_fetch_in_thirty_seconds() {
    let place = place();
    let (second, stranger) = (SigningKey::p256("two"), SigningKey::p256("three"));
    assert_eq!(place.at(&place.key, NOW).await, Ok(()));
    // both keys for a while, as issuers change theirs
    place.issuer.publish(&[&place.key, &second]);
    assert_eq!(place.at(&second, NOW + 29).await, Err(Denied::UnknownKey));
    assert_eq!(place.at(&second, NOW + 30).await, Ok(()));
    assert_eq!(place.issuer.fetches(), 2);
    for now in [31, 45, 59] {
        assert_eq!(place.at(&stranger, NOW + now).await, Err(Denied::UnknownKey));
    }
    assert_eq!(place.issuer.fetches(), 2);
    for _ in 0..20 {
        assert_eq!(place.at(&stranger, NOW + 60).await, Err(Denied::UnknownKey));
    }
    assert_eq!(place.issuer.fetches(), 3);
    assert_eq!(place.at(&place.key, NOW + 61).await, Ok(()));
    // the old key is withdrawn: with the next fetch it is worth nothing
    place.issuer.publish(&[&second]);
    assert_eq!(place.at(&place.key, NOW + 61 + HOUR).await, Ok(()));
    place.wait_for_fetches(4).await;
    while place.at(&place.key, NOW + 62 + HOUR).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(place.at(&second, NOW + 62 + HOUR).await, Ok(()));
    assert_eq!(place.issuer.fetches(), 4);
    // a clock that is set back does not stop fetches
    place.issuer.publish(&[&second, &stranger]);
    assert_eq!(place.at(&stranger, NOW - HOUR).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_down_is_missed_after_a_day() {
    let place = place();
    assert_eq!(place.at(&place.key, NOW).await, Ok(()));
    place.issuer.server().set(|_| Reply::new(500, ""));
    for hours in [1, 2, 12, 23] {
        let asked = place.issuer.server().asked().len();
        // the fetch before may not be over yet
        while place.issuer.server().asked().len() == asked {
            assert_eq!(place.at(&place.key, NOW + hours * HOUR).await, Ok(()));
            tokio::task::yield_now().await;
        }
    }
    let denied = place.at(&place.key, NOW + 24 * HOUR).await.unwrap_err();
    assert_eq!((&denied, denied.kind()), (&Denied::KeysUnavailable, DeniedKind::TryLater));
    // another key cannot be judged
    assert_eq!(place.at(&SigningKey::p256("two"), NOW + 25 * HOUR).await, Err(Denied::KeysUnavailable));
    let asked = place.issuer.server().asked().len();
    assert_eq!(place.at(&place.key, NOW + 25 * HOUR + 4).await, Err(Denied::KeysUnavailable));
    assert_eq!(place.issuer.server().asked().len(), asked);
    place.issuer.recover();
    assert_eq!(place.at(&place.key, NOW + 25 * HOUR + 5).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_issuer_keeps_nobody_for_long() {
    let place = place();
    let (_sender, receiver) = mpsc::channel::<()>();
    let receiver = Mutex::new(receiver);
    place.issuer.server().set(move |_| {
        _ = receiver.lock().unwrap().recv();
        Reply::new(200, "")
    });
    let (started, another) = (Instant::now(), LocalIssuer::start(&[&place.key]));
    assert_eq!(place.at(&place.key, NOW).await, Err(Denied::KeysUnavailable));
    assert!(started.elapsed().as_secs() < 20);
    // others are not concerned
    let known = |url: &str, name: &str| settings(IssuerKind::Generic, url, &[rule(name, &[("sub", "a")])]);
    let issuers = [known(place.issuer.url(), "a"), known(another.url(), "b")];
    let issuers = Issuers::new(&issuers).unwrap();
    assert!(issuers.verify(&place.key.sign(&claims(another.url())), NOW).await.is_ok());
}

/// Whatever an issuer answers, there are no keys then.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_of_an_issuer_is_bounded() {
    let private = HttpServer::start(|_| Reply::new(200, "secret"));
    let deep = "[".repeat(100_000);
    let redirect = |location: String| Reply { headers: vec![("Location", location)], ..Reply::new(302, "") };
    let of_many = json!({ "keys": vec![SigningKey::p256("one").published(); 101] }).to_string();
    let answers = [
        Reply::new(200, ""),
        Reply::new(200, "<html>"),
        Reply::new(200, "null"),
        Reply::new(200, "{}"),
        Reply::new(200, "[]"),
        Reply::new(200, vec![0xff; 1000]),
        Reply::new(200, deep.clone()),
        Reply::new(200, format!("{{\"keys\":{deep}")),
        Reply::new(200, json!({ "keys": [] }).to_string()),
        Reply::new(200, json!({ "keys": [1, "a", null, {}, { "kty": 1 }] }).to_string()),
        Reply::new(200, of_many),
        Reply::new(200, vec![b' '; 10 << 20]),
        Reply { says_length: false, ..Reply::new(200, vec![b' '; 10 << 20]) },
        Reply::new(204, ""),
        Reply::new(404, json!({ "keys": [SigningKey::p256("one").published()] }).to_string()),
        redirect(private.url().to_owned()),
        redirect("http://169.254.169.254/latest/meta-data/".to_owned()),
    ];
    for answer in answers {
        for of_keys in [true, false] {
            let place = place();
            let (url, answer) = (place.issuer.url().to_owned(), answer.clone());
            place.issuer.server().set(move |asked| match of_keys && asked.target != KEYS {
                true => Reply::new(200, discovery(&url, &format!("{url}{KEYS}"))),
                false => answer.clone(),
            });
            assert_eq!(place.at(&place.key, NOW).await, Err(Denied::KeysUnavailable));
        }
    }
    assert!(private.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_on_another_host_have_to_be_configured() {
    let place = place();
    let elsewhere = LocalIssuer::start(&[&place.key]);
    let of_keys = format!("{}{KEYS}", elsewhere.url());
    let url = place.issuer.url().to_owned();
    for (issuer, uri) in [
        (url.clone(), of_keys.clone()),
        (url.clone(), of_keys.replace("127.0.0.1", "localhost")),
        (url.clone(), "http://169.254.169.254/".to_owned()),
        (url.clone(), "file:///etc/passwd".to_owned()),
        (url.clone(), format!("{}@{}", url, of_keys.trim_start_matches("http://"))),
        (url.clone(), KEYS.to_owned()),
        // a document that is another issuer's
        (elsewhere.url().to_owned(), format!("{url}{KEYS}")),
        (format!("{url}/"), format!("{url}{KEYS}")),
    ] {
        let document = discovery(&issuer, &uri);
        let keys = json!({ "keys": [place.key.published()] }).to_string();
        place.issuer.server().set(move |asked| match asked.target.as_str() {
            KEYS => Reply::new(200, keys.clone()),
            _ => Reply::new(200, document.clone()),
        });
        let issuers = Issuers::new(&[settings(IssuerKind::Generic, &url, &[rule("a", &[("sub", "a")])])]).unwrap();
        let denied = issuers.verify(&place.key.sign(&claims(&url)), NOW).await.unwrap_err();
        assert_eq!(denied, Denied::KeysUnavailable, "{uri}");
    }
    assert!(elsewhere.server().asked().is_empty());
    let explicit = IssuerSettings {
        jwks_uri: Some(of_keys),
        ..settings(IssuerKind::Generic, &url, &[rule("a", &[("sub", "a")])])
    };
    let asked = place.issuer.server().asked().len();
    let issuers = Issuers::new(&[explicit]).unwrap();
    assert!(issuers.verify(&place.key.sign(&claims(&url)), NOW).await.is_ok());
    assert_eq!((elsewhere.fetches(), place.issuer.server().asked().len()), (1, asked));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_not_for_this_are_ignored() {
    let (ec, ed) = (SigningKey::p256("ec"), SigningKey::ed25519("ed"));
    let short = SigningKey::rsa("short", 1024);
    let with = |mut key: Value, changes: Value| {
        for (name, value) in changes.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    };
    let place = place();
    for (key, published) in [
        (&short, short.published()),
        (&ec, with(ec.published(), json!({ "use": "enc" }))),
        (&ec, with(ec.published(), json!({ "key_ops": ["sign"] }))),
        (&ec, with(ec.published(), json!({ "alg": "ES384" }))),
        (&ec, with(ec.published(), json!({ "crv": "P-384" }))),
        (&ec, with(ec.published(), json!({ "kty": "oct", "k": "AAAA" }))),
        // the library would read behind the end of a short key
        (&ed, with(ed.published(), json!({ "x": "AAAA" }))),
        (&ed, with(ed.published(), json!({ "x": "" }))),
        (&ec, with(ec.published(), json!({ "x": "AAAA" }))),
        (&ec, with(ec.published(), json!({ "y": ec.published()["y"].as_str().unwrap().to_owned() + "AAAA" }))),
        (&ec, with(ec.published(), json!({ "x": "=" }))),
    ] {
        // beside a good one, so that the set is used
        place.issuer.publish_text(json!({ "keys": [place.key.published(), published] }));
        let issuers = Issuers::new(&[settings(IssuerKind::Generic, place.issuer.url(), &[rule("a", &[("sub", "a")])])]);
        let token = key.sign(&claims(place.issuer.url()));
        assert_eq!(issuers.unwrap().verify(&token, NOW).await, Err(Denied::UnknownKey), "{published}");
    }
    // a point that is not on the curve
    let off = with(ec.published(), json!({ "x": ec.published()["y"] }));
    place.issuer.publish_text(json!({ "keys": [place.key.published(), off] }));
    assert_eq!(place.at(&ec, NOW).await, Err(Denied::Signature));
    // members that nobody knows, and none that need not be there
    place
        .issuer
        .publish_text(json!({ "keys": [with(ec.published(), json!({ "use": null, "alg": null, "new": [1] }))] }));
    let url = place.issuer.url();
    let issuers = Issuers::new(&[settings(IssuerKind::Generic, url, &[rule("a", &[("sub", "a")])])]).unwrap();
    assert!(issuers.verify(&ec.sign(&claims(url)), NOW).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_key_id_is_of_the_only_key() {
    let place = place();
    let second = SigningKey::p256("two");
    let token =
        |key: &SigningKey| key.sign_with(Header::new(jsonwebtoken::Algorithm::ES256), &claims(place.issuer.url()));
    assert!(place.issuers.verify(&token(&place.key), NOW).await.is_ok());
    assert_eq!(place.issuers.verify(&token(&second), NOW).await, Err(Denied::Signature));
    place.issuer.publish(&[&place.key, &second]);
    assert_eq!(place.at(&second, NOW + 30).await, Ok(()));
    assert_eq!(place.issuers.verify(&token(&place.key), NOW + 31).await, Err(Denied::UnknownKey));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_set_of_rsa_and_other_keys() {
    let keys = [SigningKey::rsa("rsa", 2048), SigningKey::p256("ec"), SigningKey::ed25519("ed")];
    let issuer = LocalIssuer::start(&keys.each_ref());
    let issuers = Issuers::new(&[settings(IssuerKind::Github, issuer.url(), &rules())]).unwrap();
    for key in &keys {
        assert!(issuers.verify(&key.sign(&github(issuer.url())), NOW).await.is_ok());
    }
    assert_eq!(issuer.fetches(), 1);
}
