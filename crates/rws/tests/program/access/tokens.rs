//! Tokens: what jobs and clients log in with instead of a password.

use std::time::Duration;

use serde_json::{Value, json};

use super::secrecy::{close, users};
use crate::contract::rows::Rows;
use crate::contract::stage::{
    FIXTURES, configuration, deb_form, expect_code, expect_created, expect_status, get, post_json, put, user,
    with_users,
};
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::program::Program;
use crate::support::raw::{Request, base64};
use crate::support::server::{Options, Server, own_variables};
use crate::support::{files_below, temporary_directory, wait};

const TARGET: &str = "/live/1.10/el/8";
const ROOT: &str = "/live/1.10/el/8/x86_64/repodata/repomd.xml";

/// A token with these grants, and its id.
#[track_caller]
fn make(server: &Server, body: &Value) -> (String, String) {
    let answer = post_json(server, "/-/tokens", body);
    expect_status(&answer, 201);
    let text = |key: &str| answer.json()[key].as_str().unwrap_or_default().to_owned();
    (text("token"), text("id"))
}

fn bearer(method: &str, path: &str, token: &str) -> Request {
    Request::new(method, path).header("Authorization", &format!("Bearer {token}"))
}

fn read(server: &Server, path: &str, token: &str) -> u16 {
    bearer("GET", path, token).send(server).status
}

fn upload(server: &Server, target: &str, token: &str) -> Answer {
    bearer("PUT", &format!("{target}?wait=30"), token).form(Form::of([&FIXTURES.rpm])).send(server)
}

#[test]
fn a_token_allows_a_part_of_what_its_maker_may() {
    let directory = temporary_directory();
    let server = with_users(directory.path(), &users(), close);
    let mut rows = Rows::default();
    let (token, id) = make(&server, &json!({ "name": "nightly", "allow": ["live/1.10/*"] }));
    rows.row("it looks like one, and is shown once", || {
        assert!(token.starts_with("rws_") && token.len() == 52, "{token}");
        let list = Request::get("/-/tokens").user(&user("root")).send(&server);
        let entry = &list.json()["tokens"][0];
        assert_eq!((&entry["id"], &entry["name"]), (&json!(id), &json!("nightly")));
        assert_eq!(entry["allow"], json!([{ "match": "live/1.10/*", "verbs": ["upload", "delete"] }]));
        assert!(!list.text().contains(&token));
        expect_status(&get(&server, "/-/tokens"), 401);
        expect_status(&Request::get("/-/tokens").user(&user("ann")).send(&server), 403);
    });
    rows.row("as Bearer, and as the password of anybody", || {
        expect_created(&upload(&server, TARGET, &token));
        for name in ["", "anybody", "ann"] {
            let basic = format!("Basic {}", base64(format!("{name}:{token}").as_bytes()));
            let request = Request::new("PUT", TARGET).header("Authorization", &basic);
            expect_created(&request.form(Form::of([&FIXTURES.rpm])).send(&server));
        }
    });
    rows.row("it uploads where it may, and reads nothing that is not everybody's", || {
        expect_status(&upload(&server, "/live/2.8/el/8", &token), 403);
        assert_eq!((read(&server, ROOT, &token), get(&server, ROOT).status), (404, 401));
        for path in ["/-/tokens", "/-/audit"] {
            assert_eq!(read(&server, path, &token), 403, "no token is an administrator's: {path}");
        }
        let made = bearer("POST", "/-/tokens", &token).body("{}").send(&server);
        expect_status(&made, 403);
    });
    rows.row("one that reads", || {
        let (reader, _) = make(&server, &json!({ "name": "r", "allow": [{ "match": "live/*", "verbs": ["read"] }] }));
        assert_eq!(read(&server, ROOT, &reader), 200);
        assert_eq!(read(&server, "/release/2.8/ubuntu/dists/jammy/Release", &reader), 404);
        expect_status(&upload(&server, TARGET, &reader), 403);
    });
    rows.row("one for some packages", || {
        let allow = json!([{ "match": "live/*", "packages": ["other*"] }]);
        let (limited, _) = make(&server, &json!({ "name": "limited", "allow": allow }));
        expect_status(&upload(&server, TARGET, &limited), 403);
    });
    rows.row("the audit says which token, and who made it", || {
        let audit = Request::get("/-/audit").user(&user("root")).send(&server).text();
        let records: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |verb: &str| records.iter().find(|record| record["verb"] == verb).unwrap().clone();
        assert_eq!(of("create-token")["user"], "root");
        assert!(of("create-token")["subject"].as_str().unwrap().contains(&id));
        let sent = of("upload");
        assert_eq!(
            (&sent["user"], &sent["claims"]),
            (&json!("token:nightly"), &json!({ "token": id, "created_by": "root" }))
        );
        assert!(!audit.contains(&token));
    });
    rows.row("when it was used last", || {
        let used =
            || Request::get("/-/tokens").user(&user("root")).send(&server).json()["tokens"][0]["last_used"].clone();
        let day = wait::until("a day", wait::BOUND, || used().as_str().map(str::to_owned));
        assert_eq!(day.len(), 10, "{day}");
    });
    rows.row("revoked", || {
        let gone = Request::new("DELETE", &format!("/-/tokens/{id}")).user(&user("root")).body("").send(&server);
        expect_status(&gone, 200);
        expect_status(&upload(&server, TARGET, &token), 401);
        let again = Request::new("DELETE", &format!("/-/tokens/{id}")).user(&user("root")).body("").send(&server);
        expect_code(&again, 404, "no-token");
    });
    rows.row("no file and no log has one", || {
        for file in files_below(&server.data_dir()) {
            let content = std::fs::read(&file).unwrap_or_default();
            assert!(!content.windows(token.len()).any(|window| window == token.as_bytes()), "{}", file.display());
        }
        assert!(!server.log().contains(&token[4..]));
    });
    rows.end();
}

#[test]
fn what_no_token_can_be() {
    let server = Server::start();
    let mut rows = Rows::default();
    let grant = |verbs: &[&str]| json!([{ "match": "live/*", "verbs": verbs }]);
    for (name, body, code) in [
        ("no name", json!({ "name": " ", "allow": ["live/*"] }), "name"),
        ("a long name", json!({ "name": "n".repeat(65), "allow": ["live/*"] }), "name"),
        ("no grant", json!({ "name": "n", "allow": [] }), "allow"),
        ("a pattern that is none", json!({ "name": "n", "allow": ["/live"] }), "json"),
        ("an unknown verb", json!({ "name": "n", "allow": grant(&["admin"]) }), "json"),
        ("an unknown key", json!({ "name": "n", "allow": ["live/*"], "admin": true }), "json"),
        (
            "an unknown key of a grant",
            json!({ "name": "n", "allow": [{ "match": "live/*", "verb": ["read"] }] }),
            "json",
        ),
        ("in the past", json!({ "name": "n", "allow": ["live/*"], "expires": "2020-01-01T00:00:00Z" }), "expires"),
        ("no time", json!({ "name": "n", "allow": ["live/*"], "expires": "tomorrow" }), "expires"),
        ("a path that writes", json!({ "name": "n", "allow": grant(&["read", "upload"]), "path": true }), "path"),
    ] {
        rows.row(name, || expect_code(&post_json(&server, "/-/tokens", &body), 400, code));
    }
    rows.row("nothing was made", || {
        let list = Request::get("/-/tokens").user(server.credentials()).send(&server);
        assert_eq!(list.json(), json!({ "tokens": [] }));
    });
    rows.row("an unknown key is named", || {
        let answer =
            post_json(&server, "/-/tokens", &json!({ "name": "n", "allow": [{ "match": "live", "verb": 1 }] }));
        assert!(answer.text().contains("verb"), "{}", answer.text());
    });
    rows.row("tokens that were made up cost no password check and nothing of the store", || {
        let made_up = "rws_0000000000000000000000000000000000000000";
        let checksum = format!("{made_up}{:08x}", crc32(&[0; 20]));
        for _ in 0..50 {
            expect_status(&upload(&server, "/live/1.10/el/7", &checksum), 401);
        }
        assert!(!server.log().contains(&checksum));
    });
    rows.end();
}

/// CRC-32 as zlib has it.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn a_token_ends_with_its_time_and_with_its_makers_rights() {
    let directory = temporary_directory();
    let mut environment = configuration(directory.path(), |file| {
        close(file);
        file["access_file"] = json!(directory.path().join("access.json"));
    });
    let write = |users: Value| {
        std::fs::write(directory.path().join("access.json"), json!({ "users": users }).to_string()).unwrap();
    };
    let mut known = users();
    let root = known.as_object_mut().unwrap().remove("root").unwrap();
    write(json!({ "root": root.clone(), "other": root.clone() }));
    environment.push(("RWS_CREDENTIALS".to_owned(), known.to_string()));
    let server = Server::start_with(Options { environment, credentials: Some(user("other")), ..Options::default() });
    let soon = jiff::Timestamp::now() + Duration::from_secs(3);
    let (short, _) = make(&server, &json!({ "name": "short", "allow": ["live/*"], "expires": soon.to_string() }));
    let (token, _) = make(&server, &json!({ "name": "long", "allow": ["live/*", "release/*"] }));
    expect_created(&upload(&server, TARGET, &short));
    expect_created(&upload(&server, TARGET, &token));
    let over = wait::until_or(wait::BOUND, || (upload(&server, TARGET, &short).status == 401).then_some(()));
    assert!(over.is_some(), "it never ends");
    // its maker may do less
    let mut less = root.clone();
    less["admin"] = json!(false);
    less["allow"] = json!(["release/*"]);
    write(json!({ "root": root.clone(), "other": less }));
    server.signal("HUP");
    let refused = wait::until_or(wait::BOUND, || (upload(&server, TARGET, &token).status == 403).then_some(()));
    assert!(refused.is_some());
    let form = deb_form([&FIXTURES.deb]);
    expect_created(&bearer("PUT", "/release/2.8/ubuntu/focal", &token).form(form).send(&server));
    // there is no such user any more
    write(json!({ "root": root }));
    server.signal("HUP");
    let refused = wait::until_or(wait::BOUND, || (upload(&server, TARGET, &token).status == 401).then_some(()));
    assert!(refused.is_some());
}

#[test]
fn a_token_in_a_path_reads() {
    let directory = temporary_directory();
    let server = with_users(directory.path(), &users(), |file| {
        close(file);
        file["server"]["public_url"] = json!("https://rws.example.org");
    });
    expect_created(&put(&server, &format!("{TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let grants = json!([{ "match": "live/1.10/*", "verbs": ["read"] }]);
    let (token, _) = make(&server, &json!({ "name": "path", "allow": grants, "path": true }));
    let (other, _) = make(&server, &json!({ "name": "other", "allow": grants }));
    let mut rows = Rows::default();
    let prefix = format!("/-/t/{token}");
    rows.row("any read", || {
        let file = get(&server, &format!("{prefix}{ROOT}"));
        expect_status(&file, 200);
        assert_eq!(file.header("cache-control"), Some("private, no-store"));
        assert_eq!(file.header("referrer-policy"), Some("no-referrer"));
        for path in ["/", "/live", "/-/repositories", "/-/setup/live/1.10/el/8.repo", "/-/health"] {
            expect_status(&get(&server, &format!("{prefix}{path}")), 200);
        }
        expect_status(&Request::new("HEAD", &format!("{prefix}{ROOT}")).send(&server), 200);
    });
    rows.row("what it answers leads on below it", || {
        let page = get(&server, &format!("{prefix}/live/1.10/el/8"));
        assert!(page.text().contains(&format!("href=\"{prefix}/live/1.10/el/8/x86_64\"")), "{}", page.text());
        let setup = get(&server, &format!("{prefix}/-/setup/live/1.10/el/8.repo")).text();
        assert!(
            setup.contains(&format!("https://rws.example.org{prefix}/-/mirrorlist/live/1.10/el/8/$basearch")),
            "{setup}"
        );
        let mirrors = get(&server, &format!("{prefix}/-/mirrorlist/live/1.10/el/8/x86_64")).text();
        let address = mirrors.trim().strip_prefix("https://rws.example.org").unwrap_or_default().to_owned();
        expect_status(&get(&server, &format!("{address}repodata/repomd.xml")), 200);
    });
    rows.row("what it may not read does not exist", || {
        expect_status(&get(&server, &format!("{prefix}/live/2.8/el/8/x86_64/repodata/repomd.xml")), 404);
        expect_status(&get(&server, &format!("{prefix}/release/2.8/ubuntu/dists/jammy/Release")), 404);
    });
    rows.row("no other token, no other method, not twice", || {
        for path in [
            format!("/-/t/{other}{ROOT}"),
            format!("/-/t/{}{ROOT}", token.replace('a', "b").replace('1', "2")),
            format!("/-/t/x{ROOT}"),
            format!("{prefix}{prefix}{ROOT}"),
            format!("{prefix}/-/%74/{token}{ROOT}"),
            format!("{prefix}/-/tokens"),
        ] {
            let status = get(&server, &path).status;
            assert!(status == 404 || (status == 405 && path.ends_with("tokens")), "{path}: {status}");
        }
        let written = Request::new("PUT", &format!("{prefix}{TARGET}")).form(Form::of([&FIXTURES.rpm])).send(&server);
        expect_status(&written, 405);
    });
    rows.row("no log has it", || {
        server.wait_for_log("path=\"/-/t/***/live/1.10/el/8/x86_64/repodata/repomd.xml\"");
        server.wait_for_log("method=PUT path=\"/-/t/***/live/1.10/el/8\"");
        let log = server.log();
        assert!(!log.contains(&token[4..44]), "{log}");
        assert!(!get(&server, "/-/metrics").text().contains(&token[4..44]));
    });
    rows.end();
}

#[test]
fn the_command_line_makes_lists_and_revokes() {
    let server = Server::start();
    let home = temporary_directory();
    let run = |password: &str, arguments: &[&str]| {
        let program =
            own_variables().into_iter().fold(Program::new(env!("CARGO_BIN_EXE_rws"), home.path()), Program::env_remove);
        let program = program.env("RWS_SERVER", server.base_url()).env("RWS_USER", &server.credentials().user);
        program.env("RWS_PASSWORD", password).arg("token").args(arguments).run()
    };
    let password = server.credentials().password.clone();
    let made = run(&password, &["create", "nightly", "--allow", "live/*", "--verbs", "read,upload"]).expect_success();
    let token = made.output().trim().to_owned();
    assert_eq!(read(&server, "/-/health", &token), 200);
    expect_created(&upload(&server, TARGET, &token));
    let list = run(&password, &["list"]).expect_success().output();
    let id = list.split_whitespace().next().unwrap_or_default().to_owned();
    assert!(list.contains("nightly  by rws, never ends") && !list.contains(&token), "{list}");
    let json: Value = serde_json::from_str(&run(&password, &["list", "--json"]).expect_success().output()).unwrap();
    assert_eq!(json["tokens"][0]["allow"][0]["verbs"], json!(["read", "upload"]));
    run(&password, &["revoke", &id]).expect_success();
    expect_status(&upload(&server, TARGET, &token), 401);
    let code = |ran: crate::support::program::Ran| ran.code;
    assert_eq!(code(run(&password, &["revoke", &id])), Some(3), "there is none");
    assert_eq!(code(run("wrong", &["list"])), Some(4));
    assert_eq!(code(run(&password, &["create", "n", "--allow", "/"])), Some(3));
    assert_eq!(code(run(&password, &["create", "n"])), Some(2));
    assert_eq!(code(run(&password, &["list", "--server", "ftp://x"])), Some(2));
    assert_eq!(code(run(&password, &["create", "n", "--allow", "live", "--server", "http://127.0.0.1:9"])), Some(7));
}
