//! The guides about what to watch, and what to do when something is wrong.

use std::path::Path;

use serde_json::json;

use crate::support::apt::{Apt, Sources};
use crate::support::curl::Upload;
use crate::support::documents::{Guide, shell};
use crate::support::packages::deb::Deb;
use crate::support::program::Program;
use crate::support::server::{Options, Server};
use crate::support::{configuration_file, temporary_directory};

const TARGET: &str = "/live/1.10/debian/bookworm";
const ADDRESS: &str = "https://rws.example.org";

fn publish(server: &Server, directory: &Path, version: &str) {
    let deb = Deb::new("rws-demo", version, "all").build(directory);
    let upload = Upload::to(&format!("{TARGET}?wait=30")).field("product", "demo");
    upload.file(&deb).send(server).expect_created();
}

/// As somebody who is logged in, with the variables of the server.
fn run(commands: &str, directory: &Path, server: &Server) -> Program {
    let shell = shell(commands, directory).env("RWS_SERVER", server.base_url()).env("RWS_DATA_DIR", server.data_dir());
    shell.env("RWS_USER", &server.credentials().user).env("RWS_PASSWORD", &server.credentials().password)
}

#[test]
pub fn when_something_is_wrong() {
    let (server, directory) = (Server::start(), temporary_directory());
    publish(&server, directory.path(), "1.0");
    let mut guide = Guide::open("docs/how-to/operate.md");
    let at = (ADDRESS, server.base_url());
    let said = |commands: &str| run(commands, directory.path(), &server).succeed().everything();
    // what to watch
    let watched = said(&guide.next(&[at]));
    assert!(watched.contains("rws_writable 1\n") && watched.contains("rws_key_usable{"), "{watched}");
    let verified = said(&guide.next(&[]));
    assert!(verified.contains("live/1.10/debian/bookworm"), "{verified}");
    // a full disk
    let data = server.data_dir().display().to_string();
    let sizes = said(
        &guide.next(&[("/var/lib/rws/rws-data/*", &format!("{data}/*")), ("/var/lib/rws\n", &format!("{data}\n"))]),
    );
    assert!(sizes.contains("live"), "{sizes}");
    let deleted = said(&guide.next(&[]));
    assert!(deleted.contains("- rws-demo 1.0 all"), "{deleted}");
    // a key
    let keys = guide.next(&[("rws key check", "GPG_SIGN_KEY_ARMORED=\"$(cat new.asc)\" rws key check")]);
    let checked = said(&keys);
    assert!(checked.contains("ok"), "{checked}");
    publish(&server, directory.path(), "1.0");
    publish(&server, directory.path(), "1.1");
    let apt = Apt::new(&Sources::Deb822(""));
    let sources = apt.path("etc/apt/sources.list.d/").display().to_string();
    let fetch = guide.next(&[at, ("/etc/apt/sources.list.d/", &sources)]);
    let updated = run(&fetch, directory.path(), &server).env("APT_CONFIG", apt.path("apt.conf")).succeed();
    assert!(updated.everything().contains("bookworm/main"), "{}", updated.transcript());
    // the bucket
    let repaired = said(&guide.next(&[]));
    assert!(repaired.contains("live/1.10/debian/bookworm"), "{repaired}");
    // a bad package
    let state = said("rws log live/1.10/debian/bookworm --json");
    let deleted = said(&guide.next(&[]));
    assert_eq!(deleted, "published\n");
    let generation =
        state.split("\"generation\":\"").nth(1).or_else(|| state.split("\"generation\": \"").nth(1)).unwrap();
    let generation = generation.split('"').next().unwrap();
    let back = said(&guide.next(&[("STATE", generation)]));
    assert!(back.contains("+ rws-demo 1.1 all"), "{back}");
}

#[test]
pub fn replacing_a_key() {
    let directory = temporary_directory();
    let mut guide = Guide::open("docs/how-to/rotate-a-key.md");
    let generate = guide.next(&[]);
    shell(&generate, directory.path()).succeed();
    shell(&generate.replace("2027", "2026"), directory.path()).succeed();
    let text = crate::support::documents::document("docs/how-to/rotate-a-key.md");
    let snippet = crate::support::documents::blocks_of("json", &text).remove(0);
    let here = directory.path().display().to_string();
    let snippet: serde_json::Value =
        serde_json::from_str(&format!("{{{}}}", snippet.replace("/etc/rws", &here))).unwrap();
    let file = configuration_file(directory.path(), |value| {
        for (key, part) in snippet.as_object().unwrap() {
            value[key] = part.clone();
        }
    });
    let checked = shell(&guide.next(&[]), directory.path()).succeed().output();
    assert!(checked.contains("2026") && checked.contains("2027"), "{checked}");
    let environment = vec![("RWS_CFG".to_owned(), file)];
    let server = Server::start_with(Options { environment, ..Options::default() });
    publish(&server, directory.path(), "1.0");
    let keys = run(&guide.next(&[(ADDRESS, server.base_url())]), directory.path(), &server).succeed().output();
    let shown = Program::new("gpg", directory.path()).arg("--show-keys").input(keys).succeed().output();
    assert_eq!(shown.lines().filter(|line| line.starts_with("pub ")).count(), 2, "{shown}");
    let status = run(&guide.next(&[(ADDRESS, server.base_url())]), directory.path(), &server).succeed().output();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert!(status["unchecked"] == json!(0) || status["unchecked"].is_null(), "{status}");
}

#[test]
pub fn who_uploaded_what() {
    let (server, directory) = (Server::start(), temporary_directory());
    publish(&server, directory.path(), "1.0");
    let mut guide = Guide::open("docs/how-to/who-uploaded-what.md");
    let user = &server.credentials().user;
    let login = format!("{user}:{}", server.credentials().password);
    let audit = run(&guide.next(&[(ADDRESS, server.base_url()), ("root:PASSWORD", &login)]), directory.path(), &server);
    let audit = audit.succeed().output();
    assert!(audit.contains(&format!("\"user\":\"{user}\"")) && audit.contains("rws-demo"), "{audit}");
    let (user, password) = (format!("RWS_USER={user}"), format!("RWS_PASSWORD={}", server.credentials().password));
    let words = [(ADDRESS, server.base_url()), ("RWS_USER=root", &user), ("RWS_PASSWORD=PASSWORD", &password)];
    let log = run(&guide.next(&words), directory.path(), &server).succeed().output();
    assert!(log.contains("upload by rws"), "{log}");
}
