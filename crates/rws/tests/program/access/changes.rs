//! Who may change a repository and not read it.

use serde_json::{Value, json};

use super::secrecy::{close, users};
use crate::contract::stage::{FIXTURES, deb_form, expect_code, expect_created, expect_status, put, user, with_users};
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::temporary_directory;

const PRIVATE_DEB: &str = "release/2.8/ubuntu/jammy";
const PRIVATE_RPM: &str = "live/1.10/el/8";

fn send(server: &Server, name: &str, method: &str, path: &str, body: &Value) -> crate::support::curl::Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Request::new(method, path).user(&user(name)).body(body).send(server)
}

#[test]
fn nothing_of_what_is_there_is_said() {
    let directory = temporary_directory();
    let server = with_users(directory.path(), &users(), |file| {
        close(file);
        file["repositories"].as_array_mut().unwrap().push(json!({ "match": PRIVATE_RPM, "on_conflict": "refuse" }));
    });
    let debs = deb_form([&FIXTURES.deb, &FIXTURES.arm_deb].into_iter().chain(FIXTURES.source()));
    expect_created(&put(&server, &format!("/{PRIVATE_DEB}?wait=30"), debs));
    expect_created(&put(&server, &format!("/{PRIVATE_RPM}?wait=30"), Form::of([&FIXTURES.rpm])));
    let plans = [
        ("DELETE", format!("/{PRIVATE_DEB}?name=*&dry_run=1"), Value::Null),
        ("DELETE", format!("/{PRIVATE_RPM}?name=*&dry_run=1"), Value::Null),
        ("POST", "/-/rollback".to_owned(), json!({ "target": PRIVATE_RPM, "to": "20260101T000000Z", "dry_run": true })),
        ("POST", "/-/rollback".to_owned(), json!({ "target": PRIVATE_RPM, "to": "20260101T000000Z" })),
        ("POST", "/-/retain".to_owned(), json!({ "targets": [PRIVATE_RPM], "dry_run": true })),
        (
            "POST",
            "/-/promote".to_owned(),
            json!({ "from": "live/1.10/el/7", "to": [PRIVATE_RPM], "packages": "all", "dry_run": true }),
        ),
    ];
    for (method, address, body) in &plans {
        let answer = send(&server, "cid", method, address, body);
        expect_code(&answer, 403, "may-not-read");
        assert!(!answer.text().contains("sha256"), "{}", answer.text());
    }
    let plan = send(&server, "root", "DELETE", &format!("/{PRIVATE_DEB}?name=*&dry_run=1"), &Value::Null);
    expect_status(&plan, 200);
    assert!(plan.text().contains("sha256"), "{}", plan.text());

    // what changes something does so, and names nothing
    let promote = json!({ "from": "live/1.10/el/7", "to": [PRIVATE_RPM], "packages": "all" });
    for (content, status) in [(&FIXTURES.rpm, 201), (&FIXTURES.other_rpm, 409)] {
        expect_created(&put(&server, "/live/1.10/el/7?wait=30", Form::of([content])));
        let answer = send(&server, "cid", "POST", "/-/promote", &promote);
        expect_status(&answer, status);
        assert!(!answer.text().contains("rws-one") && !answer.text().contains("sha256"), "{}", answer.text());
    }
    expect_code(&send(&server, "cid", "DELETE", &format!("/{PRIVATE_DEB}?name=no*"), &Value::Null), 404, "no-package");
    // another file of the same package
    let other = |file| Request::new("PUT", &format!("/{PRIVATE_RPM}")).user(&user("cid")).form(Form::of([file]));
    let conflict = other(&FIXTURES.other_rpm).send(&server);
    expect_code(&conflict, 409, "conflict");
    for secret in ["SHA-256", "el/8", "rws-one"] {
        assert!(!conflict.text().contains(secret), "{}", conflict.text());
    }
    expect_created(&other(&FIXTURES.arm_rpm).send(&server));
    // a file that goes and one that is not there; of a source and its parts nothing is said
    let delete = |name: &str| send(&server, "cid", "DELETE", &format!("/{PRIVATE_DEB}/{name}"), &Value::Null);
    expect_status(&delete(&FIXTURES.deb.name), 200);
    expect_code(&delete("nothing_1.0_amd64.deb"), 404, "no-file");
    expect_code(&delete(&FIXTURES.orig.name), 404, "no-file");
    let of_root = send(&server, "root", "DELETE", &format!("/{PRIVATE_DEB}/{}", FIXTURES.orig.name), &Value::Null);
    expect_code(&of_root, 409, "part-of-source");
}

/// A pattern does not find targets that one can neither read nor change: the refusal would name one.
#[test]
fn patterns_find_only_what_is_known() {
    let directory = temporary_directory();
    let server = with_users(directory.path(), &users(), close);
    for (name, pattern, status) in [("eve", "release/2.8/ubuntu/j*", 400), ("eve", "live/1.10/el/*", 403)] {
        let answer = send(&server, name, "POST", "/-/retain", &json!({ "targets": [pattern], "dry_run": true }));
        expect_status(&answer, status);
        assert!(!answer.text().contains("jammy") && !answer.text().contains("el/8"), "{}", answer.text());
    }
}

/// The bytes of a pin are a sum over all its repositories.
#[test]
fn the_bytes_of_a_pin_are_for_those_who_read_all() {
    let directory = temporary_directory();
    let server = with_users(directory.path(), &users(), close);
    expect_created(&put(&server, &format!("/{PRIVATE_RPM}?wait=30"), Form::of([&FIXTURES.rpm])));
    expect_created(&put(&server, "/live/1.10/el/7?wait=30", Form::of([&FIXTURES.rpm])));
    let pin = json!({ "name": "both", "targets": [PRIVATE_RPM, "live/1.10/el/7"] });
    expect_status(&send(&server, "root", "POST", "/-/pins", &pin), 201);
    let pins = |name| send(&server, name, "GET", "/-/pins", &Value::Null).json()["pins"][0].clone();
    assert!(pins("root")["bytes"].as_u64() > Some(0), "{}", pins("root"));
    assert_eq!(pins("eve")["bytes"], Value::Null, "{}", pins("eve"));
    assert_eq!(pins("eve")["repositories"].as_object().map(serde_json::Map::len), Some(1), "{}", pins("eve"));
}
