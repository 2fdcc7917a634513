//! What the configuration says of an apt repository's Release: its fields, its digests, the forms of its indexes.

use super::index::sha256;
use super::stage::configuration;
use crate::support::apt::Apt;
use crate::support::curl::{self, Upload};
use crate::support::packages::deb::Deb;
use crate::support::program::Program;
use crate::support::server::{Credentials, Options, Server};
use crate::support::{temporary_directory, write_file};

const TARGET: &str = "/live/1.10/debian/bookworm";
const SUITE: &str = "/live/1.10/debian/dists/bookworm";

/// A change of the configuration makes Release and all files of the indexes anew, at the next start; apt follows.
#[test]
fn release_is_as_configured_and_apt_follows_a_change() {
    let place = temporary_directory();
    let start = |settings: serde_json::Value, credentials: Option<Credentials>| {
        let environment = configuration(place.path(), |file| file["repositories"] = serde_json::json!([settings]));
        let data_dir = Some(place.path().join("data"));
        Server::start_with(Options { data_dir, environment, credentials, ..Options::default() })
    };
    let mut server = start(serde_json::json!({ "match": "live" }), None);
    let package = Deb::new("hello", "1.0-1", "amd64").build(place.path());
    let path = format!("{TARGET}?wait=30");
    Upload::to(&path).field("product", "hello").file(&package).send(&server).expect_created();
    let release = curl::get(&server.url(&format!("{SUITE}/Release"))).expect_status(200).text();
    assert!(release.contains("\nSuite: bookworm\nCodename: bookworm\nDate: "), "{release}");
    assert!(!release.contains("MD5Sum:") && !release.contains("\nVersion: "), "{release}");
    let credentials = server.credentials().clone();
    assert!(server.terminate().success());

    let settings = serde_json::json!({
        "match": "live", "compression": ["zstd"], "digests": ["md5", "sha1", "sha512"], "version": "12.5"
    });
    let server = start(settings, Some(credentials));
    let release = server.wait_for_body(&format!("{SUITE}/Release"), |release| release.contains("MD5Sum:"));
    assert!(release.contains("\nSuite: bookworm\nCodename: bookworm\nVersion: 12.5\nDate: "), "{release}");
    let name = "main/binary-amd64/Packages.zst";
    let index = curl::get(&server.url(&format!("{SUITE}/{name}"))).expect_status(200).body;
    write_file(&place.path().join("Packages.zst"), &index);
    for (list, program) in [("MD5Sum", "md5sum"), ("SHA1", "sha1sum"), ("SHA512", "sha512sum")] {
        let stated = Program::new(program, place.path()).arg(place.path().join("Packages.zst")).succeed().output();
        let line = format!(" {} {:>8} {name}\n", stated.split_whitespace().next().unwrap(), index.len());
        let listed = release.split_once(&format!("{list}:\n")).unwrap().1;
        assert!(listed.contains(&line), "{list} has no {line:?}:\n{listed}");
    }
    assert!(release.contains(&format!(" {} {:>8} {name}\n", sha256(&index), index.len())), "{release}");
    assert!(!release.contains(".gz\n") && !release.contains(".xz\n"), "{release}");
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
    let apt = Apt::signed_by(&server.url("/live/1.10/debian"), "bookworm", &key);
    apt.update().expect_clean();
    assert_eq!(apt.install(&["hello"]).expect_clean().file_names(), ["hello_1.0-1_amd64.deb"]);
}
