//! `apt changelog`.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::contract::stage::{configured, expect_code};
use crate::support::apt::Apt;
use crate::support::curl::{self, Upload};
use crate::support::packages::deb::Deb;
use crate::support::packages::real::real_deb;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::{configuration_file, read_file, temporary_directory};

const TARGET: &str = "live/2.8/ubuntu/focal";

fn packed(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

/// The same service with changelogs, at the address that it has already.
fn with_changelogs(server: &mut Server, directory: &Path, entry: Value) {
    let url = server.base_url().to_owned();
    configuration_file(directory, |file| {
        file["server"] = json!({ "public_url": url });
        file["repositories"] = json!([entry]);
    });
    server.restart_in_place();
    let path = "/live/2.8/ubuntu/dists/focal/Release";
    server.wait_for_body(path, |release| release.contains("\nChangelogs: "));
}

/// What apt gets of a package.
#[track_caller]
fn changelog(apt: &Apt, package: &str) -> Vec<u8> {
    let ran = apt.get(&["changelog", "--download-only", package]);
    let files: Vec<PathBuf> = crate::support::files_in(&apt.path(""))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "changelog"))
        .collect();
    let [file] = files.as_slice() else { panic!("{files:?}: {}", ran.ran.transcript()) };
    let text = read_file(file);
    std::fs::remove_file(file).unwrap();
    text
}

/// A service with a package of the same name as its source, one of another name, one for all architectures, and a real one.
struct Published {
    server: Server,
    directory: tempfile::TempDir,
    real: PathBuf,
}

fn published() -> Published {
    let directory = temporary_directory();
    let mut server = configured(directory.path(), |_| {});
    let doc = |name: &str, file: &str| format!("usr/share/doc/{name}/{file}");
    let real = real_deb("hello", "amd64").path;
    let files = [
        Deb::new("rws-lib1", "1:1.0-1+b2", "amd64")
            .field("Source", "rws-src (1:1.0-1)")
            .file(&doc("rws-lib1", "changelog.gz"), &packed("of upstream\n"))
            .file(&doc("rws-lib1", "changelog.Debian.gz"), &packed("rws-src (1:1.0-1)\n")),
        Deb::new("rws-native", "2.0", "all").file(&doc("rws-native", "changelog.gz"), &packed("rws-native (2.0)\n")),
        Deb::new("rws-native", "1.0", "all").file(&doc("rws-native", "changelog.gz"), &packed("rws-native (1.0)\n")),
        Deb::new("rws-plain", "1.0", "amd64").file(&doc("rws-plain", "changelog"), b"rws-plain (1.0)\n"),
        Deb::new("rws-none", "1.0", "amd64"),
    ];
    let mut files: Vec<PathBuf> = files.iter().map(|deb| deb.build(directory.path())).collect();
    files.push(real.clone());
    let upload = Upload::to(&format!("/{TARGET}?wait=60")).field("product", "any").files(&files);
    upload.send(&server).expect_created();
    with_changelogs(&mut server, directory.path(), json!({ "match": "live", "changelogs": true }));
    Published { server, directory, real }
}

fn client(server: &Server, apt: Apt) -> Apt {
    apt.update().expect_clean();
    _ = server;
    apt
}

#[test]
fn of_packages_that_were_there_before() {
    let Published { server, directory, real } = published();
    let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
    let apt = client(&server, Apt::signed_by(&server.url("/live/2.8/ubuntu"), "focal", &key));
    assert_eq!(String::from_utf8_lossy(&changelog(&apt, "rws-lib1")), "rws-src (1:1.0-1)\n");
    assert_eq!(String::from_utf8_lossy(&changelog(&apt, "rws-native")), "rws-native (2.0)\n");
    assert_eq!(String::from_utf8_lossy(&changelog(&apt, "rws-native=1.0")), "rws-native (1.0)\n");
    assert_eq!(String::from_utf8_lossy(&changelog(&apt, "rws-plain")), "rws-plain (1.0)\n");
    let unpacked = directory.path().join("unpacked");
    Program::new("dpkg-deb", directory.path()).arg("-x").arg(&real).arg(&unpacked).succeed();
    let packed = unpacked.join("usr/share/doc/hello/changelog.Debian.gz");
    let expected = Program::new("gzip", directory.path()).arg("-dc").arg(&packed).succeed();
    assert_eq!(String::from_utf8_lossy(&changelog(&apt, "hello")), expected.output());
    // one that has none
    let ran = apt.get(&["changelog", "--download-only", "rws-none"]);
    assert!(!ran.ran.succeeded(), "{}", ran.ran.transcript());
    // what is no changelog, of repositories that have none, too
    for path in [
        "live/2.8/ubuntu/focal/main/r/rws-none/rws-none_1.0_changelog",
        "live/2.8/ubuntu/focal/main/h/hello/hello_0_changelog",
    ] {
        let answer = curl::get(&server.url(&format!("/-/changelogs/{path}")));
        expect_code(&answer, 404, "no-changelog");
    }
    for path in [
        "live/2.8/ubuntu/focal/main/h/hello/other_0_changelog",
        "live/2.8/ubuntu/focal/x",
        "live/2.8/ubuntu/focal",
        "live/2.8/el/8/main/h/hello/hello_0_changelog",
        "release/2.8/ubuntu/focal/main/h/hello/hello_0_changelog",
    ] {
        assert_eq!(curl::get(&server.url(&format!("/-/changelogs/{path}"))).status, 404, "{path}");
    }
}

#[test]
fn of_private_repositories_for_their_readers() {
    let directory = temporary_directory();
    let mut server = configured(directory.path(), |_| {});
    let text = packed("rws-native (2.0)\n");
    let deb = Deb::new("rws-native", "2.0", "all").file("usr/share/doc/rws-native/changelog.gz", &text);
    let upload = Upload::to(&format!("/{TARGET}?wait=60")).field("product", "any").file(&deb.build(directory.path()));
    upload.send(&server).expect_created();
    with_changelogs(&mut server, directory.path(), json!({ "match": "live", "changelogs": true }));
    let url = server.base_url().to_owned();
    configuration_file(directory.path(), |file| {
        file["server"] = json!({ "public_url": url });
        file["repositories"] = json!([{ "match": "live", "changelogs": true, "read": "users" }]);
    });
    server.restart_in_place();
    let address = server.url(&format!("/-/changelogs/{TARGET}/main/r/rws-native/rws-native_2.0_changelog"));
    assert_eq!(curl::get(&address).status, 401);
    let answer = curl::request(&address, Some(server.credentials()), &[]).expect_status(200);
    assert_eq!(answer.text(), "rws-native (2.0)\n");
    assert!(answer.header("cache-control").is_some_and(|text| text.contains("private")), "{}", answer.transcript);
}
