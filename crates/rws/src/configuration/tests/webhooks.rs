//! The list `webhooks`.

use std::path::Path;

use rws_repository::events::EventKind;

use super::*;

const SECRET: &str = "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA==\n";

fn file(webhooks: Value) -> Value {
    with(small(), "/webhooks", webhooks)
}

fn secret(directory: &Path) -> String {
    let path = directory.join("secret");
    std::fs::write(&path, SECRET).unwrap();
    path.display().to_string()
}

#[test]
fn receivers_and_what_they_want() {
    let directory = tempfile::tempdir().unwrap();
    let secret = secret(directory.path());
    assert!(resolved(&small(), &[]).webhooks.is_empty());
    let configuration = resolved(
        &file(json!([
            { "url": "https://hooks.example.org:8443/services/token?a=b", "secret_file": secret },
            { "url": "http://127.0.0.1/", "secret_file": secret, "name": "ci", "events": ["key.warning"], "match": "life/*" },
            { "url": "http://hooks.internal/", "secret_file": secret, "allow_http": true, "events": [] },
        ])),
        &[],
    );
    let [first, second, third] = configuration.webhooks.as_slice() else { panic!("three webhooks") };
    assert_eq!((first.name.as_str(), first.kinds.len()), ("hooks.example.org:8443", EventKind::ALL.len()));
    assert_eq!((second.name.as_str(), second.kinds.iter().collect::<Vec<_>>()), ("ci", vec![&EventKind::KeyWarning]));
    assert_eq!((third.name.as_str(), third.kinds.len()), ("hooks.internal", 0));
    assert_ne!(first.subscriber().id, second.subscriber().id);
    assert_eq!(configuration.warnings, ["webhook \"ci\": match is life/*, which matches no repository"]);
    let shown = &shown(&configuration)["webhooks"];
    assert_eq!(shown[0]["url"], "https://hooks.example.org:8443/…");
    assert_eq!((&shown[0]["secret"], &shown[1]["match"]), (&json!("<set>"), &json!("life/*")));
    let text = format!("{configuration:?}{shown}");
    assert!(!text.contains("c2VjcmV0") && !shown.to_string().contains("token"), "{text}");
}

#[test]
fn mistakes_name_their_key() {
    let directory = tempfile::tempdir().unwrap();
    let secret = secret(directory.path());
    let short = directory.path().join("short");
    std::fs::write(&short, "whsec_c2hvcnQ=").unwrap();
    let one = |key: &str, value: Value| {
        let mut one = json!({ "url": "https://a.example.org/token", "secret_file": secret });
        one[key] = value;
        json!([one])
    };
    let again = json!([
        { "url": "https://a.example.org/1", "secret_file": secret }, { "url": "https://a.example.org/2", "secret_file": secret },
    ]);
    let twice = json!([
        { "url": "https://a.example.org/1", "secret_file": secret },
        { "url": "https://a.example.org/1", "secret_file": secret, "name": "b" },
    ]);
    let cases = [
        (json!({}), "webhooks"),
        (json!([{ "url": "https://a.example.org/" }]), "webhooks[0].secret_file"),
        (json!([{ "secret_file": secret }]), "webhooks[0].url"),
        (one("url", json!("http://a.example.org/token")), "webhooks[0].url"),
        (one("url", json!("https://user@a.example.org/token")), "webhooks[0].url"),
        (one("url", json!("https://a.example.org/token#b")), "webhooks[0].url"),
        (one("url", json!("https://a.example.org:0/token")), "webhooks[0].url"),
        (one("url", json!("https:///token")), "webhooks[0].url"),
        (one("url", json!("ftp://a.example.org/token")), "webhooks[0].url"),
        (one("url", json!("http://localhost.example.org/token")), "webhooks[0].url"),
        (one("secret_file", json!("/nowhere/secret")), "webhooks[0].secret_file"),
        (one("secret_file", json!(short.display().to_string())), "webhooks[0].secret_file"),
        (one("name", json!("a b")), "webhooks[0].name"),
        (one("events", json!(["upload.refused"])), "webhooks[0].events[0]"),
        (one("match", json!("a//b")), "webhooks[0].match"),
        (one("retries", json!(1)), "webhooks[0].retries"),
        (again, "webhooks[1]"),
        (twice, "webhooks[1]"),
    ];
    for (webhooks, key) in cases {
        let mistake = resolve(&file(webhooks.clone()), &[]).unwrap_err();
        assert_eq!(mistake.key, key, "{webhooks}");
        let said = mistake.to_string();
        assert!(!said.contains("/token") && !said.contains("c2hvcnQ"), "{said}");
    }
}
