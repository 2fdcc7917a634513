//! The suite of an apt repository, which is a path as its codename is.

use serde_json::{Value, json};

use crate::components::{ARCHIVE, TARGET, key, policy, send, server};
use crate::contract::stage::configured;
use crate::support::apt::Apt;
use crate::support::bucket::Bucket;
use crate::support::curl::{self, Upload};
use crate::support::packages::deb::Deb;
use crate::support::server::Server;
use crate::support::{configuration_file, expect_same_files, temporary_directory};
use std::path::PathBuf;

/// A client that names the suite.
fn client_of_suite(archive: &str, suite: &str, key: &[u8]) -> Apt {
    let apt = Apt::signed_by(archive, suite, key);
    apt.update().expect_clean();
    apt
}

#[test]
fn the_suite_is_a_path_as_the_codename_is() {
    let directory = temporary_directory();
    let entries = json!([
        { "match": "live/*/ubuntu/focal", "suite": "stable" },
        { "match": "release/*/ubuntu", "suite": "both" },
        { "match": "release/*/debian/bookworm", "suite": "bullseye" },
    ]);
    let server = configured(directory.path(), |configuration| configuration["repositories"] = entries);
    let deb = Deb::new("rws-free", "1.0-1", "amd64").build(directory.path());
    send(&server, "", std::slice::from_ref(&deb));
    let apt = client_of_suite(&server.url(ARCHIVE), "stable", &key(&server));
    expect_same_files(&apt.install(&["rws-free"]).expect_clean().files, std::slice::from_ref(&deb));
    // a client that holds the index of before goes on
    send(&server, "", &[Deb::new("rws-free", "2.0-1", "amd64").build(directory.path())]);
    let again = apt.update().expect_clean().output();
    assert!(again.contains("stable InRelease"), "{again}");
    assert!(policy(&apt, "rws-free").contains("2.0-1"));
    for name in ["InRelease", "Release.gpg", "main/binary-amd64/Packages.xz"] {
        let get =
            |suite: &str| curl::get(&server.url(&format!("{ARCHIVE}/dists/{suite}/{name}"))).expect_status(200).body;
        assert!(get("stable") == get("focal"), "{name}");
    }
    // earlier states, too
    let list = curl::get(&server.url(&format!("/-/repositories/{TARGET}/generations"))).expect_status(200).json();
    let generation = list["generations"][0]["generation"].as_str().unwrap();
    let past = server.url(&format!("/-/at/{generation}{ARCHIVE}/dists/stable/InRelease"));
    curl::get(&past).expect_status(200);
    // a suite of two repositories is none's, and that of a codename is the codename's
    let upload = |path: &str| Upload::to(path).field("product", "thing").file(&deb).send(&server).expect_created();
    upload("/release/2.8/ubuntu/focal?wait=60");
    upload("/release/2.8/debian/bookworm?wait=60");
    assert_eq!(curl::get(&server.url("/release/2.8/ubuntu/dists/both/InRelease")).status, 404);
    assert_eq!(curl::get(&server.url("/release/2.8/debian/dists/bullseye/InRelease")).status, 404);
}

/// A suite that is another one from now on does not stay as it was: clients would get no updates and no error.
#[test]
fn a_former_suite_is_taken_away() {
    let directory = temporary_directory();
    let mut server = server(directory.path(), json!({ "match": "*/*/ubuntu/focal", "suite": "stable" }));
    let send_to = |server: &Server, codename: &str, version: &str| {
        let deb = Deb::new("rws-a", version, "all").build(directory.path());
        let upload = Upload::to(&format!("/live/2.8/ubuntu/{codename}?wait=60")).field("product", "thing").file(&deb);
        upload.send(server).expect_created();
    };
    let change = |server: &mut Server, repositories: Value| {
        configuration_file(directory.path(), |file| file["repositories"] = repositories);
        server.restart_in_place();
    };
    let root =
        |server: &Server, suite: &str| curl::get(&server.url(&format!("{ARCHIVE}/dists/{suite}/InRelease"))).status;
    send_to(&server, "focal", "1");
    assert_eq!((root(&server, "stable"), root(&server, "focal")), (200, 200));
    change(&mut server, json!([{ "match": "*/*/ubuntu/focal", "suite": "oldstable" }]));
    send_to(&server, "focal", "2");
    assert_eq!((root(&server, "stable"), root(&server, "oldstable"), root(&server, "focal")), (404, 200, 200));
    // it goes to another codename: whose it is then stays
    let [focal, noble] = ["*/*/ubuntu/focal", "*/*/ubuntu/noble"];
    change(&mut server, json!([{ "match": focal, "suite": "older" }, { "match": noble, "suite": "oldstable" }]));
    send_to(&server, "noble", "3");
    send_to(&server, "focal", "3");
    let of = curl::get(&server.url(&format!("{ARCHIVE}/dists/oldstable/Release"))).expect_status(200).text();
    assert!(of.contains("\nCodename: noble\n"), "{of}");
    assert_eq!(root(&server, "older"), 200);
    // two that want it: nobody has it
    change(&mut server, json!([{ "match": "live", "suite": "oldstable" }]));
    send_to(&server, "noble", "4");
    send_to(&server, "focal", "4");
    assert_eq!((root(&server, "oldstable"), root(&server, "older")), (404, 404));
}

#[test]
fn the_suite_of_a_private_repository_is_private() {
    let directory = temporary_directory();
    let server =
        server(directory.path(), json!({ "match": "live/*/ubuntu/focal", "suite": "stable", "read": "users" }));
    send(&server, "", &[Deb::new("rws-free", "1.0-1", "amd64").build(directory.path())]);
    for suite in ["stable", "focal"] {
        let url = server.url(&format!("{ARCHIVE}/dists/{suite}/InRelease"));
        assert_eq!(curl::get(&url).status, 401, "{suite}");
        let answer = curl::request(&url, Some(server.credentials()), &[]).expect_status(200);
        assert!(answer.header("cache-control").is_some_and(|text| text.contains("private")), "{}", answer.transcript);
    }
}

#[test]
fn the_suite_is_a_path_in_the_bucket() {
    let directory = temporary_directory();
    let file = configuration_file(directory.path(), |configuration| {
        configuration["repositories"] = json!([{ "match": "live/*/ubuntu/focal", "suite": "stable" }]);
    });
    let bucket = Bucket::on_ceph().with("S3_PUBLIC_READ", "true").with("RWS_CFG", &file);
    let mut server = bucket.serve();
    let debs: Vec<PathBuf> =
        ["1.0-1", "2.0-1"].map(|version| Deb::new("rws-free", version, "amd64").build(directory.path())).to_vec();
    let key = {
        send(&server, "", &debs[..1]);
        key(&server)
    };
    let archive = bucket.url(ARCHIVE.trim_start_matches('/'));
    let apt = client_of_suite(&archive, "stable", &key);
    expect_same_files(&apt.install(&["rws-free"]).expect_clean().files, &debs[..1]);
    send(&server, "", &debs[1..]);
    assert!(server.terminate().success());
    // the names that hold digests are there, of both
    let by_hash = |suite: &str| {
        let start = format!("live/2.8/ubuntu/dists/{suite}/main/binary-amd64/by-hash/");
        let names = bucket.keys().into_iter().filter_map(|key| Some(key.strip_prefix(&start)?.to_owned()));
        names.collect::<Vec<_>>()
    };
    assert_eq!(by_hash("stable"), by_hash("focal"));
    assert!(by_hash("stable").len() >= 4, "{:?}", by_hash("stable"));
    let again = apt.update().expect_clean().output();
    assert!(!again.contains("Ign:"), "{again}");
    expect_same_files(&apt.install(&["rws-free"]).expect_clean().files, &debs);
}
