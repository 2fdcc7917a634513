//! The section `keys`, and what entries of `repositories` make of it.

use super::*;
use crate::configuration::keys::TargetKeys;

/// A file with these keys, and with entries for targets.
fn file(keys: Value, repositories: Value) -> Value {
    with(with(small(), "/keys", keys), "/repositories", repositories)
}

fn all_sources() -> Value {
    json!({
        "2026": { "file": "/etc/rws/2026.asc", "passphrase_file": "/etc/rws/2026.pass" },
        "2027": { "variable": "KEY_2027" },
        "hsm": { "command": ["/etc/rws/sign", "-x"], "output": "raw", "public": "/etc/rws/hsm.asc" },
        "agent": { "agent": { "socket": "/run/agent" }, "public": "/etc/rws/agent.asc", "timeout_seconds": 5 },
        "2028": { "public": "/etc/rws/2028.asc" },
    })
}

fn environment() -> Environment {
    Environment::default().with_other("KEY_2027", "the secret key")
}

#[test]
fn all_sources_are_read_and_no_secret_is_shown() {
    let configuration = resolved_in(&file(all_sources(), json!([])), &environment()).unwrap();
    let text = shown(&configuration)["keys"].to_string();
    for part in ["2026.asc", "2026.pass", "KEY_2027", "/etc/rws/sign", "raw", "/run/agent", "2028.asc"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("the secret key") && !format!("{configuration:?}").contains("the secret key"));
}

#[test]
fn the_last_entry_that_names_keys_counts() {
    let entries = json!([
        { "match": "*", "keys": { "active": "2026", "also": ["2027"], "announced": ["2028"] } },
        { "match": "*/modules/*/*", "keys": { "active": "modules" } },
        { "match": "live/1.10/el/*", "label": "no word of keys" },
    ]);
    let configuration = resolved_in(&file(all_sources(), entries), &environment()).unwrap();
    let names = |active: &str, also: &[&str], announced: &[&str]| TargetKeys {
        active: active.to_owned(),
        also: also.iter().map(|&name| name.to_owned()).collect(),
        announced: announced.iter().map(|&name| name.to_owned()).collect(),
    };
    for target in configuration.model.targets() {
        let expected = match target.series.as_str() {
            "modules" => names("modules", &[], &[]),
            _ => names("2026", &["2027"], &["2028"]),
        };
        assert_eq!(configuration.keys_for(&target), Some(&expected), "{target}");
    }
}

#[test]
fn mistakes_in_keys() {
    let one = |key: Value| file(json!({ "a": key }), json!([]));
    let of_target = |keys: Value| file(all_sources(), json!([{ "match": "*", "keys": keys }]));
    let rows = [
        (file(json!([]), json!([])), "keys is a list"),
        (file(json!({ "a/b": {} }), json!([])), "keys.\"a/b\" has a name that cannot be part of an address"),
        (file(json!({ ".a": {} }), json!([])), "has a name that cannot be part of an address"),
        (file(json!({ "main": { "public": "x" } }), json!([])), "keys.main has the name of a key that comes from"),
        (file(json!({ "modules": { "public": "x" } }), json!([])), "keys.modules has the name of a key"),
        (one(json!("x")), "keys.a is \"x\""),
        (one(json!({})), "keys.a has 0 of them"),
        (one(json!({ "file": "x", "variable": "KEY_2027" })), "keys.a has 2 of them"),
        (one(json!({ "file": "x", "colour": 1 })), "keys.a.colour is unknown"),
        (one(json!({ "file": "" })), "keys.a.file is \"\""),
        (one(json!({ "file": "x", "public": "y" })), "keys.a.public is unknown"),
        (one(json!({ "variable": "NOT_SET" })), "keys.a.variable names \"NOT_SET\", which is not set"),
        (one(json!({ "variable": "KEY_2027", "passphrase_variable": "NO" })), "passphrase_variable names \"NO\""),
        (one(json!({ "command": [] , "public": "x" })), "keys.a.command is empty"),
        (one(json!({ "command": "x", "public": "x" })), "keys.a.command is \"x\""),
        (one(json!({ "command": ["x"] })), "keys.a.public is missing"),
        (one(json!({ "command": ["x"], "public": "x", "output": "pem" })), "keys.a.output is \"pem\""),
        (one(json!({ "command": ["x"], "public": "x", "timeout_seconds": 0 })), "keys.a.timeout_seconds is 0"),
        (one(json!({ "agent": {}, "public": "x" })), "keys.a.agent.socket is missing"),
        (one(json!({ "agent": { "socket": "x" } })), "keys.a.public is missing"),
        (of_target(json!({})), "repositories[0].keys.active is missing"),
        (of_target(json!({ "active": "2029" })), "repositories[0].keys.active is \"2029\"; allowed are the keys"),
        (of_target(json!({ "active": "2028" })), "active is \"2028\", of which only the public key is known"),
        (of_target(json!({ "active": "2026", "also": ["2028"] })), "keys.also[0] is \"2028\", of which only"),
        (of_target(json!({ "active": "2026", "also": ["2026"] })), "repositories[0].keys names 2026 twice"),
        (of_target(json!({ "active": "2026", "next": [] })), "repositories[0].keys.next is unknown"),
    ];
    for (file, start) in rows {
        let line = resolved_in(&file, &environment()).unwrap_err().to_string();
        assert!(line.starts_with("rws.json: ") && line.contains(start), "{line} does not say {start}");
        assert!(!line.contains('\n'), "{line}");
    }
}
