//! Updates that apt gives some machines first.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use serde_json::json;

use crate::contract::stage::{configured, expect_code, post_json};
use crate::support::apt::Apt;
use crate::support::curl::{self, Answer, Upload};
use crate::support::packages::deb::Deb;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{configuration_file, temporary_directory, write_file};

const TARGET: &str = "live/2.8/ubuntu/focal";

fn phase(server: &Server, packages: &[&str], percentage: u64) -> Answer {
    let body = json!({ "target": TARGET, "packages": packages, "percentage": percentage });
    post_json(server, "/-/phase?wait=60", &body)
}

/// A machine that has version 1.0 of all packages.
fn machine(server: &Server, apt: Apt, packages: &[&str]) -> Apt {
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
    write_file(&apt.path("key.asc"), key);
    let sources = format!(
        "Types: deb\nURIs: {}\nSuites: focal\nComponents: main\nSigned-By: {}\n",
        server.url("/live/2.8/ubuntu"),
        apt.path("key.asc").display()
    );
    write_file(&apt.path("etc/apt/sources.list.d/rws.sources"), sources);
    packages.iter().for_each(|name| apt.assume_installed(name, "1.0", "amd64"));
    apt
}

/// The packages that it would upgrade.
#[track_caller]
fn upgraded(apt: &Apt) -> Vec<String> {
    apt.update().expect_clean();
    // in a chroot apt gives all updates at once, if it is not told otherwise
    let never = "APT::Get::Never-Include-Phased-Updates=true";
    let ran = apt.get(&["-o", never, "--simulate", "upgrade"]).expect_clean();
    let output = ran.output();
    let mut names: Vec<String> =
        output.lines().filter_map(|line| Some(line.strip_prefix("Inst ")?.split(' ').next()?.to_owned())).collect();
    names.sort();
    names
}

fn field(server: &Server, package: &str) -> Option<String> {
    field_in(server, "focal", package)
}

fn field_in(server: &Server, codename: &str, package: &str) -> Option<String> {
    let path = format!("/live/2.8/ubuntu/dists/{codename}/main/binary-amd64/Packages.gz");
    let packed = curl::get(&server.url(&path));
    let mut text = String::new();
    let packed = packed.expect_status(200).body;
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(packed.as_slice()), &mut text).unwrap();
    let stanza = text.split("\n\n").find(|one| one.contains(&format!("Package: {package}\n"))).unwrap().to_owned();
    stanza.lines().find_map(|line| line.strip_prefix("Phased-Update-Percentage: ")).map(str::to_owned)
}

fn published(directory: &std::path::Path, server: &Server) -> Vec<std::path::PathBuf> {
    let files: Vec<_> = ["rws-a", "rws-b"].map(|name| Deb::new(name, "2.0", "amd64").build(directory)).to_vec();
    Upload::to(&format!("/{TARGET}?wait=60")).field("product", "any").files(&files).send(server).expect_created();
    files
}

#[test]
fn machines_get_updates_in_phases() {
    let directory = temporary_directory();
    let server = Server::start();
    published(directory.path(), &server);
    let apt = machine(&server, Apt::signed_by("", "", b""), &["rws-a", "rws-b"]);
    assert_eq!(upgraded(&apt), ["rws-a", "rws-b"]);
    let body = json!({ "target": TARGET, "packages": ["rws-a"], "percentage": 0, "dry_run": true });
    let plan = post_json(&server, "/-/phase", &body).expect_status(200).json();
    assert_eq!(plan["repositories"][TARGET]["replaced"][0]["name"], "rws-a", "{plan}");
    assert_eq!(field(&server, "rws-a"), None);
    phase(&server, &["rws-a=2.*"], 0).expect_status(201);
    assert_eq!(upgraded(&apt), ["rws-b"]);
    // once more: nothing changes
    phase(&server, &["rws-a=2.*"], 0).expect_status(201);
    assert_eq!(upgraded(&apt), ["rws-b"]);
    phase(&server, &["rws-a"], 100).expect_status(201);
    assert_eq!(upgraded(&apt), ["rws-a", "rws-b"]);
    assert_eq!(field(&server, "rws-a"), None);
    // from afar
    let password = server.credentials().password.clone();
    let rws = |arguments: &[&str]| {
        Program::new(env!("CARGO_BIN_EXE_rws"), directory.path())
            .env("RWS_USER", "rws")
            .env("RWS_PASSWORD", &password)
            .args(arguments)
            .run()
    };
    rws(&["phase", "--server", server.base_url(), "--percentage", "30", TARGET, "rws-*"]).expect_success();
    assert_eq!((field(&server, "rws-a").as_deref(), field(&server, "rws-b").as_deref()), (Some("30"), Some("30")));
    // what is wrong
    expect_code(&phase(&server, &["rws-c"], 10), 404, "no-package");
    expect_code(&phase(&server, &[], 10), 400, "packages");
    expect_code(&phase(&server, &["rws-a"], 101), 400, "percentage");
    expect_code(
        &post_json(&server, "/-/phase", &json!({ "target": "x", "packages": ["a"], "percentage": 1 })),
        400,
        "path",
    );
    let rpm = json!({ "target": "live/2.8/el/8", "packages": ["*"], "percentage": 1 });
    expect_code(&post_json(&server, "/-/phase", &rpm), 404, "no-package");
}

#[test]
fn phases_stay_until_they_are_changed() {
    let directory = temporary_directory();
    let mut server = configured(directory.path(), |_| {});
    let files = published(directory.path(), &server);
    let before = curl::get(&server.url(&format!("/-/repositories/{TARGET}/generations"))).json();
    let before = before["generations"][0]["generation"].as_str().unwrap().to_owned();
    phase(&server, &["rws-a"], 20).expect_status(201);
    assert_eq!(field(&server, "rws-a").as_deref(), Some("20"));
    // the same file once more, as a job sends it that is run again
    let again = Upload::to(&format!("/{TARGET}?wait=60")).field("product", "any").files(&files);
    again.send(&server).expect_created();
    assert_eq!((field(&server, "rws-a").as_deref(), field(&server, "rws-b")), (Some("20"), None));
    // a comparison with the store
    let synchronise = |server: &Server| {
        let answer = crate::contract::stage::call(server, "POST", &format!("/{TARGET}?wait=60"));
        assert!([200, 201].contains(&answer.status), "{}", answer.text());
    };
    synchronise(&server);
    assert_eq!(field(&server, "rws-a").as_deref(), Some("20"));
    // all packages are read again, since their entries are to be others
    configuration_file(directory.path(), |file| {
        file["repositories"] = json!([{ "match": "live", "translations": true, "contents": true }]);
    });
    server.restart();
    let suite = "/live/2.8/ubuntu/dists/focal/Release";
    server.wait_for_body(suite, |text| text.contains("Translation-en") && text.contains("Contents-amd64"));
    assert_eq!((field(&server, "rws-a").as_deref(), field(&server, "rws-b")), (Some("20"), None));
    // an earlier state has the packages of then; what was said of those since stays
    let rollback = json!({ "target": TARGET, "to": before });
    post_json(&server, "/-/rollback?wait=60", &rollback).expect_status(201);
    assert_eq!(field(&server, "rws-a").as_deref(), Some("20"));
    phase(&server, &["rws-a"], 40).expect_status(201);
    synchronise(&server);
    assert_eq!(field(&server, "rws-a").as_deref(), Some("40"));
    // it goes along where the package goes, and comes back with it
    let promotion = json!({ "from": TARGET, "to": ["live/2.8/ubuntu/noble"], "packages": ["rws-a"] });
    post_json(&server, "/-/promote?wait=60", &promotion).expect_status(201);
    assert_eq!(field_in(&server, "noble", "rws-a").as_deref(), Some("40"));
    let generations = curl::get(&server.url(&format!("/-/repositories/{TARGET}/generations"))).json();
    let state = generations["generations"][0]["generation"].as_str().unwrap();
    let removal = format!("/{TARGET}?name=rws-a&version=2.0&wait=60");
    let removed = crate::contract::stage::call(&server, "DELETE", &removal);
    assert!([200, 201].contains(&removed.status), "{}", removed.text());
    post_json(&server, "/-/rollback?wait=60", &json!({ "target": TARGET, "to": state })).expect_status(201);
    assert_eq!(field(&server, "rws-a").as_deref(), Some("40"));
    synchronise(&server);
    assert_eq!(field(&server, "rws-a").as_deref(), Some("40"));
    // a new build of it is a new update
    let other = Deb::new("rws-a", "2.0", "amd64").file("usr/share/other", b"other").build(directory.path());
    let upload = Upload::to(&format!("/{TARGET}?wait=60")).field("product", "any").file(&other);
    upload.send(&server).expect_created();
    assert_eq!(field(&server, "rws-a"), None);
}

#[test]
fn apt_of_sid_gets_updates_in_phases() {
    let directory = temporary_directory();
    let server = Server::start();
    published(directory.path(), &server);
    let apt = machine(&server, Apt::of_sid(), &["rws-a", "rws-b"]);
    phase(&server, &["rws-a"], 0).expect_status(201);
    assert_eq!(upgraded(&apt), ["rws-b"]);
    phase(&server, &["rws-a"], 100).expect_status(201);
    assert_eq!(upgraded(&apt), ["rws-a", "rws-b"]);
}
