//! Users, groups and rights that change while the service runs.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::contract::rows::Rows;
use crate::contract::stage::{FIXTURES, configuration, get, user};
use crate::support::bucket::PASSWORD_HASH;
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::{Options, Server};
use crate::support::{temporary_directory, wait};

const TARGET: &str = "/live/1.10/el/7";

/// Writes a file as an editor does: another one takes its place.
fn write(path: &Path, text: &str) {
    let new = path.with_extension("new");
    let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(new, path));
    assert!(written.is_ok(), "{written:?}");
}

fn status(server: &Server, name: &str) -> u16 {
    let form = Form::of([&FIXTURES.rpm]);
    Request::new("PUT", TARGET).user(&user(name)).form(form).send(server).status
}

#[track_caller]
fn expect(server: &Server, name: &str, expected: u16) {
    let found = wait::until_or(wait::BOUND, || (status(server, name) == expected).then_some(()));
    assert!(found.is_some(), "{name}: {} instead of {expected}\n{}", status(server, name), server.log());
}

#[test]
fn files_of_users_are_read_again() {
    let directory = temporary_directory();
    let (access, htpasswd) = (directory.path().join("access.json"), directory.path().join("htpasswd"));
    // what `htpasswd -B` and `openssl passwd -apr1` make of the word "password"
    let bcrypt = "$2y$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu";
    let apr1 = "$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE1";
    write(&access, &json!({ "users": { "ann": { "hash": PASSWORD_HASH, "allow": ["live/*"] } } }).to_string());
    write(&htpasswd, &format!("# people\n\nbob:{bcrypt}\ncid:{apr1}:Cid\n"));
    let change = |file: &mut Value| {
        file["users"] = json!({ "root": { "hash": PASSWORD_HASH, "admin": true } });
        file["access_file"] = json!(access);
        file["htpasswd"] = json!([{ "file": htpasswd, "allow": ["live/*"] }]);
    };
    let environment = configuration(directory.path(), change);
    let configuration_path = Path::new(&environment[0].1).to_owned();
    let server = Server::start_with(Options { environment, credentials: Some(user("root")), ..Options::default() });
    let mut rows = Rows::default();
    rows.row("all files count", || {
        let names = ["root", "ann", "bob", "cid", "eve"];
        assert_eq!(names.map(|name| status(&server, name)), [201, 201, 201, 201, 401]);
    });
    rows.row("at a signal", || {
        write(&access, &json!({ "users": { "eve": { "hash": PASSWORD_HASH, "allow": ["live/*"] } } }).to_string());
        server.signal("HUP");
        expect(&server, "eve", 201);
        assert_eq!(["root", "ann"].map(|name| status(&server, name)), [201, 401]);
    });
    rows.row("a broken file changes nothing, and is said", || {
        for broken in ["", "{\"users\": {", "{\"users\": {\"eve\": {\"hash\": 1}}}", "{\"people\": {}}"] {
            write(&access, broken);
            server.signal("HUP");
            let said = server.wait_for_body("/-/ready", |text| text.contains("users and rights are those of before"));
            assert!(said.contains("access.json"), "{said}");
            assert!(!said.contains(PASSWORD_HASH) && !said.contains("people"), "names are for the log: {said}");
            assert_eq!(status(&server, "eve"), 201);
            write(&access, &json!({ "users": { "eve": { "hash": PASSWORD_HASH, "allow": ["live/*"] } } }).to_string());
            server.signal("HUP");
            server.wait_for_body("/-/ready", |text| !text.contains("those of before"));
        }
    });
    rows.row("without a signal, within seconds, and the configuration itself, too", || {
        let mut file: Value = serde_json::from_slice(&std::fs::read(&configuration_path).unwrap()).unwrap();
        file["users"]["new"] = json!({ "hash": PASSWORD_HASH, "allow": [] });
        file["repositories"] = json!([{ "match": "live/*", "read": ["new"] }]);
        write(&configuration_path, &file.to_string());
        expect(&server, "new", 403);
        assert_eq!(get(&server, "/live/1.10/el/7/x86_64/repodata/repomd.xml").status, 401);
        let path = "/live/1.10/el/7/x86_64/repodata/repomd.xml";
        assert_eq!(Request::get(path).user(&user("new")).send(&server).status, 200);
        file["server"] = json!({ "read_only": true });
        write(&configuration_path, &file.to_string());
        server.signal("HUP");
        server.wait_for_log("restart RWS to put them into force");
        assert_eq!(status(&server, "eve"), 201, "that needs a restart");
    });
    rows.row("a password that was changed is not good any more, however often it was used", || {
        let other = "pbkdf2:sha256:1$salt$5d9cf3a9ef0a1ba8ffc4ed4a0d5dd7df8ac1f0a5a2fba2a0d9d9d6c8d8e0b5c4";
        write(&access, &json!({ "users": { "eve": { "hash": other, "allow": ["live/*"] } } }).to_string());
        server.signal("HUP");
        expect(&server, "eve", 401);
    });
    rows.end();
}

#[test]
fn nobody_is_locked_out_while_users_change() {
    let directory = temporary_directory();
    let access = directory.path().join("access.json");
    let file = |number: usize| {
        let mut users =
            json!({ "ann": { "hash": PASSWORD_HASH, "allow": [{ "match": "live/*", "verbs": ["read"] }] } });
        users[format!("more{number}")] = json!(PASSWORD_HASH);
        json!({ "users": users }).to_string()
    };
    write(&access, &file(0));
    let environment = configuration(directory.path(), |all| {
        all["access_file"] = json!(access);
        all["users"] = json!({ "root": { "hash": PASSWORD_HASH, "admin": true } });
        all["repositories"] = json!([{ "match": "live/*", "read": [] }]);
    });
    let server = Server::start_with(Options { environment, credentials: Some(user("root")), ..Options::default() });
    let form = Form::of([&FIXTURES.rpm]);
    let sent = Request::new("PUT", &format!("{TARGET}?wait=30")).user(&user("root")).form(form).send(&server);
    assert_eq!(sent.status, 201);
    let path = "/live/1.10/el/7/x86_64/repodata/repomd.xml";
    std::thread::scope(|scope| {
        let changing = scope.spawn(|| {
            for number in 1..30 {
                write(&access, &file(number));
                server.signal("HUP");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let mut asked = 0;
        while !changing.is_finished() || asked < 100 {
            assert_eq!(Request::get(path).user(&user("ann")).send(&server).status, 200);
            assert_eq!(get(&server, path).status, 401);
            asked += 1;
        }
    });
}
