//! `rws config explain`: what a user may do, and which rule says so.

use serde_json::json;

use super::secrecy::{close, users};
use crate::support::bucket::PASSWORD_HASH;
use crate::support::program::{Program, Ran};
use crate::support::server::own_variables;
use crate::support::{configuration_file, temporary_directory};

fn explain(user: &str, target: &str) -> Ran {
    let directory = temporary_directory();
    let file = configuration_file(directory.path(), |file| {
        close(file);
        let mut known = users();
        let some = json!([{ "match": "live/*", "verbs": ["upload"], "packages": ["a*"] }, "live/1.10/el/8"]);
        known["some"] = json!({ "hash": PASSWORD_HASH, "allow": some });
        known["plain"] = json!(PASSWORD_HASH);
        file["users"] = known;
        file["oidc"] = json!([{ "type": "gitlab", "issuer": "https://gitlab.example.org", "audience": "a", "rules": [
            { "name": "lab", "claims": { "project_id": "1", "ref_protected": "true" }, "allow": ["release/*"] },
        ] }]);
    });
    let program = own_variables()
        .into_iter()
        .fold(Program::new(env!("CARGO_BIN_EXE_rws"), directory.path()), Program::env_remove);
    program.env("RWS_CFG", &file).args(["config", "explain", user, target]).run()
}

#[test]
fn each_verb_has_its_reason() {
    for (user, target, lines) in [
        (
            "ann",
            "live/1.10/el/8",
            vec![
                "ann and live/1.10/el/8:",
                "  read: yes, read of the entry live/1.10/el/8 of repositories has ann",
                "  upload: no",
                "  delete: no",
                "  promote: no",
                "  retain: no",
            ],
        ),
        (
            "ann",
            "release/2.8/ubuntu/jammy",
            vec!["  read: yes, read of the entry release/2.8/ubuntu/jammy of repositories has @readers"],
        ),
        ("some", "live/1.10/el/8", vec!["  read: no", "  upload: yes, allow of user some has live/1.10/el/8"]),
        (
            "some",
            "live/1.10/el/7",
            vec![
                "  read: yes, no entry of repositories says read, so that everybody may",
                "  upload: some packages, allow of user some has live/* for a*",
            ],
        ),
        (
            "root",
            "live/1.10/el/8",
            vec!["  read: yes, user root is an administrator", "  retain: yes, user root is an administrator"],
        ),
        (
            "plain",
            "live/1.10/el/8",
            vec![
                "  read: no, user plain has no allow, which means upload and delete",
                "  upload: yes, user plain has no allow",
            ],
        ),
        ("oidc:lab", "release/1.10/el/8", vec!["  upload: yes, allow of rule lab of oidc has release/*"]),
        ("ann", "live/1.10", vec!["ann and live/1.10/el/7:", "ann and live/1.10/ubuntu/focal:"]),
    ] {
        let said = explain(user, target).expect_success().output();
        for line in lines {
            assert!(said.lines().any(|one| one == line), "{user} {target}: no {line:?} in\n{said}");
        }
    }
    for (user, target, problem) in [
        ("nobody", "live/1.10/el/8", "there is no user \"nobody\""),
        ("oidc:none", "live/1.10/el/8", "there is no rule \"none\" in oidc"),
        ("ann", "live/9.9", "is no target"),
    ] {
        let said = explain(user, target).expect_failure().everything();
        assert!(said.contains(problem), "{said}");
    }
}
