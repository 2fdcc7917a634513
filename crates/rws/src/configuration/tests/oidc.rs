//! The list `oidc`.

use rws_oidc::IssuerKind;

use super::*;

fn github() -> Value {
    json!({
        "type": "github", "issuer": "https://token.actions.githubusercontent.com", "audience": "https://rws.example.org",
        "rules": [
            { "name": "core", "claims": { "repository_id": "1234", "ref": "refs/tags/*" },
              "allow": ["live/*", { "match": "release/*", "verbs": ["upload", "promote"], "packages": ["tarantool*"] }] },
            { "name": "reads", "claims": { "repository_id": "1234", "environment": "test" }, "allow": [] },
        ],
    })
}

fn generic() -> Value {
    json!({
        "type": "generic", "issuer": "http://127.0.0.1:8080", "audience": "a", "jwks_uri": "https://keys.example.org/",
        "rules": [{ "name": "job", "claims": { "sub": "job" }, "allow": ["life/*"] }],
    })
}

fn file(issuers: Value) -> Value {
    with(small(), "/oidc", issuers)
}

#[test]
fn issuers_and_what_their_rules_allow() {
    assert_eq!(resolved(&small(), &[]).oidc, []);
    let configuration = resolved(&file(json!([github(), generic()])), &[]);
    let [first, second] = configuration.oidc.as_slice() else { panic!("two issuers") };
    assert_eq!((first.settings.kind, first.settings.rules.len(), first.grants.len()), (IssuerKind::Github, 2, 2));
    assert_eq!(first.settings.rules[0].claims["ref"], "refs/tags/*");
    assert_eq!(second.settings.kind, IssuerKind::Generic);
    assert_eq!(second.settings.jwks_uri.as_deref(), Some("https://keys.example.org/"));
    let [core, reads] = first.grants.as_slice() else { panic!("two rules") };
    assert_eq!(core.len(), 2);
    assert_eq!(
        (&core[0].verbs[..], &core[1].verbs[..]),
        (&[Verb::Upload, Verb::Delete][..], &[Verb::Upload, Verb::Promote][..])
    );
    assert_eq!((reads.len(), second.grants.len(), second.grants[0].len()), (0, 1, 1));
    let line = "rule \"job\" of oidc: allow has life/*, which matches no repository";
    assert_eq!(configuration.warnings, [line]);

    let shown = &shown(&configuration)["oidc"];
    let allow = json!([
        { "match": "live/*", "verbs": ["upload", "delete"] },
        { "match": "release/*", "verbs": ["upload", "promote"], "packages": ["tarantool*"] },
    ]);
    assert_eq!(shown[0]["rules"][0]["allow"], allow);
    assert_eq!((&shown[0]["type"], &shown[1]["type"]), (&json!("github"), &json!("generic")));
    assert_eq!((&shown[0]["jwks_uri"], &shown[0]["ca_file"]), (&json!(null), &json!(null)));
    assert_eq!(shown[1]["rules"][0]["claims"], json!({ "sub": "job" }));
}

#[test]
fn readers_may_be_rules() {
    let read = json!([{ "match": "*", "read": ["oidc:core", "oidc:other"] }]);
    let warnings = resolved(&with(file(json!([github()])), "/repositories", read), &[]).warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("\"oidc:other\", which is nobody"), "{warnings:?}");
}

#[test]
fn mistakes_in_issuers_and_rules() {
    let one = |pointer: &str, value: Value| file(json!([with(github(), pointer, value)]));
    let rule = |key: &str, value: Value| one(&format!("/rules/0/{key}"), value);
    let rows = [
        (file(json!({})), "oidc is an object; allowed is a list of objects with type, issuer, audience and rules"),
        (file(json!(["a"])), "oidc[0] is \"a\""),
        (one("/type", json!("git")), "oidc[0].type is \"git\"; allowed is \"github\", \"gitlab\" or \"generic\""),
        (one("/type", json!(null)), "oidc[0].type is missing"),
        (one("/issuer", json!(null)), "oidc[0].issuer is missing"),
        (
            one("/issuer", json!("http://example.org")),
            "oidc[0].issuer is \"http://example.org\"; allowed is a URL like",
        ),
        (one("/issuer", json!("https://a:hush@example.org")), "oidc[0].issuer is not shown"),
        (one("/audience", json!(null)), "oidc[0].audience is missing"),
        (one("/audience", json!("")), "oidc[0].audience is empty"),
        (one("/audience", json!(["a"])), "oidc[0].audience is a list"),
        (one("/jwks_uri", json!(1)), "oidc[0].jwks_uri is 1"),
        (one("/jwks_uri", json!("keys")), "oidc[0].jwks_uri is \"keys\""),
        (one("/ca_file", json!("/nowhere.pem")), "oidc[0].ca_file is \"/nowhere.pem\", which does not exist"),
        (one("/rules", json!(null)), "oidc[0].rules is missing"),
        (one("/rules", json!({})), "oidc[0].rules is an object"),
        (one("/colour", json!(1)), "oidc[0].colour is unknown; allowed are type, issuer, audience, jwks_uri, ca_file"),
        (rule("name", json!(null)), "oidc[0].rules[0].name is missing"),
        (rule("name", json!("a b")), "oidc[0].rules[0].name is \"a b\""),
        (rule("name", json!("reads")), "oidc[0].rules[1].name is \"reads\", the name of a rule before"),
        (rule("claims", json!(null)), "oidc[0].rules[0].claims is missing"),
        (
            rule("claims", json!({ "ref": "a" })),
            "oidc[0].rules[0].claims do not name repository_id without * and ?; allowed are",
        ),
        (rule("claims", json!({ "repository_id": 1234, "ref": "a" })), "oidc[0].rules[0].claims.repository_id is 1234"),
        (
            rule("claims", json!({ "repository_id": "1", "ref": "a", "aud": "b" })),
            "oidc[0].rules[0].claims.aud is checked",
        ),
        (rule("allow", json!(null)), "oidc[0].rules[0].allow is missing"),
        (rule("allow", json!("live/*")), "oidc[0].rules[0].allow is \"live/*\""),
        (rule("allow", json!(["/live"])), "oidc[0].rules[0].allow[0] is \"/live\""),
        (
            rule("allow", json!([{ "match": "live/*", "verbs": ["admin"] }])),
            "oidc[0].rules[0].allow[0].verbs[0] is \"admin\"",
        ),
        (rule("admin", json!(true)), "oidc[0].rules[0].admin is unknown; allowed are name, claims, allow"),
        (file(json!([github(), github()])), "oidc[1].issuer is that of an entry before; allowed is each issuer once"),
    ];
    for (file, start) in rows {
        let line = mistake(&file, &[]);
        assert!(line.starts_with(&format!("rws.json: {start}")), "{line} does not say {start}");
        assert!(!line.contains("hush"), "{line}");
    }
}
