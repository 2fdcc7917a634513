//! Who may write.

use rws_model::{Allowed, Target};

use super::*;
use crate::configuration::User;

const ALLOWED: &str = "is at least one user: {\"name\": \"hash\"}; or server.read_only: true in the file";
const BOB: (&str, &str) = ("RWS_CREDENTIALS", r#"{"bob": "of the environment"}"#);

/// Whether a user whose rights name no packages may do something.
fn may(user: &User, verb: Verb, target: &Target) -> bool {
    match user.may(verb, target) {
        Allowed::Everything => true,
        Allowed::Nothing => false,
        Allowed::Packages(patterns) => panic!("{patterns:?}"),
    }
}

fn names(configuration: &Configuration) -> Vec<&str> {
    configuration.credentials.as_ref().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn users_of_the_file_are_joined_and_the_environment_replaces_them() {
    let file = with(small(), "/common/credentials", json!({ "ann": "hash" }));
    let file = with(file, "/users", json!({ "eve": { "hash": "hash", "allow": ["live/*/el", "release"] } }));
    let configuration = resolved(&file, &[]);
    assert_eq!(names(&configuration), ["ann", "eve"]);
    let eve = &configuration.credentials.as_ref().unwrap()["eve"];
    assert!(
        may(eve, Verb::Upload, &target("live/1.10/el/7"))
            && may(eve, Verb::Upload, &target("release/1.10/ubuntu/focal"))
    );
    assert!(!may(eve, Verb::Upload, &target("live/1.10/ubuntu/focal")));
    assert!(may(&configuration.credentials.as_ref().unwrap()["ann"], Verb::Upload, &target("live/1.10/ubuntu/focal")));

    let configuration = resolved(&file, &[BOB]);
    assert_eq!(names(&configuration), ["bob"]);
    let lines = ["common.credentials", "users"]
        .map(|key| format!("rws.json: {key} is not used, because RWS_CREDENTIALS is set"));
    assert_eq!(configuration.warnings, lines);
    assert_eq!(
        mistake(&with(file, "/users", json!({ "ann": "hash" })), &[]),
        "rws.json: users names \"ann\" a second time; allowed is each user once"
    );
}

#[test]
fn what_a_user_may_do_is_said_by_verbs() {
    let of = |user: serde_json::Value| {
        let file = with(small(), "/users", json!({ "eve": user }));
        resolved(&file, &[]).credentials.unwrap().remove("eve").unwrap()
    };
    let (el, focal) = (target("live/1.10/el/7"), target("release/1.10/ubuntu/focal"));
    let limited =
        of(json!({ "hash": "x", "allow": ["live/*", { "match": "release/*", "verbs": ["upload", "promote"] }] }));
    for (verb, on_el, on_focal) in [
        (Verb::Upload, true, true),
        (Verb::Delete, true, false),
        (Verb::Promote, false, true),
        (Verb::Retain, false, false),
        (Verb::Read, false, false),
    ] {
        let may = |user: &User, target| may(user, verb, target);
        assert_eq!((may(&limited, &el), may(&limited, &focal)), (on_el, on_focal), "{verb:?}");
        assert!(may(&of(json!({ "hash": "x", "admin": true })), &el), "{verb:?}");
        let usual = [Verb::Upload, Verb::Delete].contains(&verb);
        assert_eq!(may(&of(json!({ "hash": "x" })), &el), usual, "{verb:?}");
        assert_eq!(may(&of(json!("x")), &el), usual, "{verb:?}");
        assert!(!may(&of(json!({ "hash": "x", "allow": [] })), &el), "{verb:?}");
    }
    let of_packages = of(json!({ "hash": "x", "allow": [
        { "match": "live/*", "packages": ["a*"] },
        { "match": "live/*/el/*", "packages": ["b", "c"] },
        { "match": "release/*", "packages": ["a*"] },
        { "match": "release/*/ubuntu/*", "verbs": ["upload"] },
    ] }));
    let patterns = ["a*", "b", "c"].map(str::to_owned).to_vec();
    assert_eq!(of_packages.may(Verb::Upload, &el), Allowed::Packages(vec![patterns]));
    assert_eq!(of_packages.may(Verb::Upload, &focal), Allowed::Everything);
    assert_eq!(of_packages.may(Verb::Delete, &focal), Allowed::Packages(vec![vec!["a*".to_owned()]]));
    assert_eq!(of_packages.may(Verb::Promote, &el), Allowed::Nothing);
    for (allow, expected) in [
        (json!([{ "match": "live/*", "verbs": ["publish"] }]), "users.eve.allow[0].verbs[0]"),
        (json!([{ "verbs": ["upload"] }]), "users.eve.allow[0].match is missing"),
        (json!([{ "match": "live/*", "packages": [] }]), "users.eve.allow[0].packages"),
        (json!([{ "match": "live/*", "packages": "a" }]), "users.eve.allow[0].packages"),
        (json!([{ "match": "live/*", "packages": [""] }]), "users.eve.allow[0].packages[0]"),
        (json!([{ "match": "live/*", "verb": [] }]), "users.eve.allow[0].verb is unknown"),
    ] {
        let said = mistake(&with(small(), "/users", json!({ "eve": { "hash": "x", "allow": allow } })), &[]);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_plain_password_or_an_odd_name_does_not_stop_the_program() {
    let configuration = resolved(&small(), &[("RWS_CREDENTIALS", r#"{"user": "password", "a:b": ""}"#)]);
    assert_eq!(names(&configuration), ["a:b", "user"]);
    let line = "environment: RWS_CREDENTIALS.\"a:b\" can never log in: a name must not be empty and must not contain a colon \
                or a control character";
    assert_eq!(configuration.warnings, [line]);
}

#[test]
fn serving_with_no_users_needs_the_local_store_or_an_explicit_word() {
    let s3 = ["endpoint_url", "region", "bucket_name", "access_key_id", "secret_access_key"];
    let s3 = s3.iter().fold(small(), |file, key| with(file, &format!("/model/{key}"), json!("http://x")));
    let s3 = with(s3, "/model/bucket_name", json!("x"));
    let read_only = |file| with(file, "/server", json!({ "read_only": true }));
    let empty = [("RWS_CREDENTIALS", "{}")];

    assert_eq!(resolved(&small(), &[]).credentials, None);
    let of_variables = &super::variables::S3[..5];
    for (file, variables) in [
        (&s3, &[][..]),
        (&s3, &[("RWS_CREDENTIALS", "")]),
        (&small(), of_variables),
        (&with(small(), "/store", json!({ "retries": 1 })), of_variables),
    ] {
        let line = format!(
            "environment: RWS_CREDENTIALS is missing; it is required because S3 is the store; allowed {ALLOWED}"
        );
        assert_eq!(mistake(file, variables), line);
    }
    for file in [small(), s3.clone()] {
        assert_eq!(mistake(&file, &empty), format!("environment: RWS_CREDENTIALS is empty; allowed {ALLOWED}"));
        let none = with(file.clone(), "/common/credentials", json!({}));
        assert_eq!(mistake(&none, &[]), format!("rws.json: users is empty; allowed {ALLOWED}"));
        for variables in [&[][..], &empty] {
            assert_eq!(resolved(&read_only(file.clone()), variables).credentials, Some([].into()));
        }
        assert_eq!(names(&resolved(&read_only(file), &[BOB])), ["bob"]);
    }
}

#[test]
fn mistakes_in_credentials_do_not_show_them() {
    let users = "is an object of users: {\"name\": \"hash\"} or {\"name\": {\"hash\": \"…\", \"allow\": [\"live/*\"]}}";
    let patterns = "is one to four parts like live/*/el/*, each of letters, digits and . _ + ~ -, where * stands for \
                    any characters";
    for (text, line) in [
        ("hush", format!("RWS_CREDENTIALS is not valid JSON at line 1, column 1 (not shown); allowed {users}")),
        (
            "{\"bob\": \"hush",
            format!("RWS_CREDENTIALS is not valid JSON at line 1, column 13 (not shown); allowed {users}"),
        ),
        ("\"hush\"", format!("RWS_CREDENTIALS is a text (not shown); allowed {users}")),
        ("[\"hush\"]", format!("RWS_CREDENTIALS is a list (not shown); allowed {users}")),
        (
            r#"{"bob": 5}"#,
            "RWS_CREDENTIALS.bob is a number (not shown); allowed is a password hash, or an object with hash, allow and admin"
                .to_owned(),
        ),
        (
            r#"{"bob": {"allow": []}}"#,
            "RWS_CREDENTIALS.bob.hash is missing; allowed is a password hash, as `rws hash-password` makes it"
                .to_owned(),
        ),
        (
            r#"{"bob": {"hash": "hush", "alow": []}}"#,
            "RWS_CREDENTIALS.bob.alow is unknown; allowed are hash, allow, admin".to_owned(),
        ),
        (
            r#"{"bob": {"hash": "hush", "allow": ["live/*", "/x"]}}"#,
            format!("RWS_CREDENTIALS.bob.allow[1] is \"/x\"; allowed {patterns}"),
        ),
    ] {
        assert_eq!(mistake(&small(), &[("RWS_CREDENTIALS", text)]), format!("environment: {line}"));
    }
}

#[test]
fn what_stands_twice_or_matches_nothing_is_named() {
    let users = r#"{"ann": {"hash": "x", "allow": ["live/1.10", "life/*"]}, "bob": "x", "bob": "y"}"#;
    let configuration = resolved(&small(), &[("RWS_CREDENTIALS", users)]);
    let lines = [
        "environment: RWS_CREDENTIALS.bob occurs twice; RWS uses the last one",
        "user \"ann\": allow has life/*, which matches no repository",
    ];
    assert_eq!(configuration.warnings, lines);
    assert_eq!(names(&configuration), ["ann", "bob"]);
}

#[test]
fn packages_limit_no_reading() {
    for verbs in [json!(["read"]), json!(["upload", "read"])] {
        let user = json!({ "hash": "x", "allow": [{ "match": "live/*", "verbs": verbs, "packages": ["a*"] }] });
        let said = mistake(&with(small(), "/users", json!({ "eve": user })), &[]);
        assert!(said.contains("users.eve.allow[0].packages does not limit reading"), "{said}");
    }
}
