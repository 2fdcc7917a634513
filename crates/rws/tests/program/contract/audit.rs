//! `/-/audit`, and who changed what in `/-/repositories/<repository>/generations`.

use serde_json::{Value, json};

use super::index::sha256;
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, deb_form, expect_code, expect_created, expect_status, get, post_json, put, user,
    with_users,
};
use crate::support::bucket::PASSWORD_HASH;
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::temporary_directory;

fn audit(server: &Server, query: &str) -> Answer {
    Request::get(&format!("/-/audit{query}")).user(server.credentials()).send(server)
}

/// The records of an audit.
fn records(server: &Server, query: &str) -> Vec<Value> {
    let answer = audit(server, query);
    expect_status(&answer, 200);
    let record = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    answer.text().lines().map(record).collect()
}

fn post(server: &Server, what: &str, body: &Value) {
    expect_status(&post_json(server, &format!("/-/{what}?wait=30"), body), 201);
}

#[test]
fn every_change_is_in_it_with_who_made_it() {
    let server = Server::start();
    let mut rows = Rows::default();
    let user = server.credentials().user.clone();
    let answer = put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm, &FIXTURES.arm_rpm]));
    expect_created(&answer);
    let request = answer.header("x-request-id").expect("the name of the request").to_owned();
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb])));
    rows.row("an upload", || {
        let all = records(&server, "");
        assert_eq!(all.len(), 2, "{all:?}");
        let first = &all[0];
        let said = ["verb", "user", "address", "request", "outcome"].map(|key| first[key].as_str().unwrap_or("?"));
        assert_eq!(said, ["upload", &user, "127.0.0.1", &request, "published"]);
        assert_eq!(first["targets"], json!([&RPM_TARGET[1..]]));
        let files: Vec<&str> =
            first["packages"].as_array().unwrap().iter().filter_map(|one| one["file"].as_str()).collect();
        let mut expected = [FIXTURES.rpm.name.as_str(), FIXTURES.arm_rpm.name.as_str()];
        expected.sort_unstable();
        assert_eq!(
            {
                let mut files = files;
                files.sort_unstable();
                files
            },
            expected
        );
        let package = &all[1]["packages"][0];
        assert_eq!(package["sha256"], sha256(&FIXTURES.deb.bytes));
        assert_eq!(package["action"], "put");
    });
    rows.row("what was removed, promoted, rolled back and pinned", || {
        let generations = get(&server, &format!("/-/repositories/{}/generations", &DEB_TARGET[1..])).json();
        let first = generations["generations"][0]["generation"].clone();
        post(&server, "promote", &json!({ "from": DEB_TARGET, "to": ["release/2.8/ubuntu/jammy"], "packages": "all" }));
        let path = format!("{DEB_TARGET}/{}?wait=30", FIXTURES.deb.name);
        expect_status(&Request::new("DELETE", &path).user(server.credentials()).body("").send(&server), 200);
        post(&server, "rollback", &json!({ "target": DEB_TARGET, "to": first }));
        let path = format!("{DEB_TARGET}?name=*&wait=30");
        expect_status(&Request::new("DELETE", &path).user(server.credentials()).body("").send(&server), 201);
        post(&server, "pins", &json!({ "name": "march", "targets": [RPM_TARGET] }));
        expect_status(&Request::new("DELETE", "/-/pins/march").user(server.credentials()).body("").send(&server), 200);
        let all = records(&server, "");
        let verbs: Vec<&str> = all.iter().filter_map(|one| one["verb"].as_str()).collect();
        assert_eq!(verbs, ["upload", "upload", "promote", "delete", "rollback", "delete", "pin", "unpin"]);
        assert_eq!(all[2]["targets"], json!(["release/2.8/ubuntu/jammy"]));
        for removed in [&all[3], &all[5]] {
            let package = &removed["packages"][0];
            assert_eq!(package["action"], "remove");
            assert_eq!(package["file"], FIXTURES.deb.name);
            assert_eq!(package["sha256"], sha256(&FIXTURES.deb.bytes));
        }
        assert_eq!(all[4]["packages"][0]["action"], "put");
        assert_eq!((&all[6]["subject"], &all[7]["subject"]), (&json!("march"), &json!("march")));
        assert_eq!((&all[6]["targets"], &all[7]["targets"]), (&json!([&RPM_TARGET[1..]]), &json!([&RPM_TARGET[1..]])));
    });
    rows.row("filters", || {
        let count = |query: &str| records(&server, query).len();
        assert_eq!(count("?verb=delete"), 2);
        assert_eq!(count(&format!("?user={user}")), 8);
        assert_eq!(count("?user=nobody"), 0);
        assert_eq!(count("?target=release/*/jammy"), 1);
        assert_eq!(count(&format!("?target={}&verb=upload", &RPM_TARGET[1..])), 1);
        assert_eq!(count("?since=2100-01-01T00:00:00Z"), 0);
        assert_eq!(count("?until=21000101T000000Z"), 8);
        assert_eq!(count("?until=2020-01-01T00:00:00%2B01:00"), 0);
        for query in ["?since=yesterday", "?until=1", "?who=me"] {
            expect_code(&audit(&server, query), 400, "query");
        }
    });
    rows.row("generations say who made them; to administrators by name", || {
        let path = format!("/-/repositories/{}/generations", &DEB_TARGET[1..]);
        let of = |answer: &Answer| answer.json()["generations"].clone();
        let open = of(&get(&server, &path));
        let verbs: Vec<&str> =
            open.as_array().unwrap().iter().filter_map(|one| one["uploads"][0]["verb"].as_str()).collect();
        assert_eq!(verbs, ["delete", "rollback", "delete", "upload"]);
        let counts = |at: usize| ["packages", "added", "replaced", "removed"].map(|key| open[at][key].clone());
        assert_eq!(counts(0), [json!(0), json!(0), json!(0), json!(1)]);
        assert_eq!(counts(1), [json!(1), json!(1), json!(0), json!(0)]);
        assert_eq!(counts(3), [json!(1), Value::Null, Value::Null, Value::Null]);
        assert!(open[0]["uploads"][0].get("user").is_none() && open[0]["uploads"][0].get("address").is_none());
        let shown = of(&Request::get(&path).user(server.credentials()).send(&server));
        assert_eq!(shown[0]["uploads"][0]["user"], user.as_str());
        assert_eq!(shown[0]["uploads"][0]["address"], "127.0.0.1");
    });
    rows.end();
}

#[test]
fn administrators_read_it() {
    let directory = temporary_directory();
    let credentials = json!({
        "plain": PASSWORD_HASH,
        "all": { "hash": PASSWORD_HASH, "allow": [{ "match": "*", "verbs": ["read", "upload", "delete", "promote", "retain"] }] },
        "root": { "hash": PASSWORD_HASH, "admin": true },
    });
    let server = with_users(directory.path(), &credentials, |file| file["audit"] = json!({ "days": 400 }));
    for (name, status) in [("plain", 403), ("all", 403), ("root", 200)] {
        expect_status(&Request::get("/-/audit").user(&user(name)).send(&server), status);
        expect_status(&Request::new("HEAD", "/-/audit").user(&user(name)).send(&server), status);
    }
    expect_status(&Request::get("/-/audit").send(&server), 401);
    expect_status(&Request::new("POST", "/-/audit").user(&user("root")).body("").send(&server), 405);
}
