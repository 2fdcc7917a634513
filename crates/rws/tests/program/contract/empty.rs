//! `create_empty`: repositories without packages.

use super::stage::configuration;
use crate::support::apt::Apt;
use crate::support::curl::{self, Upload};
use crate::support::dnf::Dnf;
use crate::support::packages::deb::Deb;
use crate::support::server::{Options, Server};
use crate::support::temporary_directory;
use crate::support::wait::{BOUND, until};

const TARGET: &str = "/live/1.10/debian/bookworm";
const ROOT: &str = "/live/1.10/debian/dists/bookworm/InRelease";

/// Both kinds of repository, read by their clients before the first package; what nothing is said of is not there.
#[test]
fn repositories_are_there_before_their_first_package() {
    let place = temporary_directory();
    let environment = configuration(place.path(), |file| {
        file["repositories"] = serde_json::json!([
            { "match": "live/1.10/*/*", "create_empty": true },
            { "match": "live/1.10/el/8", "create_empty": false },
        ]);
    });
    let start = |credentials| {
        let (environment, data_dir) = (environment.clone(), Some(place.path().join("data")));
        Server::start_with(Options { data_dir, environment, credentials, ..Options::default() })
    };
    let mut server = start(None);
    let root = until("an empty repository", BOUND, || {
        let answer = curl::get(&server.url(ROOT));
        (answer.status == 200).then(|| answer.text())
    });
    let index = "/live/1.10/el/7/aarch64/repodata/repomd.xml";
    until("an empty rpm repository", BOUND, || (curl::get(&server.url(index)).status == 200).then_some(()));
    client(&server).update().expect_clean();
    let sources = curl::get(&server.url("/-/setup/live/1.10/el/7.repo")).expect_status(200).text();
    Dnf::new(&sources, "7").makecache().expect_success();
    for absent in ["/live/1.10/el/8/x86_64/repodata/repomd.xml", "/live/2.8/debian/dists/bookworm/InRelease"] {
        curl::get(&server.url(absent)).expect_status(404);
    }
    assert!(server.terminate().success());

    let server = start(Some(server.credentials().clone()));
    assert_eq!(curl::get(&server.url(ROOT)).expect_status(200).text(), root, "a restart changes nothing");
    let package = Deb::new("hello", "1.0-1", "amd64").build(place.path());
    Upload::to(&format!("{TARGET}?wait=30")).field("product", "hello").file(&package).send(&server).expect_created();
    let apt = client(&server);
    apt.update().expect_clean();
    assert_eq!(apt.install(&["hello"]).expect_clean().file_names(), ["hello_1.0-1_amd64.deb"]);
}

#[track_caller]
fn client(server: &Server) -> Apt {
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
    Apt::signed_by(&server.url("/live/1.10/debian"), "bookworm", &key)
}
