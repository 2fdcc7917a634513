//! `contents`: which package has a file, asked with the real apt-file.

use super::stage::configuration;
use crate::support::apt::Apt;
use crate::support::curl::{self, Upload};
use crate::support::packages::deb::Deb;
use crate::support::server::{Credentials, Options, Server};
use crate::support::temporary_directory;

const TARGET: &str = "/live/1.10/debian/bookworm";
const RELEASE: &str = "/live/1.10/debian/dists/bookworm/Release";

#[test]
fn apt_file_finds_what_packages_install() {
    let place = temporary_directory();
    let start = |contents: bool, credentials: Option<Credentials>| {
        let environment = configuration(place.path(), |file| {
            file["repositories"] = serde_json::json!([{ "match": "live/1.10/debian/*", "contents": contents }]);
        });
        let data_dir = Some(place.path().join("data"));
        Server::start_with(Options { data_dir, environment, credentials, ..Options::default() })
    };
    let upload = |server: &Server, name: &str, architecture: &str| {
        let package = Deb::new(name, "1.0-1", architecture).build(place.path());
        let path = format!("{TARGET}?wait=30");
        Upload::to(&path).field("product", "product").file(&package).send(server).expect_created();
    };
    let mut server = start(false, None);
    upload(&server, "rws-before", "amd64");
    let release = curl::get(&server.url(RELEASE)).expect_status(200).text();
    assert!(!release.contains("Contents"), "{release}");
    let credentials = server.credentials().clone();
    assert!(server.terminate().success());

    // what was there before is read once
    let mut server = start(true, Some(credentials.clone()));
    server.wait_for_body(RELEASE, |release| release.contains(" main/Contents-amd64.gz\n"));
    upload(&server, "rws-one", "amd64");
    upload(&server, "rws-all", "all");
    upload(&server, "rws-arm", "arm64");
    let apt = client(&server);
    for (name, architecture) in
        [("before", "amd64"), ("one", "amd64"), ("all", "amd64"), ("all", "arm64"), ("arm", "arm64")]
    {
        let found = search(&apt, architecture, &format!("usr/share/doc/rws-{name}/"));
        assert!(found.iter().any(|line| line.starts_with(&format!("rws-{name}: /"))), "{name}: {found:?}");
        assert_eq!(found.len(), 1, "{found:?}");
    }
    let path = format!("{}/rws-one_1.0-1_amd64.deb?wait=30", server.url(TARGET));
    let delete = ["--request".to_owned(), "DELETE".to_owned()];
    curl::request(&path, Some(&credentials), &delete).expect_status(200);
    apt.update().expect_clean();
    assert_eq!(search(&apt, "amd64", "usr/share/doc/rws-one/"), Vec::<String>::new());
    assert_eq!(search(&apt, "amd64", "usr/share/doc/rws-before/").len(), 1);
    assert!(server.terminate().success());

    let server = start(false, Some(credentials));
    server.wait_for_body(RELEASE, |release| !release.contains("Contents"));
    client(&server);
}

/// A client that has updated its lists, those of apt-file too.
#[track_caller]
fn client(server: &Server) -> Apt {
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
    let apt = Apt::signed_by(&server.url("/live/1.10/debian"), "bookworm", &key);
    apt.use_apt_file();
    apt.update().expect_clean();
    apt
}

#[track_caller]
fn search(apt: &Apt, architecture: &str, pattern: &str) -> Vec<String> {
    apt.search_files(architecture, pattern).output().lines().map(str::to_owned).collect()
}
