//! Repositories that not everybody may read.

use serde_json::json;

use super::secrecy::{close, users};
use crate::contract::rows::Rows;
use crate::contract::stage::{
    FIXTURES, deb_form, expect_code, expect_created, expect_status, get, put, user, with_users,
};
use crate::support::bucket::PASSWORD_HASH;
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::temporary_directory;

fn get_as(server: &Server, path: &str, name: &str) -> Answer {
    Request::get(path).user(&user(name)).send(server)
}

#[test]
fn readers_by_name_group_and_right() {
    let directory = temporary_directory();
    let mut known = users();
    known["verb"] = json!({ "hash": PASSWORD_HASH, "allow": [{ "match": "release/*", "verbs": ["read"] }] });
    known["plain"] = json!(PASSWORD_HASH);
    let server = with_users(directory.path(), &known, |file| {
        close(file);
        let rules = file["repositories"].as_array_mut().unwrap();
        rules.push(json!({ "match": "release/modules/*", "read": "users" }));
    });
    let mut rows = Rows::default();
    let private = "/release/2.8/ubuntu/dists/jammy/Release";
    expect_created(&put(&server, "/release/2.8/ubuntu/jammy?wait=30", deb_form([&FIXTURES.deb])));
    expect_created(&put(&server, "/release/2.8/ubuntu/focal?wait=30", deb_form([&FIXTURES.deb])));
    expect_created(&put(&server, "/live/1.10/el/8?wait=30", Form::of([&FIXTURES.rpm])));
    expect_created(&put(&server, "/release/modules/el/8?wait=30", Form::of([&FIXTURES.rpm])));
    for (name, status) in [("ann", 200), ("verb", 200), ("root", 200), ("eve", 404), ("plain", 404)] {
        rows.row(&format!("{name} reads a repository of a group"), || {
            expect_status(&get_as(&server, private, name), status);
        });
    }
    rows.row("who has not logged in is asked to, who is wrong again", || {
        let answer = get(&server, private);
        expect_status(&answer, 401);
        assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic ")));
        let wrong = Request::get(private).header("Authorization", "Basic YW5uOndyb25n").send(&server);
        expect_status(&wrong, 401);
        expect_status(&get(&server, "/release/2.8/ubuntu/dists/jammy/no-such-file"), 401);
    });
    rows.row("what is public asks nobody, whatever comes with the request", || {
        let wrong = Request::get("/release/2.8/ubuntu/dists/focal/Release").header("Authorization", "Basic YW5uOng=");
        let answer = wrong.send(&server);
        expect_status(&answer, 200);
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    });
    rows.row("nobody keeps what is private for others", || {
        for path in
            [private, "/live/1.10/el/8/x86_64/repodata/repomd.xml", "/live/1.10/el/8/x86_64/?format=json", "/live"]
        {
            let answer = get_as(&server, path, "ann");
            expect_status(&answer, 200);
            let caching = answer.header("cache-control").unwrap_or_default();
            assert!(caching.contains("private") && !caching.contains("public"), "{path}: {caching}");
        }
        let package = get_as(&server, "/live/1.10/el/8/x86_64/Packages/", "ann");
        assert!(package.status == 404 || package.header("cache-control").unwrap().contains("private"));
    });
    rows.row("users are all who log in", || {
        let path = "/release/modules/el/8/x86_64/repodata/repomd.xml";
        for name in ["ann", "eve", "plain"] {
            expect_status(&get_as(&server, path, name), 200);
        }
        expect_status(&get(&server, path), 401);
    });
    rows.row("directories show what leads to something that one may read", || {
        let names = |answer: &Answer| -> Vec<String> {
            let entries = answer.json()["entries"].clone();
            entries.as_array().into_iter().flatten().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&get(&server, "/release/2.8/ubuntu/dists?format=json")), ["focal"]);
        let of_ann = get_as(&server, "/release/2.8/ubuntu/dists?format=json", "ann");
        assert_eq!(names(&of_ann), ["focal", "jammy"]);
        expect_status(&get(&server, "/live/1.10/el/8"), 401);
        expect_status(&get_as(&server, "/live/1.10/el/8", "eve"), 404);
        let all = get(&server, "/?recursive=1");
        assert!(all.text().contains("dists/focal/Release") && !all.text().contains("jammy"), "{}", all.text());
        let all = get_as(&server, "/?recursive=1", "ann");
        assert!(all.text().contains("release/2.8/ubuntu/dists/jammy/Release"), "{}", all.text());
        let first = get_as(&server, "/release/2.8/ubuntu/dists?format=json&limit=1", "ann").json();
        assert_eq!((first["entries"][0]["name"].as_str(), first["next"].is_string()), (Some("focal"), true));
        let next = get_as(&server, first["next"].as_str().unwrap(), "ann");
        assert_eq!((names(&next), next.json()["next"].is_null()), (vec!["jammy".to_owned()], true));
    });
    rows.row("lists name what one may read", || {
        let names = |answer: &Answer| answer.text();
        assert!(!names(&get(&server, "/-/repositories")).contains("jammy"));
        assert!(names(&get_as(&server, "/-/repositories", "ann")).contains("release/2.8/ubuntu/jammy"));
        expect_status(&get(&server, "/-/repositories/live/1.10/el/8/x86_64/generations"), 401);
        expect_status(&get_as(&server, "/-/repositories/live/1.10/el/8/x86_64/generations", "eve"), 404);
        expect_status(&get_as(&server, "/-/repositories/live/1.10/el/8/x86_64/generations", "ann"), 200);
        expect_status(&get(&server, "/-/setup/live/1.10/el/8.repo"), 401);
        expect_status(&get_as(&server, "/-/setup/live/1.10/el/8.repo", "ann"), 200);
    });
    rows.row("who uploads follows the upload, and reads nothing", || {
        let form = Form::of([&FIXTURES.arm_rpm]);
        let sent = Request::new("PUT", "/live/1.10/el/8?wait=30").user(&user("plain")).form(form).send(&server);
        expect_created(&sent);
        let status = sent.header("rws-status").unwrap().to_owned();
        let followed = get_as(&server, &status, "plain");
        expect_status(&followed, 200);
        assert!(
            followed.json()["repositories"]["live/1.10/el/8/aarch64"]["generation"].is_string(),
            "{}",
            followed.text()
        );
        for answer in [get(&server, &status), get_as(&server, &status, "eve")] {
            expect_status(&answer, 404);
        }
    });
    rows.row("files beside repositories are for those who may read everything there, or as a rule says", || {
        for path in ["KEY.asc", "release/2.8/ubuntu/pool/other.deb", "release/note.txt"] {
            let file = server.data_dir().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "beside").unwrap();
            expect_status(&get(&server, &format!("/{path}")), 401);
            expect_status(&get_as(&server, &format!("/{path}"), "root"), 200);
            expect_status(&get_as(&server, &format!("/{path}"), "ann"), if path == "KEY.asc" { 404 } else { 200 });
        }
    });
    rows.end();
}

#[test]
fn a_rule_for_everything_opens_what_no_other_one_closes() {
    let directory = temporary_directory();
    let server = with_users(directory.path(), &users(), |file| {
        close(file);
        let rules = file["repositories"].as_array_mut().unwrap();
        rules.insert(0, json!({ "match": "*", "read": "public" }));
    });
    for path in ["KEY.asc", "old/1.0/el/8/x86_64/repodata/repomd.xml"] {
        let file = server.data_dir().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "beside").unwrap();
        expect_status(&get(&server, &format!("/{path}")), 200);
    }
    expect_status(&get(&server, "/release/2.8/ubuntu/pool/jammy/x"), 401);
}

#[test]
fn what_is_promoted_to_more_readers_is_said() {
    let directory = temporary_directory();
    let mut known = users();
    let verbs = json!(["upload", "promote"]);
    known["blind"] = json!({ "hash": PASSWORD_HASH, "allow": [{ "match": "*", "verbs": verbs }] });
    let server = with_users(directory.path(), &known, |file| {
        close(file);
        let rules = file["repositories"].as_array_mut().unwrap();
        rules.push(json!({ "match": "live/1.10/el/9", "read": ["ann"] }));
        rules.push(json!({ "match": "release/1.10/el/*", "read": "users" }));
    });
    for target in ["/live/1.10/el/8", "/live/1.10/el/7"] {
        expect_created(&put(&server, &format!("{target}?wait=30"), Form::of([&FIXTURES.rpm])));
    }
    let promote = |name: &str, from: &str, to: &str, disclose: bool| {
        let body = json!({ "from": from, "to": [to], "packages": "all", "dry_run": true, "disclose": disclose });
        Request::new("POST", "/-/promote").user(&user(name)).body(body.to_string()).send(&server)
    };
    let mut rows = Rows::default();
    for (to, is_said) in
        [("live/1.10/el/9", false), ("release/1.10/el/8", true), ("live/1.10/el/7", true), ("live/2.8/el/8", true)]
    {
        rows.row(to, || {
            let answer = promote("root", "live/1.10/el/8", to, false);
            match is_said {
                true => expect_code(&answer, 409, "discloses"),
                false => expect_status(&answer, 200),
            }
            expect_status(&promote("root", "live/1.10/el/8", to, true), 200);
        });
    }
    rows.row("who may not read the source does not know of it", || {
        for from in ["live/1.10/el/8", "live/2.8/el/8", "live/0.0/el/8"] {
            let answer = promote("blind", from, "live/1.10/el/7", true);
            expect_code(&answer, 400, "path");
            assert!(answer.text().contains("is not the path of one target"), "{from}: {}", answer.text());
        }
        expect_code(&promote("blind", "live/1.10/el/7", "live/2.8/el/9", false), 403, "may-not-read");
    });
    rows.end();
}

/// Whether something is there takes no part in how long it takes to say that one may not see it.
#[test]
fn nothing_is_looked_up_for_who_may_not_see_it() {
    let directory = temporary_directory();
    let server = with_users(directory.path(), &users(), close);
    expect_created(&put(&server, "/live/1.10/el/8?wait=30", Form::of([&FIXTURES.rpm])));
    let there = format!("/live/1.10/el/8/x86_64/Packages/{}", FIXTURES.rpm.name);
    let absent = "/live/1.10/el/8/x86_64/Packages/rws-none-1.0-1.x86_64.rpm";
    expect_status(&get_as(&server, &there, "eve"), 404);
    // medians of many in turns: one that is looked up takes several times as long as one that is not
    let time = |path: &str, name: Option<&str>| {
        let began = std::time::Instant::now();
        let answer = match name {
            Some(name) => get_as(&server, path, name),
            None => get(&server, path),
        };
        assert!(matches!(answer.status, 401 | 404));
        began.elapsed()
    };
    for name in [None, Some("eve")] {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..200 {
            times[0].push(time(&there, name));
            times[1].push(time(absent, name));
        }
        times.iter_mut().for_each(|times| times.sort());
        println!("{name:?}: there {:?}, absent {:?}", times[0][100], times[1][100]);
    }
    // what is counted: neither of them asks anything of the store
    let log = server.log();
    assert!(!log.contains("ERROR"), "{log}");
}
